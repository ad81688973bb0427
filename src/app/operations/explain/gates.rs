//! What is asked beside the condition, with its values and dates.

use super::subject::{Cause, Subject};
use crate::calendar;
use crate::domain::{CapPeriod, CapSlot, Class, Consent, Delivery, FrequencyCap, Reason, State, Time};
use crate::engine;
use crate::http::{BrakeView, GateView};
use crate::rules::{Action, AgainAfter, Rule};

/// All gates that concern the rule: those at entry, then those of its mails as they stand at the instant.
pub(super) fn gates(subject: &Subject<'_>, rule: &Rule, cause: &Cause) -> Vec<GateView> {
    let mut gates: Vec<GateView> = paused(subject, rule).into_iter().collect();
    gates.extend(brake(subject, rule));
    gates.push(consent(subject, rule));
    let mails = rule.steps.iter().any(|step| matches!(step.action, Action::Email { .. }));
    if mails {
        gates.push(address(subject));
        gates.extend(suppression(subject));
        gates.extend(only_to(subject));
    }
    if rule.holdout > 0 {
        gates.push(holdout(subject, rule));
    }
    gates.push(again_after(subject, rule, cause));
    if mails {
        gates.extend(frequency_cap(subject, rule));
        gates.extend(quiet_hours(subject, rule));
    }
    gates
}

fn open(gate: &str, detail: impl Into<String>) -> GateView {
    GateView { gate: gate.into(), open: true, reason: None, detail: detail.into(), since: None, until: None }
}

fn closed(gate: &str, reason: Reason, detail: impl Into<String>) -> GateView {
    GateView { open: false, reason: Some(reason), ..open(gate, detail) }
}

impl Subject<'_> {
    /// `2 Feb`
    pub(super) fn day(&self, at: Time) -> String {
        calendar::date_from(calendar::day_of(&self.zone, at), &self.zone, self.at())
    }

    /// `Mon 30 Mar 00:00`
    pub(super) fn instant(&self, at: Time) -> String {
        calendar::instant_from(at, &self.zone, self.at())
    }

    /// The rule's brake, if it was asked about.
    pub(super) fn brake(&self, rule: &Rule) -> Option<&BrakeView> {
        self.together.brakes.as_ref()?.get(&rule.id).filter(|_| self.together.reach.contains(&rule.id))
    }

    /// `09:00 today`, or `2 Feb`
    pub(super) fn day_or_time(&self, at: Time) -> String {
        if calendar::day_of(&self.zone, at) == calendar::day_of(&self.zone, self.at()) {
            format!("{} today", calendar::time_of_day(at, &self.zone))
        } else {
            self.day(at)
        }
    }
}

fn paused(subject: &Subject<'_>, rule: &Rule) -> Option<GateView> {
    let state = subject.states.get(&rule.id);
    let since = state.and_then(|state| state.paused_at);
    let when = since.map(|since| format!(" since {}", subject.instant(since))).unwrap_or_default();
    let on = format!("goes on with `retaind rules resume {}`", rule.id);
    let gate = match subject.paused.get(&rule.id).copied() {
        Some(Reason::Brake) => closed("brake", Reason::Brake, format!("stopped by the brake{when}; {on}")),
        Some(reason) => closed("paused", reason, format!("paused{when}; {on}")),
        None if subject.all_paused => {
            let detail = "all sending is paused, so what falls due waits; goes on with `retaind resume`";
            return Some(closed("paused", Reason::Paused, detail));
        }
        None if subject.stops(rule.class) => {
            let detail = "marketing is paused since a backup was restored, so what falls due waits; goes on with \
                          `retaind resume`";
            return Some(closed("paused", Reason::Paused, detail));
        }
        None => return None,
    };
    Some(GateView { since, ..gate })
}

/// The brake that is about to go off, or of which that is not known.
fn brake(subject: &Subject<'_>, rule: &Rule) -> Option<GateView> {
    if subject.paused.contains_key(&rule.id) || !subject.together.reach.contains(&rule.id) {
        return None;
    }
    if subject.together.brakes.is_none() {
        let detail = "goes by how many the tick reaches in all, which `retaind plan` counts";
        return Some(open("brake", detail));
    }
    let brake = subject.brake(rule).filter(|brake| brake.goes_off)?;
    let before = if brake.before > 0 { format!(" and {} before", brake.before) } else { String::new() };
    let detail =
        format!("would go off: {} at once{before}, and no more than {} in {}", brake.queued, brake.limit, brake.per);
    Some(closed("brake", Reason::Brake, detail))
}

