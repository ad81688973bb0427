//! The arguments, and which file does which command.

use super::console::{Color, Console};
use super::error::Error;
use super::suppressions;
use super::{
    Context, backup, check, compact, completions, customers, deliveries, demo, emit, explain, export, import, init,
    man, plan, reload, restore, rules, run, schema, sending, simulate, status, test, version,
};
use crate::domain::Time;
use crate::http::{NotAWhen, When};
use crate::telemetry::LogStyle;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What the exit codes say; `--help` has them in one line.
pub(super) const EXIT_STATUS: [(&str, &str); 6] = [
    ("0", "Ok, warnings too."),
    ("1", "It failed."),
    ("2", "The arguments make no sense."),
    ("65", "Rules or templates are bad."),
    ("74", "The store cannot be used."),
    ("78", "The settings are bad."),
];

const EXIT_CODES: &str = "\
Exit codes: 0 ok (warnings too) · 1 failed · 2 usage · 65 bad rules or templates · 74 store · 78 settings

With a daemon running, commands that read or change the store go through its admin socket; with none, they open the \
store themselves. -v says which.";

/// Retention rules as code: the right e-mail to each customer, the right webhook to other tools, once.
#[derive(Debug, Parser)]
#[command(name = "retaind", version = version::SHORT, long_version = version::long(), propagate_version = false)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// The settings file [default: ./retaind.yaml, then /etc/retaind/retaind.yaml]
    #[arg(long, global = true, env = "RETAIND_CONFIG", value_name = "FILE", hide_env_values = true)]
    pub(super) config: Option<PathBuf>,
    /// Say more on standard error; twice: much more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Colours in what is meant for a person
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(super) color: Color,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Init(init::InitArgs),
    Check(check::CheckArgs),
    Test(test::TestArgs),
    Plan(plan::PlanArgs),
    Simulate(simulate::SimulateArgs),
    Explain(explain::ExplainArgs),
    Run(run::RunArgs),
    Status(status::StatusArgs),
    Reload(reload::ReloadArgs),
    Pause(sending::PauseArgs),
    Resume(sending::ResumeArgs),
    Import(import::ImportArgs),
    Emit(emit::EmitArgs),
    Customers(customers::CustomersArgs),
    Deliveries(deliveries::DeliveriesArgs),
    Suppressions(suppressions::SuppressionsArgs),
    Rules(rules::RulesArgs),
    Schema(schema::SchemaArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Export(export::ExportArgs),
    Compact(compact::CompactArgs),
    Demo(demo::DemoArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

impl Command {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Result<u8, Error> {
        match self {
            Self::Init(args) => init::run(&args, context),
            Self::Check(args) => check::run(&args, context),
            Self::Test(args) => test::run(&args, context),
            Self::Plan(args) => plan::run(args, context).await,
            Self::Simulate(args) => simulate::run(args, context).await,
            Self::Explain(args) => explain::run(args, context).await,
            Self::Run(_) => run::run(context).await,
            Self::Status(args) => status::run(args, context).await,
            Self::Reload(args) => reload::run(args, context).await,
            Self::Pause(args) => sending::pause(args, context).await,
            Self::Resume(args) => sending::resume(args, context).await,
            Self::Import(args) => import::run(args, context).await,
            Self::Emit(args) => emit::run(args, context).await,
            Self::Customers(args) => customers::run(args, context).await,
            Self::Deliveries(args) => deliveries::run(args, context).await,
            Self::Suppressions(args) => suppressions::run(args, context).await,
            Self::Rules(args) => rules::run(args, context).await,
            Self::Schema(args) => schema::run(args, context).await,
            Self::Backup(args) => backup::run(args, context).await,
            Self::Restore(args) => restore::run(args, context).await,
            Self::Export(args) => export::run(args, context).await,
            Self::Compact(args) => compact::run(args, context).await,
            Self::Demo(args) => demo::run(args, context).await,
            Self::Completions(args) => completions::run(&args, context),
            Self::Man(args) => man::run(&args, context),
        }
    }

    /// The form of log lines: the daemon's as asked for, a command's for a person.
    pub(super) fn log_style(&self, console: &Console) -> LogStyle {
        match self {
            Self::Run(args) => args.log_style(console),
            _ if console.colored() => LogStyle::Coloured,
            _ => LogStyle::Plain,
        }
    }
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For programs: on standard output alone, everything else on standard error.
    Json,
}

/// The choice of format, for every command that prints records.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct OutputArgs {
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
}

impl OutputArgs {
    pub(super) fn json(self) -> bool {
        self.format == Format::Json
    }
}

/// Reads an instant, or a day of the business's zone.
pub(super) fn when(text: &str) -> Result<When, String> {
    text.parse().map_err(|wrong: NotAWhen| wrong.to_string())
}

/// Reads when an event happened, as the listener does: RFC 3339 or a date (midnight UTC).
pub(super) fn instant(text: &str) -> Result<Time, String> {
    text.parse().map_err(|_| "write it like 2026-03-29T10:00:00Z, or 2026-03-29 for midnight UTC".to_owned())
}
