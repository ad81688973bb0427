//! What the stored records are, field by field.
//!
//! The order of fields is that of their numbers in the record. A number that was given to a field is never given to another
//! one, so a field that is gone stays here under the name that it had.

use super::shape::{Fields, Shape, class, reason, state};
use Shape::{
    ByWord, Bytes, Choice, Day, Flag, Integer, List, Map, Number, Record, Row, Text, Time, Tuple, Value, Word,
};

const CLASS: Shape = Word(class);
const REASON: Shape = Word(reason);
const TEXTS: Shape = List(&Text);
const VALUES: Shape = Map(&Value);

/// A customer.
pub(super) const CUSTOMER: Shape = Record(&[
    ("id", Text),
    ("attributes", VALUES),
    ("consent", Map(&CONSENT)),
    ("arrived_at", Time),
    ("updated_at", Time),
    ("activity", ACTIVITY),
    ("memory", Map(&MEMORY)),
    ("slots", List(&SLOT)),
    ("wake", Time),
    ("absorbed", List(&Integer)),
    ("watch", WATCH),
]);

const CONSENT: Shape = Record(&[("granted", Flag), ("at", Time), ("source", Text)]);

const MEMORY: Shape = Record(&[
    ("occurrence", Text),
    ("enrolled_at", Time),
    ("enrollments", Integer),
    ("held_out", Flag),
    ("sent_at", Time),
]);

const SLOT: Shape = Row(&[("class", CLASS), ("at", Time), ("delivery", Bytes)]);

const ACTIVITY: Shape =
    Row(&[("fingerprint", Integer), ("uncounted_from", Time), ("orders", ORDERS), ("totals", List(&TOTALS))]);

const ORDERS: Shape =
    Row(&[("count", Integer), ("revenue", Number), ("first_at", Time), ("last_at", Time), ("recent", List(&Time))]);

const TOTALS: Shape = Row(&[
    ("name", Text),
    ("count", Integer),
    ("first_at", Time),
    ("last_at", Time),
    ("sums", List(&Number)),
    ("last_values", List(&Tuple(&[Time, Value]))),
    ("recent", List(&RECENT)),
    ("sum_names", TEXTS),
    ("last_names", TEXTS),
]);

const RECENT: Shape = Row(&[("at", Time), ("numbers", List(&Number))]);

const WATCH: Shape = Record(&[
    ("segments", Map(&Row(&[("inside", Flag), ("crossings", Integer), ("meaning", Integer)]))),
    ("holding", TEXTS),
    ("pending", List(&Record(&[("id", Text), ("event", EVENT), ("waiting", TEXTS)]))),
    ("anchors", Map(&Row(&[("date", Day), ("since", Time), ("instant", Time)]))),
    ("active", List(&ACTIVE)),
    ("stopped", List(&Record(&[("rule", Text), ("occurrence", Text), ("reason", REASON), ("until", Time)]))),
    ("quiet", Flag),
    ("moved", List(&ACTIVE)),
]);

const ACTIVE: Shape = Record(&[
    ("rule", Text),
    ("occurrence", Text),
    ("entered_at", Time),
    ("held_out", Flag),
    ("anchor", Day),
    ("done", TEXTS),
    ("entry", ENTRY),
    ("unsent_until", Time),
    ("instant", Time),
]);

const ENTRY: Shape = Record(&[("values", VALUES), ("event", EVENT)]);

/// An event.
pub(super) const EVENT: Shape =
    Record(&[("name", Text), ("at", Time), ("received_at", Time), ("message_id", Text), ("properties", VALUES)]);

/// A profile row.
pub(super) const PROFILE: Shape = Record(&[
    ("effective_at", Time),
    ("attributes", VALUES),
    ("consent", Map(&Flag)),
    ("source", Text),
    ("received_at", Time),
    ("proof", Record(&[("at", Time), ("wording", Text), ("caller", Text), ("file", Text)])),
]);

/// The purchase that counts among those of one id.
pub(super) const PURCHASE: Shape = Row(&[("at", Time), ("message_id", Text), ("fingerprint", Bytes)]);

/// A tick.
pub(super) const TICK: Shape =
    Record(&[("at", Time), ("members", List(&MEMBER)), ("cursor", Integer), ("complete", Flag)]);

const MEMBER: Shape =
    Record(&[("rule", Text), ("zone", Text), ("of_customers", Flag), ("occurrence", Text), ("counts", COUNTS_OF_TICK)]);

const COUNTS_OF_TICK: Shape = Record(&[
    ("evaluated", Integer),
    ("matched", Integer),
    ("unknown", Integer),
    ("enrolled", Integer),
    ("held_out", Integer),
    ("held", ByWord(reason, &Integer)),
    ("deliveries", Integer),
]);

/// Up to when a schedule is planned.
pub(super) const PLANNED: Shape = Record(&[("rule", Text), ("zone", Text), ("until", Time)]);

/// The state of a rule.
pub(super) const RULE: Shape = Record(&[
    ("paused", REASON),
    ("paused_at", Time),
    ("live_since", Time),
    ("trigger", Text),
    ("volume", List(&Tuple(&[Time, Integer]))),
    ("last_tick", Tuple(&[Time, COUNTS_OF_TICK])),
    ("steps", Map(&Time)),
]);

/// An enrollment.
pub(super) const ENROLLMENT: Shape = Record(&[
    ("rule", Text),
    ("occurrence", Text),
    ("entered_at", Time),
    ("held_out", Flag),
    ("deliveries", List(&Bytes)),
    ("class", CLASS),
    ("ending", Record(&[("at", Time), ("reason", REASON), ("conversion", CONVERSION)])),
]);

const CONVERSION: Shape = Record(&[("at", Time), ("event", Text), ("value", Number)]);

/// A delivery.
pub(super) const DELIVERY: Shape = Record(&[
    ("id", Bytes),
    ("rule", Text),
    ("step", Text),
    ("customer", Integer),
    ("customer_id", Text),
    ("occurrence", Text),
    ("payload", Choice(PAYLOADS)),
    ("class", CLASS),
    ("topic", Text),
    ("state", Word(state)),
    ("created_at", Time),
    ("due_at", Time),
    ("expires_at", Time),
    ("attempts", Integer),
    ("sent_at", Time),
    ("reason", REASON),
    ("last_error", Text),
    ("tick", Time),
    ("uncertain", Integer),
    ("attempted_at", Time),
    ("entry", ENTRY),
    ("later", Flag),
]);

const PAYLOADS: &[(&str, Fields)] =
    &[("email", &[("template", Text)]), ("webhook", &[("endpoint", Text), ("body", Text)])];

/// A suppression.
pub(super) const SUPPRESSION: Shape = Record(&[("address", Text), ("reason", Text), ("at", Time)]);

/// Counts of the store.
pub(super) const COUNTS: Shape = Record(&[
    ("round", Integer),
    ("versions", Integer),
    ("last_customer", Integer),
    ("customers", Integer),
    ("deliveries", List(&Integer)),
]);
