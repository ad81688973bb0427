//! `retaind simulate`.

use super::Context;
use super::admin::Admin;
use super::args::{OutputArgs, when};
use super::chart::Axis;
use super::composition::StoreAccess;
use super::error::Error;
use super::sending::paused;
use super::table::{Column, plural, table, visible};
use crate::calendar::{self, local};
use crate::domain::Span;
use crate::http::{BrakedDay, DeliveriesOfDay, SimulateReport, SimulateRequest, When};
use clap::Args;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// Columns that a chart's own marks take.
const MARGIN: usize = 12;

/// How many days on which the brake would go off are told of each rule.
const TOLD: usize = 5;

/// Every delivery of a time on a simulated clock, per day and rule; sends nothing
///
/// What is past is led as it was known then: events, profiles and consent by their times. In the future nothing new
/// arrives but time.
#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// From when: RFC 3339, or a date for the start of that day in the business's time zone; may lie in the past or the
    /// future
    #[arg(long, value_name = "TIME", value_parser = when)]
    from: When,
    /// Until when, inclusive: RFC 3339, or a date for the end of that day in the business's time zone
    #[arg(long, value_name = "TIME", value_parser = when)]
    to: When,
    /// Tell only of this rule
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: SimulateArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let request = SimulateRequest { from: args.from, to: args.to, rule: args.rule };
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let answer = admin.post("/v1/simulate", &request).await;
    let report: SimulateReport = admin.finish(answer).await?;
    if args.output.json() {
        context.console.note("NOTHING IS SENT");
        context.console.json(&report)?;
    } else {
        let shown = shown(&report, context.console.width());
        context.console.answer(&shown)?;
    }
    Ok(0)
}

/// What goes out of one rule by one channel.
struct Series<'r> {
    rule: &'r str,
    channel: &'r str,
    counts: Vec<(Date, u64)>,
}

impl<'r> Series<'r> {
    fn all(days: &'r [DeliveriesOfDay]) -> Vec<Self> {
        let mut by_name: BTreeMap<(&str, &str), Vec<(Date, u64)>> = BTreeMap::new();
        for day in days {
            if let Ok(date) = day.day.parse() {
                by_name.entry((&day.rule, &day.channel)).or_default().push((date, day.deliveries));
            }
        }
        by_name.into_iter().map(|((rule, channel), counts)| Self { rule, channel, counts }).collect()
    }

    fn total(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    fn row(&self) -> Vec<String> {
        // Of days with as many the first.
        let most = self.counts.iter().rev().max_by_key(|(_, count)| *count);
        vec![
            self.rule.to_owned(),
            self.channel.to_owned(),
            self.total().to_string(),
            self.counts.len().to_string(),
            most.map(|(_, count)| count.to_string()).unwrap_or_default(),
            most.map(|(day, _)| day.to_string()).unwrap_or_default(),
        ]
    }
}

/// The deliveries for a person.
pub(super) fn shown(report: &SimulateReport, width: usize) -> String {
    let mut parts = vec![heading(report)];
    let series = Series::all(&report.days);
    if series.is_empty() {
        parts.push("Nothing would go out.".into());
    } else {
        let columns = [
            Column::Text("rule"),
            Column::Text("channel"),
            Column::Number("deliveries"),
            Column::Number("days"),
            Column::Number("most a day"),
            Column::Text("on"),
        ];
        parts.push(table(&columns, series.iter().map(Series::row)));
    }
    if let Some((first, last)) = days(report) {
        let axis = Axis::over(first, last, width.saturating_sub(MARGIN));
        parts.extend(series.iter().map(|series| drawn(series, &axis, &report.brakes)));
    }
    parts.extend(braked(&report.brakes));
    if !report.paused.is_empty() {
        parts.push(format!("Paused, so that nothing of it goes out: {}", report.paused.join(", ")));
    }
    parts.join("\n\n")
}

fn heading(report: &SimulateReport) -> String {
    let zone = calendar::zone(&report.timezone).unwrap_or(TimeZone::UTC);
    let (from, end) = (local(&zone, report.from), local(&zone, report.to.plus(Span(1))));
    // What ends with a day is shown as that day.
    let to = if end.time() == Time::midnight() {
        end.date().yesterday().unwrap_or(end.date()).to_string()
    } else {
        shown_at(local(&zone, report.to))
    };
    let paused = paused(report.sending_paused, report.marketing_paused);
    let paused = paused.map_or_else(String::new, |paused| format!("\n{paused}"));
    format!(
        "NOTHING IS SENT\n{} to {to}, {}: {} to {} of {}{paused}",
        shown_at(from),
        report.timezone,
        plural(report.total, "delivery"),
        report.reached,
        plural(report.customers, "customer"),
    )
}

/// A whole day as its date.
fn shown_at(wall: DateTime) -> String {
    if wall.time() == Time::midnight() { wall.date().to_string() } else { wall.to_string() }
}

/// The first and the last day.
fn days(report: &SimulateReport) -> Option<(Date, Date)> {
    let zone = calendar::zone(&report.timezone)?;
    Some((calendar::day_of(&zone, report.from), calendar::day_of(&zone, report.to)))
}

fn drawn(series: &Series<'_>, axis: &Axis, brakes: &[BrakedDay]) -> String {
    let of_rule = brakes.iter().filter(|braked| braked.rule == series.rule);
    let marked: Vec<Date> =
        of_rule.filter_map(|braked| braked.day.parse().ok()).filter(|day| axis.holds(*day)).collect();
    let heading = format!("{}, {}: deliveries a {}", visible(series.rule), series.channel, axis.fold().word());
    let lines = axis.chart(&series.counts, &marked);
    std::iter::once(heading).chain(lines).collect::<Vec<_>>().join("\n")
}

/// The days on which the brake would go off, by rule.
fn braked(brakes: &[BrakedDay]) -> Option<String> {
    let mut by_rule: BTreeMap<&str, Vec<&BrakedDay>> = BTreeMap::new();
    for braked in brakes {
        by_rule.entry(&braked.rule).or_default().push(braked);
    }
    let told = by_rule.iter().map(|(rule, days)| {
        let some = days.iter().take(TOLD).map(|braked| {
            format!("{} ({} within {}, at most {} allowed)", braked.day, braked.deliveries, braked.per, braked.limit)
        });
        let more = days.len().saturating_sub(TOLD);
        let more = (more > 0).then(|| format!("and {more} more"));
        format!("  {}: {}", visible(rule), some.chain(more).collect::<Vec<_>>().join(", "))
    });
    let told: Vec<String> = told.collect();
    let heading = "! The brake would pause the rule; what it would stop is counted all the same:";
    (!told.is_empty()).then(|| format!("{heading}\n{}", told.join("\n")))
}
