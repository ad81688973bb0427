//! The catchers by themselves; what speaks to them in earnest tries the rest.

use super::{CatcherError, HookCatcher, HookFaults, Kept, MailAct, MailCatcher, MailFaults, MailStage, When};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn anywhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Says everything at once and gives what came back until the server closed.
async fn say(address: SocketAddr, words: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(words.as_bytes()).await.unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    heard
}

fn codes(heard: &str) -> Vec<&str> {
    heard.lines().filter(|line| line.as_bytes().get(3) == Some(&b' ')).map(|line| &line[..3]).collect()
}

const DIALOGUE: &str = "EHLO me\r\nMAIL FROM:<a@b.example> SMTPUTF8\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<e@f.example>\r\n\
    DATA\r\nSubject: Hi\r\nMessage-ID: <1@b.example>\r\n\r\n..\r\n.\r\nQUIT\r\n";

#[tokio::test]
async fn a_mail_is_kept_with_what_names_it() {
    let catcher = MailCatcher::start(anywhere(), MailFaults::none()).await.unwrap();
    let heard = say(catcher.address(), DIALOGUE).await;
    assert_eq!(codes(&heard), ["220", "250", "250", "250", "250", "354", "250", "221"], "{heard}");
    let mail = catcher.mails().remove(0);
    assert_eq!(
        (mail.message_id.as_str(), mail.subject.as_str(), mail.from.as_str()),
        ("<1@b.example>", "Hi", "a@b.example")
    );
    assert_eq!((mail.to, mail.smtputf8), (vec!["c@d.example".to_owned(), "e@f.example".to_owned()], true));
    assert_eq!(&*mail.message, b"Subject: Hi\r\nMessage-ID: <1@b.example>\r\n\r\n.\r\n");
    assert_eq!(mail.file, None);
}

#[tokio::test]
async fn with_a_folder_mails_go_into_files() {
    let folder = tempfile::tempdir().unwrap();
    let catcher = MailCatcher::start_in(&folder.path().join("mails"), anywhere(), MailFaults::none()).await.unwrap();
    for _ in 0..2 {
        say(catcher.address(), DIALOGUE).await;
    }
    let [one, two] = <[_; 2]>::try_from(catcher.mails()).unwrap();
    assert!(one.message.is_empty() && two.file.is_some() && one.file != two.file);
    let written = std::fs::read_to_string(one.file.unwrap()).unwrap();
    assert!(written.starts_with("Subject: Hi\r\n"), "{written}");
}

#[tokio::test]
async fn commands_out_of_order_are_refused_and_the_session_goes_on() {
    let catcher = MailCatcher::start(anywhere(), MailFaults::none()).await.unwrap();
    let words =
        "DATA\r\nRCPT TO:<a@b>\r\nMAIL a@b\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\nRSET\r\nNOOP\r\nVRFY x\r\nQUIT\r\n";
    let heard = say(catcher.address(), words).await;
    assert_eq!(codes(&heard), ["220", "503", "503", "501", "250", "503", "250", "250", "502", "221"], "{heard}");
    assert_eq!(catcher.count(), 0);
}

#[tokio::test]
async fn a_fault_refuses_only_whom_it_means() {
    let refusal = MailAct::Reply("550 5.1.1 No".into());
    let faults = MailFaults::none().with(MailStage::Recipient, When::Contains("c@d".into()), refusal);
    let catcher = MailCatcher::start(anywhere(), faults).await.unwrap();
    let heard = say(catcher.address(), DIALOGUE).await;
    assert_eq!(codes(&heard), ["220", "250", "250", "550", "250", "354", "250", "221"], "{heard}");
    assert_eq!(catcher.mails()[0].to, ["e@f.example"]);
}

#[tokio::test]
async fn a_line_without_end_is_not_read_for_ever() {
    let catcher = MailCatcher::start(anywhere(), MailFaults::none()).await.unwrap();
    let mut stream = TcpStream::connect(catcher.address()).await.unwrap();
    // The server may close before all is written, and then reset.
    drop(stream.write_all(&vec![b'x'; 1024 * 1024]).await);
    drop(stream.read_to_end(&mut Vec::new()).await);
    catcher.wait_for_open(0).await;
}

#[tokio::test]
async fn dropping_a_catcher_closes_what_it_serves() {
    let catcher = MailCatcher::start(anywhere(), MailFaults::none()).await.unwrap();
    let hooks = HookCatcher::start(anywhere(), "whsec_AAAA", HookFaults::none()).await.unwrap();
    let mut mail = TcpStream::connect(catcher.address()).await.unwrap();
    let mut hook = TcpStream::connect(hooks.address()).await.unwrap();
    catcher.wait_for_open(1).await;
    drop((catcher, hooks));
    mail.read_to_end(&mut Vec::new()).await.unwrap();
    drop(hook.read_to_end(&mut Vec::new()).await);
}

#[tokio::test]
async fn a_call_with_a_wrong_signature_is_kept_and_answered_401() {
    let catcher = HookCatcher::start(anywhere(), "whsec_AAAA", HookFaults::none()).await.unwrap();
    let call = "POST /x HTTP/1.1\r\nhost: h\r\nconnection: close\r\nwebhook-id: i\r\nwebhook-timestamp: 1\r\n\
        webhook-signature: v1,AAAA v2,x\r\ncontent-length: 2\r\n\r\n{}";
    let heard = say(catcher.address(), call).await;
    assert!(heard.starts_with("HTTP/1.1 401"), "{heard}");
    let call = catcher.calls().remove(0);
    assert_eq!((call.id.as_str(), call.timestamp, call.verified, call.body.as_str()), ("i", Some(1), false, "{}"));
}

#[tokio::test]
async fn a_secret_that_is_none_is_refused() {
    for secret in ["", "AAAA", "whsec_!"] {
        let error = HookCatcher::start(anywhere(), secret, HookFaults::none()).await.err().unwrap();
        assert!(matches!(error, CatcherError::Secret), "{secret}");
    }
}

#[test]
fn old_items_are_forgotten_but_still_counted() {
    let kept = Kept::new();
    for number in 0..25_000 {
        kept.push(number, 0);
    }
    assert_eq!((kept.count(), kept.all().len(), kept.all()[0]), (25_000, super::KEPT, 5_000));

    let large = Kept::new();
    for number in 0..3 {
        large.push(number, super::KEPT_BYTES);
    }
    assert_eq!(large.all(), [2]);
}
