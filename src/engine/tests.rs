use super::{
    Decided, Firing, Gate, GateInput, Moment, Verdict, decide, gate, is_held_out, keeps_slot, limit, over_brake,
};
use crate::domain::{
    Activity, CapSlot, Class, Consent, Customer, CustomerNumber, Delivery, DeliveryId, DeliveryKey, Orders, Policy,
    Reason, RuleMemory, RuleState, Schema, Span, State, Time, Value,
};
use crate::rules::{self, Names, Rule, RuleSet, SourceFile};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::LazyLock;

static KEY: LazyLock<DeliveryKey> = LazyLock::new(|| DeliveryKey::new([3; 32]));

/// 2026-03-10T10:00Z, a Tuesday.
const NOON: Time = Time(1_773_136_800_000);

pub(super) fn rules(texts: &[&str]) -> RuleSet {
    let schema = Schema::default();
    let topics = [("offers".to_owned(), "Offers".to_owned())].into();
    let endpoints = ["crm".to_owned()].into();
    let templates = ["hello".to_owned(), "bye".to_owned()].into();
    let names = Names {
        schema: &schema,
        topics: &topics,
        endpoints: &endpoints,
        templates: &templates,
        business_zone: &TimeZone::UTC,
        can_mail: true,
    };
    let files: Vec<SourceFile> = texts
        .iter()
        .map(|text| {
            let id = text.trim_start().trim_start_matches("rule: ").lines().next().unwrap();
            SourceFile { path: format!("rules/{id}.yaml").into(), content: Ok(text.as_bytes().to_vec()) }
        })
        .collect();
    let (set, problems) = rules::compile(&files, &names);
    assert!(!problems.iter().any(crate::domain::Diagnostic::is_error), "{problems:?}");
    set
}

fn marketing(id: &str, extra: &str) -> String {
    format!(
        "rule: {id}\nclass: marketing\ntrigger: {{schedule: \"0 10 * * *\"}}\nwhen: orders.count >= 2\nagain_after: 30d\n{extra}\nsteps:\n- email: hello\n"
    )
}

fn one(text: &str) -> Arc<Rule> {
    Arc::clone(&rules(&[text]).rules[0])
}

fn buyer() -> Customer {
    let mut customer = Customer::new("wanjiru", Time(0));
    customer.attributes.insert("email".into(), Value::Text("wanjiru@customers.example".into()));
    customer.consent.insert("marketing".into(), Consent { granted: true, at: Time(0), source: "test".into() });
    customer.activity = Activity { orders: Orders { count: 2, ..Orders::default() }, ..Activity::default() };
    customer
}

fn decide_at(customer: &Customer, rules: &[Arc<Rule>], at: Time) -> Decided {
    let policy = Policy::default();
    let firings: Vec<Firing<'_>> =
        rules.iter().map(|rule| Firing { rule, occurrence: "2026-03-10T10:00", paused: None }).collect();
    let moment = Moment { at, tick: Some(at), policy: &policy, key: &KEY };
    decide(CustomerNumber(1), customer, &TimeZone::UTC, &firings, &moment)
}

fn verdict(customer: &Customer, text: &str) -> Verdict {
    decide_at(customer, &[one(text)], NOON).verdicts.remove(0)
}

const ENROLLED: Verdict = Verdict::Enrolled { emails: 1, webhooks: 0, capped: 0 };

#[test]
fn a_match_with_consent_is_enrolled_and_remembered() {
    let decided = decide_at(&buyer(), &[one(&marketing("a", ""))], NOON);
    assert_eq!(decided.verdicts, [ENROLLED]);
    let delivery = &decided.deliveries[0];
    assert_eq!(delivery.id, KEY.delivery_id("a", "wanjiru", "2026-03-10T10:00", "hello"));
    assert_eq!((delivery.state, delivery.due_at), (State::Queued, NOON));
    assert_eq!(decided.memories[0].1.enrolled_at, NOON);
    assert_eq!(decided.enrollments[0].deliveries, [delivery.id]);
    assert_eq!(decided.slots.len(), 1);
    assert!(!decided.is_empty());
}

