//! Words that forges, trackers and CI act on: they close an issue, or keep checks from running. One
//! list for pull requests and for the agent's own commit messages.

const CLOSING: &[&str] = &["clos", "fix", "resolv", "complet", "implement"];
const ENDINGS: &[&str] = &["", "e", "s", "es", "d", "ed", "ing"];

/// What has a dash and a number and is no ticket.
const NO_KEYS: &[&str] = &[
    "aes", "base", "cve", "cwe", "ed", "es", "gpt", "h", "http", "iso", "md", "node", "python", "rfc", "sha",
    "ucs", "utf", "x",
];

/// What checks call themselves in `[skip ci]` and its kin.
const CHECKS: &[&str] = &[
    "ci",
    "cd",
    "actions",
    "action",
    "checks",
    "check",
    "azp",
    "azurepipelines",
    "appveyor",
    "buildkite",
    "cirrus",
    "circleci",
    "codeship",
    "drone",
    "gitlab",
    "jenkins",
    "netlify",
    "render",
    "semaphore",
    "travis",
    "vercel",
    "woodpecker",
    "build",
    "deploy",
    "preview",
    "pages",
    "cf",
    "review",
];

/// Characters before a reference that are looked at.
const LOOK_BACK: usize = 200;

/// Whether the text ends in a closing word and the beginning of a reference: `Fixes ENG`, `closes: `,
/// `resolved acme/app`.
pub fn closes(before: &str) -> bool {
    let (rest, _) = parted(before);
    let word = rest.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '('));
    let word = word.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase();
    CLOSING.iter().any(|stem| word.strip_prefix(stem).is_some_and(|ending| ENDINGS.contains(&ending)))
}

/// Whether what stands before a dash and a number may be a tracker's key.
pub fn may_be_key(before: &str) -> bool {
    let (_, key) = parted(before);
    let is_word = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_word && !NO_KEYS.contains(&key.to_lowercase().as_str())
}

/// The latest text, and the word it ends in.
fn parted(before: &str) -> (&str, &str) {
    let start = before.char_indices().rev().nth(LOOK_BACK).map_or(0, |(at, _)| at);
    let recent = before.get(start..).unwrap_or_default();
    let is_word = |c: char| !c.is_whitespace() && !matches!(c, ',' | ':' | '(' | ';');
    recent.split_at(recent.trim_end_matches(is_word).len())
}

/// Text in which `[skip ci]` and its kin stand in round brackets, where nobody obeys them.
pub fn without_skip_words(text: &str) -> String {
    let mut open = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, bracket)) = rest.split_once('[') {
        open.push_str(before);
        match bracket.split_once(']').filter(|(inside, _)| is_skip(inside)) {
            Some((inside, after)) => {
                open.extend(["(", inside, ")"]);
                rest = after;
            }
            None => {
                open.push('[');
                rest = bracket;
            }
        }
    }
    open.push_str(rest);
    open.replace("***NO_CI***", "NO_CI")
}

fn is_skip(inside: &str) -> bool {
    if inside.len() > 40 {
        return false;
    }
    let inside = inside.to_lowercase();
    let words: Vec<&str> = inside.split([' ', '-', '_', ':', '\t']).filter(|word| !word.is_empty()).collect();
    let is_no = |word: &&str| matches!(*word, "skip" | "skipped" | "no");
    let (no, checks): (Vec<&str>, Vec<&str>) = words.into_iter().partition(is_no);
    no.len() == 1 && !checks.is_empty() && checks.iter().all(|word| CHECKS.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_words_are_known_in_every_form() {
        for before in ["Fixes ", "closes: ", "Resolved acme/app", "completing ENG", "x\nfix\n", "implements "]
        {
            assert!(closes(before), "{before:?}");
        }
        for before in ["prefix ", "see ", "fixture ", "closest ", "", "the fix for bug "] {
            assert!(!closes(before), "{before:?}");
        }
    }

    #[test]
    fn skip_words_of_many_services_stand_in_round_brackets() {
        for (text, shown) in [
            ("a [skip ci] b", "a (skip ci) b"),
            ("[CI-skip][no ci]", "(CI-skip)(no ci)"),
            ("[skip azp] [Skip  Netlify]", "(skip azp) (Skip  Netlify)"),
            ("[CF-Pages-Skip]", "(CF-Pages-Skip)"),
            ("[skip the rest] [ci] [no] a[0]", "[skip the rest] [ci] [no] a[0]"),
            ("x ***NO_CI***", "x NO_CI"),
        ] {
            assert_eq!(without_skip_words(text), shown);
        }
    }
}
