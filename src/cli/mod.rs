//! The command line.
//!
//! What it is for: reading arguments, one file per command; asking a running daemon over its admin socket, or the very
//! same router in this process when none runs; showing answers as tables or as JSON; exit codes.
//! Invariants: with `--format json` standard output holds JSON alone; whatever is meant for a person besides the answer
//! goes to standard error; text of customers never reaches a terminal with its control characters; standard output that
//! is closed early is no error; files named on the command line are opened here, never by the daemon.
//! Exit codes: 0 ok · 1 failed · 2 usage · 65 bad rules or templates · 74 store · 78 settings.
//! Deliberately not here: what a command does to a store or a daemon ([`Composition`], `http::Operations`).

mod admin;
mod annotations;
mod args;
mod backup;
mod chart;
mod check;
mod compact;
mod completions;
mod composition;
mod console;
mod customers;
mod deliveries;
mod demo;
mod diagnostics;
mod emit;
mod error;
mod explain;
mod export;
mod graph;
mod import;
mod init;
mod listing;
mod live;
mod man;
mod plan;
mod problems;
mod reload;
mod restore;
mod rules;
mod run;
mod schema;
mod schemas;
mod sending;
mod simulate;
mod status;
mod suppressions;
mod table;
mod test;
mod version;

#[cfg(test)]
mod tests;

pub use composition::{Checked, Composition, Offline, ProjectNames, Refusal, StoreAccess};
pub use live::Live;

use args::{Arguments, Command};
use clap::Parser;
use console::Console;
use error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Does what the arguments (the program's name first) say and answers the exit code. Makes its own runtime.
pub fn run(args: impl IntoIterator<Item = OsString>, composition: &dyn Composition) -> ExitCode {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are "errors" of clap that go to standard output; a closed one is no matter.
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let mut console = Console::standard(arguments.color);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = anyhow::Error::new(error).context("the runtime does not start");
            return Error::Other(error).tell(&mut console).into();
        }
    };
    crate::app::prepare();
    let code = runtime.block_on(execute(arguments, composition, &mut console));
    // A read of standard input that nobody waits for any more cannot be ended, and must not keep us.
    runtime.shutdown_background();
    ExitCode::from(code)
}

/// Runs the command; problems are told on the console's standard error.
async fn execute(arguments: Arguments, composition: &dyn Composition, console: &mut Console) -> u8 {
    let Arguments { config, verbose, command, .. } = arguments;
    let result = set_up_logs(&command, verbose, console);
    let mut context = Context { composition, config, verbose, console };
    let result = match result {
        Ok(()) => command.run(&mut context).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(code) => code,
        Err(error) => error.tell(console),
    }
}

/// The daemon logs what it does; a command only what is wrong, unless more is asked for.
fn set_up_logs(command: &Command, verbose: u8, console: &Console) -> Result<(), Error> {
    let base = usize::from(matches!(command, Command::Run(_)));
    let level = ["warn", "info", "debug", "trace"][(base + usize::from(verbose)).min(3)];
    crate::telemetry::install_logs(command.log_style(console), level)
        .map_err(|error| Error::Usage(error::chain(&error)))
}

/// What every command gets.
struct Context<'a> {
    composition: &'a dyn Composition,
    config: Option<PathBuf>,
    verbose: u8,
    console: &'a mut Console,
}

/// Where settings are looked for when nothing names them.
const DEFAULT_SETTINGS: [&str; 2] = ["retaind.yaml", "/etc/retaind/retaind.yaml"];

impl Context<'_> {
    /// The settings file: the one named, or the first of the default places that is there.
    fn settings(&self) -> Result<PathBuf, Error> {
        if let Some(named) = &self.config {
            return Ok(named.clone());
        }
        let found = DEFAULT_SETTINGS.into_iter().map(Path::new).find(|path| path.exists());
        found.map(Path::to_owned).ok_or_else(|| {
            let message = "there is no retaind.yaml in this folder, and no /etc/retaind/retaind.yaml; name the settings \
                           file with --config FILE or RETAIND_CONFIG";
            Error::Failure(crate::http::Failure::new(crate::http::FailureKind::Settings, message))
        })
    }

    /// Says it on standard error if `-v` was given.
    fn remark(&mut self, text: &str) {
        if self.verbose > 0 {
            self.console.note(text);
        }
    }
}
