//! `retaind run`.

use super::Context;
use super::console::Console;
use super::error::Error;
use crate::telemetry::{LogStyle, Output};
use clap::{Args, ValueEnum};

/// Be the daemon, in the foreground: SIGHUP reloads, SIGTERM and SIGINT finish what is under way and stop
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The form of log lines; the variable `RETAIND_LOG` says what is logged, such as `info,retaind::http=debug`
    #[arg(long, value_enum, default_value_t = LogFormat::Auto, value_name = "FORM")]
    log_format: LogFormat,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Records with fields where systemd sends standard error to its journal, else lines for a person.
    Auto,
    /// Lines for a person.
    #[value(alias = "plain")]
    Text,
    /// One JSON object a line.
    Json,
    /// Records with fields, straight to the systemd journal.
    Journal,
}

impl RunArgs {
    pub(super) fn log_style(&self, console: &Console) -> LogStyle {
        match self.log_format {
            LogFormat::Auto => match Output::detect().style() {
                LogStyle::Coloured if !console.colored() => LogStyle::Plain,
                LogStyle::Plain if console.colored() => LogStyle::Coloured,
                style => style,
            },
            LogFormat::Text if console.colored() => LogStyle::Coloured,
            LogFormat::Text => LogStyle::Plain,
            LogFormat::Json => LogStyle::Json,
            LogFormat::Journal => LogStyle::Journal,
        }
    }
}

pub(super) async fn run(context: &mut Context<'_>) -> Result<u8, Error> {
    let settings = context.settings()?;
    context.composition.run(&settings).await?;
    Ok(0)
}
