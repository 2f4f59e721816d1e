//! Counts the steps of the searches that hostile text could make go over the same bytes again and again. Only tests count:
//! they bound the work in steps, not in time.

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Some more bytes are looked at.
#[cfg(test)]
pub(crate) fn add(bytes: usize) {
    STEPS.set(STEPS.get() + bytes);
}

/// Some more bytes are looked at.
#[cfg(not(test))]
#[inline(always)]
pub(crate) fn add(_: usize) {}

/// How many were, since the last call.
#[cfg(test)]
pub(crate) fn take() -> usize {
    STEPS.take()
}
