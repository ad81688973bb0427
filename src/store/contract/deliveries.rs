use super::sample::{DAY, begin, change, customer, day, id, mail, queue, webhook};
use crate::domain::{Class, Delivery, DeliveryId, Lane, Reason, Span, State, Suppression, Time};
use crate::store::{DeliveryFilter, LaneStatus, SlotChange, Store, StoreError, Urgency};

const MAIL: Lane = Lane::Mail(Class::Marketing);

async fn claimed(store: &dyn Store, now: Time, limit: usize) -> Vec<DeliveryId> {
    store.claim(&MAIL, now, limit, DAY).await.unwrap().iter().map(|delivery| delivery.id).collect()
}

pub(super) async fn claims_take_what_is_due_in_order(store: &dyn Store) {
    queue(store, "c", |to| vec![mail(1, to, 5), mail(2, to, 3), mail(3, to, 4), mail(4, to, 3)]).await;
    assert_eq!(claimed(store, day(2), 9).await, []);
    assert_eq!(store.lanes().await.unwrap(), [LaneStatus { lane: MAIL, next_due: day(3) }]);
    assert_eq!(claimed(store, day(4), 2).await, [id(2), id(4)]);
    assert_eq!(claimed(store, day(4), 2).await, [id(3)]);
    assert_eq!(claimed(store, day(9), 9).await, [id(2), id(4), id(3), id(1)], "the leases were for a day");
}

pub(super) async fn a_lease_keeps_others_away_until_it_ends(store: &dyn Store) {
    let queued = queue(store, "c", |to| vec![mail(1, to, 2), mail(2, to, 2)]).await;
    assert_eq!(claimed(store, day(2), 1).await, [id(1)]);
    assert_eq!(claimed(store, day(2), 9).await, [id(2)]);
    assert_eq!(claimed(store, day(2), 9).await, []);
    assert_eq!(store.lanes().await.unwrap(), [LaneStatus { lane: MAIL, next_due: day(3) }]);
    let sending = begin(store, &queued[0], day(2)).await;
    assert_eq!(sending.attempts, 1);
    store.record(vec![change(&sending, State::Queued)], Urgency::Interactive).await.unwrap();
    assert_eq!(claimed(store, day(2), 9).await, [id(1)], "recording ended the lease");
}

pub(super) async fn released_and_expired_leases_are_claimed_again(store: &dyn Store) {
    queue(store, "c", |to| vec![mail(1, to, 2), mail(2, to, 2)]).await;
    assert_eq!(claimed(store, day(2), 9).await, [id(1), id(2)]);
    store.release(&[id(2), id(9)]).await;
    assert_eq!(claimed(store, day(2), 9).await, [id(2)]);
    assert_eq!(claimed(store, day(2).plus(Span(DAY.0 - 1)), 9).await, []);
    assert_eq!(claimed(store, day(3), 9).await, [id(1), id(2)]);
}

pub(super) async fn what_is_overdue_is_counted_by_lane_and_age(store: &dyn Store) {
    queue(store, "c", |to| {
        let mails = [1, 2, 3, 4, 9].into_iter().zip(1_u8..).map(|(n, number)| mail(number, to, n));
        mails.chain([webhook(6, to, 4, "crm")]).collect()
    })
    .await;
    let crm = Lane::Endpoint("crm".into());
    let counts = async |ages: &[Span], limit| {
        let found = store.overdue(day(4), ages, limit).await.unwrap();
        found.into_iter().map(|found| (found.lane, found.counts)).collect::<Vec<_>>()
    };
    let ages = [Span::hours(1), DAY, Span::days(2)];
    assert_eq!(counts(&ages, 99).await, [(MAIL, vec![1, 1, 1, 1]), (crm.clone(), vec![1, 0, 0, 0])]);
    assert_eq!(counts(&[], 99).await, [(MAIL, vec![4]), (crm.clone(), vec![1])]);
    assert_eq!(counts(&ages, 2).await, [(MAIL, vec![0, 0, 1, 1]), (crm.clone(), vec![1, 0, 0, 0])], "the oldest");
    assert_eq!(claimed(store, day(4), 9).await.len(), 4);
    assert_eq!(counts(&[], 99).await, [(MAIL, vec![4]), (crm.clone(), vec![1])], "claimed ones wait yet");
    assert_eq!(store.overdue(day(0), &ages, 99).await.unwrap(), []);
}

