//! Many saves and many signals at once.

use super::{Shop, assert_once, note, resident};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

#[test]
fn a_thousand_saves_in_a_row_end_in_few_reloads_and_the_last_content() {
    let shop = Shop::new();
    let daemon = shop.project.start();
    let start = Instant::now();
    for version in 2..=1001 {
        shop.project.write("rules/note.yaml", &note(version));
    }
    let saving = start.elapsed();
    shop.takes(1001);
    let reloads = shop.metric("retaind_reloads_total{result=\"ok\"}").unwrap_or(0.0)
        + shop.metric("retaind_reloads_total{result=\"refused\"}").unwrap_or(0.0);
    // Saves that go on are taken in every two seconds, and once when they are over.
    assert!(reloads <= 2.0 + saving.as_secs_f64(), "{reloads} reloads in {saving:?}");
    daemon.stop();
    assert_once(&shop.receiver.all());
}

#[test]
fn a_file_that_comes_and_goes_while_it_is_read_does_nothing() {
    let shop = Shop::new();
    let daemon = shop.project.start();
    let rules = shop.rules();
    let (file, is_over) = (shop.project.path().join("rules/flicker.yaml"), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                fs::write(&file, "rule: [").expect("it can be written");
                fs::remove_file(&file).expect("it can be removed");
            }
        });
        // It is read while it comes and goes, in either way of reading.
        for _ in 0..20 {
            let ran = shop.project.run(&["reload"]);
            assert!(matches!(ran.code, Some(0 | 65)), "{ran:?}");
        }
        is_over.store(true, Ordering::SeqCst);
    });
    shop.status(|status| status["last_reload"]["ok"] == true);
    assert_eq!(shop.rules(), rules);
    daemon.stop();
}

#[test]
fn a_thousand_signals_while_files_are_saved_lose_and_double_nothing() {
    let shop = Shop::new();
    let mut daemon = shop.project.start();
    shop.receiver.wait(1);
    let before = resident(&daemon);
    let pid = rustix::process::Pid::from_raw(daemon.pid().try_into().expect("a pid")).expect("a pid");
    for version in 2..=1001 {
        shop.project.write("rules/note.yaml", &note(version));
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).expect("it runs");
    }
    shop.takes(1001);
    daemon.signal("HUP");
    daemon.wait_for("RELOADING=1");
    daemon.wait_for("READY=1");
    // It goes on: a call of the last version comes after all of it.
    let last = shop.receiver.all().len();
    shop.status(|_| shop.receiver.all()[last..].iter().any(|hook| hook.body["data"]["version"] == "1001"));
    let after = resident(&daemon);
    assert!(after < before + 100, "{before} MB, then {after} MB");
    daemon.stop();
    let hooks = shop.receiver.all();
    assert_once(&hooks);
    // Each customer hears every second: none fell out.
    let of = |id: char| hooks.iter().filter(|hook| hook.customer() == id.to_string()).count();
    let (fewest, most) = (('a'..='t').map(of).min().unwrap_or(0), ('a'..='t').map(of).max().unwrap_or(0));
    assert!(fewest > 0 && most - fewest <= 2, "between {fewest} and {most} calls");
}
