//! How mail is handed over.

use rustls::pki_types::CertificateDer;
use secrecy::SecretString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What takes the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// An SMTP server; STARTTLS as [`TlsPolicy`] says.
    Smtp {
        /// Name or address.
        host: String,
        /// Port, usually 25 or 587.
        port: u16,
    },
    /// An SMTP server that speaks TLS from the first byte (RFC 8314); its certificate is always verified.
    Smtps {
        /// Name or address.
        host: String,
        /// Port, usually 465.
        port: u16,
    },
    /// A folder, one `ID.eml` per message.
    Folder(PathBuf),
}

/// Why a text is no transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a transport: write smtp://HOST:PORT, smtps://HOST:PORT or file:DIR")]
pub struct NotATransport;

impl FromStr for Transport {
    type Err = NotATransport;

    /// Reads `smtp://HOST[:PORT]` (25 without), `smtps://HOST[:PORT]` (465 without) or `file:DIR`.
    fn from_str(text: &str) -> Result<Self, NotATransport> {
        if let Some(folder) = text.strip_prefix("file:") {
            return if folder.is_empty() { Err(NotATransport) } else { Ok(Self::Folder(folder.into())) };
        }
        if let Some(server) = text.strip_prefix("smtps://") {
            let (host, port) = host_and_port(server, 465)?;
            return Ok(Self::Smtps { host, port });
        }
        let (host, port) = host_and_port(text.strip_prefix("smtp://").ok_or(NotATransport)?, 25)?;
        Ok(Self::Smtp { host, port })
    }
}

fn host_and_port(text: &str, default: u16) -> Result<(String, u16), NotATransport> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or(NotATransport)?)),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'));
    if host.is_empty() || host.contains(odd) {
        return Err(NotATransport);
    }
    let port = port.map_or(Ok(default), |port| port.parse().map_err(|_| NotATransport))?;
    Ok((host.to_owned(), port))
}

/// When a connection to [`Transport::Smtp`] is encrypted.
///
/// `Opportunistic` is what mail servers do among themselves (RFC 7435): STARTTLS when it is offered, with whatever
/// certificate, because the alternative is clear text. That protects from eavesdroppers, not from impostors, so the
/// certificate is verified after all when a password will be sent to another machine; a relay that offers STARTTLS and
/// then fails it is an error, never a reason for clear text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsPolicy {
    /// STARTTLS when the server offers it.
    #[default]
    Opportunistic,
    /// STARTTLS with a verified certificate, or no mail at all.
    Required,
    /// Clear text.
    Off,
}

/// Who we are to the server.
#[derive(Clone)]
pub struct Credentials {
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: SecretString,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// How many messages may go out in how much time, over all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many messages.
    pub messages: u32,
    /// In this time. They are spread evenly over it; after a pause at most a tenth of them go out at once.
    pub per: Duration,
}

/// Time limits, all shorter than what RFC 5321 section 4.5.3.2 grants a server, because a worker waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Lookup and TCP connection.
    pub connect: Duration,
    /// Greeting, TLS handshake and each command.
    pub command: Duration,
    /// The message and the answer to its final dot.
    pub message: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), command: Duration::from_secs(30), message: Duration::from_mins(2) }
    }
}

/// Everything that a [`Mailer`](super::Mailer) must know.
#[derive(Debug, Clone)]
pub struct MailerSettings {
    /// What takes the mail.
    pub transport: Transport,
    /// When it is encrypted.
    pub tls: TlsPolicy,
    /// Who we are; `None`: no authentication.
    pub credentials: Option<Credentials>,
    /// How many connections may be open, at least 1.
    pub connections: usize,
    /// How fast; `None`: as fast as the server takes it.
    pub rate: Option<Rate>,
    /// Time limits.
    pub timeouts: Timeouts,
    /// What EHLO says: this machine's name. `None`: the address that the connection comes from.
    pub hello_name: Option<String>,
    /// An idle connection is closed after this time; servers do so after 5 minutes (RFC 5321).
    pub idle_limit: Duration,
    /// A connection is closed after so many messages, as relays with many machines behind one name like it.
    pub messages_per_connection: u32,
    /// Roots that are trusted besides the machine's own.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl MailerSettings {
    /// The usual settings for a transport: opportunistic TLS, 8 connections, no limit of the rate.
    #[must_use]
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            tls: TlsPolicy::default(),
            credentials: None,
            connections: 8,
            rate: None,
            timeouts: Timeouts::default(),
            hello_name: None,
            idle_limit: Duration::from_secs(30),
            messages_per_connection: 1000,
            extra_roots: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NotATransport, Transport};

    #[test]
    fn transports_are_read() {
        let smtp = |host: &str, port| Ok(Transport::Smtp { host: host.into(), port });
        assert_eq!("smtp://127.0.0.1:2525".parse(), smtp("127.0.0.1", 2525));
        assert_eq!("smtp://mail.example/".parse(), smtp("mail.example", 25));
        assert_eq!("smtp://[::1]:26".parse(), smtp("::1", 26));
        assert_eq!("smtp://[::1]".parse(), smtp("::1", 25));
        assert_eq!("smtps://m.example".parse(), Ok(Transport::Smtps { host: "m.example".into(), port: 465 }));
        assert_eq!("file:out/mail".parse(), Ok(Transport::Folder("out/mail".into())));
    }

    #[test]
    fn what_is_no_transport_is_refused() {
        for text in
            ["", "smtp:", "smtp://", "smtp://:25", "smtp://h:99999", "smtp://u:p@h", "smtp://h/x", "http://h", "file:"]
        {
            assert_eq!(text.parse::<Transport>(), Err(NotATransport), "{text}");
        }
    }
}
