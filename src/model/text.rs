//! Text from outside (tickets, agents, programs), made safe to show. Pure: no markdown, no
//! secrets; those have their own rooms.

use std::borrow::Cow;

/// The text as a reader sees it: without terminal escape sequences, control characters, characters
/// that show nothing and characters that turn the reading direction. Line feeds and tabs stay,
/// other line ends become line feeds.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_unseen(c) || is_line_end(c)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut rest),
            '\r' => {
                if rest.peek() != Some(&'\n') {
                    shown.push('\n');
                }
            }
            _ if is_line_end(c) => shown.push('\n'),
            _ if is_unseen(c) => {}
            _ => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// [`visible`] text on one line: every run of white space is one space, none at the ends.
pub fn one_line(text: &str) -> String {
    visible(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most `max` characters; what is cut ends in `…`.
pub fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.chars().nth(max).is_none() {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().take(max.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    Cow::Owned(short)
}

/// The last `max` characters.
pub fn tail(text: &str, max: usize) -> &str {
    if max == 0 {
        return "";
    }
    match text.char_indices().nth_back(max - 1) {
        Some((start, _)) => text.get(start..).unwrap_or(text),
        None => text,
    }
}

/// `1 ticket`, `2 tickets`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `900ms`, `12s`, `3m 5s`, `2h 7m`.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms}ms"),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Whether a character shows nothing itself: a control character other than line feed and tab, or
/// one that only joins, hides or reorders its neighbours.
pub fn is_unseen(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control() && c != '\n' && c != '\t';
    }
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Line ends other than the line feed.
fn is_line_end(c: char) -> bool {
    matches!(c, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// After ESC: a control sequence, a string for the terminal, or a short sequence (ECMA-48).
fn skip_escape(rest: &mut Rest) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_control_sequence(rest);
        }
        Some('P' | 'X' | ']' | '^' | '_') => {
            rest.next();
            skip_string(rest);
        }
        _ => {
            while rest.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            rest.next_if(|c| matches!(c, '0'..='~'));
        }
    }
}

fn skip_control_sequence(rest: &mut Rest) {
    while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    rest.next_if(|c| matches!(c, '@'..='~'));
}

/// Up to BEL or ST; a line's end ends it as well, so that an unclosed one hides no more than that.
fn skip_string(rest: &mut Rest) {
    while let Some(c) = rest.next_if(|&c| c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                rest.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_left_alone() {
        for text in ["", "plain\n\ttext", "größer 日本 🎉"] {
            assert!(matches!(visible(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_gone() {
        let cases = [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}]8;;http://evil\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9b}2Jx", "x"),
            ("\u{1b}Pq#0\u{1b}\\x", "x"),
            ("\u{1b}(Bx\u{1b}7", "x"),
            ("\u{1b}]never closed\nnext", "\nnext"),
            ("a\u{8}\u{0}b\u{7f}", "ab"),
            ("a\r\nb\rc\u{2028}d\u{85}e", "a\nb\nc\nd\ne"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
        ];
        for (text, shown) in cases {
            assert_eq!(visible(text), shown, "{text:?}");
        }
    }

    #[test]
    fn what_hides_or_reorders_text_is_gone() {
        assert_eq!(visible("pay\u{202e}lanoitpo\u{202c}"), "paylanoitpo");
        assert_eq!(visible("a\u{200b}b\u{feff}c\u{ad}d\u{2066}e"), "abcde");
        let tagged: String = "ok".chars().chain("hidden".chars().map(tag)).collect();
        assert_eq!(visible(&tagged), "ok");
    }

    fn tag(c: char) -> char {
        char::from_u32(0xe0000 + c as u32).unwrap()
    }

    #[test]
    fn one_line_has_no_line_ends_and_no_doubled_spaces() {
        assert_eq!(one_line("  a\n::set-output name=x::y\r\n\tb  "), "a ::set-output name=x::y b");
    }

    #[test]
    fn cutting_counts_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
        assert_eq!(tail("äöüß", 2), "üß");
        assert_eq!(tail("ä", 2), "ä");
        assert_eq!(tail("ä", 0), "");
    }
}
