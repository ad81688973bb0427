//! What customers do.

use super::{Text, Time, Value};
use sha2::Digest;
use std::collections::BTreeMap;

/// One thing that a customer did.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Event {
    /// Its name, such as `Order Completed`.
    #[n(0)]
    pub name: Text,
    /// When it happened.
    #[n(1)]
    pub at: Time,
    /// When it arrived here.
    #[n(2)]
    pub received_at: Time,
    /// The sender's id of the message, by which it is deduplicated.
    #[n(3)]
    pub message_id: Option<Text>,
    /// Its properties, declared and undeclared.
    #[n(4)]
    pub properties: BTreeMap<Text, Value>,
}

impl Event {
    /// What identifies the event for deduplication: the message id alone, or without one a hash over customer, name,
    /// time and properties in canonical order. 16 bytes of SHA-256.
    #[must_use]
    pub fn fingerprint(&self, customer: &str) -> [u8; 16] {
        if let Some(id) = &self.message_id {
            return message_fingerprint(id);
        }
        let mut hash = sha2::Sha256::new();
        hash.update(b"ev\0");
        for part in [customer.as_bytes(), self.name.as_bytes(), &self.at.0.to_be_bytes()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        // A map is encoded in the order of its keys, so equal properties give equal bytes.
        hash.update(minicbor::to_vec(&self.properties).unwrap_or_default());
        short(hash)
    }
}

/// What a message is recognised by when it comes again, whatever it says.
#[must_use]
pub fn message_fingerprint(message_id: &str) -> [u8; 16] {
    let mut hash = sha2::Sha256::new();
    hash.update(b"id\0");
    hash.update(message_id.as_bytes());
    short(hash)
}

fn short(hash: sha2::Sha256) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}
