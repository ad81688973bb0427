//! One e-mail or webhook call, from decision to outcome.

use super::{Class, CustomerNumber, Span, Text, Time};
use std::fmt;
use std::str::FromStr;

/// 128 bits that name a delivery for ever: its key in the store, the left part of its Message-ID, its `webhook-id`.
/// Shown as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub [u8; 16]);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no delivery id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a delivery id: 32 hexadecimal digits are needed")]
pub struct NotADeliveryId;

impl FromStr for DeliveryId {
    type Err = NotADeliveryId;

    fn from_str(text: &str) -> Result<Self, NotADeliveryId> {
        let mut bytes = [0; 16];
        if text.len() != 32 || !text.is_ascii() {
            return Err(NotADeliveryId);
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| NotADeliveryId)?;
        }
        Ok(Self(bytes))
    }
}

impl<C> minicbor::Encode<C> for DeliveryId {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for DeliveryId {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let bytes = d.bytes()?.try_into().map_err(|_| minicbor::decode::Error::message("an id has 16 bytes"))?;
        Ok(Self(bytes))
    }
}

/// The random key of a store from which delivery ids are made.
#[derive(Clone)]
pub struct DeliveryKey {
    /// The code with the key taken in, which is half of the work.
    keyed: hmac::Hmac<sha2::Sha256>,
}

impl fmt::Debug for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeliveryKey(..)")
    }
}

impl DeliveryKey {
    /// Of these random bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        use hmac::KeyInit;
        let Ok(keyed) = hmac::Hmac::new_from_slice(&bytes) else { unreachable!("HMAC takes a key of any length") };
        Self { keyed }
    }

    /// The id of the delivery that this rule, customer, occurrence and step ask for: the first 128 bits of
    /// HMAC-SHA256 over the four parts, each behind its length as eight bytes.
    #[must_use]
    pub fn delivery_id(&self, rule: &str, customer: &str, occurrence: &str, step: &str) -> DeliveryId {
        let code = self.code(&[rule, customer, occurrence, step]);
        let mut id = [0; 16];
        id.copy_from_slice(&code[..16]);
        DeliveryId(id)
    }

    /// HMAC-SHA256 over the parts, each behind its length as eight bytes.
    pub(super) fn code(&self, parts: &[&str]) -> [u8; 32] {
        use hmac::Mac;
        let mut mac = self.keyed.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

/// What carries a delivery.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub enum Payload {
    /// An e-mail; rendered from its template at each attempt.
    #[n(0)]
    Email {
        /// Name of the template.
        #[n(0)]
        template: Text,
    },
    /// A webhook call; the body was rendered when it was decided and never changes.
    #[n(1)]
    Webhook {
        /// Name of the endpoint in the settings.
        #[n(0)]
        endpoint: Text,
        /// The exact bytes that are sent and signed.
        #[n(1)]
        body: String,
    },
}

impl Payload {
    /// `email` or `webhook`.
    #[must_use]
    pub const fn channel(&self) -> &'static str {
        match self {
            Self::Email { .. } => "email",
            Self::Webhook { .. } => "webhook",
        }
    }

    /// The lane it waits in: the class for mail, the endpoint for webhooks.
    #[must_use]
    pub fn lane(&self, class: Class) -> Lane {
        match self {
            Self::Email { .. } => Lane::Mail(class),
            Self::Webhook { endpoint, .. } => Lane::Endpoint(endpoint.clone()),
        }
    }
}

/// A queue of its own, so that one dead receiver never delays what others get.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Mail of a class.
    Mail(Class),
    /// Webhooks to an endpoint.
    Endpoint(Text),
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail(class) => write!(f, "mail:{class}"),
            Self::Endpoint(name) => write!(f, "endpoint:{name}"),
        }
    }
}

impl FromStr for Lane {
    type Err = NotALane;

    fn from_str(text: &str) -> Result<Self, NotALane> {
        match text.split_once(':') {
            Some(("mail", "marketing")) => Ok(Self::Mail(Class::Marketing)),
            Some(("mail", "service")) => Ok(Self::Mail(Class::Service)),
            Some(("endpoint", name)) if !name.is_empty() => Ok(Self::Endpoint(name.into())),
            _ => Err(NotALane),
        }
    }
}

/// Why a text is no lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a lane")]
pub struct NotALane;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $n:literal $item:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode)]
        #[cbor(index_only)]
        pub enum $name {
            $($(#[$item_doc])* #[n($n)] $item),*
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$item),*];

            /// The word for it in JSON, tables and metrics.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$item => $word),* }
            }

            /// The one of that word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|item| item.word() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::from_word(&word).ok_or_else(|| serde::de::Error::custom(format!("unknown word {word:?}")))
            }
        }
    };
}

