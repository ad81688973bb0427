//! Bodies that show what a call takes, for the document.

use super::intake::Call;
use serde_json::{Value, json};

/// A body of each call, such as a shop sends: all that is in it can be stored.
pub(super) fn body(call: Call) -> Value {
    match call {
        Call::Identify => json!({
            "userId": "c1", "anonymousId": "phone-7", "timestamp": "2026-01-31T08:15:00Z",
            "traits": {"email": "ana@customers.example", "firstName": "Ana", "consent": {"marketing": true}},
        }),
        Call::Track => json!({
            "userId": "c1", "event": "Order Completed", "messageId": "shop-1001", "timestamp": "2026-02-01T09:00:00Z",
            "properties": {"order_id": "1001", "revenue": 1200},
        }),
        Call::Page => json!({
            "anonymousId": "phone-7", "name": "Prices", "category": "Help", "timestamp": "2026-01-31T08:10:00Z",
            "properties": {"path": "/prices"},
        }),
        Call::Screen => json!({"anonymousId": "phone-7", "name": "Basket", "properties": {"items": 2}}),
        Call::Group => json!({"userId": "c1", "groupId": "household-3", "traits": {"name": "Ana and Jo"}}),
        Call::Alias => json!({"userId": "c1", "previousId": "phone-7"}),
        Call::Batch => json!({"batch": of_all_kinds()}),
        Call::Import => json!({"batch": of_all_kinds(), "sentAt": "2026-02-01T09:00:05Z"}),
    }
}

/// A message of each kind, as it stands in a batch.
fn of_all_kinds() -> Vec<Value> {
    let message = |call: Call| {
        let mut message = body(call);
        message["type"] = call.word().into();
        message
    };
    Call::ALL.into_iter().filter(|call| !call.is_batch()).map(message).collect()
}
