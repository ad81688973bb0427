//! The message itself: RFC 5322, 2045 to 2047, 6532.

use super::AddressError;
use super::address::{address, is_unsafe, mailbox};
use super::words::{encoded, looks_encoded};
use crate::domain::{DeliveryId, Outcome, Time};
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MessageBuilder, MultiPart, MultiPartKind, SinglePart};
use std::time::{Duration, SystemTime};

/// A mail to one recipient, rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The delivery, from which the Message-ID is made.
    pub id: DeliveryId,
    /// `name@domain` or `Display Name <name@domain>`; the address is the envelope's sender too.
    pub from: String,
    /// Where answers go, in the same form.
    pub reply_to: Option<String>,
    /// The recipient: one bare address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// What stands beside the subject in a list of mails. It is part of `html` already where the template shows it, so
    /// nothing is made of it here.
    pub preheader: String,
    /// The plain part; never blank.
    pub text: String,
    /// The HTML part; blank: the mail is plain text only.
    pub html: String,
    /// The `Date` header.
    pub date: Time,
    /// More headers, such as `Feedback-ID`.
    pub headers: Vec<(String, String)>,
}

/// A message ready for the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// Sender of the envelope.
    pub from: Address,
    /// Recipient of the envelope.
    pub to: Address,
    /// The message: lines of at most 998 octets, each ended by CRLF.
    pub message: Vec<u8>,
}

impl Composed {
    /// Whether the server must offer SMTPUTF8 (RFC 6531): when an address is not ASCII before the @.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        let ascii = |address: &Address| <_ as AsRef<str>>::as_ref(address).is_ascii();
        !(ascii(&self.from) && ascii(&self.to) && self.message.is_ascii())
    }
}

