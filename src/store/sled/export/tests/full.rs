//! Records of which every field is set: a field that is new has to be given a value here, and then a name in `records`.

use super::super::records;
use super::super::shape::{Shape, to_bytes, to_json};
use crate::domain::{
    Active, Activity, Anchor, CapSlot, Class, Consent, Conversion, Customer, CustomerNumber, Delivery, DeliveryId,
    Ending, Enrollment, Entry, Event, Membership, Number, Orders, Payload, Pending, ProfileRow, Proof, Reason, Recent,
    RuleMemory, RuleState, State, Stopped, Tick, TickCounts, TickMember, Time, Totals, Value, Watch,
};
use jiff::civil::date;

fn number(text: &str) -> Number {
    text.parse().unwrap()
}

fn event() -> Event {
    Event {
        name: "Order Completed".into(),
        at: Time(-1),
        received_at: Time(1_700_000_000_123),
        message_id: Some("m".into()),
        properties: [("p".into(), Value::Bool(true)), ("q".into(), Value::List(vec![Value::Time(Time(5))]))].into(),
    }
}

fn active() -> Active {
    Active {
        rule: "r".into(),
        occurrence: "o".into(),
        entered_at: Time(1),
        held_out: true,
        anchor: Some(date(1956, 2, 29)),
        done: vec!["s".into()],
        entry: Entry { values: [("v".into(), Value::Number(number("0.000001")))].into(), event: Some(event()) },
        unsent_until: Some(Time(2)),
        instant: Some(Time(3)),
    }
}

fn watch() -> Watch {
    Watch {
        segments: [("gold".into(), Membership { inside: true, crossings: 3, meaning: u64::MAX })].into(),
        holding: ["r".into()].into(),
        pending: vec![Pending { id: "i".into(), event: event(), waiting: Some(["r".into()].into()) }],
        anchors: [("a".into(), Anchor { date: date(2300, 1, 1), since: Time::MIN, instant: Some(Time::MAX) })].into(),
        active: vec![active()],
        stopped: vec![Stopped { rule: "r".into(), occurrence: "o".into(), reason: Reason::Stopped, until: Time(9) }],
        quiet: true,
        moved: vec![active()],
    }
}

fn customer() -> Customer {
    let totals = Totals {
        name: "Order Completed".into(),
        count: 2,
        first_at: Time(1),
        last_at: Time(i64::MAX),
        sums: vec![number("-99999999999999999999"), number("2.5")],
        last_values: vec![None, Some((Time(4), Value::Text("x".into())))],
        recent: vec![Recent { at: Time(1), numbers: vec![None, Some(number("7"))] }],
        sum_names: vec!["a".into()],
        last_names: vec!["b".into(), "c".into()],
    };
    let orders = Orders {
        count: 1,
        revenue: number("0.1"),
        first_at: Some(Time(1)),
        last_at: Some(Time(2)),
        recent: vec![Time(1), Time(2)],
    };
    let memory = RuleMemory {
        occurrence: "o".into(),
        enrolled_at: Time(1),
        enrollments: 2,
        held_out: true,
        sent_at: Some(Time(3)),
    };
    Customer {
        id: "c\u{1f980}".into(),
        attributes: [("map".into(), Value::Map([("date".into(), Value::Text("x".into()))].into()))].into(),
        consent: [("offers".into(), Consent { granted: false, at: Time(1), source: "import".into() })].into(),
        arrived_at: Time(1),
        updated_at: Time::MIN,
        activity: Activity { fingerprint: u64::MAX, uncounted_from: Some(Time(8)), orders, totals: vec![totals] },
        memory: [("r".into(), memory)].into(),
        slots: vec![CapSlot { class: Class::Service, at: Time(1), delivery: DeliveryId([9; 16]) }],
        wake: Some(Time(7)),
        absorbed: vec![CustomerNumber(u64::MAX)],
        watch: watch(),
    }
}

