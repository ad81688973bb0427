//! `http:`, the listeners.

use super::endpoints::{networks, web_url};
use super::{Rate, Secret, StoreSettings};
use crate::domain::{Diagnostic, Span};
use crate::yaml::{Item, Map};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// For ingestion and the pages customers see; `None` is off.
    pub public: Option<SocketAddr>,
    /// How the public listener is reached from outside, without a slash at the end.
    pub public_url: Option<String>,
    /// For the commands.
    pub admin: Admin,
    /// Keys that senders of events give.
    pub write_keys: Vec<Secret>,
    /// How many calls each write key may make.
    pub rate: Rate,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// Far more than a shop's clients send, and less than keeps a disk from anything else.
const RATE: Rate = Rate { messages: 1000, per: Span::seconds(1) };

/// Where the commands reach the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admin {
    /// A unix socket.
    Socket(PathBuf),
    /// A port of this machine, with a token.
    Port {
        /// The address, always of this machine.
        address: SocketAddr,
        /// What a caller must give.
        token: Secret,
    },
}

impl Http {
    /// Everything off but the socket `admin.sock` in the store's folder.
    pub(super) fn default_for(store: &StoreSettings) -> Self {
        let admin = Admin::Socket(store.path.join("admin.sock"));
        Self { public: None, public_url: None, admin, write_keys: Vec::new(), rate: RATE, trusted_proxies: Vec::new() }
    }
}

const ADDRESS_HELP: &str = "write it like 127.0.0.1:8025 or [::1]:8025";

pub(super) fn read(map: Map<'_>, base: &Path, store: &StoreSettings) -> Http {
    let mut http = Http::default_for(store);
    http.public = map.optional("public").and_then(|item| item.parsed("address with a port", ADDRESS_HELP));
    http.public_url =
        map.optional("public_url").and_then(web_url).map(|url| url.as_str().trim_end_matches('/').to_owned());
    let token = map.optional("admin_token").map(|item| (item, Secret::read(item, base)));
    http.admin = map.optional("admin").and_then(|item| admin(item, &map, token.clone(), base)).unwrap_or(http.admin);
    if let (Admin::Socket(_), Some((item, Some(_)))) = (&http.admin, &token) {
        let message = "`admin_token` has no effect: a unix socket is guarded by its mode";
        let problem = Diagnostic::warning("no-effect", item.key_place(), message);
        item.reader().report(problem.help("remove it, or set `admin` to 127.0.0.1:PORT"));
    }
    let keys = map.optional("write_keys").and_then(Item::list).unwrap_or_default();
    http.write_keys = keys.into_iter().filter_map(|item| Secret::read(item, base)).collect();
    let rate_help = "write calls and a unit: 1000/s, 6000/m or 10/h";
    let rate = map.optional("rate").and_then(|item| item.parsed("rate", rate_help));
    http.rate = rate.unwrap_or(http.rate);
    http.trusted_proxies = map.optional("trusted_proxies").map(networks).unwrap_or_default();
    remarks(&http, &map);
    map.close();
    http
}

/// What is well written and does not do what was meant.
fn remarks(http: &Http, map: &Map<'_>) {
    let report = |item: Item<'_>, problem: Diagnostic| item.reader().report(problem);
    if let Some(item) = map.get("public_url") {
        let message = "`http.public_url` is not supported in this version, and does nothing yet";
        report(item, Diagnostic::warning("not-supported", item.key_place(), message).help("leave it out until then"));
    }
    let Some(public) = map.get("public") else {
        for name in ["write_keys", "rate", "trusted_proxies"] {
            if let Some(item) = map.get(name) {
                let problem = Diagnostic::warning(
                    "no-effect",
                    item.key_place(),
                    format!("`{name}` has no effect without `public`"),
                );
                report(
                    item,
                    problem.help("set `public` to the address that events are sent to, such as 127.0.0.1:8025"),
                );
            }
        }
        return;
    };
    if map.get("write_keys").is_none() || (map.has("write_keys") && http.write_keys.is_empty()) {
        let message = "`public` without `write_keys` takes no events: every call is answered 401";
        let problem = Diagnostic::warning("no-write-keys", public.key_place(), message);
        report(public, problem.help("name a key that senders give: write_keys: [{file: write.key}]"));
    }
    if let (Some(address), Admin::Port { address: admin, .. }) = (http.public, &http.admin)
        && is_same(address, *admin)
    {
        let message = format!("`public` and `admin` are both to listen on port {}", address.port());
        public.error_with_help("same-port", message, "give one of them another port");
    }
}

/// Whether two listeners cannot have both.
fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (any || one.ip() == other.ip())
}

fn admin(item: Item<'_>, map: &Map<'_>, token: Option<(Item<'_>, Option<Secret>)>, base: &Path) -> Option<Admin> {
    let text = item.text()?;
    let Ok(address) = text.parse::<SocketAddr>() else {
        if looks_like_an_address(text) {
            let message = format!("`{text}` is neither an address with a port nor a path");
            item.error_with_help("bad-value", message, "write 127.0.0.1:PORT, or the path of a unix socket");
            return None;
        }
        return Some(Admin::Socket(base.join(text)));
    };
    if !address.ip().is_loopback() {
        let help = "write 127.0.0.1:PORT, or the path of a unix socket";
        item.error_with_help("bad-value", "`admin` must be an address of this machine alone", help);
        return None;
    }
    let Some((_, token)) = token else {
        map.missing("admin_token", Some("`admin` at a port needs it: admin_token: {file: PATH}"));
        return None;
    };
    token.map(|token| Admin::Port { address, token })
}

/// `localhost:80` and `0:80` were hardly meant as names of files.
fn looks_like_an_address(text: &str) -> bool {
    let port = text.rsplit_once(':').map(|(_, port)| port);
    !text.contains('/') && port.is_some_and(|port| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit()))
}
