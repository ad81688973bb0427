//! `email:`, how mail goes out.

use super::mailbox::{check_address, is_domain};
use super::{Mailbox, Secret};
use crate::domain::Span;
use crate::yaml::{Item, Map};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// How mail goes out.
#[derive(Debug, Clone, PartialEq)]
pub struct Email {
    /// The sender. Needed as soon as a rule sends mail.
    pub from: Option<Mailbox>,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<Mailbox>,
    /// What carries it; `smtp://127.0.0.1:25` if not set.
    pub transport: Transport,
    /// Whether it must be encrypted; opportunistic if not set.
    pub tls: Tls,
    /// The user name to give to the server.
    pub username: Option<String>,
    /// The password to give with it.
    pub password: Option<Secret>,
    /// How many connections at once, 1 to 256; 8 if not set.
    pub connections: u16,
    /// How much mail in what time; `None` is as fast as the server takes it.
    pub rate: Option<Rate>,
    /// The only receivers, addresses in lower case or `@domain`; empty lets all pass.
    pub only_to: Vec<String>,
    /// Whether the file has `from`, be it wrong.
    pub(super) from_is_set: bool,
}

/// What carries mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// `smtp://HOST:PORT`, port 25 if not given.
    Smtp {
        /// Name or address of the server; an IPv6 address without brackets.
        host: String,
        /// Its port.
        port: u16,
    },
    /// `smtps://HOST:PORT`, encrypted from the first byte, port 465 if not given.
    Smtps {
        /// Name or address of the server; an IPv6 address without brackets.
        host: String,
        /// Its port.
        port: u16,
    },
    /// `file:DIR`, one `.eml` for each mail.
    Folder(PathBuf),
}

/// Whether mail must be encrypted on its way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// STARTTLS when the server offers it.
    Opportunistic,
    /// Never in clear.
    Required,
    /// Never encrypted.
    None,
}

/// So many messages in such a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many, from 1 up.
    pub messages: u32,
    /// In what span: a second, a minute or an hour.
    pub per: Span,
}

/// Why a text is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a rate")]
pub struct NotARate;

impl FromStr for Rate {
    type Err = NotARate;

    /// Reads `100/s`, `6000/m` or `10/h`.
    fn from_str(text: &str) -> Result<Self, NotARate> {
        let (messages, unit) = text.split_once('/').ok_or(NotARate)?;
        let per = match unit.trim() {
            "s" => Span::seconds(1),
            "m" => Span::minutes(1),
            "h" => Span::hours(1),
            _ => return Err(NotARate),
        };
        let messages = messages.trim().parse().map_err(|_| NotARate)?;
        if messages == 0 { Err(NotARate) } else { Ok(Self { messages, per }) }
    }
}

const TLS: [(&str, Tls); 3] = [("opportunistic", Tls::Opportunistic), ("required", Tls::Required), ("none", Tls::None)];

impl Email {
    pub(super) fn read(map: Map<'_>, base: &Path) -> Self {
        let transport = map.optional("transport");
        let tls = map.optional("tls");
        let email = Self {
            from_is_set: map.has("from"),
            from: map.optional("from").and_then(Mailbox::read),
            reply_to: map.optional("reply_to").and_then(Mailbox::read),
            transport: transport
                .and_then(|item| read_transport(item, base))
                .unwrap_or_else(|| Transport::Smtp { host: "127.0.0.1".into(), port: 25 }),
            tls: tls.and_then(|item| item.word(&TLS)).unwrap_or(Tls::Opportunistic),
            username: map.optional("username").and_then(Item::text).map(str::to_owned),
            password: map.optional("password").and_then(|item| Secret::read(item, base)),
            connections: map.optional("connections").and_then(connections).unwrap_or(8),
            rate: map.optional("rate").and_then(|item| {
                item.parsed("rate", "write messages and a unit: 100/s, 6000/m or 10/h; leave `rate` out for no limit")
            }),
            only_to: map.optional("only_to").map(only_to).unwrap_or_default(),
        };
        check_together(&email, &map, tls);
        map.close();
        email
    }
}

/// What is right by itself and wrong together.
fn check_together(email: &Email, map: &Map<'_>, tls: Option<Item<'_>>) {
    match (map.get("username"), map.get("password")) {
        (Some(_), None) => map.missing("password", Some("`username` needs it: password: {file: PATH}")),
        (None, Some(_)) => map.missing("username", Some("`password` needs it")),
        _ => {}
    }
    if let (Transport::Smtps { .. }, Tls::None, Some(tls)) = (&email.transport, email.tls, tls) {
        let help = "remove `tls`, or write smtp:// for a server without encryption";
        tls.error_with_help("contradiction", "`tls: none` contradicts smtps://, which is always encrypted", help);
    }
}

fn connections(item: Item<'_>) -> Option<u16> {
    let count = item.whole()?;
    let count = u16::try_from(count).ok().filter(|count| (1..=256).contains(count));
    if count.is_none() {
        item.error_with_help("bad-value", "`connections` must lie between 1 and 256", "write `connections: 8`");
    }
    count
}

fn only_to(item: Item<'_>) -> Vec<String> {
    let items = item.list().unwrap_or_default();
    let read = |item: Item<'_>| {
        let text = item.text()?;
        let is_good = text.strip_prefix('@').map_or_else(|| check_address(text).is_ok(), is_domain);
        if !is_good {
            let help = "write an address, or @domain for all addresses of a domain";
            item.error_with_help("bad-address", "this is neither an address nor an @domain", help);
        }
        is_good.then(|| text.to_lowercase())
    };
    items.into_iter().filter_map(read).collect()
}

const TRANSPORT_HELP: &str = "write smtp://HOST:PORT, smtps://HOST:PORT or file:DIR";

fn read_transport(item: Item<'_>, base: &Path) -> Option<Transport> {
    let text = item.text()?;
    if let Some(folder) = text.strip_prefix("file:") {
        // file:DIR, file:/DIR and file:///DIR alike.
        let folder = folder.strip_prefix("//").unwrap_or(folder);
        if folder.is_empty() {
            item.error_with_help("bad-value", "`file:` names no folder", "write file:data/outbox");
            return None;
        }
        return Some(Transport::Folder(base.join(folder)));
    }
    let refuse = |message: &str, help: &str| {
        item.error_with_help("bad-value", message, help);
        None
    };
    let Some(url) = url::Url::parse(text).ok().filter(|_| text.contains("://")) else {
        return refuse("`transport` is no address of a mail server", TRANSPORT_HELP);
    };
    if !url.username().is_empty() || url.password().is_some() {
        item.error_with_help("plain-secret", "`transport` must hold no user name or password", USERNAME_HELP);
        return None;
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    if host.is_empty() {
        return refuse("`transport` names no server", TRANSPORT_HELP);
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return refuse("`transport` says more than a server and its port", TRANSPORT_HELP);
    }
    match url.scheme() {
        "smtp" => Some(Transport::Smtp { host, port: url.port().unwrap_or(25) }),
        "smtps" => Some(Transport::Smtps { host, port: url.port().unwrap_or(465) }),
        other => refuse(&format!("`{other}` is no way to send mail"), TRANSPORT_HELP),
    }
}

const USERNAME_HELP: &str = "write them as `username` and `password: {file: PATH}`";
