//! A connection that carries nothing: whether an endpoint could be called.

use super::guard::may_call;
use super::resolver::{Lookup, SystemLookup};
use crate::channels::tls;
use ipnet::IpNet;
use reqwest::Url;
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Looks the host of a URL up, connects to the first address that may be called, and for https makes the handshake. No
/// request is made. Answers the address, and says goodbye.
///
/// # Errors
/// In plain words, what step failed and how; without the URL, which may be secret.
pub async fn probe(
    url: &str,
    exempt: &[IpNet],
    extra_roots: &[CertificateDer<'static>],
    limit: Duration,
) -> Result<SocketAddr, String> {
    let url = Url::parse(url.trim()).map_err(|_| "the URL cannot be read".to_owned())?;
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = url.port_or_known_default().unwrap_or(443);
    let address = SocketAddr::new(address_of(host, exempt, limit).await?, port);
    let tcp = within("connecting", limit, TcpStream::connect(address)).await?;
    if url.scheme() == "https" {
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| format!("{host:?} can stand in no certificate"))?;
        let config = tls::verifying(extra_roots).map_err(|error| error.to_string())?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        within("TLS handshake", limit, connector.connect(name, tcp)).await?;
    }
    Ok(address)
}

async fn address_of(host: &str, exempt: &[IpNet], limit: Duration) -> Result<IpAddr, String> {
    let found = match host.parse() {
        Ok(address) => vec![address],
        Err(_) => within("looking the name up", limit, SystemLookup.lookup(host)).await?,
    };
    let refused = "it leads only to private addresses; `allow_addresses` can exempt them";
    found.into_iter().find(|address| may_call(*address, exempt)).ok_or_else(|| refused.to_owned())
}

async fn within<T>(what: &str, limit: Duration, step: impl Future<Output = std::io::Result<T>>) -> Result<T, String> {
    match timeout(limit, step).await {
        Ok(done) => done.map_err(|error| format!("{what}: {error}")),
        Err(_) => Err(format!("{what}: no answer in time")),
    }
}

#[cfg(test)]
mod tests {
    use super::probe;
    use std::time::Duration;
    use tokio::net::TcpListener;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_receiver_is_connected_to_and_told_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}/hook?token=secret");
        let here = ["127.0.0.0/8".parse().unwrap()];
        let (probed, accepted) = tokio::join!(probe(&url, &here, &[], LIMIT), listener.accept());
        assert_eq!(probed, Ok(address));
        let mut said = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut accepted.unwrap().0, &mut said).await.unwrap();
        assert!(said.is_empty());
        drop(listener);
        assert!(probe(&url, &here, &[], LIMIT).await.unwrap_err().starts_with("connecting: "));
        let refused = probe(&url, &[], &[], LIMIT).await.unwrap_err();
        assert!(refused.contains("private") && !refused.contains("secret"), "{refused}");
    }

    #[tokio::test]
    async fn https_without_tls_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let answering = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        };
        let here = ["127.0.0.0/8".parse().unwrap()];
        let (probed, ()) = tokio::join!(probe(&url, &here, &[], LIMIT), answering);
        assert!(probed.unwrap_err().starts_with("TLS handshake: "));
    }
}
