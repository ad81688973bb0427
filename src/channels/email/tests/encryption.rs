//! TLS, authentication, and bytes that servers should not send.

use super::server::{Encryption, Identity, encrypted, scripted};
use super::{catcher, detail, is_transient, mail, send, settings};
use crate::catcher::MailFaults;
use crate::channels::email::{Credentials, Mailer, MailerSettings, TlsPolicy, Transport};
use crate::domain::Outcome;
use std::net::SocketAddr;

const OFFERS_TLS: (&str, &[u8]) = ("EHLO", b"250-scripted.invalid\r\n250-STARTTLS\r\n250 8BITMIME\r\n");

fn with_policy(address: SocketAddr, tls: TlsPolicy) -> MailerSettings {
    MailerSettings { tls, ..settings(address) }
}

fn with_password(settings: MailerSettings) -> MailerSettings {
    let credentials = Credentials { username: "mailer".into(), password: "open sesame".into() };
    MailerSettings { credentials: Some(credentials), ..settings }
}

async fn send_one(settings: MailerSettings) -> Outcome {
    let mailer = Mailer::new(settings).unwrap();
    let outcome = send(&mailer, &mail(1)).await;
    mailer.close().await;
    outcome
}

fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted { .. })
}

#[tokio::test]
async fn required_tls_never_falls_back_to_clear_text() {
    let catcher = catcher(MailFaults::none()).await;
    let outcome = send_one(with_policy(catcher.address(), TlsPolicy::Required)).await;
    assert!(is_transient(&outcome) && detail(&outcome).contains("STARTTLS"), "{outcome:?}");
    assert_eq!(catcher.count(), 0);

    for refusal in [&b"454 4.7.0 Not now\r\n"[..], b"502 5.5.1 What\r\n"] {
        let server = scripted(&[OFFERS_TLS, ("STARTTLS", refusal)]).await;
        assert!(is_transient(&send_one(with_policy(server.address, TlsPolicy::Required)).await));
        assert!(server.heard().await.iter().all(|line| !line.starts_with("MAIL")));
    }
}

