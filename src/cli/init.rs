//! `retaind init`.

use super::Context;
use super::error::Error;
use super::schema::write_all;
use super::table::plural;
use crate::app::{self, InitError, InitRequest, Playbook};
use crate::domain::nearest;
use clap::Args;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A project folder to begin with: settings, schema, a rule with its templates and tests, and schemas for an editor
///
/// Playbooks: welcome, first-to-second, win-back, birthday, membership-renewal.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The folder: a new one, or one that is empty
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// A rule that ships, to begin with; may be given several times [default: win-back]
    #[arg(long = "playbook", value_name = "NAME")]
    playbooks: Vec<String>,
}

pub(super) fn run(args: &InitArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let request = InitRequest { folder: args.folder.clone(), playbooks: args.playbooks.clone() };
    let made = app::init(&request).map_err(refused)?;
    let names = context.composition.names(&args.folder.join("retaind.yaml"));
    write_all(&args.folder.join("schema"), names.as_ref())?;
    context.console.answer(&told(&args.folder, &made))?;
    Ok(0)
}

/// What was made, and what to do with it.
fn told(folder: &Path, made: &[&Playbook]) -> String {
    let mut text = format!("A project with {} in {}:\n", plural(made.len() as u64, "rule"), folder.display());
    for playbook in made {
        // Writing to a string cannot fail.
        writeln!(text, "  {:<19} {}", playbook.name, playbook.about).ok();
    }
    text.push_str("Put your own name, address and words into retaind.yaml and templates/. Then:\n");
    if folder != Path::new(".") {
        writeln!(text, "  cd {}", folder.display()).ok();
    }
    text.push_str("  retaind check                # every problem of every file, with its place\n");
    text.push_str("  retaind test                 # the rules' tests, on a simulated clock\n");
    text.push_str("  retaind demo --project .     # the rules on made-up customers; nothing leaves this machine");
    text
}

fn refused(error: InitError) -> Error {
    match error {
        InitError::Unknown(name) => Error::Usage(unknown(&name)),
        InitError::NotEmpty { .. } => Error::Usage(error.to_string()),
        InitError::File { .. } => Error::Other(error.into()),
    }
}

/// That there is no such playbook, which is the nearest, and which there are.
fn unknown(name: &str) -> String {
    let all = app::playbooks();
    let near = nearest(name, all.iter().map(|playbook| playbook.name));
    let near = near.map_or_else(|| ".".to_owned(), |near| format!("; did you mean `{near}`?"));
    let names: Vec<&str> = all.iter().map(|playbook| playbook.name).collect();
    format!("there is no playbook `{name}`{near} There are: {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{InitArgs, unknown};
    use crate::app::playbooks;
    use clap::{Args, Command};

    #[test]
    fn an_unknown_playbook_is_told_the_nearest_and_all_others() {
        let message = unknown("winback");
        assert!(message.starts_with("there is no playbook `winback`; did you mean `win-back`?"), "{message}");
        assert!(playbooks().iter().all(|playbook| message.contains(playbook.name)), "{message}");
    }

    #[test]
    fn the_help_names_every_playbook() {
        let help = InitArgs::augment_args(Command::new("init")).render_long_help().to_string();
        for playbook in playbooks() {
            assert!(help.contains(playbook.name), "{} in:\n{help}", playbook.name);
        }
    }
}