#[test]
fn the_same_arguments_give_the_same_effects() {
    let rule = one(&marketing("a", "holdout: 50%"));
    assert_eq!(decide_at(&buyer(), &[Arc::clone(&rule)], NOON), decide_at(&buyer(), &[rule], NOON));
}

#[test]
fn no_match_and_unknown_make_nothing() {
    let mut customer = buyer();
    customer.activity.orders.count = 1;
    assert_eq!(verdict(&customer, &marketing("a", "")), Verdict::NoMatch);
    let unknown = marketing("a", "").replace("orders.count >= 2", "customer.country == \"KE\"");
    assert_eq!(verdict(&buyer(), &unknown), Verdict::Unknown);
}

#[test]
fn people_who_opted_out_get_no_marketing_and_still_get_service() {
    let mut customer = buyer();
    customer.consent.clear();
    assert_eq!(verdict(&customer, &marketing("a", "")), Verdict::Held(Reason::NoConsent));
    let service = marketing("a", "").replace("class: marketing", "class: service");
    assert_eq!(verdict(&customer, &service), ENROLLED);
}

#[test]
fn a_topic_that_was_declined_holds_and_one_never_asked_does_not() {
    let text = marketing("a", "topic: offers");
    assert_eq!(verdict(&buyer(), &text), ENROLLED);
    let mut customer = buyer();
    customer.consent.insert("offers".into(), Consent { granted: false, at: Time(0), source: "test".into() });
    assert_eq!(verdict(&customer, &text), Verdict::Held(Reason::NoConsent));
}

#[test]
fn again_after_counts_elapsed_time_from_the_last_enrollment() {
    let remembering = |days: i64, occurrence: &str| {
        let mut customer = buyer();
        let memory = RuleMemory {
            occurrence: occurrence.into(),
            enrolled_at: NOON.minus(Span::days(days)),
            enrollments: 1,
            held_out: false,
            sent_at: None,
        };
        customer.memory.insert("a".into(), memory);
        customer
    };
    let text = marketing("a", "");
    assert_eq!(verdict(&remembering(29, "2026-02-09T10:00"), &text), Verdict::Held(Reason::AgainAfter));
    assert_eq!(verdict(&remembering(30, "2026-02-08T10:00"), &text), ENROLLED);
    let never = text.replace("again_after: 30d", "again_after: never");
    assert_eq!(verdict(&remembering(3000, "2018-01-01T10:00"), &never), Verdict::Held(Reason::AgainAfter));
}

#[test]
fn the_same_local_time_in_a_new_zone_is_no_new_occurrence() {
    let mut customer = buyer();
    let memory = RuleMemory {
        occurrence: "2026-03-10T10:00".into(),
        enrolled_at: NOON.minus(Span::days(40)),
        enrollments: 1,
        held_out: false,
        sent_at: None,
    };
    customer.memory.insert("a".into(), memory);
    assert_eq!(verdict(&customer, &marketing("a", "")), Verdict::Held(Reason::AgainAfter));
}

#[test]
fn a_paused_rule_lets_nobody_in_and_uses_nothing_up() {
    let rule = one(&marketing("a", ""));
    let policy = Policy::default();
    let firing = Firing { rule: &rule, occurrence: "o", paused: Some(Reason::Brake) };
    let moment = Moment { at: NOON, tick: None, policy: &policy, key: &KEY };
    let decided = decide(CustomerNumber(1), &buyer(), &TimeZone::UTC, &[firing], &moment);
    assert_eq!(decided.verdicts, [Verdict::Held(Reason::Brake)]);
    assert!(decided.is_empty() && decided.memories.is_empty() && decided.slots.is_empty());
}

#[test]
fn under_a_cap_the_higher_priority_gets_the_only_place() {
    let set = rules(&[&marketing("a-low", "priority: 1"), &marketing("b-high", "priority: 9")]);
    let decided = decide_at(&buyer(), &set.rules, NOON);
    assert_eq!(set.rules[0].id, "b-high");
    assert_eq!(decided.verdicts[0], ENROLLED);
    assert_eq!(decided.verdicts[1], Verdict::Enrolled { emails: 0, webhooks: 0, capped: 1 });
    let capped = &decided.deliveries[1];
    assert_eq!((capped.state, capped.reason), (State::Suppressed, Some(Reason::FrequencyCap)));
    assert_eq!(decided.slots.len(), 1);
}

