//! One connection, and a message over it.

use super::Composed;
use super::reply::{Attempt, Fault, Step, judge, reply_text};
use super::settings::Timeouts;
use crate::domain::Outcome;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use std::fmt::Display;
use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection that was greeted and is ready for MAIL.
pub(super) struct Session {
    connection: AsyncSmtpConnection,
    /// How many messages it carried.
    pub(super) carried: u32,
    /// Since when it is idle, if it ever was: then it may have ended unnoticed.
    pub(super) idle_since: Option<Instant>,
}

/// What a message over a connection came to.
pub(super) enum Ending {
    /// The connection is ready for the next message.
    Ready(Outcome),
    /// The connection is of no use any more.
    Broken(Outcome),
    /// The connection had ended while it was idle; the message was not begun.
    Stale,
}

impl Session {
    pub(super) fn new(connection: AsyncSmtpConnection) -> Self {
        Self { connection, carried: 0, idle_since: None }
    }

    /// How long it has been idle.
    pub(super) fn idle_for(&self) -> Duration {
        self.idle_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Hands one message over.
    pub(super) async fn send(&mut self, mail: &Composed, timeouts: &Timeouts) -> Ending {
        let Some(parameters) = self.parameters(mail) else {
            let detail = "553 5.6.7 the address is not ASCII and the server does not offer SMTPUTF8".to_owned();
            return Ending::Ready(Outcome::Permanent { detail, receiver_gone: false });
        };
        let recipient: &str = mail.to.as_ref();
        let mail_from = Mail::new(Some(mail.from.clone()), parameters);
        if let Err(fault) = self.command(Step::Mail, mail_from, timeouts).await {
            if self.idle_since.is_some() && is_sign_of_an_end(&fault) {
                return Ending::Stale;
            }
            return if fault.ends_connection(Step::Mail) {
                Ending::Broken(fault.outcome(Step::Mail, recipient))
            } else {
                Ending::Ready(fault.outcome(Step::Mail, recipient))
            };
        }
        if let Err(fault) = self.command(Step::Recipient, Rcpt::new(mail.to.clone(), Vec::new()), timeouts).await {
            return self.give_up(Step::Recipient, &fault, recipient, timeouts).await;
        }
        if let Err(fault) = self.command(Step::Data, Data, timeouts).await {
            return self.give_up(Step::Data, &fault, recipient, timeouts).await;
        }
        self.message(mail, timeouts).await
    }

    /// What MAIL asks for beyond the usual; `None` when the server does not offer it.
    fn parameters(&self, mail: &Composed) -> Option<Vec<MailParameter>> {
        if !mail.needs_smtputf8() {
            return Some(Vec::new());
        }
        let offers = |feature| self.connection.server_info().supports_feature(feature);
        // RFC 6531 section 3.1: a server with SMTPUTF8 has 8BITMIME.
        (offers(Extension::SmtpUtfEight) && offers(Extension::EightBitMime))
            .then(|| vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
    }

    async fn command(&mut self, step: Step, command: impl Display, timeouts: &Timeouts) -> Result<(), Fault> {
        let attempt: Attempt = timeout(step.limit(timeouts), self.connection.command(command)).await;
        judge(step, attempt).map(drop)
    }

    /// The server refused in the middle: the transaction is taken back, so that the next message can begin.
    async fn give_up(&mut self, step: Step, fault: &Fault, recipient: &str, timeouts: &Timeouts) -> Ending {
        let outcome = fault.outcome(step, recipient);
        if fault.ends_connection(step) {
            return Ending::Broken(outcome);
        }
        match timeout(timeouts.command, self.connection.command(Rset)).await {
            Ok(Ok(_)) => self.ready(outcome),
            _ => Ending::Broken(outcome),
        }
    }

    /// The message and its final dot. Once the dot is being written nobody but the server knows what became of it.
    async fn message(&mut self, mail: &Composed, timeouts: &Timeouts) -> Ending {
        let recipient: &str = mail.to.as_ref();
        let dot_begun = AtomicBool::new(false);
        // lettre asks for another piece when the one before is on its way, and being told that there is none it writes
        // the dot.
        let end = iter::from_fn(|| {
            dot_begun.store(true, Ordering::SeqCst);
            None
        });
        let pieces = iter::once(mail.message.as_slice()).chain(end);
        let attempt = timeout(timeouts.message, self.connection.message_iter(pieces)).await;
        match judge(Step::Message, attempt) {
            Ok(response) => {
                let text = response.message().collect::<Vec<_>>().join(" ");
                let detail = reply_text(response.code().into(), &text, recipient);
                self.ready(Outcome::Accepted { detail })
            }
            Err(fault @ Fault::Lost(_)) if dot_begun.load(Ordering::SeqCst) => {
                Ending::Broken(Outcome::Uncertain { detail: fault.detail(Step::Message, recipient) })
            }
            Err(fault) if fault.ends_connection(Step::Message) => {
                Ending::Broken(fault.outcome(Step::Message, recipient))
            }
            Err(fault) => self.ready(fault.outcome(Step::Message, recipient)),
        }
    }

    fn ready(&mut self, outcome: Outcome) -> Ending {
        self.carried += 1;
        Ending::Ready(outcome)
    }

    /// Says QUIT, briefly.
    pub(super) async fn quit(mut self) {
        // Whether the server answers matters to nobody.
        drop(timeout(FAREWELL, self.connection.command(Quit)).await);
    }
}

/// How it shows that a connection ended while nobody spoke: silence, an end, or the 421 that was said into it.
const fn is_sign_of_an_end(fault: &Fault) -> bool {
    matches!(fault, Fault::Lost(_) | Fault::Refused { code: 421, .. })
}
