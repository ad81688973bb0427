//! Faults on demand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// When a fault strikes.
#[derive(Debug, Clone)]
pub enum When {
    /// Each time.
    Always,
    /// The first so many times.
    First(u64),
    /// Each nth time.
    Every(u64),
    /// When the address of the recipient (mail) or the body (webhooks) contains the text.
    Contains(String),
    /// By chance: so many times of 10,000, drawn from the seed.
    Chance {
        /// Of 10,000.
        of_10_000: u64,
        /// What the draws come from.
        seed: u64,
    },
}

impl When {
    /// Whether the fault strikes at the time of that number (from 0), which concerns `subject`.
    fn strikes(&self, number: u64, subject: &str) -> bool {
        match self {
            Self::Always => true,
            Self::First(times) => number < *times,
            Self::Every(nth) => *nth > 0 && (number + 1).is_multiple_of(*nth),
            Self::Contains(text) => subject.contains(text.as_str()),
            Self::Chance { of_10_000, seed } => draw(*seed, number) % 10_000 < *of_10_000,
        }
    }
}

/// The number `index` of the sequence that `seed` begins (splitmix64).
fn draw(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add((index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A place in the dialogue with a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailStage {
    /// A client has connected.
    Greeting,
    /// `EHLO`.
    Hello,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Recipient,
    /// `DATA`.
    Data,
    /// The final dot has come; nothing is recorded yet.
    Dot,
    /// The message is recorded and its acceptance not yet told.
    Recorded,
    /// The message is recorded and its acceptance told.
    Idle,
}

/// What a mail server does wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailAct {
    /// Answers with this reply, such as `450 4.7.1 Greylisted`; after 421 it closes.
    Reply(String),
    /// Closes the connection without an answer.
    Close,
    /// Says nothing any more and keeps the connection.
    Stall,
    /// Waits and goes on as usual.
    Delay(Duration),
}

/// What goes wrong at a mail catcher; the first fault of a stage that strikes is the one that happens.
#[derive(Debug, Default)]
pub struct MailFaults {
    faults: Faults<(MailStage, MailAct)>,
    pub(super) ascii_only: bool,
}

impl MailFaults {
    /// None.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// These, and one more.
    #[must_use]
    pub fn with(mut self, stage: MailStage, when: When, act: MailAct) -> Self {
        self.faults.add(when, (stage, act));
        self
    }

    /// These, and the server offers no SMTPUTF8.
    #[must_use]
    pub fn without_smtputf8(mut self) -> Self {
        self.ascii_only = true;
        self
    }

    pub(super) fn at(&self, stage: MailStage, subject: &str) -> Option<&MailAct> {
        self.faults.strike(subject, |(at, _)| *at == stage).map(|(_, act)| act)
    }
}

/// What a receiver of webhooks does wrong. It has recorded the call before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookAct {
    /// Answers with this status.
    Status(u16),
    /// Answers with this status and a `Retry-After`.
    RetryAfter(u16, String),
    /// Answers 301 with this `Location`.
    Redirect(String),
    /// Resets the connection without an answer.
    Reset,
    /// Never answers.
    Stall,
    /// Answers 200 with a body of so many bytes.
    HugeBody(u64),
    /// Answers 200 at once, and never ends its body.
    EndlessBody,
}

/// What goes wrong at a hook catcher; the first fault that strikes is the one that happens.
#[derive(Debug, Default)]
pub struct HookFaults {
    faults: Faults<HookAct>,
}

impl HookFaults {
    /// None.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// These, and one more.
    #[must_use]
    pub fn with(mut self, when: When, act: HookAct) -> Self {
        self.faults.add(when, act);
        self
    }

    pub(super) fn at(&self, body: &str) -> Option<&HookAct> {
        self.faults.strike(body, |_| true)
    }
}

/// Faults with a count each of how often they were asked.
#[derive(Debug)]
struct Faults<T>(Vec<(When, T, AtomicU64)>);

impl<T> Default for Faults<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Faults<T> {
    fn add(&mut self, when: When, fault: T) {
        self.0.push((when, fault, AtomicU64::new(0)));
    }

    /// The first of the faults in question that strikes. Those behind it are not asked and do not count.
    fn strike(&self, subject: &str, in_question: impl Fn(&T) -> bool) -> Option<&T> {
        let mut asked = self.0.iter().filter(|(_, fault, _)| in_question(fault));
        asked
            .find(|(when, _, count)| when.strikes(count.fetch_add(1, Ordering::Relaxed), subject))
            .map(|(_, fault, _)| fault)
    }
}

#[cfg(test)]
mod tests {
    use super::{HookAct, HookFaults, When};

    fn struck(when: When, subject: &str) -> Vec<bool> {
        let faults = HookFaults::none().with(when, HookAct::Reset);
        (0..6).map(|_| faults.at(subject).is_some()).collect()
    }

    #[test]
    fn faults_strike_when_their_rule_says_so() {
        assert_eq!(struck(When::Always, ""), [true; 6]);
        assert_eq!(struck(When::First(2), ""), [true, true, false, false, false, false]);
        assert_eq!(struck(When::Every(3), ""), [false, false, true, false, false, true]);
        assert_eq!(struck(When::Contains("ann".into()), "hanna"), [true; 6]);
        assert_eq!(struck(When::Contains("ann".into()), "bob"), [false; 6]);
    }

    #[test]
    fn chance_is_about_as_frequent_as_asked_and_the_same_for_a_seed() {
        let times = |seed| {
            let faults = HookFaults::none().with(When::Chance { of_10_000: 500, seed }, HookAct::Reset);
            (0..10_000).filter(|_| faults.at("").is_some()).collect::<Vec<_>>()
        };
        assert_eq!(times(1), times(1));
        assert_ne!(times(1), times(2));
        assert!((400..600).contains(&times(3).len()), "{}", times(3).len());
    }
}
