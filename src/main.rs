//! `retaind`, the program.

use std::process::ExitCode;

fn main() -> ExitCode {
    retaind::cli::run(std::env::args_os(), &retaind::cli::Live)
}
