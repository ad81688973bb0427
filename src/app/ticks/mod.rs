//! Ticks: planning them, and working them off.
//!
//! A tick is a durable row. Planning makes it, in the commit that moves the rule's planning on, so that a restart neither
//! skips nor repeats it; working it off goes through the customers page by page, each page's decisions committed with the
//! tick's new cursor; when the last page is committed the brake judges the whole, and only then is anything due.

mod judge;
mod planner;
mod runner;

use crate::domain::TickMember;
use crate::telemetry::names;

pub(crate) use planner::Planner;
pub(crate) use runner::{Progress, TickRunner};

/// Counts a finished tick of one rule in the metrics.
fn record(member: &TickMember) {
    let rule = member.rule.clone();
    metrics::counter!(names::MATCHED, "rule" => rule.clone()).increment(member.counts.matched);
    metrics::counter!(names::ENROLLED, "rule" => rule.clone()).increment(member.counts.enrolled);
    for (reason, count) in &member.counts.held {
        metrics::counter!(names::HELD, "rule" => rule.clone(), "reason" => reason.word()).increment(*count);
    }
}
