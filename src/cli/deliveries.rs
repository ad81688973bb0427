//! `retaind deliveries`.

use super::Context;
use super::admin::Admin;
use super::args::OutputArgs;
use super::composition::StoreAccess;
use super::error::Error;
use super::listing::{ListArgs, Listing};
use super::table::{Column, facts, or_dash, plural};
use crate::domain::{DeliveryId, State};
use crate::http::{Changed, DeliveryDetail, DeliveryQuery, DeliverySelection, DeliveryView};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Subcommand};

/// The outbox and the dead letters
#[derive(Debug, Args)]
pub(super) struct DeliveriesArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Deliveries in the order of their ids
    List {
        #[command(flatten)]
        filter: FilterArgs,
        #[command(flatten)]
        list: ListArgs,
    },
    /// All that is known of one
    Show {
        /// The delivery's id: 32 hexadecimal digits
        id: DeliveryId,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Queue deliveries again under their old ids; of a filter without --state the held and the failed ones
    Retry(SelectionArgs),
    /// Cancel deliveries that wait or are held
    Cancel(SelectionArgs),
}

/// Which deliveries, all conditions together.
#[derive(Debug, Args)]
struct FilterArgs {
    /// Only in this state
    #[arg(long, value_parser = state_parser())]
    state: Option<State>,
    /// Only of this rule
    #[arg(long)]
    rule: Option<String>,
    /// Only to this customer
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
}

/// Which deliveries to change: by id, or all that pass a filter.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["ids", "state", "rule", "customer"]))]
struct SelectionArgs {
    /// Ids of deliveries
    #[arg(value_name = "ID", conflicts_with_all = ["state", "rule", "customer"])]
    ids: Vec<DeliveryId>,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

fn state_parser() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.iter().map(|state| state.word()))
        .try_map(|word| State::from_word(&word).ok_or("not a state"))
}

impl From<FilterArgs> for DeliveryQuery {
    fn from(args: FilterArgs) -> Self {
        Self { state: args.state, rule: args.rule, customer: args.customer, ..Self::default() }
    }
}

const LISTING: Listing<DeliveryView> = Listing {
    path: "/v1/deliveries",
    columns: &[
        Column::Text("id"),
        Column::Text("rule"),
        Column::Text("step"),
        Column::Text("customer"),
        Column::Text("channel"),
        Column::Text("state"),
        Column::Number("attempts"),
        Column::Text("due"),
        Column::Text("reason"),
        Column::Text("last error"),
    ],
    row: |delivery| {
        vec![
            delivery.id.to_string(),
            delivery.rule.clone(),
            delivery.step.clone(),
            delivery.customer.clone(),
            delivery.channel.clone(),
            delivery.state.to_string(),
            delivery.attempts.to_string(),
            delivery.due_at.to_string(),
            or_dash(delivery.reason),
            or_dash(delivery.last_error.as_ref()),
        ]
    },
};

pub(super) async fn run(args: DeliveriesArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let result = match args.action {
        Action::List { filter, list } => {
            LISTING.print(&admin, &DeliveryQuery::from(filter), &list, context).await.map(|()| 0)
        }
        Action::Show { id, output } => show(&admin, id, output, context).await,
        Action::Retry(args) => change(&admin, Change::Retry, args, context).await,
        Action::Cancel(args) => change(&admin, Change::Cancel, args, context).await,
    };
    admin.finish(result).await
}

async fn show(admin: &Admin, id: DeliveryId, output: OutputArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let detail: DeliveryDetail = admin.get(&format!("/v1/deliveries/{id}")).await?;
    context.console.print(output, &detail, shown)?;
    Ok(0)
}

#[derive(Clone, Copy)]
enum Change {
    Retry,
    Cancel,
}

/// Answers 1 when ids were named and one of them was not changed.
async fn change(admin: &Admin, change: Change, args: SelectionArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let output = args.output;
    let selection = if args.ids.is_empty() {
        DeliverySelection::Filter(args.filter.into())
    } else {
        DeliverySelection::Ids(args.ids)
    };
    let (path, done) = match change {
        Change::Retry => ("/v1/deliveries/retry", "queued again"),
        Change::Cancel => ("/v1/deliveries/cancel", "cancelled"),
    };
    let changed: Changed = admin.post(path, &selection).await?;
    if output.json() {
        context.console.json(&changed)?;
    } else {
        context.console.answer(&format!("{} {done}", plural(changed.changed, "delivery")))?;
        for left in &changed.unchanged {
            context.console.warning(&format!("{} is left as it is: {}", left.id, left.message));
        }
    }
    Ok(u8::from(!changed.unchanged.is_empty()))
}

/// One delivery for a person.
pub(super) fn shown(detail: &DeliveryDetail) -> String {
    let delivery = &detail.delivery;
    facts([
        ("delivery", Some(delivery.id.to_string())),
        ("rule", Some(delivery.rule.clone())),
        ("step", Some(delivery.step.clone())),
        ("customer", Some(delivery.customer.clone())),
        ("occurrence", Some(delivery.occurrence.clone())),
        ("channel", Some(delivery.channel.clone())),
        ("template", detail.template.clone()),
        ("endpoint", detail.endpoint.clone()),
        ("class", Some(detail.class.to_string())),
        ("topic", detail.topic.clone()),
        ("state", Some(delivery.state.to_string())),
        ("reason", delivery.reason.map(|reason| reason.to_string())),
        ("attempts", Some(delivery.attempts.to_string())),
        ("uncertain", (detail.uncertain > 0).then(|| detail.uncertain.to_string())),
        ("last error", delivery.last_error.clone()),
        ("decided", Some(delivery.created_at.to_string())),
        ("due", Some(delivery.due_at.to_string())),
        ("expires", Some(detail.expires_at.to_string())),
        ("attempted", detail.attempted_at.map(|at| at.to_string())),
        ("sent", delivery.sent_at.map(|at| at.to_string())),
        ("body", detail.body.clone()),
    ])
}
