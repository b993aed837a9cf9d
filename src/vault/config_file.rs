//! Git's configuration as text: one setting, quoted so that git reads the same value back.

use std::fmt::Write;

/// Adds a setting. A key that git would not write, or that is torn over lines, is left out.
pub(super) fn add(text: &mut String, key: &str, value: &str) {
    let Some((head, name)) = key.rsplit_once('.') else { return };
    let (section, subsection) = match head.split_once('.') {
        Some((section, subsection)) => (section, Some(subsection)),
        None => (head, None),
    };
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !is_word(section) || !is_word(name) || key.contains(['\n', '\0']) || value.contains('\0') {
        return;
    }
    let header = match subsection {
        Some(subsection) => {
            format!("{section} \"{}\"", subsection.replace('\\', "\\\\").replace('"', "\\\""))
        }
        None => section.to_owned(),
    };
    let mut quoted = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            // Git knows no escape for it and drops one at a line's end.
            '\r' => {}
            other => quoted.push(other),
        }
    }
    // Writing into a text cannot fail.
    let _ = writeln!(text, "[{header}]\n\t{name} = \"{quoted}\"");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn git_reads_back_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let settings = [
            ("core.autocrlf", "input"),
            ("filter.lfs.process", "git-lfs filter-process; echo \"a\\b\" # x"),
            ("http.https://host/a\"b\\c/.proxy", "  http://p:1  "),
            ("user.name", "Ann\nExample\tä"),
        ];
        let mut text = String::new();
        settings.iter().for_each(|(key, value)| add(&mut text, key, value));
        for refused in ["nodot", "a b.c", "x.\n[core].y", "a..", ".b"] {
            add(&mut text, refused, "v");
        }
        std::fs::write(&file, &text).unwrap();
        let output = Command::new("git").args(["config", "--list", "-z", "-f"]).arg(&file).output().unwrap();
        let read = String::from_utf8(output.stdout).unwrap();
        let expected: Vec<String> = settings.iter().map(|(key, value)| format!("{key}\n{value}\0")).collect();
        assert_eq!(read, expected.concat(), "{text}");
    }
}
