//! What each room may use: the table that `docs/ARCHITECTURE.md` draws, as data.

/// Whether a room may touch the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Functions of their arguments alone.
    Pure,
    /// Files, sockets, clocks, processes.
    Edge,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// The folder, or the file without its ending, under `src/`.
    pub(crate) name: &'static str,
    /// Pure or edge.
    pub(crate) kind: Kind,
    /// The rooms that it may name.
    pub(crate) may_use: &'static [&'static str],
}

const fn pure(name: &'static str, may_use: &'static [&'static str]) -> Room {
    Room { name, kind: Kind::Pure, may_use }
}

const fn edge(name: &'static str, may_use: &'static [&'static str]) -> Room {
    Room { name, kind: Kind::Edge, may_use }
}

/// Every room there may be, each with what it may use. A folder under `src/` that is not here is a fault.
pub(crate) const ROOMS: &[Room] = &[
    pure("domain", &[]),
    pure("yaml", &["domain"]),
    pure("calendar", &["domain"]),
    pure("condition", &["domain", "calendar"]),
    pure("rules", &["domain", "calendar", "condition", "yaml"]),
    pure("engine", &["domain", "calendar", "condition", "rules"]),
    pure("templates", &["domain", "calendar", "yaml"]),
    pure("stories", &["domain", "calendar", "condition", "rules", "engine", "templates", "yaml"]),
    edge("store", &["domain"]),
    edge("channels", &["domain", "telemetry"]),
    edge("schedule", &["clock"]),
    edge("files", &[]),
    edge("ingest", &["domain"]),
    edge("http", &["domain", "telemetry"]),
    edge(
        "delivery",
        &[
            "domain",
            "yaml",
            "calendar",
            "condition",
            "rules",
            "engine",
            "templates",
            "clock",
            "telemetry",
            "store",
            "channels",
        ],
    ),
    edge("catcher", &["domain"]),
    edge("config", &["domain", "yaml"]),
    edge("telemetry", &["domain"]),
    edge("clock", &["domain"]),
    edge(
        "app",
        &[
            "domain",
            "yaml",
            "calendar",
            "condition",
            "rules",
            "engine",
            "templates",
            "stories",
            "store",
            "channels",
            "schedule",
            "files",
            "ingest",
            "http",
            "delivery",
            "catcher",
            "config",
            "telemetry",
            "clock",
        ],
    ),
    edge(
        "cli",
        &[
            "domain",
            "yaml",
            "calendar",
            "condition",
            "rules",
            "engine",
            "templates",
            "stories",
            "app",
            "config",
            "http",
            "telemetry",
        ],
    ),
    edge("main", &["cli"]),
];

/// Outside crates, by the name that code uses, and the one folder under `src/` that may name each.
pub(crate) const CRATE_HOMES: &[(&str, &str)] = &[
    ("sled", "store/sled"),
    ("lettre", "channels/email"),
    ("reqwest", "channels/webhook"),
    ("tokio_cron_scheduler", "schedule"),
    ("clap", "cli"),
    ("serde_yaml", "yaml"),
    ("saphyr_parser", "yaml"),
    ("cel", "condition"),
    ("croner", "calendar"),
    ("minijinja", "templates"),
    ("pulldown_cmark", "templates"),
    ("comfy_table", "cli"),
    ("sd_notify", "app"),
    ("notify", "files"),
    ("zstd", "store/sled"),
];

/// Parts of rooms that only the named rooms may name, besides the room itself: others see the trait.
pub(crate) const INNER_ROOMS: &[(&[&str], &[&str])] = &[(&["store", "sled"], &["app"])];

/// Names that no pure room may contain.
pub(crate) const IMPURE_NAMES: &[&str] = &["async", "await", "Instant", "SystemTime"];

/// Paths that no pure room may contain, whole or as a beginning.
pub(crate) const IMPURE_PATHS: &[&[&str]] = &[
    &["std", "fs"],
    &["std", "net"],
    &["std", "env"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "os"],
    &["tokio"],
    &["getrandom"],
    &["tracing"],
    &["metrics"],
];

/// Impure paths that one file may contain all the same, each with its reason in `docs/decisions/`.
pub(crate) const EXCEPTIONS: &[(&str, &[&str])] = &[
    // The parser needs more stack than a caller may have; nothing else can be seen of the thread (decision 6).
    ("condition/source/cel.rs", &["std", "thread"]),
];

/// Last parts of a path that read the wall clock.
pub(crate) const CLOCK_READS: &[&[&str]] =
    &[&["Timestamp", "now"], &["Zoned", "now"], &["Utc", "now"], &["Local", "now"]];

/// Folder and file names that say nothing.
pub(crate) const EMPTY_NAMES: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "manager", "managers", "core", "misc"];

/// The most lines that a file may have.
pub(crate) const MOST_LINES: usize = 600;

/// The row of a room.
pub(crate) fn room(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == name)
}