#[test]
fn a_holdout_sends_nothing_and_is_an_enrollment() {
    let decided = decide_at(&buyer(), &[one(&marketing("a", "holdout: 100%"))], NOON);
    assert_eq!(decided.verdicts, [Verdict::HeldOut]);
    assert!(decided.deliveries.is_empty() && decided.slots.is_empty());
    assert!(decided.enrollments[0].held_out && decided.memories[0].1.held_out);
}

#[test]
fn a_tenth_is_held_out_and_another_tenth_by_another_rule() {
    let (a, b) = (one(&marketing("a", "holdout: 10%")), one(&marketing("b", "holdout: 10%")));
    let ids: Vec<String> = (0..20_000).map(|number| format!("c{number}")).collect();
    let held = |rule: &Rule| ids.iter().filter(|id| is_held_out(rule, id)).count();
    assert!((1850..2150).contains(&held(&a)), "{}", held(&a));
    let both = ids.iter().filter(|id| is_held_out(&a, id) && is_held_out(&b, id)).count();
    assert!((120..290).contains(&both), "{both}");
}

#[test]
fn who_is_held_out_stays_so_for_ever_and_the_share_ends_where_it_says() {
    // Customers who drew 999 and 1000 of 10,000: a version that draws otherwise would write to those it kept apart.
    let rule = one(&marketing("a", "holdout: 10%"));
    assert!(is_held_out(&rule, "c6694") && !is_held_out(&rule, "c4231"));
}

#[test]
fn every_rule_that_enrolls_at_one_instant_is_remembered() {
    let mut customer = buyer();
    let set = rules(&[&marketing("a", ""), &marketing("b", "")]);
    let decided = decide_at(&customer, &set.rules, NOON);
    assert_eq!(decided.enrollments.len(), 2);
    customer.memory.extend(decided.memories);
    let tomorrow = decide_at(&customer, &set.rules, NOON.plus(Span::days(1)));
    assert_eq!(tomorrow.verdicts, [Verdict::Held(Reason::AgainAfter), Verdict::Held(Reason::AgainAfter)]);
}

#[test]
fn webhooks_take_no_place_under_a_cap_and_wait_for_none() {
    let steps = "steps:\n- webhook: {to: crm, type: a.b, data: {}}\n- {id: more, webhook: {to: crm, type: a.c, data: {}}}\n- email: hello\n";
    let text = marketing("a", "").replace("steps:\n- email: hello\n", steps);
    let (mut customer, rule) = (buyer(), one(&text));
    let decided = decide_at(&customer, std::slice::from_ref(&rule), NOON);
    assert_eq!(decided.verdicts, [Verdict::Enrolled { emails: 1, webhooks: 2, capped: 0 }]);
    assert_eq!(decided.slots.iter().map(|slot| slot.delivery).collect::<Vec<_>>(), [decided.deliveries[2].id]);
    customer.reserve(CapSlot {
        class: Class::Marketing,
        at: NOON.minus(Span::hours(1)),
        delivery: DeliveryId([9; 16]),
    });
    let decided = decide_at(&customer, &[rule], NOON);
    assert_eq!(decided.verdicts, [Verdict::Enrolled { emails: 0, webhooks: 2, capped: 1 }]);
}

fn queued(customer: &Customer, rule: &Arc<Rule>) -> Delivery {
    decide_at(customer, std::slice::from_ref(rule), NOON).deliveries.remove(0)
}

struct At<'a> {
    customer: &'a Customer,
    rule: Option<&'a Rule>,
    now: Time,
    suppressed: bool,
    only_to: &'a [String],
    paused: Option<Reason>,
}

fn at<'a>(customer: &'a Customer, rule: &'a Rule) -> At<'a> {
    At { customer, rule: Some(rule), now: NOON, suppressed: false, only_to: &[], paused: None }
}

fn ask(delivery: &Delivery, at: &At<'_>) -> Gate {
    let policy = Policy::default();
    gate(&GateInput {
        delivery,
        rule: at.rule,
        paused: at.paused,
        customer: at.customer,
        zone: &TimeZone::UTC,
        now: at.now,
        policy: &policy,
        suppressed: at.suppressed,
        only_to: at.only_to,
    })
}

