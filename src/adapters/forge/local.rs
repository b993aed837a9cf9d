//! Pull requests in a folder of `N.md` files: front matter and the body.
//!
//! For rehearsals and for work without a forge. A person merges or closes by editing `state:`.
//! Writers exclude each other by a lock, readers see whole files only; a file that cannot be read
//! is an error that names it, never "no pull request".

use super::text;
use crate::files;
use crate::model::{BranchName, PullRequest, PullRequestDraft, PullRequestState};
use crate::ports::{Clock, Ensured, Forge, ForgeError};
use serde::Deserialize;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// In the folder; not an `N.md`.
const LOCK: &str = ".lock";

/// A folder of pull requests.
pub struct LocalForge {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

/// What is read back of a file; everything else in it is people's.
#[derive(Deserialize)]
struct Front {
    head: String,
    state: String,
    #[serde(default)]
    draft: bool,
}

impl LocalForge {
    /// The folder need not exist yet.
    pub fn new(folder: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self { folder: folder.into(), clock }
    }

    /// Every pull request, newest first.
    fn all(&self) -> Result<Vec<PullRequest>, ForgeError> {
        let mut numbers = self.numbers().map_err(|error| failed(&self.folder, &error))?;
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        numbers.into_iter().map(|number| self.read(number)).collect()
    }

    fn numbers(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".md"));
            // Only the name a number is written under: `007.md` is somebody's note.
            numbers.extend(stem.and_then(|stem| stem.parse::<u64>().ok().filter(|n| n.to_string() == stem)));
        }
        Ok(numbers)
    }

    fn read(&self, number: u64) -> Result<PullRequest, ForgeError> {
        let path = self.path(number);
        let text = files::read_text(&path, files::SMALL).map_err(|error| failed(&path, &error))?;
        let malformed = |what: &dyn Display| ForgeError::Protocol(format!("{}: {what}", path.display()));
        let front = front_matter(&text).ok_or_else(|| malformed(&"no front matter between two --- lines"))?;
        let front: Front = serde_yaml::from_str(front).map_err(|error| malformed(&error))?;
        let state = match front.state.to_lowercase().as_str() {
            "open" => PullRequestState::Open,
            "closed" => PullRequestState::Closed,
            "merged" => PullRequestState::Merged,
            other => return Err(malformed(&format!("state: {other:?} is none of open, closed, merged"))),
        };
        Ok(PullRequest {
            number,
            // Without the `..` of a configured folder: people read it and paste it.
            url: path.canonicalize().unwrap_or(path).display().to_string(),
            state,
            head: BranchName::new(front.head),
            head_sha: None,
            draft: front.draft,
        })
    }

    /// Held until the file is dropped.
    fn lock(&self) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let lock = files::append(&self.folder.join(LOCK))?;
        lock.lock()?;
        Ok(lock)
    }

    /// Under the lock. A file of that name that appears all the same (a person's) is not replaced.
    fn write_new(&self, draft: &PullRequestDraft) -> io::Result<u64> {
        let mut number = self.numbers()?.into_iter().max().unwrap_or(0) + 1;
        let mut builder = tempfile::Builder::new();
        // As any file people edit; temporary files are private otherwise.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        let mut file = builder.prefix(".new-").tempfile_in(&self.folder)?;
        loop {
            let content = self.content(number, draft);
            file.as_file().set_len(0)?;
            io::Seek::rewind(file.as_file_mut())?;
            file.write_all(content.as_bytes())?;
            // Not synced, as tickets are not: the rename is what a killed run needs.
            match file.persist_noclobber(self.path(number)) {
                Ok(_) => return Ok(number),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                    file = error.file;
                    number += 1;
                }
                Err(error) => return Err(error.error),
            }
        }
    }

    fn content(&self, number: u64, draft: &PullRequestDraft) -> String {
        let list = |items: &[String]| items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", ");
        format!(
            "---\nnumber: {number}\ntitle: {}\nhead: {}\nbase: {}\nstate: open\ndraft: {}\nissue: {}\n\
             labels: [{}]\nreviewers: [{}]\ncreated: {}\n---\n\n{}\n",
            quoted(&text::title(&draft.title, &draft.issue)),
            quoted(draft.head.as_str()),
            quoted(&draft.base),
            draft.draft,
            quoted(&draft.issue),
            list(&draft.labels),
            list(&draft.reviewers),
            quoted(&self.clock.now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)),
            text::body(&draft.body).trim_end(),
        )
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.md"))
    }
}

impl Forge for LocalForge {
    fn find(&self, head: &BranchName) -> Result<Vec<PullRequest>, ForgeError> {
        let mut all = self.all()?;
        all.retain(|pull| pull.head == *head);
        Ok(all)
    }

    fn ensure_pull_request(&self, draft: &PullRequestDraft) -> Result<Ensured, ForgeError> {
        let _lock = self.lock().map_err(|error| failed(&self.folder, &error))?;
        let open = self.find(&draft.head)?.into_iter().find(|pull| pull.state == PullRequestState::Open);
        let (pull_request, created) = match open {
            Some(pull) => (pull, false),
            None => {
                let number = self.write_new(draft).map_err(|error| failed(&self.folder, &error))?;
                (self.read(number)?, true)
            }
        };
        Ok(Ensured { pull_request, created, warnings: Vec::new() })
    }

    /// Writes where the pull requests are or will be written, and leaves nothing behind.
    fn check_access(&self, _remote: Option<&str>) -> Result<(), ForgeError> {
        // As given: an empty or relative path has no ancestor but the working directory.
        let mut folders = self.folder.ancestors().map(|folder| match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        });
        let there = folders.find(|folder| folder.exists()).unwrap_or(&self.folder);
        tempfile::tempfile_in(there).map(drop).map_err(|error| failed(there, &error))
    }

    fn credential(&self) -> Option<String> {
        None
    }

    /// There is no such page.
    fn is_run_over(&self, _: &str) -> Result<Option<bool>, ForgeError> {
        Ok(None)
    }

    fn compare_url(&self, _base: &str, _head: &BranchName) -> Option<String> {
        None
    }

    /// A folder is asked nothing over the network.
    fn requests(&self) -> u64 {
        0
    }
}

/// A folder that may not be written to is for its owner to open; a full disk is not.
fn failed(path: &Path, error: &io::Error) -> ForgeError {
    let detail = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ForgeError::Forbidden(format!("{detail}; give this user the right to write to the folder"))
        }
        kind => {
            let cause = error.raw_os_error().map_or_else(|| kind.into(), io::Error::from_raw_os_error);
            ForgeError::unreached(detail, cause)
        }
    }
}

/// From the first line up to the closing `---`, so that line numbers in errors are the file's.
fn front_matter(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut end = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        match (index, line.trim_end()) {
            (0, "---") => {}
            (0, _) => return None,
            (_, "---") => return Some(&text[..end]),
            _ => {}
        }
        end += line.len();
    }
    None
}

/// A double-quoted YAML scalar on one line. What a reader cannot see, or what would turn the text
/// around on a terminal, is written as an escape.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            _ if !is_invisible(c) => out.push(c),
            _ if u32::from(c) <= 0xffff => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            _ => out.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}')
        || u32::from(c) >= 0xe0000
}
