//! A webhook's body: rendered when it is decided, and never again.

use crate::delivery::World;
use crate::domain::{Customer, Delivery, Event, Payload, Reason, State, Time};
use crate::rules::Action;
use crate::templates::Message;
use jiff::tz::TimeZone;

/// Fills in the bodies of the webhooks among `deliveries`. One that cannot be rendered is held with the error, never
/// sent half.
pub(super) fn fill(world: &World, customer: &Customer, zone: &TimeZone, at: Time, deliveries: &mut [Delivery]) {
    for delivery in deliveries {
        let Payload::Webhook { body, .. } = &mut delivery.payload else { continue };
        let event = delivery.entry.as_ref().and_then(|entry| entry.event.as_ref());
        let whom = Whom { customer, zone, event };
        match render(world, &whom, at, (&delivery.rule, &delivery.step)) {
            Ok(text) => *body = text,
            Err(error) => {
                delivery.state = State::Held;
                delivery.reason = Some(Reason::RenderError);
                delivery.last_error = Some(error);
            }
        }
    }
}

/// Of whom a body tells.
struct Whom<'a> {
    customer: &'a Customer,
    zone: &'a TimeZone,
    event: Option<&'a Event>,
}

fn render(world: &World, whom: &Whom<'_>, at: Time, (rule, step): (&str, &str)) -> Result<String, String> {
    let Whom { customer, zone, event } = *whom;
    let found = world.rules.get(rule).and_then(|rule| rule.steps.iter().find(|candidate| candidate.id == step));
    let Some(Action::Webhook { kind, .. }) = found.map(|step| &step.action) else {
        return Err("the step is not a webhook".to_owned());
    };
    let message = Message {
        customer,
        event,
        schema: &world.schema,
        words: &world.words,
        business: &world.business,
        zone,
        locale: customer.text("locale").unwrap_or(&world.business.locale),
    };
    let data = match world.payloads.get(&(rule.into(), step.into())) {
        Some(payload) => payload.render(&message).map_err(|error| error.to_string())?,
        None => serde_json::Value::Object(serde_json::Map::new()),
    };
    let body = serde_json::json!({ "type": kind, "timestamp": at.to_string(), "data": data });
    Ok(body.to_string())
}