#[test]
fn every_gate_stops_with_its_own_reason() {
    let (customer, rule) = (buyer(), one(&marketing("a", "")));
    let delivery = queued(&customer, &rule);
    assert_eq!(ask(&delivery, &at(&customer, &rule)), Gate::Go);
    let mut back = customer.clone();
    back.activity.orders.count = 0;
    assert_eq!(ask(&delivery, &at(&back, &rule)), Gate::Cancel(Reason::NotWanted));
    let mut nowhere = customer.clone();
    nowhere.attributes.clear();
    assert_eq!(ask(&delivery, &at(&nowhere, &rule)), Gate::Suppress(Reason::NoAddress));
    let mut withdrawn = customer.clone();
    withdrawn.consent.clear();
    assert_eq!(ask(&delivery, &at(&withdrawn, &rule)), Gate::Suppress(Reason::NoConsent));
    assert_eq!(ask(&delivery, &At { rule: None, ..at(&customer, &rule) }), Gate::Cancel(Reason::RuleRemoved));
    assert_eq!(ask(&delivery, &At { paused: Some(Reason::Brake), ..at(&customer, &rule) }), Gate::Hold(Reason::Brake));
    assert_eq!(ask(&delivery, &At { suppressed: true, ..at(&customer, &rule) }), Gate::Suppress(Reason::Suppressed));
    let late = At { now: NOON.plus(Span::days(3)), ..at(&customer, &rule) };
    assert_eq!(ask(&delivery, &late), Gate::Cancel(Reason::Expired));
    let mut full = customer.clone();
    full.reserve(CapSlot { class: Class::Marketing, at: NOON.minus(Span::hours(1)), delivery: DeliveryId([9; 16]) });
    assert_eq!(ask(&delivery, &at(&full, &rule)), Gate::Suppress(Reason::FrequencyCap));
}

#[test]
fn a_staging_copy_writes_only_to_those_listed() {
    let (customer, rule) = (buyer(), one(&marketing("a", "")));
    let delivery = queued(&customer, &rule);
    for (entry, passes) in [("@customers.example", true), ("Wanjiru@Customers.Example", true), ("@example", false)] {
        let only_to = [entry.to_owned()];
        let answer = ask(&delivery, &At { only_to: &only_to, ..at(&customer, &rule) });
        assert_eq!(answer, if passes { Gate::Go } else { Gate::Suppress(Reason::OnlyTo) }, "{entry}");
    }
}

#[test]
fn a_domain_beyond_ascii_is_listed_however_it_is_written() {
    for (address, entry) in [
        ("a@b\u{fc}cher.example", "@xn--bcher-kva.example"),
        ("a@xn--bcher-kva.example", "@b\u{fc}cher.example"),
        ("a@xn--bcher-kva.example", "A@B\u{dc}CHER.example"),
    ] {
        assert!(super::is_listed(address, &[entry.to_owned()]), "{address} {entry}");
    }
}

#[test]
fn quiet_hours_put_a_mail_off_to_their_end_and_a_deferral_keeps_its_place() {
    let (mut customer, rule) = (buyer(), one(&marketing("a", "")));
    let delivery = queued(&customer, &rule);
    customer.reserve(CapSlot { class: Class::Marketing, at: NOON, delivery: delivery.id });
    let evening = NOON.plus(Span::hours(11));
    let answer = ask(&delivery, &At { now: evening, ..at(&customer, &rule) });
    assert_eq!(answer, Gate::Defer(NOON.plus(Span::hours(22)), Reason::QuietHours));
}

