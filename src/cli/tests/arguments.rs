use crate::cli::args::Arguments;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

#[test]
fn the_definition_of_the_arguments_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn what_people_type_is_understood() {
    for line in [
        "check",
        "check --strict --format json",
        "plan --at 1998-07-01T12:00:00Z --rule win-back --customers --format json",
        "plan --at 1998-07-01",
        "--config x.yaml plan",
        "plan --config x.yaml -v",
        "run",
        "run --log-format json",
        "status --format json",
        "reload",
        "pause",
        "resume",
        "import customers",
        "import customers customers.csv --ignore-unknown",
        "import events - --live",
        "customers list --limit 5 --after 7",
        "customers show 42 --format json",
        "deliveries list --state failed --rule win-back --customer 42",
        "deliveries show 01010101010101010101010101010101",
        "deliveries retry 01010101010101010101010101010101 02020202020202020202020202020202",
        "deliveries retry --state failed",
        "deliveries cancel --rule win-back",
        "suppressions list",
        "suppressions add zoe@example.com --reason asked",
        "suppressions remove zoe@example.com",
        "suppressions import gone.txt",
        "rules list",
        "rules pause win-back",
        "rules resume win-back",
        "demo --customers 200 --seed 7",
        "demo --color never",
    ] {
        if let Err(error) = Arguments::try_parse_from(["retaind"].into_iter().chain(line.split(' '))) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_a_matter_of_usage() {
    for line in [
        "",
        "fly",
        "check --strictly",
        "plan --at yesterday",
        "plan --format yaml",
        "import houses x.csv",
        "customers",
        "customers show",
        "deliveries list --state lost",
        "deliveries show 01",
        "deliveries retry",
        "deliveries cancel",
        "deliveries retry 01010101010101010101010101010101 --state failed",
        "suppressions add",
        "rules pause",
        "demo --customers 0",
        "demo --customers many",
    ] {
        let args = ["retaind"].into_iter().chain(line.split(' ').filter(|word| !word.is_empty()));
        let error = Arguments::try_parse_from(args).map(|_| line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}: {error}");
    }
}

#[test]
fn the_version_is_told() {
    let error = Arguments::try_parse_from(["retaind", "--version"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DisplayVersion);
    assert_eq!(error.to_string(), format!("retaind {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let help = Arguments::command().term_width(100).render_help().to_string();
    insta::assert_snapshot!(help, @"");
}
