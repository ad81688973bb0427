//! `retaind emit`.

use super::Context;
use super::admin::Admin;
use super::args::{OutputArgs, instant};
use super::composition::StoreAccess;
use super::error::Error;
use super::table::{Column, or_dash, table, visible};
use crate::domain::Time;
use crate::http::{EmitRequest, Emitted, EventPlan, EventRule, Given, PlannedDelivery};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use std::collections::BTreeMap;

/// One event of one customer, stored as if it had been sent; or, with --plan, what it would start
#[derive(Debug, Args)]
pub(super) struct EmitArgs {
    /// The event's name, as schema.yaml declares it
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    event: String,
    /// Its properties: NAME=VALUE, read as the type that schema.yaml declares; NAME:=JSON for a value as JSON
    #[arg(value_name = "NAME=VALUE", value_parser = property)]
    properties: Vec<(String, Given)>,
    /// The customer's id; one that is not known is made
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    customer: String,
    /// When it happened: RFC 3339, or a date for its midnight UTC; now if not given
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<Time>,
    /// An id of the message: an event with an id that was seen before changes nothing
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    message_id: Option<String>,
    /// Store nothing; show which rules it would start, and what they would send when
    #[arg(long)]
    plan: bool,
    /// Take an event that schema.yaml does not declare
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: EmitArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let EmitArgs { event, properties, customer, at, message_id, plan, force, output } = args;
    let properties = without_repeats(properties)?;
    let request = EmitRequest { event, customer, at, message_id, properties, force };
    if plan { show_plan(&request, output, context).await } else { emit(&request, output, context).await }
}

async fn emit(request: &EmitRequest, output: OutputArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let admin = Admin::open(context, StoreAccess::Create).await?;
    let answer = admin.post("/v1/emit", request).await;
    let emitted: Emitted = admin.finish(answer).await?;
    remark(&emitted.remarks, context);
    if emitted.new_customer {
        context.console.note(&format!("customer {} was not known and is made", visible(&emitted.customer)));
    }
    if emitted.stored && !emitted.running {
        context.console.note("nothing acts on it until the daemon runs");
    }
    context.console.print(output, &emitted, told)?;
    Ok(0)
}

async fn show_plan(request: &EmitRequest, output: OutputArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let answer = admin.post("/v1/emit/plan", request).await;
    let plan: EventPlan = admin.finish(answer).await?;
    remark(&plan.remarks, context);
    if output.json() {
        context.console.note("NOTHING IS STORED OR SENT");
    }
    context.console.print(output, &plan, shown)?;
    Ok(0)
}

fn remark(remarks: &[String], context: &mut Context<'_>) {
    for remark in remarks {
        context.console.warning(remark);
    }
}

/// What became of an event, for a person.
fn told(emitted: &Emitted) -> String {
    let what = format!("{} of {} at {}", visible(&emitted.event), visible(&emitted.customer), emitted.at);
    if emitted.stored { format!("stored: {what}") } else { format!("duplicate, nothing changed: {what}") }
}

/// What an event would start, for a person.
fn shown(plan: &EventPlan) -> String {
    let of = if plan.new_customer { "the new customer " } else { "" };
    let mut shown = format!(
        "NOTHING IS STORED OR SENT\n{} of {of}{} at {}\n\n",
        visible(&plan.event),
        visible(&plan.customer),
        plan.at
    );
    if plan.rules.is_empty() {
        shown.push_str("no rule would start");
        return shown;
    }
    let columns = [
        Column::Text("rule"),
        Column::Text("decision"),
        Column::Text("why"),
        Column::Text("step"),
        Column::Text("channel"),
        Column::Text("due"),
    ];
    shown.push_str(&table(&columns, plan.rules.iter().flat_map(rows)));
    for rule in &plan.rules {
        if let Some(note) = &rule.note {
            shown.push_str("\n\n");
            shown.push_str(&rule.rule);
            shown.push_str(": ");
            shown.push_str(&visible(note));
        }
    }
    shown
}

/// A line for each step of a rule, or one if there is none.
fn rows(rule: &EventRule) -> Vec<Vec<String>> {
    let reasons: Vec<String> = rule.reasons.iter().map(ToString::to_string).collect();
    let why = or_dash((!reasons.is_empty()).then(|| reasons.join(", ")));
    let head = [rule.rule.clone(), rule.decision.word().to_owned(), why];
    let step = |step: &PlannedDelivery, waits: &str| {
        [step.step.clone(), step.channel.clone(), format!("{}{waits}", step.due_at)]
    };
    let sent = rule.deliveries.iter().map(|delivery| step(delivery, ""));
    let waiting = rule.waiting.iter().map(|delivery| step(delivery, ", waits"));
    let mut steps: Vec<[String; 3]> = sent.chain(waiting).collect();
    if steps.is_empty() {
        steps.push(["-".into(), "-".into(), "-".into()]);
    }
    let heads = std::iter::once(head).chain(std::iter::repeat_with(Default::default));
    heads.zip(steps).map(|(head, step)| head.into_iter().chain(step).collect()).collect()
}

/// Reads `NAME=VALUE` or `NAME:=JSON`.
fn property(text: &str) -> Result<(String, Given), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("write it as NAME=VALUE, or as NAME:=JSON".to_owned());
    };
    let (name, given) = match name.strip_suffix(':') {
        Some(name) => {
            let json = serde_json::from_str(value).map_err(|error| format!("{value:?} is no JSON: {error}"))?;
            (name, Given::Json(json))
        }
        None => (name, Given::Text(value.to_owned())),
    };
    if name.is_empty() {
        return Err("there is no name before `=`".to_owned());
    }
    Ok((name.to_owned(), given))
}

fn without_repeats(properties: Vec<(String, Given)>) -> Result<BTreeMap<String, Given>, Error> {
    let mut all = BTreeMap::new();
    for (name, given) in properties {
        if all.contains_key(&name) {
            return Err(Error::Usage(format!("the property {name:?} is given twice")));
        }
        all.insert(name, given);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::property;
    use crate::http::Given;

    #[test]
    fn a_property_is_text_or_json() {
        assert_eq!(property("a=b=c"), Ok(("a".into(), Given::Text("b=c".into()))));
        assert_eq!(property("a="), Ok(("a".into(), Given::Text(String::new()))));
        assert_eq!(property("a:=[1]"), Ok(("a".into(), Given::Json(serde_json::json!([1])))));
        for bad in ["a", "=b", ":=1", "a:=b"] {
            assert!(property(bad).is_err(), "{bad}");
        }
    }
}
