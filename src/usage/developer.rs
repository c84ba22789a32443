//! How a developer's id is shown. An API key is a secret: it is recognisable afterwards, but not usable.

use sha2::{Digest, Sha256};

/// Characters of a key that are shown.
const KEY_PREFIX_CHARS: usize = 4;

/// Bytes of the SHA-256 that are shown, in hexadecimal.
const KEY_DIGEST_BYTES: usize = 4;

/// Parts of a field's name that tell of a secret in it.
const KEY_NAME_PARTS: [&str; 4] = ["key", "token", "secret", "authorization"];

/// Whether the values of a field with this name are secrets.
pub fn is_key_field(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    KEY_NAME_PARTS.iter().any(|part| name.contains(part))
}

/// The id as it is shown: as logged (bytes that are not UTF-8 replaced), or for a key its first 4 characters,
/// `#`, and the first 8 hexadecimal digits of its SHA-256.
pub fn display_name(id: &[u8], is_key: bool) -> String {
    let text = String::from_utf8_lossy(id);
    if !is_key {
        return text.into_owned();
    }
    let mut shown: String = text.chars().take(KEY_PREFIX_CHARS).collect();
    shown.push('#');
    for byte in &Sha256::digest(id)[..KEY_DIGEST_BYTES] {
        shown += &format!("{byte:02x}");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_fields_go_by_their_name() {
        for name in ["apiKey", "http_x_api_key", "Authorization", "metadata.accessToken", "clientSecret"] {
            assert!(is_key_field(name), "{name}");
        }
        for name in ["remote_user", "userId", "sub"] {
            assert!(!is_key_field(name), "{name}");
        }
    }

    #[test]
    fn keys_are_masked() {
        assert_eq!(display_name(b"alice", false), "alice");
        // printf abc | sha256sum begins with ba7816bf.
        assert_eq!(display_name(b"abc", true), "abc#ba7816bf");
        let shown = display_name(b"sk_live_0123456789", true);
        assert!(shown.starts_with("sk_l#") && shown.len() == 13, "{shown}");
    }
}
