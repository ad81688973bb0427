//! What the journal says, and how a line says it.

use crate::domain::{KeyedHash, Text, Time};
use flate2::Crc;

/// What must not be forgotten with a store that is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::sled) enum Record {
    /// A customer withdrew consent to a class or topic.
    Withdrawn {
        /// Who.
        customer: KeyedHash,
        /// To what.
        name: Text,
        /// Since when.
        at: Time,
    },
    /// A customer gave a consent that had been withdrawn.
    Granted {
        /// Who.
        customer: KeyedHash,
        /// To what.
        name: Text,
        /// Since when.
        at: Time,
    },
    /// An address gets no mail.
    Suppressed {
        /// Which.
        address: KeyedHash,
        /// Since when.
        at: Time,
    },
    /// An address gets mail again.
    Unsuppressed {
        /// Which.
        address: KeyedHash,
    },
    /// A customer was erased.
    Erased {
        /// Who.
        customer: KeyedHash,
        /// When.
        at: Time,
    },
}

impl Record {
    /// Whether less is sent by it, so that it is taken whatever room there is.
    pub(in crate::store::sled) const fn restricts(&self) -> bool {
        match self {
            Self::Withdrawn { .. } | Self::Suppressed { .. } | Self::Erased { .. } => true,
            Self::Granted { .. } | Self::Unsuppressed { .. } => false,
        }
    }
}

/// A record with the round of the store that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::sled) struct Entry {
    /// The round: what a backup of this round or a later one holds.
    pub(in crate::store::sled) round: u64,
    /// What it says.
    pub(in crate::store::sled) record: Record,
}

impl Entry {
    /// Adds its line: round, instant (`-` if it has none), word, hash, for some a name as JSON, and the CRC-32 of all that.
    pub(super) fn write(&self, text: &mut String) {
        let (word, at, hash, name) = match &self.record {
            Record::Withdrawn { customer, name, at } => ("withdrawn", Some(at), customer, Some(name)),
            Record::Granted { customer, name, at } => ("granted", Some(at), customer, Some(name)),
            Record::Suppressed { address, at } => ("suppressed", Some(at), address, None),
            Record::Unsuppressed { address } => ("unsuppressed", None, address, None),
            Record::Erased { customer, at } => ("erased", Some(at), customer, None),
        };
        let at = at.map_or_else(|| "-".to_owned(), |at| at.0.to_string());
        let name = name.map_or_else(String::new, |name| format!(" {}", serde_json::Value::from(name.as_str())));
        let said = format!("{} {at} {word} {hash}{name}", self.round);
        let code = crc(said.as_bytes());
        text.extend([said, format!(" {code:08x}\n")]);
    }

    /// Reads a line; `None` for one that is not as it was written.
    pub(super) fn read(line: &str) -> Option<Self> {
        let (said, code) = line.rsplit_once(' ')?;
        if u32::from_str_radix(code, 16).ok()? != crc(said.as_bytes()) {
            return None;
        }
        let mut parts = said.splitn(5, ' ');
        let (round, at, word) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
        let at = || at.parse().ok().map(Time);
        let hash: KeyedHash = parts.next()?.parse().ok()?;
        let name = parts.next().and_then(|name| serde_json::from_str::<String>(name).ok());
        let record = match word {
            "withdrawn" => Record::Withdrawn { customer: hash, name: name?.into(), at: at()? },
            "granted" => Record::Granted { customer: hash, name: name?.into(), at: at()? },
            "suppressed" => Record::Suppressed { address: hash, at: at()? },
            "unsuppressed" => Record::Unsuppressed { address: hash },
            "erased" => Record::Erased { customer: hash, at: at()? },
            _ => return None,
        };
        Some(Self { round, record })
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::{Entry, Record};
    use crate::domain::{KeyedHash, Time};

    #[test]
    fn a_line_is_read_back_and_a_changed_one_is_not() {
        let hash = KeyedHash([0xab; 16]);
        let records = [
            Record::Withdrawn { customer: hash, name: "marketing".into(), at: Time(-5) },
            Record::Granted { customer: hash, name: "a \"b\"\n c".into(), at: Time(7) },
            Record::Suppressed { address: hash, at: Time(0) },
            Record::Unsuppressed { address: hash },
            Record::Erased { customer: hash, at: Time(9) },
        ];
        for record in records {
            let entry = Entry { round: 4711, record };
            let mut line = String::new();
            entry.write(&mut line);
            let line = line.strip_suffix('\n').unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(Entry::read(line), Some(entry));
            for index in 0..line.len() {
                let mut changed = line.as_bytes().to_vec();
                changed[index] ^= 1;
                assert_eq!(String::from_utf8(changed).ok().and_then(|line| Entry::read(&line)), None);
                assert_eq!(Entry::read(&line[..index]), None);
            }
        }
    }
}
