//! The clock, the time zones, and what the system lets the daemon have.

use super::Finding;
use crate::app::jumps;
use crate::calendar;
use crate::clock::{Clock, SystemClock};
use crate::config::Settings;
use crate::domain::Time;
use crate::http::{PublicLimits, Status};
use std::path::Path;

/// Connections of the administration, files of the store and of the rules, what libraries need.
const FILES_BESIDES: u64 = 128;
/// What an endpoint may have open at once.
const FILES_PER_ENDPOINT: u64 = 16;

pub(super) fn look(settings: &Settings, status: Option<&Status>) -> Vec<Finding> {
    let now = SystemClock.now();
    let running = status.filter(|status| status.running);
    // The running daemon writes its store all the time, and would have said so.
    let written = if running.is_some() { None } else { jumps::last_written(&settings.store.path) };
    let mut found = of_clock(now, written, is_synchronized());
    found.push(of_zone(settings, now));
    if let Some(pid) = running.and_then(|status| status.pid) {
        let process = Path::new("/proc").join(pid.to_string());
        let read = |name: &str| std::fs::read_to_string(process.join(name)).ok();
        found.extend(read("limits").and_then(|limits| most_files(&limits)).map(|most| of_files(most, settings)));
        // Only its user and root may read that.
        found.extend(std::fs::read(process.join("environ")).ok().and_then(|bytes| of_watchdog(&bytes)));
    }
    found
}

fn of_clock(now: Time, written: Option<Time>, synchronized: Option<bool>) -> Vec<Finding> {
    let help = "put the clock right (timedatectl set-ntp true): what is due, and what is remembered, goes by it";
    let doubts = jumps::doubts(now, written);
    if !doubts.is_empty() {
        return doubts
            .into_iter()
            .map(|doubt| Finding::error("clock", format!("it cannot be right: {doubt}"), help))
            .collect();
    }
    vec![match synchronized {
        Some(false) => Finding::warning("clock", format!("{now}; it is not kept right over the network"), help),
        Some(true) => Finding::ok("clock", format!("{now}, kept right over the network")),
        None => Finding::ok("clock", format!("{now}; whether it is kept right is not known here")),
    }]
}

/// What systemd knows of it; `None` where there is no systemd.
fn is_synchronized() -> Option<bool> {
    let asked =
        std::process::Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output();
    match String::from_utf8_lossy(&asked.ok()?.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn of_zone(settings: &Settings, now: Time) -> Finding {
    let zone = &settings.business.timezone;
    let minutes = calendar::offset(zone, now).0 / 60_000;
    let sign = if minutes < 0 { '-' } else { '+' };
    let name = zone.iana_name().unwrap_or("UTC");
    let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
    let what =
        format!("{name} is at UTC{sign}{hours:02}:{minutes:02} now, by the database that is part of this program");
    Finding::ok("timezone", what)
}

/// The soft limit, which is the one that counts.
fn most_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn of_files(most: u64, settings: &Settings) -> Finding {
    let mail = settings.email.as_ref().map_or(0, |email| u64::from(email.connections));
    let public = if settings.http.public.is_some() { PublicLimits::default().connections as u64 } else { 0 };
    let wanted = FILES_BESIDES + mail + public + FILES_PER_ENDPOINT * settings.endpoints.len() as u64;
    if most < wanted {
        let what =
            format!("the daemon may open {most} files, and may come to need {wanted}: connections would have to wait");
        return Finding::warning("limits", what, format!("LimitNOFILE={wanted} in the unit (systemctl edit retaind)"));
    }
    Finding::ok("limits", format!("the daemon may open {most} files, and needs at most {wanted}"))
}

/// What systemd told the daemon, where it started it.
fn of_watchdog(environment: &[u8]) -> Option<Finding> {
    let value = |name: &str| {
        let mut all = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        all.find_map(|one| one.strip_prefix(name).map(str::to_owned))
    };
    value("NOTIFY_SOCKET=")?;
    let Some(patience) = value("WATCHDOG_USEC=").and_then(|text| text.parse::<u64>().ok()) else {
        return Some(Finding::warning(
            "limits",
            "systemd does not watch over the daemon",
            "WatchdogSec=30 in the unit",
        ));
    };
    Some(Finding::ok("limits", format!("systemd starts the daemon anew if it hangs for {} s", patience / 1_000_000)))
}

#[cfg(test)]
mod tests {
    use super::{most_files, of_clock, of_watchdog};
    use crate::app::doctor::Level;
    use crate::domain::{Span, Time};

    #[test]
    fn a_clock_that_is_wrong_or_left_alone_is_told() {
        let now = Time(4_000_000_000_000);
        let level = |written, synchronized| of_clock(now, written, synchronized)[0].level;
        assert_eq!(level(None, Some(true)), Level::Ok);
        assert_eq!(level(None, None), Level::Ok);
        assert_eq!(level(None, Some(false)), Level::Warning);
        assert_eq!(level(Some(now.plus(Span::days(1))), Some(true)), Level::Error);
        assert_eq!(of_clock(Time(0), None, Some(true))[0].level, Level::Error, "1970");
    }

    #[test]
    fn what_the_system_grants_is_read() {
        assert_eq!(
            most_files("Max open files            1024                 524288               files\n"),
            Some(1024)
        );
        assert_eq!(of_watchdog(b"HOME=/\0"), None, "not started by systemd");
        assert_eq!(of_watchdog(b"NOTIFY_SOCKET=/x\0").unwrap().level, Level::Warning);
        let told = of_watchdog(b"WATCHDOG_USEC=30000000\0NOTIFY_SOCKET=/x\0").unwrap();
        assert_eq!((told.level, told.what.contains("30 s")), (Level::Ok, true));
    }
}
