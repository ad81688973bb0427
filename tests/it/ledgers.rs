//! The daemon against sinks that write down each message before they accept it: the ledgers are the truth of what
//! arrived. `tests/faults/crash.sh` does the work, here without a kill.

use crate::project::skipped;
use std::path::Path;
use std::process::Command;

#[test]
fn every_delivery_of_the_independent_count_arrives_once_and_nothing_else_does() {
    if std::env::var_os("RETAIND_TOOLS").is_none() {
        skipped("ledgers of the sinks", "RETAIND_TOOLS, the folder of the sinks, is not set");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/crash.sh");
    let ran = Command::new("bash")
        .arg(script)
        .args(["--kills", "0", "--binary", env!("CARGO_BIN_EXE_retaind")])
        .output()
        .expect("bash runs");
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{said}");
    if let Some(why) = said.lines().find_map(|line| line.strip_prefix("skipped: ")) {
        skipped("ledgers of the sinks", why);
    }
}
