//! Yes or no, and when, in a sentence.

use super::due::{HORIZON, Next};
use super::subject::{Cause, Subject};
use crate::domain::{Reason, Span};
use crate::http::{ConditionView, GateView, RuleDecision, StandingView};
use crate::rules::{AgainAfter, Direction, Rule, Trigger};

/// What a rule came to.
pub(super) struct Judged<'a> {
    pub(super) rule: &'a Rule,
    pub(super) cause: &'a Cause,
    pub(super) standing: &'a StandingView,
    pub(super) condition: &'a ConditionView,
    pub(super) next: &'a Next,
    pub(super) gates: &'a [GateView],
    /// Why it starts nothing though the condition holds, if that is so.
    pub(super) past: Option<String>,
    /// What became of the enrollment that keeps the customer out, if nothing of it went out.
    pub(super) unsent: Option<String>,
}

impl Judged<'_> {
    fn is_held(&self, reason: Reason) -> bool {
        self.gates.iter().any(|gate| gate.reason == Some(reason))
    }
}

/// Yes or no.
pub(super) fn verdict(subject: &Subject<'_>, judged: &Judged<'_>) -> String {
    let holds = holding(judged.condition);
    let reasons: Vec<&str> = judged.standing.reasons.iter().map(|reason| reason.word()).collect();
    match judged.standing.decision {
        RuleDecision::Fire if reasons.is_empty() => format!("YES: {holds}, and nothing stands in the way."),
        RuleDecision::Fire => format!("YES: {holds}; in part it is held: {}.", reasons.join(", ")),
        RuleDecision::Hold if reasons == [Reason::NotWanted.word()] => {
            format!("NO: {holds}, but the `when` of no step does: {}.", uses_up(judged.rule))
        }
        RuleDecision::Hold => {
            if let Some(what) = subject.stopped(judged.rule, &judged.standing.reasons) {
                return format!("NO: {holds}, but {what} is paused: {}.", reasons.join(", "));
            }
            match &judged.unsent {
                Some(unsent) => format!("NO: {unsent}."),
                None => format!("NO: {holds}, but it is held: {}.", reasons.join(", ")),
            }
        }
        RuleDecision::NoMatch if judged.past.is_some() => {
            format!("NO: {holds}, but {}", judged.past.as_deref().unwrap_or_default())
        }
        RuleDecision::NoMatch => {
            let before = judged.unsent.as_ref().map(|unsent| format!(" Before: {unsent}.")).unwrap_or_default();
            format!("NO: {}{before}", no_match(subject, judged))
        }
    }
}

/// What an enrollment of which nothing goes out comes to all the same.
fn uses_up(rule: &Rule) -> String {
    let enters = "entering brings nothing";
    match (&rule.trigger, rule.again_after) {
        (Trigger::Schedule { .. } | Trigger::Crossing { .. }, AgainAfter::Never) => {
            format!("{enters}, and with `again_after: never` there is no second time")
        }
        (_, AgainAfter::After(span)) if span > Span(0) => {
            format!("{enters}, and not before {span} later does it come again")
        }
        _ => enters.to_owned(),
    }
}

/// What keeps it from firing: first what the trigger says, then the condition.
fn no_match(subject: &Subject<'_>, judged: &Judged<'_>) -> String {
    match (judged.cause, &judged.rule.trigger) {
        (Cause::NoEvent, Trigger::Event { name, .. }) => format!("`{name}` never happened."),
        (Cause::NoDate, Trigger::Date { attribute, .. }) => format!("`{attribute}` was never set."),
        (Cause::Day { occurrences }, _) if occurrences.is_empty() => {
            format!("nothing of it falls due on {}.", subject.day(subject.at()))
        }
        (Cause::Border { inside, crossed: false, .. }, Trigger::Crossing { segment, direction }) => {
            let (place, already, border) = match (inside, direction) {
                (true, Direction::Enters) => ("inside", " already", "coming in"),
                (false, Direction::Enters) => ("outside", "", "coming in"),
                (true, Direction::Leaves) => ("inside", "", "going out"),
                (false, Direction::Leaves) => ("outside", " already", "going out"),
            };
            format!("{place} `{segment}`{already}; only {border} counts.")
        }
        _ => failing(judged.condition),
    }
}

/// The lines of a condition: its parts where it is a list, else itself.
fn lines(condition: &ConditionView) -> &[ConditionView] {
    if condition.text == "all of" && !condition.children.is_empty() {
        &condition.children
    } else {
        std::slice::from_ref(condition)
    }
}

fn holding(condition: &ConditionView) -> String {
    match lines(condition) {
        [only] if only.text == "everyone" => "it is for everyone".into(),
        [_] => "the condition holds".into(),
        [_, _] => "both lines hold".into(),
        lines => format!("all {} lines hold", lines.len()),
    }
}

