//! A project folder of its own for each test, and the built binary run in it.

use crate::world::LIMIT;
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Says on the terminal that a test had nothing to run on. The test program's own capture of output is passed by.
pub(crate) fn skipped(test: &str, why: &str) {
    writeln!(std::io::stderr(), "skipped: {test}: {why}").expect("standard error takes a line");
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The exit code must be this one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "standard output:\n{}\nstandard error:\n{}", self.out, self.err);
        self
    }

    /// Standard output is JSON and nothing else.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in:\n{}\n{}", self.out, self.err))
    }
}

/// A project folder.
#[derive(Debug)]
pub(crate) struct Project {
    dir: TempDir,
}

impl Project {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file of it, with the folders above.
    pub(crate) fn write(&self, file: &str, text: &str) -> &Self {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
        self
    }

    /// Removes a file of it.
    pub(crate) fn remove(&self, file: &str) {
        std::fs::remove_file(self.path().join(file)).expect("a file can be removed");
    }

    /// Runs a command to its end.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let mut child = self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let out = in_background(child.stdout.take().expect("it is piped"));
        let err = in_background(child.stderr.take().expect("it is piped"));
        let status = ended(&mut child, 2 * LIMIT, &args.join(" "));
        let text = |thread: std::thread::JoinHandle<String>| thread.join().expect("the pipe was read");
        Ran { code: status.code(), out: text(out), err: text(err) }
    }

    /// What a line typed into a shell prints, on both outputs; `retaind` is the built program. However it ends.
    pub(crate) fn shell(&self, line: &str) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_retaind")).parent().expect("a program lies in a folder");
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command.args(["-c", &format!("exec 2>&1\n{line}")]).current_dir(self.path()).env("PATH", path);
        command.env_remove("RETAIND_CONFIG").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("bash starts");
        let out = in_background(child.stdout.take().expect("it is piped"));
        ended(&mut child, 4 * LIMIT, line);
        out.join().expect("the pipe was read")
    }

    /// Runs a command that prints JSON and must succeed.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--format", "json"]].concat()).exits(0).json()
    }

    /// Asks again and again until the answer passes `test`.
    #[track_caller]
    pub(crate) fn json_until(&self, args: &[&str], test: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + LIMIT;
        loop {
            let answer = self.json(args);
            if test(&answer) {
                return answer;
            }
            assert!(Instant::now() < end, "`{}` still answers {answer:#}", args.join(" "));
        }
    }

    /// Starts the daemon and waits until it says that it is ready.
    #[track_caller]
    pub(crate) fn start(&self) -> Daemon {
        self.start_as(self.command(&["run"]))
    }

    /// As [`Self::start`], by a command that becomes the daemon in the end.
    #[track_caller]
    pub(crate) fn start_as(&self, mut command: Command) -> Daemon {
        let path = self.path().join("notify");
        // A second start in the same folder finds the first one's socket file; the first start finds none.
        std::fs::remove_file(&path).ok();
        let notices = UnixDatagram::bind(&path).expect("a socket in the project's folder");
        let log = self.path().join("daemon.log");
        let file = std::fs::File::options().create(true).append(true).open(&log).expect("a log file");
        command.env("NOTIFY_SOCKET", &path).stdout(Stdio::null()).stderr(file);
        let mut daemon = Daemon { child: command.spawn().expect("it starts"), notices: heard(notices), log };
        daemon.wait_for("READY=1");
        daemon
    }

    /// The program with those arguments in the project's folder.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_retaind"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        command.env_remove("RETAIND_CONFIG").env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC");
        command
    }
}

/// A running daemon; killed if the test ends without stopping it.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    notices: Receiver<String>,
    log: PathBuf,
}

impl Daemon {
    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of the notify protocol, such as `READY=1`. Lines before it are passed over.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, line: &str) {
        let end = Instant::now() + LIMIT;
        while Instant::now() < end {
            let said = self.notices.recv_timeout(Duration::from_millis(200)).unwrap_or_default();
            if said.lines().any(|one| one == line) {
                return;
            }
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                panic!("the daemon ended with {status} before it said {line}:\n{}", self.log());
            }
        }
        panic!("the daemon did not say {line} within {LIMIT:?}:\n{}", self.log());
    }

    /// Sends it a signal by name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(status.expect("kill can be run").success(), "the daemon is gone:\n{}", self.log());
    }

    /// Asks it to end and waits; it must drain and answer 0.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        self.drained();
    }

    /// Waits for its end, which must be a good one.
    #[track_caller]
    pub(crate) fn drained(&mut self) {
        let status = ended(&mut self.child, LIMIT, "run");
        assert_eq!(status.code(), Some(0), "{}", self.log());
    }

    /// What it wrote to standard error.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended long ago.
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

/// Reads the socket all the time: one that nobody reads fills up, and the daemon would wait.
fn heard(notices: UnixDatagram) -> Receiver<String> {
    let (sender, receiver) = sync_channel(100_000);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length) = notices.recv(&mut buffer) {
            // Nobody is left to hear it when the test is over.
            if sender.send(String::from_utf8_lossy(&buffer[..length]).into_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn in_background(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8(bytes).expect("output is UTF-8")
    })
}

#[track_caller]
fn ended(child: &mut Child, limit: Duration, what: &str) -> ExitStatus {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("it can be asked") {
            return status;
        }
        if Instant::now() > end {
            child.kill().expect("it can be killed");
            panic!("`{what}` did not end within {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
