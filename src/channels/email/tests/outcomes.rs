//! What an attempt comes to.

use super::{
    anywhere, catcher, detail, hasty_with_commands, hasty_with_messages, is_transient, mail, mailer, send, server,
    settings,
};
use crate::catcher::{MailAct, MailFaults, MailStage, When};
use crate::channels::email::{Mailer, compose};
use crate::domain::Outcome;
use std::time::Duration;
use tokio::net::TcpListener;

fn once(stage: MailStage, act: MailAct) -> MailFaults {
    MailFaults::none().with(stage, When::First(1), act)
}

fn reply(text: &str) -> MailAct {
    MailAct::Reply(text.into())
}

#[tokio::test]
async fn an_accepted_mail_is_at_the_server_as_it_was_composed() {
    let catcher = catcher(MailFaults::none()).await;
    let outcome = send(&mailer(&catcher), &mail(1)).await;
    assert_eq!(outcome, Outcome::Accepted { detail: "250 2.0.0 Kept".into() });
    let [caught] = <[_; 1]>::try_from(catcher.mails()).unwrap();
    assert_eq!(caught.message_id, "<01010101010101010101010101010101@amani.example>");
    assert_eq!((caught.from.as_str(), caught.to), ("hello@amani.example", vec!["customer1@shop.example".to_owned()]));
    assert_eq!(caught.subject, "We miss you");
    assert!(!caught.smtputf8);
    let composed = compose(&mail(1)).unwrap().message;
    assert_eq!(caught.message.strip_suffix(b"\r\n"), Some(composed.as_slice()));
}

#[tokio::test]
async fn lines_that_begin_with_a_dot_arrive_unchanged() {
    let catcher = catcher(MailFaults::none()).await;
    let mut mail = mail(1);
    mail.text = ".\n..\n.one\nend".into();
    send(&mailer(&catcher), &mail).await;
    let message = String::from_utf8(catcher.mails()[0].message.to_vec()).unwrap();
    assert!(message.contains("\r\n\r\n.\r\n..\r\n.one\r\nend\r\n"), "{message}");
}

#[tokio::test]
async fn an_unknown_recipient_is_permanent_and_gone_and_not_named() {
    let fault = once(MailStage::Recipient, reply("550 5.1.1 <customer1@shop.example>: no such user customer1"));
    let catcher = catcher(fault).await;
    let outcome = send(&mailer(&catcher), &mail(1)).await;
    let detail = "RCPT TO: 550 5.1.1 <(address)>: no such user (address)".to_owned();
    assert_eq!(outcome, Outcome::Permanent { detail, receiver_gone: true });
}

#[tokio::test]
async fn replies_are_classified_wherever_they_come() {
    let permanent = |outcome: &Outcome| matches!(outcome, Outcome::Permanent { receiver_gone: false, .. });
    for (stage, text, is_permanent) in [
        (MailStage::Mail, "451 4.3.0 Later", false),
        (MailStage::Mail, "550 5.7.1 Not you", true),
        (MailStage::Recipient, "450 4.7.1 Greylisted", false),
        (MailStage::Recipient, "550 5.7.1 Not them", true),
        (MailStage::Recipient, "552 5.2.2 Full", false),
        (MailStage::Data, "451 4.3.0 Later", false),
        (MailStage::Data, "554 5.5.0 No", true),
        (MailStage::Dot, "451 4.3.0 Later", false),
        (MailStage::Dot, "552 5.3.4 Too large", false),
        (MailStage::Dot, "554 5.7.1 Spam", true),
        (MailStage::Dot, "571 5.7.1 Spam", true),
    ] {
        let catcher = catcher(once(stage, reply(text))).await;
        let mailer = mailer(&catcher);
        let outcome = send(&mailer, &mail(1)).await;
        assert_eq!((permanent(&outcome), is_transient(&outcome)), (is_permanent, !is_permanent), "{stage:?} {text}");
        assert!(detail(&outcome).contains(&text[4..]), "{outcome:?}");

        let next = send(&mailer, &mail(2)).await;
        assert!(matches!(next, Outcome::Accepted { .. }), "{stage:?} {text}: {next:?}");
        assert_eq!((catcher.count(), catcher.connections()), (1, 1), "the connection goes on after {text}");
    }
}

#[tokio::test]
async fn after_421_the_connection_is_dropped_and_the_mail_is_transient() {
    for stage in [MailStage::Mail, MailStage::Recipient, MailStage::Data, MailStage::Dot] {
        let catcher = catcher(once(stage, reply("421 4.3.2 Shutting down"))).await;
        let mailer = mailer(&catcher);
        assert!(is_transient(&send(&mailer, &mail(1)).await), "{stage:?}");
        assert!(matches!(send(&mailer, &mail(2)).await, Outcome::Accepted { .. }), "{stage:?}");
        assert_eq!(catcher.connections(), 2, "{stage:?}");
    }
}

