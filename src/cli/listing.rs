//! Long lists, page by page.

use super::Context;
use super::admin::{Admin, with_query};
use super::args::OutputArgs;
use super::error::Error;
use super::table::{Column, table, visible};
use crate::http::{FailureKind, Page};
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How many are asked for at once.
const PAGE: usize = 500;
/// How many a table shows when nothing else is said; more is rarely read.
const TABLE_LIMIT: usize = 100;

/// How much of a list, and in which form.
#[derive(Debug, Clone, Args)]
pub(super) struct ListArgs {
    /// At most so many [default: 100 in a table, all in JSON]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Go on behind this one, as the end of the last part said
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

/// A list: where it is asked for and how it looks in a table.
pub(super) struct Listing<T> {
    /// The path.
    pub(super) path: &'static str,
    /// The table's columns.
    pub(super) columns: &'static [Column],
    /// The table's row of one.
    pub(super) row: fn(&T) -> Vec<String>,
}

impl<T: Serialize + DeserializeOwned> Listing<T> {
    /// Prints what `query` asks for.
    pub(super) async fn print(
        &self,
        admin: &Admin,
        query: &impl Serialize,
        args: &ListArgs,
        context: &mut Context<'_>,
    ) -> Result<(), Error> {
        let mut pages = Pages {
            query: serde_json::to_value(query).map_err(|error| Error::Other(error.into()))?,
            after: args.after.clone(),
            left: args.limit.unwrap_or(if args.output.json() { usize::MAX } else { TABLE_LIMIT }),
            ended: false,
        };
        let printed = self.pages(admin, &mut pages, args, context).await;
        printed.map_err(|error| match (error, &args.after) {
            // What the user gave, in the user's words; a page's own `next` is never refused.
            (Error::Failure(failure), Some(after)) if failure.kind == FailureKind::Invalid => Error::Usage(format!(
                "`--after {after}` is no place in this list; write what `there is more: --after …` says below a list"
            )),
            (error, _) => error,
        })
    }

    async fn pages(
        &self,
        admin: &Admin,
        pages: &mut Pages,
        args: &ListArgs,
        context: &mut Context<'_>,
    ) -> Result<(), Error> {
        if args.output.json() {
            self.json(admin, pages, context).await
        } else {
            self.table(admin, pages, context).await
        }
    }

    /// One array, written as the pages come.
    async fn json(&self, admin: &Admin, pages: &mut Pages, context: &mut Context<'_>) -> Result<(), Error> {
        let mut before = "[\n";
        while let Some(items) = pages.next::<T>(admin, self.path).await? {
            let out = context.console.out();
            for item in &items {
                out.write_all(before.as_bytes())?;
                serde_json::to_writer(&mut *out, item).map_err(std::io::Error::from)?;
                before = ",\n";
            }
        }
        let end: &[u8] = if before == "[\n" { b"[]\n" } else { b"\n]\n" };
        context.console.out().write_all(end)?;
        context.console.out().flush()?;
        Ok(())
    }

    async fn table(&self, admin: &Admin, pages: &mut Pages, context: &mut Context<'_>) -> Result<(), Error> {
        let mut rows = Vec::new();
        while let Some(items) = pages.next::<T>(admin, self.path).await? {
            rows.extend(items.iter().map(self.row));
        }
        if rows.is_empty() {
            context.console.note("none");
        } else {
            context.console.answer(&table(self.columns, rows))?;
        }
        if let Some(after) = &pages.after {
            context.console.note(&format!("there is more: --after {}, or --limit N", visible(after)));
        }
        Ok(())
    }
}

/// Where in a list we are.
struct Pages {
    query: Value,
    after: Option<String>,
    left: usize,
    ended: bool,
}

impl Pages {
    async fn next<T: DeserializeOwned>(&mut self, admin: &Admin, path: &str) -> Result<Option<Vec<T>>, Error> {
        if self.ended || self.left == 0 {
            return Ok(None);
        }
        self.query["limit"] = self.left.min(PAGE).into();
        self.query["after"] = self.after.clone().into();
        let mut page: Page<T> = admin.get(&with_query(path, &self.query)).await?;
        page.items.truncate(self.left);
        self.left -= page.items.len();
        // An empty page that is not the last would keep us here for ever.
        self.ended = page.next.is_none() || page.next == self.after;
        self.after = page.next;
        Ok(Some(page.items))
    }
}
