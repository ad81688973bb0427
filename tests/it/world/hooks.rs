//! A webhook receiver that checks the signature of Standard Webhooks 1.0.0 by itself.

use super::Arrived;
use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// One call that was answered with 200.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    /// Headers by lower-case name.
    pub(crate) headers: HashMap<String, String>,
    /// The body.
    pub(crate) body: serde_json::Value,
    /// Whether the signature fits the very bytes of the body and the time is the present one.
    pub(crate) signed: bool,
}

impl Hook {
    /// The header `webhook-id`.
    pub(crate) fn id(&self) -> &str {
        self.headers.get("webhook-id").map_or("", String::as_str)
    }

    /// The `type` of the body.
    pub(crate) fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default()
    }

    /// `data.id` of the body.
    pub(crate) fn customer(&self) -> &str {
        self.body["data"]["id"].as_str().unwrap_or_default()
    }
}

/// The receiver.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    arrived: Arc<Arrived<Hook>>,
    key: Arc<[u8]>,
}

impl Receiver {
    /// Listens on a free port until the test program ends.
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("the port is known");
        let key = (0..32).collect::<Vec<u8>>().into();
        let receiver = Self { address, arrived: Arc::new(Arrived::new()), key };
        let server = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                // A client that goes away in the middle is no fault of the server.
                std::thread::spawn(move || server.session(&stream).ok());
            }
        });
        receiver
    }

    /// The secret as settings take it.
    pub(crate) fn secret(&self) -> String {
        format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(&self.key))
    }

    /// Everything accepted so far.
    pub(crate) fn all(&self) -> Vec<Hook> {
        self.arrived.all()
    }

    /// Waits until at least `count` calls were accepted.
    pub(crate) fn wait(&self, count: usize) -> Vec<Hook> {
        self.arrived.wait(count, |_| true)
    }

    /// Waits for a call of that type.
    pub(crate) fn wait_for(&self, kind: &str) -> Vec<Hook> {
        self.arrived.wait(1, |hook| hook.kind() == kind)
    }

    fn session(&self, stream: &TcpStream) -> std::io::Result<()> {
        let (mut input, mut answer) = (BufReader::new(stream.try_clone()?), stream.try_clone()?);
        loop {
            let mut headers = HashMap::new();
            for line in input.by_ref().lines() {
                let line = line?;
                if line.is_empty() {
                    break;
                }
                if let Some((name, value)) = line.split_once(':') {
                    headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
                }
            }
            let Some(length) = headers.get("content-length").and_then(|text| text.parse().ok()) else { return Ok(()) };
            let mut body = vec![0; length];
            input.read_exact(&mut body)?;
            let signed = self.is_signed(&headers, &body);
            self.arrived.add(Hook { signed, body: serde_json::from_slice(&body).unwrap_or_default(), headers });
            answer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
        }
    }

    fn is_signed(&self, headers: &HashMap<String, String>, body: &[u8]) -> bool {
        let header = |name: &str| headers.get(name).map_or("", String::as_str);
        let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.key).expect("HMAC takes any key");
        mac.update(format!("{id}.{time}.").as_bytes());
        mac.update(body);
        let want = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
        let now = std::time::UNIX_EPOCH.elapsed().expect("the clock stands after 1970").as_secs();
        let fresh = time.parse::<u64>().is_ok_and(|time| time.abs_diff(now) < 300);
        fresh && header("webhook-signature").split(' ').any(|one| one == format!("v1,{want}"))
    }
}
