//! A new connection to the server: TCP, TLS, greeting, authentication.

use super::reply::{Fault, fault, masked, reply_text};
use super::session::Session;
use super::settings::{MailerSettings, TlsPolicy, Transport};
use super::wire::{Greeting, Stream, Wire};
use super::{Encryption, MailError};
use crate::channels::tls;
use crate::domain::Outcome;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest reply that is read before the connection is encrypted.
const LONGEST_REPLY: usize = 16 * 1024;

/// Makes connections to one server.
pub(super) struct Dialer {
    server: Server,
    /// `None`: the address that the connection comes from.
    hello: Option<ClientId>,
    verifying: Arc<ClientConfig>,
    unverifying: Arc<ClientConfig>,
}

struct Server {
    host: String,
    port: u16,
    /// What the certificate must be for.
    name: ServerName<'static>,
    implicit_tls: bool,
}

/// Why there is no connection; it says nothing of any message, so every message may try again.
struct NoConnection(String);

impl NoConnection {
    fn new(what: &str, why: impl fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

impl Dialer {
    /// `None` when the transport is no server.
    pub(super) fn new(settings: &MailerSettings) -> Result<Option<Self>, MailError> {
        let (host, port, implicit_tls) = match &settings.transport {
            Transport::Smtp { host, port } => (host.clone(), *port, false),
            Transport::Smtps { host, port } => (host.clone(), *port, true),
            Transport::Folder(_) => return Ok(None),
        };
        let name = ServerName::try_from(host.clone()).map_err(|_| MailError::ServerName(host.clone()))?;
        Ok(Some(Self {
            server: Server { host, port, name, implicit_tls },
            hello: settings.hello_name.as_deref().map(hello).transpose()?,
            verifying: Arc::new(tls::verifying(&settings.extra_roots)?),
            unverifying: Arc::new(tls::unverifying()?),
        }))
    }

    /// A connection that is ready for MAIL. What fails here is transient whatever the server's code: it speaks of the
    /// server or of our settings.
    pub(super) async fn dial(&self, settings: &MailerSettings) -> Result<Session, Outcome> {
        self.dial_and_tell(settings).await.map(|(session, _)| session)
    }

    /// The same, and how it is encrypted.
    pub(super) async fn dial_and_tell(&self, settings: &MailerSettings) -> Result<(Session, Encryption), Outcome> {
        self.connect(settings).await.map_err(|NoConnection(detail)| Outcome::Transient { detail, retry_after: None })
    }

    async fn connect(&self, settings: &MailerSettings) -> Result<(Session, Encryption), NoConnection> {
        let command = settings.timeouts.command;
        let limit = settings.timeouts.connect;
        let tcp = within("connecting", limit, connect(&self.server.host, self.server.port, limit)).await?;
        tcp.set_nodelay(true).map_err(|error| NoConnection::new("connecting", error))?;
        let is_local = tcp.peer_addr().is_ok_and(|address| address.ip().is_loopback());
        let hello = self.hello.clone().unwrap_or_else(|| own_address(&tcp));

        let (stream, greeting) = self.secure(tcp, &hello, settings, is_local).await?;
        let is_encrypted = matches!(stream, Stream::Encrypted(_));
        let encryption = match stream {
            Stream::Plain(_) => Encryption::None,
            Stream::Encrypted(_) if self.server.implicit_tls || must_verify_with(settings, is_local) => {
                Encryption::Verified
            }
            Stream::Encrypted(_) => Encryption::Unverified(None),
        };
        let wire = Box::new(Wire::new(stream, greeting));
        let greeted = timeout(command, AsyncSmtpConnection::connect_with_transport(wire, &hello)).await;
        let mut connection = said("greeting", greeted)?;

        if let Some(credentials) = &settings.credentials {
            if !may_say_password(is_encrypted, is_local) {
                return Err(NoConnection::new("authentication", "refused by us: the connection is not encrypted"));
            }
            let password = credentials.password.expose_secret().to_owned();
            let credentials = Credentials::new(credentials.username.clone(), password);
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            said("authentication", timeout(command, connection.auth(&mechanisms, &credentials)).await)?;
        }
        Ok((Session::new(connection), encryption))
    }

    /// Encrypts as the settings ask.
    async fn secure(
        &self,
        tcp: TcpStream,
        hello: &ClientId,
        settings: &MailerSettings,
        is_local: bool,
    ) -> Result<(Stream, Greeting), NoConnection> {
        let limit = settings.timeouts.command;
        if self.server.implicit_tls {
            return Ok((self.handshake(tcp, &self.verifying, limit).await?, Greeting::Awaited));
        }
        if settings.tls == TlsPolicy::Off {
            return Ok((Stream::Plain(tcp), Greeting::Awaited));
        }
        let mut tcp = tcp;
        if !within("STARTTLS", limit, start_tls(&mut tcp, hello)).await? {
            if settings.tls == TlsPolicy::Required {
                return Err(NoConnection::new("STARTTLS", "not offered, and `tls: required` forbids clear text"));
            }
            return Ok((Stream::Plain(tcp), Greeting::Seen));
        }
        let config = if must_verify_with(settings, is_local) { &self.verifying } else { &self.unverifying };
        Ok((self.handshake(tcp, config, limit).await?, Greeting::Seen))
    }

    async fn handshake(
        &self,
        tcp: TcpStream,
        config: &Arc<ClientConfig>,
        limit: Duration,
    ) -> Result<Stream, NoConnection> {
        let connector = tokio_rustls::TlsConnector::from(config.clone());
        let tls = within("TLS handshake", limit, connector.connect(self.server.name.clone(), tcp)).await?;
        Ok(Stream::Encrypted(Box::new(tls)))
    }
}

const fn must_verify_with(settings: &MailerSettings, is_local: bool) -> bool {
    must_verify(settings.tls, settings.credentials.is_some(), is_local)
}

/// Whether the server must prove after STARTTLS who it is: when the settings ask for that, or a password will be said to
/// another machine.
const fn must_verify(tls: TlsPolicy, has_password: bool, is_local: bool) -> bool {
    matches!(tls, TlsPolicy::Required) || (has_password && !is_local)
}

/// Whether a password may be said: nobody listens between here and here.
const fn may_say_password(is_encrypted: bool, is_local: bool) -> bool {
    is_encrypted || is_local
}

fn hello(name: &str) -> Result<ClientId, MailError> {
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    if name.is_empty() || !name.chars().all(usual) {
        return Err(MailError::HelloName(name.to_owned()));
    }
    Ok(ClientId::Domain(name.to_owned()))
}

/// The first of the host's addresses that answers; none may use up the time of the others.
async fn connect(host: &str, port: u16, limit: Duration) -> io::Result<TcpStream> {
    let addresses: Vec<_> = tokio::net::lookup_host((host, port)).await?.collect();
    let share = limit / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::Error::new(io::ErrorKind::TimedOut, "no answer in time"),
        }
    }
    Err(failure)
}

