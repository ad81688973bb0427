//! The program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    retaind::channels::install_crypto();
    retaind::cli::run(std::env::args_os(), &retaind::cli::Program)
}
