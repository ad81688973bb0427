//! Where the administration listens: a unix socket of its owner, or loopback with a token.

use super::socket::{SocketPath, connect_socket};
use super::{Access, Operations, router};
use secrecy::SecretString;
use std::fs;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener, UnixSocket};
use tokio::sync::Notify;

/// How many connections wait for their turn at the socket.
const BACKLOG: u32 = 128;

/// Where a daemon's administration is found.
#[derive(Debug, Clone)]
pub enum AdminAddress {
    /// A unix socket; who may open the file may ask.
    Unix(PathBuf),
    /// A port on loopback; who has the token may ask.
    Tcp {
        /// The address.
        address: SocketAddr,
        /// The token.
        token: SecretString,
    },
}

impl std::fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tcp { address, .. } => address.fmt(f),
        }
    }
}

/// Why it cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another daemon answers there.
    #[error("another daemon answers on {0}")]
    InUse(PathBuf),
    /// The path is taken by something else, which is left alone.
    #[error("{0} is there and is not a socket; name another path in `http.admin`")]
    NotASocket(PathBuf),
    /// Only loopback may be listened on.
    #[error("{0} is not a loopback address; the administration listens on a unix socket or on 127.0.0.1 only")]
    NotLoopback(SocketAddr),
    /// The system refused.
    #[error("cannot listen on {address}")]
    Io {
        /// The address.
        address: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A bound listener. Dropping it removes the socket's file.
#[derive(Debug)]
pub struct AdminListener {
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Unix(UnixListener, SocketFile),
    Tcp(TcpListener, SecretString),
}

impl AdminListener {
    /// Listens at `address`. A socket file that nobody answers on is taken over.
    pub async fn bind(address: &AdminAddress) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Io { address: address.to_string(), source };
        let socket = match address {
            AdminAddress::Unix(path) => {
                remove_stale(path).await?;
                let (listener, file) = bind_unix(path).map_err(failed)?;
                Socket::Unix(listener, file)
            }
            AdminAddress::Tcp { address, .. } if !address.ip().is_loopback() => {
                return Err(ListenError::NotLoopback(*address));
            }
            AdminAddress::Tcp { address, token } => {
                Socket::Tcp(TcpListener::bind(address).await.map_err(failed)?, token.clone())
            }
        };
        Ok(Self { socket })
    }

    /// The port, where it listens on one.
    #[must_use]
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Unix(..) => None,
            Socket::Tcp(listener, _) => listener.local_addr().ok(),
        }
    }

    /// Answers until `stop` comes to an end, then finishes what it is answering, for at most `grace`.
    pub async fn serve(
        self,
        operations: Arc<dyn Operations>,
        stop: impl Future<Output = ()> + Send + 'static,
        grace: Duration,
    ) -> io::Result<()> {
        let stopping = Arc::new(Notify::new());
        let stopped = Arc::clone(&stopping);
        let stop = async move {
            stop.await;
            stopping.notify_one();
        };
        let overdue = async move {
            stopped.notified().await;
            tokio::time::sleep(grace).await;
        };
        match self.socket {
            Socket::Unix(listener, file) => {
                let serving = axum::serve(listener, router(operations, Access::Open)).with_graceful_shutdown(stop);
                let result = within(serving.into_future(), overdue).await;
                drop(file);
                result
            }
            Socket::Tcp(listener, token) => {
                let routes = router(operations, Access::Bearer(token));
                within(axum::serve(listener, routes).with_graceful_shutdown(stop).into_future(), overdue).await
            }
        }
    }
}

async fn within(serving: impl Future<Output = io::Result<()>>, overdue: impl Future<Output = ()>) -> io::Result<()> {
    tokio::select! {
        result = serving => result,
        () = overdue => {
            tracing::warn!("the administration was still answering when its time to stop was up");
            Ok(())
        }
    }
}

/// Binds with mode 0600 from the first instant: a socket takes connections only once it listens.
fn bind_unix(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let socket = UnixSocket::new_stream()?;
    let reachable = SocketPath::of(path)?;
    socket.bind(reachable.path())?;
    let metadata = fs::symlink_metadata(path)?;
    let file = SocketFile { path: path.to_owned(), device: metadata.dev(), inode: metadata.ino() };
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok((socket.listen(BACKLOG)?, file))
}

/// Removes a socket that was left behind; refuses what answers and what is no socket.
async fn remove_stale(path: &Path) -> Result<(), ListenError> {
    let failed = |source| ListenError::Io { address: path.display().to_string(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => return Err(ListenError::NotASocket(path.to_owned())),
        Ok(_) => {}
    }
    match connect_socket(path).await {
        Ok(_) => Err(ListenError::InUse(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// The file of a socket; removed with it, unless another has taken its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours =
            fs::symlink_metadata(&self.path).is_ok_and(|found| found.dev() == self.device && found.ino() == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the socket's file could not be removed");
        }
    }
}
