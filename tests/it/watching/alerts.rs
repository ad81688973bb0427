//! The alerts that ship.

use super::{Shop, promtool};
use retaind::telemetry::names::METRICS;
use std::collections::BTreeSet;
use std::path::Path;

fn packaged(file: &str) -> String {
    std::fs::read_to_string(Path::new("packaging").join(file)).expect("it is packaged")
}

/// What stands behind each `key` of the lines.
fn named<'t>(text: &'t str, key: &str) -> BTreeSet<&'t str> {
    text.lines().filter_map(|line| line.trim_start().strip_prefix(key)).map(str::trim).collect()
}

#[test]
fn the_alerts_pass_promtools_check_and_their_own_tests() {
    let name = "the_alerts_pass_promtools_check_and_their_own_tests";
    for args in [&["check", "rules", "alerts.yml"][..], &["test", "rules", "alerts.test.yml"]] {
        if let Some((good, said)) = promtool(name, Path::new("packaging"), args, "") {
            assert!(good && said.contains("SUCCESS"), "{said}");
        }
    }
}

#[test]
fn every_alert_says_what_is_the_matter_and_what_to_do_and_has_a_test() {
    let (alerts, tests) = (packaged("alerts.yml"), packaged("alerts.test.yml"));
    let names = named(&alerts, "- alert:");
    assert!(names.len() >= 15, "{names:?}");
    for name in names {
        let (_, rest) = alerts.split_once(&format!("- alert: {name}\n")).expect("it was found there");
        let one = rest.split("- alert:").next().expect("a text has a beginning");
        for needed in ["expr:", "severity: ", "summary: \"", "action: \""] {
            assert!(one.contains(needed), "{name} has no {needed}");
        }
        assert!(
            tests.contains(&format!("labels: 'ALERTS{{alertname=\"{name}\",alertstate=\"firing\"")),
            "{name} never fires in a test"
        );
    }
}

/// Names of metrics in a text, as Prometheus knows them.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("retaind_") || word.starts_with("process_")).collect()
}

#[test]
fn alerts_ask_for_metrics_that_there_are() {
    let alerts = packaged("alerts.yml");
    for name in metrics_in(&alerts) {
        let plain = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let known = METRICS.iter().any(|metric| metric.name == plain || metric.name == name);
        assert!(known, "{name}");
    }
}

#[test]
fn alerts_ask_for_buckets_that_there_are() {
    let shop = Shop::new();
    let daemon = shop.start(&[]);
    shop.import(&["ana"]);
    let lateness = [("rule", "hello"), ("channel", "webhook"), ("le", "120")];
    shop.scrape_until(|scrape| scrape.value("retaind_lateness_seconds_bucket", &lateness) == Some(1.0));
    let commits = shop.scrape().value("retaind_commit_seconds_bucket", &[("le", "0.25")]);
    assert!(commits.is_some_and(|commits| commits > 0.0), "{commits:?}");
    let asked: BTreeSet<_> =
        packaged("alerts.yml").split("le=\"").skip(1).map(|rest| rest.split('"').next().map(str::to_owned)).collect();
    assert_eq!(asked, BTreeSet::from([Some("0.25".to_owned()), Some("120".to_owned())]));
    daemon.stop();
}
