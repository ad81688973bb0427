//! A customer: attributes, consent, totals, and what the rules remember of them.

use super::{Activity, Class, Consent, DeliveryId, Proof, Span, Text, Time, Value, Watch};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The number by which the store knows a customer. Numbers are given in the order of arrival and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct CustomerNumber(#[n(0)] pub u64);

/// What a customer remembers of one rule.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct RuleMemory {
    /// The occurrence of the last enrollment.
    #[n(0)]
    pub occurrence: Text,
    /// When that was.
    #[n(1)]
    pub enrolled_at: Time,
    /// How many enrollments there were.
    #[n(2)]
    pub enrollments: u32,
    /// Whether the last one was held out.
    #[n(3)]
    pub held_out: bool,
    /// When something of it was last sent to the customer; kept of rules that some condition names in `sent(…)`.
    #[n(4)]
    pub sent_at: Option<Time>,
}

impl RuleMemory {
    /// One memory of what two customers remember who are one.
    fn join(&mut self, other: Self) {
        let enrollments = self.enrollments.saturating_add(other.enrollments);
        let sent_at = self.sent_at.max(other.sent_at);
        if (self.enrolled_at, &self.occurrence) < (other.enrolled_at, &other.occurrence) {
            *self = other;
        }
        self.enrollments = enrollments;
        self.sent_at = sent_at;
    }
}

/// A place under the frequency caps that a mail has reserved or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(array)]
pub struct CapSlot {
    /// The class that is capped.
    #[n(0)]
    pub class: Class,
    /// When the mail goes out, or went out.
    #[n(1)]
    pub at: Time,
    /// The mail.
    #[n(2)]
    pub delivery: DeliveryId,
}

/// How long a cap slot is remembered: the longest `per` of a frequency cap.
pub const SLOTS_KEPT: Span = Span::days(31);

/// A customer as rules and templates see them.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Customer {
    /// The id that the outside gave.
    #[n(0)]
    pub id: Text,
    /// Attributes by name, `email` and the other built-in ones among them; `id` is not repeated here.
    #[n(1)]
    pub attributes: BTreeMap<Text, Value>,
    /// Consent by class or topic. What is missing was never given.
    #[n(2)]
    pub consent: BTreeMap<Text, Consent>,
    /// When first stored here.
    #[n(3)]
    pub arrived_at: Time,
    /// The latest time at which a profile row took effect.
    #[n(4)]
    pub updated_at: Time,
    /// Totals over events.
    #[n(5)]
    pub activity: Activity,
    /// By rule.
    #[n(6)]
    pub memory: BTreeMap<Text, RuleMemory>,
    /// Reserved and used places under the caps, oldest first.
    #[n(7)]
    pub slots: Vec<CapSlot>,
    /// When the rules are to look at the customer again, now if it is not in the future; `None` when nothing but time
    /// passes and that changes nothing. The store keeps one row for it, so only the store sets it.
    #[n(8)]
    pub wake: Option<Time>,
    /// Customers who were merged into this one, those who had been merged into them among them: what was stored under
    /// their numbers is this customer's.
    #[n(9)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub absorbed: Vec<CustomerNumber>,
    /// What rules and segments last made of the customer, and what is still to come.
    #[n(10)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub watch: Watch,
}

impl Customer {
    /// A customer of whom nothing is known but the id.
    #[must_use]
    pub fn new(id: impl Into<Text>, arrived_at: Time) -> Self {
        Self {
            id: id.into(),
            attributes: BTreeMap::new(),
            consent: BTreeMap::new(),
            arrived_at,
            updated_at: Time::MIN,
            activity: Activity::default(),
            memory: BTreeMap::new(),
            slots: Vec::new(),
            wake: None,
            absorbed: Vec::new(),
            watch: Watch::default(),
        }
    }

