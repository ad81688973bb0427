//! `retaind rules`.

use super::Context;
use super::admin::{Admin, encoded};
use super::args::OutputArgs;
use super::composition::StoreAccess;
use super::error::Error;
use super::graph::{self, GraphArgs};
use super::table::{Column, or_dash, plural, table};
use crate::http::{RuleResumed, RuleStanding, RuleView, Status};
use clap::{Args, Subcommand};

/// How each rule stands
#[derive(Debug, Args)]
pub(super) struct RulesArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// All rules, by priority
    List {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Draw what starts each rule, what it does, and which rules and segments hang together; reads the files alone
    Graph(GraphArgs),
    /// Pause a rule, over restarts too
    Pause(RuleArgs),
    /// Let a rule go on, whether a person or the brake paused it
    Resume(RuleArgs),
}

#[derive(Debug, Args)]
struct RuleArgs {
    /// The rule
    rule: String,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: RulesArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    if let Action::Graph(args) = args.action {
        return graph::run(&args, context);
    }
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let result = match args.action {
        Action::Graph(_) => Ok(()),
        Action::List { output } => list(&admin, output, context).await,
        Action::Pause(args) => pause(&admin, args, context).await,
        Action::Resume(args) => resume(&admin, args, context).await,
    };
    admin.finish(result).await.map(|()| 0)
}

async fn list(admin: &Admin, output: OutputArgs, context: &mut Context<'_>) -> Result<(), Error> {
    let rules: Vec<RuleView> = admin.get("/v1/rules").await?;
    let status: Status = admin.get("/v1/status").await?;
    if let Some(refused) = status.last_reload.filter(|reload| !reload.ok) {
        let note = format!(
            "the files were changed and are not in use: the last reload ({}, by {}) was {}",
            refused.at,
            refused.by.word(),
            refused.came_to()
        );
        context.console.warning(&note);
    }
    context.console.print(output, &rules, |rules| if rules.is_empty() { "no rules".into() } else { shown(rules) })?;
    Ok(())
}

async fn pause(admin: &Admin, args: RuleArgs, context: &mut Context<'_>) -> Result<(), Error> {
    let rule: RuleView = admin.act(&format!("/v1/rules/{}/pause", encoded(&args.rule))).await?;
    context.console.print(args.output, &rule, standing)?;
    Ok(())
}

async fn resume(admin: &Admin, args: RuleArgs, context: &mut Context<'_>) -> Result<(), Error> {
    let resumed: RuleResumed = admin.act(&format!("/v1/rules/{}/resume", encoded(&args.rule))).await?;
    context.console.print(args.output, &resumed, |resumed| {
        format!("{}; {} go on", standing(&resumed.rule), plural(resumed.released, "held delivery"))
    })?;
    Ok(())
}

fn standing(rule: &RuleView) -> String {
    format!("{} is {}", rule.rule, word(rule.state))
}

/// The rules for a person.
pub(super) fn shown(rules: &[RuleView]) -> String {
    let columns = [
        Column::Text("rule"),
        Column::Text("state"),
        Column::Text("class"),
        Column::Number("priority"),
        Column::Text("trigger"),
        Column::Text("next due"),
        Column::Text("last tick"),
        Column::Number("enrolled"),
    ];
    let rows = rules.iter().map(|rule| {
        let tick = rule.last_tick.as_ref();
        vec![
            rule.rule.clone(),
            word(rule.state).into(),
            rule.class.to_string(),
            rule.priority.to_string(),
            rule.trigger.clone(),
            or_dash(rule.next_due),
            or_dash(tick.map(|tick| tick.at)),
            or_dash(tick.map(|tick| tick.enroll)),
        ]
    });
    table(&columns, rows)
}

const fn word(standing: RuleStanding) -> &'static str {
    match standing {
        RuleStanding::Live => "live",
        RuleStanding::Paused => "paused",
        RuleStanding::Braked => "paused by the brake",
    }
}
