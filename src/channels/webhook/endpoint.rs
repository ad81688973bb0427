//! Where webhooks go to.

use super::WebhookError;
use super::guard::may_call;
use super::sign::SigningKey;
use ipnet::IpNet;
use reqwest::Url;
use secrecy::SecretString;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// An endpoint as the settings name it.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// Where to post.
    pub url: String,
    /// `whsec_…`; two while one is being rotated, and then both sign.
    pub secrets: Vec<SecretString>,
    /// Whether `http:` is permitted.
    pub allow_http: bool,
    /// Private addresses that may be called all the same.
    pub allow_addresses: Vec<IpNet>,
}

/// An endpoint that was checked: its scheme, that it names no user, that it is no private address, its secrets.
#[derive(Clone)]
pub struct Endpoint {
    pub(super) url: Url,
    pub(super) keys: Vec<SigningKey>,
    pub(super) exempt: Arc<[IpNet]>,
}

impl Endpoint {
    /// Checks the settings. A host that is written as an address, in whatever form (decimal, octal and hexadecimal are
    /// read as browsers do), is judged here and now; a name is judged at each lookup.
    pub fn new(settings: &EndpointSettings) -> Result<Self, WebhookError> {
        let url = Url::parse(settings.url.trim()).map_err(|error| WebhookError::Url(error.into()))?;
        match url.scheme() {
            "https" => {}
            "http" if settings.allow_http => {}
            "http" => return Err(WebhookError::ClearText),
            _ => return Err(WebhookError::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(WebhookError::UserInfo);
        }
        if literal_host(&url).is_some_and(|address| !may_call(address, &settings.allow_addresses)) {
            return Err(WebhookError::PrivateAddress);
        }
        if !(1..=2).contains(&settings.secrets.len()) {
            return Err(WebhookError::SecretCount(settings.secrets.len()));
        }
        let keys = settings.secrets.iter().map(SigningKey::parse).collect::<Result<_, _>>()?;
        Ok(Self { url, keys, exempt: settings.allow_addresses.clone().into() })
    }
}

impl fmt::Debug for Endpoint {
    /// Path and query are left out: with some receivers they are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

/// The address that a URL's host is, if it is no name.
fn literal_host(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}
