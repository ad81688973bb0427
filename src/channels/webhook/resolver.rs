//! Names to addresses, through the guard.

use super::guard::may_call;
use async_trait::async_trait;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Looks a name up.
#[async_trait]
pub trait Lookup: Send + Sync + 'static {
    /// All addresses of the name.
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// The name leads to no address that may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name leads only to private addresses; `allow_addresses` can exempt them")]
pub(super) struct Refused;

/// Gives the HTTP client the allowed addresses of a name and no others. The client dials what it is given, so a name that
/// changes between check and call gains nothing. The client does not ask for a host that is written as an address:
/// [`Endpoint`](super::Endpoint) checks those.
pub(super) struct GuardedResolver {
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) exempt: Arc<[IpNet]>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, exempt) = (self.lookup.clone(), self.exempt.clone());
        Box::pin(async move {
            let mut found = lookup.lookup(name.as_str()).await?;
            found.retain(|address| may_call(*address, &exempt));
            if found.is_empty() {
                return Err(Refused.into());
            }
            Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}
