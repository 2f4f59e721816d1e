//! The suites that every host must pass, as plain functions.
//!
//! A clause is one public function that panics when the clause does not hold. [`suite`] has clauses about
//! values, which know no host; `tests/clauses.rs` runs them on this machine and `tests/web.rs` in a browser
//! tab. [`kernel`] has clauses about a whole kernel on any [`world::Host`]; `tests/kernel.rs` runs each in
//! the simulation and natively, with handlers and with a real component, `tests/web.rs` runs the simulation
//! in the tab. A digest that is pinned in one place is compared in all.
//!
//! To add a clause, write it in its module and list it below; a tidy test finds one that is not listed.
//! A clause about the kernel also needs a fault that makes it fail, planted in `tests/plants/`.

pub mod kernel;
pub mod suite;
pub mod world;

/// Makes one test of every clause about values, each with the attribute that is given:
/// `each_clause!(#[test]);`.
#[macro_export]
macro_rules! each_clause {
    (#[$test:meta]) => {
        $crate::tests_of! { (#[$test])
            identity: printed_as_numbers, the_kernel_is_zero;
            labels: names_are_checked, join_is_the_least_upper_bound, order_and_repetition_do_not_matter,
                minus_leaves_what_the_other_lacks, the_limit_is_kept, json_round_trips;
            paths: one_spelling_each, nothing_is_repaired, inclusion_is_by_meaning;
            refusals: codes_print_as_they_serialise;
            time: saturates_at_both_ends;
            wire: words_encode_to_pinned_bytes, other_forms_are_refused;
        }
    };
}

/// Makes one test of every clause about a kernel: `each_kernel_clause!(#[test] on_some_host);` where
/// `on_some_host!(clause)` runs an async function over a [`world::Host`].
#[macro_export]
macro_rules! each_kernel_clause {
    (#[$test:meta] $run:ident) => {
        $crate::kernel_tests_of! { (#[$test]) $run
            authority: what_lacks_a_grant_is_denied_and_not_performed;
        }
    };
}

/// The expansion of [`each_clause!`]; not for use by itself.
#[doc(hidden)]
#[macro_export]
macro_rules! tests_of {
    ($test:tt $($suite:ident: $($clause:ident),+ $(,)?;)+) => {
        $(mod $suite { $($crate::tests_of! { @one $test $suite $clause })+ })+
    };
    (@one (#[$test:meta]) $suite:ident $clause:ident) => {
        #[$test]
        fn $clause() {
            $crate::suite::$suite::$clause();
        }
    };
}

/// The expansion of [`each_kernel_clause!`]; not for use by itself.
#[doc(hidden)]
#[macro_export]
macro_rules! kernel_tests_of {
    ($test:tt $run:ident $($suite:ident: $($clause:ident),+ $(,)?;)+) => {
        $(mod $suite { $($crate::kernel_tests_of! { @one $test $run $suite $clause })+ })+
    };
    (@one (#[$test:meta]) $run:ident $suite:ident $clause:ident) => {
        #[$test]
        fn $clause() {
            $run!($crate::kernel::$suite::$clause);
        }
    };
}
