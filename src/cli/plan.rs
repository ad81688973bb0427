//! `retaind plan`.

use super::Context;
use super::admin::Admin;
use super::args::{OutputArgs, instant};
use super::composition::StoreAccess;
use super::error::Error;
use super::table::{Column, counts, table, visible};
use crate::domain::Time;
use crate::http::{PlanReport, PlanRequest, RulePlan};
use clap::Args;

/// Whom each rule would reach if its trigger fired now, and who would be held and why; sends nothing
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// If it fired at this instant: RFC 3339, or a date for its midnight UTC; may lie in the past or the future
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<Time>,
    /// Only this rule
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Name the customers
    #[arg(long)]
    customers: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: PlanArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let request = PlanRequest { at: args.at, rule: args.rule, customers: args.customers };
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let answer = admin.post("/v1/plan", &request).await;
    let report: PlanReport = admin.finish(answer).await?;
    if args.output.json() {
        context.console.note("NOTHING IS SENT");
        context.console.json(&report)?;
    } else {
        context.console.answer(&shown(&report))?;
    }
    Ok(0)
}

/// The plan for a person.
pub(super) fn shown(report: &PlanReport) -> String {
    let columns = [
        Column::Text("rule"),
        Column::Number("customers"),
        Column::Number("matched"),
        Column::Number("unknown"),
        Column::Number("enroll"),
        Column::Number("holdout"),
        Column::Number("e-mails"),
        Column::Number("webhooks"),
        Column::Text("held"),
    ];
    let rows = report.rules.iter().map(|plan| {
        vec![
            plan.rule.clone(),
            plan.evaluated.to_string(),
            plan.matched.to_string(),
            plan.unknown.to_string(),
            plan.enroll.to_string(),
            plan.holdout.to_string(),
            plan.deliveries.email.to_string(),
            plan.deliveries.webhook.to_string(),
            counts(&plan.hold),
        ]
    });
    let mut shown = format!("NOTHING IS SENT\nif every trigger fired at {}\n\n{}", report.at, table(&columns, rows));
    for plan in &report.rules {
        shown.push_str(&named(plan));
    }
    shown
}

/// The customers of one rule, if they were asked for.
fn named(plan: &RulePlan) -> String {
    let mut named = String::new();
    let mut group = |heading: String, ids: &[String]| {
        named.push_str("\n\n");
        named.push_str(&heading);
        for id in ids {
            named.push_str("\n  ");
            named.push_str(&visible(id));
        }
    };
    if let Some(ids) = plan.customers.as_deref().filter(|ids| !ids.is_empty()) {
        group(format!("{}: matched", plan.rule), ids);
    }
    for (reason, ids) in plan.held.iter().flatten().filter(|(_, ids)| !ids.is_empty()) {
        group(format!("{}: held, {reason}", plan.rule), ids);
    }
    named
}
