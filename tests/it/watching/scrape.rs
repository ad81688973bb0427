//! Metrics of a daemon that works.

use super::{Shop, promtool};
use retaind::telemetry::names::METRICS;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// A shop that has sent a mail and a call to one customer, and a mail in vain to another.
fn at_work() -> (Shop, crate::project::Daemon) {
    let shop = Shop::new();
    let daemon = shop.start(&[]);
    shop.import(&["ana", "gone"]);
    shop.mailbox.wait_for("ana@customers.test");
    shop.receiver.wait(2);
    (shop, daemon)
}

#[test]
fn a_scrape_of_a_daemon_at_work_passes_promtools_check() {
    let (shop, daemon) = at_work();
    let scrape = shop.scrape();
    daemon.stop();
    let name = "a_scrape_of_a_daemon_at_work_passes_promtools_check";
    if let Some((good, said)) = promtool(name, Path::new("."), &["check", "metrics"], &scrape.0) {
        assert!(good && said.trim().is_empty(), "{said}");
    }
}

#[test]
fn a_scrape_tells_of_rules_lanes_store_disk_and_process() {
    let (shop, daemon) = at_work();
    let mail = [("rule", "hello"), ("channel", "email")];
    let scrape = shop.scrape_until(|scrape| scrape.value("retaind_dead_letters_total", &mail) == Some(1.0));
    let value = |name: &str, labels: &[(&str, &str)]| {
        scrape.value(name, labels).unwrap_or_else(|| panic!("{name} {labels:?} in:\n{}", scrape.0))
    };
    let is = |count: u32, name: &str, labels: &[(&str, &str)]| {
        let found = value(name, labels);
        assert!((found - f64::from(count)).abs() < f64::EPSILON, "{name} {labels:?} is {found}, not {count}");
    };
    is(1, "retaind_attempts_total", &[("rule", "hello"), ("channel", "email"), ("outcome", "accepted")]);
    is(1, "retaind_lateness_seconds_count", &mail);
    is(2, "retaind_enrollments_total", &[("rule", "hello"), ("holdout", "false")]);
    is(0, "retaind_rule_braked", &[("rule", "hello")]);
    is(1, "retaind_store_writable", &[]);
    is(1, "retaind_last_reload_ok", &[]);
    for lane in ["mail:service", "mail:marketing", "endpoint:crm"] {
        for age in ["1m", "15m", "1h", "more"] {
            assert!(value("retaind_lane_due", &[("lane", lane), ("age", age)]) <= 1.0);
        }
        assert!(value("retaind_lane_lag_seconds", &[("lane", lane)]) < 60.0);
    }
    assert!(value("retaind_commit_seconds_count", &[]) > 0.0);
    assert!(value("retaind_disk_free_bytes", &[]) <= value("retaind_disk_bytes", &[]));
    assert!(value("retaind_last_reload_timestamp_seconds", &[]) >= value("retaind_started_at_seconds", &[]));
    assert!(value("process_open_fds", &[]) < value("process_max_fds", &[]));
    assert!(value("process_resident_memory_bytes", &[]) > 1e6);
    daemon.stop();
}

#[test]
fn labels_of_metrics_name_no_customer() {
    let (shop, daemon) = at_work();
    let scrape = shop.scrape();
    assert!(!scrape.0.contains("ana") && !scrape.0.contains('@'), "{}", scrape.0);
    daemon.stop();
}

#[test]
fn a_rule_and_an_endpoint_that_are_gone_are_neither_braked_nor_late() {
    let (shop, daemon) = at_work();
    shop.scrape();
    let settings = std::fs::read_to_string(shop.project.path().join("retaind.yaml")).expect("the settings");
    let less: String =
        settings.lines().filter(|line| !line.contains("crm")).map(|line| line.to_owned() + "\n").collect();
    let mail_only: String = HELLO_WITHOUT_CALL.to_owned();
    shop.project.write("rules/hello.yaml", &mail_only).write("retaind.yaml", &less.replace("endpoints:\n", ""));
    shop.project.run(&["reload"]).exits(0);
    let scrape = shop.scrape();
    assert_eq!(scrape.value("retaind_lane_lag_seconds", &[("lane", "endpoint:crm")]), Some(0.0));
    shop.project.remove("rules/hello.yaml");
    shop.project.write("rules/other.yaml", &mail_only.replace("rule: hello", "rule: other"));
    shop.project.run(&["reload"]).exits(0);
    let scrape = shop.scrape();
    assert_eq!(scrape.value("retaind_rule_braked", &[("rule", "hello")]), Some(0.0));
    assert_eq!(scrape.value("retaind_rule_braked", &[("rule", "other")]), Some(0.0));
    daemon.stop();
}

const HELLO_WITHOUT_CALL: &str = r#"rule: hello
class: service
trigger: {schedule: "0 0 1 1 *"}
when: everyone
again_after: never
steps:
  - {id: letter, email: hello}
"#;

#[test]
fn status_says_in_a_word_whether_all_is_well_and_what_the_last_minutes_came_to() {
    let (shop, daemon) = at_work();
    let status = shop.project.json_until(&["status"], |status| {
        (&status["recent"]["given_up"], &status["recent"]["sent"]) == (&1.into(), &3.into())
    });
    assert_eq!(status["store"]["writable"], true, "{status:#}");
    // The disk of the machine may need attention as well.
    let about = status["attention"].as_array().expect("a list").iter().find(|one| one["about"] == "deliveries");
    assert_eq!(about.expect("one failed")["what"], "1 given up in the last minutes");
    let shown = shop.project.run(&["status"]).exits(0).out;
    assert!(shown.lines().next().is_some_and(|line| line.ends_with("attention:")), "{shown}");
    assert!(
        shown.contains("! 1 given up in the last minutes\n  > retaind deliveries list --state failed\n"),
        "{shown}"
    );
    assert!(shown.lines().count() <= 24, "{shown}");
    shop.project.run(&["pause"]).exits(0);
    let shown = shop.project.run(&["status"]).exits(0).out;
    assert!(shown.contains("! all sending is paused\n  > retaind resume\n"), "{shown}");
    daemon.stop();
    let shown = shop.project.run(&["status"]).exits(0).out;
    assert!(shown.starts_with("One thing needs attention:\n! no daemon runs"), "{shown}");
}

#[test]
fn the_documented_metrics_are_those_that_there_are() {
    let text = std::fs::read_to_string("docs/OPERATION.md").expect("docs/OPERATION.md");
    let documented: BTreeSet<&str> =
        text.lines().filter(|line| line.starts_with("| `retaind_") || line.starts_with("| `process_")).collect();
    let mut table = String::new();
    for metric in METRICS {
        writeln!(table, "| `{}` | {} | {} |", metric.name, metric.kind.word(), metric.help).expect("text takes a line");
    }
    assert!(documented == table.lines().collect(), "the table is to be:\n{table}");
}
