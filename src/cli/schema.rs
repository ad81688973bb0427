//! `retaind schema`.

use super::Context;
use super::admin::Admin;
use super::composition::{ProjectNames, StoreAccess};
use super::error::Error;
use super::schemas::Kind;
use crate::http::InferReport;
use anyhow::Context as _;
use clap::Args;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// JSON Schemas that let an editor complete and explain rules, segments, settings, schema and tests; or a schema.yaml
/// from what the store holds
///
/// Within a project they hold its names: topics, endpoints, templates, segments, events and attributes. An editor with
/// the YAML language server takes one in by the first line of a file:
/// `# yaml-language-server: $schema=../schema/rule.json`
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct SchemaArgs {
    /// Which; `infer` reads the customers and events that are stored and prints a schema.yaml
    #[arg(value_name = "WHAT", required_unless_present = "out")]
    what: Option<What>,
    /// Without the names of this project
    #[arg(long)]
    plain: bool,
    /// Write all of them into this folder, as rule.json and so on
    #[arg(long, value_name = "DIR", conflicts_with = "what")]
    out: Option<PathBuf>,
}

/// What to print.
#[derive(Debug, Clone, Copy)]
enum What {
    /// The schema of a file.
    Of(Kind),
    /// A `schema.yaml`.
    Infer,
}

impl clap::ValueEnum for What {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Of(Kind::Rule),
            Self::Of(Kind::Segments),
            Self::Of(Kind::Settings),
            Self::Of(Kind::Schema),
            Self::Of(Kind::Test),
            Self::Infer,
        ]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        match self {
            Self::Of(kind) => kind.to_possible_value(),
            Self::Infer => Some(clap::builder::PossibleValue::new("infer").help("A schema.yaml from what is stored")),
        }
    }
}

pub(super) async fn run(args: SchemaArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    match args.what {
        Some(What::Infer) if args.plain => return Err(Error::Usage("`--plain` says nothing to `infer`".into())),
        Some(What::Infer) => return infer(context).await,
        _ => {}
    }
    let names = if args.plain { None } else { names(context) };
    if let Some(What::Of(kind)) = args.what {
        context.console.answer(&text(kind, names.as_ref())?)?;
    }
    if let Some(folder) = &args.out {
        write_all(folder, names.as_ref())?;
        context.console.note(&written(folder));
    }
    Ok(0)
}

/// Where they are, and how an editor is told.
fn written(folder: &Path) -> String {
    let from_rules = if folder.is_absolute() { folder.to_path_buf() } else { Path::new("..").join(folder) };
    format!(
        "{}/ holds the schemas of rule, segments, settings, schema and test.\nAn editor takes one in by the first line \
         of a file, as in rules/:\n  # yaml-language-server: $schema={}/rule.json",
        folder.display(),
        from_rules.display()
    )
}

/// The names of the project, if there is one here: a schema is of use without one, too.
fn names(context: &mut Context<'_>) -> Option<ProjectNames> {
    let settings = context.settings().ok()?;
    let names = context.composition.names(&settings);
    let remark = if names.is_some() { "with the names of" } else { "without names: nothing can be read of" };
    context.remark(&format!("{remark} {}", settings.display()));
    names
}

fn text(kind: Kind, names: Option<&ProjectNames>) -> Result<String, Error> {
    let schema: Value = kind.schema(names).context("a schema of this program cannot be read")?;
    Ok(format!("{schema:#}"))
}

/// Writes all schemas.
pub(super) fn write_all(folder: &Path, names: Option<&ProjectNames>) -> Result<(), Error> {
    let cannot = || format!("{} cannot be written", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    for kind in Kind::ALL {
        fs::write(folder.join(kind.file()), text(kind, names)? + "\n").with_context(cannot)?;
    }
    Ok(())
}

async fn infer(context: &mut Context<'_>) -> Result<u8, Error> {
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let answer = admin.act("/v1/schema/infer").await;
    let report: InferReport = admin.finish(answer).await?;
    context.console.answer(report.schema.trim_end())?;
    context.console.note(&format!(
        "from {} customers and {} of their events; read it before you use it: what is not stored yet is not in it",
        report.customers, report.events
    ));
    Ok(0)
}
