//! Ticks: planning them, and working them off.
//!
//! A tick is a durable row. Planning makes it, in the commit that moves the rule's planning on, so that a restart neither
//! skips nor repeats it; working it off goes through the customers page by page, each page's decisions committed with the
//! tick's new cursor; when the last page is committed the brake judges the whole, and only then is anything due.

mod judge;
mod members;
mod planner;
mod runner;

use crate::domain::TickMember;
use crate::telemetry::names::{self, label};

pub(crate) use planner::Planner;
pub(crate) use runner::{Progress, TickRunner};

/// Counts a finished tick of one rule in the metrics.
fn record(member: &TickMember) {
    let (rule, counts) = (&member.rule, &member.counts);
    metrics::counter!(names::TICKS, label::RULE => rule.to_string()).increment(1);
    metrics::counter!(names::EVALUATIONS, label::RULE => rule.to_string()).increment(counts.evaluated);
    metrics::counter!(names::MATCHES, label::RULE => rule.to_string()).increment(counts.matched);
    for (holdout, count) in [("false", counts.enrolled), ("true", counts.held_out)] {
        metrics::counter!(names::ENROLLMENTS, label::RULE => rule.to_string(), label::HOLDOUT => holdout)
            .increment(count);
    }
    for (reason, count) in &counts.held {
        metrics::counter!(names::HOLDS, label::RULE => rule.to_string(), label::REASON => reason.word())
            .increment(*count);
    }
}