#[test]
fn a_mail_that_goes_out_much_later_or_on_another_day_takes_its_place_anew() {
    let (mut customer, rule) = (buyer(), one(&marketing("a", "")));
    let delivery = queued(&customer, &rule);
    let keeps = |delivery: &Delivery, customer: &Customer, now| keeps_slot(delivery, customer, &TimeZone::UTC, now);
    assert!(!keeps(&delivery, &customer, NOON), "there is no place to keep");
    let slot = CapSlot { class: Class::Marketing, at: NOON, delivery: delivery.id };
    customer.reserve(CapSlot { delivery: DeliveryId([9; 16]), ..slot });
    assert!(!keeps(&delivery, &customer, NOON), "the place is another mail's");
    customer.reserve(slot);
    let later = |span| NOON.plus(span);
    assert!(keeps(&delivery, &customer, later(Span(Span::minutes(10).0 - 1))));
    assert!(!keeps(&delivery, &customer, later(Span::minutes(10))));
    let midnight = later(Span::hours(14));
    customer.reserve(CapSlot { at: midnight.minus(Span(1)), ..slot });
    assert!(keeps(&delivery, &customer, midnight.minus(Span(1))) && !keeps(&delivery, &customer, midnight));
    let service = Delivery { class: Class::Service, ..delivery.clone() };
    let payload = crate::domain::Payload::Webhook { endpoint: "crm".into(), body: String::new() };
    let webhook = Delivery { payload, ..delivery };
    assert!(keeps(&service, &customer, midnight) && keeps(&webhook, &customer, midnight), "no cap counts these");
}

#[test]
fn webhooks_obey_still_wanted_and_expiry_only() {
    let text = "rule: a\nclass: marketing\ntrigger: {schedule: \"0 10 * * *\"}\nwhen: orders.count >= 2\nagain_after: 30d\nsteps:\n- webhook: {to: crm, type: customer.at_risk, data: {}}\n";
    let rule = one(text);
    let customer = buyer();
    let delivery = queued(&customer, &rule);
    let mut bare = customer.clone();
    bare.attributes.clear();
    bare.consent.clear();
    let evening = At { now: NOON.plus(Span::hours(11)), suppressed: true, ..at(&bare, &rule) };
    assert_eq!(ask(&delivery, &evening), Gate::Go);
    bare.activity.orders.count = 0;
    assert_eq!(ask(&delivery, &at(&bare, &rule)), Gate::Cancel(Reason::NotWanted));
}

#[test]
fn the_brake_knows_the_first_day_the_usual_volume_and_the_rules_own_word() {
    let rule = one(&marketing("a", ""));
    let mut state = RuleState { live_since: Some(NOON.minus(Span::hours(2))), ..RuleState::default() };
    assert_eq!(limit(&rule, &state, 100, NOON), 50);
    assert_eq!(limit(&rule, &state, 10_000, NOON), 1000);
    state.live_since = Some(NOON.minus(Span::days(20)));
    assert_eq!(limit(&rule, &state, 10_000, NOON), 1000, "a monthly rule has its first day later");
    super::add_volume(&rule, &mut state, NOON.minus(Span::days(3)), 20);
    super::add_volume(&rule, &mut state, NOON.minus(Span::days(2)), 10);
    super::add_volume(&rule, &mut state, NOON.minus(Span::days(2)), 10);
    assert_eq!(limit(&rule, &state, 10_000, NOON), 200);
    assert!(!over_brake(&rule, &state, 200, 10_000, NOON));
    assert!(over_brake(&rule, &state, 201, 10_000, NOON));
    let own = one(&marketing("a", "pause_if: {more_than: 5, per: 7d}"));
    assert!(over_brake(&own, &state, 1, 10_000, NOON), "40 went out in the last 7 days");
}

#[test]
fn a_rules_first_day_is_over_after_a_day_whatever_it_has_made() {
    let rule = one(&marketing("a", ""));
    let state = |live: Span| {
        let mut state = RuleState { live_since: Some(NOON.minus(live)), ..RuleState::default() };
        super::add_volume(&rule, &mut state, NOON.minus(Span::hours(1)), 3);
        state
    };
    assert_eq!(limit(&rule, &state(Span::hours(2)), 10_000, NOON), 1000);
    assert_eq!(limit(&rule, &state(Span(Span::days(1).0 - 1)), 10_000, NOON), 1000);
    assert_eq!(limit(&rule, &state(Span::days(1)), 10_000, NOON), 50);
}

#[test]
fn what_is_usual_is_counted_by_whole_days_and_today_is_none_of_them() {
    let rule = one(&marketing("a", ""));
    let mut state = RuleState::default();
    for (hours, count) in [(76, 30), (75, 30), (50, 20), (23, 500)] {
        super::add_volume(&rule, &mut state, NOON.minus(Span::hours(hours)), count);
    }
    assert_eq!(super::usual(&state, NOON), Some(40));
}

