//! Names as file systems read them: without regard to case, to Unicode's several spellings, to
//! characters that show nothing (HFS+), to dots and spaces at a name's end, to streams and to short
//! names (NTFS). Path and pattern are folded the same way.

use crate::model::glob::{Glob, names_of};
use crate::model::text;
use std::borrow::Cow;
use std::collections::HashSet;
use unicode_normalization::UnicodeNormalization;

/// A path that could be read in more ways than this is taken for a match.
const MOST_READINGS: usize = 64;

/// Patterns, and the names in them that a short name may stand for.
pub struct Patterns {
    /// Whole names that match at any depth: most patterns are no more than that.
    anywhere: HashSet<String>,
    globs: Vec<Glob>,
    names: Vec<String>,
}

impl Patterns {
    pub fn new<T: AsRef<str>>(patterns: &[T]) -> Self {
        let folded: Vec<String> = patterns
            .iter()
            .map(|pattern| fold(pattern.as_ref()))
            .filter(|pattern| !pattern.is_empty())
            .collect();
        let mut names: Vec<String> = folded
            .iter()
            .flat_map(|pattern| pattern.split('/'))
            .filter(|name| !name.is_empty() && is_literal(name))
            .map(str::to_owned)
            .collect();
        names.sort_unstable();
        names.dedup();
        let (anywhere, rest): (Vec<String>, Vec<String>) =
            folded.into_iter().partition(|pattern| is_literal(pattern) && !pattern.contains('/'));
        Self {
            anywhere: anywhere.into_iter().collect(),
            globs: rest.iter().map(|pattern| Glob::new(pattern)).collect(),
            names,
        }
    }

    /// Whether some file system takes the path for one that a pattern matches.
    pub fn matches(&self, path: &str) -> bool {
        let path = as_file_systems_read_it(path);
        let Some(readings) = self.readings(&path) else { return true };
        readings.iter().any(|path| {
            let names = names_of(path);
            path.split('/').any(|name| self.anywhere.contains(name))
                || self.globs.iter().any(|glob| glob.matches_names(&names))
        })
    }

    /// The path itself, and with each short name as every name it may stand for.
    fn readings<'p>(&self, path: &'p str) -> Option<Vec<Cow<'p, str>>> {
        if !path.contains('~') {
            return Some(vec![Cow::Borrowed(path)]);
        }
        let mut readings = vec![String::new()];
        for (at, part) in path.split('/').enumerate() {
            let long = self.names.iter().map(String::as_str).filter(|name| is_short_for(part, name));
            let ways: Vec<&str> = std::iter::once(part).chain(long).collect();
            if readings.len() * ways.len() > MOST_READINGS {
                return None;
            }
            let slash = if at == 0 { "" } else { "/" };
            let longer = |before: &String| -> Vec<String> {
                ways.iter().map(|way| format!("{before}{slash}{way}")).collect()
            };
            readings = readings.iter().flat_map(longer).collect();
        }
        Some(readings.into_iter().map(Cow::Owned).collect())
    }
}

fn is_literal(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '[', '\\'])
}

/// Whether some file system takes a part of the path for git's own folder.
pub fn leads_into_git(path: &str) -> bool {
    as_file_systems_read_it(path).split('/').any(|name| name == ".git" || is_short_for(name, ".git"))
}

/// The path as the most forgiving file system takes it, with `/`.
fn as_file_systems_read_it(path: &str) -> String {
    let folded = fold(path);
    let names: Vec<&str> = folded.split(['/', '\\']).map(without_stream).collect();
    names.join("/")
}

/// Without a stream (`name:stream:$TYPE`), and without dots and spaces at its end.
fn without_stream(name: &str) -> &str {
    let file = name.split(':').next().unwrap_or(name).trim_end_matches(['.', ' ']);
    if file.is_empty() { name } else { file }
}

fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.chars().filter(|c| !text::is_unseen(*c)).map(|c| c.to_ascii_lowercase()).collect();
    }
    let seen = text.nfkd().filter(|c| !text::is_unseen(*c));
    seen.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

