//! Other processes that a benchmark needs: receivers, and a daemon of its own.

use crate::scratch;
use anyhow::Context;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Postfix's mail server that throws everything away.
const SMTP_SINK: &str = "/usr/sbin/smtp-sink";
/// How long anything may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process that ends with the benchmark.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().and_then(|()| self.0.wait()).ok();
    }
}

/// `smtp-sink` on a free port, if it is installed.
pub(crate) fn smtp_sink() -> anyhow::Result<Option<(Process, u16)>> {
    if !Path::new(SMTP_SINK).exists() {
        return Ok(None);
    }
    let port = free_port()?;
    let mut command = Command::new(SMTP_SINK);
    if rustix::process::geteuid().is_root() {
        // It insists on giving up root's rights.
        command.args(["-u", "nobody"]);
    }
    let child = command.arg(format!("127.0.0.1:{port}")).arg("128").stdout(Stdio::null()).spawn()?;
    let process = Process(child);
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        anyhow::ensure!(begin.elapsed() < PATIENCE, "smtp-sink does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(Some((process, port)))
}

/// One that nobody listens on.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// This program as another process, in the part of a webhook receiver; and its port.
pub(crate) fn receiver() -> anyhow::Result<(Process, u16)> {
    let mut child = Command::new(std::env::current_exe()?).arg("--receiver").stdout(Stdio::piped()).spawn()?;
    let out = child.stdout.take().context("its output")?;
    let process = Process(child);
    let mut port = String::new();
    BufReader::new(out).read_line(&mut port)?;
    Ok((process, port.trim().parse()?))
}

/// A webhook receiver that says 200 to everything; never comes back.
pub(crate) fn receive() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let service = hyper::service::service_fn(accept);
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    })
}

async fn accept(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    // A body that breaks off is the benchmark's end.
    drop(request.into_body().collect().await);
    Ok(Response::new(Empty::new()))
}

/// The daemon of a project, in this process; never comes back before it is told to stop.
pub(crate) fn run_daemon(settings: &Path) -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::INFO).init();
    scratch::runtime()?.block_on(retaind::app::run(settings))
}
