//! A connection that carries nothing: whether the server would take mail of ours.

use super::dial::Dialer;
use super::settings::{MailerSettings, TlsPolicy, Transport};
use crate::domain::Outcome;

/// What a connection to the server came to; it was greeted, and left without a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Whether it was encrypted, and to whom.
    pub encryption: Encryption,
    /// Whether the server took name and password.
    pub authenticated: bool,
}

/// How a connection is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all.
    None,
    /// To a server with a good certificate.
    Verified,
    /// To whoever answered; if the certificate is bad, why.
    Unverified(Option<String>),
}

/// Connects as for a mail, greets, encrypts and authenticates as the settings ask, and says goodbye. `None` where the
/// transport is no server.
///
/// # Errors
/// In plain words, what step failed and how.
pub async fn probe(settings: &MailerSettings) -> Result<Option<Probe>, String> {
    if matches!(settings.transport, Transport::Folder(_)) {
        return Ok(None);
    }
    let (session, mut encryption) = dial(settings).await?;
    session.quit().await;
    if encryption == Encryption::Unverified(None) {
        let strict = MailerSettings { tls: TlsPolicy::Required, credentials: None, ..settings.clone() };
        match dial(&strict).await {
            Ok((session, _)) => {
                session.quit().await;
                encryption = Encryption::Verified;
            }
            Err(why) => encryption = Encryption::Unverified(Some(why)),
        }
    }
    Ok(Some(Probe { encryption, authenticated: settings.credentials.is_some() }))
}

async fn dial(settings: &MailerSettings) -> Result<(super::session::Session, Encryption), String> {
    let dialer = Dialer::new(settings).map_err(|error| error.to_string())?.ok_or("there is no server")?;
    match dialer.dial_and_tell(settings).await {
        Ok(dialled) => Ok(dialled),
        Err(
            Outcome::Transient { detail, .. }
            | Outcome::Permanent { detail, .. }
            | Outcome::Uncertain { detail }
            | Outcome::Accepted { detail },
        ) => Err(detail),
    }
}
