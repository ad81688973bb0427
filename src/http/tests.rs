//! The administration over real sockets and in process.

use super::fake::Fake;
use super::*;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode, header};
use futures_util::stream;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use secrecy::SecretString;
use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::ServiceExt;

const GRACE: Duration = Duration::from_secs(10);

/// A listener at work; stopped by `stop`.
struct Served {
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn at(address: &AdminAddress, grace: Duration) -> (Self, Option<std::net::SocketAddr>) {
        let listener = AdminListener::bind(address).await.unwrap();
        let port = listener.tcp_address();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move { drop(stopped.await) };
        let task = tokio::spawn(listener.serve(Arc::new(Fake::default()), stopped, grace));
        (Self { stop, task }, port)
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

fn socket(folder: &tempfile::TempDir) -> (PathBuf, AdminAddress) {
    let path = folder.path().join("admin.sock");
    (path.clone(), AdminAddress::Unix(path))
}

fn request(method: &str, path: &str, json: Option<&str>) -> Request<Body> {
    let request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
    let request = request.header(header::HOST, "retaind");
    match json {
        Some(json) => request.header(header::CONTENT_TYPE, "application/json").body(json.to_owned().into()),
        None => request.body(Body::empty()),
    }
    .unwrap()
}

async fn over<S>(stream: S, request: Request<Body>) -> (StatusCode, Bytes)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    (response.status(), response.into_body().collect().await.unwrap().to_bytes())
}

async fn over_socket(path: &Path, request: Request<Body>) -> (StatusCode, Bytes) {
    over(UnixStream::connect(path).await.unwrap(), request).await
}

async fn in_process(request: Request<Body>) -> (StatusCode, Bytes) {
    let response = router(Arc::new(Fake::default()), Access::Open).oneshot(request).await.unwrap();
    (response.status(), response.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn the_socket_and_the_router_in_process_answer_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = socket(&folder);
    let (served, _) = Served::at(&address, GRACE).await;
    for (method, uri, json, status) in [
        ("GET", "/livez", None, 200),
        ("GET", "/readyz", None, 200),
        ("GET", "/metrics", None, 200),
        ("POST", "/v1/plan", Some(r#"{"at": "2026-11-22T10:00:00Z", "customers": true}"#), 200),
        ("POST", "/v1/schema/infer", None, 200),
        ("POST", "/v1/plan", Some(r#"{"rule": 5}"#), 400),
        ("POST", "/v1/plan", Some(r#"{"at": "yesterday"}"#), 400),
        ("POST", "/v1/plan", Some(r#"{"everyone": true}"#), 400),
        ("POST", "/v1/plan", None, 400),
        ("POST", "/v1/simulate", Some(r#"{"from": "2026-03-01", "to": "2026-03-31T10:00:00Z"}"#), 200),
        ("POST", "/v1/simulate", Some(r#"{"from": "2026-03-01"}"#), 400),
        ("POST", "/v1/simulate", Some(r#"{"from": "yesterday", "to": "2026-03-31"}"#), 400),
        ("POST", "/v1/emit", Some(r#"{"event": "Order Completed", "customer": "7"}"#), 200),
        ("POST", "/v1/emit", Some(r#"{"event": "Order Complete", "customer": "7"}"#), 404),
        ("POST", "/v1/emit", Some(r#"{"event": "Order Completed"}"#), 400),
        ("POST", "/v1/emit", Some(r#"{"event": "e", "customer": "7", "properties": {"a": 1}}"#), 400),
        ("POST", "/v1/emit/plan", Some(r#"{"event": "Order Completed", "customer": "7"}"#), 200),
        ("GET", "/v1/status", None, 200),
        ("POST", "/v1/reload", None, 422),
        ("GET", "/v1/customers?limit=3&after=5", None, 200),
        ("GET", "/v1/customers?limit=many", None, 400),
        ("GET", "/v1/customers/a%2Fb%20c", None, 200),
        ("GET", "/v1/customers/nobody", None, 404),
        ("GET", "/v1/deliveries?state=failed&rule=win-back", None, 200),
        ("GET", "/v1/deliveries?state=lost", None, 400),
        ("GET", "/v1/deliveries?after=1", None, 400),
        ("GET", "/v1/deliveries/01010101010101010101010101010101", None, 200),
        ("GET", "/v1/deliveries/01", None, 400),
        ("POST", "/v1/deliveries/retry", Some(r#"{"ids": ["01010101010101010101010101010101"]}"#), 200),
        ("POST", "/v1/deliveries/retry", Some(r#"{"filter": {"state": "failed"}}"#), 200),
        ("POST", "/v1/deliveries/cancel", Some("{}"), 400),
        ("GET", "/v1/suppressions", None, 200),
        ("POST", "/v1/suppressions", Some(r#"{"address": "zoe@example.com"}"#), 200),
        ("DELETE", "/v1/suppressions/zoe%2Ba%40example.com", None, 204),
        ("DELETE", "/v1/suppressions/nobody", None, 404),
        ("GET", "/v1/rules", None, 200),
        ("POST", "/v1/rules/win-back/pause", None, 200),
        ("POST", "/v1/rules/none/resume", None, 404),
        ("POST", "/v1/import/houses", None, 404),
        ("POST", "/v1/import/events?lively=true", None, 400),
        ("GET", "/v1/nothing", None, 404),
    ] {
        let remote = over_socket(&path, request(method, uri, json)).await;
        assert_eq!(remote.0.as_u16(), status, "{method} {uri}: {:?}", remote.1);
        assert_eq!(remote, in_process(request(method, uri, json)).await, "{method} {uri}");
        if status >= 400 {
            let answer: failure::Envelope = serde_json::from_slice(&remote.1).unwrap();
            assert!(!answer.error.message.is_empty(), "{method} {uri}");
        }
    }
    served.stop().await;
}

#[tokio::test]
async fn pausing_shows_in_status_and_readiness() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = socket(&folder);
    let (served, _) = Served::at(&address, GRACE).await;
    assert_eq!(over_socket(&path, request("POST", "/v1/pause", None)).await.0, 200);
    let (status, readiness) = over_socket(&path, request("GET", "/readyz", None)).await;
    assert_eq!(status, 503);
    assert_eq!(readiness, r#"{"ready":false,"reasons":["all sending is paused"]}"#);
    served.stop().await;
}

#[tokio::test]
async fn only_the_owner_can_open_the_socket_and_it_goes_with_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = socket(&folder);
    let (served, _) = Served::at(&address, GRACE).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    served.stop().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_left_behind_is_taken_over_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = socket(&folder);
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a plain listener leaves its file behind");
    let (served, _) = Served::at(&address, GRACE).await;
    assert!(matches!(AdminListener::bind(&address).await, Err(ListenError::InUse(_))));
    assert_eq!(over_socket(&path, request("GET", "/livez", None)).await.0, 200);
    served.stop().await;
}

#[tokio::test]
async fn a_socket_may_lie_deeper_than_an_address_of_the_system_is_long() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a".repeat(120));
    let path = deep.join("admin.sock");
    assert_eq!(connect_socket(&path).await.unwrap_err().kind(), std::io::ErrorKind::NotFound);
    std::fs::create_dir(&deep).unwrap();
    let address = AdminAddress::Unix(path.clone());
    let (served, _) = Served::at(&address, GRACE).await;
    assert_eq!(over(connect_socket(&path).await.unwrap(), request("GET", "/livez", None)).await.0, 200);
    assert!(matches!(AdminListener::bind(&address).await, Err(ListenError::InUse(_))));
    served.stop().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = socket(&folder);
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(AdminListener::bind(&address).await, Err(ListenError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn a_socket_that_another_put_in_our_place_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = socket(&folder);
    let (served, _) = Served::at(&address, GRACE).await;
    std::fs::remove_file(&path).unwrap();
    let other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    served.stop().await;
    assert!(path.exists());
    drop(other);
}

#[tokio::test]
async fn a_port_answers_only_who_has_the_token() {
    let token = SecretString::from("s3cret");
    let address = AdminAddress::Tcp { address: "127.0.0.1:0".parse().unwrap(), token };
    let (served, port) = Served::at(&address, GRACE).await;
    for (path, authorization, status) in [
        ("/v1/status", None, 401),
        ("/v1/status", Some("Bearer s3cre"), 401),
        ("/v1/status", Some("Bearer s3crett"), 401),
        ("/v1/status", Some("Basic s3cret"), 401),
        ("/v1/nothing", None, 401),
        ("/metrics", None, 401),
        ("/v1/status", Some("Bearer s3cret"), 200),
        ("/livez", None, 200),
        ("/readyz", None, 200),
    ] {
        let mut request = request("GET", path, None);
        if let Some(authorization) = authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization.parse().unwrap());
        }
        let stream = TcpStream::connect(port.unwrap()).await.unwrap();
        assert_eq!(over(stream, request).await.0, status, "{path} {authorization:?}");
    }
    served.stop().await;
}

#[tokio::test]
async fn no_port_but_loopback_is_listened_on() {
    let address = AdminAddress::Tcp { address: "0.0.0.0:0".parse().unwrap(), token: "x".into() };
    assert!(matches!(AdminListener::bind(&address).await, Err(ListenError::NotLoopback(_))));
}

#[tokio::test]
async fn a_question_without_end_is_refused() {
    let long = format!(r#"{{"rule": "{}"}}"#, "x".repeat(2 * 1024 * 1024));
    let (status, answer) = in_process(request("POST", "/v1/emit", Some(&long))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(std::str::from_utf8(&answer).unwrap().contains("too_large"));
    // With a plan a folder of rules may come.
    assert_eq!(in_process(request("POST", "/v1/plan", Some(&long))).await.0, StatusCode::OK);
    let long = format!(r#"{{"rule": "{}"}}"#, "x".repeat(65 * 1024 * 1024));
    assert_eq!(in_process(request("POST", "/v1/plan", Some(&long))).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_list_is_no_question() {
    for path in ["/v1/deliveries/retry", "/v1/deliveries/cancel", "/v1/plan", "/v1/simulate", "/v1/suppressions"] {
        for list in ["[]", "[[]]", r#"["ana@customers.example", null]"#] {
            let (status, answer) = in_process(request("POST", path, Some(list))).await;
            let answer = std::str::from_utf8(&answer).unwrap();
            assert!(status.is_client_error() && answer.contains("an object"), "{path} {list}: {status} {answer}");
        }
    }
}

/// `chunks` chunks of 1,000 rows, of which the first of each is refused.
fn rows(chunks: usize) -> Body {
    let chunk = Bytes::from(format!("bad\n{}", "a row that is stored, of some length\n".repeat(999)));
    Body::from_stream(stream::iter(std::iter::repeat_n(chunk, chunks).map(Ok::<_, Infallible>)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_streams_both_ways_and_ends_in_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = socket(&folder);
    let (served, _) = Served::at(&address, GRACE).await;
    let mut import = request("POST", "/v1/import/customers", None);
    *import.body_mut() = rows(500);
    let (status, answer) = over_socket(&path, import).await;
    assert_eq!(status, 200);
    let lines: Vec<ImportLine> = answer
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let refused = lines.iter().filter(|line| matches!(line, ImportLine::Refused(_))).count();
    let progress = lines.iter().filter(|line| matches!(line, ImportLine::Progress(_))).count();
    assert_eq!((refused, progress), (500, 500));
    let report = ImportReport { rows: 500_000, stored: 499_500, duplicates: 0, refused: 500 };
    assert_eq!(lines.last(), Some(&ImportLine::Report(report)));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_fails_half_way_says_so_in_its_last_line() {
    let mut import = request("POST", "/v1/import/events?live=true", None);
    *import.body_mut() = Body::from("good\nbad\nfail\ngood\n");
    let (status, answer) = in_process(import).await;
    assert_eq!(status, 200, "it had begun");
    let last = answer.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap();
    let failure = Failure::new(FailureKind::Store, "the disk is full");
    assert_eq!(serde_json::from_slice::<ImportLine>(last).unwrap(), ImportLine::Error(failure));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_ends_when_its_client_goes_away() {
    let (sink, lines) = ImportSink::channel();
    drop(lines);
    let body = "bad\n".repeat(10_000);
    let fake = Fake::default();
    let failed = fake.import(
        ImportRequest { kind: ImportKind::Customers, ignore_unknown: false, live: false, file: None },
        Box::pin(std::io::Cursor::new(body)),
        sink,
    );
    assert_eq!(failed.await.unwrap_err(), Failure::from(Gone));
}

#[tokio::test]
async fn stopping_waits_for_answers_under_way_but_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = socket(&folder);
    let (served, _) = Served::at(&address, Duration::from_millis(50)).await;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(UnixStream::connect(&path).await.unwrap())).await.unwrap();
    tokio::spawn(connection);
    let hanging = tokio::spawn(sender.send_request(request("POST", "/v1/plan", Some(r#"{"rule": "hang"}"#))));
    // An answer on another connection shows that the listener came past the first one.
    assert_eq!(over_socket(&path, request("GET", "/livez", None)).await.0, 200);
    served.stop().await;
    assert!(!path.exists());
    assert!(!hanging.is_finished());
}

#[tokio::test]
async fn every_answer_names_its_call() {
    for (path, access) in [("/v1/status", Access::Open), ("/nowhere", Access::Open), ("/v1/status", guarded())] {
        let response = router(Arc::new(Fake::default()), access).oneshot(request("GET", path, None)).await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap();
        assert!(id.len() == 16, "{path}: {id}");
    }
    let mut named = request("GET", "/v1/status", None);
    named.headers_mut().insert("x-request-id", "from-the-proxy".parse().unwrap());
    let response = router(Arc::new(Fake::default()), Access::Open).oneshot(named).await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "from-the-proxy");
}

fn guarded() -> Access {
    Access::Bearer(SecretString::from("a token that nobody sent"))
}
