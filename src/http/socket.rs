//! Unix sockets at paths of any length.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;

/// The longest path that fits into a socket's address, without the zero behind it (`sun_path`, unix(7)).
const LONGEST: usize = 107;

/// A path to a socket that fits into an address. A longer one leads through its folder, which stays open meanwhile.
#[derive(Debug)]
pub(super) struct SocketPath {
    path: PathBuf,
    _folder: Option<File>,
}

impl SocketPath {
    /// Of the socket at `path`, whether or not it is there.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(Self { path: path.to_owned(), _folder: None });
        };
        if path.as_os_str().as_bytes().len() <= LONGEST {
            return Ok(Self { path: path.to_owned(), _folder: None });
        }
        let folder = File::open(folder)?;
        let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
        Ok(Self { path, _folder: Some(folder) })
    }

    /// To be used as long as this lives.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Connects to the socket at `path`, however long it is.
///
/// # Errors
/// What the system says; [`io::ErrorKind::NotFound`] when there is none, [`io::ErrorKind::ConnectionRefused`] when nobody
/// listens.
pub async fn connect_socket(path: &Path) -> io::Result<UnixStream> {
    let reachable = SocketPath::of(path)?;
    UnixStream::connect(reachable.path()).await
}
