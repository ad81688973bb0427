//! `status`, `reload`, `pause`, `resume` and readiness.

use crate::domain::{State, Time};
use crate::http::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The state of the daemon and of its store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program that answers.
    pub version: String,
    /// The instant of the answer.
    #[serde(default)]
    pub at: Option<Time>,
    /// Whether a daemon runs.
    pub running: bool,
    /// Its process, if one runs.
    pub pid: Option<u32>,
    /// Since when it runs.
    pub started_at: Option<Time>,
    /// The settings file.
    pub settings: String,
    /// Whether all sending is stopped by a person.
    pub paused: bool,
    /// Why all marketing is stopped, if it is: a backup was restored.
    #[serde(default)]
    pub marketing_paused: Option<String>,
    /// The nightly backups, if the settings want them and a daemon makes them.
    #[serde(default)]
    pub backup: Option<BackupStatus>,
    /// Whether it does its work, and if not, why.
    pub readiness: Readiness,
    /// The store.
    pub store: StoreStatus,
    /// Deliveries by state; states without any may be left out.
    pub deliveries: BTreeMap<State, u64>,
    /// What waits, by lane.
    pub lanes: Vec<LaneView>,
    /// The rules.
    pub rules: RulesStatus,
    /// What fires next, if anything does.
    pub next_tick: Option<NextTick>,
    /// The same, with a few that follow.
    #[serde(default)]
    pub next_ticks: Vec<NextTick>,
    /// How late the rules are worked off, where a daemon runs.
    #[serde(default)]
    pub late: Option<Late>,
    /// What the last minutes came to, where a daemon runs.
    #[serde(default)]
    pub recent: Option<RecentStatus>,
    /// The last reload, if there was one.
    pub last_reload: Option<ReloadStatus>,
    /// What needs somebody's attention, the most pressing first. If there is nothing, all is well.
    #[serde(default)]
    pub attention: Vec<Attention>,
}

/// Something that a person should know of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// What it is about, in a word: `daemon`, `disk`, `sending`, `rule`, `reload`, `lane`, `rules`, `deliveries`,
    /// `arrivals`, `backup`.
    pub about: String,
    /// What is the matter.
    pub what: String,
    /// The command that helps, or shows more.
    pub help: String,
}

/// How late the rules are worked off, in seconds; 0 if they are not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    /// The oldest tick that is not complete.
    pub tick_seconds: u64,
    /// The oldest look at a customer that is due and not made.
    pub look_seconds: u64,
}

/// What the last minutes came to, or the time since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentStatus {
    /// How long that is: at most five minutes.
    pub seconds: u64,
    /// Arrivals that were stored.
    pub stored: u64,
    /// Arrivals that were known already.
    pub duplicates: u64,
    /// Arrivals that were refused.
    pub refused: u64,
    /// Calls at the public listener that were not answered with success.
    pub calls_refused: u64,
    /// Deliveries accepted.
    pub sent: u64,
    /// How late the latest of those was that were accepted at their first attempt, in milliseconds.
    pub latest_ms: u64,
    /// Deliveries given up.
    pub given_up: u64,
}

/// The nightly backups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupStatus {
    /// Their folder.
    pub folder: String,
    /// When the newest was begun.
    pub last: Option<Time>,
    /// Its length.
    pub bytes: u64,
    /// How many are kept.
    pub kept: u64,
    /// When the next is made.
    pub next: Option<Time>,
    /// Why the last one came to nothing, if so.
    pub failed: Option<String>,
}

/// The store in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Its folder.
    pub path: String,
    /// Customers stored.
    pub customers: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Bytes that are free for it on its disk.
    #[serde(default)]
    pub disk_free_bytes: Option<u64>,
    /// Bytes of its disk in all.
    #[serde(default)]
    pub disk_size_bytes: Option<u64>,
    /// Whether there is room for a change.
    #[serde(default = "yes")]
    pub writable: bool,
}

