//! Lives against what looking all the time would come to, and what is told of them.

use super::{Detail, Happened, Life, Scene, Terms, Timetable};
use crate::calendar;
use crate::domain::{
    Consent, Customer, CustomerNumber, DeliveryKey, Event, Interest, Policy, ProfileRow, Reason, State, Text, Time,
    Value,
};
use crate::engine::Verdict;
use crate::engine::tests::rules;
use crate::rules::{RuleSet, Trigger};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;

const WIN_BACK: &str = "rule: win-back
class: marketing
trigger: {schedule: \"0 10 * * *\", timezone: customer}
when:
- orders.count >= 2
- days_since(orders.last_at) > 60
again_after: 180d
steps:
- email: hello
- {day: 10, email: bye, when: orders.count == at_entry.orders.count}
";

fn t(text: &str) -> Time {
    text.parse().unwrap()
}

/// Runs `story` with a life under the rules that begins in that zone at `start`, and answers what came of it.
fn led(
    set: &RuleSet,
    (zone, start): (&str, &str),
    detail: Detail,
    story: impl FnOnce(&mut Life<'_>, &mut Told),
) -> Told {
    let zone = calendar::zone(zone).unwrap();
    let start = t(start);
    let mut customer = Customer::new("ana", start);
    customer.attributes.insert("email".into(), Value::Text("ana@customers.example".into()));
    let consent = Consent { granted: true, at: start, source: "test".into() };
    customer.consent.insert("marketing".into(), consent);
    let live: BTreeMap<Text, Time> = set.rules.iter().map(|rule| (rule.id.clone(), Time::MIN)).collect();
    let mut interest = Interest::default();
    for rule in &set.rules {
        if let Trigger::Event { name, .. } = &rule.trigger {
            interest.triggers.insert(name.clone());
        }
        let steps = rule.steps.iter().filter_map(|step| step.when.as_ref());
        steps.chain([&rule.when]).chain(&rule.stays).for_each(|condition| interest.merge(condition.interest()));
    }
    interest.triggers.insert("Signed Up".into());
    let timetable = |zone: &TimeZone| {
        let until = start.plus(crate::domain::Span::days(800));
        Arc::new(Timetable::over(set, (&TimeZone::UTC, zone), start, until))
    };
    let terms = Terms {
        rules: set,
        live: &live,
        paused: &|_| None,
        policy: &Policy::default(),
        key: &DeliveryKey::new([7; 32]),
        interest: &interest,
        zone_of: &|_| zone.clone(),
        timetable: &timetable,
        only_to: &[],
        detail,
    };
    let mut told = Told::default();
    let mut one = Life::new(CustomerNumber(1), customer, Vec::new(), start, &terms);
    one.look(&mut told.observer());
    story(&mut one, &mut told);
    told
}

#[derive(Default)]
struct Told(Vec<String>);

impl Told {
    fn observer(&mut self) -> impl FnMut(Happened<'_>, &Scene<'_>) + '_ {
        |happened, scene| {
            let what = match happened {
                Happened::Fired { verdict: Verdict::NoMatch | Verdict::Unknown, .. } | Happened::Asked(_) => return,
                Happened::Fired { rule, verdict } => format!("{rule} {verdict:?}"),
                Happened::Skipped { rule, step } => format!("{rule} skips {step}"),
                Happened::Sent(delivery) => format!("sent {}", delivery.step),
                Happened::Deferred { delivery, until, reason } => format!("{} until {until}: {reason}", delivery.step),
                Happened::Withheld { delivery, state, reason } => format!("{} {state}: {reason}", delivery.step),
                Happened::Ended { rule, ending, .. } => format!("{rule} ended {:?}", ending.reason),
            };
            self.0.push(format!("{} {what}", scene.now));
        }
    }
}

fn buy(life: &mut Life<'_>, told: &mut Told, at: &str) {
    life.run_until(t(at), &mut told.observer());
    let event = Event {
        name: "Order Completed".into(),
        at: t(at),
        received_at: t(at),
        message_id: Some(at.into()),
        properties: BTreeMap::new(),
    };
    life.happen(event, &mut told.observer());
}

#[test]
fn a_life_goes_as_the_design_says() {
    for detail in [Detail::All, Detail::Effects] {
        let told = led(&rules(&[WIN_BACK]), ("Africa/Nairobi", "2026-01-04T21:00:00Z"), detail, |life, told| {
            buy(life, told, "2026-01-05T09:00:00Z");
            buy(life, told, "2026-02-02T09:00:00Z");
            life.run_until(t("2026-04-20T00:00:00Z"), &mut told.observer());
        });
        let sent: Vec<&String> = told.0.iter().filter(|line| !line.contains("Held(AgainAfter)")).collect();
        let entered = "2026-04-04T07:00:00Z win-back Enrolled { emails: 1, webhooks: 0, capped: 0 }";
        let expected = [
            entered,
            "2026-04-04T07:00:00Z sent hello",
            "2026-04-14T07:00:00Z win-back ended None",
            "2026-04-14T07:00:00Z sent bye",
        ];
        assert_eq!(sent, expected);
        assert_eq!(told.0.len() > sent.len(), detail == Detail::All, "who is kept out is told of, too");
    }
}

#[test]
fn a_step_that_is_not_wanted_any_more_is_told_of() {
    let told = led(&rules(&[WIN_BACK]), ("UTC", "2026-01-05T00:00:00Z"), Detail::Effects, |life, told| {
        buy(life, told, "2026-01-05T09:00:00Z");
        buy(life, told, "2026-02-02T09:00:00Z");
        buy(life, told, "2026-04-06T09:00:00Z");
        life.run_until(t("2026-05-20T00:00:00Z"), &mut told.observer());
    });
    assert_eq!(told.0[2..], ["2026-04-14T10:00:00Z win-back skips bye", "2026-04-14T10:00:00Z win-back ended None"]);
}

#[test]
fn gates_hold_put_off_and_suppress() {
    let quiet = WIN_BACK.replace("0 10 * * *", "0 22 * * *");
    let told = led(&rules(&[&quiet]), ("UTC", "2026-01-05T00:00:00Z"), Detail::Effects, |life, told| {
        buy(life, told, "2026-01-05T09:00:00Z");
        buy(life, told, "2026-01-06T09:00:00Z");
        life.run_until(t("2026-03-09T00:00:00Z"), &mut told.observer());
        let withdrawn = ProfileRow {
            effective_at: Time::MIN,
            attributes: BTreeMap::new(),
            consent: [("marketing".into(), false)].into(),
            source: "test".into(),
            received_at: Time::MIN,
            proof: None,
        };
        life.learn(&withdrawn, &mut told.observer());
        life.run_until(t("2026-05-20T00:00:00Z"), &mut told.observer());
    });
    let held = format!("{:?}", State::Suppressed).to_lowercase();
    let expected = [
        "2026-03-08T22:00:00Z win-back Enrolled { emails: 1, webhooks: 0, capped: 0 }".to_owned(),
        format!("2026-03-08T22:00:00Z hello until 2026-03-09T08:00:00Z: {}", Reason::QuietHours),
        format!("2026-03-09T08:00:00Z hello {held}: {}", Reason::NoConsent),
        "2026-03-18T22:00:00Z win-back ended None".to_owned(),
        format!("2026-03-18T22:00:00Z bye {held}: {}", Reason::NoConsent),
    ];
    assert_eq!(told.0, expected);
}

const LETTER: &str = "rule: letter
class: service
trigger: {schedule: \"0 10 * * *\"}
when: orders.count >= 1
again_after: never
steps:
- email: hello
";

#[test]
fn what_holds_from_now_on_fires_no_tick_of_before() {
    for detail in [Detail::All, Detail::Effects] {
        let told = led(&rules(&[LETTER]), ("UTC", "2026-01-05T00:00:00Z"), detail, |life, told| {
            buy(life, told, "2026-01-20T12:00:00Z");
            life.run_until(t("2026-02-20T00:00:00Z"), &mut told.observer());
        });
        let sent: Vec<&String> = told.0.iter().filter(|line| line.contains("sent")).collect();
        assert_eq!(sent, ["2026-01-21T10:00:00Z sent hello"]);
    }
}

fn order(at: Time, id: usize) -> Event {
    Event {
        name: "Order Completed".into(),
        at,
        received_at: at,
        message_id: Some(format!("m{id}").into()),
        properties: BTreeMap::new(),
    }
}

const AT_ONCE: &str = "rule: at-once
class: service
trigger: {event: Order Completed}
when: count(\"Order Completed\", days(30)) == 200
steps:
- email: hello
";

#[test]
fn what_arrives_together_is_looked_at_once_and_windows_are_whole_however_many_events_they_hold() {
    let set = rules(&[AT_ONCE]);
    let told = led(&set, ("UTC", "2026-01-05T00:00:00Z"), Detail::Effects, |life, told| {
        let mut at = t("2026-01-05T00:00:00Z");
        for n in 0..198 {
            at = at.plus(crate::domain::Span::hours(1));
            life.receive(at, None, vec![order(at, n)], &mut told.observer());
        }
        let at = at.plus(crate::domain::Span::hours(1));
        life.receive(at, None, vec![order(at, 198), order(at, 199), order(at, 200)], &mut told.observer());
        life.run_until(t("2026-03-20T00:00:00Z"), &mut told.observer());
    });
    assert_eq!(told.0, Vec::<String>::new(), "201 at once: 200 was never seen");
    let told = led(&set, ("UTC", "2026-01-05T00:00:00Z"), Detail::Effects, |life, told| {
        let mut at = t("2026-01-05T00:00:00Z");
        for n in 0..300 {
            at = at.plus(crate::domain::Span::hours(1));
            life.receive(at, None, vec![order(at, n)], &mut told.observer());
        }
    });
    assert_eq!(told.0.iter().filter(|line| line.contains("sent")).count(), 1);
}

#[test]
fn what_a_life_is_told_happens_now_whatever_time_it_bears() {
    let told = led(&rules(&[LETTER]), ("UTC", "2026-01-05T00:00:00Z"), Detail::All, |life, told| {
        let at = t("2026-01-20T12:00:00Z");
        let row = ProfileRow {
            effective_at: Time::MIN,
            attributes: [("country".into(), Some(Value::Text("KE".into())))].into(),
            consent: [("offers".into(), true)].into(),
            source: "test".into(),
            received_at: Time::MIN,
            proof: None,
        };
        life.receive(at, Some(&row), vec![order(Time::MIN, 1)], &mut told.observer());
        assert_eq!(life.customer().consent["offers"].at, at);
        assert_eq!(life.customer().activity.orders.last_at, Some(at));
        assert_eq!(life.customer().watch.pending.len(), 0);
    });
    assert!(told.0.is_empty());
}

#[test]
fn what_was_there_before_a_life_began_goes_out_once_and_is_not_made_again() {
    let at_once = LETTER
        .replace("{schedule: \"0 10 * * *\"}", "{event: Order Completed}")
        .replace("orders.count >= 1", "everyone");
    let set = rules(&[&at_once]);
    let buys = |life: &mut Life<'_>, told: &mut Told, id: usize| {
        life.happen(order(life.now(), id), &mut told.observer());
        life.run_until(life.now().plus(crate::domain::Span::days(1)), &mut told.observer());
    };
    let start = ("UTC", "2026-01-05T00:00:00Z");
    let mut asked = None;
    led(&set, start, Detail::All, |life, told| {
        let mut keep = |happened: Happened<'_>, _: &Scene<'_>| {
            if let Happened::Asked(delivery) = happened {
                asked = Some(delivery.clone());
            }
        };
        life.happen(order(life.now(), 1), &mut keep);
        buys(life, told, 2);
    });
    let asked = asked.unwrap();
    let told = led(&set, start, Detail::All, |life, told| {
        life.queue(asked.clone());
        life.enrolled("letter", "m1");
        buys(life, told, 1);
    });
    assert_eq!(told.0, ["2026-01-05T00:00:00Z sent hello"]);
    let told = led(&set, start, Detail::All, |life, told| {
        life.suppress(true);
        buys(life, told, 1);
        life.suppress(false);
    });
    assert_eq!(told.0[1..], ["2026-01-05T00:00:00Z hello suppressed: suppressed"]);
}
