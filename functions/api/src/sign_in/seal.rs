//! What a browser keeps for us: sealed, so that it can be neither read nor changed there, and bound to
//! its purpose, so that one kind is not taken for another.
//!
//! It must never say why something does not open: whoever tries learns nothing but no.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde::{Serialize, de::DeserializeOwned};

/// What is sealed, and never opens as anything else.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// A session.
    Session,
    /// A sign-in that has begun.
    Transaction,
    /// The provider's token, which helps to sign out there.
    Hint,
}

/// The keys: what is sealed is sealed with the current one; what the one before has sealed still opens.
pub(crate) struct Keys {
    current: RandomizedNonceKey,
    old: Option<RandomizedNonceKey>,
}

/// A text that is no key.
#[derive(Debug, thiserror::Error)]
#[error("a session key has to be 32 random bytes in base64, such as `openssl rand -base64 32` makes")]
pub(crate) struct NoKey;

impl Keys {
    /// The keys from their texts.
    pub(crate) fn parse(current: &str, old: Option<&str>) -> Result<Self, NoKey> {
        Ok(Self { current: key(current)?, old: old.map(key).transpose()? })
    }

    /// Seals `value`. None only if the operating system gives no randomness.
    pub(crate) fn seal(&self, purpose: Purpose, value: &impl Serialize) -> Option<String> {
        let mut bytes = serde_json::to_vec(value).ok()?;
        let nonce = self.current.seal_in_place_append_tag(Aad::from(purpose.name()), &mut bytes).ok()?;
        let sealed = [nonce.as_ref().as_slice(), &bytes].concat();
        Some(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// What was sealed for this purpose, by us; none if it was not.
    pub(crate) fn open<T: DeserializeOwned>(&self, purpose: Purpose, text: &str) -> Option<T> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, bytes) = sealed.split_at_checked(NONCE_LEN)?;
        let opened = [Some(&self.current), self.old.as_ref()].into_iter().flatten().find_map(|key| {
            let mut bytes = bytes.to_vec();
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let length = key.open_in_place(nonce, Aad::from(purpose.name()), &mut bytes).ok()?.len();
            bytes.truncate(length);
            Some(bytes)
        })?;
        serde_json::from_slice(&opened).ok()
    }
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Session => "nightkeep session 1",
            Self::Transaction => "nightkeep transaction 1",
            Self::Hint => "nightkeep hint 1",
        }
    }
}

fn key(text: &str) -> Result<RandomizedNonceKey, NoKey> {
    let bytes = BASE64_STANDARD.decode(text.trim()).map_err(|_| NoKey)?;
    RandomizedNonceKey::new(&AES_256_GCM_SIV, &bytes).map_err(|_| NoKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(current: u8, old: Option<u8>) -> Keys {
        let text = |byte: u8| BASE64_STANDARD.encode([byte; 32]);
        Keys::parse(&text(current), old.map(text).as_deref()).unwrap()
    }

    fn opens(keys: &Keys, purpose: Purpose, text: &str) -> bool {
        keys.open::<String>(purpose, text).is_some()
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_only() {
        let keys = keys(1, None);
        let sealed = keys.seal(Purpose::Session, &"Maya").unwrap();
        assert_eq!(keys.open::<String>(Purpose::Session, &sealed).unwrap(), "Maya");
        assert!(!opens(&keys, Purpose::Transaction, &sealed) && !opens(&keys, Purpose::Hint, &sealed));
    }

    #[test]
    fn nothing_opens_in_which_a_single_bit_was_changed_or_that_was_cut() {
        let keys = keys(1, None);
        let sealed = keys.seal(Purpose::Session, &"Maya").unwrap();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&keys, Purpose::Session, &BASE64_URL_SAFE_NO_PAD.encode(changed)), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(!opens(&keys, Purpose::Session, &sealed[..length]), "the first {length}");
            assert!(!opens(&keys, Purpose::Session, &sealed[sealed.len() - length..]), "the last {length}");
        }
        assert!(!opens(&keys, Purpose::Session, &format!("{sealed}A")));
    }

    #[test]
    fn what_the_key_before_has_sealed_opens_until_that_one_is_gone() {
        let sealed = keys(1, None).seal(Purpose::Session, &"Maya").unwrap();
        assert!(opens(&keys(2, Some(1)), Purpose::Session, &sealed));
        assert!(!opens(&keys(2, None), Purpose::Session, &sealed));
        assert!(!opens(&keys(3, Some(2)), Purpose::Session, &sealed));
    }

    #[test]
    fn the_same_value_is_never_sealed_the_same() {
        let keys = keys(1, None);
        assert_ne!(keys.seal(Purpose::Session, &"Maya"), keys.seal(Purpose::Session, &"Maya"));
    }

    #[test]
    fn a_text_of_another_length_is_no_key() {
        let short = BASE64_STANDARD.encode([1; 31]);
        for text in ["", "no base64!", "AAAA", &short] {
            assert!(Keys::parse(text, None).is_err(), "{text}");
        }
    }
}
