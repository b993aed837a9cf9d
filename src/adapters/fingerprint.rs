//! What a credential is called where it must not stand itself.

use crate::model::Secret;
use sha2::{Digest, Sha256};

/// Enough of a digest to tell a few credentials apart, too little to find one from it.
const BYTES: usize = 6;

/// The credential and what it is used for, as twelve hexadecimal digits: another key, host or
/// repository has other ones.
pub fn fingerprint(credential: &Secret, used_for: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in [credential.reveal()].iter().chain(used_for) {
        // With its length, so that no two lists read the same.
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_changes_with_the_credential_and_its_use_and_shows_neither() {
        let of = |key: &str, used_for: &[&str]| fingerprint(&Secret::new(key), used_for);
        let one = of("lin_api_secret", &["https://api.example", "a"]);
        assert_eq!(one, of("lin_api_secret", &["https://api.example", "a"]));
        assert_eq!(one.len(), 12);
        assert!(one.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one, of("lin_api_other", &["https://api.example", "a"]));
        assert_ne!(one, of("lin_api_secret", &["https://api.example", "b"]));
        assert_ne!(of("key", &["ab", "c"]), of("key", &["a", "bc"]));
    }
}
