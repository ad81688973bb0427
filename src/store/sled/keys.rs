//! The one place where keys are made and read.
//!
//! A key is a kind byte and parts. Numbers are big-endian, instants shifted so that bytes sort as they do. A text that
//! is not the last part stands behind its length, so that no id can be the prefix of another.

use crate::domain::{
    Class, CustomerNumber, Delivery, DeliveryId, KeyedHash, Lane, Planned, State, Time, normalized_address,
};
use crate::store::derive::finished_at;

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Of the store itself.
    Meta = b'm',
    /// External id → number.
    Name = b'x',
    /// Number → customer.
    Customer = b'c',
    /// Number of a customer who was merged into another → the other's.
    Absorbed = b'a',
    /// Customer, time, fingerprint → event.
    Event = b'e',
    /// Customer, time of effect, version → profile row.
    Profile = b'p',
    /// Fingerprint → customer: the event is known.
    Seen = b'd',
    /// Customer, purchase id → the purchase that counts.
    Purchase = b'u',
    /// Zone.
    Zone = b'z',
    /// Instant → tick.
    Tick = b't',
    /// Rule, zone → up to when it is planned.
    Planned = b'n',
    /// Rule → its state.
    Rule = b'r',
    /// Delivery id → delivery.
    Delivery = b'o',
    /// Lane, tick, due instant, delivery id: it waits.
    Due = b'q',
    /// Delivery id: an attempt is under way.
    Sending = b'g',
    /// Time, delivery id: it is finished.
    Finished = b'y',
    /// Instant, customer: then the customer is to be looked at.
    Wake = b'w',
    /// Rule, customer: the rule's condition holds for the customer.
    Member = b'h',
    /// Customer, rule, occurrence → enrollment.
    Enrollment = b'l',
    /// Address → suppression.
    Suppression = b's',
    /// Name → flag.
    Flag = b'f',
    /// Hash of an address that is known by nothing else → since when it is suppressed.
    HashedSuppression = b'k',
    /// Hash of an id that is known by nothing else, class or topic → when consent to it was withdrawn.
    Objection = b'j',
    /// Hash of an id, a rule and an occurrence: it was used up by somebody who was erased.
    Spent = b'v',
    /// Customer, id: another one than the record's means the customer, too.
    Alias = b'i',
}

impl Kind {
    /// Every one of them.
    pub(super) const ALL: &'static [Self] = &[
        Self::Meta,
        Self::Name,
        Self::Customer,
        Self::Absorbed,
        Self::Event,
        Self::Profile,
        Self::Seen,
        Self::Purchase,
        Self::Zone,
        Self::Tick,
        Self::Planned,
        Self::Rule,
        Self::Delivery,
        Self::Due,
        Self::Sending,
        Self::Finished,
        Self::Wake,
        Self::Member,
        Self::Enrollment,
        Self::Suppression,
        Self::Flag,
        Self::HashedSuppression,
        Self::Objection,
        Self::Spent,
        Self::Alias,
    ];

    /// The one of rows whose keys begin with that byte.
    pub(super) fn of(byte: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| *kind as u8 == byte)
    }

    /// The prefix of all rows of this kind.
    pub(super) fn all(self) -> Vec<u8> {
        vec![self as u8]
    }

    fn key(self, length: usize) -> Vec<u8> {
        let mut key = Vec::with_capacity(1 + length);
        key.push(self as u8);
        key
    }

    fn with(self, rest: &[u8]) -> Vec<u8> {
        let mut key = self.key(rest.len());
        key.extend_from_slice(rest);
        key
    }
}