/// `1 of 3 lines fails, 1 cannot be told.`
fn failing(condition: &ConditionView) -> String {
    let lines = lines(condition);
    let count = |value: Option<bool>| lines.iter().filter(|line| line.value == value).count();
    let (fails, unknown) = (count(Some(false)), count(None));
    let all = lines.len();
    let verb = if fails == 1 { "fails" } else { "fail" };
    match (all, fails, unknown) {
        (_, 0, 0) => "`while` does not hold, so it would end at once.".into(),
        (1, 1, _) => "the condition does not hold.".into(),
        (1, ..) => "the condition cannot be told.".into(),
        (_, 0, _) => format!("{unknown} of {all} lines cannot be told."),
        (_, _, 0) => format!("{fails} of {all} lines {verb}."),
        _ => format!("{fails} of {all} lines {verb}, {unknown} cannot be told."),
    }
}

/// When it is due.
pub(super) fn due(subject: &Subject<'_>, judged: &Judged<'_>) -> String {
    match judged.next {
        Next::At(due) => {
            let when = subject.instant(due.at);
            match (due.stopped, due.mail_from) {
                (None, None) => format!("Due {when} if nothing new arrives before."),
                (None, Some(from)) => {
                    let from = subject.instant(from);
                    format!("Due {when} if nothing new arrives before; quiet_hours let its mail out {from}.")
                }
                (Some(reason), _) => format!(
                    "Due {when} if nothing new arrives before. As things are nothing would go out then: {reason}."
                ),
            }
        }
        Next::HeldOut => "Never due: held out.".into(),
        Next::Held(Reason::NoConsent) => "Not due without consent.".into(),
        Next::Held(Reason::Brake) => "Not due while the brake holds it.".into(),
        Next::Held(_) => "Not due while it is paused.".into(),
        Next::Once => "Not due again: it comes once.".into(),
        Next::Nothing if happens(judged.rule) && judged.is_held(Reason::NoConsent) => "Not due without consent.".into(),
        Next::Nothing if happens(judged.rule) && judged.is_held(Reason::Holdout) => "Never due: held out.".into(),
        Next::Nothing => waits_for(judged.rule, judged.cause),
    }
}

/// Whether it is something that happens that starts the rule, and no time.
const fn happens(rule: &Rule) -> bool {
    matches!(rule.trigger, Trigger::Event { .. } | Trigger::Crossing { .. })
}

fn waits_for(rule: &Rule, cause: &Cause) -> String {
    match &rule.trigger {
        Trigger::Event { name, delay, .. } if *delay == Span(0) => format!("Due when `{name}` happens."),
        Trigger::Event { name, delay, .. } => format!("Due {delay} after `{name}` happens."),
        Trigger::Date { attribute, .. } if matches!(cause, Cause::NoDate) => {
            format!("Due when `{attribute}` is set.")
        }
        Trigger::Crossing { segment, direction: Direction::Enters } => {
            format!("Due when the customer comes into `{segment}`.")
        }
        Trigger::Crossing { segment, direction: Direction::Leaves } => {
            format!("Due when the customer goes out of `{segment}`.")
        }
        _ => format!("Not due within {} days if nothing new arrives.", HORIZON.0 / Span::days(1).0),
    }
}

/// What the trigger means for the customer, where that is more than a time.
pub(super) fn trigger(subject: &Subject<'_>, rule: &Rule, cause: &Cause) -> Option<String> {
    Some(match (cause, &rule.trigger) {
        (Cause::Event(event), _) => {
            format!("judged with the last `{}`, {}", event.name, subject.instant(event.at))
        }
        (Cause::NoEvent, Trigger::Event { name, .. }) => format!("starts when `{name}` happens"),
        (Cause::Day { .. }, Trigger::Date { attribute, at, yearly }) => {
            let value = subject.stored.customer.attributes.get(attribute);
            let value = value.map(ToString::to_string).unwrap_or_default();
            let yearly = if *yearly { ", every year" } else { "" };
            format!("counted from `{attribute}` {value}, at {}{yearly}", at.strftime("%H:%M"))
        }
        (Cause::NoDate, Trigger::Date { attribute, .. }) => format!("counted from `{attribute}`, which is not set"),
        (Cause::Border { inside, crossed, .. }, Trigger::Crossing { segment, direction }) => {
            let place = if *inside { "inside" } else { "outside" };
            let border = if *direction == Direction::Enters { "coming in" } else { "going out" };
            let day = if *crossed { ", crossed within the last 24 hours" } else { "" };
            format!("starts with {border}; {place} `{segment}`{day}")
        }
        _ => return None,
    })
}
