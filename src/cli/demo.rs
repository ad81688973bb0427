//! `retaind demo`.

use super::Context;
use super::args::OutputArgs;
use super::composition::{DemoReport, DemoRequest};
use super::error::Error;
use super::table::{Column, or_dash, table};
use clap::Args;
use std::io::Write;

/// How many mails and calls are shown; the rest is counted.
const SHOWN: usize = 10;

/// The whole of it on made-up customers, with a mail catcher and a webhook receiver on loopback; ends by itself
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// How many customers to make up
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    customers: u32,
    /// What their purchases are drawn with; equal seeds give equal customers
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: DemoArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let request = DemoRequest { customers: args.customers, seed: args.seed };
    // Lines come while it goes on, from whichever thread; standard error may be closed, which is no matter.
    let tell = |line: &str| drop(writeln!(std::io::stderr(), "{line}"));
    let report = context.composition.demo(request, &tell).await?;
    context.console.print(args.output, &report, shown)?;
    Ok(0)
}

/// What came of it, for a person.
pub(super) fn shown(report: &DemoReport) -> String {
    let mails = report.mails.iter().take(SHOWN).map(|mail| {
        vec![
            mail.rule.clone(),
            mail.customer.clone(),
            mail.to.clone(),
            mail.subject.clone(),
            mail.file.display().to_string(),
        ]
    });
    let mail_columns = ["rule", "customer", "to", "subject", "look at"].map(Column::Text);
    let calls = report.webhooks.iter().take(SHOWN).map(|call| {
        let signature = if call.verified { "right" } else { "WRONG" };
        vec![call.rule.clone(), call.customer.clone(), call.kind.clone(), signature.into()]
    });
    let call_columns = ["rule", "customer", "type", "signature"].map(Column::Text);
    let held = report.held.iter().map(|held| {
        vec![held.rule.clone(), held.reason.to_string(), held.customers.to_string(), or_dash(held.example.as_ref())]
    });
    let held_columns =
        [Column::Text("rule"), Column::Text("reason"), Column::Number("customers"), Column::Text("such as")];
    let sections = [
        format!("{} customers and {} events were made up (seed {})", report.customers, report.events, report.seed),
        section("mails arrived", report.mails.len(), &table(&mail_columns, mails)),
        section("webhook calls arrived", report.webhooks.len(), &table(&call_columns, calls)),
        section("kinds of silence", report.held.len(), &table(&held_columns, held)),
        format!("everything is in {}", report.folder.display()),
    ];
    sections.join("\n\n")
}

fn section(what: &str, count: usize, table: &str) -> String {
    match count {
        0 => format!("0 {what}"),
        _ if count > SHOWN && !what.starts_with("kinds") => format!("{count} {what}, the first {SHOWN}:\n{table}"),
        _ => format!("{count} {what}:\n{table}"),
    }
}
