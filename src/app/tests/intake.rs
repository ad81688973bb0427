//! What the public listener brings, down to the store.

use super::Shop;
use crate::clock::Clock;
use crate::http::{Call, Intake, NotTaken, Verdict, VerdictResult};
use crate::store::View;
use axum::body::Bytes;
use std::sync::Arc;

async fn take(shop: &Shop, call: Call, body: &str) -> Result<Vec<Verdict>, NotTaken> {
    let (intake, _): (Arc<dyn Intake>, _) = shop.daemon.as_ref().unwrap().intake();
    intake.take(call, Bytes::from(body.to_owned())).await
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
