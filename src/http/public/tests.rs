//! The public listener over real sockets.

use super::*;
use crate::http::public::body::LONGEST;
use async_trait::async_trait;
use axum::body::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use secrecy::SecretString;
use serde_json::Value as Json;
use std::fmt::Write as _;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// `base64("key:")`
const KEY: &str = "a2V5Og==";

/// Remembers what it took, and answers what it was told to.
#[derive(Default)]
struct Fake {
    bodies: Mutex<Vec<Bytes>>,
    callers: Mutex<Vec<IpAddr>>,
    answer: Mutex<Option<Result<Vec<Verdict>, NotTaken>>>,
    /// What is waited for before answering.
    gate: Option<Notify>,
}

#[async_trait]
impl Intake for Fake {
    async fn take(&self, _: Call, body: Bytes, caller: Option<IpAddr>) -> Result<Vec<Verdict>, NotTaken> {
        self.bodies.lock().unwrap().push(body);
        self.callers.lock().unwrap().extend(caller);
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        self.answer.lock().unwrap().clone().unwrap_or_else(|| Ok(vec![verdict(VerdictResult::Stored)]))
    }
}

fn verdict(result: VerdictResult) -> Verdict {
    Verdict { result, message_id: Some("m".into()), reason: None }
}

/// A listener at work.
struct Served {
    address: SocketAddr,
    fake: Arc<Fake>,
    senders: Arc<Senders>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn rate(calls: u32) -> KeyRate {
    KeyRate { calls: NonZeroU32::new(calls).unwrap(), per: Duration::from_hours(1) }
}

fn keys(keys: &[&str]) -> Vec<SecretString> {
    keys.iter().map(|key| SecretString::from(*key)).collect()
}

impl Served {
    async fn new() -> Self {
        Self::with(Fake::default(), PublicLimits::default()).await
    }

    async fn with(fake: Fake, limits: PublicLimits) -> Self {
        let listener = PublicListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let address = listener.address().unwrap();
        let (fake, senders) = (Arc::new(fake), Arc::new(Senders::new(&keys(&["key"]), rate(1000))));
        let (stop, stopped) = oneshot::channel::<()>();
        let parts = (Arc::clone(&fake) as Arc<dyn Intake>, Arc::clone(&senders));
        let stopped = async move { drop(stopped.await) };
        let task = tokio::spawn(listener.serve(parts, limits, stopped, Duration::from_secs(20)));
        Self { address, fake, senders, stop, task }
    }

    /// Sends bytes and reads all that is answered, until the other side closes.
    async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        Answer::read(stream).await
    }

    /// A call with these headers beside the usual ones.
    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.raw(&request(path, headers, body)).await
    }

    async fn status(&self, headers: &[(&str, &str)]) -> u16 {
        self.post("/v1/track", headers, b"{}").await.status
    }
}

