//! How a login reaches git: a credential helper of one call, for one host, that reads it from a
//! descriptor the call inherits.

use super::super::Call;
use super::credential::Credential;
use crate::model::Secret;

/// The descriptor is there for the first question; nothing is ever stored.
const HELPER: &str = "!f() { if test \"$1\" = get; then cat <&3; fi; }; f";

/// `url` is the remote's. Git asks for the login before its first request, where it can (2.46),
/// otherwise when the host wants one.
pub(super) fn hand_over(call: Call, credential: &Credential, url: &str) -> Call {
    let origin = origin(url);
    let settings = [
        // Nobody else is asked, and no header of a checkout is sent beside it.
        ("credential.helper".to_owned(), ""),
        (format!("credential.{origin}.helper"), ""),
        (format!("credential.{origin}.helper"), HELPER),
        (format!("http.{url}.extraheader"), ""),
        (format!("http.{origin}/.proactiveAuth"), "basic"),
    ];
    let mut call = call.env("GIT_CONFIG_COUNT", settings.len().to_string());
    for (at, (key, value)) in settings.iter().enumerate() {
        call = call.env(&format!("GIT_CONFIG_KEY_{at}"), key).env(&format!("GIT_CONFIG_VALUE_{at}"), value);
    }
    let (username, password) = (&credential.username, credential.token.reveal());
    call.env("GIT_ASKPASS", "").login(Secret::new(format!("username={username}\npassword={password}\n")))
}

/// Scheme, host and port of an HTTP URL: whom the login is for.
fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_for_a_scheme_a_host_and_a_port() {
        assert_eq!(origin("https://github.com/acme/app.git"), "https://github.com");
        assert_eq!(origin("http://me:x@127.0.0.1:8080/acme/app?x"), "http://127.0.0.1:8080");
    }
}
