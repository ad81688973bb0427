//! Signatures of Standard Webhooks 1.0.0, version 1 (symmetric).

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;

/// Why a secret is not usable. Nothing of the secret is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// Not the form of a symmetric secret.
    #[error("a secret begins with whsec_")]
    Prefix,
    /// The rest is not base64.
    #[error("what follows whsec_ is not base64")]
    Base64,
    /// Too short to be safe, or too long.
    #[error("a secret has 24 to 64 bytes, this one has {0}")]
    Length(usize),
}

/// A key that signs. `Debug` shows nothing of it.
#[derive(Debug, Clone)]
pub(super) struct SigningKey(SecretSlice<u8>);

/// Secrets are written with and without padding.
const SECRET_BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl SigningKey {
    /// Reads `whsec_` and base64 of 24 to 64 bytes.
    pub(super) fn parse(secret: &SecretString) -> Result<Self, BadSecret> {
        let text = secret.expose_secret().trim().strip_prefix("whsec_").ok_or(BadSecret::Prefix)?;
        let bytes = SECRET_BASE64.decode(text).map_err(|_| BadSecret::Base64)?;
        if !(24..=64).contains(&bytes.len()) {
            return Err(BadSecret::Length(bytes.len()));
        }
        Ok(Self(bytes.into()))
    }

    /// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()) else {
            unreachable!("HMAC takes a key of any length")
        };
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The value of `webhook-signature`: one signature per key, with blanks between. `timestamp` counts seconds since 1970.
pub(super) fn signature(keys: &[SigningKey], id: &str, timestamp: i64, body: &[u8]) -> String {
    keys.iter().map(|key| key.sign(id, timestamp, body)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{BadSecret, SigningKey, signature};
    use secrecy::SecretString;

    fn key(text: &str) -> Result<SigningKey, BadSecret> {
        SigningKey::parse(&SecretString::from(text))
    }

    #[test]
    fn the_example_of_the_specification_comes_out() {
        let keys = [key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()];
        let signed = signature(&keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_make_two_signatures() {
        let old = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let new = key("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        let both = signature(&[new.clone(), old.clone()], "id", 1, b"{}");
        let each: Vec<_> = both.split(' ').collect();
        assert_eq!(each, [signature(&[new], "id", 1, b"{}"), signature(&[old], "id", 1, b"{}")]);
        assert_ne!(each[0], each[1]);
    }

    #[test]
    fn only_secrets_of_24_to_64_bytes_in_base64_behind_their_prefix_are_taken() {
        assert_eq!(key("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap_err(), BadSecret::Prefix);
        assert_eq!(key("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap_err(), BadSecret::Prefix);
        assert_eq!(key("whsec_!!!!").unwrap_err(), BadSecret::Base64);
        assert_eq!(key("whsec_c2hvcnQ=").unwrap_err(), BadSecret::Length(5));
        assert_eq!(key(&format!("whsec_{}", "AAAA".repeat(22))).unwrap_err(), BadSecret::Length(66));
        assert!(key(&format!("whsec_{}", "AAAA".repeat(8))).is_ok());
        assert!(key(&format!("whsec_{}AA", "AAAA".repeat(21))).is_ok(), "padding may be left out");
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let shown = format!("{key:?}");
        assert!(!shown.contains("MfKQ") && !shown.contains("49"), "{shown}");
    }
}
