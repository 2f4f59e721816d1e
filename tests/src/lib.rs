//! The suites that every host must pass, as plain functions.
//!
//! A suite is a module of [`suite`]; a clause is one public function in it that panics when the clause
//! does not hold. Clauses know no host: `tests/clauses.rs` runs each natively and `tests/web.rs` runs
//! each in a browser tab, both through [`each_clause!`], so a clause that is listed there runs on
//! both, and a digest that is pinned in one is compared on both.
//!
//! To add a clause, write it in its suite and list it in [`each_clause!`]; a tidy test finds one that
//! is not listed. To add a suite, add a module with clauses and a line with its name.

pub mod suite;

/// Makes one test of every clause, each with the attribute that is given: `each_clause!(#[test]);`.
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
