//! Store, disk and backups.

use super::Finding;
use crate::config::Settings;
use crate::domain::{Span, Time};
use crate::http::Status;
use crate::store::Room;
use crate::store::sled::survey;
use std::path::Path;

/// A disk with less than this many of 100 parts free is nearly full, unless so many bytes are free all the same.
const FREE_PERCENT: u64 = 5;
const FREE_ENOUGH: u64 = 10 << 30;
/// A backup is made every night; the last one is older than this if one is missing.
const BACKUP: Span = Span::hours(26);

pub(super) fn of_store(status: Result<&Status, &String>, path: &Path) -> Vec<Finding> {
    let mut found = vec![match status {
        Ok(status) if !status.running => Finding::warning(
            "store",
            format!("it opens, and has {} customers; no daemon runs, so nothing is sent", status.store.customers),
            "systemctl start retaind",
        ),
        Ok(status) if !status.readiness.ready => Finding::error(
            "store",
            format!("the daemon is not ready: {}", status.readiness.reasons.join("; ")),
            "retaind status, and journalctl --unit retaind --lines 50",
        ),
        Ok(status) => {
            let pid = status.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
            Finding::ok("store", format!("the daemon{pid} has it; {} customers", status.store.customers))
        }
        Err(why) if why.contains("there is no store at") && !why.contains("damaged") => {
            Finding::warning("store", why, "retaind import, or retaind run")
        }
        Err(why) if why.contains("files have errors") => {
            Finding::warning("store", format!("not looked at: {why}"), "retaind check")
        }
        Err(why) if why.contains("another user") => Finding::warning(
            "store",
            format!("not looked at: {why}"),
            "start the daemon and ask again: it looks itself",
        ),
        Err(why) => Finding::error("store", why, "docs/OPERATION.md, \"When the store is lost\" and \"A full disk\""),
    }];
    let damaged = survey(path).map(|survey| survey.damaged).unwrap_or_default();
    found.extend(damaged.into_iter().map(|folder| {
        let help = "restore a backup if that was not done; then delete it, or keep it for whoever looks into it";
        Finding::warning("store", format!("a damaged store was set aside: {}", folder.display()), help)
    }));
    found
}

pub(super) fn of_disk(path: &Path) -> Vec<Finding> {
    // Where there is no store yet, it would come to lie on this disk.
    let place = path.ancestors().find(|place| place.is_dir()).unwrap_or(Path::new("."));
    let help = format!("df --human-readable {}", place.display());
    let survey = match survey(place) {
        Ok(survey) => survey,
        Err(error) => return vec![Finding::error("disk", format!("{}: {error}", place.display()), help)],
    };
    let Room { free_bytes, bytes } = survey.room;
    let percent = free_bytes.saturating_mul(100).checked_div(bytes).unwrap_or(0);
    let free = format!("{} of {} MiB free", free_bytes >> 20, bytes >> 20);
    let mut found = vec![if survey.read_only {
        Finding::error("disk", "it cannot be written", "dmesg, and mount -o remount,rw once it is known why")
    } else if survey.ballast_spent {
        Finding::error("disk", format!("it is full, {free}: nothing new is taken until there is room"), help)
    } else if percent < FREE_PERCENT && free_bytes < FREE_ENOUGH {
        Finding::warning("disk", format!("it is nearly full, {free}"), help)
    } else {
        Finding::ok("disk", free)
    }];
    if path.join("db").is_file() && !survey.ballast_spent {
        found.push(match survey.ballast {
            Some(bytes) => Finding::ok("disk", format!("{} MiB are set aside for when it is full", bytes >> 20)),
            None => Finding::warning(
                "disk",
                "no room is set aside for when it is full",
                "a running daemon does it, if there is room",
            ),
        });
    }
    found
}

pub(super) fn of_backup(status: Option<&Status>, settings: &Settings) -> Option<Finding> {
    if settings.backup.is_none() {
        let help = "set `backup: {folder: backups}` in the settings, or copy `retaind backup FILE` away by a timer";
        return Some(Finding::warning("backup", "the daemon makes none", help));
    }
    let status = status?;
    let backup = status.backup.as_ref()?;
    let now = status.at?;
    Some(match (&backup.failed, backup.last) {
        (Some(why), _) => Finding::error("backup", format!("the last one failed: {why}"), "retaind backup FILE"),
        (None, None) => Finding::warning("backup", "there is none yet", "retaind backup FILE"),
        (None, Some(at)) => aged(at, now, backup.kept),
    })
}

fn aged(at: Time, now: Time, kept: u64) -> Finding {
    if now.since(at) > BACKUP {
        return Finding::warning("backup", format!("the last one is of {at}"), "retaind backup FILE");
    }
    Finding::ok("backup", format!("the last one is of {at}; {kept} are kept"))
}

#[cfg(test)]
mod tests {
    use super::{aged, of_disk, of_store};
    use crate::app::doctor::Level;
    use crate::domain::{Span, Time};

    #[test]
    fn a_missing_night_is_told() {
        let now = Time(1_795_341_600_000);
        assert_eq!(aged(now.minus(Span::hours(25)), now, 7).level, Level::Ok);
        assert_eq!(aged(now.minus(Span::hours(27)), now, 7).level, Level::Warning);
    }

    #[test]
    fn what_was_set_aside_and_what_cannot_be_looked_at_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("damaged-1")).unwrap();
        let refused = "the store at data is damaged: its log ends too early".to_owned();
        let found = of_store(Err(&refused), folder.path());
        let levels: Vec<_> = found.iter().map(|one| one.level).collect();
        assert_eq!(levels, [Level::Error, Level::Warning]);
        assert!(found[1].what.contains("damaged-1"));
        let not_there = of_disk(&folder.path().join("not/there"));
        assert!(not_there.iter().all(|one| !one.what.contains("set aside")), "{not_there:?}");
    }
}
