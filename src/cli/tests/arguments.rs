use crate::cli::args::Arguments;
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
        "plan --rules ../new --format markdown",
        "explain 42",
        "explain 42 --rule win-back --at 2026-03-29T08:02:00Z --format json",
        "simulate --from 2026-01-01 --to 2026-06-30",
        "simulate --from 2026-01-01T00:00:00Z --to 2026-06-30 --rule win-back --format json",
        "--config x.yaml plan",
        "plan --config x.yaml -v",
        "run",
        "run --log-format json",
        "run --log-format text",
        "run --log-format plain",
        "status --format json",
        "reload",
        "pause",
        "resume",
        "import customers",
        "import customers customers.csv --ignore-unknown",
        "import events - --live",
        "emit Signed-up --customer 7",
        "emit Rated --customer 7 rating=5 note:={} --at 2026-03-01 --message-id m1 --format json",
        "emit Rated rating=5 --customer 7 --plan --force",
        "customers list --limit 5 --after 7",
        "customers show 42 --format json",
        "customers export 42 ana.json",
        "customers erase 42 --yes --format json",
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
        "rules graph --format mermaid",
        "rules pause win-back",
        "rules resume win-back",
        "init",
        "init shop --playbook win-back --playbook birthday",
        "schema rule",
        "schema test --plain",
        "schema infer",
        "schema --out schema",
        "demo --customers 200 --seed 7",
        "demo --project . --customers 50",
        "demo --color never",
        "completions bash",
        "man",
        "man customers list",
        "man --out share/man",
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
        "completions",
        "completions tcsh",
        "man check --out share/man",
        "plan --at yesterday",
        "plan --at 0001-01-01",
        "explain 42 --at 0001-01-01",
        "simulate --from 0001-01-01 --to 0001-01-02",
        "plan --format yaml",
        "simulate",
        "simulate --from 2026-01-01",
        "simulate --from 2026-01-01 --to tomorrow",
        "import houses x.csv",
        "emit Rated",
        "emit --customer 7",
        "emit Rated --customer 7 rating",
        "emit Rated --customer 7 =5",
        "emit Rated --customer 7 rating:=five",
        "emit Rated --customer 7 --at soon",
        "customers",
        "customers show",
        "deliveries list --state lost",
        "deliveries show 01",
        "deliveries retry",
        "deliveries cancel",
        "deliveries retry 01010101010101010101010101010101 --state failed",
        "suppressions add",
        "rules pause",
        "init --playbook",
        "schema",
        "schema house",
        "schema rule --out schema",
        "demo --customers 0",
        "demo --customers many",
    ] {
        let args = ["retaind"].into_iter().chain(line.split(' ').filter(|word| !word.is_empty()));
        let error = Arguments::try_parse_from(args).map(|_| line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}: {error}");
    }
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let help = Arguments::command().term_width(100).render_help().to_string();
    insta::assert_snapshot!(help, @r#"
    Retention rules as code: the right e-mail to each customer, the right webhook to other tools, once

    Usage: retaind [OPTIONS] <COMMAND>

    Commands:
      init          A project folder to begin with: settings, schema, a rule with its templates and
                    tests, and schemas for an editor
      check         Check settings, schema, rules and templates: all problems, each with its place
      test          Run the tests of rules: what becomes of one customer, on a simulated clock
      plan          Whom each rule would reach if its trigger fired now, and who would be held and why;
                    sends nothing
      simulate      Every delivery of a time on a simulated clock, per day and rule; sends nothing
      explain       Why one customer gets something of a rule, or why not: each line of the condition,
                    each gate, and when it is due
      run           Be the daemon, in the foreground: SIGHUP reloads, SIGTERM and SIGINT finish what is
                    under way and stop
      status        The state of the daemon and of its store
      reload        Read settings, schema, rules and templates again; with any error the daemon keeps
                    the old ones (exit 65 or 78)
      pause         Stop all sending, over restarts too; what falls due meanwhile waits
      resume        Let sending go on
      import        Take in customers or events from a file; triggers nothing without --live
      emit          One event of one customer, stored as if it had been sent; or, with --plan, what it
                    would start
      customers     Who is stored
      deliveries    The outbox and the dead letters
      suppressions  Addresses that get no mail
      rules         How each rule stands
      schema        JSON Schemas that let an editor complete and explain rules, segments, settings,
                    schema and tests; or a schema.yaml from what the store holds
      backup        Copy the store into one file, while the daemon works or not
      restore       Make the store anew from a backup; with no daemon running, and no store in its
                    folder
      export        Write everything that is stored as NDJSON, while the daemon works or not
      compact       Write the store anew, smaller, and without a trace of what was erased; with no
                    daemon running
      demo          The whole of it on made-up customers, with a mail catcher and a webhook receiver on
                    loopback; ends by itself
      completions   What makes a shell complete the commands and options of `retaind`
      man           The manual page of a command, to be read with `retaind man COMMAND | man -l -`; or
                    all of them as files
      help          Print this message or the help of the given subcommand(s)

    Options:
          --config <FILE>  The settings file [default: ./retaind.yaml, then /etc/retaind/retaind.yaml]
                           [env: RETAIND_CONFIG]
      -v, --verbose...     Say more on standard error; twice: much more
          --color <WHEN>   Colours in what is meant for a person [default: auto] [possible values: auto,
                           always, never]
      -h, --help           Print help (see more with '--help')
      -V, --version        Print version

    Exit codes: 0 ok (warnings too) · 1 failed · 2 usage · 65 bad rules or templates · 74 store · 78
    settings

    With a daemon running, commands that read or change the store go through its admin socket; with
    none, they open the store themselves. -v says which.
    "#);
}

/// What stands between backticks and begins with the program's name.
fn commands_in(text: &str) -> Vec<String> {
    let spans = text.split('`').skip(1).step_by(2).filter_map(|span| span.strip_prefix("retaind "));
    spans.map(str::to_owned).collect()
}

#[test]
fn what_the_alerts_say_to_type_is_understood() {
    let said = commands_in(include_str!("../../../packaging/alerts.yml"));
    assert!(said.len() > 10, "{said:?}");
    for line in &said {
        let line = line.replace("{{ $labels.rule }}", "win-back").replace(" ID", " 01010101010101010101010101010101");
        let arguments = std::iter::once("retaind").chain(line.split_whitespace());
        Arguments::try_parse_from(arguments).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}
