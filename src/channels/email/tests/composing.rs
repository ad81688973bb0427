//! The message on paper.

use super::mail;
use crate::channels::email::{ComposeError, Mail, check_address, compose};
use proptest::prelude::*;

fn text_of(mail: &Mail) -> String {
    String::from_utf8(compose(mail).unwrap().message).unwrap()
}

/// The headers of a message, unfolded.
fn headers_of(mail: &Mail) -> Vec<(String, String)> {
    let message = text_of(mail);
    let (head, _) = message.split_once("\r\n\r\n").unwrap();
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    unfolded.split("\r\n").map(|line| line.split_once(": ").unwrap()).map(|(k, v)| (k.into(), v.into())).collect()
}

fn header_of(mail: &Mail, name: &str) -> String {
    headers_of(mail).into_iter().find(|(key, _)| key == name).unwrap().1
}

#[test]
fn a_mail_looks_like_this() {
    let mut mail = mail(1);
    mail.reply_to = Some("Help <help@amani.example>".into());
    mail.text = "Dođi natrag.\n".into();
    insta::assert_snapshot!(text_of(&mail).replace('\r', ""), @r#"
    Date: Sun, 22 Nov 2026 10:00:00 +0000
    From: "Amani Coffee" <hello@amani.example>
    To: customer1@shop.example
    Subject: We miss you
    Message-ID: <01010101010101010101010101010101@amani.example>
    Reply-To: Help <help@amani.example>
    Feedback-ID: win-back:retaind
    MIME-Version: 1.0
    Content-Type: multipart/alternative;
     boundary="=_01010101010101010101010101010101"

    --=_01010101010101010101010101010101
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: quoted-printable

    Do=C4=91i natrag.

    --=_01010101010101010101010101010101
    Content-Type: text/html; charset=utf-8
    Content-Transfer-Encoding: 7bit

    <p>Come back.</p>

    --=_01010101010101010101010101010101--
    "#);
}

#[test]
fn the_headers_that_must_be_there_are_there_once() {
    let names: Vec<_> = headers_of(&mail(1)).into_iter().map(|(name, _)| name).collect();
    for name in ["Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type", "Feedback-ID"] {
        assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name}");
    }
    assert_eq!(header_of(&mail(1), "Date"), "Sun, 22 Nov 2026 10:00:00 +0000");
}

#[test]
fn composing_again_gives_the_same_bytes() {
    assert_eq!(compose(&mail(1)), compose(&mail(1)));
}

#[test]
fn what_a_customer_wrote_cannot_begin_a_header() {
    for evil in ["x\r\nBcc: thief@x.example", "x\nBcc: y", "x\rBcc: y", "x\0y", "x\u{2028}Bcc: y", "x\u{85}Bcc: y"] {
        let mut one = mail(1);
        one.subject = evil.into();
        assert!(headers_of(&one).iter().all(|(name, _)| name != "Bcc"), "{evil:?}");
        assert!(header_of(&one, "Subject").starts_with("x "), "{evil:?}");

        let mut one = mail(1);
        one.headers = vec![("List-Id".into(), evil.into())];
        assert_eq!(compose(&one), Err(ComposeError::Header("List-Id".into())), "{evil:?}");

        for address in [format!("{evil} <a@b.example>"), format!("a@b.example{evil}")] {
            for one in [
                Mail { to: address.clone(), ..mail(1) },
                Mail { from: address.clone(), ..mail(1) },
                Mail { reply_to: Some(address.clone()), ..mail(1) },
            ] {
                assert!(compose(&one).is_err(), "{evil:?}");
            }
        }
    }
}

#[test]
fn headers_of_our_own_cannot_be_given_nor_any_be_given_twice() {
    for name in
        ["From", "bcc", "SUBJECT", "Message-ID", "Content-Type", "MIME-Version", "", "X Y", "X:Y", "Ä", "X\r\nY"]
    {
        let mut mail = mail(1);
        mail.headers = vec![(name.into(), "value".into())];
        assert_eq!(compose(&mail), Err(ComposeError::Header(name.into())), "{name:?}");
    }
    let mut mail = mail(1);
    mail.headers = vec![("X-One".into(), "1".into()), ("x-one".into(), "2".into())];
    assert_eq!(compose(&mail), Err(ComposeError::Header("x-one".into())));
}