pub(super) async fn lanes_do_not_hinder_each_other(store: &dyn Store) {
    queue(store, "c", |to| {
        let service = Delivery { class: Class::Service, ..mail(4, to, 2) };
        vec![mail(1, to, 2), webhook(2, to, 3, "crm"), webhook(3, to, 1, "crm2"), service]
    })
    .await;
    let lane = |name: &str| Lane::Endpoint(name.into());
    let lanes = store.lanes().await.unwrap().into_iter().map(|it| (it.lane, it.next_due)).collect::<Vec<_>>();
    let expected = [(MAIL, 2), (Lane::Mail(Class::Service), 2), (lane("crm"), 3), (lane("crm2"), 1)];
    assert_eq!(lanes, expected.map(|(lane, n)| (lane, day(n))));
    let taken = store.claim(&lane("crm"), day(9), 9, DAY).await.unwrap();
    assert_eq!(taken.iter().map(|it| it.id).collect::<Vec<_>>(), [id(2)]);
    assert_eq!(claimed(store, day(9), 9).await, [id(1)]);
    assert_eq!(store.claim(&lane("cr"), day(9), 9, DAY).await.unwrap(), []);
}

pub(super) async fn what_is_recorded_must_be_as_it_was_seen(store: &dyn Store) {
    let queued = queue(store, "c", |to| vec![mail(1, to, 2)]).await.remove(0);
    let conflict =
        async |change| matches!(store.record(vec![change], Urgency::Interactive).await, Err(StoreError::Conflict));
    assert!(conflict(change(&queued, State::Sent)).await, "it was not being sent");
    let sending = begin(store, &queued, day(2)).await;
    assert!(conflict(change(&queued, State::Sending)).await, "it is being sent already");
    assert!(conflict(change(&Delivery { attempts: 7, ..sending.clone() }, State::Sent)).await);
    assert!(conflict(change(&Delivery { id: id(9), ..sending.clone() }, State::Sent)).await, "there is no such");
    assert_eq!(store.delivery(id(1)).await.unwrap(), Some(sending));
}

pub(super) async fn a_sent_delivery_is_never_claimed_again(store: &dyn Store) {
    let queued = queue(store, "c", |to| vec![mail(1, to, 2)]).await.remove(0);
    let sending = begin(store, &queued, day(2)).await;
    assert_eq!(claimed(store, day(9), 9).await, []);
    let mut sent = change(&sending, State::Sent);
    sent.delivery.sent_at = Some(day(2));
    store.record(vec![sent.clone()], Urgency::Interactive).await.unwrap();
    assert_eq!(claimed(store, day(99), 9).await, []);
    assert_eq!(store.lanes().await.unwrap(), []);
    assert!(matches!(store.record(vec![sent], Urgency::Interactive).await, Err(StoreError::Conflict)));
}

pub(super) async fn a_deferred_delivery_waits_for_its_new_time(store: &dyn Store) {
    let queued = queue(store, "c", |to| vec![mail(1, to, 2), mail(2, to, 3)]).await.remove(0);
    let mut deferred = change(&queued, State::Deferred);
    deferred.delivery.due_at = day(5);
    deferred.delivery.reason = Some(Reason::QuietHours);
    store.record(vec![deferred], Urgency::Background).await.unwrap();
    assert_eq!(claimed(store, day(4), 9).await, [id(2)]);
    assert_eq!(claimed(store, day(5), 9).await, [id(2), id(1)]);
}

pub(super) async fn slots_are_freed_and_moved_with_the_record(store: &dyn Store) {
    let queued = queue(store, "c", |to| vec![mail(1, to, 2), mail(2, to, 3)]).await;
    let before = customer(store, "c", 1).await;
    let mut moved = change(&queued[0], State::Deferred);
    moved.slot = SlotChange::Move(day(9));
    let mut freed = change(&queued[1], State::Suppressed);
    freed.slot = SlotChange::Free;
    store.record(vec![moved, freed], Urgency::Interactive).await.unwrap();
    let after = customer(store, "c", 1).await;
    let slots: Vec<_> = after.customer.slots.iter().map(|slot| (slot.delivery, slot.at)).collect();
    assert_eq!(slots, [(id(1), day(9))]);
    assert!(after.version > before.version);
}

pub(super) async fn a_bad_address_is_suppressed_with_the_record(store: &dyn Store) {
    let queued = queue(store, "c", |to| vec![mail(1, to, 2)]).await.remove(0);
    let sending = begin(store, &queued, day(2)).await;
    let bad = Suppression { address: " A@B.example".into(), reason: "550 5.1.1".into(), at: day(2) };
    let mut failed = change(&sending, State::Failed);
    failed.suppress = Some(bad.clone());
    store.record(vec![failed], Urgency::Interactive).await.unwrap();
    let found = store.suppression("a@b.example").await.unwrap();
    assert_eq!(found, Some(Suppression { address: "a@b.example".into(), ..bad }));
}

