//! What happens when the kernel panics. WebAssembly does not unwind here: the call that panicked ends in a trap, and
//! whatever it was changing is as it was in the middle of it. So after a panic nothing of the kernel runs any more:
//! no task is polled and no call is answered but with the error `crashed`. What was committed is intact and is
//! verified by the next kernel.

use std::cell::{Cell, RefCell};
use std::panic::PanicHookInfo;

thread_local! {
    /// What the first panic said.
    static CRASHED: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Whom to tell.
    static TELL: RefCell<Option<Tell>> = const { RefCell::new(None) };
    static INSTALLED: Cell<bool> = const { Cell::new(false) };
}

type Tell = Box<dyn Fn(&str)>;

/// Tells `tell` of the panic that ends this kernel, should there be one.
pub(crate) fn on_crash(tell: impl Fn(&str) + 'static) {
    TELL.replace(Some(Box::new(tell)));
    if !INSTALLED.replace(true) {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            note(info);
            before(info);
        }));
    }
}

/// What the panic said, if there was one. Whatever lets JavaScript into the kernel asks this first.
pub(crate) fn crashed() -> Option<String> {
    CRASHED.with_borrow(Clone::clone)
}

/// Whether there was a panic.
pub(crate) fn is_crashed() -> bool {
    CRASHED.with_borrow(Option::is_some)
}

/// Forgets a panic that a test made, so that the next test has a kernel.
#[cfg(test)]
pub(crate) fn forget() {
    CRASHED.take();
}

fn note(info: &PanicHookInfo<'_>) {
    let text = info.payload_as_str().unwrap_or("no message");
    let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
    let message = format!("{text}{place}");
    // A second panic is told by nobody: what it would say is a consequence of the first.
    let first = CRASHED.try_with(|crashed| match crashed.try_borrow_mut() {
        Ok(mut crashed) if crashed.is_none() => crashed.insert(message.clone()).clone().into(),
        _ => None::<String>,
    });
    if let Ok(Some(message)) = first {
        let _ = TELL.try_with(|tell| tell.try_borrow().map(|tell| tell.as_ref().map(|tell| tell(&message))).ok());
    }
}
