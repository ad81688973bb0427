//! Where a secret is to be found.

use crate::domain::{Diagnostic, nearest};
use crate::yaml::{Document, Item, Kind};
use secrecy::SecretString;
use std::env::VarError;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a secret is to be found; never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Secret {
    /// `{file: PATH}`
    File(PathBuf),
    /// `{env: NAME}`
    Env(String),
    /// `{credential: NAME}`: a file of that name under `$CREDENTIALS_DIRECTORY`, where systemd puts it.
    Credential(String),
}

/// Why a secret could not be had. None of these shows it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the secret file {} cannot be read", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The variable is not set.
    #[error("the environment variable {name} is not set")]
    Unset {
        /// Which one.
        name: String,
    },
    /// The variable is not UTF-8.
    #[error("the environment variable {name} is not UTF-8")]
    NotText {
        /// Which one.
        name: String,
    },
    /// Not started by systemd with credentials.
    #[error("the credential {name} needs $CREDENTIALS_DIRECTORY, which systemd sets (LoadCredential=)")]
    NoCredentials {
        /// Which one.
        name: String,
    },
    /// There is nothing in it.
    #[error("the secret {name} is empty")]
    Empty {
        /// Which one.
        name: String,
    },
}

impl Secret {
    /// Reads the secret, without the blanks around it.
    pub fn reveal(&self) -> Result<SecretString, SecretError> {
        let read = |path: &Path| {
            std::fs::read_to_string(path).map_err(|source| SecretError::File { path: path.to_owned(), source })
        };
        let (name, text) = match self {
            Self::File(path) => (path.display().to_string(), read(path)?),
            Self::Env(name) => {
                // What the library says of it is the same again, or shows the value.
                let value = std::env::var(name).map_err(|error| match error {
                    VarError::NotPresent => SecretError::Unset { name: name.clone() },
                    VarError::NotUnicode(_) => SecretError::NotText { name: name.clone() },
                });
                (name.clone(), value?)
            }
            Self::Credential(name) => {
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| SecretError::NoCredentials { name: name.clone() })?;
                (name.clone(), read(&Path::new(&folder).join(name))?)
            }
        };
        match text.trim() {
            "" => Err(SecretError::Empty { name }),
            trimmed => Ok(trimmed.to_owned().into()),
        }
    }

    /// Reads where a secret is from the settings.
    pub(super) fn read(item: Item<'_>, base: &Path) -> Option<Self> {
        if !matches!(item.node().kind, Kind::Map(_)) {
            item.reader().report(
                Diagnostic::error(
                    PLAIN,
                    item.place(),
                    format!("`{}` must say where the secret is, not be it", item.name()),
                )
                .help("write {file: PATH}, {env: NAME} or {credential: NAME}"),
            );
            return None;
        }
        let pairs = item.pairs()?;
        let [(key, value)] = pairs.as_slice() else {
            let message = format!("`{}` must have one key", item.name());
            item.error_with_help("bad-secret", message, "write {file: PATH}, {env: NAME} or {credential: NAME}");
            return None;
        };
        match key.name.as_str() {
            "file" => value.text().map(|path| Self::File(base.join(path))),
            "env" => value.text().map(|name| Self::Env(name.to_owned())),
            "credential" => value.text().and_then(|name| credential(*value, name)),
            other => {
                let place = value.key_place();
                let help = match nearest(other, ["file", "env", "credential"]) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "known here: file, env, credential".to_owned(),
                };
                let problem = Diagnostic::error("unknown-key", place, format!("unknown key `{other}`"));
                item.reader().report(problem.help(help));
                None
            }
        }
    }
}

/// The code of a secret that stands in the file itself.
const PLAIN: &str = "plain-secret";

fn credential(item: Item<'_>, name: &str) -> Option<Secret> {
    if name.contains('/') || name == ".." {
        item.error_with_help("bad-value", "`credential` must be a name, not a path", "for a path write {file: PATH}");
        return None;
    }
    Some(Secret::Credential(name.to_owned()))
}

/// Hides secrets that stand in the file itself from every problem's copy of the text, keeping all places as they are.
pub(super) fn mask(document: &Document, problems: &mut [Diagnostic]) {
    let plain: Vec<Range<usize>> =
        problems.iter().filter(|problem| problem.code == PLAIN).map(|problem| problem.place.span.clone()).collect();
    if plain.is_empty() {
        return;
    }
    let masked: String = document
        .text
        .char_indices()
        .flat_map(|(index, character)| {
            let hidden = character != '\n' && plain.iter().any(|span| span.contains(&index));
            let (shown, times) = if hidden { ('*', character.len_utf8()) } else { (character, 1) };
            std::iter::repeat_n(shown, times)
        })
        .collect();
    let masked: Arc<str> = masked.into();
    for problem in problems {
        problem.place.text = Arc::clone(&masked);
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, SecretError};
    use secrecy::ExposeSecret as _;

    #[test]
    fn a_secret_file_is_read_without_its_blanks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crm.secret");
        std::fs::write(&path, " whsec_abc\n").unwrap();
        let secret = Secret::File(path.clone()).reveal().unwrap();
        assert_eq!(secret.expose_secret(), "whsec_abc");
        assert!(!format!("{secret:?}").contains("abc"));
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(Secret::File(path).reveal(), Err(SecretError::Empty { .. })));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let missing = Secret::File("/nowhere/x.secret".into()).reveal().unwrap_err();
        assert_eq!(missing.to_string(), "the secret file /nowhere/x.secret cannot be read");
        let unset = Secret::Env("RETAIND_TEST_UNSET_VARIABLE".into()).reveal().unwrap_err();
        assert_eq!(unset.to_string(), "the environment variable RETAIND_TEST_UNSET_VARIABLE is not set");
        assert!(std::error::Error::source(&unset).is_none(), "it would be told twice");
    }

    #[test]
    fn a_variable_is_read() {
        // Cargo sets this one for every test.
        let name = Secret::Env("CARGO_PKG_NAME".into()).reveal().unwrap();
        assert_eq!(name.expose_secret(), "retaind");
    }
}