    /// A text attribute, such as `email`; empty texts count as missing.
    #[must_use]
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).and_then(Value::as_text).filter(|text| !text.is_empty())
    }

    /// The address that mail goes to.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.text("email")
    }

    /// The name of the customer's time zone as stored; the business's stands in where it is missing.
    #[must_use]
    pub fn timezone(&self) -> Option<&str> {
        self.text("timezone")
    }

    /// Whether consent to the class or topic is given now.
    #[must_use]
    pub fn consents_to(&self, name: &str) -> bool {
        self.consent.get(name).is_some_and(|consent| consent.granted)
    }

    /// Takes in one profile row that is newer than all before it. `None` clears an attribute.
    pub fn update(&mut self, row: &ProfileRow) {
        for (name, value) in &row.attributes {
            match value {
                Some(value) => self.attributes.insert(name.clone(), value.clone()),
                None => self.attributes.remove(name),
            };
        }
        self.hear(row);
        self.updated_at = self.updated_at.max(row.effective_at);
    }

    /// Takes in what the rules remember of another customer, who is this one: of each rule the later enrollment, and the
    /// count of both; places under the caps of both; the earlier arrival; the watch of both. What follows from profile rows
    /// and events, the store makes of both's, and it sets the wake and makes the member rows.
    pub fn absorb(&mut self, number: CustomerNumber, other: Self) {
        self.arrived_at = self.arrived_at.min(other.arrived_at);
        for (rule, theirs) in other.memory {
            match self.memory.entry(rule) {
                Entry::Vacant(vacant) => drop(vacant.insert(theirs)),
                Entry::Occupied(mut ours) => ours.get_mut().join(theirs),
            }
        }
        self.watch.join(other.watch);
        self.slots.extend(other.slots);
        self.slots.sort_by_key(|slot| (slot.at, slot.delivery));
        self.absorbed.push(number);
        self.absorbed.extend(other.absorbed);
    }

    /// Remembers that a rule sent something at that instant, if it is remembered at all; whether that was news.
    pub fn note_sent(&mut self, rule: &str, at: Time) -> bool {
        let Some(memory) = self.memory.get_mut(rule).filter(|memory| memory.sent_at < Some(at)) else { return false };
        memory.sent_at = Some(at);
        true
    }

    /// Reserves a place under the caps and forgets those that no cap can reach any more.
    pub fn reserve(&mut self, slot: CapSlot) {
        self.slots.retain(|old| old.at > slot.at.minus(SLOTS_KEPT) && old.delivery != slot.delivery);
        let index = self.slots.partition_point(|old| old.at <= slot.at);
        self.slots.insert(index, slot);
    }

    /// Gives back the place of a delivery that ended unsent.
    pub fn release(&mut self, delivery: DeliveryId) {
        self.slots.retain(|slot| slot.delivery != delivery);
    }
}

/// One row of a profile: what an import line or an `identify` call says of a customer.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct ProfileRow {
    /// From when it holds: `updated_at` of the row; a customer's first row without one holds since always
    /// ([`Time::MIN`]), later ones from receipt.
    #[n(0)]
    pub effective_at: Time,
    /// Attributes set (`Some`) and cleared (`None`).
    #[n(1)]
    pub attributes: BTreeMap<Text, Option<Value>>,
    /// Consent given or withdrawn by class or topic.
    #[n(2)]
    pub consent: BTreeMap<Text, bool>,
    /// Where it came from, such as `import`.
    #[n(3)]
    pub source: Text,
    /// When it arrived here.
    #[n(4)]
    pub received_at: Time,
    /// How the consent in it came.
    #[n(5)]
    pub proof: Option<Proof>,
}