fn order(at: Time) -> [u8; 8] {
    (at.0.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

fn instant(bytes: &[u8]) -> Option<Time> {
    Some(Time((u64::from_be_bytes(bytes.try_into().ok()?) ^ (1 << 63)).cast_signed()))
}

fn push_text(key: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    key.extend_from_slice(&length.to_be_bytes());
    key.extend_from_slice(text.as_bytes());
}

/// A row of the store itself.
pub(super) fn meta(name: &str) -> Vec<u8> {
    Kind::Meta.with(name.as_bytes())
}

/// The number of an external id.
pub(super) fn name(id: &str) -> Vec<u8> {
    Kind::Name.with(id.as_bytes())
}

/// A customer.
pub(super) fn customer(number: CustomerNumber) -> Vec<u8> {
    Kind::Customer.with(&number.0.to_be_bytes())
}

/// The number in a customer's key.
pub(super) fn customer_number(key: &[u8]) -> Option<CustomerNumber> {
    Some(CustomerNumber(u64::from_be_bytes(key.get(1..)?.try_into().ok()?)))
}

/// Into whom a customer was merged.
pub(super) fn absorbed(number: CustomerNumber) -> Vec<u8> {
    of_customer(Kind::Absorbed, number)
}

/// All rows of a kind that stand under one customer's number.
pub(super) fn of_customer(kind: Kind, number: CustomerNumber) -> Vec<u8> {
    kind.with(&number.0.to_be_bytes())
}

/// An event of a customer.
pub(super) fn event(number: CustomerNumber, at: Time, fingerprint: &[u8; 16]) -> Vec<u8> {
    let mut key = events_from(number, at);
    key.extend_from_slice(fingerprint);
    key
}

/// The first key that an event at `at` or later can have.
pub(super) fn events_from(number: CustomerNumber, at: Time) -> Vec<u8> {
    let mut key = of_customer(Kind::Event, number);
    key.extend_from_slice(&order(at));
    key
}

/// A profile row; `version` tells rows of one instant apart, in the order of arrival.
pub(super) fn profile(number: CustomerNumber, effective_at: Time, version: u64) -> Vec<u8> {
    let mut key = of_customer(Kind::Profile, number);
    key.extend_from_slice(&order(effective_at));
    key.extend_from_slice(&version.to_be_bytes());
    key
}

/// What follows the number in the key of a row that stands under one: by it rows of several numbers are put in order.
pub(super) fn behind_number(key: &[u8]) -> &[u8] {
    key.get(9..).unwrap_or_default()
}

/// The version in the key of a profile row.
pub(super) fn profile_version(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(behind_number(key).get(8..)?.try_into().ok()?))
}

/// The number under which a row stands.
pub(super) fn row_number(key: &[u8]) -> Option<CustomerNumber> {
    customer_number(key.get(..9)?)
}

/// That an event is known.
pub(super) fn seen(fingerprint: &[u8; 16]) -> Vec<u8> {
    Kind::Seen.with(fingerprint)
}

/// A counted purchase.
pub(super) fn purchase(number: CustomerNumber, id: &str) -> Vec<u8> {
    let mut key = of_customer(Kind::Purchase, number);
    key.extend_from_slice(id.as_bytes());
    key
}

/// A zone.
pub(super) fn zone(name: &str) -> Vec<u8> {
    Kind::Zone.with(name.as_bytes())
}

/// The text that ends the key of a kind whose only part it is.
pub(super) fn text(key: &[u8]) -> Option<String> {
    String::from_utf8(key.get(1..)?.to_vec()).ok()
}

/// A tick.
pub(super) fn tick(at: Time) -> Vec<u8> {
    Kind::Tick.with(&order(at))
}

/// How far a schedule is planned.
pub(super) fn planned(planned: &Planned) -> Vec<u8> {
    let mut key = Kind::Planned.key(4 + planned.rule.len() + planned.zone.len());
    push_text(&mut key, &planned.rule);
    key.extend_from_slice(planned.zone.as_bytes());
    key
}

/// The state of a rule.
pub(super) fn rule(name: &str) -> Vec<u8> {
    Kind::Rule.with(name.as_bytes())
}

/// A delivery.
pub(super) fn delivery(id: DeliveryId) -> Vec<u8> {
    Kind::Delivery.with(&id.0)
}

/// That an attempt at a delivery is under way.
pub(super) fn sending(id: DeliveryId) -> Vec<u8> {
    Kind::Sending.with(&id.0)
}

/// The delivery that ends a key.
pub(super) fn last_id(key: &[u8]) -> Option<DeliveryId> {
    Some(DeliveryId(key.get(key.len().checked_sub(16)?..)?.try_into().ok()?))
}

/// That a delivery is finished since `at`.
pub(super) fn finished(at: Time, id: DeliveryId) -> Vec<u8> {
    let mut key = finished_from(at);
    key.extend_from_slice(&id.0);
    key
}

/// The first key of those finished at `at` or later.
pub(super) fn finished_from(at: Time) -> Vec<u8> {
    Kind::Finished.with(&order(at))
}

/// An enrollment.
pub(super) fn enrollment(number: CustomerNumber, rule: &str, occurrence: &str) -> Vec<u8> {
    let mut key = of_customer(Kind::Enrollment, number);
    push_text(&mut key, rule);
    key.extend_from_slice(occurrence.as_bytes());
    key
}

/// A suppressed address, in whatever form it is given.
pub(super) fn suppression(address: &str) -> Vec<u8> {
    Kind::Suppression.with(normalized_address(address).as_bytes())
}

/// A suppressed address of which only the hash is known.
pub(super) fn hashed_suppression(address: KeyedHash) -> Vec<u8> {
    Kind::HashedSuppression.with(&address.0)
}

/// All that a customer withdrew of whom only the hash of an id is known.
pub(super) fn objections(customer: KeyedHash) -> Vec<u8> {
    Kind::Objection.with(&customer.0)
}

/// One of them.
pub(super) fn objection(customer: KeyedHash, name: &str) -> Vec<u8> {
    let mut key = objections(customer);
    key.extend_from_slice(name.as_bytes());
    key
}

/// The class or topic of one.
pub(super) fn objected(key: &[u8]) -> Option<String> {
    String::from_utf8(key.get(17..)?.to_vec()).ok()
}

/// That an occurrence was used up by somebody who was erased.
pub(super) fn spent(occurrence: KeyedHash) -> Vec<u8> {
    Kind::Spent.with(&occurrence.0)
}

/// That an id means a customer.
pub(super) fn alias(number: CustomerNumber, id: &str) -> Vec<u8> {
    let mut key = of_customer(Kind::Alias, number);
    key.extend_from_slice(id.as_bytes());
    key
}

/// A flag.
pub(super) fn flag(name: &str) -> Vec<u8> {
    Kind::Flag.with(name.as_bytes())
}

/// That a customer is to be looked at, and when.
pub(super) fn wake(at: Time, number: CustomerNumber) -> Vec<u8> {
    let mut key = Kind::Wake.key(16);
    key.extend_from_slice(&order(at));
    key.extend_from_slice(&number.0.to_be_bytes());
    key
}

/// Instant and customer in the key of a wake row.
pub(super) fn read_wake(key: &[u8]) -> Option<(Time, CustomerNumber)> {
    let (at, number) = key.get(1..)?.split_at_checked(8)?;
    Some((instant(at)?, CustomerNumber(u64::from_be_bytes(number.try_into().ok()?))))
}

/// All for whom a rule's condition holds.
pub(super) fn members(rule: &str) -> Vec<u8> {
    let mut key = Kind::Member.key(12 + rule.len());
    push_text(&mut key, rule);
    key
}

/// That a rule's condition holds for a customer.
pub(super) fn member(rule: &str, number: CustomerNumber) -> Vec<u8> {
    let mut key = members(rule);
    key.extend_from_slice(&number.0.to_be_bytes());
    key
}

/// The customer in the key of a member row of that rule.
pub(super) fn read_member(rule: &str, key: &[u8]) -> Option<CustomerNumber> {
    Some(CustomerNumber(u64::from_be_bytes(key.get(5 + rule.len()..)?.try_into().ok()?)))
}

/// Deliveries that wait together: those of a lane that one tick decided, or that none did.
pub(super) type Group = (Lane, Option<Time>);

/// Where a delivery waits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DueKey {
    /// Among which.
    pub(super) group: Group,
    /// When it is due.
    pub(super) due: Time,
    /// Which one it is.
    pub(super) id: DeliveryId,
}

