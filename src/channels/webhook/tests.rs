//! Webhooks on real sockets, against the catcher.

use super::{Endpoint, EndpointSettings, Lookup, Poster, PosterSettings, WebhookError};
use crate::catcher::{HookAct, HookCatcher, HookFaults, When};
use crate::domain::{DeliveryId, Outcome, Span, Time};
use async_trait::async_trait;
use ipnet::IpNet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const BODY: &str = r#"{"type":"customer.at_risk","data":{"name":"Đurđa"}}"#;
const ID: DeliveryId = DeliveryId([0xab; 16]);

fn anywhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn now() -> Time {
    "2026-11-22T10:00:00.900Z".parse().unwrap()
}

fn settings(url: impl Into<String>) -> EndpointSettings {
    EndpointSettings {
        url: url.into(),
        secrets: vec![SECRET.into()],
        allow_http: true,
        allow_addresses: vec!["127.0.0.0/8".parse().unwrap()],
    }
}

fn endpoint(url: impl Into<String>) -> Endpoint {
    Endpoint::new(&settings(url)).unwrap()
}

async fn catcher(faults: HookFaults) -> HookCatcher {
    HookCatcher::start(anywhere(), SECRET, faults).await.unwrap()
}

fn poster() -> Poster {
    Poster::new(PosterSettings::default()).unwrap()
}

/// One attempt against a catcher with one fault.
async fn outcome_of(act: HookAct) -> Outcome {
    let catcher = catcher(HookFaults::none().with(When::Always, act)).await;
    let outcome = poster().post(&endpoint(catcher.url()), ID, BODY, now()).await;
    assert_eq!(catcher.count(), 1);
    outcome
}

fn is_transient(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Transient { retry_after: None, .. })
}

fn detail(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Accepted { detail }
        | Outcome::Transient { detail, .. }
        | Outcome::Permanent { detail, .. }
        | Outcome::Uncertain { detail } => detail,
    }
}

