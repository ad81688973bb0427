//! The public listener: connections, bounded in number and in how long they may say nothing.

use super::Senders;
use super::intake::Intake;
use super::routes::{PublicLimits, public_router};
use super::senders::Peer;
use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

/// How long nothing is accepted after that failed, as it does when there are no more file handles.
const PAUSE: Duration = Duration::from_millis(100);
/// As long as it fails, that is said so often.
const SAY_EVERY: Duration = Duration::from_mins(1);
/// The most headers of a request, and the most bytes of its head.
const HEADERS: usize = 64;
const HEAD: usize = 64 << 10;
/// What a head that stops half-way gets.
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\n\
content-length: 73\r\n\r\n{\"error\":{\"kind\":\"too_slow\",\"message\":\"the head did not arrive in time\"}}";

/// Why the public listener cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (`http.public`)")]
pub struct PublicListenError {
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// A bound listener.
#[derive(Debug)]
pub struct PublicListener(TcpListener);

impl PublicListener {
    /// Listens at `address`; nothing is answered before [`PublicListener::serve`].
    pub async fn bind(address: SocketAddr) -> Result<Self, PublicListenError> {
        TcpListener::bind(address).await.map(Self).map_err(|source| PublicListenError { address, source })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answers until `stop` comes to an end. Then nothing more is accepted, and what is under way has `grace` to end.
    pub async fn serve(
        self,
        (intake, senders): (Arc<dyn Intake>, Arc<Senders>),
        limits: PublicLimits,
        stop: impl Future<Output = ()> + Send,
        grace: Duration,
    ) {
        let places = Arc::new(Semaphore::new(limits.connections));
        let (stopping, stopped) = watch::channel(false);
        let connections =
            Connections { head: limits.head, stopped, router: public_router(intake, senders, limits.clone()) };
        let mut stop = std::pin::pin!(stop);
        let mut said: Option<Instant> = None;
        loop {
            let accepted = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, self.0.accept().await)
            };
            tokio::select! {
                () = &mut stop => break,
                (place, accepted) = accepted => match accepted {
                    Ok((stream, peer)) => {
                        let connection = connections.clone().serve(stream, peer.ip());
                        tokio::spawn(async move {
                            let _place = place;
                            connection.await;
                        });
                    }
                    Err(error) => {
                        if said.is_none_or(|at| at.elapsed() > SAY_EVERY) {
                            said = Some(Instant::now());
                            tracing::warn!(%error, "connections cannot be accepted; those that wait are, once that passes");
                        }
                        sleep(PAUSE).await;
                    }
                },
            }
        }
        drop(self.0);
        stopping.send_replace(true);
        let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
        if timeout(grace, places.acquire_many(all)).await.is_err() {
            tracing::warn!("calls were still being answered when their time to end was up");
        }
    }
}

/// What each connection needs.
#[derive(Clone)]
struct Connections {
    router: Router,
    head: Duration,
    stopped: watch::Receiver<bool>,
}

impl Connections {
    async fn serve(mut self, stream: TcpStream, peer: IpAddr) {
        // Answers are short and whole: there is nothing to wait for.
        stream.set_nodelay(true).ok();
        let router = self.router;
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            Box::pin(router.clone().oneshot(request.map(Body::new)))
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head)
            .max_headers(HEADERS)
            .max_buf_size(HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let mut is_stopping = false;
        let served = loop {
            tokio::select! {
                served = poll_fn(|context| connection.poll_without_shutdown(context)) => break served,
                _ = self.stopped.wait_for(|stopped| *stopped), if !is_stopping => {
                    is_stopping = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
            }
        };
        let parts = connection.into_parts();
        let mut stream = parts.io.into_inner();
        let is_too_slow = served.is_err_and(|error| error.is_timeout());
        if is_too_slow && !parts.read_buf.is_empty() {
            stream.write_all(TOO_SLOW).await.ok();
        }
        // Whoever is at the other end may be gone already.
        stream.shutdown().await.ok();
    }
}