fn request(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    let usual = [("content-type", "application/json"), ("authorization", &format!("Basic {KEY}"))];
    let length = body.len().to_string();
    let all = usual.iter().copied().chain([("content-length", length.as_str())]);
    for (name, value) in all.filter(|(name, _)| headers.iter().all(|(other, _)| other != name)).chain(headers.to_vec())
    {
        if !value.is_empty() {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    async fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("an answer, not {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn kind(&self) -> String {
        self.json()["error"]["kind"].as_str().unwrap().to_owned()
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn every_call_is_there_with_and_without_a_slash_at_its_end() {
    let served = Served::new().await;
    for call in Call::ALL {
        for path in [format!("/v1/{}", call.word()), format!("/v1/{}/", call.word())] {
            let answer = served.post(&path, &[], b"{}").await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.json()["stored"], 1);
            assert_eq!(answer.json()["verdicts"][0]["message_id"], "m");
        }
    }
}

#[tokio::test]
async fn only_a_write_key_opens_and_nothing_of_the_body_is_looked_at_before() {
    let served = Served::new().await;
    for (authorization, status) in [
        (format!("Basic {KEY}"), 200),
        (format!("bAsIc {}", KEY.trim_end_matches('=')), 200),
        ("Basic a2V5OnBhc3N3b3Jk".to_owned(), 200),
        ("Basic a2V5".to_owned(), 200),
        (String::new(), 401),
        ("Basic a2V5Mg==".to_owned(), 401),
        ("Basic a2U6".to_owned(), 401),
        ("Basic Og==".to_owned(), 401),
        ("Basic !".to_owned(), 401),
        (format!("Bearer {KEY}"), 401),
    ] {
        let answer = served.post("/v1/batch", &[("authorization", &authorization)], b"[").await;
        assert_eq!(answer.status, status, "{authorization}");
        assert_eq!(answer.head.contains("www-authenticate: basic realm="), status == 401);
    }
    assert_eq!(served.fake.bodies.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_large_body_under_a_wrong_key_gets_its_answer_all_the_same() {
    let served = Served::new().await;
    let answer = served.post("/v1/batch", &[("authorization", "Basic eDo=")], &vec![b' '; 1 << 20]).await;
    assert_eq!((answer.status, answer.kind().as_str()), (401, "unauthorized"));
}

#[tokio::test]
async fn without_any_key_nobody_may_send() {
    let served = Served::new().await;
    served.senders.replace(&[], rate(1));
    let answer = served.post("/v1/track", &[], b"{}").await;
    assert_eq!(answer.status, 401);
    assert!(answer.body.contains("no write key is set"), "{answer:?}");
}

#[tokio::test]
async fn keys_are_exchanged_while_calls_are_answered() {
    let served = Served::new().await;
    assert_eq!(served.status(&[]).await, 200);
    served.senders.replace(&keys(&["other", "third"]), rate(1000));
    assert_eq!(served.status(&[]).await, 401);
    assert_eq!(served.status(&[("authorization", "Basic dGhpcmQ6")]).await, 200);
}

#[tokio::test]
async fn a_key_that_calls_too_often_is_asked_to_wait_and_the_others_are_not() {
    let served = Served::new().await;
    served.senders.replace(&keys(&["key", "other"]), rate(2));
    assert_eq!([served.status(&[]).await, served.status(&[]).await], [200, 200]);
    let answer = served.post("/v1/track", &[], b"{}").await;
    assert_eq!((answer.status, answer.kind().as_str()), (429, "too_many"));
    let wait = answer.head.split("retry-after: ").nth(1).unwrap().lines().next().unwrap();
    assert!((1..=1800).contains(&wait.parse::<u64>().unwrap()), "{wait}");
    assert_eq!(served.status(&[("authorization", "Basic b3RoZXI6")]).await, 200);
    // A reload that leaves key and rate as they are gives no new turns.
    served.senders.replace(&keys(&["key"]), rate(2));
    assert_eq!(served.status(&[]).await, 429);
    served.senders.replace(&keys(&["key"]), rate(3));
    assert_eq!(served.status(&[]).await, 200);
}

#[tokio::test]
async fn what_is_not_json_or_packed_otherwise_is_refused() {
    let served = Served::new().await;
    for (headers, status) in [
        (("content-type", "application/json; charset=utf-8"), 200),
        (("content-type", "Application/JSON"), 200),
        (("content-type", "text/plain"), 415),
        (("content-type", "application/x-www-form-urlencoded"), 415),
        (("content-type", ""), 415),
        (("content-encoding", "identity"), 200),
        (("content-encoding", "br"), 415),
        (("content-encoding", "gzip, gzip"), 415),
        (("content-encoding", "gzip"), 400),
    ] {
        assert_eq!(served.status(&[headers]).await, status, "{headers:?}");
    }
}

#[tokio::test]
async fn a_packed_body_is_unpacked() {
    let served = Served::new().await;
    let answer = served.post("/v1/batch", &[("content-encoding", "gzip")], &packed(b"{\"batch\":[]}")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(served.fake.bodies.lock().unwrap()[0], "{\"batch\":[]}");
    let half = packed(&vec![b'x'; 10_000]);
    let answer = served.post("/v1/batch", &[("content-encoding", "gzip")], &half[..half.len() / 2]).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_body_of_500_kb_is_taken_and_a_longer_one_is_not() {
    let served = Served::new().await;
    assert_eq!(served.post("/v1/batch", &[], &vec![b' '; LONGEST]).await.status, 200);
    let answer = served.post("/v1/batch", &[], &vec![b' '; LONGEST + 1]).await;
    assert_eq!((answer.status, answer.kind().as_str()), (413, "too_large"));
    let chunked = [
        b"POST /v1/batch HTTP/1.1\r\nhost: x\r\nauthorization: Basic a2V5Og==\r\ncontent-type: application/json\r\n\
        connection: close\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec(),
        format!("{:x}\r\n{}\r\n", LONGEST + 1, " ".repeat(LONGEST + 1)).into_bytes(),
        b"0\r\n\r\n".to_vec(),
    ];
    assert_eq!(served.raw(&chunked.concat()).await.status, 413);
}

#[tokio::test]
async fn a_gzip_bomb_is_refused_when_it_has_swollen_to_500_kb() {
    let served = Served::new().await;
    let bomb = packed(&vec![0; 200 << 20]);
    assert!(bomb.len() < LONGEST, "{}", bomb.len());
    let answer = served.post("/v1/batch", &[("content-encoding", "gzip")], &bomb).await;
    assert_eq!((answer.status, answer.kind().as_str()), (413, "too_large"));
    assert!(served.fake.bodies.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_answered_408() {
    let limits = PublicLimits { body: Duration::from_millis(100), ..PublicLimits::default() };
    let served = Served::with(Fake::default(), limits).await;
    let whole = request("/v1/track", &[], b"{\"a\":1}");
    let answer = served.raw(&whole[..whole.len() - 1]).await;
    assert_eq!((answer.status, answer.kind().as_str()), (408, "too_slow"));
}

#[tokio::test]
async fn a_head_that_does_not_arrive_in_time_is_answered_408_and_silence_is_not() {
    let limits = PublicLimits { head: Duration::from_millis(100), ..PublicLimits::default() };
    let served = Served::with(Fake::default(), limits).await;
    let answer = served.raw(b"POST /v1/track HTTP/1.1\r\nhost: x\r\n").await;
    assert_eq!((answer.status, answer.kind().as_str()), (408, "too_slow"));
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    assert_eq!(silent.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn more_connections_than_allowed_wait_until_one_ends() {
    let limits = PublicLimits { connections: 1, head: Duration::from_millis(300), ..PublicLimits::default() };
    let served = Served::with(Fake::default(), limits).await;
    let silent = TcpStream::connect(served.address).await.unwrap();
    // It is answered when the silent one has been closed.
    assert_eq!(served.status(&[]).await, 200);
    let mut rest = Vec::new();
    let (mut reading, _) = silent.into_split();
    assert_eq!(reading.read_to_end(&mut rest).await.unwrap(), 0);
}

#[tokio::test]
async fn when_too_much_is_being_taken_in_the_next_is_asked_to_come_again() {
    let limits = PublicLimits { held: 1024, patience: Duration::from_millis(200), ..PublicLimits::default() };
    let fake = Fake { gate: Some(Notify::new()), ..Fake::default() };
    let served = Served::with(fake, limits).await;
    let (first, second) = tokio::join!(served.post("/v1/track", &[], b"{}"), async {
        while served.fake.bodies.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        served.post("/v1/track", &[], b"{}").await
    });
    for answer in [first, second] {
        assert_eq!((answer.status, answer.kind().as_str()), (503, "unavailable"), "{answer:?}");
        assert!(answer.head.contains("retry-after: "), "{answer:?}");
    }
    // The second never reached the store, and room is given back once the first is stored.
    assert_eq!(served.fake.bodies.lock().unwrap().len(), 1);
    served.fake.gate.as_ref().unwrap().notify_one();
    let (third, ()) = tokio::join!(served.post("/v1/track", &[], b"{}"), async {
        while served.fake.bodies.lock().unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        served.fake.gate.as_ref().unwrap().notify_one();
    });
    assert_eq!(third.status, 200, "{third:?}");
}

#[tokio::test]
async fn what_the_store_does_not_take_is_said_in_the_words_of_http() {
    let served = Served::new().await;
    let refused = Verdict { reason: Some("no".into()), ..verdict(VerdictResult::Refused) };
    let later = NotTaken::Unavailable { message: "full".into(), retry_after: 30 };
    for (path, result, status) in [
        ("/v1/track", Ok(vec![refused.clone()]), 400),
        ("/v1/batch", Ok(vec![refused.clone()]), 200),
        ("/v1/batch", Ok(vec![refused, verdict(VerdictResult::Duplicate)]), 200),
        ("/v1/batch", Ok(vec![]), 200),
        ("/v1/batch", Err(NotTaken::Malformed("no JSON".into())), 400),
        ("/v1/batch", Err(later), 503),
    ] {
        *served.fake.answer.lock().unwrap() = Some(result.clone());
        let answer = served.post(path, &[], b"{}").await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.head.contains("retry-after: 30"), status == 503);
        match result {
            Ok(verdicts) if status == 200 => {
                let count = |result: VerdictResult| verdicts.iter().filter(|one| one.result == result).count();
                assert_eq!(answer.json()["refused"], count(VerdictResult::Refused));
                assert_eq!(answer.json()["duplicates"], count(VerdictResult::Duplicate));
                assert_eq!(answer.json()["verdicts"].as_array().unwrap().len(), verdicts.len());
            }
            _ => assert!(answer.json()["error"]["message"].is_string()),
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json_too() {
    let served = Served::new().await;
    let get = |path| format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").into_bytes();
    let answer = served.raw(&get("/v1/nothing")).await;
    assert_eq!((answer.status, answer.kind().as_str()), (404, "not_found"));
    let answer = served.raw(&get("/v1/track")).await;
    assert_eq!((answer.status, answer.kind().as_str()), (405, "wrong_method"));
    assert!(answer.head.contains("allow: post"), "{answer:?}");
    assert_eq!(served.raw(&get("/livez")).await.json()["status"], "ok");
    let document = served.raw(&get("/openapi.json")).await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let described: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(described.len(), Call::ALL.len() + 2, "{described:?}");
    assert_eq!(served.raw(&[b"GET / HTTP/1.1\r\n".to_vec(), b"a: b\r\n".repeat(10_000)].concat()).await.status, 431);
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    fn references<'d>(json: &'d Json, found: &mut Vec<&'d str>) {
        match json {
            Json::Object(members) => {
                found.extend(members.get("$ref").and_then(Json::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Json::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let (document, mut found) = (openapi::document(), Vec::new());
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn a_stop_lets_what_is_under_way_end_and_takes_nothing_more() {
    let served = Served::with(Fake { gate: Some(Notify::new()), ..Fake::default() }, PublicLimits::default()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(&request("/v1/track", &[("connection", "keep-alive")], b"{}")).await.unwrap();
    while served.fake.bodies.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    served.stop.send(()).unwrap();
    while TcpStream::connect(served.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    served.fake.gate.as_ref().unwrap().notify_one();
    assert_eq!(Answer::read(stream).await.status, 200);
    served.task.await.unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let served = Served::new().await;
    let error = PublicListener::bind(served.address).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {} (`http.public`)", served.address));
}

#[tokio::test]
async fn who_called_is_told_and_of_a_trusted_proxy_whom_it_was_called_by() {
    let served = Served::new().await;
    let forwarded = [("x-forwarded-for", "198.51.100.7")];
    assert_eq!(served.status(&forwarded).await, 200);
    served.senders.trust(vec!["127.0.0.1/32".parse().unwrap()]);
    assert_eq!(served.status(&forwarded).await, 200);
    let callers = served.fake.callers.lock().unwrap().clone();
    assert_eq!(callers, ["127.0.0.1", "198.51.100.7"].map(|address| address.parse::<IpAddr>().unwrap()));
}
