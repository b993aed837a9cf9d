//! What single values may look like: durations, sizes, counts, names, paths, addresses, refs. Each
//! reader takes an entry and gives the value, or records what is wrong and gives nothing.

use super::file::{ScalarKind, Value};
use super::section::{Entry, suggestion};
use crate::model::Secret;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
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
fn parse_size(text: &str) -> Result<u64, String> {
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

pub(super) fn duration(entry: &Entry<'_>) -> Option<Duration> {
    parse_duration(&entry.text()?).map_or_else(|message| entry.refuse(message), Some)
}

/// A duration that leaves time for something.
pub(super) fn time_limit(entry: &Entry<'_>) -> Option<Duration> {
    match duration(entry)? {
        Duration::ZERO => entry.refuse("must be longer than nothing"),
        limit => Some(limit),
    }
}

pub(super) fn size(entry: &Entry<'_>) -> Option<u64> {
    match parse_size(&entry.text()?) {
        Ok(0) => entry.refuse("must be at least one byte"),
        Ok(size) => Some(size),
        Err(message) => entry.refuse(message),
    }
}

/// A whole number, 0 included.
pub(super) fn count<N: FromStr>(entry: &Entry<'_>) -> Option<N> {
    let text = number_text(entry, "a whole number")?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => entry.refuse(format!("must be a whole number, not `{text}`")),
    }
}

/// A whole number from 1.
pub(super) fn at_least_one<N: FromStr + Default + PartialEq>(entry: &Entry<'_>) -> Option<N> {
    match count(entry)? {
        zero if zero == N::default() => entry.refuse("must be at least 1"),
        number => Some(number),
    }
}

/// An amount above zero.
pub(super) fn amount(entry: &Entry<'_>) -> Option<f64> {
    let text = number_text(entry, "a number")?;
    match text.parse::<f64>() {
        Ok(amount) if amount.is_finite() && amount > 0.0 => Some(amount),
        _ => entry.refuse(format!("must be a number above 0, not `{text}`")),
    }
}

/// A number as written, or as an environment variable has it.
fn number_text(entry: &Entry<'_>, wanted: &str) -> Option<String> {
    match &entry.node.value {
        Value::Scalar { kind: ScalarKind::Number, text } => Some(text.clone()),
        Value::Scalar { kind: ScalarKind::Text, text } if text.starts_with('$') => entry.text(),
        Value::Scalar { kind: ScalarKind::Text, text } => {
            entry.refuse(format!("must be {wanted}, not the text `{text}`"))
        }
        _ => entry.wrong_type(wanted),
    }
}

pub(super) fn boolean(entry: &Entry<'_>) -> Option<bool> {
    match &entry.node.value {
        Value::Scalar { kind: ScalarKind::Bool(value), .. } => Some(*value),
        Value::Scalar { kind: ScalarKind::Text, text } if text.starts_with('$') => {
            match entry.text()?.as_str() {
                "true" => Some(true),
                "false" => Some(false),
                other => entry.refuse(format!("must be true or false, not `{other}`")),
            }
        }
        Value::Scalar { text, .. } => entry.refuse(format!("must be true or false, not `{text}`")),
        _ => entry.wrong_type("true or false"),
    }
}

/// Text with something in it.
pub(super) fn text(entry: &Entry<'_>) -> Option<String> {
    let text = entry.text()?;
    if text.trim().is_empty() {
        return entry.refuse("is empty: give it a value or remove the key");
    }
    if text.contains('\0') {
        return entry.refuse("holds a NUL character: remove it");
    }
    Some(text)
}

/// One line of text, without the spaces around it.
pub(super) fn name(entry: &Entry<'_>) -> Option<String> {
    let text = text(entry)?;
    let name = text.trim();
    if name.chars().any(char::is_control) {
        return entry.refuse("must be one line of plain text");
    }
    Some(name.to_owned())
}

pub(super) fn list<'a, T>(entry: &Entry<'a>, item: impl Fn(&Entry<'a>) -> Option<T>) -> Option<Vec<T>> {
    Some(entry.items()?.iter().filter_map(item).collect())
}

pub(super) fn names(entry: &Entry<'_>) -> Option<Vec<String>> {
    list(entry, name)
}

