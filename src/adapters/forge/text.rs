//! Titles and bodies as a forge takes them: bounded, without control characters. GitHub's bounds
//! hold everywhere, so that a local rehearsal shows what GitHub would.

/// GitHub's own bounds, in characters.
const MAX_TITLE: usize = 256;
const MAX_BODY: usize = 65_536;

const CUT_NOTE: &str = "\n\n…\n\n*(cut here: longer than a pull request may be)*\n";

/// The title on one line; the ticket's key when nothing is left of it.
pub(super) fn title(title: &str, issue: &str) -> String {
    let words = title.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return issue.to_owned();
    }
    if line.chars().count() <= MAX_TITLE {
        return line;
    }
    line.chars().take(MAX_TITLE - 1).chain(['…']).collect()
}

/// The body, cut with a note when it is too long.
pub(super) fn body(body: &str) -> String {
    let clean: String = body.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    if clean.chars().count() <= MAX_BODY {
        return clean;
    }
    let kept = MAX_BODY - CUT_NOTE.chars().count();
    clean.chars().take(kept).chain(CUT_NOTE.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_title_becomes_one_bounded_line() {
        assert_eq!(
            title("  Fix\n\r::set-output name=x::\u{0} it  ", "ENG-1"),
            "Fix ::set-output name=x:: it"
        );
        assert_eq!(title(" \n\t", "ENG-1"), "ENG-1");
        let long = title(&"é".repeat(10_000), "ENG-1");
        assert_eq!(long.chars().count(), 256);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn a_body_is_cut_at_the_bound_and_says_so() {
        let exact = "ü".repeat(MAX_BODY);
        assert_eq!(body(&exact), exact);
        let cut = body(&"ü".repeat(MAX_BODY + 1));
        assert_eq!(cut.chars().count(), MAX_BODY);
        assert!(cut.ends_with(CUT_NOTE));
        assert_eq!(body("a\r\nb\u{0}\u{1b}[31m\tc"), "a\nb[31m\tc");
    }
}
