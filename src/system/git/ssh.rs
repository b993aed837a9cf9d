//! SSH without a person: it never asks for a passphrase, a password or a host key, and gives up on
//! a host that does not answer. What the user configured stays, but for the questions.

/// What is added to a command that is OpenSSH's.
const UNATTENDED: &str = "-o BatchMode=yes -o ConnectTimeout=60 -o ServerAliveInterval=15";

/// Whether git reaches that address by SSH.
pub(super) fn is_ssh(url: &str) -> bool {
    if let Some((scheme, _)) = url.split_once("://") {
        return matches!(scheme, "ssh" | "git+ssh" | "ssh+git");
    }
    // The short form: a colon before the first slash, and no transport helper's `::`.
    url.split('/').next().is_some_and(|head| head.contains(':') && !head.contains("::"))
}

/// The command line git is to use, where it can be told that nobody is there. `own` is the user's.
pub(super) fn unattended(own: Option<&str>) -> Option<String> {
    let own = own.map_or("ssh", str::trim);
    let program = own.split_whitespace().next()?;
    let name = program.rsplit('/').next()?;
    // Other programs do not know these options.
    (name == "ssh").then(|| format!("{own} {UNATTENDED}"))
}

/// What a person does about a login that failed.
pub(super) fn remedy(remote: &str) -> String {
    format!(
        "next: make `ssh` work without questions for the user that runs this (a key without a passphrase or in an \
         agent, the host in known_hosts), then check with `GIT_SSH_COMMAND='ssh -o BatchMode=yes' git ls-remote {remote}`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_addresses_are_told_from_others() {
        for url in ["git@github.com:acme/app.git", "ssh://git@host/x", "host:x", "git+ssh://host/x"] {
            assert!(is_ssh(url), "{url}");
        }
        for url in ["https://host/x:y", "/srv/a:b/x.git", "./a:b", "origin.git", "file:///x", "ext::sh -c x"]
        {
            assert!(!is_ssh(url), "{url}");
        }
    }

    #[test]
    fn ssh_is_told_that_nobody_is_there_and_other_programs_are_left_alone() {
        assert_eq!(unattended(None).unwrap(), format!("ssh {UNATTENDED}"));
        assert_eq!(unattended(Some("/usr/bin/ssh -i k")).unwrap(), format!("/usr/bin/ssh -i k {UNATTENDED}"));
        for own in ["plink -batch", "my-wrapper ssh", "\"/opt/a b/ssh\"", ""] {
            assert_eq!(unattended(Some(own)), None, "{own}");
        }
    }
}
