//! Where a request may go. Plain http is for loopback, nothing else: a token in the clear is a
//! token given away.

use super::error::HttpError;
use std::net::IpAddr;
use ureq::http::Uri;

/// An address a request may be sent to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    uri: Uri,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, HttpError> {
        let bad = |what: &str| HttpError::Address(format!("{}: {what}", shown(url)));
        let uri: Uri = url.parse().map_err(|_| bad("not a valid address"))?;
        let host = uri.host().unwrap_or_default().to_owned();
        if host.is_empty() {
            return Err(bad("no host in the address"));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(bad("credentials do not belong into an address"));
        }
        match uri.scheme_str() {
            Some("https") => Ok(Self { uri }),
            Some("http") if is_loopback_host(&host) => Ok(Self { uri }),
            Some("http") => Err(bad("plain http would send the token in the clear; use https")),
            _ => Err(bad("neither an https nor an http address")),
        }
    }

    /// The target of a `Location` header seen here.
    pub(super) fn join(&self, location: &str) -> Result<Self, HttpError> {
        if location.contains("://") {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme()));
        }
        let base = self.uri.path();
        let path = match location.strip_prefix('/') {
            Some(rest) => format!("/{rest}"),
            None => format!("{}/{location}", base.rsplit_once('/').map_or("", |(folder, _)| folder)),
        };
        Self::parse(&format!("{}{path}", self.shown()))
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(super) fn is_secure(&self) -> bool {
        self.scheme() == "https"
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> (String, String, u16) {
        let port = self.uri.port_u16().unwrap_or(if self.is_secure() { 443 } else { 80 });
        (self.scheme().to_owned(), self.uri.host().unwrap_or_default().to_ascii_lowercase(), port)
    }

    /// Scheme and host, for messages.
    pub(super) fn shown(&self) -> String {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        format!("{}://{authority}", self.scheme())
    }

    fn scheme(&self) -> &str {
        self.uri.scheme_str().unwrap_or_default()
    }
}

/// The address without what may be secret in it: user, password, query.
pub(super) fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

/// Whether the address is on this machine.
pub fn is_loopback(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(is_loopback_host))
}

/// Whether both addresses have the same scheme, host and port.
pub fn same_origin(a: &str, b: &str) -> bool {
    matches!((Target::parse(a), Target::parse(b)), (Ok(a), Ok(b)) if a.origin() == b.origin())
}

/// Whether both addresses are on the same host, whatever the port. This machine has several names.
pub fn same_host(a: &str, b: &str) -> bool {
    let (Ok(a), Ok(b)) = (a.parse::<Uri>(), b.parse::<Uri>()) else { return false };
    match (a.host(), b.host()) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b) || (is_loopback_host(a) && is_loopback_host(b)),
        _ => false,
    }
}

fn is_loopback_host(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Text as one query value.
pub fn encode_query(text: &str) -> String {
    encoded(text, "")
}

/// Text as a path; slashes stay.
pub fn encode_path(text: &str) -> String {
    encoded(text, "/")
}

fn encoded(text: &str, kept: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain =
            byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.as_bytes().contains(&byte);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_same_whatever_comes_after_it() {
        let same = [
            ("https://GitHub.com/acme/app.git", "https://github.com"),
            ("https://user:word@git.corp.example:8443/scm/a/b.git", "https://git.corp.example"),
            ("http://127.0.0.1:4567/app.git", "http://127.0.0.1:99"),
            ("http://localhost:4567/a/b.git", "http://127.0.0.1:99"),
            ("http://[::1]:4567/a/b.git", "http://localhost"),
        ];
        for (a, b) in same {
            assert!(same_host(a, b), "{a} {b}");
        }
        for a in ["https://github.com.evil.example/a/b", "https://github.com@evil.example/a", "../a", ""] {
            assert!(!same_host(a, "https://github.com"), "{a}");
        }
    }
}
