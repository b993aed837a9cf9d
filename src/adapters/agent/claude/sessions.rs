//! What Claude Code used, from its own session files: `*.jsonl` in folders named after the
//! directories its sessions ran in. Files of other programs and torn lines are passed over.

use crate::files;
use crate::model::spending::SessionUse;
use crate::model::{Time, Usage};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    timestamp: Time,
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    id: String,
    #[serde(default)]
    model: Option<String>,
    usage: Tokens,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    #[serde(default)]
    cache_creation_input_tokens: u64,
    #[serde(default)]
    cache_read_input_tokens: u64,
}

/// How Claude Code names the folder of a directory's sessions.
pub fn folder_name(directory: &Path) -> String {
    let text = directory.to_string_lossy();
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// Every answer of a model once, in the wanted folders below the roots, oldest first. An answer
/// stands in a file once per block, and again in the file of a resumed session; its last entry has
/// its final count.
pub fn scan(roots: &[PathBuf], is_wanted: &dyn Fn(&str) -> bool) -> Vec<SessionUse> {
    let mut answers: BTreeMap<String, SessionUse> = BTreeMap::new();
    for (folder, path) in roots.iter().flat_map(|root| entries(root)).filter(|(name, _)| is_wanted(name)) {
        for (_, file) in entries(&path).into_iter().filter(|(name, _)| name.ends_with(".jsonl")) {
            read(&file, &folder, &mut answers);
        }
    }
    let mut found: Vec<SessionUse> = answers.into_values().collect();
    found.sort_by_key(|one| one.at);
    found
}

fn entries(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())));
    let mut named: Vec<_> = named.collect();
    named.sort();
    named
}

fn read(file: &Path, folder: &str, answers: &mut BTreeMap<String, SessionUse>) {
    let Ok(file) = files::open(file) else { return };
    let mut file = BufReader::new(file.take(files::LARGE));
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        if let Ok(entry) = serde_json::from_slice::<Entry>(&line)
            && entry.kind == "assistant"
        {
            let Tokens { input_tokens, output_tokens, cache_creation_input_tokens, cache_read_input_tokens } =
                entry.message.usage;
            let usage = Usage {
                input_tokens,
                output_tokens,
                cache_creation_tokens: cache_creation_input_tokens,
                cache_read_tokens: cache_read_input_tokens,
                usd: None,
            };
            let used = SessionUse {
                at: entry.timestamp,
                folder: folder.to_owned(),
                model: entry.message.model,
                usage,
            };
            answers.insert(entry.message.id, used);
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(id: &str, second: u32, output: u64) -> String {
        serde_json::json!({"type": "assistant", "timestamp": format!("2026-11-22T10:00:{second:02}.000Z"),
            "message": {"id": id, "model": "opus", "usage": {"input_tokens": 1, "output_tokens": output}}})
        .to_string()
    }

    #[test]
    fn an_answer_counts_once_with_its_last_entry_and_only_in_wanted_folders() {
        let root = tempfile::tempdir().unwrap();
        let put = |folder: &str, file: &str, lines: &[String]| {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
            std::fs::write(root.path().join(folder).join(file), lines.join("\n")).unwrap();
        };
        put(
            "-tmp-conductor-workspaces-T-1",
            "a.jsonl",
            &[
                answer("m1", 1, 1),
                r#"{"type":"user","timestamp":"2026-11-22T10:00:00Z","message":{"id":"u"}}"#.to_owned(),
                answer("m1", 2, 7),
                "{torn".to_owned(),
                answer("m2", 3, 2),
            ],
        );
        put("-tmp-conductor-workspaces-T-1", "b.jsonl", &[answer("m2", 3, 2)]);
        put("-tmp-conductor-workspaces-T-1", "notes.txt", &[answer("m3", 3, 2)]);
        put("-home-me", "a.jsonl", &[answer("m4", 4, 2)]);
        let roots = [root.path().to_owned(), root.path().join("missing")];
        let found = scan(&roots, &|name| name.contains("conductor-workspaces"));
        let outputs: Vec<(i64, u64)> =
            found.iter().map(|one| (one.at.timestamp() % 60, one.usage.output_tokens)).collect();
        assert_eq!(outputs, [(2, 7), (3, 2)]);
    }

    #[test]
    fn a_directory_is_named_as_claude_names_it() {
        assert_eq!(folder_name(Path::new("/tmp/conductor_workspaces/A.1")), "-tmp-conductor-workspaces-A-1");
    }
}
