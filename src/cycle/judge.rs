//! What is said and asked of a change before it leaves the machine: the words of its pull request,
//! and the guards' verdict on all of it. The same for work just done and for work that was found.

use super::run::Run;
use crate::guards::{Change, ChangedPath, CommitPaths, StoredCommit, Verdict};
use crate::model::{BranchName, GateResult, Issue, Sha, Usage};
use crate::policy::pull_request::{self, ChangedFile, FileChange, Summary};
use crate::policy::template::TemplateFault;
use crate::workspace::{ChangedFile as FoundFile, Reading, Work};
use std::time::Duration;

/// The title and the body of a pull request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PullRequestText {
    pub title: String,
    pub body: String,
}

/// What a pull request tells of how its change came about.
pub(super) struct Story<'s> {
    pub issue: &'s Issue,
    pub work: &'s Work,
    pub attempt: u32,
    pub agent: &'s str,
    pub model: Option<&'s str>,
    pub usage: &'s Usage,
    pub duration: Duration,
    pub gates: &'s [GateResult],
}

/// How much of a change is read: no more than the guards let pass.
pub(super) fn reading(run: &Run<'_>) -> Reading {
    let rules = &run.world.guards.rules;
    Reading { commits: rules.max_commits, patch: rules.max_diff_size.saturating_add(1) }
}

/// The verdict of the guards on everything that would leave the machine.
pub(super) fn guard(run: &Run<'_>, branch: &BranchName, work: &Work, text: &PullRequestText) -> Verdict {
    let paths = changed_paths(work, &work.files);
    let short = |commit: Option<&Sha>| commit.map_or_else(String::new, |commit| commit.short().to_string());
    let steps: Vec<CommitPaths> = work
        .steps
        .iter()
        .map(|step| CommitPaths {
            commit: short(step.commit.as_ref()),
            paths: changed_paths(work, &step.files),
        })
        .collect();
    let names: Vec<String> = work.stored.iter().map(|commit| short(Some(&commit.id))).collect();
    let stored = names.iter().zip(&work.stored);
    let commits: Vec<StoredCommit<'_>> =
        stored.map(|(commit, object)| StoredCommit { commit, bytes: &object.data }).collect();
    run.world.guards.judge(&Change {
        paths: &paths,
        steps: &steps,
        commits: &commits,
        count: work.commits.len() as u64,
        is_cut: work.is_cut,
        diff_size: work.patches.size,
        patches: &work.patches.text,
        branch: branch.as_str(),
        title: &text.title,
        body: &text.body,
    })
}

fn changed_paths(work: &Work, files: &[FoundFile]) -> Vec<ChangedPath> {
    let mode = |text: &str| u32::from_str_radix(text, 8).unwrap_or(0);
    files
        .iter()
        .map(|file| ChangedPath {
            path: file.path.clone(),
            old_path: file.old_path.clone(),
            old_mode: mode(&file.old_mode),
            mode: mode(&file.new_mode),
            link_target: work.links.get(&file.new_id).cloned(),
        })
        .collect()
}

/// The pull request's title and body.
pub(super) fn words(run: &Run<'_>, story: &Story<'_>, remarks: &[String]) -> PullRequestText {
    let commits: Vec<String> =
        story.work.commits.iter().rev().map(|commit| commit.subject().to_owned()).collect();
    let files: Vec<ChangedFile> = story
        .work
        .files
        .iter()
        .map(|file| ChangedFile {
            path: file.path.clone(),
            change: match file.kind {
                'A' | 'C' => FileChange::Added,
                'D' => FileChange::Removed,
                'R' => FileChange::Renamed,
                _ => FileChange::Modified,
            },
            added: file.added,
            removed: file.deleted,
        })
        .collect();
    let identity = &run.settings.identity;
    let summary = Summary {
        issue: story.issue,
        commits: &commits,
        files: &files,
        attempts: story.attempt,
        agent: story.agent,
        model: story.model,
        usage: story.usage,
        duration: story.duration,
        gates: story.gates,
        remarks,
        run: &identity.run_id,
        run_url: identity.ci_run_url.as_deref(),
    };
    let own = &run.settings.pull_request;
    let title = own.title.as_ref().map(|template| pull_request::title_of(template, &summary));
    let body = own.body.as_ref().map(|template| pull_request::body_of(template, &summary));
    // A ticket the samples did not foresee gets what everybody else gets.
    let rendered = |made: Option<Result<String, TemplateFault>>, key: &str| {
        made?
            .inspect_err(|fault| {
                run.warn(Some(&story.issue.identifier), format!("pull_request.{key}: {fault}"))
            })
            .ok()
    };
    PullRequestText {
        title: rendered(title, "title").unwrap_or_else(|| pull_request::title(story.issue)),
        body: rendered(body, "body").unwrap_or_else(|| pull_request::body(&summary)),
    }
}
