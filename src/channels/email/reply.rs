//! What a server's reply means.

use super::settings::Timeouts;
use crate::domain::Outcome;
use lettre::transport::smtp::response::{Response, Severity};
use std::error::Error;
use std::time::Duration;
use tokio::time::error::Elapsed;

/// The longest text of a server that is kept, in characters.
const TEXT_CHARS: usize = 300;

/// A step of the dialogue, for texts and for what its failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Mail,
    Recipient,
    Data,
    Message,
}

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Mail => "MAIL FROM",
            Self::Recipient => "RCPT TO",
            Self::Data => "DATA",
            Self::Message => "the message",
        }
    }

    /// How long the server may take.
    pub(super) const fn limit(self, timeouts: &Timeouts) -> Duration {
        match self {
            Self::Message => timeouts.message,
            _ => timeouts.command,
        }
    }

    /// The kind of reply that lets the dialogue go on.
    const fn expected(self) -> Severity {
        match self {
            Self::Data => Severity::PositiveIntermediate,
            _ => Severity::PositiveCompletion,
        }
    }
}

/// Why a step did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The server said no.
    Refused {
        /// The reply's code.
        code: u16,
        /// The reply's text as it came.
        text: String,
    },
    /// There was no reply, or none that can be understood: the connection is of no use any more.
    Lost(String),
}

/// What lettre and the clock made of a step.
pub(super) type Attempt = Result<Result<Response, lettre::transport::smtp::Error>, Elapsed>;

/// Sorts what came back.
pub(super) fn judge(step: Step, attempt: Attempt) -> Result<Response, Fault> {
    match attempt {
        Err(_) => Err(Fault::Lost("no answer in time".to_owned())),
        Ok(Ok(response)) if response.code().severity == step.expected() => Ok(response),
        Ok(Ok(response)) => Err(Fault::Lost(format!("an answer out of place, {}", response.code()))),
        Ok(Err(error)) => Err(fault(&error)),
    }
}

/// A failure as lettre tells it.
pub(super) fn fault(error: &lettre::transport::smtp::Error) -> Fault {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    match error.status() {
        Some(code) => Fault::Refused { code: code.into(), text: cause },
        None if cause == "incomplete response" => Fault::Lost("the connection was closed".to_owned()),
        None => Fault::Lost(cause),
    }
}

impl Fault {
    /// Whether the connection can take no further command: it is broken, the server closes it (421), or it stands in the
    /// way of every message and not of this one (RFC 4954 section 6: authentication, encryption; 503: we are out of step).
    pub(super) const fn ends_connection(&self, step: Step) -> bool {
        match self {
            Self::Lost(_) => true,
            Self::Refused { code, .. } => {
                *code == 421 || (matches!(step, Step::Mail) && matches!(*code, 503 | 530 | 534 | 535 | 538))
            }
        }
    }

    /// What a refusal or failure means for the message, as long as the final dot was not written or was answered.
    ///
    /// 4xx is transient and 5xx is permanent (RFC 5321 section 4.2.1), but 552 is treated as 452 (section 4.5.3.1.10), and
    /// what ends the connection is transient.
    pub(super) fn outcome(&self, step: Step, recipient: &str) -> Outcome {
        let detail = self.detail(step, recipient);
        match self {
            Self::Refused { code: code @ 500..=599, text } if *code != 552 && !self.ends_connection(step) => {
                let receiver_gone = matches!(step, Step::Recipient | Step::Message) && speaks_of_recipient(text);
                Outcome::Permanent { detail, receiver_gone }
            }
            _ => Outcome::Transient { detail, retry_after: None },
        }
    }

    /// A text without addresses.
    pub(super) fn detail(&self, step: Step, recipient: &str) -> String {
        let step = step.name();
        match self {
            Self::Refused { code, text } => format!("{step}: {}", reply_text(*code, text, recipient)),
            Self::Lost(why) => format!("{step}: {}", masked(why, recipient)),
        }
    }
}

/// Code and text of a reply, without addresses.
pub(super) fn reply_text(code: u16, text: &str, recipient: &str) -> String {
    format!("{code} {}", masked(text, recipient)).trim_end().to_owned()
}

/// Whether the text begins with an enhanced code 5.1.x (RFC 3463) that speaks of the recipient; 5.1.7 and 5.1.8 speak of
/// the sender, 5.1.9 of the host that would come next.
fn speaks_of_recipient(text: &str) -> bool {
    let Some(detail) = text.split_whitespace().next().and_then(|word| word.strip_prefix("5.1.")) else {
        return false;
    };
    detail.len() <= 3 && detail.bytes().all(|byte| byte.is_ascii_digit()) && !matches!(detail, "" | "7" | "8" | "9")
}

