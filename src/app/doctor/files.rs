//! Who may read and write the files.

use super::Finding;
use crate::config::{Admin, Secret, SecretError, Settings};
use crate::store::sled::journal_of;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const ABOUT: &str = "permissions";
const WRITABLE_BY_ALL: u32 = 0o002;
const READABLE_BY_ALL: u32 = 0o004;
const FOR_OTHERS: u32 = 0o077;

pub(super) fn look(settings_file: &Path, settings: &Settings) -> Vec<Finding> {
    let mut found: Vec<_> = of_settings(settings_file).into_iter().collect();
    found.extend(secrets(settings).iter().filter_map(|(name, secret)| of_secret(name, secret)));
    let store = &settings.store.path;
    let journal = journal_of(store);
    found.extend(of_folder("the store", store));
    found.extend(of_folder("the journal of withdrawals", &journal));
    found.extend(settings.backup.as_ref().and_then(|backup| of_folder("the folder of the backups", &backup.folder)));
    if let (Ok(one), Ok(other)) = (store.metadata(), journal.metadata())
        && one.uid() != other.uid()
    {
        let (one, other) = (one.uid(), other.uid());
        found.push(Finding::error(
            ABOUT,
            format!(
                "the store belongs to the user {one}, its journal to {other}: who has the one cannot write the other"
            ),
            format!("chown --recursive {one} {}", journal.display()),
        ));
    }
    if found.is_empty() {
        found.push(Finding::ok(ABOUT, "settings, secrets, store and journal are for whom they should be"));
    }
    found
}

fn of_settings(file: &Path) -> Option<Finding> {
    let may_all = file.metadata().is_ok_and(|found| found.mode() & WRITABLE_BY_ALL != 0);
    let what = format!("{} can be changed by everybody on this machine", file.display());
    may_all.then(|| Finding::error(ABOUT, what, format!("chmod o-w {}", file.display())))
}

/// All secrets that the settings name.
fn secrets(settings: &Settings) -> Vec<(String, &Secret)> {
    let password = settings.email.as_ref().and_then(|email| email.password.as_ref());
    let mut all: Vec<_> = password.map(|secret| ("email.password".to_owned(), secret)).into_iter().collect();
    for endpoint in settings.endpoints.values() {
        all.extend(endpoint.secrets.iter().map(|secret| (format!("endpoints.{}.secret", endpoint.name), secret)));
    }
    all.extend(settings.http.write_keys.iter().map(|secret| ("http.write_keys".to_owned(), secret)));
    if let Admin::Port { token, .. } = &settings.http.admin {
        all.push(("http.admin_token".to_owned(), token));
    }
    all
}

fn of_secret(name: &str, secret: &Secret) -> Option<Finding> {
    let elsewhere = "it is enough that the daemon has it; this command may not";
    match (secret, secret.reveal()) {
        (_, Err(error @ SecretError::Empty { .. })) => {
            Some(Finding::error(ABOUT, format!("{name}: {error}"), "write the secret into it"))
        }
        (Secret::File(path), Err(error)) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let help = format!("ls -l {}", path.display());
            Some(Finding::error(ABOUT, format!("{name}: {error}{cause}"), help))
        }
        (Secret::File(path), Ok(_)) => {
            let mode = path.metadata().map_or(0, |found| found.mode());
            let what = format!("{name}: {} can be read by everybody on this machine", path.display());
            let help = "let it be {credential: NAME}, or run the daemon as a user of your own and chmod it 0600";
            (mode & READABLE_BY_ALL != 0).then(|| Finding::warning(ABOUT, what, help))
        }
        (Secret::Env(_), Err(error)) => Some(Finding::warning(ABOUT, format!("{name}: {error} here"), elsewhere)),
        // systemd hands those to the daemon alone.
        (Secret::Credential(_) | Secret::Env(_), _) => None,
    }
}

fn of_folder(what: &str, folder: &Path) -> Option<Finding> {
    let mode = folder.metadata().ok()?.mode() & 0o7777;
    let shown = folder.display();
    (mode & FOR_OTHERS != 0).then(|| {
        let what = format!("{what}, {shown}, is open to others than its user (mode {mode:04o})");
        Finding::warning(ABOUT, what, format!("chmod 0700 {shown}"))
    })
}

#[cfg(test)]
mod tests {
    use super::{look, of_secret};
    use crate::app::doctor::Level;
    use crate::config::{Secret, read_settings};
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn files_that_are_for_everybody_are_told_and_secrets_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("retaind.yaml");
        let text = "business: {name: A, address: B}\nemail: {from: a@b.example, username: u, password: {file: smtp}}\n";
        write(&file, text).unwrap();
        let secret = folder.path().join("smtp");
        write(&secret, "hunter2").unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let set = |path: &std::path::Path, mode| set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let (settings, problems) = read_settings(&file, text.as_bytes(), folder.path());
        let settings = settings.unwrap_or_else(|| panic!("{problems:?}"));
        let said = |modes: [u32; 3]| {
            for (path, mode) in [&file, &secret, &folder.path().join("data")].into_iter().zip(modes) {
                set(path, mode);
            }
            look(&file, &settings)
        };
        assert_eq!(said([0o644, 0o600, 0o700]).iter().map(|one| one.level).collect::<Vec<_>>(), [Level::Ok]);
        let found = said([0o666, 0o644, 0o755]);
        let levels: Vec<_> = found.iter().map(|one| one.level).collect();
        assert_eq!(levels, [Level::Error, Level::Warning, Level::Warning], "{found:?}");
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn a_secret_that_is_empty_or_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path().join("empty"), " \n").unwrap();
        let level = |secret| of_secret("email.password", &secret).map(|one| one.level);
        assert_eq!(level(Secret::File(folder.path().join("empty"))), Some(Level::Error));
        assert_eq!(level(Secret::File(folder.path().join("none"))), Some(Level::Error));
        assert_eq!(level(Secret::Env("RETAIND_TEST_NOT_SET".into())), Some(Level::Warning));
        assert_eq!(level(Secret::Credential("smtp".into())), None);
    }
}