pub(super) async fn all_changes_are_recorded_or_none(store: &dyn Store) {
    let queued = queue(store, "c", |to| vec![mail(1, to, 2), mail(2, to, 2)]).await;
    let wrong = change(&Delivery { attempts: 3, ..queued[1].clone() }, State::Cancelled);
    let both = vec![change(&queued[0], State::Cancelled), wrong];
    assert!(matches!(store.record(both, Urgency::Interactive).await, Err(StoreError::Conflict)));
    assert_eq!(claimed(store, day(2), 9).await, [id(1), id(2)]);
    let twice = vec![
        change(&queued[0], State::Held),
        change(&Delivery { state: State::Held, ..queued[0].clone() }, State::Queued),
    ];
    store.record(twice, Urgency::Interactive).await.unwrap();
    assert_eq!(store.delivery(id(1)).await.unwrap().unwrap().state, State::Queued);
}

pub(super) async fn interrupted_attempts_become_uncertain(store: &dyn Store) {
    let queued = queue(store, "c", |to| (1..=100).map(|n| mail(n, to, 2)).collect()).await;
    for delivery in &queued[..70] {
        begin(store, delivery, day(2)).await;
    }
    assert_eq!(store.recover(day(4)).await.unwrap(), 70);
    assert_eq!(store.recover(day(4)).await.unwrap(), 0);
    let found = store.delivery(id(70)).await.unwrap().unwrap();
    assert_eq!((found.state, found.uncertain, found.due_at, found.attempts), (State::Uncertain, 1, day(4), 1));
    assert_eq!(claimed(store, day(3), 200).await.len(), 30);
    assert_eq!(claimed(store, day(4), 200).await.len(), 100, "the leases of the day before are over");
}

pub(super) async fn finished_deliveries_are_pruned_by_age(store: &dyn Store) {
    let queued = queue(store, "c", |to| (1..=90).map(|n| mail(n, to, i64::from(n))).collect()).await;
    for delivery in &queued[..80] {
        store.record(vec![change(delivery, State::Cancelled)], Urgency::Interactive).await.unwrap();
    }
    // One comes back, so it is not finished any more.
    let cancelled = store.delivery(id(1)).await.unwrap().unwrap();
    store.record(vec![change(&cancelled, State::Queued)], Urgency::Interactive).await.unwrap();
    assert_eq!(store.prune(day(75), 4).await.unwrap(), 4);
    assert_eq!(store.prune(day(75), 1000).await.unwrap(), 69);
    assert_eq!(store.prune(day(75), 1000).await.unwrap(), 0);
    let left = store.deliveries(&DeliveryFilter::default(), None, 1000).await.unwrap();
    assert_eq!(
        left.iter().map(|it| it.id).collect::<Vec<_>>(),
        std::iter::once(1).chain(75..=90).map(id).collect::<Vec<_>>()
    );
    assert_eq!(store.enrollments(queued[0].customer, 9).await.unwrap().len(), 1, "that it was is not forgotten");
}

pub(super) async fn lists_are_filtered_and_paged(store: &dyn Store) {
    queue(store, "c", |to| vec![mail(1, to, 2), Delivery { rule: "other".into(), ..mail(3, to, 2) }]).await;
    let held = Delivery {
        state: State::Held,
        reason: Some(Reason::RenderError),
        ..queue(store, "d", |to| vec![mail(5, to, 2)]).await.remove(0)
    };
    store
        .record(
            vec![change(&Delivery { state: State::Queued, ..held.clone() }, State::Held)]
                .into_iter()
                .map(|mut it| {
                    it.delivery = held.clone();
                    it
                })
                .collect(),
            Urgency::Interactive,
        )
        .await
        .unwrap();
    let list = async |filter: DeliveryFilter, after, limit| {
        let found = store.deliveries(&filter, after, limit).await.unwrap();
        found.iter().map(|it| it.id).collect::<Vec<_>>()
    };
    let all = DeliveryFilter::default();
    assert_eq!(list(all.clone(), None, 2).await, [id(1), id(3)]);
    assert_eq!(list(all.clone(), Some(id(3)), 2).await, [id(5)]);
    assert_eq!(list(DeliveryFilter { state: Some(State::Held), ..all.clone() }, None, 9).await, [id(5)]);
    assert_eq!(list(DeliveryFilter { rule: Some("other".into()), ..all.clone() }, None, 9).await, [id(3)]);
    assert_eq!(list(DeliveryFilter { customer: Some("c".into()), ..all.clone() }, None, 9).await, [id(1), id(3)]);
    assert_eq!(list(DeliveryFilter { reason: Some(Reason::RenderError), ..all }, None, 9).await, [id(5)]);
}
