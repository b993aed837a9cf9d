//! Text from outside in three inert forms: a plain line, escaped Markdown, a code span.
//!
//! Forges, trackers and CI act on words: `@name` notifies, `Fixes #1` closes, `[skip ci]` silences
//! checks, `::add-mask::` commands a runner. In a plain line such words are broken up with a space;
//! in Markdown with an entity of no width, the way other bots do it, so that they read as written.

use crate::model::acting_words::{closes, may_be_key, without_skip_words};
use crate::model::text::one_line;

/// One line for titles and commit messages, where nothing can be escaped.
pub fn plain(text: &str) -> String {
    broken_up(text, " ", &|_, c, out| out.push(c))
}

/// One line of Markdown that shows the text as it is written.
pub fn markdown(text: &str) -> String {
    broken_up(text, "&#8203;", &|before, c, out| match c {
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '&' => out.push_str("&amp;"),
        _ if has_meaning(before, c) => out.extend(['\\', c]),
        _ => out.push(c),
    })
}

/// A code span; nothing acts in those. Backticks that would end it are outnumbered.
pub fn code(text: &str) -> String {
    let line = one_line(text);
    if line.is_empty() {
        return String::new();
    }
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{line}{space}{fence}")
}

/// The line, each character written by `write`, with `gap` after those that begin something.
fn broken_up(text: &str, gap: &str, write: &dyn Fn(&str, char, &mut String)) -> String {
    let line = without_skip_words(&one_line(text));
    let mut inert = String::with_capacity(line.len() * 2);
    let mut before = "";
    for (at, c) in line.char_indices() {
        let end = at + c.len_utf8();
        write(before, c, &mut inert);
        if acts(before, c, line.get(end..).unwrap_or_default()) {
            inert.push_str(gap);
        }
        before = line.get(..end).unwrap_or_default();
    }
    inert
}

/// Whether Markdown reads more than the character in it. Some do so at a line's beginning only.
fn has_meaning(before: &str, c: char) -> bool {
    let is_number = !before.is_empty() && before.chars().all(|c| c.is_ascii_digit());
    match c {
        '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '|' | '$' => true,
        '#' | '+' | '-' | '=' | ':' => before.is_empty(),
        '.' | ')' => is_number,
        _ => false,
    }
}

/// Whether somebody would act on what this character begins.
fn acts(before: &str, c: char, after: &str) -> bool {
    let next = after.chars().next();
    let is_digit = next.is_some_and(|next| next.is_ascii_digit());
    let within_word = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    match c {
        // A mention.
        '@' => next.is_some_and(char::is_alphanumeric) && !within_word,
        // An issue, a runner's command.
        '#' => is_digit || next == Some('['),
        // A merge request.
        '!' => is_digit,
        // `GH-1`, and `fixes ENG-1`.
        '-' => is_digit && is_closed_by(before),
        // An address, a runner's command.
        ':' => after.starts_with("//") || (before.is_empty() && next == Some(':')),
        _ => false,
    }
}

/// Whether the word before the dash is a key that a closing word stands before, or GitHub's own.
fn is_closed_by(before: &str) -> bool {
    let start = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric()).len();
    let key = before.get(start..).unwrap_or_default();
    key.eq_ignore_ascii_case("gh") || (may_be_key(before) && closes(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_acts_on_nobody() {
        for (text, shown) in [
            ("an ordinary title, 100 % (UTF-8)", "an ordinary title, 100 % (UTF-8)"),
            ("Fixes #12 and o/r#3", "Fixes # 12 and o/r# 3"),
            ("closes GH-7", "closes GH- 7"),
            ("Resolves: ENG-9 soon", "Resolves: ENG- 9 soon"),
            ("see ENG-9", "see ENG-9"),
            ("fixes https://github.com/o/r/issues/1", "fixes https: //github.com/o/r/issues/1"),
            ("thanks @alice, a@b.org", "thanks @ alice, a@b.org"),
            ("tidy [skip ci]", "tidy (skip ci)"),
            ("[CI-skip] [no ci][x", "(CI-skip) (no ci)[x"),
            ("***NO_CI*** x", "NO_CI x"),
            ("a\n\n::set-output name=x::y", "a ::set-output name=x::y"),
            ("::add-mask::x", ": :add-mask::x"),
            ("x ##[group]y", "x ## [group]y"),
            ("\u{202e}gnp.exe\u{0}\u{1b}[31m", "gnp.exe"),
            ("!12 C#7 é-1", "! 12 C# 7 é-1"),
            ("$(touch pwned) `id` --flag", "$(touch pwned) `id` --flag"),
        ] {
            assert_eq!(plain(text), shown, "{text:?}");
        }
    }

    #[test]
    fn markdown_shows_the_text_and_nothing_more() {
        for (text, shown) in [
            ("an ordinary subject (UTF-8), 1.5", "an ordinary subject (UTF-8), 1.5"),
            ("![x](http://e/x.png)", "!\\[x\\](http:&#8203;//e/x.png)"),
            ("<img src=x onerror=y>&lt;", "&lt;img src=x onerror=y&gt;&amp;lt;"),
            (
                "**bold** _it_ ~~x~~ `code` $m$ a|b",
                "\\*\\*bold\\*\\* \\_it\\_ \\~\\~x\\~\\~ \\`code\\` \\$m\\$ a\\|b",
            ),
            ("Fixes #12", "Fixes #&#8203;12"),
            ("#12", "\\#&#8203;12"),
            ("@alice", "@&#8203;alice"),
            ("# heading", "\\# heading"),
            ("- item", "\\- item"),
            ("12. item", "12\\. item"),
            ("::add-mask::x", "\\:&#8203;:add-mask::x"),
            ("\\", "\\\\"),
        ] {
            assert_eq!(markdown(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_code_span_cannot_be_left() {
        for (text, shown) in [
            ("src/a.rs", "`src/a.rs`"),
            ("a`b", "``a`b``"),
            ("``", "``` `` ```"),
            ("a\n\n# b", "`a # b`"),
            ("", ""),
        ] {
            assert_eq!(code(text), shown, "{text:?}");
        }
    }
}
