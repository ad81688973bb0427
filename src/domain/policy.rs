//! Settings that decide who gets what when: classes, caps, quiet hours, misfires.

use super::Span;
use std::collections::BTreeMap;
use std::fmt;

/// The class of a rule's messages.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    minicbor::Encode,
    minicbor::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Obeys consent, caps, quiet hours and holdouts.
    #[n(0)]
    Marketing,
    /// Obeys none of these, but suppressions.
    #[n(1)]
    Service,
}

impl Class {
    /// The word for it in rule files and settings.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Marketing => "marketing",
            Self::Service => "service",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The span over which a cap counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapPeriod {
    /// The customer's calendar day.
    Day,
    /// The span before a mail, rolling.
    Rolling(Span),
}

/// At most `max` mails per period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrequencyCap {
    /// How many.
    pub max: u32,
    /// Over what span.
    pub per: CapPeriod,
}

/// The hours of the customer's day in which no marketing mail goes out; minutes since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// First quiet minute of the day.
    pub from: u16,
    /// First minute of the day that is not quiet any more; less than `from` when the night lies between.
    pub to: u16,
}

/// What happens to ticks that passed while nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MisfirePolicy {
    /// Only the last of them fires.
    Latest,
    /// Each of them fires.
    All,
    /// None fires.
    Skip,
}

/// The misfire setting: the policy, and how long a tick may be late at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfire {
    /// Which of the missed ticks fire.
    pub policy: MisfirePolicy,
    /// Ticks further back never fire.
    pub within: Span,
}

impl Default for Misfire {
    fn default() -> Self {
        Self { policy: MisfirePolicy::Latest, within: Span::hours(6) }
    }
}

/// What happens to a message of which nobody knows whether it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UncertainPolicy {
    /// It is sent again under the same id, at most twice, at least ten minutes apart; then held.
    Resend,
    /// It is held for a person to decide.
    Hold,
}

/// The gates of the settings, as the engine and the outbox need them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Caps by class.
    pub caps: BTreeMap<Class, Vec<FrequencyCap>>,
    /// Quiet hours, if there are any.
    pub quiet_hours: Option<QuietHours>,
    /// The misfire setting.
    pub misfire: Misfire,
    /// What to do with uncertain outcomes.
    pub uncertain: UncertainPolicy,
}

impl Default for Policy {
    fn default() -> Self {
        let marketing = vec![
            FrequencyCap { max: 1, per: CapPeriod::Day },
            FrequencyCap { max: 3, per: CapPeriod::Rolling(Span::days(7)) },
        ];
        Self {
            caps: [(Class::Marketing, marketing)].into(),
            quiet_hours: Some(QuietHours { from: 20 * 60, to: 8 * 60 }),
            misfire: Misfire::default(),
            uncertain: UncertainPolicy::Resend,
        }
    }
}
