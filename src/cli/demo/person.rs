//! What a person does between the two cycles, with an editor and git: reviews, merges, closes.

use super::world::{BASE, World, git};
use crate::cli::failure::{FAULT, Failure};
use crate::files;
use crate::model::{BranchName, CycleReport, Outcome};
use crate::system::git::CommitAuthor;
use std::path::Path;

/// Merged at once; other pull requests wait for another day.
const MERGED: [&str; 2] = ["TALLY-1", "TALLY-2"];

/// Merges pull requests, moves tickets; tells what was done.
pub(super) fn review(world: &World, report: &CycleReport) -> Result<Vec<String>, Failure> {
    let mut done = Vec::new();
    for issue in &report.dispatched {
        let key = issue.issue.as_str();
        match (&issue.pull_request, issue.outcome) {
            (Some(pull), _) if MERGED.contains(&key) => {
                merge(world, pull.number, &BranchName::new(&issue.branch))?;
                change(&world.pulls.join(format!("{}.md", pull.number)), "state: open", "state: merged")?;
                change(&world.tickets.join(format!("{key}.md")), "state: In Review", "state: Done")?;
                done.push(format!("  merges pull request #{} and moves {key} to Done", pull.number));
            }
            (None, Some(Outcome::NoChanges)) => {
                change(&world.tickets.join(format!("{key}.md")), "state: Todo", "state: Canceled")?;
                done.push(format!("  cancels {key}: there was nothing to do"));
            }
            _ => {}
        }
    }
    Ok(done)
}

/// The merge button of a forge.
fn merge(world: &World, number: u64, branch: &BranchName) -> Result<(), Failure> {
    let base = BranchName::new(BASE).full_ref();
    let refs = world.origin.refs("refs/heads/").map_err(git)?;
    let (Some(ours), Some(theirs)) = (refs.get(&base), refs.get(&branch.full_ref())) else {
        return Err(Failure::new(FAULT, format!("the demo's world: {branch} is not on the remote")));
    };
    let tree = world.origin.merge_trees(ours, theirs).map_err(git)?;
    let author = CommitAuthor { name: "Reviewer".to_owned(), email: "reviewer@localhost".to_owned() };
    let message = format!("Merge pull request #{number} from {branch}\n");
    let merged =
        world.origin.write_commit(&tree, &[ours.clone(), theirs.clone()], &message, &author).map_err(git)?;
    world.origin.update_ref(&base, Some(&merged)).map_err(git)
}

/// One line of a file, changed as in an editor.
fn change(path: &Path, from: &str, to: &str) -> Result<(), Failure> {
    let fail = |what: String| Failure::new(FAULT, format!("{}: {what}", path.display()));
    let text = files::read_text(path, files::SMALL).map_err(|error| fail(error.to_string()))?;
    let lines: Vec<&str> = text.lines().map(|line| if line == from { to } else { line }).collect();
    if !text.lines().any(|line| line == from) {
        return Err(fail(format!("no line says `{from}`")));
    }
    files::write(path, lines.join("\n") + "\n").map_err(|error| fail(error.to_string()))
}
