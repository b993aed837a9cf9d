//! The remote's address as the vault is given it: good from any folder, and without a login.

use crate::model::Secret;
use crate::system::git::Credential;

/// The login that stands in an HTTP address, `user:password@`.
pub fn login_in(url: &str) -> Option<Credential> {
    let (_, login, _) = parts(url)?;
    let (username, password) = login?.split_once(':')?;
    let (username, token) = (decoded(username)?, decoded(password)?);
    let is_line = |text: &str| !text.is_empty() && !text.contains(['\n', '\r', '\0']);
    (is_line(&username) && is_line(&token)).then(|| Credential { username, token: Secret::new(token) })
}

/// An HTTP address without its login; any other as it is.
pub fn without_login(url: &str) -> String {
    match parts(url) {
        Some((scheme, Some(_), rest)) => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}

/// Whether it is a path from some folder. Git's own rule: a colon before the first slash makes it a
/// host.
pub(super) fn is_relative(url: &str) -> bool {
    !url.starts_with('/') && !url.split('/').next().unwrap_or_default().contains(':')
}

/// Scheme, login, and the rest of an HTTP address.
fn parts(url: &str) -> Option<(&str, Option<&str>, &str)> {
    let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, _) = rest.split_at(end);
    Some(match authority.rfind('@') {
        Some(at) => (scheme, Some(&rest[..at]), &rest[at + 1..]),
        None => (scheme, None, rest),
    })
}

/// With `%XX` as the bytes they stand for.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_an_address_is_taken_out_of_it() {
        let url = "https://me:p%40ss@host:8443/acme/app@2.git";
        let login = login_in(url).unwrap();
        assert_eq!((login.username.as_str(), login.token.reveal()), ("me", "p@ss"));
        assert_eq!(without_login(url), "https://host:8443/acme/app@2.git");
    }

    #[test]
    fn addresses_without_a_login_stay_as_they_are() {
        for url in
            ["https://host/a@b:c", "git@host:acme/app", "ssh://git:x@host/app", "../x@y:z/app", "/srv/app"]
        {
            assert_eq!((login_in(url), without_login(url)), (None, url.to_owned()));
        }
        assert_eq!(login_in("https://me@host/app"), None);
        assert_eq!(login_in("https://me:%zz@host/app"), None);
    }

    #[test]
    fn paths_are_told_from_hosts() {
        for path in ["../origin.git", "origin.git", "./a:b"] {
            assert!(is_relative(path), "{path}");
        }
        for other in ["/srv/x.git", "host:x", "git@host:x", "https://host/x", "file:///x", "ext::sh -c x"] {
            assert!(!is_relative(other), "{other}");
        }
    }
}
