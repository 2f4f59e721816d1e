//! The suites that every host must pass, as plain functions.
//!
//! A clause is one public function that panics when the clause does not hold. [`suite`] has clauses about
//! values, which know no host; `tests/clauses.rs` runs them on this machine and `tests/web/` in a browser
//! tab. [`kernel`] has clauses about a whole kernel on any [`world::Host`]; `tests/kernel/` runs each in
//! the simulation and natively, with handlers and with a real component, `tests/web/` runs the simulation
//! in the tab, and each clause on the tab's own host, in the same two ways. A digest that is pinned in one place is compared in all.
//!
//! To add a clause, write it in its module and list it below; a tidy test finds one that is not listed.
//! It also needs a fault that makes it fail, planted in `tests/plants/`.

pub mod invariants;
pub mod kernel;
mod seeds;
pub mod suite;
pub mod world;

pub use seeds::{alone, each_seed, for_seeds};

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
/// `on_some_host!(clause)` runs an async function over a [`world::Host`]; with `async on_some_host` the tests are
/// async functions, in which it may be awaited.
#[macro_export]
macro_rules! each_kernel_clause {
    (#[$test:meta] $run:ident) => {
        $crate::each_kernel_clause! { @listed (#[$test]) $run }
    };
    (#[$test:meta] async $run:ident) => {
        $crate::each_kernel_clause! { @listed (#[$test] async) $run }
    };
    (@listed $test:tt $run:ident) => {
        $crate::kernel_tests_of! { $test $run
            accounts: a_budget_outlives_the_kernel,
                wall_time_outlives_the_kernel,
                a_restart_is_no_new_budget,
                who_degrades_goes_on_with_what_draws_nothing,
                a_person_may_allow_more,
                what_a_person_is_asked_for_is_an_act,
                what_was_allowed_outlives_the_kernel, a_no_outlives_a_restart,
                a_start_that_fails_gives_nothing_back,
                what_is_used_is_counted_once,
                what_was_used_is_told_with_labels;
            agency: what_may_be_granted_can_be_given_and_taken_back, what_lost_its_source_is_gone,
                a_gift_ends_with_its_giver, what_a_manifest_gave_can_be_taken, what_rests_on_a_right_ends_with_it,
                a_gift_carries_the_labels_of_its_giver, a_child_holds_nothing_up_for_its_parent, a_gift_has_its_bounds,
                what_would_go_on_is_not_said_to_be_taken, connections_end_with_their_right,
                what_is_tied_is_untied_with_its_right, an_answer_is_labelled_by_the_tool_that_was_called, an_operator_spawns_in_a_running_application,
                what_was_taken_is_not_there_at_a_later_boot;
            applications: it_ends_when_it_is_quiet, what_has_failed_is_known,
                agents_start_in_order_and_stop_in_reverse,
                it_ends_with_the_agent_it_names, a_failed_agent_fails_the_application,
                a_service_that_was_never_registered_is_a_failure,
                a_suspended_agent_is_no_success, a_child_that_does_not_start_is_its_parents_affair,
                who_stops_an_application_is_told, it_runs_once_at_a_time, a_failure_is_noted_before_it_is_told,
                an_agent_may_have_the_name_of_its_application, a_start_waits_for_an_answer,
                nobody_waits_for_a_question_that_is_over,
                a_plan_that_cannot_be_followed_is_not_installed, an_agent_that_never_ran_is_not_waited_for,
                a_rule_is_its_applications_alone;
            authority: what_lacks_a_grant_is_denied_and_not_performed, no_environment_gives_a_right,
                a_child_gets_what_its_parent_may_give, to_use_is_not_to_give, applications_do_not_reach_each_other,
                an_application_gets_what_its_starter_may_give, a_process_needs_no_right_on_itself,
                a_number_to_come_leads_nowhere, a_rule_holds_an_agent_by_any_name, another_name_makes_nothing_new,
                what_a_child_gets_unsaid_is_ruled_too, a_declared_service_is_its_applications,
                no_application_has_dots_in_its_name, nobody_receives_what_is_anothers;
            budgets: acts_are_drawn_also_those_that_are_refused, an_account_is_drawn_by_all_below_it,
                messages_are_drawn, fuel_ends_one_component, wall_time_is_a_limit, a_limit_of_an_application_is_its_failure,
                memory_is_an_account_of_the_application, a_flood_of_refusals_is_suspended, slow_refusals_are_no_flood,
                limits_of_one_process_are_lower, children_together_get_what_their_parent_has,
                fuel_is_an_account_of_the_application,
        fuel_is_held_while_a_message_is_handled, a_limit_that_is_near_is_told_once,
                time_and_memory_that_are_near_are_told_once, fuel_of_a_message_that_is_near_is_told_once,
                fuel_of_what_was_cut_short_is_counted, limits_are_told_with_what_is_used_of_them;
            ends: the_end_of_a_callee_is_labelled, what_was_asked_under_a_label_comes_with_it,
                an_end_carries_the_labels_of_whoever_caused_it, a_service_that_is_missing_is_told_with_labels,
                what_an_instance_stops_tells_nothing, the_end_of_what_starts_is_labelled,
                timers_under_other_labels_are_others, labels_of_a_message_suspend_nobody,
                what_others_hold_suspends_nobody;
            evidence: no_text_is_too_long_for_the_log, what_an_application_failed_by_fits,
                a_refusal_after_permission_is_recorded, a_question_that_nobody_answered_is_recorded,
                what_was_over_a_budget_is_recorded, what_was_cancelled_is_never_performed, an_answer_is_for_one_act,
                a_kernel_that_has_stopped_answers, a_component_is_kept_as_its_hash_says,
                a_dead_letter_names_its_act,
                a_refusal_for_another_reason_is_another, what_cannot_be_read_is_a_refusal,
                what_a_device_cannot_do_is_no_refusal, a_refusal_tells_no_secret;
            floods: all_mailboxes_together_are_bounded, a_line_of_ancestors_ends, a_suspended_session_is_not_heard,
                whoever_is_suspended_receives_nothing,
                a_message_wakes_the_receive_that_it_fits, a_circle_through_any_call_is_found,
                a_read_that_was_given_up_loses_nothing, whoever_stops_is_not_done_with_refusals,
                connections_under_way_are_bounded, replies_are_no_flood_of_refusals, a_full_mailbox_suspends_nobody,
                a_flood_keeps_nobody_out,
                whoever_runs_keeps_its_place, a_message_waits_for_an_instance,
                what_waits_for_room_is_seen_dead;
            files: only_a_replacement_that_succeeded_sets_labels,
                writes_that_overlap_leave_both_labels, a_read_brings_the_labels_of_what_it_read,
                a_listing_brings_the_labels_of_names, comparing_a_file_brings_its_labels,
                a_comparison_that_fails_leaves_nothing_behind, labels_outlive_the_application,
                a_label_is_durable_before_its_file_is_written, a_file_whose_labels_cannot_be_read_stays_closed,
                what_is_not_at_hand_is_asked_for_again, an_error_brings_the_labels_of_what_it_tells_of,
                what_was_compared_or_removed_stays_labelled;
            inboxes: what_was_accepted_outlives_a_crash, a_restart_hands_again_what_was_not_handled,
                what_is_acknowledged_is_stored, a_durable_inbox_is_bounded, one_sender_leaves_room_in_a_durable_inbox,
                what_a_durable_inbox_misses_is_told_at_once, an_inbox_goes_with_its_agent, an_inbox_goes_with_its_application,
                an_inbox_that_cannot_be_read_stays_closed, what_was_not_handled_well_is_handed_again,
                what_always_fails_is_put_aside,
                a_crash_is_known_for_one, the_suspended_handle_what_came_meanwhile;
            labels: more_labels_than_a_set_may_hold_are_refused, a_node_that_cannot_be_read_stays_closed,
                an_error_reply_is_labelled_and_bounded, an_exit_is_labelled_as_the_process_was,
                a_timer_carries_the_labels_of_whoever_started_it, looking_at_a_process_brings_what_it_carries,
                a_spawn_above_the_childs_ceiling_is_refused, comparing_a_node_brings_its_labels,
                what_lies_above_a_ceiling_is_not_delivered, an_instance_of_one_message_leaves_its_process_clean;
            letters: what_could_not_be_delivered_is_kept, a_letter_keeps_its_labels,
                an_absence_of_a_letter_is_labelled, sending_again_is_an_act_of_whoever_does_it,
                a_letter_waits_for_no_answer, a_reply_that_came_too_late_is_a_letter, a_reply_that_came_too_late_is_bounded,
                late_replies_count_for_whoever_asked,
                what_a_subscriber_misses_is_no_letter, what_a_durable_inbox_accepted_of_a_topic_is_a_letter, no_absence_of_a_letter_drives_out_another,
                sending_again_hides_no_other_letter, a_letter_to_a_durable_inbox_is_stored, letters_are_bounded;
            links: a_failure_takes_the_linked_with_it, an_orderly_end_ends_nobody_else, whoever_traps_is_told,
                an_end_by_a_link_is_a_failure, an_end_by_a_link_is_labelled, a_long_chain_is_no_deep_stack,
                what_failed_by_a_link_is_noted_before_it_is_told;
            log: what_the_log_has_not_open_is_not_closed, numbers_that_were_used_are_not_used_again, an_outward_act_has_an_intent_and_an_outcome, an_observing_act_is_one_event,
                a_route_is_opened_once_and_counted, a_route_is_for_equal_acts_alone, equal_refusals_are_counted, nothing_leaves_before_it_is_stored,
                a_failed_commit_stops_everything, what_was_cut_short_is_unknown, what_was_answered_outlives_a_crash, a_start_verifies_the_end_of_a_long_log,
                what_could_not_be_done_opens_no_route, what_was_given_up_ends_as_its_device_says,
                what_no_device_answered_is_unknown, a_panic_stops_everything, the_same_scenario_gives_the_same_log;
            messages: messages_arrive_once_and_in_order, a_full_mailbox_is_full, a_receive_selects,
                a_topic_reaches_its_subscribers, a_service_has_one_owner, a_call_is_answered, a_call_times_out,
                a_circle_of_waits_is_refused, the_end_of_a_callee_is_an_answer;
            processes: kill_takes_the_subtree, what_is_killed_is_seen_dead,
                what_a_message_uses_is_seen_and_stays_counted, a_trap_ends_one_process, a_monitor_hears_of_the_end,
                to_stop_is_to_finish_first, numbers_are_never_reused, a_name_is_taken_while_its_process_lives,
                every_instance_draws_its_own_randomness;
            receipts: a_receipt_tells_of_an_act, what_does_not_hold_is_named,
                a_body_is_told_only_where_it_was_asked_for, a_body_that_is_too_long_to_be_kept_is_in_no_receipt,
                an_act_is_found_in_a_long_log;
            roles: a_role_says_whom_it_starts, a_role_says_how_many, whom_a_role_starts_has_its_ceilings,
                roles_only_narrow, ceilings_hold_all_the_way_down, an_application_is_started_as_a_supervisor_is;
            room: what_an_application_writes_has_a_rate, without_room_applications_do_nothing;
            signals: an_interrupt_cancels_what_is_waited_for, a_signal_is_heard_before_all_else, a_signal_is_labelled;
            signatures: every_batch_is_signed_where_acts_wait_for_it, a_boot_tells_what_was_not_signed,
                what_is_added_without_the_key_is_refused, a_start_without_a_signature_is_refused,
                acts_that_do_not_fit_are_found;
            stops: those_that_need_nobody_stop_together, a_kernel_that_stops_waits_for_nobody_for_ever, nobody_comes_again_below_what_stops, who_ends_by_itself_is_stopped_in_time,
                it_is_not_quiet_while_a_supervisor_stops, an_answer_that_comes_too_late_starts_nobody,
                the_start_of_an_application_deals_with_ends, a_start_that_stops_has_its_time,
                who_stays_away_ends_what_ends_with_it, what_is_over_before_it_has_started_is_over,
                why_nobody_was_spawned_is_labelled;
            supervision: an_agent_that_failed_is_started_again, what_ended_comes_again_as_its_manifest_says,
                nothing_starts_again_what_was_killed, the_others_come_again_with_it,
                more_restarts_than_allowed_are_a_failure, restarts_wait_longer_each_time,
                restarts_draw_from_the_account_of_the_application,
                what_should_run_outlives_the_kernel, what_is_no_longer_wanted_does_not_come_again,
                only_an_operator_starts_again_what_was_killed, who_is_killed_during_a_start_stays_dead,
                what_was_cut_short_is_told,
                a_kernel_that_fails_keeps_what_should_run, a_fresh_start_forgives_nothing;
            supervisors: agents_are_children_of_their_supervisor,
                a_supervisor_that_cannot_go_on_is_started_again, what_cannot_be_mended_goes_up,
                siblings_come_again_with_all_below_them, whoever_stops_is_given_its_time,
                nothing_starts_again_before_all_have_stopped, what_was_killed_below_a_supervisor_stays_dead,
                a_supervisor_can_be_stopped, a_durable_inbox_is_one_below_a_supervisor,
                budgets_below_a_supervisor_go_on, links_cross_supervisors, whoever_is_suspended_stops_at_once,
                a_kernel_that_stops_forgets_nothing, what_an_application_fails_by_outlives_a_crash;
            suspension: whoever_is_suspended_is_handed_nothing, what_the_suspended_wait_for_waits,
                who_may_resume, the_suspended_are_not_started_again, the_suspended_stay_so_at_a_later_boot, whoever_waits_to_be_resumed_is_not_done,
                what_does_not_run_is_not_suspended, the_state_of_a_process_is_labelled;
            timers: a_timer_fires_when_it_is_due, a_timer_draws_each_time, timers_of_the_suspended_stand_still;
            tools: a_call_of_a_tool_is_recorded_and_labelled, what_a_tool_declares_only_raises,
                a_cleared_tool_takes_the_label, what_does_not_fit_is_not_handed_on, a_tool_has_one_owner_and_goes_with_it,
                a_tool_is_called_after_its_intent_is_stored, calls_of_tools_are_drawn,
                what_a_tool_answers_suspends_nobody, a_denial_tells_of_a_tool_with_labels, a_no_tells_of_a_tool_with_labels,
                a_check_of_arguments_is_bounded, a_key_that_stands_twice_does_not_fit, an_end_in_place_of_an_answer_is_labelled_so;
            topics: a_pattern_reaches_what_lies_in_it, a_pattern_lies_within_a_right_as_a_whole,
                a_rule_is_about_every_pattern_that_its_topic_is_in, what_does_not_fit_is_told_of_in_its_place,
                what_is_retained_is_handed_to_who_comes_later, what_is_retained_goes_with_its_application, nobody_fills_a_mailbox_by_subscribing, a_subscription_ends,
                many_listeners_are_reached_bit_by_bit_and_in_order, what_is_still_handed_out_is_work;
            traces: labels_weigh_where_they_are_not_kept, an_application_carries_what_its_starter_and_its_plan_do,
                a_refusal_names_no_label_that_its_caller_lacks, a_version_and_an_absence_are_labelled,
                a_name_that_is_taken_brings_what_its_holder_carries, a_circle_brings_what_those_in_it_carry,
                a_stream_brings_what_it_was_written_under, a_stream_brings_what_it_was_read_under,
                what_was_compared_or_removed_tells_of_it, a_refusal_names_no_receiver;
            kept: what_is_installed_is_in_the_tree, a_start_that_goes_on_tells_the_root, another_plan_is_not_started, what_is_held_outlives_the_kernel,
                a_snapshot_is_held_against_who_took_it, nodes_are_listed;
            tree: compare_and_set_is_exact, the_tree_outlives_the_kernel, every_change_tells_the_root,
                a_changed_tree_does_not_boot, what_was_changed_is_not_built_upon, a_proof_is_whole_in_itself,
                who_watches_is_told, a_watch_ends_with_its_right, a_snapshot_is_the_tree_as_it_was, what_is_stored_has_a_limit;
            verdicts: a_score_over_the_threshold_is_denied_in_dev, a_cleared_place_takes_the_label,
                an_answer_is_for_one_act, silence_is_a_no, a_rule_only_tightens, rules_go_with_their_application,
                a_mount_for_reading_is_not_written, what_is_missing_is_named, a_yes_is_too_late_for_the_suspended,
                an_answer_is_for_what_is_so_by_then, an_escalated_act_keeps_its_own_deadline, a_yes_does_not_open_a_mount,
                what_waits_is_listed_and_answered_once,
                a_rule_that_cannot_be_evaluated_is_not_loaded;
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
    (@one (#[$test:meta] async) $run:ident $suite:ident $clause:ident) => {
        #[$test]
        async fn $clause() {
            $run!($crate::kernel::$suite::$clause);
        }
    };
}