words! {
    /// Where a delivery stands.
    State {
        /// Waits for its time.
        0 Queued = "queued",
        /// Has a connection; an attempt may be on the wire.
        1 Sending = "sending",
        /// Accepted by the receiver.
        2 Sent = "sent",
        /// Put off to a later time, by a gate or a transient failure.
        3 Deferred = "deferred",
        /// Waits for a person.
        4 Held = "held",
        /// A gate forbade it.
        5 Suppressed = "suppressed",
        /// No longer wanted.
        6 Cancelled = "cancelled",
        /// Refused for good or given up: a dead letter.
        7 Failed = "failed",
        /// Perhaps accepted; nobody knows.
        8 Uncertain = "uncertain",
    }
}

impl State {
    /// Whether it has a due row, so that the worker will come to it.
    #[must_use]
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Queued | Self::Deferred | Self::Uncertain)
    }

    /// Whether nothing happens any more unless a person asks for it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Sent | Self::Suppressed | Self::Cancelled | Self::Failed)
    }

    /// Whether the state machine allows this step.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Queued | Self::Deferred => !matches!(next, Self::Sent | Self::Uncertain),
            // An uncertain one may be put off once more.
            Self::Uncertain => !matches!(next, Self::Sent),
            Self::Sending => !matches!(next, Self::Suppressed),
            // `deliveries retry`, `resume`, and cancelling by a person.
            Self::Held => matches!(next, Self::Queued | Self::Cancelled | Self::Held | Self::Suppressed),
            Self::Failed | Self::Suppressed | Self::Cancelled => matches!(next, Self::Queued),
            Self::Sent => false,
        }
    }
}

words! {
    /// Why nothing was sent, or not now.
    Reason {
        /// Marketing without consent.
        0 NoConsent = "no_consent",
        /// The address is on the suppression list.
        1 Suppressed = "suppressed",
        /// No usable address.
        2 NoAddress = "no_address",
        /// Put off to the end of the quiet hours.
        3 QuietHours = "quiet_hours",
        /// The frequency cap is reached.
        4 FrequencyCap = "frequency_cap",
        /// Assigned to the holdout.
        5 Holdout = "holdout",
        /// Too soon after the last enrollment.
        6 AgainAfter = "again_after",
        /// The goal was reached.
        7 GoalReached = "goal_reached",
        /// Stopped by `while` or by a person.
        8 Stopped = "stopped",
        /// The condition no longer holds.
        9 NotWanted = "not_wanted",
        /// Too late.
        10 Expired = "expired",
        /// The rule or all sending is paused.
        11 Paused = "paused",
        /// The brake stopped the rule.
        12 Brake = "brake",
        /// The rule or its step is gone.
        13 RuleRemoved = "rule_removed",
        /// `only_to` does not list the address.
        14 OnlyTo = "only_to",
        /// The template could not be rendered.
        15 RenderError = "render_error",
        /// Came back with a restore.
        16 Restored = "restored",
        /// The condition's value is not known.
        17 UnknownValue = "unknown_value",
    }
}

/// One delivery, as stored.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Delivery {
    /// Its id.
    #[n(0)]
    pub id: DeliveryId,
    /// The rule that asked for it.
    #[n(1)]
    pub rule: Text,
    /// The step of the rule.
    #[n(2)]
    pub step: Text,
    /// To whom, by number.
    #[n(3)]
    pub customer: CustomerNumber,
    /// To whom, by the outside's id as it was when this was decided.
    #[n(4)]
    pub customer_id: Text,
    /// Which passage through the rule.
    #[n(5)]
    pub occurrence: Text,
    /// What is sent.
    #[n(6)]
    pub payload: Payload,
    /// Class of the rule when it was decided.
    #[n(7)]
    pub class: Class,
    /// Topic of the rule when it was decided.
    #[n(8)]
    pub topic: Option<Text>,
    /// Where it stands.
    #[n(9)]
    pub state: State,
    /// When it was decided.
    #[n(10)]
    pub created_at: Time,
    /// When the worker comes to it (next).
    #[n(11)]
    pub due_at: Time,
    /// When it is too late.
    #[n(12)]
    pub expires_at: Time,
    /// How many attempts were begun.
    #[n(13)]
    pub attempts: u32,
    /// When the receiver accepted it.
    #[n(14)]
    pub sent_at: Option<Time>,
    /// Why it is held, put off, suppressed or cancelled.
    #[n(15)]
    pub reason: Option<Reason>,
    /// What the receiver, or we, last said of a failure; never an address or a secret.
    #[n(16)]
    pub last_error: Option<String>,
    /// The tick that decided it: until that tick is complete the delivery is not due.
    #[n(17)]
    pub tick: Option<Time>,
    /// How many attempts ended uncertain.
    #[n(18)]
    pub uncertain: u32,
    /// When the last attempt began.
    #[n(19)]
    pub attempted_at: Option<Time>,
    /// What its enrollment began with, where its rule names that.
    #[n(20)]
    pub entry: Option<Box<super::Entry>>,
    /// Whether its step fell due after entry: then the rule's `when` is not asked again before it is sent.
    #[n(21)]
    #[cbor(with = "super::value::sparse", has_nil)]
    pub later: bool,
}

