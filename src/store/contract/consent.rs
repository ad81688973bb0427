//! What stands of consent, and what was told of it.

use super::sample::{backtest, customer, dated, day, ingest, merge, profile, row};
use crate::domain::{ConsentEffect, IMPORT, ProfileRow, Proof, consent_log};
use crate::store::Store;

fn says(received: i64, granted: bool, source: &str) -> ProfileRow {
    ProfileRow { consent: [("marketing".into(), granted)].into(), source: source.into(), ..row(received, &[]) }
}

async fn stands(store: &dyn Store, id: &str) -> (bool, i64) {
    let consent = customer(store, id, 90).await.customer.consent["marketing"].clone();
    (consent.granted, consent.at.since(day(0)).0 / 86_400_000)
}

pub(super) async fn what_a_file_repeats_undoes_no_withdrawal(store: &dyn Store) {
    ingest(store, vec![profile("a", says(1, true, IMPORT))]).await;
    assert_eq!(stands(store, "a").await, (true, 1), "nothing was said before");
    ingest(store, vec![profile("a", says(5, false, "identify"))]).await;
    for n in [6, 7] {
        ingest(store, vec![profile("a", says(n, true, IMPORT)), dated("a", n, says(n, true, IMPORT))]).await;
        assert_eq!(stands(store, "a").await, (false, 5));
    }
    let given = |at, received| ProfileRow {
        proof: Some(Proof { at: Some(day(at)), ..Proof::default() }),
        ..says(received, true, IMPORT)
    };
    ingest(store, vec![profile("a", given(4, 8))]).await;
    assert_eq!(stands(store, "a").await, (false, 5), "it was given before it was withdrawn");
    ingest(store, vec![profile("a", given(7, 8))]).await;
    assert_eq!(stands(store, "a").await, (true, 7), "somebody gave it, and it is known when");
    ingest(store, vec![profile("a", says(9, false, IMPORT)), profile("a", says(10, true, "identify"))]).await;
    assert_eq!(stands(store, "a").await, (true, 10));
}

pub(super) async fn an_older_grant_that_arrives_late_undoes_no_withdrawal(store: &dyn Store) {
    ingest(store, vec![dated("a", 5, says(5, false, "identify")), dated("a", 4, says(9, true, "identify"))]).await;
    assert_eq!(stands(store, "a").await, (false, 5));
    // And a withdrawal that arrives late does not undo what was given after it.
    ingest(store, vec![dated("b", 5, says(5, true, "identify")), dated("b", 4, says(9, false, "identify"))]).await;
    assert_eq!(stands(store, "b").await, (true, 5));
    ingest(store, vec![dated("b", 6, says(9, false, "identify")), dated("b", 6, says(9, true, "identify"))]).await;
    assert_eq!(stands(store, "b").await, (false, 6), "of one instant the no stands");
    let then = store.customer("b", &backtest(5)).await.unwrap().unwrap().customer;
    assert!(then.consents_to("marketing"));
}

pub(super) async fn the_rows_tell_all_that_was_said(store: &dyn Store) {
    let proof = Proof {
        at: None,
        wording: Some("2026-03".into()),
        caller: Some("198.51.100.7".into()),
        file: Some("all.csv".into()),
    };
    let proven = ProfileRow { proof: Some(proof.clone()), ..says(2, true, "identify") };
    let told = [says(1, false, "identify"), proven, says(3, true, IMPORT), row(4, &[("plan", "pro")])];
    ingest(store, told.map(|row| profile("a", row)).into()).await;
    let number = customer(store, "a", 9).await.number;
    let log = consent_log(&store.profile_rows(number).await.unwrap());
    assert_eq!(log.len(), 3);
    assert_eq!((&log[1].proof, log[1].at, log[1].effect), (&proof, day(2), ConsentEffect::Changed));
    assert_eq!((log[2].effect, log[2].received_at), (ConsentEffect::Repeated, day(3)));
}

pub(super) async fn of_two_who_are_one_the_objection_of_either_stands(store: &dyn Store) {
    // Whichever of them objected, whoever is left, and however much later the other agreed.
    for n in 0..4 {
        let (yes, no) = (format!("yes{n}"), format!("no{n}"));
        let (yes_at, no_at) = if n % 2 == 0 { (7, 5) } else { (5, 7) };
        let told = vec![dated(&yes, yes_at, says(8, true, "identify")), dated(&no, no_at, says(8, false, "identify"))];
        ingest(store, told).await;
        ingest(store, vec![if n < 2 { merge(&yes, &no, 9) } else { merge(&no, &yes, 9) }]).await;
        assert_eq!(stands(store, &yes).await, (false, 7), "{n}");
        let number = customer(store, &yes, 9).await.number;
        let log = consent_log(&store.profile_rows(number).await.unwrap());
        let of_merge = log.iter().filter(|entry| entry.source.as_str() == "merge").count();
        assert_eq!(of_merge, usize::from(n % 2 == 0), "it is told anew only where it would be lost");
        ingest(store, vec![dated(&yes, 7, says(10, true, "identify"))]).await;
        assert_eq!(stands(store, &no).await, (false, 7));
        ingest(store, vec![dated(&yes, 8, says(10, true, "identify"))]).await;
        assert_eq!(stands(store, &no).await, (true, 8), "what was given since then counts");
    }
}

pub(super) async fn an_objection_is_kept_through_many_merges(store: &dyn Store) {
    ingest(store, vec![dated("a", 1, says(9, false, "identify"))]).await;
    for (n, id) in ["b", "c", "d"].into_iter().enumerate() {
        let at = 2 + i64::try_from(n).unwrap();
        ingest(store, vec![dated(id, at, says(9, true, "identify")), merge("a", id, 10)]).await;
        assert_eq!(stands(store, "a").await, (false, at));
        // From here on "a" means whoever is left; a merge that says so again changes nothing.
        ingest(store, vec![merge(id, "a", 11)]).await;
        assert_eq!(stands(store, id).await, (false, at));
    }
}
