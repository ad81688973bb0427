//! The daemon's socket, from outside.

use crate::http::{AdminAddress, Failure, FailureKind};
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, HeaderValue};
use axum::http::{Request, Response};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use secrecy::ExposeSecret;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// Whether a daemon is there. A socket that is there but closed to us is an error: its store is in use.
pub(super) async fn answers(address: &AdminAddress) -> Result<bool, Failure> {
    let connected = match address {
        AdminAddress::Unix(path) => UnixStream::connect(path).await.map(drop),
        AdminAddress::Tcp { address, .. } => TcpStream::connect(address).await.map(drop),
    };
    match connected {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(false),
        Err(error) => Err(unreachable(address, &error)),
    }
}

/// Sends one request on a connection of its own.
pub(super) async fn send(address: &AdminAddress, mut request: Request<Body>) -> Result<Response<Body>, Failure> {
    match address {
        AdminAddress::Unix(path) => {
            exchange(UnixStream::connect(path).await.map_err(|error| unreachable(address, &error))?, request).await
        }
        AdminAddress::Tcp { address: port, token } => {
            let bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
                .map_err(|error| Failure::from_error(FailureKind::Settings, &error))?;
            request.headers_mut().insert(AUTHORIZATION, bearer);
            exchange(TcpStream::connect(port).await.map_err(|error| unreachable(address, &error))?, request).await
        }
    }
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
