//! `retaind suppressions`.

use super::Context;
use super::admin::{Admin, encoded};
use super::args::OutputArgs;
use super::composition::StoreAccess;
use super::error::Error;
use super::import::{self, ImportFile};
use super::listing::{ListArgs, Listing};
use super::table::{Column, visible};
use crate::domain::Suppression;
use crate::http::{ImportKind, ImportRequest, SuppressionAdded, SuppressionQuery, SuppressionRequest};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

/// Addresses that get no mail
#[derive(Debug, Args)]
pub(super) struct SuppressionsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// All of them, with reason and time
    List(ListArgs),
    /// Suppress an address
    Add {
        /// The address
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        address: String,
        /// Why, in a few words
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Let an address get mail again
    Remove {
        /// The address
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        address: String,
    },
    /// Suppress the addresses of a file: one a line, or CSV with the columns address and reason
    #[command(after_help = import::EXIT_CODE)]
    Import {
        #[command(flatten)]
        file: ImportFile,
    },
}

const LISTING: Listing<Suppression> = Listing {
    path: "/v1/suppressions",
    columns: &[Column::Text("address"), Column::Text("since"), Column::Text("reason")],
    row: |suppression| vec![suppression.address.clone(), suppression.at.to_string(), suppression.reason.clone()],
};

pub(super) async fn run(args: SuppressionsArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    if let Action::Import { file } = args.action {
        let request = ImportRequest { kind: ImportKind::Suppressions, ignore_unknown: false, live: false, file: None };
        return import::take_in(request, &file, context).await;
    }
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let result = answer(&admin, args.action, context).await;
    admin.finish(result).await.map(|()| 0)
}

async fn answer(admin: &Admin, action: Action, context: &mut Context<'_>) -> Result<(), Error> {
    match action {
        Action::List(args) => LISTING.print(admin, &SuppressionQuery::default(), &args, context).await,
        Action::Add { address, reason, output } => {
            let added: SuppressionAdded =
                admin.post("/v1/suppressions", &SuppressionRequest { address, reason }).await?;
            context.console.print(output, &added, |added| {
                let word = if added.added { "suppressed" } else { "was suppressed already" };
                format!("{} {word}", visible(&added.suppression.address))
            })?;
            Ok(())
        }
        Action::Remove { address } => {
            admin.delete(&format!("/v1/suppressions/{}", encoded(&address))).await?;
            Ok(context.console.answer(&format!("{} may get mail again", visible(&address)))?)
        }
        Action::Import { .. } => Ok(()),
    }
}
