//! How a repository names its objects: by SHA-1 or by SHA-256.

use sha1::{Digest, Sha1};
use sha2::Sha256;

/// What names the objects of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectFormat {
    Sha1,
    Sha256,
}

impl ObjectFormat {
    /// As `git rev-parse --show-object-format` says it; older releases know one only.
    pub fn of(word: &str) -> Self {
        if word == "sha256" { Self::Sha256 } else { Self::Sha1 }
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// Bytes of an object's id.
    pub fn id_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    pub fn id(self, header: &[u8], data: &[u8]) -> String {
        match self {
            Self::Sha1 => hex(&Sha1::new().chain_update(header).chain_update(data).finalize()),
            Self::Sha256 => hex(&Sha256::new().chain_update(header).chain_update(data).finalize()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
