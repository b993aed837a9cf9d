//! What the guards are shown of an attempt's work: everything that would leave the machine.

use super::Cycle;
use crate::guards::{Change, ChangedPath, Verdict};
use crate::model::BranchName;
use crate::workspace::Work;

impl Cycle<'_> {
    pub(super) fn guard(&self, branch: &BranchName, work: &Work, title: &str, body: &str) -> Verdict {
        let paths: Vec<ChangedPath> = work
            .files
            .iter()
            .map(|file| {
                let mode = |text: &str| u32::from_str_radix(text, 8).unwrap_or(0);
                let link = work.links.iter().find(|(path, _)| *path == file.path);
                ChangedPath {
                    path: file.path.clone(),
                    old_path: file.old_path.clone(),
                    old_mode: mode(&file.old_mode),
                    mode: mode(&file.new_mode),
                    link_target: link.map(|(_, target)| target.clone()),
                }
            })
            .collect();
        let messages: Vec<String> =
            work.commits.iter().map(|commit| format!("{}\n{}", commit.author, commit.message)).collect();
        self.world.guards.judge(&Change {
            paths: &paths,
            diff_size: work.patches.size,
            patches: &work.patches.text,
            messages: &messages,
            branch: branch.as_str(),
            title,
            body,
        })
    }
}