#[tokio::test]
async fn an_end_or_silence_before_the_final_dot_is_transient() {
    for stage in [MailStage::Mail, MailStage::Recipient, MailStage::Data] {
        for act in [MailAct::Close, MailAct::Stall] {
            let catcher = catcher(once(stage, act.clone())).await;
            let mailer = hasty_with_commands(&catcher);
            let outcome = send(&mailer, &mail(1)).await;
            assert!(is_transient(&outcome), "{stage:?} {act:?}: {outcome:?}");
            assert_eq!(catcher.count(), 0);
        }
    }
}

#[tokio::test]
async fn an_end_or_silence_after_the_final_dot_is_uncertain() {
    for (stage, recorded) in [(MailStage::Dot, 0), (MailStage::Recorded, 1)] {
        for act in [MailAct::Close, MailAct::Stall] {
            let catcher = catcher(once(stage, act.clone())).await;
            let outcome = send(&hasty_with_messages(&catcher), &mail(1)).await;
            assert!(matches!(outcome, Outcome::Uncertain { .. }), "{stage:?} {act:?}: {outcome:?}");
            assert_eq!(catcher.count(), recorded, "{stage:?} {act:?}");
        }
    }
}

#[tokio::test]
async fn a_reply_to_the_final_dot_that_makes_no_sense_is_uncertain() {
    for text in ["354 Go on", "hello", "999 what"] {
        let catcher = catcher(once(MailStage::Recorded, reply(text))).await;
        let outcome = send(&hasty_with_messages(&catcher), &mail(1)).await;
        assert!(matches!(outcome, Outcome::Uncertain { .. }), "{text}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_message_that_the_server_stops_reading_is_transient() {
    let server = server::deaf_after_data();
    let mut settings = settings(server.address);
    settings.timeouts.message = Duration::from_millis(300);
    let mut composed = compose(&mail(1)).unwrap();
    composed.message = b"more than all buffers on the way can hold\r\n".repeat(200_000);
    let connection = Mailer::new(settings).unwrap().connect().await.unwrap();
    let outcome = connection.send_composed(mail(1).id, composed).await;
    assert!(is_transient(&outcome), "the dot was never written: {outcome:?}");
}

#[tokio::test]
async fn a_server_that_does_not_want_us_is_transient() {
    for act in [reply("554 5.7.1 No service"), reply("421 4.7.0 Busy"), MailAct::Close, MailAct::Stall] {
        for stage in [MailStage::Greeting, MailStage::Hello] {
            let catcher = catcher(once(stage, act.clone())).await;
            let outcome = hasty_with_commands(&catcher).connect().await.unwrap_err();
            assert!(is_transient(&outcome), "{stage:?} {act:?}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn no_server_at_all_is_transient() {
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let outcome = Mailer::new(settings(address)).unwrap().connect().await.unwrap_err();
    assert!(is_transient(&outcome) && detail(&outcome).starts_with("connecting: "), "{outcome:?}");
}

#[tokio::test]
async fn a_slow_server_within_the_limits_is_no_fault() {
    let delay = || MailAct::Delay(Duration::from_millis(5));
    let faults = [MailStage::Greeting, MailStage::Hello, MailStage::Recipient, MailStage::Data, MailStage::Dot]
        .into_iter()
        .fold(MailFaults::none(), |faults, stage| faults.with(stage, When::Always, delay()));
    let catcher = catcher(faults).await;
    assert!(matches!(send(&mailer(&catcher), &mail(1)).await, Outcome::Accepted { .. }));
}

#[tokio::test]
async fn an_address_beyond_ascii_asks_for_smtputf8_or_fails_with_5_6_7() {
    let mut mail = mail(1);
    mail.to = "đurđa@bücher.example".into();

    let able = catcher(MailFaults::none()).await;
    assert!(matches!(send(&mailer(&able), &mail).await, Outcome::Accepted { .. }));
    let caught = able.mails().remove(0);
    assert_eq!((caught.smtputf8, caught.to), (true, vec!["đurđa@xn--bcher-kva.example".to_owned()]));

    let unable = catcher(MailFaults::none().without_smtputf8()).await;
    let mailer = mailer(&unable);
    let outcome = send(&mailer, &mail).await;
    assert!(matches!(&outcome, Outcome::Permanent { detail, receiver_gone: false } if detail.contains("5.6.7")));
    assert!(matches!(send(&mailer, &super::mail(2)).await, Outcome::Accepted { .. }));
    assert_eq!((unable.count(), unable.connections()), (1, 1));
}

#[tokio::test]
async fn a_mail_that_cannot_be_composed_says_nothing_to_the_server() {
    let catcher = catcher(MailFaults::none()).await;
    let mailer = mailer(&catcher);
    for to in ["", "a@b.example, c@d.example", "a@b.example\r\nRCPT TO:<c@d.example>"] {
        let mut mail = mail(1);
        mail.to = to.into();
        let outcome = send(&mailer, &mail).await;
        assert!(matches!(outcome, Outcome::Permanent { receiver_gone: true, .. }), "{to:?}: {outcome:?}");
    }
    assert!(matches!(send(&mailer, &mail(1)).await, Outcome::Accepted { .. }));
    assert_eq!((catcher.count(), catcher.connections()), (1, 1));
}