impl Delivery {
    /// The lane it waits in.
    #[must_use]
    pub fn lane(&self) -> Lane {
        self.payload.lane(self.class)
    }
}

/// How long after it is due a delivery is still worth sending, unless its step says other.
pub const EXPIRES_AFTER: Span = Span::days(3);

/// What an attempt came to, as the channel classifies it; the retry policy decides what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it.
    Accepted {
        /// What it said, such as `250 2.0.0 Ok` or `200`.
        detail: String,
    },
    /// Not now.
    Transient {
        /// What was said or what failed.
        detail: String,
        /// How long the receiver asked to wait.
        retry_after: Option<Span>,
    },
    /// Never.
    Permanent {
        /// What was said.
        detail: String,
        /// Whether the address itself is bad (SMTP 5.1.x), or the endpoint is gone (HTTP 410).
        receiver_gone: bool,
    },
    /// It may have been taken: the answer to the final dot, or to the posted body, never came.
    Uncertain {
        /// What failed.
        detail: String,
    },
}

#[cfg(test)]
mod tests {
    use super::{Class, CustomerNumber, Delivery, DeliveryId, DeliveryKey, Lane, Payload, Reason, State};
    use crate::domain::{Entry, Time};

    #[test]
    fn ids_depend_on_each_part_and_on_where_it_ends() {
        let key = DeliveryKey::new([7; 32]);
        let id = key.delivery_id("win-back", "42", "2026-11-22T10:00", "win-back");
        assert_eq!(id, key.delivery_id("win-back", "42", "2026-11-22T10:00", "win-back"));
        for (rule, customer) in [("win-bac", "k42"), ("win-back4", "2"), ("win-back", "43")] {
            assert_ne!(id, key.delivery_id(rule, customer, "2026-11-22T10:00", "win-back"));
        }
        assert_ne!(id, DeliveryKey::new([8; 32]).delivery_id("win-back", "42", "2026-11-22T10:00", "win-back"));
        assert_eq!(id.to_string().parse::<DeliveryId>(), Ok(id));
    }

    #[test]
    fn what_was_sent_stays_sent() {
        for next in State::ALL {
            assert!(!State::Sent.may_become(*next));
        }
        assert!(!State::Queued.may_become(State::Sent), "sending is committed first");
        assert!(State::Uncertain.may_become(State::Uncertain), "a second repeat keeps its distance");
    }

    fn delivery() -> Delivery {
        Delivery {
            id: DeliveryId([1; 16]),
            rule: "r".into(),
            step: "s".into(),
            customer: CustomerNumber(1),
            customer_id: "c".into(),
            occurrence: "o".into(),
            payload: Payload::Email { template: "t".into() },
            class: Class::Service,
            topic: None,
            state: State::Queued,
            created_at: Time(1),
            due_at: Time(2),
            expires_at: Time(3),
            attempts: 0,
            sent_at: None,
            reason: None,
            last_error: None,
            tick: None,
            uncertain: 0,
            attempted_at: None,
            entry: None,
            later: false,
        }
    }

    #[test]
    fn a_delivery_of_a_first_step_is_stored_as_when_there_was_no_other_and_read_back() {
        let bytes = minicbor::to_vec(delivery()).unwrap();
        let mut stored = minicbor::Decoder::new(&bytes);
        for _ in 0..stored.map().unwrap().unwrap() {
            assert!(stored.u8().unwrap() < 20, "fields that came later are left out");
            stored.skip().unwrap();
        }
        assert_eq!(minicbor::decode::<Delivery>(&bytes).unwrap(), delivery());
        let later = Delivery { entry: Some(Box::new(Entry::default())), later: true, ..delivery() };
        let bytes = minicbor::to_vec(&later).unwrap();
        assert_eq!(minicbor::decode::<Delivery>(&bytes).unwrap(), later);
    }

    #[test]
    fn words_are_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_word(reason.word()), Some(*reason));
        }
        for lane in ["mail:marketing", "mail:service", "endpoint:crm"] {
            assert_eq!(lane.parse::<Lane>().unwrap().to_string(), lane);
        }
    }
}