/// At least one name.
pub(super) fn some_names(entry: &Entry<'_>) -> Option<Vec<String>> {
    match entry.items()?.len() {
        0 => entry.refuse("is an empty list: name at least one"),
        _ => names(entry),
    }
}

/// One of a closed set of words.
pub(super) fn choice<T: Copy>(entry: &Entry<'_>, words: &[(&'static str, T)]) -> Option<T> {
    let text = entry.text()?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let near = suggestion(&text, known.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
    entry.refuse(format!("`{text}` is not one of {}{}", known.join(", "), near.unwrap_or_default()))
}

/// A path, absolute: `~` is the home folder, relative ones start from the file's folder.
pub(super) fn path(entry: &Entry<'_>) -> Option<PathBuf> {
    let text = text(entry)?;
    let path = match text.strip_prefix('~') {
        None => PathBuf::from(&text),
        Some(rest) if rest.is_empty() || rest.starts_with('/') => match &entry.reading.options.home {
            Some(home) => home.join(rest.trim_start_matches('/')),
            None => {
                return entry.refuse("`~` needs a home folder, and HOME is not set: write the whole path");
            }
        },
        Some(_) => {
            return entry.refuse("only `~/` is understood, not another person's home: write the whole path");
        }
    };
    Some(without_dots(&entry.reading.folder().join(path)))
}

/// A program: a bare name is left for PATH, anything with a slash is a path.
pub(super) fn program(entry: &Entry<'_>) -> Option<PathBuf> {
    let name = text(entry)?;
    if name.contains('/') { path(entry) } else { Some(PathBuf::from(name)) }
}

/// Leaves out each `.`; `..` stays, since what it means depends on links.
pub(super) fn without_dots(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

/// A path within something, going nowhere else.
pub(super) fn inner_path(entry: &Entry<'_>) -> Option<PathBuf> {
    let path = without_dots(Path::new(&name(entry)?));
    let stays = path.components().all(|part| matches!(part, Component::Normal(_)));
    if !stays || path.as_os_str().is_empty() {
        return entry.refuse("must be a relative path without `..`");
    }
    Some(path)
}

/// A credential. What it holds is never part of a fault.
pub(super) fn secret(entry: &Entry<'_>) -> Option<Secret> {
    let text = entry.text()?;
    match sound_secret(&text) {
        Ok(secret) => Some(secret),
        Err(message) => entry.refuse(message),
    }
}

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

/// An `https://` address, or `http://` to this machine, without a slash at its end.
pub(super) fn address(entry: &Entry<'_>) -> Option<String> {
    let text = name(entry)?;
    match sound_address(&text) {
        Ok(address) => Some(address),
        Err(message) => entry.refuse(message),
    }
}

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

/// A git remote: its name, a path or a URL.
pub(super) fn remote(entry: &Entry<'_>) -> Option<String> {
    let remote = name(entry)?;
    if remote.starts_with('-') || remote.contains(char::is_whitespace) {
        return entry.refuse("must be a remote's name or URL; it must not begin with `-` or hold spaces");
    }
    if remote.contains("::") && !remote.contains("[") {
        return entry.refuse("git's remote helpers (`helper::address`) are not accepted");
    }
    match remote.split_once("://") {
        Some((scheme, _)) if scheme.to_ascii_lowercase().starts_with("http") => {
            sound_address(&remote).map_or_else(|message| entry.refuse(message), Some)
        }
        _ => Some(remote),
    }
}

/// The name of a branch, as git allows them.
pub(super) fn branch(entry: &Entry<'_>) -> Option<String> {
    let branch = name(entry)?;
    match ref_fault(&branch) {
        Some(fault) => entry.refuse(format!("`{branch}` is not a branch name: {fault}")),
        None => Some(branch),
    }
}

/// What every ticket's branch begins with.
pub(super) fn branch_prefix(entry: &Entry<'_>) -> Option<String> {
    let prefix = name(entry)?;
    match ref_fault(&format!("{prefix}KEY")) {
        Some(fault) => entry.refuse(format!("`{prefix}` cannot begin a branch name: {fault}")),
        None => Some(prefix),
    }
}

/// The rules of `git check-ref-format`, and ours: no full names.
fn ref_fault(branch: &str) -> Option<&'static str> {
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
