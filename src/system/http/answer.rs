//! An answer, and what its headers ask for: waiting, paging, going elsewhere.

use crate::model::text;
use std::time::Duration;
use ureq::http::HeaderMap;

/// Characters of a foreign body shown in a message.
const SHOWN_BODY: usize = 200;

/// An answer, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub(super) fn new(status: u16, headers: &HeaderMap, body: Vec<u8>) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        Self { status, headers, body }
    }

    /// The first header of that name (given in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The header as a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.trim().parse().ok()
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// An API answers in JSON; a page is a proxy or a load balancer speaking.
    pub fn is_html(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("text/html"))
    }

    /// Likely to be better in a moment.
    pub fn is_transient(&self) -> bool {
        self.status >= 500 || (self.is_success() && self.is_html())
    }

    /// `Retry-After` in its usual form, seconds.
    pub fn retry_after_seconds(&self) -> Option<Duration> {
        self.number("retry-after").map(Duration::from_secs)
    }

    /// `Retry-After` in either form, seconds or a date.
    pub fn retry_after(&self, now: chrono::DateTime<chrono::Utc>) -> Option<Duration> {
        self.retry_after_seconds().or_else(|| {
            let until = chrono::DateTime::parse_from_rfc2822(self.header("retry-after")?.trim()).ok()?;
            Some((until.to_utc() - now).to_std().unwrap_or(Duration::ZERO))
        })
    }

    /// The address of the next page, from `Link: <…>; rel="next"`.
    pub fn next_page(&self) -> Option<&str> {
        let links = self.headers.iter().filter(|(name, _)| name == "link");
        links
            .flat_map(|(_, value)| links_in(value))
            .find(|(_, rel)| rel_names(rel, "next"))
            .map(|(url, _)| url)
    }

    /// Status and the gist of the body in one line, for messages.
    pub fn gist(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let shown = if self.is_html() { html_title(&body).unwrap_or("an HTML page") } else { &body };
        let line = text::one_line(shown);
        let line = text::cut(&line, SHOWN_BODY);
        if line.is_empty() {
            format!("HTTP {}", self.status)
        } else {
            format!("HTTP {}: {line}", self.status)
        }
    }

    pub(super) fn redirect(&self) -> Option<&str> {
        matches!(self.status, 301 | 302 | 303 | 307 | 308).then(|| self.header("location"))?
    }
}

/// A point in time from seconds since 1970, as rate-limit headers give it.
pub fn epoch_seconds(seconds: u64) -> Option<chrono::DateTime<chrono::Utc>> {
    chrono::DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
}

/// The `(address, parameters)` pairs of a Link header. Addresses may hold commas and semicolons.
fn links_in(value: &str) -> Vec<(&str, &str)> {
    let mut links = Vec::new();
    let mut rest = value;
    while let Some((_, from)) = rest.split_once('<') {
        let Some((url, after)) = from.split_once('>') else { break };
        let end = after.find('<').unwrap_or(after.len());
        links.push((url, &after[..end]));
        rest = &after[end..];
    }
    links
}

fn rel_names(parameters: &str, name: &str) -> bool {
    parameters.split([';', ',']).filter_map(|parameter| parameter.trim().strip_prefix("rel=")).any(|rel| {
        rel.trim_matches('"').split_ascii_whitespace().any(|known| known.eq_ignore_ascii_case(name))
    })
}

fn html_title(page: &str) -> Option<&str> {
    // ASCII lower case keeps every byte where it is.
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    Some(page[start..end].trim()).filter(|title| !title.is_empty())
}
