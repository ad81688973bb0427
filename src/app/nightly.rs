//! The daemon's own backups: one a night, the newest few kept.
//!
//! Whether one is due is read from the files that are there, so a daemon that stood still over the night makes it when it
//! is back, and one that is started again makes none twice. A backup that fails is told and tried again; it stops nothing.

use super::backup_file::BackupFile;
use super::operations::{self, Ops};
use super::restore::BackupContents;
use super::shared::Shared;
use crate::calendar::Cron;
use crate::config::BackupSettings;
use crate::domain::{Span, Time};
use crate::http::{BackupStatus, TracesView};
use crate::store::sled::survey;
use crate::telemetry::names::{self, label};
use jiff::tz::TimeZone;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether one is due.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// After a failure it is tried again after so long.
const AGAIN: Span = Span::minutes(15);
/// So many bytes are left free on the disk that they lie on.
const LEFT_FREE: u64 = 64 << 20;
/// A file that says of itself to be later than now by more than this is of a clock that went wrong.
const CLOCKS_DIFFER: Span = Span::hours(1);

/// What the names of the files begin with; the instant follows.
const BEFORE: &str = "retaind-";
/// What they end with.
const BEHIND: &str = ".backup";

/// Makes them until told to stop; one that is under way then comes to nothing.
pub(super) async fn run(core: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let Some(daemon) = &core.daemon else { return };
    let mut wanted = daemon.nightly.subscribe();
    while !*stop.borrow() {
        let settings = wanted.borrow_and_update().clone();
        if let Some(settings) = &settings {
            tokio::select! {
                () = look(&core, settings) => {}
                _ = stop.changed() => return,
            }
        }
        tokio::select! {
            _ = stop.changed() => {}
            Ok(()) = wanted.changed() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Makes one if it is due.
async fn look(core: &Arc<Shared>, settings: &BackupSettings) {
    let Some(daemon) = &core.daemon else { return };
    let now = core.clock.now();
    let failed = daemon.backup_failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let rests = failed.is_some_and(|(at, _)| now.since(at).0.abs() < AGAIN.0);
    let zone = core.world.load().zone.clone();
    if rests || !is_due(&files(&settings.folder, now), settings, &zone, now) {
        return;
    }
    let made = make(core, settings, now).await;
    metrics::counter!(names::BACKUPS, label::RESULT => if made.is_ok() { "ok" } else { "failed" }).increment(1);
    let failed = match made {
        Ok(contents) => {
            tracing::info!(customers = contents.customers, bytes = contents.bytes, "backed up");
            None
        }
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), folder = %settings.folder.display(), "the nightly backup failed; trying again in 15 minutes");
            Some((now, format!("{error:#}")))
        }
    };
    *daemon.backup_failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    tell(&files(&settings.folder, now));
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn tell(files: &[Kept]) {
    if let Some(newest) = files.last() {
        metrics::gauge!(names::LAST_BACKUP_AT).set(newest.at.0 as f64 / 1000.0);
        metrics::gauge!(names::BACKUP_BYTES).set(newest.bytes as f64);
    }
}

async fn make(core: &Arc<Shared>, settings: &BackupSettings, now: Time) -> anyhow::Result<BackupContents> {
    let folder = settings.folder.clone();
    let path = folder.join(name(now));
    let file = tokio::task::spawn_blocking(move || -> io::Result<BackupFile> {
        if !folder.exists() {
            DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        }
        clear_parts(&folder)?;
        check_room(&folder, now)?;
        BackupFile::create(&path)
    });
    let file = file.await??;
    operations::backup(&Ops(Arc::clone(core)).0, Box::new(file.writer()?)).await?;
    let contents = tokio::task::spawn_blocking(move || file.finish()).await??;
    // Not before there is a newer one.
    let (folder, keep) = (settings.folder.clone(), usize::try_from(settings.keep).unwrap_or(usize::MAX));
    tokio::task::spawn_blocking(move || rotate(&folder, keep, now)).await??;
    Ok(contents)
}

/// Whether there is room for one that is somewhat larger than the last, with some left: often the store lies on the same disk.
fn check_room(folder: &Path, now: Time) -> io::Result<()> {
    let last = files(folder, now).last().map_or(0, |file| file.bytes);
    let (wanted, free) = (last + last / 4 + LEFT_FREE, survey(folder)?.room.free_bytes);
    if free >= wanted {
        return Ok(());
    }
    let message = format!("{} MiB are free in {}, {} MiB are wanted", free >> 20, folder.display(), wanted >> 20);
    Err(io::Error::new(io::ErrorKind::StorageFull, message))
}

/// One of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// When it was begun.
    pub(crate) at: Time,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// Our backups in a folder, oldest first; before them those that say to be later than now, of a clock that went wrong: nobody
/// knows how old they are. What bears another name is nobody's of ours.
pub(crate) fn files(folder: &Path, now: Time) -> Vec<Kept> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<Kept> = entries
        .filter_map(|entry| {
            let at = instant(entry.file_name().to_str()?)?;
            Some(Kept { at, path: entry.path(), bytes: entry.metadata().ok()?.len() })
        })
        .collect();
    files.sort_by_key(|file| (file.at <= now.plus(CLOCKS_DIFFER), file.at));
    files
}

