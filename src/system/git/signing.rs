//! Signatures on Conductor's own commits, made by the program the user's git is set up with. Only a
//! call that writes such a commit is told of the key, and no call in a workspace ever is.

use super::signature::Signing;
use super::{GitError, GitErrorKind, Object, Repository, protocol};
use std::time::Duration;

/// A program that asks a person for longer has nobody to ask.
const PATIENCE: Duration = Duration::from_secs(60);

impl Repository {
    /// Signs Conductor's own commits like that.
    #[must_use]
    pub fn with_signing(self, signing: Option<Signing>) -> Self {
        Self { signing, ..self }
    }

    /// The key, as `user.signingKey` names it.
    pub fn signing_key(&self) -> Option<&str> {
        self.signing.as_ref()?.key.as_deref()
    }

    pub fn signs(&self) -> bool {
        self.signing.is_some()
    }

    /// Writes a commit of these headers and this message with a signature.
    pub fn write_signed(&self, commit: &[u8]) -> Result<Object, GitError> {
        let Some(signing) = &self.signing else { return Err(protocol("commit-tree", "no key is set up")) };
        let text = String::from_utf8_lossy(commit);
        let (headers, message) = text.split_once("\n\n").unwrap_or((&text, ""));
        let values = |key: &'static str| {
            headers.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix(' '))
        };
        let tree = values("tree").next().unwrap_or_default();
        let mut call = self.git(settings(signing)).arg("commit-tree").arg("-F").arg("-");
        call = call.arg(signing.key.as_ref().map_or("-S".to_owned(), |key| format!("-S{key}")));
        for parent in values("parent") {
            call = call.arg("-p").arg(parent);
        }
        for (role, variable) in [("author", "AUTHOR"), ("committer", "COMMITTER")] {
            let Some(person) = values(role).next().and_then(Person::parse) else {
                return Err(protocol("commit-tree", format!("the commit has no {role}")));
            };
            call = call
                .env(&format!("GIT_{variable}_NAME"), person.name)
                .env(&format!("GIT_{variable}_EMAIL"), person.email)
                .env(&format!("GIT_{variable}_DATE"), format!("@{}", person.date));
        }
        // Nobody is there to be asked for a passphrase.
        let mut call =
            call.env("SSH_ASKPASS", "false").env("SSH_ASKPASS_REQUIRE", "force").env("GPG_TTY", "");
        call.timeout = PATIENCE;
        let told = call.arg(tree).stdin(message).text().map_err(unsigned)?;
        let id = told.trim().to_owned();
        self.objects(&[id])?
            .pop()
            .flatten()
            .ok_or_else(|| protocol("commit-tree", "the signed commit is gone"))
    }
}

/// The settings of one call; what a checkout's own configuration names as a program has no part in it.
fn settings(signing: &Signing) -> Vec<String> {
    let format = signing.format;
    let program = signing.program.as_deref().unwrap_or(format.program());
    let mut settings =
        vec![format!("gpg.format={}", format.name()), format!("gpg.{}.program={program}", format.name())];
    settings
        .push(format!("gpg.ssh.defaultKeyCommand={}", signing.key_command.as_deref().unwrap_or_default()));
    settings.extend(signing.key.iter().map(|key| format!("user.signingKey={key}")));
    settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

fn unsigned(error: GitError) -> GitError {
    let detail = format!(
        "the commit could not be signed: {}; next: make `git commit -S` work here without questions, or set \
         commit.gpgSign to false",
        error.detail
    );
    GitError { kind: GitErrorKind::Failed, detail, ..error }
}

/// Who and when, as a commit has it.
struct Person<'c> {
    name: &'c str,
    email: &'c str,
    date: &'c str,
}

impl<'c> Person<'c> {
    fn parse(line: &'c str) -> Option<Self> {
        let (name, rest) = line.split_once(" <")?;
        let (email, date) = rest.split_once("> ")?;
        Some(Self { name, email, date })
    }
}
