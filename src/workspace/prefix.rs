//! Branch names that git cannot have at once: `conductor` beside `conductor/KEY`.

use super::{WorkspaceError, Workspaces};
use crate::model::{BranchName, Sha};
use std::collections::HashMap;

impl Workspaces {
    /// A local branch that is in the way of every branch with this prefix, as a sentence that
    /// names it and the remedy. Costs a look at git's files, a call of git where they do not tell, and
    /// no contact with the remote.
    pub fn prefix_conflict(&self, prefix: &str) -> Result<Option<String>, WorkspaceError> {
        for parent in parents(prefix) {
            let name = parent.full_ref();
            if !self.repository.is_without_ref(&name) && self.local(&name)?.is_some() {
                return Ok(Some(sentence(
                    &parent,
                    prefix,
                    "in this repository",
                    &format!("git branch -m {parent} {parent}-old"),
                )));
            }
        }
        Ok(None)
    }

    /// The same for the remote, from a listing of its branches that the caller has
    /// ([`Self::remote_branches`]): no contact is made for this.
    pub fn prefix_conflict_on_remote(
        &self,
        prefix: &str,
        branches: &HashMap<BranchName, Sha>,
    ) -> Option<String> {
        let parent = parents(prefix).into_iter().find(|parent| branches.contains_key(parent))?;
        Some(sentence(&parent, prefix, "on the remote", &format!("git push REMOTE :{parent}")))
    }
}

fn sentence(parent: &BranchName, prefix: &str, place: &str, remedy: &str) -> String {
    format!(
        "a branch `{parent}` {place} keeps git from making branches `{prefix}KEY`: rename or delete it \
         (`{remedy}`), or set repository.branch_prefix"
    )
}

/// What must not be a branch: every folder of the prefix.
fn parents(prefix: &str) -> Vec<BranchName> {
    prefix.match_indices('/').filter_map(|(end, _)| prefix.get(..end)).map(BranchName::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_of_the_prefix_is_a_parent() {
        let names = |prefix| parents(prefix).iter().map(BranchName::to_string).collect::<Vec<_>>();
        assert_eq!(names("conductor/"), ["conductor"]);
        assert_eq!(names("team/bot-"), ["team"]);
        assert_eq!(names("a/b/"), ["a", "a/b"]);
        assert!(names("bot-").is_empty());
    }
}
