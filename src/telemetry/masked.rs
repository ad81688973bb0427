//! A layer of the log that lets no address through, whoever wrote the line and whatever its form.

use super::mask::{mask_addresses, may_hold_address};
use std::fmt::{Debug, Write};
use tracing::field::{DisplayValue, Field, FieldSet, Value, Visit, display};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Hands on what it is told to the layer within, addresses in it masked. What others say (a mail server's answer, the
/// text of an error) reaches the log by many ways, so it is looked at where all of them end.
pub(super) struct Masked<L>(pub(super) L);

impl<S, L> Layer<S> for Masked<L>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    L: Layer<S>,
{
    fn on_layer(&mut self, subscriber: &mut S) {
        self.0.on_layer(subscriber);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !suspicious(|visit| attributes.record(visit)) {
            return self.0.on_new_span(attributes, id, context);
        }
        let metadata = attributes.metadata();
        with_masked(
            metadata.fields(),
            |visit| attributes.record(visit),
            |fields, values| {
                let values = fields.value_set_all(values);
                let masked = match attributes.parent() {
                    Some(parent) => Attributes::child_of(parent.clone(), metadata, &values),
                    None if attributes.is_root() => Attributes::new_root(metadata, &values),
                    None => Attributes::new(metadata, &values),
                };
                self.0.on_new_span(&masked, id, context);
            },
        );
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let Some(metadata) = context.metadata(id).filter(|_| suspicious(|visit| record.record(visit))) else {
            return self.0.on_record(id, record, context);
        };
        with_masked(
            metadata.fields(),
            |visit| record.record(visit),
            |fields, values| {
                self.0.on_record(id, &Record::new(&fields.value_set_all(values)), context);
            },
        );
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if !suspicious(|visit| event.record(visit)) {
            return self.0.on_event(event, context);
        }
        let metadata = event.metadata();
        with_masked(
            metadata.fields(),
            |visit| event.record(visit),
            |fields, values| {
                let values = fields.value_set_all(values);
                let masked = match event.parent() {
                    Some(parent) => Event::new_child_of(parent.clone(), metadata, &values),
                    None if event.is_root() => Event::new_child_of(None, metadata, &values),
                    None => Event::new(metadata, &values),
                };
                self.0.on_event(&masked, context);
            },
        );
    }

    fn on_follows_from(&self, span: &Id, follows: &Id, context: Context<'_, S>) {
        self.0.on_follows_from(span, follows, context);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.0.on_enter(id, context);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.0.on_exit(id, context);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.0.on_close(id, context);
    }

    fn on_id_change(&self, old: &Id, new: &Id, context: Context<'_, S>) {
        self.0.on_id_change(old, new, context);
    }
}

/// Whether any value may hold an address.
fn suspicious(record: impl FnOnce(&mut dyn Visit)) -> bool {
    let mut look = Look(false);
    record(&mut look);
    look.0
}

struct Look(bool);

impl Visit for Look {
    fn record_str(&mut self, _: &Field, value: &str) {
        self.0 |= may_hold_address(value);
    }

    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        // Nothing is kept of what is written, so it cannot fail; a value that fails to show itself is seen as it is.
        write!(self, "{value:?}").ok();
    }

    fn record_u64(&mut self, _: &Field, _: u64) {}

    fn record_i64(&mut self, _: &Field, _: i64) {}

    fn record_bool(&mut self, _: &Field, _: bool) {}

    fn record_f64(&mut self, _: &Field, _: f64) {}
}

impl Write for Look {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 |= may_hold_address(text);
        Ok(())
    }
}

/// A value as it is handed on.
enum Shown {
    Number(u64),
    Signed(i64),
    Flag(bool),
    Fraction(f64),
    Text(String),
    Other(DisplayValue<String>),
}

impl Shown {
    fn value(&self) -> &dyn Value {
        match self {
            Self::Number(value) => value,
            Self::Signed(value) => value,
            Self::Flag(value) => value,
            Self::Fraction(value) => value,
            Self::Text(value) => value,
            Self::Other(value) => value,
        }
    }
}

/// Values by the place of their fields.
struct Collect(Vec<Option<Shown>>);

impl Collect {
    fn put(&mut self, field: &Field, value: Shown) {
        if let Some(place) = self.0.get_mut(field.index()) {
            *place = Some(value);
        }
    }
}

impl Visit for Collect {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Shown::Text(mask_addresses(value).into_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        self.put(field, Shown::Other(display(mask_addresses(&text).into_owned())));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Shown::Number(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Shown::Signed(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Shown::Flag(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Shown::Fraction(value));
    }
}

/// Gives the masked values, one place for each field, to `use_them`.
fn with_masked(
    fields: &FieldSet,
    record: impl FnOnce(&mut dyn Visit),
    use_them: impl FnOnce(&FieldSet, &[Option<&dyn Value>]),
) {
    let mut collect = Collect((0..fields.len()).map(|_| None).collect());
    record(&mut collect);
    let values: Vec<_> = collect.0.iter().map(|value| value.as_ref().map(Shown::value)).collect();
    use_them(fields, &values);
}

#[cfg(test)]
mod tests {
    use super::Masked;
    use std::io;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Layer, Registry, fmt};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(work: impl FnOnce()) -> serde_json::Value {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = fmt::layer().json().flatten_event(true).with_writer(move || writer.clone());
        tracing::subscriber::with_default(Registry::default().with(Masked(layer).boxed()), work);
        let bytes = lines.0.lock().unwrap().clone();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn addresses_in_the_message_and_in_any_field_are_masked_and_the_rest_stays() {
        let error = io::Error::other("550 <ana@example.com> unknown");
        let line = logged(|| {
            tracing::warn!(%error, detail = "ivan@example.com", list = ?["maria@example.com"], count = 3_u64,
                late = 0.5, good = true, less = -1, "to {}", "zora@example.com");
        });
        assert_eq!(line["message"], "to z***@example.com");
        assert_eq!(line["error"], "550 <a***@example.com> unknown");
        assert_eq!(line["detail"], "i***@example.com");
        assert_eq!(line["list"], "[\"m***@example.com\"]");
        assert_eq!(line["count"], 3);
        assert_eq!(line["late"], 0.5);
        assert_eq!(line["good"], true);
        assert_eq!(line["less"], -1);
        assert_eq!(line["level"], "WARN");
    }

    #[test]
    fn addresses_in_spans_are_masked_when_they_begin_and_when_they_learn_more() {
        let line = logged(|| {
            let span = tracing::error_span!("call", from = "ana@example.com", to = tracing::field::Empty, n = 1);
            span.record("to", "ivan@example.com");
            span.in_scope(|| tracing::info!("within"));
        });
        assert_eq!(line["message"], "within");
        assert_eq!(line["span"]["from"], "a***@example.com");
        assert_eq!(line["span"]["to"], "i***@example.com");
        assert_eq!(line["span"]["n"], 1);
    }

    #[test]
    fn lines_without_an_address_are_as_they_were() {
        let line = logged(|| tracing::info!(delivery = %"0af3", share = "10 %", "sent"));
        assert_eq!((line["message"].as_str(), line["delivery"].as_str()), (Some("sent"), Some("0af3")));
        assert_eq!(line["share"], "10 %");
    }
}