fn counts() -> TickCounts {
    TickCounts {
        evaluated: 1,
        matched: 2,
        unknown: 3,
        enrolled: 4,
        held_out: 5,
        held: [(Reason::UnknownValue, 2), (Reason::NoConsent, 1)].into(),
        deliveries: 6,
    }
}

pub(super) fn rule_state() -> RuleState {
    RuleState {
        paused: Some(Reason::Brake),
        paused_at: Some(Time(1)),
        live_since: Some(Time(2)),
        trigger: "schedule".into(),
        volume: vec![(Time(1), 2)],
        last_tick: Some((Time(3), counts())),
        steps: [("s".into(), Time(4))].into(),
    }
}

fn delivery(payload: Payload) -> Delivery {
    Delivery {
        id: DeliveryId([1; 16]),
        rule: "r".into(),
        step: "s".into(),
        customer: CustomerNumber(7),
        customer_id: "c".into(),
        occurrence: "o".into(),
        payload,
        class: Class::Marketing,
        topic: Some("offers".into()),
        state: State::Uncertain,
        created_at: Time(1),
        due_at: Time(2),
        expires_at: Time(3),
        attempts: 4,
        sent_at: Some(Time(5)),
        reason: Some(Reason::OnlyTo),
        last_error: Some("421 \"no\"".into()),
        tick: Some(Time(6)),
        uncertain: 7,
        attempted_at: Some(Time(8)),
        entry: Some(Box::new(active().entry)),
        later: true,
    }
}

fn holds<T: minicbor::Encode<()>>(shape: Shape, record: &T) {
    let bytes = minicbor::to_vec(record).unwrap();
    let json = to_json(shape, &bytes).unwrap();
    let text = json.to_string();
    assert!(!text.contains("\"#"), "a field has no name: {text}");
    let mut again = Vec::new();
    to_bytes(shape, &serde_json::from_str(&text).unwrap(), &mut again).unwrap();
    assert_eq!(again, bytes, "{text}");
}

#[test]
fn every_field_of_every_record_has_a_name_and_comes_back() {
    holds(records::CUSTOMER, &customer());
    holds(records::CUSTOMER, &Customer::new("c", Time(5)));
    holds(records::EVENT, &event());
    holds(records::RULE, &rule_state());
    holds(records::RULE, &RuleState::default());
    holds(records::DELIVERY, &delivery(Payload::Email { template: "t".into() }));
    holds(records::DELIVERY, &delivery(Payload::Webhook { endpoint: "crm".into(), body: "{\"a\": 1.0}".into() }));
    let member = TickMember {
        rule: "r".into(),
        zone: "UTC".into(),
        of_customers: true,
        occurrence: "o".into(),
        counts: counts(),
    };
    holds(records::TICK, &Tick { at: Time(1), members: vec![member], cursor: Some(CustomerNumber(3)), complete: true });
    let conversion = Conversion { at: Time(2), event: "m".into(), value: Some(number("3.25")) };
    let ending = Ending { at: Time(1), reason: Some(Reason::GoalReached), conversion: Some(conversion) };
    holds(
        records::ENROLLMENT,
        &Enrollment {
            rule: "r".into(),
            occurrence: "o".into(),
            entered_at: Time(1),
            held_out: true,
            deliveries: vec![DeliveryId([3; 16])],
            class: Class::Marketing,
            ending: Some(ending),
        },
    );
    holds(
        records::PROFILE,
        &ProfileRow {
            effective_at: Time::MIN,
            attributes: [("a".into(), None), ("b".into(), Some(Value::Date(date(2024, 2, 29))))].into(),
            consent: [("offers".into(), true)].into(),
            source: "s".into(),
            received_at: Time(1),
            proof: Some(Proof {
                at: Some(Time(0)),
                wording: Some("w".into()),
                caller: Some("c".into()),
                file: Some("f".into()),
            }),
        },
    );
}
