//! What the public listener brings, down to the store.

use super::Shop;
use crate::clock::Clock;
use crate::http::{Call, Intake, NotTaken, Verdict, VerdictResult};
use crate::store::View;
use axum::body::Bytes;
use std::sync::Arc;

async fn take(shop: &Shop, call: Call, body: &str) -> Result<Vec<Verdict>, NotTaken> {
    let (intake, _): (Arc<dyn Intake>, _) = shop.daemon.as_ref().unwrap().intake();
    intake.take(call, Bytes::from(body.to_owned()), None).await
}

fn results(verdicts: &[Verdict]) -> Vec<VerdictResult> {
    verdicts.iter().map(|verdict| verdict.result).collect()
}

const ORDER: &str =
    r#"{"userId":"ana","event":"Order Completed","messageId":"1","properties":{"order_id":"1","revenue":"2"}}"#;

#[tokio::test]
async fn a_full_disk_is_said_and_what_is_sent_again_is_stored() {
    let shop = Shop::with(super::LETTER).await;
    shop.meddling.full_for_arrivals(true);
    let Err(NotTaken::Unavailable { retry_after, .. }) = take(&shop, Call::Track, ORDER).await else {
        panic!("it is not taken");
    };
    assert!(retry_after > 0);
    // What needs no room is answered: there is nothing to store.
    let refused = take(&shop, Call::Batch, r#"{"batch":[{}]}"#).await.unwrap();
    assert_eq!(results(&refused), [VerdictResult::Refused]);
    shop.meddling.full_for_arrivals(false);
    assert_eq!(results(&take(&shop, Call::Track, ORDER).await.unwrap()), [VerdictResult::Stored]);
    assert_eq!(results(&take(&shop, Call::Track, ORDER).await.unwrap()), [VerdictResult::Duplicate]);
}

#[tokio::test]
async fn a_long_body_is_read_as_a_short_one_is() {
    let shop = Shop::with(super::LETTER).await;
    let one = |number: u32| {
        format!(
            r#"{{"type":"track","userId":"ana","event":"e","messageId":"{number}","properties":{{"text":"{}"}}}}"#,
            "x".repeat(500)
        )
    };
    let body = format!(r#"{{"batch":[{}]}}"#, (0..100).map(one).collect::<Vec<_>>().join(","));
    let verdicts = take(&shop, Call::Import, &body).await.unwrap();
    assert_eq!(results(&verdicts), [VerdictResult::Stored; 100]);
    assert_eq!(verdicts[99].message_id.as_deref(), Some("99"));
}

#[tokio::test]
async fn a_message_that_makes_several_arrivals_has_one_verdict() {
    let shop = Shop::with(super::LETTER).await;
    let body = r#"{"batch":[
        {"type":"track","anonymousId":"a","event":"e","messageId":"1"},
        {"type":"identify","userId":"ana","anonymousId":"a","traits":{"tier":"gold"}},
        {"type":"track","userId":"ana","event":"e","messageId":"1"}
    ]}"#;
    let verdicts = take(&shop, Call::Batch, body).await.unwrap();
    assert_eq!(results(&verdicts), [VerdictResult::Stored, VerdictResult::Stored, VerdictResult::Duplicate]);
    let view = View {
        interest: Arc::clone(&shop.daemon.as_ref().unwrap().shared().world.load().interest),
        now: shop.clock.now(),
        backtest: false,
    };
    let found = shop.store().customer("ana", &view).await.unwrap().unwrap();
    assert_eq!(found.customer.text("tier"), Some("gold"));
}

#[tokio::test]
async fn the_log_of_consent_tells_who_called_and_an_export_tells_everything() {
    let shop = Shop::with(super::LETTER).await;
    let (intake, _): (Arc<dyn Intake>, _) = shop.daemon.as_ref().unwrap().intake();
    let said = |granted: bool| {
        let text = format!(
            r#"{{"userId":"ana","traits":{{"email":"ana@customers.example","consent":{{"marketing":{granted}}}}},"context":{{"consent":{{"version":"v2"}}}}}}"#
        );
        Bytes::from(text)
    };
    for granted in [true, false] {
        intake.take(Call::Identify, said(granted), Some([198, 51, 100, 7].into())).await.unwrap();
    }
    take(&shop, Call::Track, ORDER).await.unwrap();
    let export = shop.operations().export_customer("ana").await.unwrap();
    assert_eq!(
        (export.ids.as_slice(), export.events.len(), export.profile_rows.len()),
        (&["ana".to_owned()][..], 1, 2)
    );
    let log: Vec<_> = export.consent_log.iter().map(|entry| (entry.granted, entry.effect.as_str())).collect();
    assert!(log.contains(&(false, "changed")), "{log:?}");
    for entry in &export.consent_log {
        assert_eq!((entry.caller.as_deref(), entry.wording.as_deref()), (Some("198.51.100.7"), Some("v2")));
        assert_eq!(entry.source, "identify");
    }
    assert_eq!(shop.operations().customer("ana").await.unwrap().consent_log, export.consent_log);
    assert!(!export.consent["marketing"].granted);
}

#[tokio::test]
async fn nothing_is_sent_to_who_was_erased_and_the_others_get_theirs() {
    let shop = Shop::with(super::LETTER).await;
    shop.customer("ana").await;
    shop.customer("jo").await;
    shop.operations().pause().await.unwrap();
    shop.clock.advance(crate::domain::Span::seconds(30));
    shop.decided().await;
    let queued = shop.deliveries().await;
    assert_eq!(queued.len(), 2, "{queued:?}");
    let erased = shop.operations().erase_customer("ana").await.unwrap();
    assert_eq!((erased.ids, erased.enrollments, erased.deliveries, erased.under_way), (1, 1, 1, 0));
    assert_eq!(erased.backups, None, "none are made");
    shop.operations().resume().await.unwrap();
    shop.settle().await;
    assert_eq!((shop.mails_sent(), shop.deliveries().await.len()), (1, 1));
    let again = shop.operations().erase_customer("ana").await.unwrap_err();
    assert_eq!(again.kind, crate::http::FailureKind::NotFound);
    // The same id comes back the same day: the occurrence of that day was used up.
    shop.customer("ana").await;
    shop.settle().await;
    assert_eq!(shop.mails_sent(), 1);
}
