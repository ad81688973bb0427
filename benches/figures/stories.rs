//! The tests of fifty rules, a thousand stories of a quarter of a year each, against only reading the project.

use crate::project::{NOBODY, Project, Rules};
use crate::scratch;
use crate::table::{Limit, Row, Unit, show};
use retaind::app;
use std::fmt::Write;
use std::fs;

const FILES: usize = 50;
const STORIES_OF_EACH: usize = 20;

pub(crate) fn run() -> anyhow::Result<()> {
    let folder = scratch::folder()?;
    let project = Project::write(folder.path(), Rules::One, NOBODY)?;
    let rules = folder.path().join("rules");
    let rule = fs::read_to_string(rules.join("win-back.yaml"))?;
    fs::remove_file(rules.join("win-back.yaml"))?;
    for number in 0..FILES {
        let name = format!("rule-{number}");
        fs::write(rules.join(format!("{name}.yaml")), rule_like(&rule, &name))?;
        fs::write(rules.join(format!("{name}.test.yaml")), tests(&name)?)?;
    }
    let (loaded, reading) = scratch::timed(|| Ok(app::load(&project.settings())))?;
    anyhow::ensure!(!loaded.has_errors(), "the project has errors: {:?}", loaded.diagnostics);
    let (tested, seconds) = scratch::timed(|| Ok(app::test(&project.settings(), &[])))?;
    let report = tested.report.ok_or_else(|| anyhow::anyhow!("nothing was run: {:?}", tested.diagnostics))?;
    let passed = report.passed();
    anyhow::ensure!(passed == FILES * STORIES_OF_EACH, "{passed} passed: {:?}", report.cases.first());
    let row = Row {
        what: format!("{passed} stories of {FILES} rules"),
        figure: seconds,
        ceiling: Some(reading),
        unit: Unit::Seconds,
        limit: Limit::AtMost(5.0),
    };
    show("tests of rules, against reading the project", &[row]);
    Ok(())
}

/// The rule under another name, and with a condition of the kind that is tested.
fn rule_like(rule: &str, name: &str) -> String {
    rule.replace("rule: win-back", &format!("rule: {name}"))
        .replace("orders.count >= 1", "orders.count >= 2 && days_since(orders.last_at) > 60")
}

fn tests(name: &str) -> anyhow::Result<String> {
    let mut text = format!("rule: {name}\ntests:\n");
    for number in 0..STORIES_OF_EACH {
        let (second, due) = (number + 1, number + 62);
        write!(
            text,
            "- name: story {number}
  story:
  - {{day: 0, does: Order Completed, revenue: 450}}
  - {{day: {second}, does: Order Completed, revenue: 380}}
  - {{day: {before}, gets: nothing, because: days_since(orders.last_at) > 60}}
  - {{day: {due}, gets: win-back}}
  - {{day: {due}, gets: crm}}
  - {{day: 90, held: again_after}}
",
            before = due - 1,
        )?;
    }
    Ok(text)
}
