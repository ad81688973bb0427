//! A plan for a person.

use crate::cli::sending::paused;
use crate::cli::table::{Column, counts, plural, table, visible};
use crate::domain::Reason;
use crate::http::{BrakeView, Caveat, ChangeKind, PlanReport, RulePlan, UnderWay};

/// The plan for a person.
pub(super) fn shown(report: &PlanReport) -> String {
    let compared = report.compared.is_some();
    let mut columns = vec![Column::Text("rule")];
    if compared {
        columns.push(Column::Text("change"));
    }
    let numbers = ["customers", "matched", "unknown", "enroll", "holdout", "e-mails", "webhooks"];
    columns.extend(numbers.map(Column::Number));
    columns.push(Column::Text("held"));
    let rows = report.rules.iter().map(|plan| {
        let mut row = vec![plan.rule.clone()];
        row.extend(plan.change.as_ref().map(|change| change.kind.word().to_owned()));
        row.extend(figures(plan));
        row.push(counts(&plan.hold));
        row
    });
    let mut heading = format!("NOTHING IS SENT\nif every trigger fired at {}", report.at);
    if let Some(paused) = paused(report.sending_paused, report.marketing_paused) {
        heading = format!("{heading}\n{paused}");
    }
    let mut sections = vec![heading, table(&columns, rows)];
    for plan in &report.rules {
        let remarks = remarks(plan);
        if !remarks.is_empty() {
            sections.push(section(&plan.rule, &remarks));
        }
    }
    sections.extend(segments(report).map(|line| visible(&line).into_owned()));
    for plan in &report.rules {
        let groups = groups(plan).into_iter();
        sections.extend(groups.map(|(heading, ids)| section(&format!("{}: {heading}", plan.rule), ids)));
    }
    sections.join("\n\n")
}

/// A heading, and lines below it.
fn section(heading: &str, lines: &[String]) -> String {
    let lines = lines.iter().map(|line| format!("\n  {}", visible(line)));
    lines.fold(heading.to_owned(), |section, line| section + &line)
}

/// The numbers of a rule, with the difference to the live one where there is one: `5 (+2)`.
pub(super) fn figures(plan: &RulePlan) -> [String; 7] {
    let live = plan.change.as_ref().and_then(|change| change.live.as_ref());
    let figure = |now: u64, before: Option<u64>| match before {
        Some(before) if before != now => {
            let sign = if now > before { '+' } else { '-' };
            format!("{now} ({sign}{})", now.abs_diff(before))
        }
        _ => now.to_string(),
    };
    [
        plan.evaluated.to_string(),
        figure(plan.matched, live.map(|live| live.matched)),
        figure(plan.unknown, live.map(|live| live.unknown)),
        figure(plan.enroll, live.map(|live| live.enroll)),
        figure(plan.holdout, live.map(|live| live.holdout)),
        figure(plan.deliveries.email, live.map(|live| live.deliveries.email)),
        figure(plan.deliveries.webhook, live.map(|live| live.deliveries.webhook)),
    ]
}

/// What else there is to say of a rule, a line each.
pub(super) fn remarks(plan: &RulePlan) -> Vec<String> {
    let mut lines: Vec<String> = plan.change.iter().flat_map(|change| change.lines.iter().cloned()).collect();
    if !plan.missing.is_empty() {
        let missing: Vec<_> =
            plan.missing.iter().map(|(path, count)| format!("{path} ({})", plural(*count, "customer"))).collect();
        lines.push(format!("cannot be told, for lack of {}", missing.join(", ")));
    }
    lines.extend(plan.under_way.as_ref().and_then(under_way));
    lines.extend(deliveries(plan));
    lines.extend(plan.caveat.map(caveat).map(ToOwned::to_owned));
    lines
}

fn caveat(caveat: Caveat) -> &'static str {
    match caveat {
        Caveat::NotLive => {
            "not live yet: counted as if it had been all along; what is past when it goes live will start nothing"
        }
        Caveat::DayBefore => {
            "crossings of the past are told by comparing with 24 hours before: one that was taken back in between is not \
             seen, and one that an import made is"
        }
    }
}

fn under_way(under_way: &UnderWay) -> Option<String> {
    if under_way.count == 0 && under_way.deliveries_cancelled == 0 {
        return None;
    }
    let goes_on = format!("under way: {}; {} go on", plural(under_way.count, "enrollment"), under_way.go_on);
    let ends = under_way.end.iter().map(|(reason, count)| format!(", {count} would end ({reason})"));
    let others = [
        (under_way.steps_waiting, "step", "to come"),
        (under_way.steps_cancelled, "step", "would be cancelled"),
        (under_way.deliveries_cancelled, "queued delivery", "would be cancelled"),
    ];
    let others = others.into_iter().filter(|(count, ..)| *count > 0);
    let others = others.map(|(count, noun, verb)| format!("; {} {verb}", plural(count, noun)));
    Some(ends.chain(others).fold(goes_on, |line, part| line + &part))
}

/// What it sends, beside what is usual, and the brake.
fn deliveries(plan: &RulePlan) -> Option<String> {
    let sent = plan.deliveries.email + plan.deliveries.webhook;
    let mut parts = Vec::new();
    if let Some(usual) = plan.usual {
        parts.push(format!("{} now, usually {usual} a day", plural(sent, "delivery")));
    }
    parts.extend(plan.brake.as_ref().map(brake));
    if plan.change.as_ref().is_some_and(|change| change.kind == ChangeKind::Gone) {
        return None;
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn brake(brake: &BrakeView) -> String {
    let before = if brake.before > 0 { format!(", {} so far", brake.before) } else { String::new() };
    let verdict = match (brake.stopped, brake.goes_off) {
        (true, _) => "THE BRAKE HAS STOPPED IT",
        (false, true) => "THE BRAKE WOULD GO OFF",
        (false, false) => "the brake stays off",
    };
    format!("{verdict} (at more than {} in {}{before})", brake.limit, brake.per)
}

/// The segments that differ, in a line.
pub(super) fn segments(report: &PlanReport) -> Option<String> {
    let segments = &report.compared.as_ref()?.segments;
    let told: Vec<_> = segments.iter().map(|(name, kind)| format!("{name} {}", kind.word())).collect();
    (!told.is_empty()).then(|| format!("segments: {}", told.join(", ")))
}

/// The customers of one rule, if they were asked for, by heading.
pub(super) fn groups(plan: &RulePlan) -> Vec<(String, &[String])> {
    let matched = plan.customers.iter().map(|ids| ("matched".to_owned(), ids.as_slice()));
    let heading = |reason: Reason| match reason {
        Reason::Holdout => "held out".to_owned(),
        reason => format!("held, {reason}"),
    };
    let held = plan.held.iter().flatten().map(|(reason, ids)| (heading(*reason), ids.as_slice()));
    matched.chain(held).filter(|(_, ids)| !ids.is_empty()).collect()
}
