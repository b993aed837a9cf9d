//! The file's tree → [`Config`]: flags over environment over file over defaults. One function a
//! section, each default beside its key; what one section must not do to another is checked here.

mod agent;
mod decisions;
pub(super) mod prompt;
mod services;
mod work;

use super::discover::repository_root;
use super::faults::ConfigFaults;
use super::file::{Document, Key};
use super::section::{Entry, Reading, Section};
use super::values::{amount, at_least_one, boolean, branch, branch_prefix, names, path, remote, time_limit};
use super::{Config, LoadOptions, unsupported};
use crate::model::issue::is_named_among;
use crate::model::settings::{
    Backoff, Budget, Limits, PullRequestSettings, RateLimitSettings, RepositorySettings, TrackerRules,
};
use std::time::Duration;

pub(super) fn resolve(document: &Document, options: &LoadOptions<'_>) -> Result<Config, ConfigFaults> {
    let reading = Reading::new(document, options);
    let config = reading.top(|top| {
        unsupported::check_sections(top);
        let (budget, usd_per_issue) = budget(top);
        let (tracker, forge) = (services::tracker(top), services::forge(top));
        let agent = agent::agent(top, usd_per_issue);
        let repository = repository(top);
        let state = work::state(top, &repository);
        let max_attempts = agent.as_ref().map(|agent| agent.max_attempts);
        let limits = limits(top, max_attempts, tracker.as_ref().map(|tracker| &tracker.rules));
        let retry = top.section("retry", |s| backoff(s, 1, 300));
        let rate_limit = top.section("rate_limit", rate_limit);
        let (preflight, weights) = (decisions::preflight(top), decisions::weights(top));
        let (gates, guards, hooks) = (work::gates(top), work::guards(top), work::hooks(top));
        let (workspace, pull_request) = (work::workspace(top), pull_request(top));
        let (prompt_file, prompt) = prompt::prompt(top).unzip();
        let (tracker, forge, agent) = (tracker?, forge?, agent?.config);
        let file = document.path.clone();
        Some(Config {
            file,
            tracker,
            repository,
            forge,
            agent,
            budget,
            limits,
            retry,
            rate_limit,
            preflight,
            weights,
            gates,
            guards,
            hooks,
            workspace,
            state,
            pull_request,
            prompt,
            prompt_file,
            notes: Vec::new(),
        })
    });
    unsupported::refuse(&reading);
    match config {
        Some(config) if reading.is_sound() => Ok(config),
        _ => Err(ConfigFaults::new(reading.into_faults())),
    }
}

fn repository(top: &Section<'_>) -> RepositorySettings {
    top.section("repository", |s| {
        let settings = RepositorySettings {
            path: s.read("path", path).unwrap_or_else(|| {
                let folder = top.reading.folder();
                repository_root(folder).unwrap_or(folder).to_owned()
            }),
            remote: s.read("remote", remote).unwrap_or_else(|| "origin".to_owned()),
            base_branch: s.read("base_branch", branch).unwrap_or_else(|| "main".to_owned()),
            branch_prefix: s.read("branch_prefix", branch_prefix).unwrap_or_else(|| "conductor/".to_owned()),
        };
        if work::is_folder_of(&settings.base_branch, &settings.branch_prefix) {
            let base = &settings.base_branch;
            s.fault(
                "branch_prefix",
                format!("git cannot have branches below the base branch `{base}`: choose another prefix"),
            );
        }
        settings
    })
}

fn limits(top: &Section<'_>, max_attempts: Option<u32>, rules: Option<&TrackerRules>) -> Limits {
    let options = top.reading.options;
    let in_actions = (options.env)("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    top.section("limits", |s| {
        let max_concurrent = s.read("max_concurrent", at_least_one).unwrap_or(5);
        let deadline = s.read_nullable("deadline", time_limit);
        Limits {
            max_concurrent: options.overrides.max_concurrent.unwrap_or(max_concurrent),
            per_state: s
                .read("per_state", |entry| {
                    let pairs = entry.pairs()?;
                    Some(pairs.iter().filter_map(|(key, limit)| state_limit(key, limit, rules)).collect())
                })
                .unwrap_or_default(),
            per_cycle: s.read_nullable("per_cycle", at_least_one),
            deadline: options
                .overrides
                .deadline
                .or(deadline)
                .or_else(|| in_actions.then_some(ACTIONS_DEADLINE)),
            max_interruptions: s.read("max_interruptions", at_least_one).unwrap_or(3),
            max_failures: s.read("max_failures", at_least_one).unwrap_or(3),
            reconcile_interval: s.read("reconcile_interval", time_limit).unwrap_or(Duration::from_secs(30)),
            max_attempts: max_attempts.unwrap_or(2),
        }
    })
}

/// GitHub ends a hosted job after six hours.
const ACTIONS_DEADLINE: Duration = Duration::from_secs(5 * 3600 + 30 * 60);

fn state_limit(key: &Key, limit: &Entry<'_>, rules: Option<&TrackerRules>) -> Option<(String, usize)> {
    let active = rules.map_or(&[][..], |rules| &rules.active_states);
    if rules.is_some() && !is_named_among(&key.name, active) {
        return limit.refuse(format!("is not one of tracker.active_states ({})", active.join(", ")));
    }
    Some((key.name.clone(), at_least_one(limit)?))
}

/// What a day may cost, and what an issue may.
fn budget(top: &Section<'_>) -> (Budget, Option<f64>) {
    top.section("budget", |s| {
        let budget = Budget {
            tokens_per_day: s.read_nullable("tokens_per_day", at_least_one),
            usd_per_day: s.read_nullable("usd_per_day", amount),
        };
        (budget, s.read_nullable("usd_per_issue", amount))
    })
}

fn backoff(s: &Section<'_>, base: u64, max: u64) -> Backoff {
    let (base_given, max_given) = (s.read("base", time_limit), s.read("max", time_limit));
    let base = base_given.unwrap_or(Duration::from_secs(base));
    let max = max_given.unwrap_or(Duration::from_secs(max));
    if max < base {
        s.fault(
            if max_given.is_some() { "max" } else { "base" },
            "the longest wait, `max`, is shorter than the first, `base`",
        );
    }
    Backoff { base, max }
}

fn rate_limit(s: &Section<'_>) -> RateLimitSettings {
    let backoff = backoff(s, 60, 900);
    let max_wait = s.read("max_wait", time_limit).unwrap_or(MAX_WAIT);
    RateLimitSettings { backoff, max_wait }
}

/// Providers' longest windows are a week, but nobody should have to wait for a wrong clock.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);

fn pull_request(top: &Section<'_>) -> PullRequestSettings {
    let squash = top.section("publish", |s| s.read("squash", boolean).unwrap_or(false));
    top.section("pull_request", |s| PullRequestSettings {
        squash,
        draft: s.read("draft", boolean).unwrap_or(false),
        labels: s.read("labels", names).unwrap_or_default(),
        reviewers: s.read("reviewers", names).unwrap_or_default(),
        title: s.read_nullable("title", prompt::text_template),
        body: s.read_nullable("body", prompt::text_template),
    })
}
