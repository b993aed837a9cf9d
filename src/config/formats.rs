//! What durations, sizes, credentials, addresses and branch names look like as text: pure checks,
//! each giving the value or what is wrong with it.

use crate::model::Secret;
use std::time::Duration;

/// `30s`, `5m`, `1h30m`: whole numbers with units, the larger unit first.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    const LONGEST: u64 = 366 * 86_400_000;
    let malformed = || format!("`{text}` is not a duration: write 30s, 5m or 1h30m");
    let mut rest = text.trim();
    let mut units = UNITS.as_slice();
    let mut millis: u64 = 0;
    if rest.is_empty() {
        return Err(malformed());
    }
    while !rest.is_empty() {
        let (digits, after) = split_where(rest, |c| !c.is_ascii_digit());
        let (unit, next) = split_where(after, |c| c.is_ascii_digit());
        if unit.is_empty() {
            return Err(format!("`{text}` lacks a unit: write {text}s, {text}m or {text}h"));
        }
        let index = units.iter().position(|(name, _)| *name == unit).ok_or_else(malformed)?;
        let factor = units.get(index).map(|(_, factor)| *factor).ok_or_else(malformed)?;
        let count: u64 = digits.parse().map_err(|_| malformed())?;
        let part = count.checked_mul(factor).ok_or_else(malformed)?;
        millis = millis.checked_add(part).filter(|sum| *sum <= LONGEST).ok_or("longer than a year")?;
        units = units.get(index + 1..).unwrap_or_default();
        rest = next;
    }
    Ok(Duration::from_millis(millis))
}

/// `10MB`: a whole number and a unit; thousands with KB, MB, GB, 1024s with KiB, MiB, GiB.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 7] = [
        ("b", 1),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
    ];
    let (digits, unit) = split_where(text.trim(), |c| !c.is_ascii_digit());
    let unit = unit.trim().to_lowercase();
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    factor
        .zip(digits.parse::<u64>().ok())
        .and_then(|(factor, count)| count.checked_mul(factor))
        .ok_or_else(|| format!("`{text}` is not a size: write 500KB, 10MB or 1GB"))
}

fn split_where(text: &str, stop: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(stop).unwrap_or(text.len()))
}

/// What a credential may be made of. The answer never repeats it.
pub(super) fn sound_secret(text: &str) -> Result<Secret, &'static str> {
    let value = text.trim();
    if value.is_empty() {
        return Err("is empty");
    }
    if value.contains('$') {
        return Err("only a whole value `$NAME` is read from the environment: write exactly `$NAME`");
    }
    if value.chars().any(|c| c.is_control() || !c.is_ascii()) {
        return Err("holds characters no credential has: check how it was pasted");
    }
    Ok(Secret::new(value))
}

/// `https://`, or `http://` to this machine; without a slash at its end.
pub(super) fn sound_address(text: &str) -> Result<String, String> {
    let address = text.trim().trim_end_matches('/');
    let (scheme, rest) =
        address.split_once("://").ok_or_else(|| format!("`{text}` is not an https:// address"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || address.contains(char::is_whitespace) {
        return Err("is an address without a host, or with spaces in it".to_owned());
    }
    if authority.contains('@') {
        return Err("must not hold a user name or password: the credential has a key of its own".to_owned());
    }
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Ok(address.to_owned()),
        "http" if is_loopback(authority) => Ok(address.to_owned()),
        "http" => Err("plain http:// would send the credential in the clear: use https://".to_owned()),
        _ => Err(format!("must begin with https://, not {scheme}://")),
    }
}

/// Whether `host[:port]` is this machine.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The rules of `git check-ref-format`, and ours: no full names.
pub(super) fn ref_fault(branch: &str) -> Option<&'static str> {
    let faults: [(bool, &'static str); 7] = [
        (branch.starts_with('-'), "it begins with `-`"),
        (branch.starts_with("refs/"), "leave out refs/heads/"),
        (branch.contains("..") || branch.contains("@{"), "it holds `..` or `@{`"),
        (branch.ends_with('.') || branch == "@" || branch == "HEAD", "git keeps such names for itself"),
        (branch.split('/').any(|part| part.is_empty()), "it begins or ends with `/`, or holds `//`"),
        (
            branch.split('/').any(|part| part.starts_with('.') || part.ends_with(".lock")),
            "a part of it begins with `.` or ends with `.lock`",
        ),
        (
            branch.chars().any(|c| c.is_control() || c.is_whitespace() || r"~^:?*[\".contains(c)),
            r"it holds a space or one of ~ ^ : ? * [ \",
        ),
    ];
    faults.into_iter().find_map(|(applies, fault)| applies.then_some(fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units_largest_first() {
        let good =
            [("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("250ms", 250), ("1d", 86_400_000)];
        for (text, millis) in good {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        for text in [
            "",
            " ",
            "30",
            "s",
            "1x",
            "-5s",
            "1.5h",
            "5m1h",
            "1h1h",
            "1h 30m",
            "99999999999999999999s",
            "9999d",
            "５s",
        ] {
            assert!(parse_duration(text).is_err(), "{text:?} → {:?}", parse_duration(text));
        }
        assert_eq!(parse_duration("30").unwrap_err(), "`30` lacks a unit: write 30s, 30m or 30h");
    }

    #[test]
    fn sizes_are_numbers_with_units() {
        let good = [("10MB", 10_000_000), ("1kb", 1_000), ("2 GiB", 2 << 30), ("7B", 7)];
        for (text, bytes) in good {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "10", "MB", "-1MB", "1.5MB", "10XB", "99999999999999999999GB", "99999999999999GB"] {
            assert!(parse_size(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for good in [
            "https://api.linear.app/graphql",
            "http://127.0.0.1:80/x",
            "http://localhost:1",
            "http://[::1]:9/",
        ] {
            assert!(sound_address(good).is_ok(), "{good}");
        }
        let bad = [
            "http://api.linear.app",
            "http://127.0.0.1.evil.com",
            "http://localhost.evil.com",
            "http://localhost@evil.com",
            "http://127.0.0.1:1@evil.com/",
            "ftp://x",
            "api.linear.app",
            "https://",
            "https://u:p@host",
            "https://a b",
        ];
        for bad in bad {
            assert!(sound_address(bad).is_err(), "{bad}");
        }
        assert_eq!(sound_address("https://host/api/v3/").as_deref(), Ok("https://host/api/v3"));
    }

    #[test]
    fn branch_names_are_what_git_takes() {
        for good in ["main", "feature/a.b", "conductor/state", "é"] {
            assert_eq!(ref_fault(good), None, "{good}");
        }
        let bad = [
            "-x",
            "a..b",
            "a//b",
            "/a",
            "a/",
            "a b",
            "a~b",
            "a^",
            "a:b",
            "a?",
            "a*",
            "[a",
            "a\\b",
            ".a",
            "a/.b",
            "a.lock",
            "a.lock/b",
            "a.",
            "@",
            "a@{b",
            "HEAD",
            "refs/heads/main",
            "",
            "a\u{7f}b",
        ];
        for bad in bad {
            assert!(ref_fault(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_credential_is_ascii_without_references_in_the_middle() {
        assert_eq!(sound_secret(" lin_api_1\n").unwrap().reveal(), "lin_api_1");
        assert_eq!(sound_secret("Bearer abc").unwrap().reveal(), "Bearer abc");
        for bad in ["", " ", "${X}", "Bearer $X", "a\nb", "schlüssel"] {
            assert!(sound_secret(bad).is_err(), "{bad:?}");
        }
    }
}