#[tokio::test]
async fn a_call_arrives_signed_with_all_its_headers() {
    let catcher = catcher(HookFaults::none()).await;
    let outcome = poster().post(&endpoint(catcher.url()), ID, BODY, now()).await;
    assert_eq!(outcome, Outcome::Accepted { detail: "HTTP 204".into() });
    let [call] = <[_; 1]>::try_from(catcher.calls()).unwrap();
    assert!(call.verified);
    assert_eq!((call.id.as_str(), call.timestamp), ("abababababababababababababababab", Some(1_795_341_600)));
    assert_eq!((call.body.as_str(), call.request.as_str()), (BODY, "POST /hook"));
    assert_eq!(call.header("content-type"), Some("application/json"));
    assert_eq!(call.header("idempotency-key"), Some(call.id.as_str()));
    assert_eq!(call.header("user-agent"), Some(concat!("retaind/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(call.header("content-length"), Some(BODY.len().to_string().as_str()));
}

#[tokio::test]
async fn while_a_secret_is_rotated_receivers_of_either_are_content() {
    let old = catcher(HookFaults::none()).await;
    let new = HookCatcher::start(anywhere(), NEXT_SECRET, HookFaults::none()).await.unwrap();
    for catcher in [&old, &new] {
        let secrets = vec![NEXT_SECRET.into(), SECRET.into()];
        let endpoint = Endpoint::new(&EndpointSettings { secrets, ..settings(catcher.url()) }).unwrap();
        assert!(matches!(poster().post(&endpoint, ID, BODY, now()).await, Outcome::Accepted { .. }));
        assert!(catcher.calls()[0].verified);
    }
}

#[tokio::test]
async fn a_signature_with_another_secret_is_noticed() {
    let catcher = HookCatcher::start(anywhere(), NEXT_SECRET, HookFaults::none()).await.unwrap();
    let outcome = poster().post(&endpoint(catcher.url()), ID, BODY, now()).await;
    assert!(is_transient(&outcome) && detail(&outcome) == "HTTP 401", "{outcome:?}");
    assert!(!catcher.calls()[0].verified);
}

#[tokio::test]
async fn answers_are_classified_by_their_status() {
    for status in [200, 201, 202, 204] {
        assert_eq!(outcome_of(HookAct::Status(status)).await, Outcome::Accepted { detail: format!("HTTP {status}") });
    }
    for status in [400, 404, 408, 413, 422, 429, 500, 502, 503, 504] {
        let outcome = outcome_of(HookAct::Status(status)).await;
        assert!(is_transient(&outcome) && detail(&outcome) == format!("HTTP {status}"), "{outcome:?}");
    }
    assert!(matches!(outcome_of(HookAct::Status(410)).await, Outcome::Permanent { receiver_gone: true, .. }));
}

#[tokio::test]
async fn the_wait_that_the_receiver_asks_for_is_told() {
    for (status, value, wait) in [
        (429, "30", Span::seconds(30)),
        (503, "Sun, 22 Nov 2026 10:01:00 GMT", Span(59_100)),
        (503, "999999", Span::hours(24)),
    ] {
        let outcome = outcome_of(HookAct::RetryAfter(status, value.into())).await;
        let detail = format!("HTTP {status}");
        assert_eq!(outcome, Outcome::Transient { detail, retry_after: Some(wait) }, "{value}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = catcher(HookFaults::none()).await;
    let outcome = outcome_of(HookAct::Redirect(elsewhere.url())).await;
    assert!(is_transient(&outcome) && detail(&outcome).starts_with("HTTP 301"), "{outcome:?}");
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn a_lost_answer_is_transient_and_says_so() {
    let outcome = outcome_of(HookAct::Reset).await;
    assert!(is_transient(&outcome) && detail(&outcome).contains("may have taken it"), "{outcome:?}");
}

#[tokio::test]
async fn silence_is_transient_within_the_limit() {
    let catcher = catcher(HookFaults::none().with(When::Always, HookAct::Stall)).await;
    let timeout = Duration::from_millis(100);
    let poster = Poster::new(PosterSettings { timeout, ..PosterSettings::default() }).unwrap();
    let outcome = poster.post(&endpoint(catcher.url()), ID, BODY, now()).await;
    assert!(is_transient(&outcome) && detail(&outcome).contains("no answer within 100ms"), "{outcome:?}");
}

#[tokio::test]
async fn bodies_without_end_change_nothing() {
    for act in [HookAct::HugeBody(512 * 1024 * 1024), HookAct::EndlessBody] {
        let catcher = catcher(HookFaults::none().with(When::Always, act)).await;
        let answer_timeout = Duration::from_millis(50);
        let poster = Poster::new(PosterSettings { answer_timeout, ..PosterSettings::default() }).unwrap();
        let outcome = poster.post(&endpoint(catcher.url()), ID, BODY, now()).await;
        assert_eq!(outcome, Outcome::Accepted { detail: "HTTP 200".into() });
    }
}

#[tokio::test]
async fn nobody_there_is_transient_and_tells_no_url() {
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let outcome = poster().post(&endpoint(format!("http://{address}/token/T0PSECRET?key=K3Y")), ID, BODY, now()).await;
    assert!(is_transient(&outcome) && detail(&outcome).starts_with("no connection: "), "{outcome:?}");
    assert!(!detail(&outcome).contains("T0PSECRET") && !detail(&outcome).contains("K3Y"), "{outcome:?}");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_transient() {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let endpoint = endpoint(format!("https://{}/", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
            drop(tls.read(&mut [0; 4096]).await);
            drop(tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await);
        }
    });

    let outcome = poster().post(&endpoint, ID, BODY, now()).await;
    assert!(is_transient(&outcome) && detail(&outcome).contains("certificate"), "{outcome:?}");

    let trusting = PosterSettings { extra_roots: vec![certificate], ..PosterSettings::default() };
    let outcome = Poster::new(trusting).unwrap().post(&endpoint, ID, BODY, now()).await;
    assert_eq!(outcome, Outcome::Accepted { detail: "HTTP 200".into() });
}

#[tokio::test]
async fn connections_are_used_again() {
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let endpoint = endpoint(format!("http://{}/", listener.local_addr().unwrap()));
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                while tcp.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                    drop(tcp.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await);
                }
            });
        }
    });
    let poster = poster();
    for _ in 0..5 {
        assert!(matches!(poster.post(&endpoint, ID, BODY, now()).await, Outcome::Accepted { .. }));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_host_written_as_a_private_address_is_refused_in_every_form() {
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "012.1",
        "100.64.0.1",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "172.16.0.1",
        "192.168.1.1",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "１２７.０.０.１",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::1]",
        "[2002:7f00:1::]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[ff02::1]",
        "%31%32%37.0.0.1",
    ] {
        for scheme in ["http", "https"] {
            let settings = EndpointSettings { allow_addresses: Vec::new(), ..settings(format!("{scheme}://{host}/x")) };
            let error = Endpoint::new(&settings).unwrap_err();
            assert!(matches!(error, WebhookError::PrivateAddress), "{scheme}://{host}: {error}");
        }
    }
}

#[test]
fn urls_that_are_not_plain_https_are_refused() {
    let refused = |url: &str| Endpoint::new(&EndpointSettings { allow_http: false, ..settings(url) }).unwrap_err();
    assert!(matches!(refused("http://crm.example/"), WebhookError::ClearText));
    for url in ["ftp://crm.example/", "file:///etc/passwd", "unix:/run/x", "data:,x", "javascript:1"] {
        assert!(matches!(refused(url), WebhookError::Scheme), "{url}");
    }
    for url in ["https://user@crm.example/", "https://user:pass@crm.example/", "https://:pass@crm.example/"] {
        let error = refused(url);
        assert!(matches!(error, WebhookError::UserInfo) && !error.to_string().contains("pass@"), "{url}");
    }
    for url in ["", "crm.example", "https://", "https://999.1.1.1/", "https://[::1/"] {
        assert!(matches!(refused(url), WebhookError::Url(_)), "{url}");
    }
}

