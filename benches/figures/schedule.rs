//! Rules with a schedule whose ticks come when the benchmark wants them.

use crate::admin::Admin;
use retaind::clock::{Clock, SystemClock};
use std::fs;
use std::path::Path;

/// A rule whose tick is to come: its name and what stands behind its trigger.
#[derive(Debug, Clone)]
pub(crate) struct Timed {
    pub(crate) name: String,
    /// `when:`, `steps:` and what else it has, as lines.
    pub(crate) rest: String,
}

/// Writes the rules with a schedule that is far away.
pub(crate) fn write_far(folder: &Path, rules: &[Timed]) -> anyhow::Result<()> {
    rules.iter().try_for_each(|rule| write(folder, rule, "0 0 1 1 *"))
}

/// Gives each a tick within the next minute, so many seconds after the one before it, and has the daemon take that. A
/// schedule is no part of what rules look for, so nobody is looked at anew.
pub(crate) fn bring_near(folder: &Path, rules: &[Timed], apart: i64) -> anyhow::Result<()> {
    let begin = SystemClock.now().0 / 1000 + 3;
    for (rule, n) in rules.iter().zip(0..) {
        let second = (begin + n * apart).rem_euclid(60);
        write(folder, rule, &format!("{second} * * * * *"))?;
    }
    Admin::of(folder).post("/v1/reload")
}

fn write(folder: &Path, rule: &Timed, cron: &str) -> anyhow::Result<()> {
    let Timed { name, rest } = rule;
    let text = format!("rule: {name}\nclass: service\ntrigger: {{schedule: \"{cron}\"}}\nagain_after: never\n{rest}");
    Ok(fs::write(folder.join("rules").join(format!("{name}.yaml")), text)?)
}
