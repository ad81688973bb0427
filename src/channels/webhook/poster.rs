//! One attempt: the call, and what it came to.

use super::resolver::{GuardedResolver, Lookup, Refused, SystemLookup};
use super::retry_after::retry_after;
use super::sign::signature;
use super::{Endpoint, WebhookError};
use crate::channels::tls;
use crate::domain::{DeliveryId, Outcome, Span, Time};
use ipnet::IpNet;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// At most this much of an answer's body is read; success is decided by the status line.
const ANSWER_BYTES: usize = 64 * 1024;

/// How calls are made.
#[derive(Clone)]
pub struct PosterSettings {
    /// Limit for lookup, connecting and the TLS handshake.
    pub connect_timeout: Duration,
    /// Limit for the whole call.
    pub timeout: Duration,
    /// Limit for the answer's body, which is read only so that the connection can be used again.
    pub answer_timeout: Duration,
    /// Roots that are trusted besides the machine's own.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Who looks names up.
    pub lookup: Arc<dyn Lookup>,
}

impl Default for PosterSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(20),
            answer_timeout: Duration::from_secs(2),
            extra_roots: Vec::new(),
            lookup: Arc::new(SystemLookup),
        }
    }
}

/// Posts webhooks over connections that are kept.
pub struct Poster {
    settings: PosterSettings,
    tls: ClientConfig,
    /// One client per list of exemptions: clients keep connections by host, and a connection that one endpoint may have
    /// must not serve another that may not.
    clients: Mutex<HashMap<Arc<[IpNet]>, Client>>,
}

impl fmt::Debug for Poster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poster").finish_non_exhaustive()
    }
}

impl Poster {
    /// A poster without connections yet.
    pub fn new(settings: PosterSettings) -> Result<Self, WebhookError> {
        let tls = tls::verifying(&settings.extra_roots)?;
        let poster = Self { settings, tls, clients: Mutex::default() };
        poster.client(&Arc::from([]))?;
        Ok(poster)
    }

    /// One attempt to hand `body` to the endpoint, signed with the time `now`.
    ///
    /// 2xx is accepted; 410 is permanent, the receiver being gone; every other answer is transient (the specification
    /// wants those tried again too), with the wait of `Retry-After`. What fails before or after the request was written
    /// is transient as well, also where the receiver may have taken it: the id is the same on the next attempt, so a
    /// repeat is harmless, and the text says that the answer was lost. A name that leads only to private addresses is
    /// transient, because names are pointed elsewhere; a host written as a private address never becomes an
    /// [`Endpoint`].
    pub async fn post(&self, endpoint: &Endpoint, id: DeliveryId, body: &str, now: Time) -> Outcome {
        let client = match self.client(&endpoint.exempt) {
            Ok(client) => client,
            Err(error) => return transient(error.to_string()),
        };
        let id = id.to_string();
        let timestamp = now.0.div_euclid(1000);
        let request = client
            .post(endpoint.url.clone())
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature(&endpoint.keys, &id, timestamp, body.as_bytes()))
            .header("idempotency-key", &id)
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_owned());
        match request.send().await {
            Ok(response) => self.answered(response, now).await,
            Err(error) => transient(self.failure(&error)),
        }
    }

    async fn answered(&self, response: Response, now: Time) -> Outcome {
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| retry_after(value, now));
        // Whether the rest of the answer comes changes nothing any more.
        drop(tokio::time::timeout(self.settings.answer_timeout, drain(response)).await);
        classify(status, wait)
    }

    fn client(&self, exempt: &Arc<[IpNet]>) -> Result<Client, WebhookError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(exempt) {
            return Ok(client.clone());
        }
        let client = self.build(exempt.clone())?;
        clients.insert(exempt.clone(), client.clone());
        Ok(client)
    }

    fn build(&self, exempt: Arc<[IpNet]>) -> Result<Client, WebhookError> {
        let lookup = self.settings.lookup.clone();
        let client = Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(GuardedResolver { lookup, exempt })
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("retaind/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.settings.connect_timeout)
            .timeout(self.settings.timeout)
            .pool_max_idle_per_host(32)
            .pool_idle_timeout(Duration::from_secs(30))
            .build()?;
        Ok(client)
    }

    /// What failed, in words that hold neither the URL nor anything that was sent.
    fn failure(&self, error: &reqwest::Error) -> String {
        let causes: Vec<&(dyn Error + 'static)> =
            std::iter::successors(error.source(), |cause| (*cause).source()).collect();
        if let Some(refused) = causes.iter().find_map(|cause| cause.downcast_ref::<Refused>()) {
            return refused.to_string();
        }
        let root = causes.last().map_or_else(String::new, |cause| format!(": {cause}"));
        if error.is_connect() && error.is_timeout() {
            return format!("no connection within {:?}", self.settings.connect_timeout);
        }
        if error.is_connect() {
            return format!("no connection{root}");
        }
        if error.is_timeout() {
            return format!("no answer within {:?}; the receiver may have taken it", self.settings.timeout);
        }
        format!("the answer was lost, the receiver may have taken it{root}")
    }
}

fn transient(detail: String) -> Outcome {
    Outcome::Transient { detail, retry_after: None }
}

fn classify(status: StatusCode, retry_after: Option<Span>) -> Outcome {
    // The code alone: a reason phrase is the receiver's text.
    let code = status.as_u16();
    if status.is_success() {
        return Outcome::Accepted { detail: format!("HTTP {code}") };
    }
    if status == StatusCode::GONE {
        return Outcome::Permanent { detail: "HTTP 410: the endpoint is gone".to_owned(), receiver_gone: true };
    }
    if status.is_redirection() {
        return Outcome::Transient { detail: format!("HTTP {code}: redirects are not followed"), retry_after };
    }
    Outcome::Transient { detail: format!("HTTP {code}"), retry_after }
}

/// Reads what little of the body is wanted; a longer one costs the connection.
async fn drain(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > ANSWER_BYTES {
            return;
        }
    }
}
