//! `retaind explain`.

use super::Context;
use super::admin::Admin;
use super::args::{OutputArgs, when};
use super::composition::StoreAccess;
use super::error::Error;
use super::sending::paused;
use super::table::visible;
use crate::calendar;
use crate::domain::Time;
use crate::http::{
    ActiveView, ConditionView, ExplainReport, ExplainRequest, HistoryView, RuleDecision, RuleExplanation, When,
};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use jiff::tz::TimeZone;

/// Why one customer gets something of a rule, or why not: each line of the condition, each gate, and when it is due
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The customer's id
    #[arg(value_name = "CUSTOMER", value_parser = NonEmptyStringValueParser::new())]
    customer: String,
    /// Only this rule
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// As of this instant: RFC 3339, or a date for the start of that day in the business's time zone; in the past what came
    /// later is not known yet, in the future nothing arrives
    #[arg(long, value_name = "TIME", value_parser = when)]
    at: Option<When>,
    #[command(flatten)]
    output: OutputArgs,
}

/// How many lines of the history are shown.
const EARLIER: usize = 6;

/// The column in which the values of lines stand, if their texts are short enough.
const WIDEST_TEXT: usize = 60;

pub(super) async fn run(args: ExplainArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let day = if args.at.is_some() { "that day" } else { "today" };
    let request = ExplainRequest { customer: args.customer, rule: args.rule, at: args.at };
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let answer = admin.post("/v1/explain", &request).await;
    let report: ExplainReport = admin.finish(answer).await?;
    context.console.print(args.output, &report, |report| shown(report, day))?;
    Ok(0)
}

/// The answer for a person.
pub(super) fn shown(report: &ExplainReport, day: &str) -> String {
    let clock = Clock { zone: calendar::zone(&report.zone).unwrap_or(TimeZone::UTC), at: report.at };
    let who =
        report.name.as_ref().map_or_else(|| report.customer.clone(), |name| format!("{name} ({})", report.customer));
    let when = calendar::instant_in_words(report.at, &clock.zone);
    let paused = paused(report.sending_paused, report.marketing_paused);
    let mut lines: Vec<String> = paused.map(str::to_owned).into_iter().collect();
    if let [only] = report.rules.as_slice() {
        lines.push(format!("{who} · {} · {when}", only.rule));
        lines.extend(rule(only, &clock, day));
        let file = format!("{}:{}", only.file, only.line);
        lines.push(match earlier(&report.history, &clock) {
            Some(earlier) => format!("{earlier}          {file}"),
            None => file,
        });
    } else {
        lines.push(format!("{who} · {when}"));
        for one in &report.rules {
            lines.push(String::new());
            lines.push(format!("{} · {}:{}", one.rule, one.file, one.line));
            lines.extend(rule(one, &clock, day));
        }
        if report.rules.is_empty() {
            lines.push("there are no rules".into());
        }
        if let Some(earlier) = earlier(&report.history, &clock) {
            lines.push(String::new());
            lines.push(earlier);
        }
    }
    lines.iter().map(|line| visible(line).trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// The clock on which days and times are told.
struct Clock {
    zone: TimeZone,
    at: Time,
}

impl Clock {
    fn day(&self, at: Time) -> String {
        calendar::date_from(calendar::day_of(&self.zone, at), &self.zone, self.at)
    }

    fn instant(&self, at: Time) -> String {
        calendar::instant_from(at, &self.zone, self.at)
    }
}

fn rule(one: &RuleExplanation, clock: &Clock, day: &str) -> Vec<String> {
    let mut lines = vec![format!("{} {}", one.verdict, one.due)];
    lines.extend(one.trigger.as_ref().map(|trigger| format!("  {trigger}")));
    let mut rows = Vec::new();
    for part in parts(&one.condition) {
        row(part, 0, "", &mut rows);
    }
    if let Some(stays) = &one.stays {
        for part in parts(stays) {
            row(part, 0, "while: ", &mut rows);
        }
    }
    let width = rows.iter().map(|row| row.text.chars().count()).filter(|width| *width <= WIDEST_TEXT).max();
    lines.extend(rows.iter().map(|row| row.line(width.unwrap_or(0))));
    lines.extend(one.under_way.iter().map(|active| under_way(active, clock)));
    lines.extend(gates(one, day));
    lines
}

/// A line of a condition.
struct Row {
    mark: &'static str,
    text: String,
    detail: String,
}

impl Row {
    fn line(&self, width: usize) -> String {
        format!("  {:<4} {:width$}  {}", self.mark, self.text, self.detail)
    }
}

/// The lines of a condition: its parts where it is a list of which all must hold.
fn parts(condition: &ConditionView) -> &[ConditionView] {
    if condition.text == "all of" && !condition.children.is_empty() {
        &condition.children
    } else {
        std::slice::from_ref(condition)
    }
}

fn row(part: &ConditionView, depth: usize, before: &str, rows: &mut Vec<Row>) {
    let group = match part.text.as_str() {
        "all of" => Some("all"),
        "any of" => Some("any"),
        "none of" => Some("none"),
        _ => None,
    };
    let mark = match part.value {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "?",
    };
    let indent = "  ".repeat(depth);
    let text = match (group, part.children.as_slice()) {
        (Some("all"), [only]) => return row(only, depth, before, rows),
        (Some(group), [only]) if only.children.is_empty() => {
            let text = format!("{indent}{before}{group}: [{}]", one_line(&only.text));
            rows.push(Row { mark, text, detail: only.detail.clone() });
            return;
        }
        (Some(group), _) => format!("{indent}{before}{group}:"),
        (None, _) => format!("{indent}{before}{}", one_line(&part.text)),
    };
    rows.push(Row { mark, text, detail: part.detail.clone() });
    for child in &part.children {
        row(child, depth + 1, "", rows);
    }
}

/// A condition that stands on several lines, on one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn under_way(active: &ActiveView, clock: &Clock) -> String {
    let mut line = format!("Under way since {}", clock.day(active.since));
    if active.held_out {
        line.push_str(", held out");
    }
    for step in &active.waiting {
        line = format!("{line} · {} due {}", step.step, clock.instant(step.due_at));
    }
    if let Some(goal) = &active.goal {
        line = format!("{line} · goal `{}` until {}", goal.event, clock.day(goal.until));
    }
    line
}

/// The open gates on one line, each closed one on its own.
fn gates(one: &RuleExplanation, day: &str) -> Vec<String> {
    let open = one.gates.iter().filter(|gate| gate.open);
    let open: Vec<_> = open.map(|gate| format!("{} {}", gate.gate, gate.detail)).collect();
    let heading = if one.decision == RuleDecision::NoMatch {
        format!("And if all were yes, {day}")
    } else {
        format!("Beside that, {day}")
    };
    let mut lines = Vec::new();
    if !one.gates.is_empty() {
        lines.push(if open.is_empty() { format!("{heading}:") } else { format!("{heading}: {}", open.join(" · ")) });
    }
    lines.extend(
        one.gates.iter().filter(|gate| !gate.open).map(|gate| format!("  HELD {}: {}", gate.gate, gate.detail)),
    );
    lines
}

/// `Earlier: 29 Mar birthday sent · 2 Feb order 380 KES`
fn earlier(history: &[HistoryView], clock: &Clock) -> Option<String> {
    if history.is_empty() {
        return None;
    }
    let told: Vec<_> =
        history.iter().take(EARLIER).map(|line| format!("{} {}", clock.day(line.at), line.text)).collect();
    let more = if history.len() > EARLIER { " · …" } else { "" };
    Some(format!("Earlier: {}{more}", told.join(" · ")))
}