impl DueKey {
    /// Where the delivery waits, if it does.
    pub(super) fn of(delivery: &Delivery) -> Option<Self> {
        let waits = delivery.state.is_waiting();
        waits.then(|| Self { group: (delivery.lane(), delivery.tick), due: delivery.due_at, id: delivery.id })
    }

    /// The row's key.
    pub(super) fn row(&self) -> Vec<u8> {
        let mut key = due_from(&self.group, self.due);
        key.extend_from_slice(&self.id.0);
        key
    }

    /// Reads a row's key.
    pub(super) fn read(key: &[u8]) -> Option<Self> {
        let rest = key.get(1..)?;
        let (lane, rest) = match rest.split_first()? {
            (0, rest) => (Lane::Mail(Class::Marketing), rest),
            (1, rest) => (Lane::Mail(Class::Service), rest),
            (2, rest) => {
                let length = usize::try_from(u32::from_be_bytes(rest.get(..4)?.try_into().ok()?)).ok()?;
                let name = String::from_utf8(rest.get(4..4 + length)?.to_vec()).ok()?;
                (Lane::Endpoint(name.into()), rest.get(4 + length..)?)
            }
            _ => return None,
        };
        let tick = match instant(rest.get(1..9)?)? {
            at if rest[0] == 1 => Some(at),
            _ => None,
        };
        Some(Self { group: (lane, tick), due: instant(rest.get(9..17)?)?, id: last_id(rest.get(17..)?)? })
    }
}

