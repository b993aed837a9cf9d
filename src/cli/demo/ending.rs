//! The demo's end: what became of each ticket, the audit log, and where to look.

use super::Stage;
use super::world::{Place, TICKETS, World, git};
use crate::cli::failure::Failure;
use crate::model::{BranchName, IssueId, PullRequestState};
use crate::report::text;
use anstyle::Style;
use std::path::Path;

const LABEL: Style = Style::new().dimmed();
/// Where the state is; the default of `state.branch`.
const STATE: &str = "conductor/state";

impl Stage<'_> {
    pub(super) fn end(&self, place: &Place) -> Result<(), Failure> {
        self.heading("What there is now");
        self.say(&self.tickets()?);
        self.heading(&format!("What the state branch remembers: git log {STATE}"));
        self.say(&log(self.world)?);
        match place {
            Place::Kept(root) => {
                self.heading("Look around");
                self.say(&commands(root));
            }
            Place::Passing(_) => self.say(&[
                String::new(),
                "All of this was in a temporary folder and is gone now; to look around in it:".to_owned(),
                format!("  {} demo --keep DIR", program()),
            ]),
        }
        Ok(())
    }

    /// A line for each ticket: its state, its pull request's state, its title.
    fn tickets(&self) -> Result<Vec<String>, Failure> {
        let wired = self.wire()?;
        let ids: Vec<IssueId> = TICKETS.iter().map(|(key, _)| IssueId::new(*key)).collect();
        let mut lines =
            vec![format!("{LABEL}{:<9}{:<11}{:<14}title{LABEL:#}", "ticket", "state", "pull request")];
        for issue in wired.world.tracker.refresh(&ids).map_err(crate::cycle::CycleError::from)? {
            let branch = BranchName::new(format!("conductor/{}", issue.identifier));
            let pull = wired.world.forge.find(&branch).unwrap_or_default().into_iter().next();
            let pull = pull.map_or(String::new(), |pull| {
                let state = match pull.state {
                    PullRequestState::Open => "open",
                    PullRequestState::Merged => "merged",
                    PullRequestState::Closed => "closed",
                };
                format!("#{} {state}", pull.number)
            });
            let (state, title) = (text::fit(&issue.state.name, 11), text::fit(&issue.title, 60));
            lines.push(format!("{:<9}{state:<11}{pull:<14}{title}", issue.identifier));
        }
        Ok(lines)
    }
}

/// The state branch's commits, newest first, a line each.
fn log(world: &World) -> Result<Vec<String>, Failure> {
    let name = BranchName::new(STATE).full_ref();
    let Some(head) = world.origin.refs(&name).map_err(git)?.remove(&name) else { return Ok(Vec::new()) };
    let commits = world.origin.commits(&head).map_err(git)?;
    let lines = commits.iter().map(|commit| {
        // What was written together has a line each where the subject is too short for all of it.
        let said: Vec<&str> = match commit.message.split_once("\n\n") {
            Some((_, lines)) => lines.lines().collect(),
            None => vec![commit.subject()],
        };
        format!("{LABEL}{}{LABEL:#} {}", commit.sha.short(), text::one_line(&said.join("; ")))
    });
    Ok(lines.collect())
}

/// Commands for a shell, and what they show.
fn commands(root: &Path) -> Vec<String> {
    let at = |path: &str| shell_word(&root.join(path).to_string_lossy());
    let commands = [
        (format!("cat {}/*.md", at("pulls")), "the pull requests"),
        (format!("cat {}/*.md", at("tickets")), "the tickets"),
        (format!("git --git-dir {} log {STATE}", at("origin.git")), "the audit log"),
        (
            format!(
                "git --git-dir {} log --graph --oneline --branches='{}*'",
                at("origin.git"),
                "conductor/TALLY-"
            ),
            "the branches",
        ),
        (format!("{} once -C {}", program(), at("project")), "a third cycle: nothing to do"),
    ];
    let widest = commands.iter().map(|(command, _)| text::width(command)).max().unwrap_or(0);
    commands.iter().map(|(command, what)| format!("  {command:<widest$}  {LABEL}# {what}{LABEL:#}")).collect()
}

/// This program, as it was called.
fn program() -> String {
    shell_word(&std::env::args_os().next().unwrap_or_else(|| "conductor".into()).to_string_lossy())
}

/// The text as one word of a shell's command line.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._/+,@%=:".contains(c);
    let text = text::one_line(text);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
