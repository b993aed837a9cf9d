//! The tracker and the forge: which kind, where it is, the credential, and which tickets are ours.

use crate::config::formats::{sound_address, sound_secret};
use crate::config::section::{Entry, Section};
use crate::config::values::{address, choice, name, names, path, secret, some_names, without_dots};
use crate::config::{ForgeKind, TrackerConfig, TrackerKind, unsupported};
use crate::model::Secret;
use crate::model::issue::is_named_among;
use crate::model::settings::{AssigneeRule, StatusComments, TrackerRules};
use std::path::PathBuf;

pub(super) fn tracker(top: &Section<'_>) -> Option<TrackerConfig> {
    top.section("tracker", |s| {
        unsupported::check_tracker(s);
        let rules = rules(s);
        let kind = tracker_kind(s)?;
        let comments = s.read("comment", comments).unwrap_or_default();
        Some(TrackerConfig { kind, rules, comments })
    })
}

fn comments(entry: &Entry<'_>) -> Option<StatusComments> {
    choice(
        entry,
        &[
            ("true", StatusComments::All),
            ("failures", StatusComments::Failures),
            ("false", StatusComments::Off),
        ],
    )
}

fn tracker_kind(s: &Section<'_>) -> Option<TrackerKind> {
    s.know(&["kind", "team", "project", "api_key", "endpoint", "path"]);
    if unsupported::is_unsupported_kind(s, "tracker.kind") {
        return None;
    }
    match s
        .required("kind", "linear or local", |entry| choice(entry, &[("linear", true), ("local", false)]))?
    {
        true => {
            s.belongs_elsewhere("path", ISSUES, "linear");
            Some(TrackerKind::Linear {
                team: s.read_nullable("team", name),
                project: s.read_nullable("project", name),
                api_key: credential(s, "api_key", "LINEAR_API_KEY"),
                endpoint: s.read("endpoint", address).unwrap_or_else(|| LINEAR.to_owned()),
            })
        }
        false => {
            for (key, default) in
                [("team", ""), ("project", ""), ("api_key", "$LINEAR_API_KEY"), ("endpoint", LINEAR)]
            {
                s.belongs_elsewhere(key, default, "local");
            }
            Some(TrackerKind::Local { path: folder(s, ISSUES) })
        }
    }
}

const LINEAR: &str = "https://api.linear.app/graphql";
const ISSUES: &str = "issues";
const GITHUB: &str = "https://api.github.com";
const PULLS: &str = "pulls";

fn rules(s: &Section<'_>) -> TrackerRules {
    let state = |key, default: &str| s.read(key, name).unwrap_or_else(|| default.to_owned());
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
    let rules = TrackerRules {
        active_states: s.read("active_states", some_names).unwrap_or_else(|| words(&["Todo"])),
        terminal_states: s
            .read("terminal_states", some_names)
            .unwrap_or_else(|| words(&["Done", "Canceled", "Cancelled", "Closed", "Duplicate"])),
        in_progress_state: state("in_progress_state", "In Progress"),
        in_review_state: state("in_review_state", "In Review"),
        done_state: state("done_state", "Done"),
        required_labels: s.read("required_labels", names).unwrap_or_default(),
        excluded_labels: s.read("excluded_labels", names).unwrap_or_default(),
        assignee: s.read("assignee", assignee).unwrap_or(AssigneeRule::Any),
    };
    for active in &rules.active_states {
        if is_named_among(active, &rules.terminal_states) {
            s.fault(
                "active_states",
                format!("`{active}` is also a terminal state: a ticket cannot be both to do and done"),
            );
        } else if is_named_among(active, std::slice::from_ref(&rules.in_review_state)) {
            s.fault("active_states", format!("`{active}` is also in_review_state: a ticket would be taken up again while it is reviewed"));
        }
    }
    for label in rules.required_labels.iter().filter(|label| is_named_among(label, &rules.excluded_labels)) {
        s.fault("excluded_labels", format!("`{label}` is also required: no ticket could ever match"));
    }
    rules
}

fn assignee(entry: &Entry<'_>) -> Option<AssigneeRule> {
    Some(match name(entry)?.as_str() {
        "any" => AssigneeRule::Any,
        "none" => AssigneeRule::Nobody,
        "me" => AssigneeRule::Me,
        person => AssigneeRule::Person(person.to_owned()),
    })
}

pub(super) fn forge(top: &Section<'_>) -> Option<ForgeKind> {
    top.section("forge", |s| {
        s.know(&["kind", "repository", "api_url", "token", "path"]);
        if unsupported::is_unsupported_kind(s, "forge.kind") {
            return None;
        }
        let is_github = match s.given("kind") {
            Some(entry) => choice(&entry, &[("github", true), ("local", false)])?,
            None => true,
        };
        if is_github {
            s.belongs_elsewhere("path", PULLS, "github");
            return Some(ForgeKind::Github {
                repository: s.read_nullable("repository", owner_and_name),
                api_url: s.read("api_url", address).unwrap_or_else(|| github_api_url(s)),
                token: credential(s, "token", "GITHUB_TOKEN"),
            });
        }
        for (key, default) in [("repository", ""), ("api_url", GITHUB), ("token", "$GITHUB_TOKEN")] {
            s.belongs_elsewhere(key, default, "local");
        }
        Some(ForgeKind::Local { path: folder(s, PULLS) })
    })
}

fn owner_and_name(entry: &Entry<'_>) -> Option<String> {
    let text = name(entry)?;
    let is_part = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            && part != "."
            && part != ".."
    };
    match text.split_once('/') {
        Some((owner, repository)) if is_part(owner) && is_part(repository) => Some(text),
        _ => entry.refuse(format!("`{text}` is not owner/name")),
    }
}

/// Where GitHub's API is when the file does not say: runners of an Enterprise server tell.
fn github_api_url(s: &Section<'_>) -> String {
    let from_runner = (s.reading.options.env)("GITHUB_API_URL").filter(|url| !url.trim().is_empty());
    match from_runner.as_deref().map(sound_address) {
        None => GITHUB.to_owned(),
        Some(Ok(url)) => url,
        Some(Err(fault)) => {
            s.fault("api_url", format!("the environment variable GITHUB_API_URL: {fault}"));
            GITHUB.to_owned()
        }
    }
}

/// A credential the kind cannot do without; `variable` is where it is looked for by default.
fn credential(s: &Section<'_>, key: &'static str, variable: &str) -> Secret {
    let found = if s.given(key).is_some() {
        s.read(key, secret)
    } else {
        let value = (s.reading.options.env)(variable).filter(|value| !value.trim().is_empty());
        match value.as_deref().map(sound_secret) {
            Some(Ok(secret)) => Some(secret),
            Some(Err(fault)) => {
                s.fault(key, format!("the environment variable {variable} {fault}"));
                None
            }
            None => {
                s.fault(key, format!("the environment variable {variable} is not set or empty: set {variable}, or name another one as `{key}: $NAME`"));
                None
            }
        }
    };
    // Never used: without a credential the fault above is all that is returned.
    found.unwrap_or_else(|| Secret::new(""))
}

fn folder(s: &Section<'_>, default: &str) -> PathBuf {
    s.read("path", path).unwrap_or_else(|| without_dots(&s.reading.folder().join(default)))
}
