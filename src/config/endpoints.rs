//! `endpoints:`, receivers of webhooks.

use super::Secret;
use super::settings::{is_name, refuse_name};
use crate::yaml::{Item, Map};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use url::Url;

/// A receiver of webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// Where it listens: https, or http where allowed; without user name and password.
    pub url: String,
    /// One secret, or two while a key is being rotated: the first is the new one.
    pub secrets: Vec<Secret>,
    /// Whether `url` may be http.
    pub allow_http: bool,
    /// Private addresses that may be reached all the same.
    pub allow_addresses: Vec<IpNet>,
}

/// The endpoints that are right, and the names of all of them.
pub(super) fn read(item: Item<'_>, base: &Path) -> (BTreeMap<String, Endpoint>, BTreeSet<String>) {
    let (mut endpoints, mut names) = (BTreeMap::new(), BTreeSet::new());
    for (key, value) in item.pairs().unwrap_or_default() {
        names.insert(key.name.clone());
        if !is_name(&key.name, &['_', '-']) {
            refuse_name(value, "the name of an endpoint", "begin with a letter, then letters, digits, _ and -");
        }
        if let Some(endpoint) = value.map().and_then(|map| endpoint(&key.name, map, base)) {
            endpoints.insert(key.name.clone(), endpoint);
        }
    }
    (endpoints, names)
}

fn endpoint(name: &str, map: Map<'_>, base: &Path) -> Option<Endpoint> {
    let allow_http = map.optional("allow_http").and_then(Item::bool).unwrap_or(false);
    let url = map.required("url").and_then(|item| read_url(item, allow_http));
    let secrets = map.required("secret").and_then(|item| secrets(item, base));
    let allow_addresses = map.optional("allow_addresses").map(networks).unwrap_or_default();
    map.close();
    Some(Endpoint { name: name.to_owned(), url: url?.into(), secrets: secrets?, allow_http, allow_addresses })
}

fn read_url(item: Item<'_>, allow_http: bool) -> Option<Url> {
    let url = web_url(item)?;
    if url.scheme() == "http" && !allow_http {
        let help = "write https://, or `allow_http: true` for a receiver on your own network";
        item.error_with_help("bad-url", "http is not encrypted", help);
        return None;
    }
    Some(url)
}

/// An address of the web, http or https, that has a host and no user name, password or fragment.
pub(super) fn web_url(item: Item<'_>) -> Option<Url> {
    let text = item.text()?;
    let refuse = |message: &str, help: &str| {
        item.error_with_help("bad-url", message, help);
        None
    };
    let url = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url,
        _ => return refuse(&format!("`{}` is no address of the web", item.name()), "write https://HOST/PATH"),
    };
    if !url.username().is_empty() || url.password().is_some() {
        item.error_with_help("plain-secret", "a user name or password in an address is not allowed", "remove it");
        return None;
    }
    if url.fragment().is_some() {
        return refuse("a `#` part is never sent", "remove it");
    }
    Some(url)
}

fn secrets(item: Item<'_>, base: &Path) -> Option<Vec<Secret>> {
    let items = item.one_or_more()?;
    if !(1..=2).contains(&items.len()) {
        item.error_with_help(
            "bad-secret",
            format!("`secret` has {} entries", items.len()),
            "write one, or a list of two while a key is being rotated",
        );
    }
    let secrets: Vec<_> = items.iter().map(|item| Secret::read(*item, base)).collect();
    secrets.into_iter().collect::<Option<Vec<_>>>().filter(|secrets| (1..=2).contains(&secrets.len()))
}

/// Ranges of addresses; one address alone is one, too.
pub(super) fn networks(item: Item<'_>) -> Vec<IpNet> {
    let network = |item: Item<'_>| {
        let text = item.text()?;
        let parsed = text.parse().or_else(|error| text.parse::<IpAddr>().map(IpNet::from).map_err(|_| error));
        parsed
            .map_err(|_| {
                let message = format!("`{text}` is no range of addresses");
                item.error_with_help("bad-value", message, "write it like 127.0.0.0/8, 10.1.2.3 or fd00::/8");
            })
            .ok()
    };
    item.list().unwrap_or_default().into_iter().filter_map(network).collect()
}