#[test]
fn an_endpoint_has_one_secret_or_two_and_shows_none() {
    let with = |secrets: &[&str]| {
        let secrets = secrets.iter().map(|secret| (*secret).into()).collect();
        Endpoint::new(&EndpointSettings { secrets, ..settings("https://crm.example/services/T0PSECRET") })
    };
    assert!(matches!(with(&[]), Err(WebhookError::SecretCount(0))));
    assert!(matches!(with(&[SECRET, SECRET, SECRET]), Err(WebhookError::SecretCount(3))));
    assert!(matches!(with(&["secret"]), Err(WebhookError::Secret(_))));
    let shown = format!("{:?}", with(&[SECRET, NEXT_SECRET]).unwrap());
    assert!(shown.contains("crm.example") && !shown.contains("MfKQ") && !shown.contains("T0PSECRET"), "{shown}");
}

/// Answers each lookup with the next of its lists, the last one for ever.
struct Flipping(Mutex<Vec<Vec<IpAddr>>>);

impl Flipping {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let read = |list: &&[&str]| list.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(answers.iter().map(read).collect())))
    }
}

#[async_trait]
impl Lookup for Flipping {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        assert_eq!(name, "crm.example");
        let mut answers = self.0.lock().unwrap();
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    }
}

fn with_lookup(lookup: Arc<Flipping>) -> Poster {
    Poster::new(PosterSettings { lookup, ..PosterSettings::default() }).unwrap()
}

fn named(catcher: &HookCatcher, exempt: &[&str]) -> Endpoint {
    let allow_addresses = exempt.iter().map(|net| net.parse::<IpNet>().unwrap()).collect();
    let url = format!("http://crm.example:{}/hook", catcher.address().port());
    Endpoint::new(&EndpointSettings { allow_addresses, ..settings(url) }).unwrap()
}

#[tokio::test]
async fn a_name_that_leads_to_private_addresses_only_is_refused_and_may_be_tried_again() {
    let catcher = catcher(HookFaults::none()).await;
    for answer in [&["127.0.0.1"][..], &["::1"], &["::ffff:127.0.0.1"], &["10.0.0.1", "169.254.169.254"], &[]] {
        let poster = with_lookup(Flipping::new(&[answer]));
        let outcome = poster.post(&named(&catcher, &[]), ID, BODY, now()).await;
        assert!(is_transient(&outcome) && detail(&outcome).contains("private addresses"), "{answer:?}: {outcome:?}");
    }
    assert_eq!(catcher.count(), 0);
}

#[tokio::test]
async fn of_several_addresses_only_the_permitted_are_dialled() {
    let catcher = catcher(HookFaults::none()).await;
    let poster = with_lookup(Flipping::new(&[&["127.0.0.1", "127.0.0.2"]]));
    // Nobody listens there.
    let outcome = poster.post(&named(&catcher, &["127.0.0.2/32"]), ID, BODY, now()).await;
    assert!(is_transient(&outcome) && detail(&outcome).starts_with("no connection"), "{outcome:?}");
    let outcome = poster.post(&named(&catcher, &["127.0.0.1/32"]), ID, BODY, now()).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    assert_eq!(catcher.count(), 1);
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_what_was_checked_is_what_is_dialled() {
    let catcher = catcher(HookFaults::none()).await;
    let lookup = Flipping::new(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let poster = with_lookup(lookup.clone());
    let endpoint = named(&catcher, &["127.0.0.0/8"]);
    assert!(matches!(poster.post(&endpoint, ID, BODY, now()).await, Outcome::Accepted { .. }));
    assert_eq!(lookup.0.lock().unwrap().len(), 1, "one lookup for one connection");

    let fresh = with_lookup(lookup);
    assert!(detail(&fresh.post(&endpoint, ID, BODY, now()).await).contains("private addresses"));
    assert_eq!(catcher.count(), 1);
}

#[tokio::test]
async fn an_endpoint_without_an_exemption_does_not_get_the_connection_of_one_that_has_it() {
    let catcher = catcher(HookFaults::none()).await;
    let poster = with_lookup(Flipping::new(&[&["127.0.0.1"]]));
    assert!(matches!(poster.post(&named(&catcher, &["127.0.0.0/8"]), ID, BODY, now()).await, Outcome::Accepted { .. }));
    assert!(is_transient(&poster.post(&named(&catcher, &[]), ID, BODY, now()).await));
    assert_eq!(catcher.count(), 1);
}

#[tokio::test]
async fn providers_of_cryptography_may_be_installed_again_and_again() {
    crate::channels::install_crypto();
    crate::channels::install_crypto();
    assert!(rustls::crypto::CryptoProvider::get_default().is_some());
}
