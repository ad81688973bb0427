//! `explain`: why a customer gets something of a rule, or why not, and when next. Changes nothing.

mod due;
mod gates;
mod history;
mod sentences;
mod subject;
mod together;
mod unsent;

use super::customers::{goes_on, hold_if_paused, standing_of};
use super::plan::{self, no_rule};
use super::then::Then;
use super::{failure, start_of};
use crate::app::shared::Shared;
use crate::condition::{Explanation, Facts};
use crate::domain::{Active, Customer, Entry, Reason, Text, nearest, normalized_address};
use crate::http::{
    ActiveView, ConditionView, ExplainReport, ExplainRequest, Failure, Result, RuleDecision, RuleExplanation,
};
use crate::rules::{Rule, Trigger};
use crate::store::{StoredCustomer, View};
use std::sync::Arc;
use subject::{Cause, Subject};

/// How many customers are searched for an id that is nearly the one asked for.
const SEARCHED: usize = 20_000;

pub(super) async fn explain(core: &Shared, request: ExplainRequest) -> Result<ExplainReport> {
    let world = core.world.load_full();
    let now = core.clock.now();
    let then = Then::of(request.at.map(|at| start_of(at, &world.zone)), now);
    let rules = match &request.rule {
        None => world.rules.rules.clone(),
        Some(name) => vec![world.rules.get(name).cloned().ok_or_else(|| no_rule(&world, name))?],
    };
    let view = View { interest: Arc::clone(&world.interest), now: then.at, backtest: then.is_past };
    let found = core.store.customer(&request.customer, &view).await.map_err(failure)?;
    let Some(stored) = found else { return Err(no_customer(core, &request.customer, &view).await?) };
    let mut subject = Subject::read(core, world, stored, (then, view)).await?;
    let only = request.rule.as_deref();
    subject.decide_together(only).await?;
    let mut judged = Vec::with_capacity(rules.len());
    for rule in &rules {
        let cause = subject.cause(rule).await?;
        judged.push((rule, subject.judge(rule, &cause), cause));
    }
    let ticks = |rule: &Rule| matches!(rule.trigger, Trigger::Schedule { .. });
    let reach = judged.iter().filter(|(rule, judged, _)| ticks(rule) && judged.reaches());
    let reach = reach.map(|(rule, ..)| rule.id.clone()).collect();
    subject.ask_about_brakes(reach, only).await?;
    let mut explained = Vec::with_capacity(rules.len());
    for (rule, judged, cause) in judged {
        explained.push(of_rule(&subject, rule, judged, cause).await?);
    }
    Ok(ExplainReport {
        customer: subject.stored.customer.id.to_string(),
        name: name(&subject.stored.customer),
        at: then.at,
        sending_paused: subject.all_paused,
        marketing_paused: subject.marketing_paused,
        zone: subject.zone.iana_name().unwrap_or("UTC").to_owned(),
        rules: explained,
        history: history::history(&subject),
    })
}

/// `Wanjiru N.`
fn name(customer: &Customer) -> Option<String> {
    let last = customer.text("last_name").and_then(|name| name.chars().next());
    match (customer.text("first_name"), last) {
        (Some(first), Some(last)) => Some(format!("{first} {last}.")),
        (Some(first), None) => Some(first.to_owned()),
        (None, _) => customer.text("last_name").map(ToOwned::to_owned),
    }
}

/// Nobody has that id; who may be meant.
async fn no_customer(core: &Shared, id: &str, view: &View) -> Result<Failure> {
    let (wanted, name) = (normalized_address(id), id.trim().to_owned());
    let (found, meant) = tokio::sync::oneshot::channel();
    let work = Box::new(move |customers: &mut dyn Iterator<Item = StoredCustomer>| {
        let mut ids = Vec::new();
        for stored in customers {
            let customer = stored.customer;
            if customer.email().is_some_and(|email| normalized_address(email) == wanted) {
                let cause = format!("it is the address of {:?}; customers are named by id", customer.id.as_str());
                // Nobody waits for it any more if the question was given up.
                return drop(found.send(Some(cause)));
            }
            ids.push(customer.id);
        }
        let near = nearest(&name, ids.iter().map(Text::as_str));
        drop(found.send(near.map(|near| format!("did you mean {near:?}?"))));
    });
    let last = core.store.last_customer();
    core.store.with_customers(None, last, SEARCHED, view, work).await.map_err(failure)?;
    let mut refusal = Failure::not_found("customer", id);
    refusal.causes.extend(meant.await.ok().flatten());
    Ok(refusal)
}

async fn of_rule(
    subject: &Subject<'_>,
    rule: &Arc<Rule>,
    mut judged: plan::Judged,
    cause: Cause,
) -> Result<RuleExplanation> {
    if subject.brake(rule).is_some_and(|brake| brake.goes_off) {
        plan::stop(&mut judged);
    }
    let mut standing = standing_of(&judged);
    if standing.decision == RuleDecision::Fire && subject.begun(rule, &cause).is_some() {
        (standing.decision, standing.reasons) = (RuleDecision::Hold, vec![Reason::AgainAfter]);
    }
    let mut past = None;
    if standing.decision == RuleDecision::Fire {
        past = subject.is_past(rule, &cause);
    }
    if past.is_some() {
        (standing.decision, standing.reasons) = (RuleDecision::NoMatch, Vec::new());
    }
    hold_if_paused(subject.stops(rule.class), &mut standing);
    let entry = subject.entry(rule, &cause);
    let facts = subject.facts(&entry);
    let condition = view_of(rule.when.explain(&facts));
    let under_way = subject.under_way(rule);
    // What goes on is asked with what it began with.
    let begun = under_way.last().map_or(&entry, |active| &active.entry);
    let stays = rule.stays.as_ref().map(|stays| view_of(stays.explain(&Facts { entry: Some(begun), ..facts })));
    let next = due::next(subject, rule).await?;
    let gates = gates::gates(subject, rule, &cause);
    let (cause, standing_now, unsent) = (&cause, &standing, unsent::unsent(subject, rule, (&cause, &standing, &gates)));
    let judged = sentences::Judged {
        rule,
        cause,
        standing: standing_now,
        condition: &condition,
        next: &next,
        gates: &gates,
        past,
        unsent,
    };
    Ok(RuleExplanation {
        rule: rule.id.to_string(),
        decision: standing.decision,
        verdict: sentences::verdict(subject, &judged),
        due: sentences::due(subject, &judged),
        trigger: sentences::trigger(subject, rule, cause),
        reasons: standing.reasons,
        condition,
        next_due: next.at(),
        stays,
        gates,
        under_way: under_way.iter().map(|active| waits(subject, active)).collect(),
        file: rule.file.display().to_string(),
        line: rule.when_place.line_column().0,
    })
}

/// An enrollment that goes on; a goal whose time is over is not waited for.
fn waits(subject: &Subject<'_>, active: &Active) -> ActiveView {
    let mut view = goes_on(&subject.world, active, &subject.zone);
    view.goal = view.goal.filter(|goal| goal.until >= subject.at());
    view
}

fn view_of(explanation: Explanation) -> ConditionView {
    ConditionView {
        text: explanation.text,
        value: explanation.value.known(),
        detail: explanation.detail,
        children: explanation.children.into_iter().map(view_of).collect(),
    }
}

impl Cause {
    /// What an enrollment would begin with, its kept values apart.
    fn begins_with(&self) -> Entry {
        let event = if let Self::Event(event) = self { Some(event.clone()) } else { None };
        Entry { event, ..Entry::default() }
    }
}
