//! What of the network the agent's side may reach: hosts by name, with the ports of the web or one
//! of its own.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Ports of a host that is named without one.
const WEB: [u16; 2] = [443, 80];

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkRule {
    #[default]
    Open,
    None,
    /// These, and what the agent's own model needs.
    #[serde(untagged)]
    Hosts(Vec<HostRule>),
}

/// `HOST`, `*.HOST` for everything below it, either with `:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HostRule {
    /// In small letters, without a final dot.
    host: String,
    is_below: bool,
    port: Option<u16>,
}

impl HostRule {
    /// `None` for what is no host.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = split_port(text)?;
        let (host, is_below) = match host.strip_prefix("*.") {
            Some(host) => (host, true),
            None => (host, false),
        };
        let host = normal(host);
        let is_name = |host: &str| {
            host.split('.').all(|label| {
                let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_');
                !label.is_empty() && label.len() < 64 && label.bytes().all(is_plain)
            })
        };
        let is_address = !is_below && host.parse::<std::net::IpAddr>().is_ok();
        (is_address || is_name(&host)).then_some(Self { host, is_below, port })
    }

    pub fn allows(&self, host: &str, port: u16) -> bool {
        let host = normal(host);
        let is_here = match self.is_below {
            true => host.strip_suffix(&self.host).is_some_and(|rest| rest.ends_with('.')),
            false => host == self.host,
        };
        is_here && self.port.map_or(WEB.contains(&port), |own| own == port)
    }

    /// Whether it names that very host, which then may be on this machine.
    pub fn is_of_this_machine(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        self.host == "localhost" || address.is_ok()
    }
}

impl From<HostRule> for String {
    fn from(rule: HostRule) -> Self {
        rule.to_string()
    }
}

impl TryFrom<String> for HostRule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is no host"))
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (below, host) = (if self.is_below { "*." } else { "" }, &self.host);
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        match self.port {
            Some(port) => write!(f, "{below}{host}:{port}"),
            None => write!(f, "{below}{host}"),
        }
    }
}

/// A host and its port, where one is named; an address of version 6 stands in brackets then.
pub fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Some((text, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((text, None)),
    }
}

fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rule: &str, host: &str, port: u16) -> bool {
        HostRule::parse(rule).unwrap().allows(host, port)
    }

    #[test]
    fn a_host_is_allowed_by_its_whole_name_with_the_ports_of_the_web() {
        assert!(allows("api.example.com", "API.example.com.", 443));
        assert!(allows("api.example.com", "api.example.com", 80));
        for (host, port) in [
            ("api.example.com", 22),
            ("x.api.example.com", 443),
            ("example.com", 443),
            ("evilapi.example.com", 443),
            ("api.example.com.evil.org", 443),
        ] {
            assert!(!allows("api.example.com", host, port), "{host}:{port}");
        }
    }

    #[test]
    fn a_star_stands_for_everything_below_and_a_port_for_itself() {
        assert!(allows("*.example.com", "a.b.example.com", 443));
        assert!(!allows("*.example.com", "example.com", 443));
        assert!(!allows("*.example.com", "badexample.com", 443));
        assert!(allows("localhost:8080", "localhost", 8080) && !allows("localhost:8080", "localhost", 443));
        assert!(allows("[::1]:8080", "::1", 8080) && allows("127.0.0.1:1", "127.0.0.1", 1));
    }

    #[test]
    fn a_rule_is_a_word_or_a_list_in_documents() {
        let hosts = NetworkRule::Hosts(vec![HostRule::parse("*.example.com:8443").unwrap()]);
        for (rule, text) in [
            (NetworkRule::Open, "\"open\""),
            (NetworkRule::None, "\"none\""),
            (hosts, "[\"*.example.com:8443\"]"),
        ] {
            assert_eq!(serde_json::to_string(&rule).unwrap(), text);
            assert_eq!(serde_json::from_str::<NetworkRule>(text).unwrap(), rule);
        }
        assert!(serde_json::from_str::<NetworkRule>("[\"a b\"]").is_err());
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in
            ["", "*", "*.", "a..b", "https://a.b", "a/b", "a b", "a:b", "a:99999", "user@a.b", "*.1.2:x"]
        {
            assert_eq!(HostRule::parse(text), None, "{text}");
        }
        assert_eq!(HostRule::parse("*.A.b:8443").unwrap().to_string(), "*.a.b:8443");
        assert_eq!(HostRule::parse("::1").unwrap().to_string(), "[::1]");
    }
}
