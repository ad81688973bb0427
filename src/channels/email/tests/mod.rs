//! Mail on real sockets, against the catcher and against scripted servers.

mod composing;
mod disguise;
mod encryption;
mod outcomes;
mod pooling;
mod server;

use super::{Mail, Mailer, MailerSettings, Transport};
use crate::catcher::{MailCatcher, MailFaults};
use crate::domain::{DeliveryId, Outcome};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Any free port of the loopback.
fn anywhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

async fn catcher(faults: MailFaults) -> MailCatcher {
    MailCatcher::start(anywhere(), faults).await.unwrap()
}

/// Settings for a server on the loopback, in clear text, with limits that a busy machine keeps.
fn settings(address: SocketAddr) -> MailerSettings {
    let mut settings = MailerSettings::new(Transport::Smtp { host: address.ip().to_string(), port: address.port() });
    settings.tls = super::TlsPolicy::Off;
    settings
}

fn mailer(catcher: &MailCatcher) -> Mailer {
    Mailer::new(settings(catcher.address())).unwrap()
}

/// A mailer that does not wait long for the answer to a command.
fn hasty_with_commands(catcher: &MailCatcher) -> Mailer {
    let mut settings = settings(catcher.address());
    settings.timeouts.command = Duration::from_millis(300);
    Mailer::new(settings).unwrap()
}

/// A mailer that does not wait long for the answer to a message.
fn hasty_with_messages(catcher: &MailCatcher) -> Mailer {
    let mut settings = settings(catcher.address());
    settings.timeouts.message = Duration::from_millis(100);
    Mailer::new(settings).unwrap()
}

fn mail(number: u8) -> Mail {
    Mail {
        id: DeliveryId([number; 16]),
        from: "Amani Coffee <hello@amani.example>".into(),
        reply_to: None,
        to: format!("customer{number}@shop.example"),
        subject: "We miss you".into(),
        preheader: String::new(),
        text: "Come back.\n".into(),
        html: "<p>Come back.</p>\n".into(),
        date: "2026-11-22T10:00:00Z".parse().unwrap(),
        headers: vec![("Feedback-ID".into(), "win-back:retaind".into())],
    }
}

async fn send(mailer: &Mailer, mail: &Mail) -> Outcome {
    match mailer.connect().await {
        Ok(connection) => connection.send(mail).await,
        Err(outcome) => outcome,
    }
}

fn is_transient(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Transient { .. })
}

fn detail(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Accepted { detail }
        | Outcome::Transient { detail, .. }
        | Outcome::Permanent { detail, .. }
        | Outcome::Uncertain { detail } => detail,
    }
}