/// The normal form of an address, by which suppressions are found: without surrounding blanks, in lower case, and the
/// domain as it goes over the wire (IDNA): a mailbox at `bücher.example` is the one at `xn--bcher-kva.example`.
#[must_use]
pub fn normalized_address(address: &str) -> String {
    let address = address.trim().to_lowercase();
    let Some((local, domain)) = address.rsplit_once('@').filter(|(_, domain)| !domain.is_ascii()) else {
        return address;
    };
    idna::domain_to_ascii(domain).map_or_else(|_| address.clone(), |domain| format!("{local}@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::{
        Activity, CapSlot, Class, Consent, Customer, CustomerNumber, DeliveryId, RuleMemory, Text, Time, Value,
    };
    use std::collections::BTreeMap;

    #[test]
    fn one_mailbox_has_one_normal_form_however_it_is_written() {
        for written in [" Ana@B\u{fc}cher.example ", "ana@B\u{dc}CHER.example", "ana@xn--bcher-kva.example"] {
            assert_eq!(super::normalized_address(written), "ana@xn--bcher-kva.example");
        }
        assert_eq!(super::normalized_address("\u{110}ana@X.example"), "\u{111}ana@x.example");
        assert_eq!(super::normalized_address("@b\u{fc}cher.example"), "@xn--bcher-kva.example");
    }

    /// A memory as stored before it was kept when something was sent.
    #[derive(minicbor::Encode)]
    #[cbor(map)]
    struct WithoutSent {
        #[n(0)]
        occurrence: Text,
        #[n(1)]
        enrolled_at: Time,
        #[n(2)]
        enrollments: u32,
        #[n(3)]
        held_out: bool,
    }

    #[test]
    fn a_memory_from_before_it_knew_of_sending_is_read_as_one_of_which_nothing_was_sent() {
        let expected = memory("o1", 2, 3);
        let RuleMemory { occurrence, enrolled_at, enrollments, held_out, sent_at: _ } = expected.clone();
        let bytes = minicbor::to_vec(WithoutSent { occurrence, enrolled_at, enrollments, held_out }).unwrap();
        assert_eq!(minicbor::decode::<RuleMemory>(&bytes).unwrap(), expected);
    }

    #[test]
    fn the_latest_instant_of_sending_is_remembered_of_rules_that_are() {
        let mut customer = Customer { memory: [("a".into(), memory("o", 1, 1))].into(), ..Customer::new("c", Time(0)) };
        let told =
            [("a", 5), ("a", 4), ("a", 5), ("b", 9), ("a", 6)].map(|(rule, at)| customer.note_sent(rule, Time(at)));
        assert_eq!(told, [true, false, false, false, true]);
        let expected = RuleMemory { sent_at: Some(Time(6)), ..memory("o", 1, 1) };
        assert_eq!(customer.memory, [("a".into(), expected)].into());
    }

    /// A customer as stored before there were wakes.
    #[derive(minicbor::Encode)]
    #[cbor(map)]
    struct WithoutWake {
        #[n(0)]
        id: Text,
        #[n(1)]
        attributes: BTreeMap<Text, Value>,
        #[n(2)]
        consent: BTreeMap<Text, Consent>,
        #[n(3)]
        arrived_at: Time,
        #[n(4)]
        updated_at: Time,
        #[n(5)]
        activity: Activity,
        #[n(6)]
        memory: BTreeMap<Text, RuleMemory>,
        #[n(7)]
        slots: Vec<CapSlot>,
    }

    #[test]
    fn a_record_from_before_there_were_wakes_and_merges_and_watches_is_read_as_one_without() {
        let expected = Customer::new("c1", Time(5));
        let Customer {
            id,
            attributes,
            consent,
            arrived_at,
            updated_at,
            activity,
            memory,
            slots,
            wake: _,
            absorbed: _,
            watch: _,
        } = expected.clone();
        let older = WithoutWake { id, attributes, consent, arrived_at, updated_at, activity, memory, slots };
        let bytes = minicbor::to_vec(older).unwrap();
        assert_eq!(minicbor::decode::<Customer>(&bytes).unwrap(), expected);
        assert_eq!(minicbor::to_vec(expected).unwrap(), bytes, "what came later takes no room where it is empty");
    }

    #[test]
    fn a_wake_is_kept_with_the_record() {
        let customer = Customer { wake: Some(Time(-7)), ..Customer::new("c1", Time(5)) };
        let bytes = minicbor::to_vec(&customer).unwrap();
        assert_eq!(minicbor::decode::<Customer>(&bytes).unwrap(), customer);
    }

    fn memory(occurrence: &str, at: i64, enrollments: u32) -> RuleMemory {
        RuleMemory {
            occurrence: occurrence.into(),
            enrolled_at: Time(at),
            enrollments,
            held_out: at % 2 == 0,
            sent_at: None,
        }
    }

    #[test]
    fn of_two_memories_of_a_rule_the_later_stands_and_the_counts_add_up() {
        let remembering = |id: &str, memories: &[(&str, RuleMemory)]| {
            let memory = memories.iter().map(|(rule, memory)| ((*rule).into(), memory.clone())).collect();
            Customer { memory, ..Customer::new(id, Time(5)) }
        };
        let (early, late) = (memory("o1", 1, 2), memory("o2", 2, 3));
        for (ours, theirs) in [(&early, &late), (&late, &early)] {
            let mut customer = remembering("c", &[("a", ours.clone()), ("b", early.clone())]);
            customer.absorb(CustomerNumber(7), remembering("d", &[("a", theirs.clone()), ("c", late.clone())]));
            let expected = [("a", memory("o2", 2, 5)), ("b", early.clone()), ("c", late.clone())];
            assert_eq!(customer.memory, remembering("c", &expected).memory);
        }
    }

    #[test]
    fn places_and_those_absorbed_before_are_taken_over_and_the_earlier_arrival_counts() {
        let slot = |n: u8| CapSlot { class: Class::Marketing, at: Time(n.into()), delivery: DeliveryId([n; 16]) };
        let with = |id: &str, at, slots: &[u8], absorbed: &[u64]| Customer {
            slots: slots.iter().copied().map(slot).collect(),
            absorbed: absorbed.iter().copied().map(CustomerNumber).collect(),
            ..Customer::new(id, Time(at))
        };
        let mut customer = with("c", 5, &[2, 4], &[9]);
        customer.absorb(CustomerNumber(7), with("d", 3, &[1, 3], &[8]));
        assert_eq!(customer, with("c", 3, &[1, 2, 3, 4], &[9, 7, 8]));
        let bytes = minicbor::to_vec(&customer).unwrap();
        assert_eq!(minicbor::decode::<Customer>(&bytes).unwrap(), customer);
    }
}
