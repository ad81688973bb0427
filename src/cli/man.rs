//! `retaind man`.

use super::Context;
use super::args::{Arguments, EXIT_STATUS};
use super::error::Error;
use super::version;
use anyhow::Context as _;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The manual page of a command, to be read with `retaind man COMMAND | man -l -`; or all of them as files
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Whose, such as `customers list`; that of retaind itself if left out
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write all pages into this folder, as retaind.1, retaind-check.1 and so on
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    out: Option<PathBuf>,
}

/// A manual page.
pub(super) struct Page {
    /// Such as `retaind-customers-list`.
    pub(super) name: String,
    /// In roff.
    pub(super) text: String,
}

pub(super) fn run(args: &ManArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let pages = pages().context("the manual cannot be written")?;
    if let Some(folder) = &args.out {
        write_all(folder, &pages)?;
        context.console.note(&format!("{} pages in {}", pages.len(), folder.display()));
        return Ok(0);
    }
    let name = [&["retaind".to_owned()], args.command.as_slice()].concat().join("-");
    let Some(page) = pages.iter().find(|page| page.name == name) else {
        return Err(Error::Usage(format!("there is no command `{}`", args.command.join(" "))));
    };
    context.console.answer(page.text.trim_end())?;
    Ok(0)
}

fn write_all(folder: &Path, pages: &[Page]) -> Result<(), Error> {
    let cannot = || format!("{} cannot be written", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    for page in pages {
        fs::write(folder.join(format!("{}.1", page.name)), &page.text).with_context(cannot)?;
    }
    Ok(())
}

/// The page of the program and of every command below it.
pub(super) fn pages() -> io::Result<Vec<Page>> {
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    add(&program, None, &mut pages)?;
    Ok(pages)
}

/// Adds the page of the command and of all below it.
fn add(command: &Command, above: Option<&str>, pages: &mut Vec<Page>) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    pages.push(Page { text: text(command, &name, above)?, name: name.clone() });
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        add(below, Some(&name), pages)?;
    }
    Ok(())
}

fn text(command: &Command, name: &str, above: Option<&str>) -> io::Result<String> {
    let page = Man::new(command.clone())
        .source(format!("retaind {}", version::SHORT))
        .manual("retaind")
        .date(version::day().unwrap_or_default());
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut text)?;
    }
    if above.is_some() && command.get_after_help().is_some() {
        page.render_extra_section(&mut text)?;
    }
    surroundings(command, name, above).to_writer(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// What the options do not say: variables, files and exit codes on the first page, and where to read on.
fn surroundings(command: &Command, name: &str, above: Option<&str>) -> Roff {
    let mut roff = Roff::new();
    if above.is_none() {
        list(&mut roff, "ENVIRONMENT", &ENVIRONMENT);
        list(&mut roff, "FILES", &FILES);
        list(&mut roff, "EXIT STATUS", &EXIT_STATUS);
    }
    let below = command.get_subcommands().filter(|below| !below.is_hide_set());
    let below = below.map(|below| format!("{name}-{}", below.get_name()));
    let program = above.filter(|above| *above != "retaind").map(|_| "retaind".to_owned());
    let others: Vec<String> = program.into_iter().chain(above.map(str::to_owned)).chain(below).collect();
    roff.control("SH", ["SEE ALSO"]);
    roff.text(others.iter().enumerate().flat_map(|(index, other)| see(index, other)).collect::<Vec<Inline>>());
    roff
}

fn see(index: usize, other: &str) -> Vec<Inline> {
    let page = [bold(other), roman("(1)")];
    if index == 0 { page.to_vec() } else { [vec![roman(", ")], page.to_vec()].concat() }
}

fn list(roff: &mut Roff, heading: &str, entries: &[(&str, &str)]) {
    roff.control("SH", [heading]);
    for (term, meaning) in entries {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*meaning)]);
    }
}

const ENVIRONMENT: [(&str, &str); 4] = [
    ("RETAIND_CONFIG", "The settings file, as --config names it."),
    ("RETAIND_LOG", "What is logged, such as debug, or info,retaind::delivery=trace."),
    ("NO_COLOR", "If it is set to anything, nothing is coloured by itself."),
    ("CREDENTIALS_DIRECTORY", "Set by systemd: where secrets that the settings name as {credential: NAME} are."),
];

const FILES: [(&str, &str); 6] = [
    ("./retaind.yaml", "The settings, if nothing else is named; paths in it are relative to it."),
    (
        "/etc/retaind/retaind.yaml",
        "The settings if there are none in the current folder; those of the system's daemon.",
    ),
    ("schema.yaml", "Beside the settings: the attributes and events that rules may name."),
    ("rules/, templates/", "Beside the settings: one rule a file; one message a folder."),
    ("/var/lib/retaind", "The store of the system's daemon."),
    ("/run/retaind/admin.sock", "Where the commands find the system's daemon."),
];