#[tokio::test]
async fn opportunistic_tls_speaks_clear_text_where_none_is_offered() {
    let catcher = catcher(MailFaults::none()).await;
    let outcome = send_one(with_policy(catcher.address(), TlsPolicy::Opportunistic)).await;
    assert!(is_accepted(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn starttls_is_used_when_offered_and_everything_after_it_is_encrypted() {
    let identity = Identity::new();
    for policy in [TlsPolicy::Opportunistic, TlsPolicy::Required] {
        let server = encrypted(&[OFFERS_TLS], &identity, Encryption::AfterStartTls).await;
        let mut settings = with_policy(server.address, policy);
        settings.extra_roots = vec![identity.root.clone()];
        let outcome = send_one(settings).await;
        assert!(is_accepted(&outcome), "{policy:?}: {outcome:?}");
        let verbs: Vec<_> = server.heard().await.iter().map(|line| line[..4].to_owned()).collect();
        assert_eq!(verbs, ["EHLO", "STAR", "EHLO", "MAIL", "RCPT", "DATA", "QUIT"]);
    }
}

#[tokio::test]
async fn an_unknown_certificate_will_do_for_opportunistic_tls_only() {
    let identity = Identity::new();
    for (policy, accepted) in [(TlsPolicy::Opportunistic, true), (TlsPolicy::Required, false)] {
        let server = encrypted(&[OFFERS_TLS], &identity, Encryption::AfterStartTls).await;
        let outcome = send_one(with_policy(server.address, policy)).await;
        assert_eq!((is_accepted(&outcome), is_transient(&outcome)), (accepted, !accepted), "{outcome:?}");
        assert_eq!(server.heard().await.iter().any(|line| line.starts_with("MAIL")), accepted);
    }
}

#[tokio::test]
async fn a_failed_handshake_is_no_reason_for_clear_text() {
    let server = scripted(&[OFFERS_TLS, ("STARTTLS", b"220 Go\r\n")]).await;
    let outcome = send_one(with_policy(server.address, TlsPolicy::Opportunistic)).await;
    assert!(is_transient(&outcome) && detail(&outcome).starts_with("TLS handshake"), "{outcome:?}");
}

#[tokio::test]
async fn words_slipped_in_before_the_encryption_are_not_taken_for_the_servers() {
    let identity = Identity::new();
    let slipped_in = ("STARTTLS", &b"220 Go\r\n250-scripted.invalid\r\n250 AUTH PLAIN\r\n"[..]);
    let server = encrypted(&[OFFERS_TLS, slipped_in], &identity, Encryption::AfterStartTls).await;
    let mut settings = with_policy(server.address, TlsPolicy::Required);
    settings.extra_roots = vec![identity.root.clone()];
    let outcome = send_one(settings).await;
    assert!(is_transient(&outcome) && detail(&outcome).contains("more than it was asked"), "{outcome:?}");
}

#[tokio::test]
async fn smtps_is_encrypted_from_the_first_byte_and_always_verified() {
    let identity = Identity::new();
    for (root, accepted) in [(Some(&identity.root), true), (None, false)] {
        let server = encrypted(&[], &identity, Encryption::AtOnce).await;
        let mut settings = with_policy(server.address, TlsPolicy::Opportunistic);
        settings.transport = Transport::Smtps { host: "127.0.0.1".into(), port: server.address.port() };
        settings.extra_roots = root.into_iter().cloned().collect();
        let outcome = send_one(settings).await;
        assert_eq!((is_accepted(&outcome), is_transient(&outcome)), (accepted, !accepted), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_password_is_said_once_per_connection_and_plain_is_preferred() {
    for (offer, words) in [
        (&b"250-x\r\n250 AUTH LOGIN PLAIN\r\n"[..], &["AUTH PLAIN AG1haWxlcgBvcGVuIHNlc2FtZQ=="][..]),
        (b"250-x\r\n250 AUTH LOGIN\r\n", &["AUTH LOGIN", "bWFpbGVy", "b3BlbiBzZXNhbWU="]),
    ] {
        let server = scripted(&[
            ("EHLO", offer),
            ("AUTH LOGIN", b"334 VXNlcm5hbWU6\r\n"),
            ("bWFpbGVy", b"334 UGFzc3dvcmQ6\r\n"),
            ("AUTH", b"235 2.7.0 Ok\r\n"),
            ("b3BlbiBzZXNhbWU=", b"235 2.7.0 Ok\r\n"),
        ])
        .await;
        let mailer = Mailer::new(with_password(settings(server.address))).unwrap();
        for number in 1..=2 {
            let outcome = send(&mailer, &mail(number)).await;
            assert!(is_accepted(&outcome), "{outcome:?}");
        }
        mailer.close().await;
        let heard = server.heard().await;
        assert_eq!(heard[1..=words.len()], *words);
        assert_eq!(heard.iter().filter(|line| line.starts_with("AUTH")).count(), 1);
    }
}

#[tokio::test]
async fn a_wrong_password_is_transient_and_not_shown() {
    let server = scripted(&[
        ("EHLO", b"250-x\r\n250 AUTH PLAIN\r\n"),
        ("AUTH", b"535 5.7.8 Wrong for mailer@relay.example: open\r\n"),
    ])
    .await;
    let settings = with_password(settings(server.address));
    let shown = format!("{settings:?}");
    assert!(!shown.contains("sesame") && !shown.contains("mailer\""), "{shown}");
    let outcome = send_one(settings).await;
    assert!(is_transient(&outcome), "{outcome:?}");
    assert_eq!(detail(&outcome), "authentication: 535 5.7.8 Wrong for (address): open");
}

#[tokio::test]
async fn a_server_without_authentication_is_transient() {
    let server = scripted(&[]).await;
    let outcome = send_one(with_password(settings(server.address))).await;
    assert!(is_transient(&outcome) && detail(&outcome).starts_with("authentication: "), "{outcome:?}");
}

#[tokio::test]
async fn texts_in_another_charset_and_odd_codes_are_still_replies() {
    let refusal = ("DATA", &b"571-5.7.1 Zugriff gesch\xfctzt\r\n571 5.7.1 f\xfcr Sie\r\n"[..]);
    let server = scripted(&[refusal]).await;
    let outcome = send_one(settings(server.address)).await;
    let detail = "the message: 551 5.7.1 Zugriff gesch?tzt f?r Sie".to_owned();
    assert_eq!(outcome, Outcome::Permanent { detail, receiver_gone: false });
}