/// `retaind-2026-11-23T03:30:00Z.backup` without what some file systems do not take.
fn name(at: Time) -> String {
    let at = Time(at.0 - at.0.rem_euclid(1000));
    let digits: String = at.to_string().chars().filter(|character| !matches!(character, '-' | ':')).collect();
    format!("{BEFORE}{digits}{BEHIND}")
}

fn instant(name: &str) -> Option<Time> {
    let digits = name.strip_prefix(BEFORE)?.strip_suffix(BEHIND)?;
    let part = |range: std::ops::Range<usize>| digits.get(range);
    let (date, time) = (part(0..8)?, part(9..15)?);
    if digits.len() != 16 || !digits.is_ascii() || !digits.ends_with('Z') {
        return None;
    }
    let (year, month, day) = (date.get(0..4)?, date.get(4..6)?, date.get(6..8)?);
    let (hour, minute, second) = (time.get(0..2)?, time.get(2..4)?, time.get(4..6)?);
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
}

/// Removes what earlier tries left half-way.
fn clear_parts(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = name.to_str().and_then(|name| name.strip_suffix(".part")).and_then(instant).is_some();
        if is_ours {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes all but the newest.
fn rotate(folder: &Path, keep: usize, now: Time) -> io::Result<()> {
    let files = files(folder, now);
    let many = files.len().saturating_sub(keep.max(1));
    files[..many].iter().try_for_each(|file| std::fs::remove_file(&file.path))
}

fn schedule(settings: &BackupSettings) -> Option<Cron> {
    Cron::parse(&format!("{} {} * * *", settings.at.minute(), settings.at.hour())).ok()
}

/// When one was due last.
fn last_due(settings: &BackupSettings, zone: &TimeZone, now: Time) -> Option<Time> {
    let schedule = schedule(settings)?;
    let (mut last, mut after) = (None, now.minus(Span::hours(50)));
    while let Some(next) = schedule.next(zone, after).filter(|next| next.at <= now) {
        (last, after) = (Some(next.at), next.at);
    }
    last
}

fn is_due(files: &[Kept], settings: &BackupSettings, zone: &TimeZone, now: Time) -> bool {
    let newest = files.iter().rev().map(|file| file.at).find(|at| *at <= now.plus(CLOCKS_DIFFER));
    newest.is_none_or(|newest| last_due(settings, zone, now).is_some_and(|due| newest < due))
}

/// The files that hold what is gone from the store now, and when the last of them will have made room for newer ones.
pub(super) async fn traces(core: &Shared) -> Option<TracesView> {
    let settings = match &core.daemon {
        Some(daemon) => daemon.nightly.borrow().clone()?,
        None => core.backup.clone()?,
    };
    let folder = settings.folder.clone();
    let now = core.clock.now();
    let files = tokio::task::spawn_blocking(move || files(&folder, now)).await.ok()?;
    let zone = core.world.load().zone.clone();
    let gone_at = (!files.is_empty()).then(|| last_rotated(&settings, &zone, core.clock.now())).flatten();
    Some(TracesView { folder: settings.folder.display().to_string(), files: files.len() as u64, gone_at })
}

/// When as many were made after that instant as are kept.
fn last_rotated(settings: &BackupSettings, zone: &TimeZone, now: Time) -> Option<Time> {
    let schedule = schedule(settings)?;
    (0..settings.keep.max(1)).try_fold(now, |after, _| schedule.next(zone, after).map(|next| next.at))
}

/// For `status`.
pub(super) async fn status(core: &Shared) -> Option<BackupStatus> {
    let daemon = core.daemon.as_ref()?;
    let settings = daemon.nightly.borrow().clone()?;
    let folder = settings.folder.clone();
    let now = core.clock.now();
    let files = tokio::task::spawn_blocking(move || files(&folder, now)).await.ok()?;
    tell(&files);
    let zone = core.world.load().zone.clone();
    let next = schedule(&settings).and_then(|schedule| schedule.next(&zone, core.clock.now()));
    let failed = daemon.backup_failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Some(BackupStatus {
        folder: settings.folder.display().to_string(),
        last: files.last().map(|file| file.at),
        bytes: files.last().map_or(0, |file| file.bytes),
        kept: files.len() as u64,
        next: next.map(|next| next.at),
        failed: failed.map(|(_, why)| why),
    })
}

#[cfg(test)]
mod tests {
    use super::{BackupSettings, Kept, clear_parts, files, instant, is_due, name, rotate};
    use crate::domain::Time;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn a_file_is_found_again_by_its_name_and_no_other_file_is_taken_for_one() {
        let at = time("2026-11-23T03:30:07Z");
        assert_eq!(name(Time(at.0 + 123)), "retaind-20261123T033007Z.backup");
        assert_eq!(instant("retaind-20261123T033007Z.backup"), Some(at));
        for other in ["retaind-20261123T033007Z.backup.part", "retaind-.backup", "retaind-20261323T033007Z.backup", "x"]
        {
            assert_eq!(instant(other), None, "{other}");
        }
    }

    #[test]
    fn one_is_due_when_none_is_as_new_as_the_last_time_on_the_clock_of_the_business() {
        let settings = BackupSettings { folder: "b".into(), at: jiff::civil::time(3, 30, 0, 0), keep: 2 };
        let zone = crate::calendar::zone("Africa/Nairobi").unwrap();
        let kept = |at: &str| vec![Kept { at: time(at), path: "p".into(), bytes: 1 }];
        let due = |files: &[Kept], now: &str| is_due(files, &settings, &zone, time(now));
        assert!(due(&[], "2026-11-23T12:00:00Z"));
        assert!(!due(&kept("2026-11-22T12:00:00Z"), "2026-11-23T00:29:59Z"));
        assert!(due(&kept("2026-11-22T12:00:00Z"), "2026-11-23T00:30:00Z"));
        assert!(!due(&kept("2026-11-23T00:30:00Z"), "2026-11-23T23:00:00Z"));
        assert!(due(&kept("2030-01-01T00:00:00Z"), "2026-11-23T23:00:00Z"), "a clock that went wrong");
        // In the night in which the clocks skip that hour, too.
        let berlin = crate::calendar::zone("Europe/Berlin").unwrap();
        let night = BackupSettings { at: jiff::civil::time(2, 30, 0, 0), ..settings };
        let before = kept("2026-03-28T01:30:00Z");
        assert!(is_due(&before, &night, &berlin, time("2026-03-29T03:00:00Z")));
    }

    #[test]
    fn the_last_of_todays_files_goes_when_as_many_newer_ones_are_made_as_are_kept() {
        let settings = BackupSettings { folder: "b".into(), at: jiff::civil::time(3, 30, 0, 0), keep: 7 };
        let zone = crate::calendar::zone("Africa/Nairobi").unwrap();
        let gone = super::last_rotated(&settings, &zone, time("2026-11-23T12:00:00Z"));
        assert_eq!(gone, Some(time("2026-11-30T00:30:00Z")));
    }

    #[test]
    fn the_newest_are_kept_and_what_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| std::fs::write(folder.path().join(name), "x").unwrap();
        for day in 10..15 {
            write(&format!("retaind-202611{day}T033000Z.backup"));
        }
        write("by-hand.backup");
        write("retaind-20261109T033000Z.backup.part");
        clear_parts(folder.path()).unwrap();
        rotate(folder.path(), 2, time("2026-11-24T00:00:00Z")).unwrap();
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["by-hand.backup", "retaind-20261113T033000Z.backup", "retaind-20261114T033000Z.backup"]);
        assert_eq!(files(folder.path(), time("2026-11-24T00:00:00Z")).len(), 2);
    }

    #[test]
    fn one_of_a_clock_that_went_wrong_is_neither_the_newest_nor_outlives_the_others() {
        let (folder, now) = (tempfile::tempdir().unwrap(), time("2026-11-24T00:00:00Z"));
        for day in ["20380119T031407Z", "20261122T033000Z", "20261123T033000Z"] {
            std::fs::write(folder.path().join(format!("retaind-{day}.backup")), "x").unwrap();
        }
        assert_eq!(files(folder.path(), now).last().unwrap().at, time("2026-11-23T03:30:00Z"));
        rotate(folder.path(), 2, now).unwrap();
        let left: Vec<Time> = files(folder.path(), now).iter().map(|file| file.at).collect();
        assert_eq!(left, [time("2026-11-22T03:30:00Z"), time("2026-11-23T03:30:00Z")]);
    }
}