/// Why a mail cannot be composed. No text of the customer's is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// The recipient's address.
    #[error("the recipient's address is refused: {0}")]
    To(#[source] AddressError),
    /// The sender's address.
    #[error("`from` is refused: {0}")]
    From(#[source] AddressError),
    /// The address for answers.
    #[error("`reply_to` is refused: {0}")]
    ReplyTo(#[source] AddressError),
    /// A further header is not allowed, comes twice, or its value holds control characters, is too long, or is a link that
    /// could be taken for an encoded word.
    #[error("the header {0:?} is refused")]
    Header(String),
    /// The plain part is blank.
    #[error("the text part is empty")]
    NoText,
    /// The message could not be put together.
    #[error("the message could not be put together: {0}")]
    Build(String),
    /// A line came out longer than 998 octets.
    #[error("a header is too long")]
    LongLine,
}

impl ComposeError {
    /// What this means for the delivery: a sender that cannot be used speaks of the settings, and the delivery waits for
    /// better ones; everything else stays as it is.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let detail = self.to_string();
        match self {
            Self::From(_) | Self::ReplyTo(_) => Outcome::Transient { detail, retry_after: None },
            _ => Outcome::Permanent { detail, receiver_gone: matches!(self, Self::To(_)) },
        }
    }
}

/// A longer subject is cut, with an ellipsis.
const SUBJECT_CHARS: usize = 250;
/// The longest value of a further header; it may be one word, which cannot be folded.
const HEADER_BYTES: usize = 900;
/// RFC 5322, section 2.1.1.
const LINE_BYTES: usize = 998;

/// Headers that are made here and can not be given.
const OURS: [&str; 14] = [
    "from",
    "to",
    "cc",
    "bcc",
    "sender",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "return-path",
    "received",
    "dkim-signature",
    "resent-to",
];

/// Composes a mail. Control characters in the subject become blanks; in a header's value or an address they are an
/// error; in the bodies all but tab and line ends are dropped.
pub fn compose(mail: &Mail) -> Result<Composed, ComposeError> {
    let from = mailbox(&mail.from).map_err(ComposeError::From)?;
    let to = address(&mail.to).map_err(ComposeError::To)?;
    let mut builder = Message::builder()
        .date(system_time(mail.date))
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .raw_header(unstructured(HeaderName::new_from_ascii_str("Subject"), subject(&mail.subject)))
        .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
        .envelope(envelope(&from.email, &to)?);
    builder = named(builder, "From", &from);
    if let Some(reply_to) = &mail.reply_to {
        let reply_to = mailbox(reply_to).map_err(ComposeError::ReplyTo)?;
        builder = builder.reply_to(reply_to.clone());
        builder = named(builder, "Reply-To", &reply_to);
    }
    for (index, (name, value)) in mail.headers.iter().enumerate() {
        let twice = mail.headers[..index].iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let header = header(name, value).filter(|_| !twice).ok_or_else(|| ComposeError::Header(name.clone()))?;
        builder = builder.raw_header(header);
    }
    let message = parts(mail, builder)?.formatted();
    if message.split(|byte| *byte == b'\n').any(|line| line.len() > LINE_BYTES + 1) {
        return Err(ComposeError::LongLine);
    }
    Ok(Composed { from: from.email, to, message })
}

/// Given and not left to lettre, which would read the headers again, with a stricter idea of addresses.
fn envelope(from: &Address, to: &Address) -> Result<Envelope, ComposeError> {
    Envelope::new(Some(from.clone()), vec![to.clone()]).map_err(|error| ComposeError::Build(error.to_string()))
}

fn parts(mail: &Mail, builder: MessageBuilder) -> Result<Message, ComposeError> {
    if mail.text.trim().is_empty() {
        return Err(ComposeError::NoText);
    }
    let part = |kind: ContentType, text: &str| SinglePart::builder().header(kind).body(body(text));
    let text = part(ContentType::TEXT_PLAIN, &mail.text);
    let built = if mail.html.trim().is_empty() {
        builder.singlepart(text)
    } else {
        // A boundary made of the id: a mail that is composed again is the same, and no customer can foretell it.
        let alternative = MultiPart::builder().kind(MultiPartKind::Alternative).boundary(format!("=_{}", mail.id));
        builder.multipart(alternative.singlepart(text).singlepart(part(ContentType::TEXT_HTML, &mail.html)))
    };
    built.map_err(|error| ComposeError::Build(error.to_string()))
}

/// One line without control characters, not too long.
fn subject(text: &str) -> String {
    let line: String = text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect();
    let line = line.trim();
    if line.chars().count() <= SUBJECT_CHARS {
        return line.to_owned();
    }
    line.chars().take(SUBJECT_CHARS - 1).chain(['…']).collect()
}

fn header(name: &str, value: &str) -> Option<HeaderValue> {
    let lower = name.to_ascii_lowercase();
    let token = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let safe = value.len() <= HEADER_BYTES && !value.chars().any(is_unsafe);
    if !token || !safe || OURS.contains(&lower.as_str()) || lower.starts_with("content-") {
        return None;
    }
    // Links cannot be encoded, and are not read as encoded words by who keeps to RFC 2047; others exist.
    if lower.starts_with("list-") && looks_encoded(value) {
        return None;
    }
    let name = HeaderName::new_from_ascii(name.to_owned()).ok()?;
    Some(unstructured(name, value.trim().to_owned()))
}

/// A header whose text is read back as it is.
fn unstructured(name: HeaderName, text: String) -> HeaderValue {
    if looks_encoded(&text) {
        let encoded = encoded(&name, &text);
        return HeaderValue::dangerous_new_pre_encoded(name, text, encoded);
    }
    HeaderValue::new(name, text)
}

/// Puts another form of a mailbox, already given, in its place where the display name would be taken for encoded words;
/// quotes do not keep all mail readers from it.
fn named(builder: MessageBuilder, header: &'static str, mailbox: &Mailbox) -> MessageBuilder {
    let Some(name) = mailbox.name.as_ref().filter(|name| looks_encoded(name)) else {
        return builder;
    };
    // On a line of its own, because an address may be long.
    let value = format!("{}\r\n <{}>", encoded(header, name), mailbox.email);
    // What lettre reads again is the bare address; it has no use for the name.
    let header = HeaderName::new_from_ascii_str(header);
    builder.raw_header(HeaderValue::dangerous_new_pre_encoded(header, mailbox.email.to_string(), value))
}

/// Line ends are `\n` alone (the encoder makes CRLF of them), and no control characters but tab remain.
fn body(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    }
    text
}

/// Times before 1970 become 1970.
fn system_time(time: Time) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(time.0).unwrap_or(0))
}