/// The prefix of all who wait in a group.
pub(super) fn due_group(group: &Group) -> Vec<u8> {
    let mut key = Kind::Due.key(48);
    match &group.0 {
        Lane::Mail(Class::Marketing) => key.push(0),
        Lane::Mail(Class::Service) => key.push(1),
        Lane::Endpoint(name) => {
            key.push(2);
            push_text(&mut key, name);
        }
    }
    key.push(u8::from(group.1.is_some()));
    key.extend_from_slice(&order(group.1.unwrap_or_default()));
    key
}

/// The first key of those in a group that are due at `due` or later.
pub(super) fn due_from(group: &Group, due: Time) -> Vec<u8> {
    let mut key = due_group(group);
    key.extend_from_slice(&order(due));
    key
}

/// The index row that a delivery has in its state; a held one has none.
pub(super) fn index_row(delivery: &Delivery) -> Option<Vec<u8>> {
    match delivery.state {
        State::Sending => Some(sending(delivery.id)),
        state if state.is_final() => Some(finished(finished_at(delivery), delivery.id)),
        _ => DueKey::of(delivery).map(|key| key.row()),
    }
}

/// The first key after all that begin with `prefix`; `None` when there is no such key.
pub(super) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{
        DueKey, after_prefix, enrollment, events_from, member, members, planned, read_member, read_wake, wake,
    };
    use crate::domain::{Class, CustomerNumber, DeliveryId, Lane, Planned, Time};

    #[test]
    fn instants_sort_as_their_bytes_do() {
        let number = CustomerNumber(7);
        let mut times = [Time(5), Time(-5), Time::MIN, Time::MAX, Time(0)];
        times.sort_unstable();
        let keys: Vec<_> = times.iter().map(|at| events_from(number, *at)).collect();
        assert!(keys.is_sorted());
    }

    #[test]
    fn parts_cannot_run_into_each_other() {
        let number = CustomerNumber(1);
        assert_ne!(enrollment(number, "a", "bc"), enrollment(number, "ab", "c"));
        let plan = |rule: &str, zone: &str| planned(&Planned { rule: rule.into(), zone: zone.into(), until: Time(0) });
        assert_ne!(plan("a", "bc"), plan("ab", "c"));
    }

    #[test]
    fn due_keys_are_read_back() {
        for lane in [Lane::Mail(Class::Marketing), Lane::Mail(Class::Service), Lane::Endpoint("crm".into())] {
            for tick in [None, Some(Time(-4))] {
                let key = DueKey { group: (lane.clone(), tick), due: Time(-9), id: DeliveryId([3; 16]) };
                assert_eq!(DueKey::read(&key.row()), Some(key));
            }
        }
    }

    #[test]
    fn wake_keys_sort_by_instant_and_are_read_back() {
        let wakes = [(Time::MIN, 9), (Time(-1), 300), (Time(0), 2), (Time(0), 256), (Time::MAX, 1)];
        let wakes = wakes.map(|(at, number)| (at, CustomerNumber(number)));
        let keys = wakes.map(|(at, number)| wake(at, number));
        assert!(keys.is_sorted());
        assert_eq!(keys.each_ref().map(|key| read_wake(key)), wakes.map(Some));
        assert_eq!(read_wake(&keys[0][..16]), None);
    }

    #[test]
    fn member_keys_sort_by_number_within_a_rule_and_are_read_back() {
        let keys = [(5, "a"), (256, "a"), (3, "b"), (1, "ab")].map(|(n, rule)| member(rule, CustomerNumber(n)));
        assert!(keys.is_sorted(), "a rule is no prefix of another");
        assert_eq!(keys.each_ref().map(|key| key.starts_with(&members("a"))), [true, true, false, false]);
        assert_eq!(read_member("ab", &keys[3]), Some(CustomerNumber(1)));
        assert_eq!(read_member("ab", &keys[0]), None);
    }

    #[test]
    fn the_end_of_a_prefix_is_its_successor() {
        assert_eq!(after_prefix(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(after_prefix(&[1, 255]), Some(vec![2]));
        assert_eq!(after_prefix(&[255]), None);
    }
}
