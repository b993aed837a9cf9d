//! Commits written anew with other messages: the same trees, authors, dates and headers; and those of
//! Conductor's own with a signature, where git is set up to sign. They are made in Conductor's own repository; the workspace keeps the agent's.

use super::{Work, WorkspaceError, Workspaces};
use crate::model::Sha;
use crate::system::git::Object;
use std::collections::HashMap;

/// The message a commit is to have, where that is another one.
pub type Reword<'r> = &'r dyn Fn(&[u8]) -> Option<Vec<u8>>;

impl Workspaces {
    /// The work with those messages, and signed. What could not be read whole stays as it is.
    pub fn reworded(&self, work: Work, reword: Reword<'_>) -> Result<Work, WorkspaceError> {
        let is_whole = !work.is_cut && work.stored.len() == work.commits.len();
        let Some(head) = work.head.clone().filter(|_| is_whole) else { return Ok(work) };
        let mut messages: HashMap<Sha, Vec<u8>> = HashMap::new();
        for commit in &work.stored {
            messages.extend(reword(&commit.data).map(|message| (commit.id.clone(), message)));
        }
        let signs = self.repository.signs() && work.stored.iter().any(|commit| work.own.contains(&commit.id));
        if messages.is_empty() && !signs {
            return Ok(work);
        }
        let mut renamed: HashMap<Sha, Object> = HashMap::new();
        for commit in parents_first(&work.stored) {
            let new_parent = |id: &Sha| renamed.get(id).map(|new| new.id.clone());
            let anew = written_anew(&commit.data, messages.get(&commit.id), new_parent);
            let new = if signs && work.own.contains(&commit.id) {
                self.repository.write_signed(anew.as_deref().unwrap_or(&commit.data))?
            } else if let Some(data) = anew {
                Object { id: self.repository.write_stored_commit(&data)?, kind: commit.kind.clone(), data }
            } else {
                continue;
            };
            renamed.insert(commit.id.clone(), new);
        }
        Ok(with_new_names(work, &head, renamed, &messages))
    }
}

fn with_new_names(
    mut work: Work,
    head: &Sha,
    renamed: HashMap<Sha, Object>,
    messages: &HashMap<Sha, Vec<u8>>,
) -> Work {
    for commit in &mut work.commits {
        if let Some(message) = messages.get(&commit.sha) {
            commit.message = String::from_utf8_lossy(message).trim_end().to_owned();
        }
        if let Some(new) = renamed.get(&commit.sha) {
            commit.sha = new.id.clone();
        }
    }
    for step in &mut work.steps {
        if let Some(new) = step.commit.as_ref().and_then(|commit| renamed.get(commit)) {
            step.commit = Some(new.id.clone());
        }
    }
    for commit in &mut work.stored {
        if let Some(new) = renamed.get(&commit.id) {
            *commit = new.clone();
        }
    }
    if let Some(new) = renamed.get(head) {
        work.original = work.original.or_else(|| Some(head.clone()));
        work.head = Some(new.id.clone());
    }
    work
}

/// Each commit after those it builds on.
fn parents_first(commits: &[Object]) -> Vec<&Object> {
    let mut left: HashMap<&Sha, &Object> = commits.iter().map(|commit| (&commit.id, commit)).collect();
    let mut sorted = Vec::with_capacity(commits.len());
    // Oldest first: git lists them the other way round.
    for commit in commits.iter().rev() {
        let mut waiting = vec![commit];
        while let Some(next) = waiting.last().copied() {
            let before = parents(&next.data).find_map(|parent| left.get(&parent).copied());
            match before.filter(|_| left.contains_key(&next.id)) {
                Some(parent) => waiting.push(parent),
                None => {
                    waiting.pop();
                    sorted.extend(left.remove(&next.id));
                }
            }
        }
    }
    sorted
}

fn parents(commit: &[u8]) -> impl Iterator<Item = Sha> {
    let headers = commit.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    headers.filter_map(|line| Some(Sha::new(String::from_utf8_lossy(line.strip_prefix(b"parent ")?))))
}

/// The commit with another message or other parents; `None` when it has neither. A signature is
/// left out: it was for another commit.
fn written_anew(
    commit: &[u8],
    message: Option<&Vec<u8>>,
    new_parent: impl Fn(&Sha) -> Option<Sha>,
) -> Option<Vec<u8>> {
    if message.is_none() && !parents(commit).any(|parent| new_parent(&parent).is_some()) {
        return None;
    }
    let end = memchr::memmem::find(commit, b"\n\n").map_or(commit.len(), |end| end + 1);
    let (headers, rest) = commit.split_at(end);
    let mut data = Vec::with_capacity(commit.len());
    let mut is_signature = false;
    for line in headers.split_inclusive(|byte| *byte == b'\n') {
        is_signature = line.starts_with(b"gpgsig") || (is_signature && line.starts_with(b" "));
        let parent = line.strip_prefix(b"parent ").map(String::from_utf8_lossy);
        match parent.and_then(|id| new_parent(&Sha::new(id.trim_end()))) {
            Some(parent) => data.extend_from_slice(format!("parent {parent}\n").as_bytes()),
            None if is_signature => {}
            None => data.extend_from_slice(line),
        }
    }
    match message {
        Some(message) => {
            data.push(b'\n');
            data.extend_from_slice(message);
        }
        None => data.extend_from_slice(rest),
    }
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_written_anew_keeps_everything_but_its_signature() {
        let commit = b"tree 1\nparent aa\nparent bb\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\nencoding ISO-8859-1\ngpgsig ---\n x\n ---\nx-note y\n\nold\n";
        let new_parent = |id: &Sha| (id.as_str() == "bb").then(|| Sha::new("cc"));
        let data = written_anew(commit, Some(&b"new\n".to_vec()), new_parent).unwrap();
        let text = "tree 1\nparent aa\nparent cc\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\nencoding ISO-8859-1\nx-note y\n\nnew\n";
        assert_eq!(String::from_utf8(data).unwrap(), text);
        let data = written_anew(commit, None, new_parent).unwrap();
        assert!(String::from_utf8(data).unwrap().ends_with("x-note y\n\nold\n"));
        assert_eq!(written_anew(commit, None, |_| None), None);
    }

    #[test]
    fn commits_come_after_those_they_build_on_however_they_are_listed() {
        let commit = |id: &str, parents: &[&str]| {
            let parents: String = parents.iter().map(|parent| format!("parent {parent}\n")).collect();
            let data = format!("tree 1\n{parents}\nx").into_bytes();
            Object { id: Sha::new(id), kind: "commit".to_owned(), data }
        };
        let listed =
            [commit("a", &["0"]), commit("d", &["b", "c"]), commit("c", &["a"]), commit("b", &["a"])];
        let sorted: Vec<&str> = parents_first(&listed).iter().map(|commit| commit.id.as_str()).collect();
        assert_eq!(sorted, ["a", "b", "c", "d"]);
    }
}
