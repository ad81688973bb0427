//! A receiver of webhooks that keeps and verifies what it gets.

use super::{CatcherError, HookAct, HookFaults, Kept};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The largest body that is read.
const LARGEST: usize = 4 * 1024 * 1024;

/// A call that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaughtHook {
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`, in seconds since 1970; its age is not judged.
    pub timestamp: Option<i64>,
    /// Whether one of the signatures was right.
    pub verified: bool,
    /// The body.
    pub body: String,
    /// All headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Method, path and query.
    pub request: String,
}

impl CaughtHook {
    /// The value of a header, named in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A real HTTP/1.1 receiver. It answers 204 to what carries a right signature and 401 to the rest, unless a fault
/// strikes. Dropping it closes everything.
pub struct HookCatcher {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    key: Vec<u8>,
    faults: HookFaults,
    kept: Kept<CaughtHook>,
}

impl HookCatcher {
    /// Listens on the address (port 0: any that is free); `secret` is `whsec_` and base64.
    pub async fn start(address: SocketAddr, secret: &str, faults: HookFaults) -> Result<Self, CatcherError> {
        let key = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
        let key = key.ok_or(CatcherError::Secret)?;
        let failed = |source| CatcherError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared { key, faults, kept: Kept::new() });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { address, shared, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDRESS/hook`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The calls that are still kept (the latest 20,000 or 64 MiB), in the order of their arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<CaughtHook> {
        self.shared.kept.all()
    }

    /// How many calls came since the start.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.shared.kept.count()
    }

    /// Comes back when so many calls came since the start.
    pub async fn wait_for(&self, count: u64) {
        self.shared.kept.wait_for(count).await;
    }
}

impl Drop for HookCatcher {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

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

/// The fault that ends a connection instead of an answer.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("reset on demand")]
struct Reset;

type Body = UnsyncBoxBody<Bytes, Infallible>;

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    drop(stream.set_nodelay(true));
    let service = hyper::service::service_fn(move |request| Box::pin(handle(request, shared.clone())));
    let mut connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    if ended.is_err_and(|error| error.is_user()) {
        // Without lingering, closing sends RST instead of FIN.
        drop(connection.into_parts().io.into_inner().set_zero_linger());
    }
}

async fn handle(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Body>, Reset> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST).collect().await else {
        return Ok(answer(413, None, empty()));
    };
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut call = CaughtHook {
        id: parts.headers.get("webhook-id").map(text).unwrap_or_default(),
        timestamp: parts.headers.get("webhook-timestamp").and_then(|value| text(value).parse().ok()),
        verified: false,
        body,
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        request: format!("{} {}", parts.method, parts.uri),
    };
    call.verified = verify(&shared.key, &call);
    let usual = if call.verified { 204 } else { 401 };
    let act = shared.faults.at(&call.body).cloned();
    let size = call.body.len();
    shared.kept.push(call, size);
    match act {
        None => Ok(answer(usual, None, empty())),
        Some(act) => perform(act).await,
    }
}

/// Does what the fault says.
async fn perform(act: HookAct) -> Result<Response<Body>, Reset> {
    Ok(match act {
        HookAct::Status(status) => answer(status, None, empty()),
        HookAct::RetryAfter(status, wait) => answer(status, Some(("retry-after", &wait)), empty()),
        HookAct::Redirect(location) => answer(301, Some(("location", &location)), empty()),
        HookAct::Reset => return Err(Reset),
        HookAct::Stall => std::future::pending().await,
        HookAct::HugeBody(size) => answer(200, None, huge(size)),
        HookAct::EndlessBody => answer(200, None, endless()),
    })
}

fn answer(status: u16, header: Option<(&'static str, &str)>, body: Body) -> Response<Body> {
    let mut builder = Response::builder().status(status);
    if let Some((name, value)) = header {
        builder = builder.header(name, value);
    }
    // Only a fault that is no answer at all comes to the other arm.
    builder.body(body).unwrap_or_else(|_| Response::new(empty()))
}

fn empty() -> Body {
    Empty::new().boxed_unsync()
}

/// So many bytes, made as they are asked for.
fn huge(size: u64) -> Body {
    const PIECE: u64 = 64 * 1024;
    let pieces = futures_util::stream::unfold(size, |left| async move {
        let piece = left.min(PIECE);
        let bytes = Bytes::from(vec![b'k'; usize::try_from(piece).unwrap_or(0)]);
        (piece > 0).then(|| (Ok(Frame::data(bytes)), left - piece))
    });
    StreamBody::new(pieces).boxed_unsync()
}

/// One byte, and then silence.
fn endless() -> Body {
    let pieces = futures_util::stream::unfold(true, |first| async move {
        if !first {
            std::future::pending::<()>().await;
        }
        Some((Ok(Frame::data(Bytes::from_static(b"k"))), false))
    });
    StreamBody::new(pieces).boxed_unsync()
}

/// Whether one of the signatures is the HMAC-SHA256 of id, timestamp and body under the key. Compares in constant time.
fn verify(key: &[u8], call: &CaughtHook) -> bool {
    let Some(timestamp) = call.timestamp else { return false };
    let content = format!("{}.{timestamp}.{}", call.id, call.body);
    let signatures = call.header("webhook-signature").unwrap_or_default().split(' ');
    signatures.filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok()).any(|given| {
        Hmac::<Sha256>::new_from_slice(key)
            .is_ok_and(|mac| mac.chain_update(content.as_bytes()).verify_slice(&given).is_ok())
    })
}
