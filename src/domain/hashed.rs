//! Ids and addresses as keyed hashes: enough to find again who comes back, and nothing to read.

use super::{DeliveryKey, normalized_address};
use std::fmt;
use std::str::FromStr;

/// 128 bits of a keyed hash. Who lacks the store's key cannot even try whether a text is the one it was made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyedHash(pub [u8; 16]);

impl fmt::Display for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no keyed hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a keyed hash: 32 hexadecimal digits are needed")]
pub struct NotAKeyedHash;

impl FromStr for KeyedHash {
    type Err = NotAKeyedHash;

    fn from_str(text: &str) -> Result<Self, NotAKeyedHash> {
        // They are written as delivery ids are.
        text.parse::<super::DeliveryId>().map(|id| Self(id.0)).map_err(|_| NotAKeyedHash)
    }
}

impl DeliveryKey {
    /// Of an id of a customer.
    #[must_use]
    pub fn hash_of_customer(&self, id: &str) -> KeyedHash {
        self.hash("hash: customer", id)
    }

    /// Of an address, in whatever form it is given.
    #[must_use]
    pub fn hash_of_address(&self, address: &str) -> KeyedHash {
        self.hash("hash: address", &normalized_address(address))
    }

    /// Of an occurrence of a rule for a customer.
    #[must_use]
    pub fn hash_of_occurrence(&self, id: &str, rule: &str, occurrence: &str) -> KeyedHash {
        let code = self.code(&["hash: occurrence", id, rule, occurrence]);
        let mut hash = [0; 16];
        hash.copy_from_slice(&code[..16]);
        KeyedHash(hash)
    }

    /// Of the store itself: by it a file that belongs to the store is told from another store's.
    #[must_use]
    pub fn hash_of_store(&self) -> KeyedHash {
        self.hash("hash: store", "")
    }

    /// No rule is called what the purposes are, for they have a colon; so none of these is a delivery id.
    fn hash(&self, purpose: &str, text: &str) -> KeyedHash {
        let code = self.code(&[purpose, text]);
        let mut hash = [0; 16];
        hash.copy_from_slice(&code[..16]);
        KeyedHash(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::{DeliveryKey, KeyedHash};

    #[test]
    fn a_hash_tells_ids_addresses_and_stores_apart_and_an_address_is_one_in_every_form() {
        let (key, other) = (DeliveryKey::new([1; 32]), DeliveryKey::new([2; 32]));
        let all = [
            key.hash_of_customer("a@x.example"),
            key.hash_of_customer("b@x.example"),
            key.hash_of_address("a@x.example"),
            key.hash_of_store(),
            other.hash_of_customer("a@x.example"),
            other.hash_of_store(),
        ];
        for (n, hash) in all.iter().enumerate() {
            assert!(!all[..n].contains(hash));
        }
        assert_eq!(key.hash_of_address(" A@X.example"), key.hash_of_address("a@x.example"));
    }

    #[test]
    fn a_hash_is_written_and_read() {
        let hash = DeliveryKey::new([1; 32]).hash_of_store();
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!("ab".parse::<KeyedHash>().is_err());
    }
}
