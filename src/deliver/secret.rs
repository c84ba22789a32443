//! Signing secrets, read from a file because flags and variables can be seen by others.

use anyhow::{Context, bail};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::path::Path;

/// What marks a secret as base64 in Standard Webhooks.
const BASE64_PREFIX: &str = "whsec_";

/// Senders of secrets disagree about padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One signing secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    key: Vec<u8>,
}

/// Shows that there is one, never what it is.
impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

impl Secret {
    /// A secret: `whsec_` and base64, or any other text as it is.
    ///
    /// # Errors
    /// `whsec_` with something else than base64 behind it.
    pub fn parse(text: &str) -> anyhow::Result<Secret> {
        let key = match text.strip_prefix(BASE64_PREFIX) {
            Some(encoded) => BASE64.decode(encoded).ok().filter(|key| !key.is_empty()),
            None => Some(text.as_bytes().to_vec()),
        };
        let key = key.with_context(|| format!("what follows {BASE64_PREFIX} is not base64"))?;
        Ok(Secret { text: text.to_owned(), key })
    }

    /// HMAC-SHA256 under the key: what base64 stands for, else the text's bytes.
    pub(super) fn sign(&self, parts: &[&str]) -> [u8; 32] {
        hmac_sha256(&self.key, parts)
    }

    /// HMAC-SHA256 under the text's bytes, whatever it begins with.
    pub(super) fn sign_as_text(&self, parts: &[&str]) -> [u8; 32] {
        hmac_sha256(self.text.as_bytes(), parts)
    }
}

fn hmac_sha256(key: &[u8], parts: &[&str]) -> [u8; 32] {
    // A key of any length is valid: no error can come.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    parts.iter().for_each(|part| mac.update(part.as_bytes()));
    mac.finalize().into_bytes().into()
}

/// The secrets in a file, one a line, the newest first; several `whsec_` secrets may also share a line.
///
/// # Errors
/// A file that cannot be read, holds no secret, or one that is broken; never the secret itself.
pub fn read_secrets(path: &Path) -> anyhow::Result<Vec<Secret>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{shown}: the webhook secret cannot be read"))?;
    let mut secrets = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let words = if line.starts_with(BASE64_PREFIX) { line.split_whitespace().collect() } else { vec![line] };
        for word in words.into_iter().filter(|word| !word.is_empty()) {
            secrets.push(Secret::parse(word).with_context(|| format!("{shown}:{number}"))?);
        }
    }
    if secrets.is_empty() {
        bail!("{shown}: no secret in it; expected one a line, `{BASE64_PREFIX}` and base64, or any text");
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Vec<Secret>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read_secrets(file.path())
    }

    #[test]
    fn a_file_holds_one_secret_a_line() {
        let secrets = read("whsec_AQID whsec_BAUG\n\n  raw secret \r\n").unwrap();
        let keys: Vec<&[u8]> = secrets.iter().map(|secret| secret.key.as_slice()).collect();
        assert_eq!(keys, [&[1, 2, 3][..], &[4, 5, 6], b"raw secret"]);
    }

    #[test]
    fn padding_is_optional() {
        assert_eq!(Secret::parse("whsec_AQI=").unwrap().key, Secret::parse("whsec_AQI").unwrap().key);
    }

    #[test]
    fn a_broken_secret_is_named_by_its_line_and_not_shown() {
        let message = format!("{:#}", read("good\nwhsec_not*base64\n").unwrap_err());
        assert!(message.contains(":2") && !message.contains("not*base64"), "{message}");
        for empty in ["", " \n\n", "whsec_\n"] {
            assert!(read(empty).is_err(), "{empty:?}");
        }
        assert_eq!(format!("{:?}", Secret::parse("visible").unwrap()), "Secret");
    }
}
