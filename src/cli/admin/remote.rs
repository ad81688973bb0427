//! The daemon's socket, from outside.

use crate::http::{AdminAddress, Failure, FailureKind, connect_socket};
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, HOST, HeaderValue};
use axum::http::{Method, Request, Response};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use secrecy::ExposeSecret;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// How long a connection, and the first byte of an answer that needs no work, may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a daemon is there and alive. A socket that is there but closed to us is an error: its store is in use.
pub(super) async fn answers(address: &AdminAddress, patience: Duration) -> Result<bool, Failure> {
    let connected = match address {
        AdminAddress::Unix(path) => in_time(address, patience, connect_socket(path)).await?.map(drop),
        AdminAddress::Tcp { address: port, .. } => {
            in_time(address, patience, TcpStream::connect(port)).await?.map(drop)
        }
    };
    match connected {
        Ok(()) => {
            let request = Request::get("/livez").header(HOST, "retaind").body(Body::empty());
            send(address, patience, request.map_err(|error| Failure::from_error(FailureKind::Internal, &error))?)
                .await?;
            Ok(true)
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(false),
        Err(error) => Err(unreachable(address, &error)),
    }
}

/// Sends one request on a connection of its own. What only reads is answered in time; what acts, and a plan or an import,
/// takes as long as its work does, by a daemon that has just shown that it is alive.
pub(super) async fn send(
    address: &AdminAddress,
    patience: Duration,
    request: Request<Body>,
) -> Result<Response<Body>, Failure> {
    let reads = request.method() == Method::GET;
    let answer = connected(address, patience, request);
    if reads { in_time(address, patience, answer).await? } else { answer.await }
}

async fn connected(
    address: &AdminAddress,
    patience: Duration,
    mut request: Request<Body>,
) -> Result<Response<Body>, Failure> {
    let cannot = |error: io::Error| unreachable(address, &error);
    match address {
        AdminAddress::Unix(path) => {
            exchange(in_time(address, patience, connect_socket(path)).await?.map_err(cannot)?, request).await
        }
        AdminAddress::Tcp { address: port, token } => {
            let bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
                .map_err(|error| Failure::from_error(FailureKind::Settings, &error))?;
            request.headers_mut().insert(AUTHORIZATION, bearer);
            exchange(in_time(address, patience, TcpStream::connect(port)).await?.map_err(cannot)?, request).await
        }
    }
}

/// What comes of it within the patience that there is.
async fn in_time<T>(address: &AdminAddress, patience: Duration, work: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(patience, work).await.map_err(|_| {
        let message = format!(
            "the daemon on {address} does not answer within {} s; it may hang or be stopping",
            patience.as_secs()
        );
        Failure::new(FailureKind::Unavailable, message)
    })
}

async fn exchange<S>(stream: S, request: Request<Body>) -> Result<Response<Body>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let gone = |error: hyper::Error| {
        Failure::new(FailureKind::Unavailable, "the daemon closed the connection").because(&error)
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(gone)?;
    tokio::spawn(async move {
        // What goes wrong with the connection, the request or its answer tells too.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to the daemon ended");
        }
    });
    Ok(sender.send_request(request).await.map_err(gone)?.map(Body::new))
}

fn unreachable(address: &AdminAddress, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => "; the command must run as the daemon's user",
        _ => "",
    };
    Failure::new(FailureKind::Unavailable, format!("cannot reach the daemon on {address}{advice}")).because(error)
}

#[cfg(test)]
mod tests {
    use super::{answers, send};
    use crate::http::AdminAddress;
    use axum::body::Body;
    use axum::http::Request;
    use std::time::Duration;
    use tokio::net::{TcpListener, UnixListener};

    const SHORT: Duration = Duration::from_millis(30);

    #[tokio::test]
    async fn a_daemon_that_hangs_is_not_waited_for_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        // The system takes connections for one who never asks for them.
        let listener = UnixListener::bind(&path).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = AdminAddress::Tcp { address: port.local_addr().unwrap(), token: "t".to_owned().into() };
        for address in [AdminAddress::Unix(path.clone()), tcp] {
            let refused = answers(&address, SHORT).await.unwrap_err();
            assert!(refused.message.ends_with("it may hang or be stopping"), "{refused}");
            let request = Request::get("/v1/status").body(Body::empty()).unwrap();
            let refused = send(&address, SHORT, request).await.unwrap_err();
            assert!(refused.message.starts_with(&format!("the daemon on {address} does not answer")), "{refused}");
        }
        drop(listener);
        assert!(!answers(&AdminAddress::Unix(path), SHORT).await.unwrap());
    }
}