/// A server's text without addresses, without the recipient's name and without control characters, cut to length.
pub(super) fn masked(text: &str, recipient: &str) -> String {
    let local = recipient.split('@').next().unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_boundary) {
        let end = piece.char_indices().next_back().filter(|(_, c)| is_boundary(*c)).map_or(piece.len(), |(at, _)| at);
        let (word, boundary) = piece.split_at(end);
        out.push_str(if is_telling(word, local) { "(address)" } else { word });
        out.extend(boundary.chars().map(|c| if c.is_control() { ' ' } else { c }));
    }
    let out = out.trim();
    match out.char_indices().nth(TEXT_CHARS) {
        Some((cut, _)) => format!("{}…", &out[..cut]),
        None => out.to_owned(),
    }
}

/// What an address ends at.
fn is_boundary(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "<>()[]{},;:\"'`&?|".contains(c)
}

/// An address, also one that is encoded for a URL or for VERP, or the recipient's name alone.
fn is_telling(word: &str, local: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let name = word.trim_end_matches('.');
    lower.contains('@') || lower.contains("%40") || (!local.is_empty() && name.eq_ignore_ascii_case(local))
}

#[cfg(test)]
mod tests {
    use super::{Fault, Step, masked, speaks_of_recipient};
    use crate::domain::Outcome;

    fn outcome(step: Step, code: u16, text: &str) -> Outcome {
        Fault::Refused { code, text: text.into() }.outcome(step, "ann@shop.example")
    }

    fn is_transient(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Transient { retry_after: None, .. })
    }

    #[test]
    fn four_hundreds_are_transient_and_five_hundreds_permanent_but_552() {
        for step in [Step::Mail, Step::Recipient, Step::Data, Step::Message] {
            for code in [421, 450, 451, 452, 455, 552] {
                assert!(is_transient(&outcome(step, code, "no")), "{step:?} {code}");
            }
            for code in [550, 551, 553, 554, 500, 571] {
                let got = outcome(step, code, "no");
                assert!(matches!(got, Outcome::Permanent { receiver_gone: false, .. }), "{step:?} {code}");
            }
        }
    }

    #[test]
    fn what_the_session_lacks_is_not_held_against_the_message() {
        for code in [503, 530, 534, 535, 538] {
            assert!(is_transient(&outcome(Step::Mail, code, "no")), "{code}");
        }
        assert!(!is_transient(&outcome(Step::Recipient, 530, "no")));
    }

    #[test]
    fn only_codes_of_the_recipient_tell_that_it_is_gone() {
        for text in ["5.1.1 x", "5.1.2 x", "5.1.3", "5.1.6 x", "5.1.10 x"] {
            assert!(speaks_of_recipient(text), "{text}");
            let gone = |step| matches!(outcome(step, 550, text), Outcome::Permanent { receiver_gone: true, .. });
            assert!(gone(Step::Recipient) && gone(Step::Message) && !gone(Step::Mail), "{text}");
        }
        for text in ["", "5.1", "5.1.", "5.1.x", "5.1.7 x", "5.1.8 x", "5.7.1 x", "5.2.2 x", "no 5.1.1", "4.1.1"] {
            assert!(!speaks_of_recipient(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_at_sign_is_left_in_any_text(text in "[a-z@.<>\\PC\\pC]{0,60}", recipient in "[a-z]{0,3}@[a-z]{0,3}") {
            let safe = masked(&text, &recipient);
            proptest::prop_assert!(!safe.contains('@') && !safe.chars().any(char::is_control), "{}", safe);
        }
    }

    #[test]
    fn no_address_is_left_in_a_text() {
        for (text, safe) in [
            ("5.1.1 <ann@shop.example>: unknown", "5.1.1 <(address)>: unknown"),
            ("no ann@shop.example, nor bob@x", "no (address), nor (address)"),
            ("user Ann unknown", "user (address) unknown"),
            ("unknown user: ann.", "unknown user: (address)"),
            ("see https://x.example/?q=ann%40shop.example&r=1", "see https://x.example/?(address)&r=1"),
            ("announced", "announced"),
            ("line\none\ttwo\u{7}", "line one two"),
            ("bounces+ann=shop.example@relay", "(address)"),
        ] {
            assert_eq!(masked(text, "ann@shop.example"), safe);
        }
        assert_eq!(masked(&"x".repeat(1000), "").chars().count(), 301);
    }
}