/// What waits in a lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneView {
    /// The lane: `mail:CLASS` or `endpoint:NAME`.
    pub lane: String,
    /// When its earliest delivery is due.
    pub next_due: Time,
    /// How long ago that was; 0 if it is still to come.
    #[serde(default)]
    pub late_seconds: u64,
    /// How many are due by now, of very many ten thousand.
    #[serde(default)]
    pub due: u64,
    /// Why nothing goes out, if its receiver cannot be reached.
    #[serde(default)]
    pub trouble: Option<String>,
    /// When it is tried next, then.
    #[serde(default)]
    pub tried_at: Option<Time>,
}

/// The rules in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesStatus {
    /// How many there are.
    pub count: u64,
    /// Those that are paused, by a person or the brake.
    pub paused: Vec<String>,
    /// Those of them that the brake stopped.
    #[serde(default)]
    pub braked: Vec<String>,
}

/// A trigger's next instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextTick {
    /// When.
    pub at: Time,
    /// Of which rule.
    pub rule: String,
}

/// Who asked for a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadBy {
    /// SIGHUP.
    Signal,
    /// `retaind reload`.
    Command,
    /// A file was saved.
    Watch,
}

impl ReloadBy {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Command => "command",
            Self::Watch => "watch",
        }
    }
}

/// What the last reload came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadStatus {
    /// When.
    pub at: Time,
    /// Whether the new files are in use.
    pub ok: bool,
    /// Who asked for it.
    #[serde(default = "by_command")]
    pub by: ReloadBy,
    /// Errors found.
    pub errors: u64,
    /// Why it was refused, if it was.
    #[serde(default)]
    pub message: Option<String>,
    /// What the files were found to have, errors first; of very many the first hundred.
    #[serde(default)]
    pub problems: Vec<Problem>,
    /// Settings that are others now and come into use with a restart only, such as `store.path`.
    #[serde(default)]
    pub restart: Vec<String>,
}

/// `store.path and http.public take a restart`; `None` if nothing does.
#[must_use]
pub fn take_a_restart(settings: &[String]) -> Option<String> {
    match settings {
        [] => None,
        [only] => Some(format!("{only} takes a restart")),
        [first @ .., last] => Some(format!("{} and {last} take a restart", first.join(", "))),
    }
}

/// What an older daemon means, which answered only if it could write.
const fn yes() -> bool {
    true
}

/// What an older daemon means that does not say.
const fn by_command() -> ReloadBy {
    ReloadBy::Command
}

impl ReloadStatus {
    /// The most problems that are kept.
    pub const MOST_PROBLEMS: usize = 100;

    /// In a few words: `refused, 2 errors; the first in rules/a.yaml:3:5`.
    #[must_use]
    pub fn came_to(&self) -> String {
        if self.ok {
            return take_a_restart(&self.restart).map_or_else(|| "taken".to_owned(), |rest| format!("taken; {rest}"));
        }
        let errors = if self.errors == 1 { "1 error".to_owned() } else { format!("{} errors", self.errors) };
        let why = match (self.problems.iter().find(|problem| problem.is_error()), &self.message) {
            (Some(first), _) => format!("; the first at {}: {}{}", first.place(), first.message, first.other_places()),
            (None, Some(message)) => format!(": {message}"),
            (None, None) => String::new(),
        };
        format!("refused, {errors}{why}")
    }
}

/// What a successful reload brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// Rules in use now.
    pub rules: u64,
    /// Templates in use now.
    pub templates: u64,
    /// Names of rules that are new.
    pub added: Vec<String>,
    /// Names of rules that are gone.
    pub removed: Vec<String>,
    /// Warnings.
    pub diagnostics: Vec<Problem>,
    /// Settings that are others now and come into use with a restart only, such as `store.path`.
    #[serde(default)]
    pub restart: Vec<String>,
}

/// Whether all sending is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Whether it is.
    pub paused: bool,
    /// Whether it was before.
    pub before: bool,
    /// Deliveries that are queued: they wait while it is, and go on when it is not any more.
    #[serde(default)]
    pub queued: u64,
}

/// Whether the daemon does its work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether it does.
    pub ready: bool,
    /// What hinders it, in plain words.
    pub reasons: Vec<String>,
}
