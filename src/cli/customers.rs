//! `retaind customers`.

use super::Context;
use super::admin::{Admin, encoded};
use super::args::OutputArgs;
use super::composition::StoreAccess;
use super::error::Error;
use super::listing::{ListArgs, Listing};
use super::table::{Column, facts, or_dash, plural, table, visible};
use crate::http::{
    ActiveView, CustomerDetail, CustomerExport, CustomerLine, CustomerQuery, ErasedView, Failure, FailureKind,
    TracesView,
};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

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
    Export(ExportArgs),
    Erase(EraseArgs),
}

const ABOUT_EXPORT: &str = "\
Profile, consent and its log, events, enrollments, deliveries, what the rules remember: the answer to somebody who asks what \
is known of them. The file is made for its owner alone.";

/// All that is held about one customer, as one JSON
#[derive(Debug, Args)]
#[command(after_help = ABOUT_EXPORT)]
struct ExportArgs {
    /// The customer's id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    id: String,
    /// The file; standard output if left out
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

const ABOUT_ERASE: &str = "\
It is in effect when the command ends: nothing more is sent, but for what was on the wire just then. Kept are, as hashes that \
nobody can read, what was withdrawn, which occurrences were used up and that the address is suppressed. Bytes of the store's \
files are free then and hold traces until they are written again.";

/// Forget one customer: profile, events, enrollments, deliveries, consent
#[derive(Debug, Args)]
#[command(after_help = ABOUT_ERASE)]
struct EraseArgs {
    /// The customer's id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    id: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
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
    if let Action::Erase(erase) = &args.action
        && !erase.yes
        && !confirmed(&erase.id, context)?
    {
        return Ok(1);
    }
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let result = match args.action {
        Action::Export(args) => export(&admin, &args, context).await,
        Action::Erase(args) => erase(&admin, &args, context).await,
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

async fn export(admin: &Admin, args: &ExportArgs, context: &mut Context<'_>) -> Result<(), Error> {
    let whole: CustomerExport = admin.get(&format!("/v1/customers/{}/export", encoded(&args.id))).await?;
    let Some(path) = &args.file else { return Ok(context.console.json(&whole)?) };
    let cannot = |error: std::io::Error| {
        let message = format!("the export cannot be written to {}", path.display());
        Error::from(Failure::new(FailureKind::Internal, message).because(&error))
    };
    let mut bytes = serde_json::to_vec_pretty(&whole).map_err(|error| cannot(error.into()))?;
    bytes.push(b'\n');
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(&bytes)).map_err(cannot)
}

/// Asks a person who sits at a terminal; where nobody can answer it is an error that names `--yes`.
fn confirmed(id: &str, context: &mut Context<'_>) -> Result<bool, Error> {
    if !context.console.interactive() || !std::io::stdin().is_terminal() {
        return Err(Error::Usage(format!("to erase {id} without being asked, give --yes")));
    }
    context
        .console
        .note(&format!("Everything known of {} is removed for good. Type the id again to go on:", visible(id)));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let same = line.trim() == id;
    if !same {
        context.console.note("That is another id; nothing was done.");
    }
    Ok(same)
}

async fn erase(admin: &Admin, args: &EraseArgs, context: &mut Context<'_>) -> Result<(), Error> {
    let erased: ErasedView = admin.take_away(&format!("/v1/customers/{}", encoded(&args.id))).await?;
    context.console.print(args.output, &erased, erased_shown)?;
    Ok(())
}

fn erased_shown(erased: &ErasedView) -> String {
    let gone = [(erased.events, "event"), (erased.enrollments, "enrollment")].map(|(count, what)| plural(count, what));
    let deliveries = plural(erased.deliveries, "delivery");
    let mut lines = vec![format!("{} is erased: {}, {}, {deliveries}", visible(&erased.customer), gone[0], gone[1])];
    if erased.under_way > 0 {
        lines.push(format!("{} of them was on the wire already and may arrive", erased.under_way));
    }
    if erased.objections > 0 {
        lines.push("what they withdrew is kept as a hash, for when that id comes back".to_owned());
    }
    lines.push(match &erased.backups {
        Some(TracesView { folder, files, gone_at: Some(at) }) if *files > 0 => {
            let files = plural(*files, "nightly backup");
            format!("traces are left in {files} in {}; the last is removed about {at}", visible(folder))
        }
        _ => "no nightly backup holds traces".to_owned(),
    });
    lines.push("backups that you made yourself hold them as long as you keep them".to_owned());
    lines.push("`retaind compact` removes the freed bytes from the store's files".to_owned());
    lines.join("\n")
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
        section("what was told of consent", &CONSENT_LOG, consent_log(detail)),
        section("deliveries", &DELIVERIES, deliveries(detail)),
        section("goes on", &ACTIVE, active(detail)),
        section("enrollments", &ENROLLMENTS, enrollments(detail)),
        section("if each rule fired now", &STANDING, standing(detail)),
        section("latest events", &EVENTS, events(detail)),
    ];
    sections.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

const CONSENT: [Column; 4] = [Column::Text("to"), Column::Text("consent"), Column::Text("since"), Column::Text("from")];
const CONSENT_LOG: [Column; 8] = [
    Column::Text("at"),
    Column::Text("to"),
    Column::Text("consent"),
    Column::Text("from"),
    Column::Text("wording"),
    Column::Text("caller"),
    Column::Text("received"),
    Column::Text("effect"),
];
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

fn consent_log(detail: &CustomerDetail) -> Vec<Vec<String>> {
    let row = |entry: &crate::http::ConsentEntryView| {
        let from =
            entry.file.as_ref().map_or_else(|| entry.source.clone(), |file| format!("{} of {file}", entry.source));
        vec![
            entry.at.to_string(),
            entry.name.clone(),
            if entry.granted { "given" } else { "withdrawn" }.to_owned(),
            from,
            or_dash(entry.wording.as_ref()),
            or_dash(entry.caller.as_ref()),
            entry.received_at.to_string(),
            entry.effect.clone(),
        ]
    };
    detail.consent_log.iter().map(row).collect()
}

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
