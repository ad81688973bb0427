//! `retaind doctor`.

use super::Context;
use super::admin::Admin;
use super::args::OutputArgs;
use super::composition::StoreAccess;
use super::error::Error;
use super::table::{plural, visible};
use crate::app::{Finding, Level};
use crate::http::Status;
use clap::Args;
use serde::Serialize;

const ABOUT: &str = "\
Nothing is changed, no mail is sent and no endpoint is called: servers are connected to, greeted and left. With a daemon \
running, it is asked for its part; what only the daemon may read (systemd's credentials) is not tried. Exit code: 0 where \
nothing is wrong (warnings too), 78 for settings that are, 74 for the store, else 1.";

/// Look at all that the daemon needs: store, disk, mail server, endpoints, DNS, clock, permissions
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    output: OutputArgs,
}

/// What is printed.
#[derive(Serialize)]
struct Report {
    errors: u64,
    warnings: u64,
    findings: Vec<Finding>,
}

pub(super) async fn run(args: DoctorArgs, context: &mut Context<'_>) -> Result<u8, Error> {
    let settings = context.settings()?;
    let status = status(context).await.map_err(|error| error.in_words());
    let findings = context.composition.doctor(&settings, status).await;
    let count = |level| findings.iter().filter(|one| one.level == level).count() as u64;
    let report = Report { errors: count(Level::Error), warnings: count(Level::Warning), findings };
    context.console.print(args.output, &report, shown)?;
    Ok(exit_code(&report.findings))
}

async fn status(context: &mut Context<'_>) -> Result<Status, Error> {
    let admin = Admin::open(context, StoreAccess::Existing).await?;
    let answer = admin.get("/v1/status").await;
    admin.finish(answer).await
}

fn exit_code(findings: &[Finding]) -> u8 {
    let wrong = |about: &str| findings.iter().any(|one| one.level == Level::Error && one.about == about);
    match findings.iter().any(|one| one.level == Level::Error) {
        false => 0,
        true if wrong("settings") => 78,
        true if wrong("store") => 74,
        true => 1,
    }
}

fn shown(report: &Report) -> String {
    let lines = report.findings.iter().map(|one| {
        let level = match one.level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        let help = one.help.as_deref().map(|help| format!("{:21}> {}\n", "", visible(help))).unwrap_or_default();
        format!("{level:8} {:12} {}\n{help}", one.about, visible(&one.what))
    });
    let lines: String = lines.collect();
    let sum = match (report.errors, report.warnings) {
        (0, 0) => "All is well.".to_owned(),
        (errors, warnings) => format!("{}, {}.", plural(errors, "error"), plural(warnings, "warning")),
    };
    format!("{lines}\n{sum}")
}

#[cfg(test)]
mod tests {
    use super::{Finding, Level, Report, exit_code, shown};

    fn finding(about: &'static str, level: Level) -> Finding {
        let help = (level != Level::Ok).then(|| "do it".to_owned());
        Finding { about, level, what: "so it is".into(), help }
    }

    #[test]
    fn the_exit_code_is_that_of_the_worst() {
        let code = |found: &[(&'static str, Level)]| {
            exit_code(&found.iter().map(|(about, level)| finding(about, *level)).collect::<Vec<_>>())
        };
        assert_eq!(code(&[("settings", Level::Warning), ("store", Level::Ok)]), 0);
        assert_eq!(code(&[("smtp", Level::Error)]), 1);
        assert_eq!(code(&[("smtp", Level::Error), ("store", Level::Error)]), 74);
        assert_eq!(code(&[("store", Level::Error), ("settings", Level::Error)]), 78);
    }

    #[test]
    fn each_finding_has_a_line_and_what_to_do_below_it() {
        let findings = vec![finding("store", Level::Ok), finding("disk", Level::Error)];
        let text = shown(&Report { errors: 1, warnings: 0, findings });
        insta::assert_snapshot!(text, @r"
        ok       store        so it is
        error    disk         so it is
                             > do it

        1 error, 0 warnings.
        ");
    }
}
