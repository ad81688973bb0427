//! `retaind customers`.

use super::Context;
use super::admin::{Admin, encoded};
use super::args::OutputArgs;
use super::composition::StoreAccess;
use super::error::Error;
use super::listing::{ListArgs, Listing};
use super::table::{Column, facts, or_dash, table, visible};
use crate::http::{ActiveView, CustomerDetail, CustomerLine, CustomerQuery};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

/// Who is stored
#[derive(Debug, Args)]
pub(super) struct CustomersArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Customers in the order of their arrival
    List(ListArgs),
    /// All that is known of one: profile, consent, timeline, what the rules did
    Show {
        /// The customer's id
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        id: String,
        #[command(flatten)]
        output: OutputArgs,
    },
}

const LISTING: Listing<CustomerLine> = Listing {
    path: "/v1/customers",
    columns: &[
        Column::Text("id"),
        Column::Text("email"),
        Column::Number("orders"),
        Column::Number("revenue"),
        Column::Text("last order"),
        Column::Text("arrived"),
    ],
    row: |customer| {
        vec![
            customer.id.clone(),
            or_dash(customer.email.as_ref()),
            customer.orders.count.to_string(),
            plain(&customer.orders.revenue),
            or_dash(customer.orders.last_at),
            customer.arrived_at.to_string(),
        ]
    },
};

pub(super) async fn run(args: CustomersArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let result = match args.action {
        Action::List(args) => LISTING.print(&admin, &CustomerQuery::default(), &args, context).await,
        Action::Show { id, output } => show(&admin, &id, output, context).await,
    };
    admin.finish(result).await.map(|()| 0)
}

async fn show(admin: &Admin, id: &str, output: OutputArgs, context: &mut Context<'_>) -> Result<(), Error> {
    let detail: CustomerDetail = admin.get(&format!("/v1/customers/{}", encoded(id))).await?;
    context.console.print(output, &detail, shown)?;
    Ok(())
}

/// A value for a person: a text without its quotes.
fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// One customer for a person.
pub(super) fn shown(detail: &CustomerDetail) -> String {
    let customer = &detail.customer;
    let suppression = detail.suppression.as_ref();
    let head = facts([
        ("customer", Some(customer.id.clone())),
        ("arrived", Some(customer.arrived_at.to_string())),
        ("profile of", customer.updated_at.map(|at| at.to_string())),
        ("orders", Some(format!("{}, {} in all", customer.orders.count, plain(&customer.orders.revenue)))),
        ("first order", customer.orders.first_at.map(|at| at.to_string())),
        ("last order", customer.orders.last_at.map(|at| at.to_string())),
        ("segments", Some(detail.segments.join(", ")).filter(|segments| !segments.is_empty())),
        ("suppressed", suppression.map(|found| format!("since {}: {}", found.at, found.reason))),
    ]);
    let attributes = detail.attributes.iter().map(|(name, value)| vec![name.clone(), plain(value)]);
    let consent = detail.consent.iter().map(|(name, consent)| {
        let word = if consent.granted { "given" } else { "withdrawn" };
        vec![name.clone(), word.into(), consent.at.to_string(), consent.source.clone()]
    });
    let sections = [
        Some(head),
        section("attributes", &[Column::Text("attribute"), Column::Text("value")], attributes.collect()),
        section("consent", &CONSENT, consent.collect()),
        section("deliveries", &DELIVERIES, deliveries(detail)),
        section("goes on", &ACTIVE, active(detail)),
        section("enrollments", &ENROLLMENTS, enrollments(detail)),
        section("if each rule fired now", &STANDING, standing(detail)),
        section("latest events", &EVENTS, events(detail)),
    ];
    sections.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

const CONSENT: [Column; 4] = [Column::Text("to"), Column::Text("consent"), Column::Text("since"), Column::Text("from")];
const DELIVERIES: [Column; 5] =
    [Column::Text("due"), Column::Text("rule"), Column::Text("channel"), Column::Text("state"), Column::Text("reason")];
const ENROLLMENTS: [Column; 4] =
    [Column::Text("at"), Column::Text("rule"), Column::Text("occurrence"), Column::Text("holdout")];
const STANDING: [Column; 3] = [Column::Text("rule"), Column::Text("decision"), Column::Text("why")];
const ACTIVE: [Column; 5] = [
    Column::Text("since"),
    Column::Text("rule"),
    Column::Text("step that waits"),
    Column::Text("due"),
    Column::Text("goal"),
];
const EVENTS: [Column; 3] = [Column::Text("at"), Column::Text("event"), Column::Text("properties")];

fn deliveries(detail: &CustomerDetail) -> Vec<Vec<String>> {
    let row = |delivery: &crate::http::DeliveryView| {
        vec![
            delivery.due_at.to_string(),
            delivery.rule.clone(),
            delivery.channel.clone(),
            delivery.state.to_string(),
            or_dash(delivery.reason),
        ]
    };
    detail.deliveries.iter().map(row).collect()
}

fn enrollments(detail: &CustomerDetail) -> Vec<Vec<String>> {
    let row = |enrollment: &crate::http::EnrollmentView| {
        let held_out = if enrollment.held_out { "yes" } else { "-" };
        vec![enrollment.entered_at.to_string(), enrollment.rule.clone(), enrollment.occurrence.clone(), held_out.into()]
    };
    detail.enrollments.iter().map(row).collect()
}

fn standing(detail: &CustomerDetail) -> Vec<Vec<String>> {
    let row = |standing: &crate::http::StandingView| {
        let reasons: Vec<String> = standing.reasons.iter().map(ToString::to_string).collect();
        let why = (!reasons.is_empty()).then(|| reasons.join(", "));
        vec![standing.rule.clone(), standing.decision.word().into(), or_dash(why)]
    };
    detail.standing.iter().map(row).collect()
}

/// A line for each step that waits, or one for an enrollment of which only the goal is awaited.
fn active(detail: &CustomerDetail) -> Vec<Vec<String>> {
    let rows = |active: &ActiveView| {
        let goal = or_dash(active.goal.as_ref().map(|goal| format!("{} until {}", goal.event, goal.until)));
        let mut steps: Vec<_> =
            active.waiting.iter().map(|step| (step.step.clone(), step.due_at.to_string())).collect();
        if steps.is_empty() {
            steps.push(("-".into(), "-".into()));
        }
        let row = |(step, due)| vec![active.since.to_string(), active.rule.clone(), step, due, goal.clone()];
        steps.into_iter().map(row).collect::<Vec<_>>()
    };
    detail.active.iter().flat_map(rows).collect()
}

fn events(detail: &CustomerDetail) -> Vec<Vec<String>> {
    let row = |event: &crate::http::EventView| {
        let properties = event.properties.iter().map(|(name, value)| format!("{name}={value}"));
        vec![event.at.to_string(), event.event.clone(), properties.collect::<Vec<_>>().join(" ")]
    };
    detail.events.iter().map(row).collect()
}

fn section(heading: &str, columns: &[Column], rows: Vec<Vec<String>>) -> Option<String> {
    (!rows.is_empty()).then(|| format!("{}\n{}", visible(heading), table(columns, rows)))
}
