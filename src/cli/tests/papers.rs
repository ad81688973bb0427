//! What the program says of itself: manual, completions, version.

use super::Shop;
use crate::cli::args::Arguments;
use crate::cli::completions::script;
use crate::cli::man::{Page, pages};
use clap::{Command, CommandFactory, Parser};
use clap_complete::Shell;

/// Every command with the names that lead to it, `retaind` first.
fn commands() -> Vec<(Vec<String>, Command)> {
    fn gather(above: &[String], command: &Command, found: &mut Vec<(Vec<String>, Command)>) {
        let path = [above, &[command.get_name().to_owned()]].concat();
        for below in command.get_subcommands() {
            gather(&path, below, found);
        }
        found.push((path, command.clone()));
    }
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    let mut found = Vec::new();
    gather(&[], &program, &mut found);
    found
}

/// The long options that a command shows.
fn options(command: &Command) -> Vec<String> {
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    shown.filter_map(|argument| argument.get_long().map(str::to_owned)).collect()
}

fn page<'p>(pages: &'p [Page], path: &[String]) -> &'p Page {
    let name = path.join("-");
    pages.iter().find(|page| page.name == name).unwrap_or_else(|| panic!("there is no page {name}"))
}

#[test]
fn every_command_has_a_page_that_names_all_its_options() {
    let pages = pages().unwrap();
    let commands = commands();
    assert_eq!(pages.len(), commands.len());
    for (path, command) in &commands {
        let page = page(&pages, path);
        assert!(page.text.contains(&format!(".TH {} 1", page.name)), "{}", page.text);
        for option in options(command) {
            // roff writes a hyphen that is to be copied as `\-`.
            let written = format!("\\-\\-{}", option.replace('-', "\\-"));
            assert!(page.text.contains(&written), "{} lacks --{option}", page.name);
        }
    }
}

#[test]
fn every_page_but_the_first_names_the_page_above_it_and_the_first_names_those_below() {
    let pages = pages().unwrap();
    for (path, _) in commands().iter().filter(|(path, _)| path.len() > 1) {
        let above = path.get(..path.len() - 1).unwrap();
        let see_also = |page: &Page| page.text.split(".SH \"SEE ALSO\"").nth(1).unwrap_or_default().replace('\\', "");
        let (this, other) = (page(&pages, path), page(&pages, above));
        assert!(see_also(this).contains(&format!("fB{}fR(1)", other.name)), "{}", this.text);
        assert!(see_also(other).contains(&format!("fB{}fR(1)", this.name)), "{}", other.text);
    }
}

#[test]
fn the_first_page_tells_every_exit_code_that_help_tells() {
    let pages = pages().unwrap();
    let page = page(&pages, &["retaind".to_owned()]);
    let told = page.text.split(".SH \"EXIT STATUS\"").nth(1).unwrap();
    let help = Arguments::command().get_after_help().unwrap().to_string();
    let codes = help.lines().next().unwrap().trim_start_matches("Exit codes: ").split(" · ");
    let codes: Vec<&str> = codes.map(|code| code.split(' ').next().unwrap()).collect();
    assert_eq!(codes, ["0", "1", "2", "65", "74", "78"]);
    for code in codes {
        assert!(told.contains(&format!(".TP\n\\fB{code}\\fR\n")), "{code}: {told}");
    }
}

#[test]
fn completions_know_every_command_and_every_option() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let script = script(shell);
        for (path, command) in commands() {
            let name = path.last().unwrap();
            assert!(script.contains(name.as_str()), "{shell}: {name}");
            for option in options(&command) {
                // fish has its options as `-l OPTION`.
                let written = if shell == Shell::Fish { format!("-l {option}") } else { format!("--{option}") };
                assert!(script.contains(&written), "{shell}: {name} --{option}");
            }
        }
    }
}

#[tokio::test]
async fn completions_and_a_page_go_to_standard_output() {
    let ran = Shop::new().run(&["completions", "bash"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("complete -F _retaind"), "{}", ran.out);

    let ran = Shop::new().run(&["man", "customers", "list"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains(".TH retaind-customers-list 1"), "{}", ran.out);
}

#[tokio::test]
async fn a_page_of_no_command_is_a_matter_of_usage() {
    let ran = Shop::new().run(&["man", "customers", "fly"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("there is no command `customers fly`"), "{}", ran.err);
}

#[tokio::test]
async fn all_pages_go_into_a_folder_that_is_named() {
    let shop = Shop::new();
    let folder = shop.folder.path().join("share/man1");
    let ran = shop.run(&["man", "--out", folder.to_str().unwrap()]).await;
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    for (path, _) in commands() {
        let file = folder.join(format!("{}.1", path.join("-")));
        assert!(file.is_file(), "{}", file.display());
    }
}

#[test]
fn the_long_version_tells_commit_date_and_target_and_the_short_one_a_line() {
    let told = |flag: &str| Arguments::try_parse_from(["retaind", flag]).unwrap_err().to_string();
    let version = format!("retaind {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(told("-V"), format!("{version}\n"));
    let long = told("--version");
    let lines: Vec<&str> = long.lines().collect();
    let [first, commit, date, target] = lines.as_slice() else { panic!("{long}") };
    assert_eq!(*first, version);
    let commit = commit.strip_prefix("commit: ").unwrap().trim_end_matches('+');
    let is_hash = commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(commit == "unknown" || is_hash, "{commit}");
    let date = date.strip_prefix("date:   ").unwrap();
    assert!(date == "unknown" || date.parse::<jiff::civil::Date>().is_ok(), "{date}");
    let target = target.strip_prefix("target: ").unwrap();
    assert!(target.contains(std::env::consts::ARCH) && target.contains("linux"), "{target}");
}
