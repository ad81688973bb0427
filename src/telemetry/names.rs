//! Names of metrics and of their labels, with what they count.

/// What sort of metric it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Seconds, counted in buckets.
    Seconds,
    /// The same in few buckets, for what is told rule by rule.
    CoarseSeconds,
}

impl Kind {
    /// What Prometheus calls it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Seconds | Self::CoarseSeconds => "histogram",
        }
    }
}

/// A metric: its name, its sort, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its sort.
    pub kind: Kind,
    /// What it says, for the scrape's `# HELP`.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:ident, $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*
        /// Every metric.
        pub const METRICS: &[Metric] = &[$(Metric { name: $name, kind: Kind::$kind, help: $help }),*];
    };
}

metrics! {
    BUILD_INFO = "retaind_build_info", Gauge, "Always 1; label `version`.";
    STARTED_AT = "retaind_started_at_seconds", Gauge, "Unix time at which the daemon began its work.";
    READY = "retaind_ready", Gauge, "1 while it does its work.";
    PAUSED = "retaind_paused", Gauge, "1 while all sending is stopped by a person.";
    MARKETING_PAUSED = "retaind_marketing_paused", Gauge, "1 while all marketing is stopped since a restore.";
    ARRIVALS = "retaind_arrivals_total", Counter, "What arrived, by `kind` and `result` (stored, duplicate, refused).";
    CALLS = "retaind_calls_total", Counter, "Calls at the public listener, by `kind` and `status` (of HTTP).";
    CALL_SECONDS = "retaind_call_seconds", Seconds, "Time of a call that was taken, until what it brought is durable.";
    CUSTOMERS = "retaind_customers", Gauge, "Customers stored.";
    STORE_BYTES = "retaind_store_bytes", Gauge, "Bytes that the store takes on disk.";
    STORE_WRITABLE = "retaind_store_writable", Gauge, "1 while the store takes what is to be kept: it has no fault, and its disk has room.";
    DISK_FREE = "retaind_disk_free_bytes", Gauge, "Bytes that are free for it on the store's disk.";
    DISK_BYTES = "retaind_disk_bytes", Gauge, "Bytes of the store's disk in all.";
    COMMIT_SECONDS = "retaind_commit_seconds", Seconds, "Time of a round of the store: from its beginning until it is durable.";
    COMMIT_FAILURES = "retaind_commit_failures_total", Counter, "Rounds of the store that could not be made durable.";
    BACKUPS = "retaind_backups_total", Counter, "Nightly backups, by `result` (ok, failed).";
    BACKUP_BYTES = "retaind_backup_bytes", Gauge, "Bytes of the newest nightly backup.";
    RULES = "retaind_rules", Gauge, "Rules in use, by `state` (live, paused, braked).";
    RULE_BRAKED = "retaind_rule_braked", Gauge, "1 while the brake has stopped the `rule`.";
    RELOADS = "retaind_reloads_total", Counter, "Reloads, by `result` (ok, refused).";
    LAST_RELOAD_OK = "retaind_last_reload_ok", Gauge, "1 if the last reload was taken, 0 if the old rules were kept; the start counts as one.";
    LAST_RELOAD_AT = "retaind_last_reload_timestamp_seconds", Gauge, "Unix time of the last reload, whatever it came to.";
    LAST_BACKUP_AT = "retaind_last_backup_timestamp_seconds", Gauge, "Unix time of the last backup that succeeded; absent before the first one.";
    RULE_FILE_ERRORS = "retaind_rule_file_errors", Gauge, "Errors that the last reload found, by `file` (of more than a hundred the rest as `other`); 0 once it is mended.";
    TICKS = "retaind_ticks_total", Counter, "Ticks completed, by `rule`.";
    TICK_SECONDS = "retaind_tick_seconds", Seconds, "Time of a tick, by `part` (decide, commit).";
    TICK_LAG = "retaind_tick_lag_seconds", Gauge, "By how much the oldest tick that is not complete is late.";
    OVERDUE_WAKES = "retaind_overdue_wakes_total", Counter, "Times the loop woke by itself because the scheduler was silent.";
    MATCHES = "retaind_matches_total", Counter, "Customers whose condition held at a tick, by `rule`.";
    LATENESS = "retaind_lateness_seconds", CoarseSeconds, "How long after its due instant a delivery was accepted at its first attempt, by `channel` and `rule`.";
    EVALUATIONS = "retaind_evaluations_total", Counter, "Conditions evaluated at ticks, by `rule`.";
    ENROLLMENTS = "retaind_enrollments_total", Counter, "Enrollments, by `rule` and `holdout` (true, false).";
    HOLDS = "retaind_holds_total", Counter, "Matches that made no enrollment, by `rule` and `reason`.";
    BRAKES = "retaind_brakes_total", Counter, "Times the brake stopped a rule, by `rule`.";
    LOOKS = "retaind_looks_total", Counter, "Customers looked at because something changed or fell due.";
    GIVEN_UP = "retaind_events_given_up_total", Counter, "Events that start no rule because a thousand others of their customer wait.";
    LOOK_LATENESS = "retaind_look_lateness_seconds", Seconds, "How long after its instant such a look was durable.";
    EVENT_LATENESS = "retaind_event_lateness_seconds", Seconds, "How long after its receipt an event that rules wait for was judged, and that durable.";
    LOOK_LAG = "retaind_look_lag_seconds", Gauge, "By how much the oldest look that is due and not made is late.";
    QUEUE = "retaind_deliveries", Gauge, "Deliveries stored, by `state`.";
    LANE_LAG = "retaind_lane_lag_seconds", Gauge, "By how much the oldest due delivery of a `lane` is late.";
    LANE_DUE = "retaind_lane_due", Gauge, "Deliveries that are due and wait, by `lane` and `age` (how late they are: 1m, 15m, 1h, more); of very many the first ten thousand of a lane.";
    ATTEMPTS = "retaind_attempts_total", Counter, "Attempts, by `channel`, `rule` and `outcome`.";
    ATTEMPT_SECONDS = "retaind_attempt_seconds", Seconds, "Time of an attempt, by `channel`.";
    WITHHELD = "retaind_withheld_total", Counter, "Deliveries that a gate kept back, by `channel`, `rule` and `reason`.";
    DEAD_LETTERS = "retaind_dead_letters_total", Counter, "Deliveries given up, by `channel` and `rule`.";
    RECOVERED = "retaind_recovered_total", Counter, "Attempts found under way at a start, whose outcome nobody knows.";
    PANICS = "retaind_panics_total", Counter, "Panics that were caught, by `part`.";
    MEMORY = "process_resident_memory_bytes", Gauge, "Memory that the process holds.";
    OPEN_FILES = "process_open_fds", Gauge, "File descriptors that are open.";
    MOST_OPEN_FILES = "process_max_fds", Gauge, "The most file descriptors that may be open.";
}

/// Labels, each with a bounded set of values.
pub mod label {
    /// Name of a rule.
    pub const RULE: &str = "rule";
    /// `email` or `webhook`.
    pub const CHANNEL: &str = "channel";
    /// A queue of the outbox.
    pub const LANE: &str = "lane";
    /// How late something is.
    pub const AGE: &str = "age";
    /// What an attempt came to.
    pub const OUTCOME: &str = "outcome";
    /// Why not, in the words of `Reason`.
    pub const REASON: &str = "reason";
    /// A state, in the words of `State` or of a rule's standing.
    pub const STATE: &str = "state";
    /// What something came to.
    pub const RESULT: &str = "result";
    /// A status of HTTP.
    pub const STATUS: &str = "status";
    /// A file of the project.
    pub const FILE: &str = "file";
    /// What something is.
    pub const KIND: &str = "kind";
    /// Whether an enrollment is held out.
    pub const HOLDOUT: &str = "holdout";
    /// Version of the program.
    pub const VERSION: &str = "version";
    /// Part of the daemon.
    pub const PART: &str = "part";
}