fn consent(subject: &Subject<'_>, rule: &Rule) -> GateView {
    if rule.class == Class::Service {
        return open("consent", "not asked (class service)");
    }
    let consent = &subject.stored.customer.consent;
    let class = Class::Marketing.word();
    let known = |consent: &Consent| Some(consent.at).filter(|at| *at <= subject.at());
    let told = |consent: &Consent| {
        // What was told later without a date holds since always.
        let since = known(consent).map_or_else(|| "since always".into(), |at| subject.day(at));
        format!("{since}, {}", consent.source)
    };
    let Some(given) = consent.get(class) else {
        return closed("consent", Reason::NoConsent, "never given");
    };
    if !given.granted {
        let gate = closed("consent", Reason::NoConsent, format!("withdrawn ({})", told(given)));
        return GateView { since: known(given), ..gate };
    }
    let topic = rule.topic.as_ref().and_then(|topic| Some((topic, consent.get(topic)?)));
    if let Some((topic, refused)) = topic.filter(|(_, consent)| !consent.granted) {
        let gate = closed("consent", Reason::NoConsent, format!("withdrawn for {topic} ({})", told(refused)));
        return GateView { since: known(refused), ..gate };
    }
    GateView { since: known(given), ..open("consent", format!("yes ({})", told(given))) }
}

fn address(subject: &Subject<'_>) -> GateView {
    match subject.stored.customer.email() {
        Some(_) => open("address", "yes"),
        None => closed("address", Reason::NoAddress, "none"),
    }
}

fn suppression(subject: &Subject<'_>) -> Option<GateView> {
    let found = subject.suppression.as_ref()?;
    let detail = format!("since {}: {}", subject.day(found.at), found.reason);
    Some(GateView { since: Some(found.at), ..closed("suppression", Reason::Suppressed, detail) })
}

fn only_to(subject: &Subject<'_>) -> Option<GateView> {
    let address = subject.stored.customer.email()?;
    let detail = "`email.only_to` of the settings does not list the address";
    (!engine::is_listed(address, &subject.world.only_to)).then(|| closed("only_to", Reason::OnlyTo, detail))
}

fn holdout(subject: &Subject<'_>, rule: &Rule) -> GateView {
    let (whole, rest) = (rule.holdout / 100, rule.holdout % 100);
    let share = if rest == 0 { format!("{whole}%") } else { format!("{whole}.{rest:02}%") };
    if engine::is_held_out(rule, &subject.stored.customer.id) {
        let detail = format!("one of the {share} who get nothing, so that it can be seen what the rule is worth");
        closed("holdout", Reason::Holdout, detail)
    } else {
        open("holdout", "no")
    }
}

fn again_after(subject: &Subject<'_>, rule: &Rule, cause: &Cause) -> GateView {
    if let Some(begun) = subject.begun(rule, cause) {
        let what = match cause {
            Cause::Event(_) => "this very event",
            Cause::Day { .. } => "this very day",
            _ => "this very crossing",
        };
        let detail = format!("{what} has started it, {}", subject.day_or_time(begun.entered_at));
        return GateView { since: Some(begun.entered_at), ..closed("again_after", Reason::AgainAfter, detail) };
    }
    let Some(memory) = subject.stored.customer.memory.get(&rule.id) else { return open("again_after", "free") };
    let entered = subject.day(memory.enrolled_at);
    let gate = match rule.again_after {
        AgainAfter::Never => closed("again_after", Reason::AgainAfter, format!("entered {entered}; never again")),
        AgainAfter::After(span) => {
            let free = memory.enrolled_at.plus(span);
            if free <= subject.at() {
                open("again_after", format!("free (last {entered})"))
            } else {
                let detail = format!("entered {entered}, {span} must pass; free {}", subject.instant(free));
                GateView { until: Some(free), ..closed("again_after", Reason::AgainAfter, detail) }
            }
        }
    };
    GateView { since: Some(memory.enrolled_at), ..gate }
}

