//! `retaind doctor`: looks at all that the daemon needs, and says what is the matter and what to do.
//!
//! Nothing is changed or sent. Each step on the network has a time limit, and all of them are made at once. No secret and
//! no URL is in what is said.

mod files;
mod machine;
mod network;
mod state;

use super::project;
use crate::domain::Diagnostic;
use crate::http::Status;
use serde::Serialize;
use std::path::Path;

/// How well a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and may not go on to.
    Warning,
    /// It does not work.
    Error,
}

/// What was found of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `settings`, `store`, `disk`, `permissions`, `backup`, `smtp`, `endpoint`, `dns`, `clock`,
    /// `timezone`, `limits`.
    pub about: &'static str,
    /// How well it is.
    pub level: Level,
    /// What is so, in plain words.
    pub what: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Finding {
    fn ok(about: &'static str, what: impl Into<String>) -> Self {
        Self { about, level: Level::Ok, what: what.into(), help: None }
    }

    fn warning(about: &'static str, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { about, level: Level::Warning, what: what.into(), help: Some(help.into()) }
    }

    fn error(about: &'static str, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { about, level: Level::Error, what: what.into(), help: Some(help.into()) }
    }
}

/// Looks at everything. `status` is what the daemon said, or the store that was opened without one, or why neither did.
pub async fn examine(settings_file: &Path, status: Result<Status, String>) -> Vec<Finding> {
    let file = settings_file.to_path_buf();
    let Ok(loaded) = tokio::task::spawn_blocking(move || project::load(&file)).await else { return Vec::new() };
    let mut found = vec![of_settings(&loaded.diagnostics, settings_file)];
    let Some(project) = loaded.project else { return found };
    let settings = &project.settings;
    // Asked before anything is written, and by who has looked already.
    let network = network::look(settings).await;
    found.extend(state::of_store(status.as_ref(), &settings.store.path));
    found.extend(state::of_disk(&settings.store.path));
    found.extend(state::of_backup(status.as_ref().ok(), settings));
    found.extend(files::look(settings_file, settings));
    found.extend(network);
    found.extend(machine::look(settings, status.as_ref().ok()));
    found
}

fn of_settings(diagnostics: &[Diagnostic], file: &Path) -> Finding {
    let errors = diagnostics.iter().filter(|one| one.is_error()).count();
    let shown = file.display();
    match (errors, diagnostics.len() - errors) {
        (0, 0) => Finding::ok("settings", format!("{shown}: settings, schema, rules and templates have no errors")),
        (0, remarks) => {
            Finding::warning("settings", format!("{shown}: the files have {remarks} warning(s)"), "retaind check")
        }
        (errors, _) => {
            Finding::error("settings", format!("{shown}: the files have {errors} error(s)"), "retaind check")
        }
    }
}