#[test]
fn texts_beyond_ascii_stand_in_encoded_words_of_at_most_75() {
    let mut mail = mail(1);
    mail.subject = "Nedostajete nam, Đurđa! Вернитесь к нам поскорее, у нас новый кофе ☕".into();
    mail.from = "Kavana Čvorak, d.o.o. <hello@amani.example>".into();
    let message = text_of(&mail);
    let head = message.split_once("\r\n\r\n").unwrap().0;
    assert!(head.is_ascii());
    assert!(head.contains("Subject: Nedostajete nam, =?utf-8?"), "{head}");
    for word in head.split_whitespace().filter(|word| word.contains("=?")) {
        assert!(word.len() <= 76, "{word}");
    }
    for line in head.split("\r\n") {
        assert!(line.len() <= 78, "{line}");
    }
}

#[test]
fn lines_end_with_crlf_and_have_at_most_998_octets() {
    let mut mail = mail(1);
    mail.subject = "s".repeat(2000);
    mail.text = format!("{}\nbare\rcr\r\nlf\n\n{}\0\u{7}", "x".repeat(5000), "đ".repeat(3000));
    mail.html = format!("<p>{}</p>", "y ".repeat(3000));
    mail.headers = vec![("List-Unsubscribe".into(), format!("<https://x.example/{}>", "u".repeat(400)))];
    let message = compose(&mail).unwrap().message;
    let text = String::from_utf8(message).unwrap();
    let without = text.replace("\r\n", "");
    assert!(!without.contains(['\r', '\n', '\0', '\u{7}']) && text.is_ascii());
    assert!(text.split("\r\n").all(|line| line.len() <= 998));
    assert!(text.contains(&format!("u{}>", "u".repeat(399))), "a long link is not cut");
}

#[test]
fn a_subject_that_is_too_long_is_cut() {
    let mut mail = mail(1);
    mail.subject = "word ".repeat(100);
    let subject = header_of(&mail, "Subject");
    assert!(subject.starts_with("word word") && subject.len() < 300, "{subject}");
}

#[test]
fn the_text_part_comes_first_is_never_empty_and_stands_alone_without_html() {
    let both = text_of(&mail(1));
    assert!(both.find("text/plain").unwrap() < both.find("text/html").unwrap());

    let mut one = mail(1);
    one.text = " \n".into();
    assert_eq!(compose(&one), Err(ComposeError::NoText));

    let mut one = mail(1);
    one.html = String::new();
    assert!(header_of(&one, "Content-Type").starts_with("text/plain"));
}

#[test]
fn the_sender_is_in_the_envelope_and_its_domain_in_the_message_id() {
    let mut mail = mail(1);
    mail.from = "Kava <hello@čvorak.example>".into();
    let composed = compose(&mail).unwrap();
    assert_eq!(composed.from.to_string(), "hello@xn--vorak-gya.example");
    assert!(header_of(&mail, "Message-ID").ends_with("@xn--vorak-gya.example>"));
    assert!(!composed.needs_smtputf8());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_customers_write_the_message_keeps_its_form(subject in any::<String>(), text in any::<String>(), html in any::<String>()) {
        let mut mail = mail(1);
        (mail.subject, mail.text, mail.html) = (subject, format!("text {text}"), html);
        let message = text_of(&mail);
        prop_assert!(message.is_ascii());
        prop_assert!(!message.replace("\r\n", "").contains(['\r', '\n', '\0']));
        prop_assert!(message.split("\r\n").all(|line| line.len() <= 998));
        let names: Vec<_> = headers_of(&mail).into_iter().map(|(name, _)| name).collect();
        prop_assert_eq!(&names[..7], ["Date", "From", "To", "Subject", "Message-ID", "Feedback-ID", "MIME-Version"]);
        prop_assert!(names[7..].iter().all(|name| name.starts_with("Content-")));
    }

    #[test]
    fn an_address_that_is_taken_is_safe_in_commands_and_headers(text in r"[a-c.<>, \PC]{1,3}@[a-dđ.> ]{1,5}") {
        prop_assume!(check_address(&text).is_ok());
        let mut mail = mail(1);
        mail.to = text;
        let composed = compose(&mail).unwrap();
        let wire: &str = composed.to.as_ref();
        prop_assert!(!wire.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;\"()".contains(c)), "{}", wire);
        prop_assert_eq!(wire.matches('@').count(), 1);
        prop_assert!(composed.to.domain().is_ascii());
    }
}
