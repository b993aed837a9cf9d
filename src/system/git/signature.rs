//! How the user's git is set up to sign commits.

/// How commits are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    pub format: SignatureFormat,
    /// As `user.signingKey` names it; without one the committer's.
    pub key: Option<String>,
    /// Instead of the format's usual program.
    pub program: Option<String>,
    /// What tells the key, where nothing names one; SSH only.
    pub key_command: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureFormat {
    OpenPgp,
    X509,
    Ssh,
}

impl SignatureFormat {
    /// As git's configuration calls it.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "openpgp" => Some(Self::OpenPgp),
            "x509" => Some(Self::X509),
            "ssh" => Some(Self::Ssh),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::OpenPgp => "openpgp",
            Self::X509 => "x509",
            Self::Ssh => "ssh",
        }
    }

    pub(super) fn program(self) -> &'static str {
        match self {
            Self::OpenPgp => "gpg",
            Self::X509 => "gpgsm",
            Self::Ssh => "ssh-keygen",
        }
    }
}