/// Whether a name may be the short name of a longer one: its first letters (or two of them and four
/// hexadecimal digits), a tilde, a number, and three letters of its extension.
fn is_short_for(short: &str, long: &str) -> bool {
    let (stem, extension) = short.rsplit_once('.').unwrap_or((short, ""));
    let Some((letters, number)) = stem.rsplit_once('~') else { return false };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || number.len() > 6 {
        return false;
    }
    let long: String = long.trim_start_matches('.').chars().map(allowed).collect();
    let (base, ending) = long.rsplit_once('.').unwrap_or((&long, ""));
    let base: String = base.chars().filter(|c| !matches!(c, '.' | ' ')).collect();
    let first = |count: usize| base.chars().take(count).collect::<String>();
    let ending: String = ending.chars().filter(|c| *c != ' ').take(3).collect();
    let is_hashed = letters
        .strip_prefix(&first(2))
        .is_some_and(|rest| rest.len() == 4 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let room = 7usize.saturating_sub(number.len()).min(6);
    extension == ending && (letters == first(room) || is_hashed)
}

/// What stands in a short name for a character that may not.
fn allowed(c: char) -> char {
    if matches!(c, '+' | ',' | ';' | '=' | '[' | ']') { '_' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protection_sees_through_spelling() {
        let patterns = Patterns::new(&[
            ".github/**",
            "CODEOWNERS",
            ".mcp.json",
            ".gitlab-ci.yml",
            ".gitmodules",
            "docs/Überblick.md",
        ]);
        for path in [
            ".github/workflows/ci.yml",
            ".GitHub/x",
            ".gi\u{200c}thub/x",
            ".github./x",
            ".github /x",
            ".github::$INDEX_ALLOCATION/workflows/ci.yml",
            ".github:$I30:$INDEX_ALLOCATION/x",
            ".mcp.json:stream",
            ".mcp.json. .::$DATA",
            "GITHUB~1/workflows/ci.yml",
            "github~4/x",
            "GI7EBA~1",
            "GITMOD~1",
            "GITLAB~1.YML",
            "MCP~1.JSO",
            "CODEOW~1",
            "CODEO~12",
            "docs\\codeowners",
            "docs/codeowners",
            ".MCP.json",
            ".git\u{ff48}ub/x",
            "CODEOWNER\u{17f}",
            ".g\u{131}thub/x",
            "docs/u\u{308}berblick.md",
            "DOCS/\u{dc}BERBLICK.MD",
            "docs/\u{dc}\u{200d}berblick.md",
        ] {
            assert!(patterns.matches(path), "{path}");
        }
        for path in [
            "github/x",
            "src/.github.rs",
            "CODEOWNERS.md",
            "GITHUB~x/y",
            "GITHUB~1.TXT",
            "GITHU~1/y",
            "backup~1",
            "~",
            ":x",
            "src/a.rs~",
            "docs/Uberblick.md",
        ] {
            assert!(!patterns.matches(path), "{path}");
        }
    }

    #[test]
    fn a_path_of_many_meanings_is_taken_for_a_match() {
        let names: Vec<String> = (0..9).map(|number| format!("longname{number}/x")).collect();
        assert!(Patterns::new(&names).matches("LONGNA~1/LONGNA~2/LONGNA~3/y"));
    }

    #[test]
    fn git_s_own_folder_is_known_in_every_disguise() {
        for path in [
            ".git/config",
            "sub/.GIT/hooks/x",
            ".git",
            "GIT~1/config",
            "gi1a2b~3/config",
            ".git::$INDEX_ALLOCATION/config",
            ".git . /config",
            ".g\u{200c}it/config",
            ".g\u{ff49}t/config",
            "a\\.git\\config",
        ] {
            assert!(leads_into_git(path), "{path}");
        }
        for path in [".gitignore", ".github/x", "git/x", "x.git/y", ".git-blame-ignore-revs", "src/git.rs"] {
            assert!(!leads_into_git(path), "{path}");
        }
    }
}