#[test]
fn what_went_out_just_as_long_ago_as_the_brake_looks_back_is_not_counted() {
    let rule = one(&marketing("a", "pause_if: {more_than: 5, per: 1d}"));
    let mut state = RuleState::default();
    super::add_volume(&rule, &mut state, NOON.minus(Span::days(1)), 5);
    assert!(!over_brake(&rule, &state, 5, 10_000, NOON));
    assert!(over_brake(&rule, &state, 5, 10_000, NOON.minus(Span(1))));
}

#[test]
fn only_a_rule_that_acts_at_once_and_says_how_much_is_too_much_is_braked_at_once() {
    let at_once = |own: &str| {
        one(&format!(
            "rule: a\nclass: service\ntrigger: {{event: Order Completed}}\nwhen: everyone\n{own}steps: [{{email: hello}}]\n"
        ))
    };
    assert!(super::brakes_at_once(&at_once("pause_if: {more_than: 5, per: 1d}\n")));
    assert!(!super::brakes_at_once(&at_once("")));
    let scheduled = one(&marketing("a", "pause_if: {more_than: 5, per: 10m}"));
    assert!(!super::brakes_at_once(&scheduled));
    // So what a schedule made is kept for the usual volume, however short its brake looks back.
    let mut state = RuleState::default();
    super::add_volume(&scheduled, &mut state, NOON.minus(Span::days(2)), 20);
    super::add_volume(&scheduled, &mut state, NOON, 1);
    assert_eq!(super::usual(&state, NOON), Some(20));
}

#[test]
fn a_brake_over_many_days_forgets_none_of_them() {
    let rule = one(&marketing("a", "pause_if: {more_than: 5, per: 60d}"));
    let mut state = RuleState::default();
    super::add_volume(&rule, &mut state, NOON.minus(Span::days(50)), 5);
    super::add_volume(&rule, &mut state, NOON.minus(Span::days(1)), 0);
    super::add_volume(&rule, &mut state, NOON.minus(Span::days(1)), 1);
    assert!(over_brake(&rule, &state, 0, 10_000, NOON));
}

#[test]
fn what_a_rule_makes_at_once_is_kept_finely_and_no_longer_than_its_brake_asks() {
    let text = "rule: a\nclass: service\ntrigger: {event: Order Completed}\nwhen: everyone\npause_if: {more_than: 60, per: 10m}\nsteps: [{email: hello}]\n";
    let rule = one(text);
    let mut state = RuleState::default();
    for second in 0..3600 {
        super::add_volume(&rule, &mut state, NOON.plus(Span::seconds(second)), 1);
        assert!(state.volume.len() <= 61, "{}", state.volume.len());
    }
    let later = |seconds: i64| NOON.plus(Span::seconds(3599 + seconds));
    assert!(over_brake(&rule, &state, 0, 9, later(0)));
    assert!(over_brake(&rule, &state, 0, 9, later(530)), "70 are left of the ten minutes");
    assert!(!over_brake(&rule, &state, 0, 9, later(550)), "and here 50, in whatever part they were made");
}

proptest! {
    #[test]
    fn no_day_has_more_marketing_mail_than_the_cap(priorities in proptest::collection::vec(0_u8..9, 1..6), hour in 0_i64..24) {
        let texts: Vec<String> = priorities.iter().enumerate()
            .map(|(index, priority)| marketing(&format!("r{index}"), &format!("priority: {priority}"))).collect();
        let set = rules(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let at = NOON.plus(Span::hours(hour));
        let decided = decide_at(&buyer(), &set.rules, at);
        let queued = decided.deliveries.iter().filter(|delivery| delivery.state == State::Queued).count();
        prop_assert_eq!(queued, 1);
        prop_assert_eq!(decided.slots.len(), 1);
        let by_rule: BTreeMap<&str, usize> = decided.enrollments.iter().map(|e| (e.rule.as_str(), 1)).collect();
        prop_assert_eq!(by_rule.len(), priorities.len());
    }
}
