//! Branch names that git cannot have at once: `conductor` beside `conductor/KEY`.

use super::Workspaces;
use crate::model::{BranchName, Sha};
use std::collections::HashMap;

impl Workspaces {
    /// A branch of the remote that is in the way of every branch with this prefix, as a sentence
    /// that names it and the remedy. From a listing of its branches that the caller has
    /// ([`Self::remote_branches`]): no contact is made for this.
    pub fn prefix_conflict(&self, prefix: &str, branches: &HashMap<BranchName, Sha>) -> Option<String> {
        let parent = parents(prefix).into_iter().find(|parent| branches.contains_key(parent))?;
        Some(format!(
            "a branch `{parent}` on the remote keeps git from making branches `{prefix}KEY`: rename or \
             delete it (`git push REMOTE :{parent}`), or set repository.branch_prefix"
        ))
    }
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
