//! `retaind init`: a project folder to begin with, of the playbooks that ship.

mod playbooks;
mod settings;

#[cfg(test)]
mod tests;

pub use playbooks::{Playbook, playbooks};

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What a new project is to hold.
#[derive(Debug, Clone)]
pub struct InitRequest {
    /// The folder; it must not exist, or be empty but for what a version control keeps.
    pub folder: PathBuf,
    /// Names of playbooks; none stands for `win-back`.
    pub playbooks: Vec<String>,
}

/// Why no project was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is something in the folder already.
    #[error("{} is not empty: it holds {found}; name a new folder", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
        /// One of the things in it.
        found: String,
    },
    /// There is no playbook of that name.
    #[error("there is no playbook `{0}`")]
    Unknown(String),
    /// A file could not be written.
    #[error("{} cannot be written", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The playbook of a project for which none is named.
const FIRST: &str = "win-back";

/// What stays out of version control.
const IGNORED: &str = "\
# The store, and the mails of file:outbox.
/data
/outbox
# Rows that an import refused.
*.rejects
# Secrets.
*.secret
*.key
";

/// Makes the project, and answers the playbooks that it holds.
///
/// # Errors
/// The folder is not empty, a playbook is not known, or a file cannot be written; then what was written stays.
pub fn init(request: &InitRequest) -> Result<Vec<&'static Playbook>, InitError> {
    let chosen = chosen(&request.playbooks)?;
    must_be_free(&request.folder)?;
    for (name, text) in files(&chosen) {
        write(&request.folder.join(name), &text)?;
    }
    Ok(chosen)
}

/// The playbooks of those names, each once.
fn chosen(names: &[String]) -> Result<Vec<&'static Playbook>, InitError> {
    let first = [FIRST.to_owned()];
    let names = if names.is_empty() { &first[..] } else { names };
    let mut seen = BTreeSet::new();
    let find = |name: &String| {
        let found = playbooks().iter().find(|playbook| playbook.name == name);
        found.ok_or_else(|| InitError::Unknown(name.clone()))
    };
    names.iter().filter(|name| seen.insert(name.as_str())).map(find).collect()
}

fn must_be_free(folder: &Path) -> Result<(), InitError> {
    let cannot = |source| InitError::File { path: folder.to_path_buf(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(cannot(error)),
    };
    for entry in entries {
        let found = entry.map_err(cannot)?.file_name().to_string_lossy().into_owned();
        if found != ".git" {
            return Err(InitError::NotEmpty { folder: folder.to_path_buf(), found });
        }
    }
    Ok(())
}

/// All files by name.
fn files(chosen: &[&Playbook]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::from([
        ("retaind.yaml".to_owned(), settings::settings(chosen)),
        ("schema.yaml".to_owned(), settings::schema(chosen)),
        (".gitignore".to_owned(), IGNORED.to_owned()),
    ]);
    for (name, text) in chosen.iter().flat_map(|playbook| playbook.files) {
        let schema = match name.strip_prefix("rules/") {
            Some("segments.yaml") => "segments",
            Some(rule) if rule.ends_with(".test.yaml") => "test",
            Some(_) => "rule",
            None => "",
        };
        let has_one = schema.is_empty() || text.starts_with(settings::SCHEMA_LINE);
        let line = if has_one { String::new() } else { settings::schema_line(&format!("../schema/{schema}")) };
        files.insert((*name).to_owned(), line + text);
    }
    files
}

fn write(path: &Path, text: &str) -> Result<(), InitError> {
    let cannot = |source| InitError::File { path: path.to_path_buf(), source };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(cannot)?;
    }
    // What somebody else has put there meanwhile is theirs.
    let mut file = fs::File::create_new(path).map_err(cannot)?;
    io::Write::write_all(&mut file, text.as_bytes()).map_err(cannot)
}
