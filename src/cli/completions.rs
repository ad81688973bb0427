//! `retaind completions`.

use super::Context;
use super::args::Arguments;
use super::error::Error;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// What makes a shell complete the commands and options of `retaind`
///
/// For this shell alone: `source <(retaind completions bash)`. The Debian package has those of bash, zsh and fish where
/// these shells look for them.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    context.console.answer(script(args.shell).trim_end())?;
    Ok(0)
}

/// The completions for that shell.
pub(super) fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "retaind", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
