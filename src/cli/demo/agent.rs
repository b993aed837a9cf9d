//! The demo's agent, a program of its own: it reads the prompt it is given, tells what it does as
//! any agent may (see `adapters::agent::command`), edits files and commits. It takes time enough
//! to be watched, and knows the demo's tickets only.

use super::script::{self, Edit, Part};
use crate::adapters::agent::command::PROMPT_FILE;
use crate::cli::args::InternalArgs;
use crate::cli::failure::{FAULT, Failure, USAGE};
use crate::files;
use crate::model::{Phase, Usage};
use crate::system::git::{CommitAuthor, Worktree};
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Between two steps.
const PACE: Duration = Duration::from_millis(110);
/// Bytes of text that a token stands for, roughly.
const TOKEN: u64 = 4;

pub(in crate::cli) fn run(_: &InternalArgs) -> Result<ExitCode, Failure> {
    let Some(prompt_file) = std::env::var_os(PROMPT_FILE).map(PathBuf::from) else {
        return Err(Failure::new(
            USAGE,
            "this is the agent of `conductor demo`: it has no prompt to work on",
        ));
    };
    let here = std::env::current_dir().map_err(|error| Failure::new(FAULT, error.to_string()))?;
    work(&prompt_file, &here).map_err(|error| Failure::new(FAULT, error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}

fn work(prompt_file: &Path, here: &Path) -> anyhow::Result<()> {
    let mut agent = ScriptedAgent { workspace: here, usage: Usage::default() };
    agent.say(&json!({"type": "session", "id": "demo", "model": "scripted"}))?;
    let prompt = files::read_text(prompt_file, files::SMALL)?;
    agent.spend(prompt.len(), 0);
    let key = prompt.lines().find_map(|line| line.strip_prefix("Identifier: ")).unwrap_or_default();
    let again = prompt.contains("What happened before:");
    let part = script::part(key, again)
        .ok_or_else(|| anyhow::anyhow!("`{key}` is not a ticket of the demo: this agent knows no other"))?;
    agent.play(&part)
}

struct ScriptedAgent<'a> {
    workspace: &'a Path,
    usage: Usage,
}

impl ScriptedAgent<'_> {
    fn play(&mut self, part: &Part) -> anyhow::Result<()> {
        for path in part.reads {
            self.say(&json!({"type": "tool", "name": "read", "file": path}))?;
            self.read(path)?;
        }
        self.say(&json!({"type": "phase", "phase": Phase::Planning}))?;
        let mut is_changed = false;
        for edit in part.edits {
            is_changed |= self.edit(edit)?;
        }
        if !is_changed {
            return self.finish("there is nothing to change");
        }
        self.say(
            &json!({"type": "tool", "name": "bash", "command": "git commit", "phase": Phase::Committing}),
        )?;
        let author = CommitAuthor { name: "Demo agent".to_owned(), email: "agent@localhost".to_owned() };
        Worktree::in_use(self.workspace).commit_all(part.message, Some(&author), &[])?;
        self.finish(part.message.lines().next().unwrap_or_default())
    }

    /// Whether anything was different afterwards.
    fn edit(&mut self, edit: &Edit) -> anyhow::Result<bool> {
        match edit {
            Edit::Write { path, content } => self.write(path, content)?,
            Edit::Replace { path, from, to } => {
                let text = self.read(path)?;
                anyhow::ensure!(text.contains(from), "{path} is not what the ticket is about");
                self.write(path, &text.replacen(from, to, 1))?;
            }
            Edit::Trim { folder } => return self.trim(folder),
        }
        Ok(true)
    }

    fn trim(&mut self, folder: &str) -> anyhow::Result<bool> {
        let mut is_changed = false;
        for entry in fs::read_dir(self.workspace.join(folder))? {
            let path = format!("{folder}/{}", entry?.file_name().to_string_lossy());
            self.say(&json!({"type": "tool", "name": "read", "file": path}))?;
            let text = self.read(&path)?;
            let trimmed: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
            if trimmed != text {
                self.write(&path, &trimmed)?;
                is_changed = true;
            }
        }
        Ok(is_changed)
    }

    fn read(&mut self, path: &str) -> anyhow::Result<String> {
        let text = files::read_text(&self.workspace.join(path), files::SMALL)
            .map_err(|error| anyhow::anyhow!("{path}: {error}"))?;
        self.spend(text.len(), 0);
        Ok(text)
    }

    fn write(&mut self, path: &str, text: &str) -> anyhow::Result<()> {
        self.say(&json!({"type": "tool", "name": "edit", "file": path}))?;
        files::write(&self.workspace.join(path), text).map_err(|error| anyhow::anyhow!("{path}: {error}"))?;
        self.spend(0, text.len());
        Ok(())
    }

    fn finish(&mut self, words: &str) -> anyhow::Result<()> {
        self.say(&json!({"type": "result", "ok": true, "message": words}))?;
        Ok(())
    }

    fn spend(&mut self, read: usize, written: usize) {
        self.usage.input_tokens += read as u64 / TOKEN;
        self.usage.output_tokens += written as u64 / TOKEN;
    }

    /// One line of the dialect, with the usage so far before it, at a pace that can be followed.
    fn say(&self, line: &Value) -> io::Result<()> {
        let mut usage = serde_json::to_value(self.usage)?;
        usage["type"] = "usage".into();
        let mut out = io::stdout().lock();
        writeln!(out, "{usage}\n{line}")?;
        out.flush()?;
        drop(out);
        std::thread::sleep(PACE);
        Ok(())
    }
}