/// When mail that fell due at the instant could go out, quiet hours apart from nothing else.
fn soonest(subject: &Subject<'_>, rule: &Rule) -> Time {
    let hours = subject.world.policy.quiet_hours.filter(|_| rule.class == Class::Marketing);
    let end = hours.and_then(|hours| calendar::quiet_until(hours, &subject.zone, subject.at()));
    end.unwrap_or_else(|| subject.at())
}

fn frequency_cap(subject: &Subject<'_>, rule: &Rule) -> Option<GateView> {
    let caps = subject.world.policy.caps.get(&rule.class).map(Vec::as_slice).unwrap_or_default();
    let (slots, zone, at) = (subject.slots(rule), &subject.zone, soonest(subject, rule));
    let cap = calendar::cap_reached(caps, slots, rule.class, None, zone, at)?;
    let taken = calendar::cap_taken_by(cap, slots, rule.class, zone, at);
    let until = calendar::cap_free_at(caps, slots, rule.class, zone, at);
    let free = until.map_or_else(|| "never free".into(), |until| format!("free {}", subject.instant(until)));
    let detail = format!("{}{}; {free}", taken_by(subject, &taken), allowed(cap));
    let stands = |slot: &&CapSlot| !subject.together.rules.contains_key(&slot.delivery);
    let since = taken.iter().find(stands).map(|slot| slot.at);
    Some(GateView { since, until, ..closed("frequency_cap", Reason::FrequencyCap, detail) })
}

/// `"birthday" went out 09:00 today, 1 a day`: what kept a mail from a place under a cap, as far as it still stands so.
pub(super) fn cap_of(subject: &Subject<'_>, delivery: &Delivery) -> Option<String> {
    let caps = subject.world.policy.caps.get(&delivery.class)?;
    let hours = subject.world.policy.quiet_hours.filter(|_| delivery.class == Class::Marketing);
    let soonest = delivery.due_at.max(delivery.created_at);
    let at = hours.and_then(|hours| calendar::quiet_until(hours, &subject.zone, soonest)).unwrap_or(soonest);
    let (slots, zone) = (&subject.stored.customer.slots, &subject.zone);
    let cap = calendar::cap_reached(caps, slots, delivery.class, Some(delivery.id), zone, at)?;
    let taken = calendar::cap_taken_by(cap, slots, delivery.class, zone, at);
    Some(format!("{}{}", taken_by(subject, &taken), allowed(cap)))
}

/// `"birthday" went out 09:00 today, ` of one place, `"a" 27 Mar, "b" 28 Mar, ` of several.
fn taken_by(subject: &Subject<'_>, taken: &[CapSlot]) -> String {
    let told = taken.iter().map(|slot| {
        if let Some(rule) = subject.together.rules.get(&slot.delivery) {
            return format!("{:?} comes first if both fire, ", rule.as_str());
        }
        let delivery = subject.deliveries.get(&slot.delivery);
        let rule = delivery.map_or_else(|| "a mail".into(), |delivery| format!("{:?}", delivery.rule.as_str()));
        let is_sent = delivery.is_none_or(|delivery| delivery.state == State::Sent);
        let verb = if is_sent && slot.at <= subject.at() { "went out" } else { "is to go out" };
        format!("{rule} {verb} {}, ", subject.day_or_time(slot.at))
    });
    told.collect()
}

/// `1 a day`, `3 in 7d`
fn allowed(cap: FrequencyCap) -> String {
    match cap.per {
        CapPeriod::Day => format!("{} a day", cap.max),
        CapPeriod::Rolling(span) => format!("{} in {span}", cap.max),
    }
}

fn quiet_hours(subject: &Subject<'_>, rule: &Rule) -> Option<GateView> {
    let until = soonest(subject, rule);
    let detail = format!("mail goes out from {} on", subject.instant(until));
    let gate = closed("quiet_hours", Reason::QuietHours, detail);
    (until > subject.at()).then_some(GateView { until: Some(until), ..gate })
}
