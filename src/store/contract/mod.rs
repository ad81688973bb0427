//! What every store has to do, whatever it is made of: one suite, run over all of them.

mod arrivals;
mod consent;
mod decisions;
mod deliveries;
mod dirty;
mod erase;
mod histories;
mod merges;
mod rest;
pub(in crate::store) mod sample;
mod views;
mod watching;

use super::Store;
use super::memory::MemoryStore;
use super::sled::{OpenMode, SledStore};
use crate::domain::DeliveryKey;
use tempfile::TempDir;

/// A store with whatever it needs to live.
struct Subject {
    store: Box<dyn Store>,
    _folder: Option<TempDir>,
}

fn memory() -> Subject {
    Subject { store: Box::new(MemoryStore::new(DeliveryKey::new([7; 32]))), _folder: None }
}

fn sled() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    // Its journal lies beside it, and goes with the folder.
    let store = SledStore::open(&folder.path().join("store"), OpenMode::Create).unwrap();
    Subject { store: Box::new(store), _folder: Some(folder) }
}

macro_rules! over_all_stores {
    ($($topic:ident: $($test:ident)*;)*) => {
        over_all_stores!(@over memory: $($topic: $($test)*;)*);
        over_all_stores!(@over sled: $($topic: $($test)*;)*);
    };
    (@over $subject:ident: $($topic:ident: $($test:ident)*;)*) => {
        mod $subject {
            $($(
                #[tokio::test]
                async fn $test() {
                    let subject = super::$subject();
                    super::$topic::$test(&*subject.store).await;
                }
            )*)*
        }
    };
}

over_all_stores! {
    arrivals:
        numbers_are_given_in_the_order_of_arrival
        an_event_seen_before_is_a_duplicate
        without_a_message_id_the_event_itself_is_compared
        a_purchase_id_counts_once_and_the_earlier_one_counts
        an_event_of_the_future_counts_when_its_time_comes
        profile_rows_take_effect_in_the_order_of_their_times
        a_first_row_without_a_time_holds_since_always
        a_profile_that_is_sent_again_undoes_nothing
        zones_are_remembered_once_used
        many_arrivals_in_the_background_are_all_stored_in_order
        arrivals_at_once_are_all_stored;
    consent:
        what_a_file_repeats_undoes_no_withdrawal
        an_older_grant_that_arrives_late_undoes_no_withdrawal
        the_rows_tell_all_that_was_said
        of_two_who_are_one_the_objection_of_either_stands
        an_objection_is_kept_through_many_merges;
    erase:
        nothing_is_left_of_who_was_erased_and_all_of_the_others
        who_comes_back_has_withdrawn_what_they_withdrew
        an_occurrence_that_was_used_up_stays_so
        an_attempt_that_is_under_way_finds_nothing_to_record
        all_ids_of_one_who_was_merged_are_forgotten
        an_address_stays_suppressed_and_is_not_listed
        erasing_and_arriving_at_once_breaks_nothing;
    views:
        a_page_holds_numbers_above_and_up_to
        a_new_interest_sees_all_events
        rebuilt_totals_are_those_of_the_log
        a_window_longer_than_what_is_kept_is_whole
        a_backtest_knows_only_what_held_then
        a_reader_of_the_past_does_not_count_later_events
        events_come_newest_first;
    histories:
        a_history_tells_what_held_then_and_what_came_after
        a_history_of_the_present_tells_what_waits
        a_merged_customer_has_one_history
        histories_come_a_page_at_a_time_however_long_they_are;
    decisions:
        a_decision_is_stored_whole
        a_changed_customer_is_a_conflict
        an_enrollment_that_exists_is_a_duplicate_and_nothing_is_stored
        a_delivery_that_exists_is_a_duplicate
        a_tick_holds_its_deliveries_back_until_it_is_complete
        planning_is_remembered_and_ticks_take_in_new_members
        rule_states_are_replaced
        decisions_and_arrivals_at_once_lose_nothing;
    dirty:
        a_stored_arrival_makes_dirty_and_a_duplicate_does_not
        of_two_wakes_the_earlier_stands
        the_dirty_are_taken_in_the_order_of_their_wakes
        a_lease_on_a_customer_ends_with_its_time_or_given_back_or_with_a_decision
        a_decision_sets_the_wake
        a_mark_during_a_decision_is_not_lost
        a_mark_may_move_the_wake_of_one_under_a_lease
        a_rescan_marks_page_by_page_and_undoes_what_is_being_decided
        marks_and_decisions_at_once_lose_nothing_and_nobody_is_taken_twice;
    merges:
        an_id_that_nobody_has_becomes_another_of_one_customer
        two_customers_become_one
        a_purchase_that_both_know_counts_once_and_the_earlier_counts
        merging_again_or_back_or_along_a_chain_changes_nothing
        an_anonymous_id_joins_one_customer_only
        what_follows_a_merge_in_one_call_sees_it
        an_objection_to_marketing_is_not_lost
        a_first_row_since_always_is_the_first_of_both
        what_was_decided_on_either_record_is_a_conflict
        no_occurrence_of_either_comes_twice
        deliveries_go_on_for_the_one_who_is_left
        the_earlier_wake_stands_and_a_lease_on_the_other_ends
        a_merge_in_the_background_of_many_is_seen_by_all_behind_it
        merges_arrivals_and_decisions_at_once_lose_nothing;
    watching:
        what_is_marked_quiet_says_so_and_nothing_waits
        events_that_may_start_something_wait_in_order
        an_event_that_nobody_names_makes_dirty_whom_it_makes_known_and_nobody_else
        a_decision_replaces_the_watch_and_no_event_is_lost_by_it
        for_whom_a_rule_holds_is_read_in_the_order_of_numbers
        the_record_says_all_rules_that_hold
        who_was_merged_away_is_a_member_as_who_is_left
        an_enrollment_goes_on_until_it_ends
        an_enrollment_goes_on_after_a_merge_wherever_it_stands
        when_a_rule_sent_something_is_remembered_with_the_record
        two_who_are_merged_are_watched_as_one
        arrivals_and_looks_at_once_lose_no_event;
    deliveries:
        claims_take_what_is_due_in_order
        a_lease_keeps_others_away_until_it_ends
        released_and_expired_leases_are_claimed_again
        what_is_overdue_is_counted_by_lane_and_age
        lanes_do_not_hinder_each_other
        what_is_recorded_must_be_as_it_was_seen
        a_sent_delivery_is_never_claimed_again
        a_deferred_delivery_waits_for_its_new_time
        slots_are_freed_and_moved_with_the_record
        a_bad_address_is_suppressed_with_the_record
        all_changes_are_recorded_or_none
        interrupted_attempts_become_uncertain
        finished_deliveries_are_pruned_by_age
        lists_are_filtered_and_paged;
    rest:
        suppressions_ignore_case_and_blanks
        flags_are_set_and_cleared
        counts_follow_what_happens
        a_closed_store_says_so;
}