/// An address literal, for a machine whose name nobody gave (RFC 5321, section 4.1.4).
fn own_address(tcp: &TcpStream) -> ClientId {
    match tcp.local_addr().map(|address| address.ip().to_canonical()) {
        Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::default(),
    }
}

async fn within<T, E: fmt::Display>(
    what: &str,
    limit: Duration,
    step: impl Future<Output = Result<T, E>>,
) -> Result<T, NoConnection> {
    match timeout(limit, step).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(NoConnection::new(what, error)),
        Err(_) => Err(NoConnection::new(what, "no answer in time")),
    }
}

/// What lettre's side of the dialogue came to, without addresses.
fn said<T>(
    what: &str,
    step: Result<Result<T, lettre::transport::smtp::Error>, tokio::time::error::Elapsed>,
) -> Result<T, NoConnection> {
    match step {
        Ok(Ok(value)) => Ok(value),
        Err(_) => Err(NoConnection::new(what, "no answer in time")),
        Ok(Err(error)) => Err(match fault(&error) {
            Fault::Refused { code, text } => NoConnection::new(what, reply_text(code, &text, "")),
            Fault::Lost(why) => NoConnection::new(what, masked(&why, "")),
        }),
    }
}

/// Why the dialogue before encryption failed.
#[derive(Debug, thiserror::Error)]
enum ClearTextError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the connection was closed")]
    Closed,
    #[error("{0}")]
    Refused(String),
    /// Someone between us and the server may have put it there, to be taken for the server's encrypted word.
    #[error("the server said more than it was asked for")]
    TooMuch,
}

/// Greeting, EHLO and STARTTLS in clear text. `false`: the server does not offer it, and has been greeted.
///
/// Done here and not by lettre because its reader may hold bytes that came before the encryption and would take them for
/// what came after.
async fn start_tls(tcp: &mut TcpStream, hello: &ClientId) -> Result<bool, ClearTextError> {
    read_reply(tcp).await?;
    tcp.write_all(format!("EHLO {hello}\r\n").as_bytes()).await?;
    let features = read_reply(tcp).await?;
    if !features.lines().any(|line| line.get(4..).is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS"))) {
        return Ok(false);
    }
    tcp.write_all(b"STARTTLS\r\n").await?;
    read_reply(tcp).await?;
    Ok(true)
}

/// One reply of the 200s, and nothing behind it.
async fn read_reply(tcp: &mut TcpStream) -> Result<String, ClearTextError> {
    let mut bytes = Vec::new();
    loop {
        if tcp.read_buf(&mut bytes).await? == 0 {
            return Err(ClearTextError::Closed);
        }
        if let Some(end) = end_of_reply(&bytes) {
            let reply = String::from_utf8_lossy(&bytes[..end]).into_owned();
            return match end == bytes.len() {
                _ if !reply.starts_with('2') => Err(ClearTextError::Refused(masked(&reply, ""))),
                true => Ok(reply),
                false => Err(ClearTextError::TooMuch),
            };
        }
        if bytes.len() > LONGEST_REPLY {
            return Err(ClearTextError::TooMuch);
        }
    }
}

/// Behind the first line that does not say by a hyphen that more lines follow.
fn end_of_reply(bytes: &[u8]) -> Option<usize> {
    let mut end = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if line.ends_with(b"\n") && line.get(3) != Some(&b'-') {
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{end_of_reply, may_say_password, must_verify};
    use crate::channels::email::TlsPolicy;

    #[test]
    fn passwords_go_to_verified_servers_or_to_this_machine() {
        assert!(!may_say_password(false, false), "clear text to another machine");
        assert!(may_say_password(true, false) && may_say_password(false, true));
        assert!(must_verify(TlsPolicy::Opportunistic, true, false));
        assert!(!must_verify(TlsPolicy::Opportunistic, true, true));
        assert!(!must_verify(TlsPolicy::Opportunistic, false, false));
        assert!(must_verify(TlsPolicy::Required, false, true));
    }

    #[test]
    fn replies_end_with_the_line_that_has_no_hyphen() {
        assert_eq!(end_of_reply(b"220 hello\r\n"), Some(11));
        assert_eq!(end_of_reply(b"250-a\r\n250 b\r\nx"), Some(14));
        assert_eq!(end_of_reply(b"250\r\n"), Some(5));
        assert_eq!(end_of_reply(b"250-a\r\n250 b"), None);
        assert_eq!(end_of_reply(b""), None);
    }
}
