//! A mail server that keeps what it gets.

use super::{CatcherError, Kept, MailFaults, smtp};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// A mail that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaughtMail {
    /// Its Message-ID, angle brackets included; empty when it had none.
    pub message_id: String,
    /// Its subject as it stood in the header, unfolded.
    pub subject: String,
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// Whether the envelope asked for SMTPUTF8.
    pub smtputf8: bool,
    /// The whole message as it came, dots unstuffed; empty when it went into a file.
    pub message: Arc<[u8]>,
    /// The file it went into.
    pub file: Option<PathBuf>,
}

/// A real, small SMTP server. It speaks EHLO, HELO, MAIL, RCPT, DATA, RSET, NOOP and QUIT, and offers SIZE, 8BITMIME and
/// SMTPUTF8. Dropping it closes everything.
pub struct MailCatcher {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What the sessions of one server share.
pub(super) struct Shared {
    pub(super) faults: MailFaults,
    kept: Kept<CaughtMail>,
    folder: Option<PathBuf>,
    connections: AtomicU64,
    open: watch::Sender<u64>,
    most_open: AtomicU64,
}

impl MailCatcher {
    /// Listens on the address (port 0: any that is free) and keeps mails in memory, the latest 20,000 or 64 MiB.
    pub async fn start(address: SocketAddr, faults: MailFaults) -> Result<Self, CatcherError> {
        Self::listen(address, faults, None).await
    }

    /// The same, but each mail goes into the folder as `NUMBER.eml`.
    pub async fn start_in(folder: &Path, address: SocketAddr, faults: MailFaults) -> Result<Self, CatcherError> {
        let path = folder.to_owned();
        tokio::fs::create_dir_all(&path).await.map_err(|source| CatcherError::Folder { path: path.clone(), source })?;
        Self::listen(address, faults, Some(path)).await
    }

    async fn listen(address: SocketAddr, faults: MailFaults, folder: Option<PathBuf>) -> Result<Self, CatcherError> {
        let failed = |source| CatcherError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            faults,
            kept: Kept::new(),
            folder,
            connections: AtomicU64::new(0),
            open: watch::Sender::new(0),
            most_open: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { address, shared, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The mails that are still kept, in the order of their arrival.
    #[must_use]
    pub fn mails(&self) -> Vec<CaughtMail> {
        self.shared.kept.all()
    }

    /// How many were accepted since the start.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.shared.kept.count()
    }

    /// Comes back when so many were accepted since the start.
    pub async fn wait_for(&self, count: u64) {
        self.shared.kept.wait_for(count).await;
    }

    /// How many connections were made since the start.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> u64 {
        *self.shared.open.borrow()
    }

    /// Comes back when so many connections are open.
    pub async fn wait_for_open(&self, connections: u64) {
        let mut open = self.shared.open.subscribe();
        // The sender lives as long as `self`, so this ends by the count alone.
        drop(open.wait_for(|open| *open == connections).await);
    }

    /// The most that were open at one time.
    #[must_use]
    pub fn most_open_connections(&self) -> u64 {
        self.shared.most_open.load(Ordering::SeqCst)
    }
}

impl Drop for MailCatcher {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Accepts until it is stopped; the sessions end with it.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { sessions.spawn(serve(stream, shared.clone())); }
                // Out of descriptors, most likely: others must close first.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            },
            Some(_) = sessions.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    shared.connections.fetch_add(1, Ordering::SeqCst);
    let open = Open::new(&shared);
    // A client that goes away in the middle is no concern of a catcher.
    drop(stream.set_nodelay(true));
    drop(smtp::serve(stream, &shared).await);
    drop(open);
}

/// Counts a connection as open while it lives.
struct Open<'a>(&'a Shared);

impl<'a> Open<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.open.send_modify(|open| {
            *open += 1;
            shared.most_open.fetch_max(*open, Ordering::SeqCst);
        });
        Self(shared)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

impl Shared {
    /// Keeps a mail, in the folder or in memory.
    pub(super) async fn record(&self, mut mail: CaughtMail) -> io::Result<()> {
        let size = mail.message.len();
        let Some(folder) = &self.folder else {
            self.kept.push(mail, size);
            return Ok(());
        };
        let file = folder.join(format!("{:06}.eml", self.kept.next_number()));
        tokio::fs::write(&file, &mail.message).await?;
        mail.message = Arc::from([]);
        mail.file = Some(file);
        self.kept.push(mail, 0);
        Ok(())
    }
}
