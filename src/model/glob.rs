//! Path patterns of the configuration: `*` and `?` within a name, `**` over folders, `[a-z]`,
//! `\` before a character that is meant as it stands. As in `.gitignore`, a pattern without a
//! slash matches at any depth and a pattern that matches a folder matches all below it; there is
//! no negation and there are no braces.

/// A pattern; every text is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `**`: any number of folders, none included.
    Folders,
    Name(Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Char(char),
    AnyChar,
    AnyText,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    pub fn new(pattern: &str) -> Self {
        let pattern = pattern.trim_end_matches('/');
        let anywhere = !pattern.is_empty() && !pattern.contains('/');
        let mut parts: Vec<Part> = if anywhere { vec![Part::Folders] } else { Vec::new() };
        for name in pattern.split('/').filter(|name| !name.is_empty() && *name != ".") {
            match name {
                "**" if parts.last() == Some(&Part::Folders) => {}
                "**" => parts.push(Part::Folders),
                _ => parts.push(Part::Name(pieces(name))),
            }
        }
        Self { parts }
    }

    /// Whether the path, or a folder above it, matches. Paths are relative, with `/`.
    pub fn matches(&self, path: &str) -> bool {
        self.matches_names(&names_of(path))
    }

    /// The same for the [`names_of`] a path: for many patterns and one path.
    pub fn matches_names(&self, names: &[Vec<char>]) -> bool {
        (1..=names.len()).any(|depth| {
            wild(
                &self.parts,
                names.get(..depth).unwrap_or_default(),
                &|part| *part == Part::Folders,
                &|part, name| fits(part, name),
            )
        })
    }
}

/// The names a path is made of.
pub fn names_of(path: &str) -> Vec<Vec<char>> {
    path.split('/').filter(|name| !name.is_empty()).map(|name| name.chars().collect()).collect()
}

fn fits(part: &Part, name: &[char]) -> bool {
    match part {
        Part::Folders => true,
        Part::Name(pieces) => wild(pieces, name, &|piece| *piece == Piece::AnyText, &is_char),
    }
}

fn is_char(piece: &Piece, c: &char) -> bool {
    match piece {
        Piece::Char(wanted) => wanted == c,
        Piece::AnyChar | Piece::AnyText => true,
        Piece::Class { negated, ranges } => {
            ranges.iter().any(|(first, last)| (first..=last).contains(&c)) != *negated
        }
    }
}

/// Wildcard matching that goes back to the latest star only: bounded by the product of the
/// lengths, whatever the pattern.
fn wild<P, T>(
    pattern: &[P],
    text: &[T],
    is_star: &dyn Fn(&P) -> bool,
    fits: &dyn Fn(&P, &T) -> bool,
) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(item) = text.get(t) {
        match pattern.get(p) {
            Some(piece) if is_star(piece) => {
                star = Some((p, t));
                p += 1;
            }
            Some(piece) if fits(piece, item) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern.iter().skip(p).all(is_star)
}

fn pieces(name: &str) -> Vec<Piece> {
    let chars: Vec<char> = name.chars().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        at += 1;
        pieces.push(match c {
            '*' => Piece::AnyText,
            '?' => Piece::AnyChar,
            '\\' => {
                let literal = chars.get(at).copied().unwrap_or('\\');
                at += 1;
                Piece::Char(literal)
            }
            '[' => match class(&chars, at) {
                Some((class, end)) => {
                    at = end;
                    class
                }
                None => Piece::Char('['),
            },
            _ => Piece::Char(c),
        });
    }
    pieces
}

/// The class whose `[` stands before `start`, and where the text goes on; `None` when unclosed.
fn class(chars: &[char], start: usize) -> Option<(Piece, usize)> {
    let mut at = start;
    let negated = matches!(chars.get(at), Some('!' | '^'));
    if negated {
        at += 1;
    }
    let first = at;
    let mut ranges = Vec::new();
    loop {
        let c = *chars.get(at)?;
        if c == ']' && at > first {
            return Some((Piece::Class { negated, ranges }, at + 1));
        }
        match (chars.get(at + 1), chars.get(at + 2)) {
            (Some('-'), Some(&last)) if last != ']' => {
                ranges.push((c, last));
                at += 3;
            }
            _ => {
                ranges.push((c, c));
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_documented() {
        let cases = [
            (".github/**", ".github/workflows/ci.yml", true),
            (".github/**", ".github", true),
            (".github/**", "x/.github/y", false),
            (".gitmodules", ".gitmodules", true),
            (".gitmodules", "vendor/.gitmodules", true),
            ("/.gitmodules", "vendor/.gitmodules", false),
            ("CODEOWNERS", "docs/CODEOWNERS", true),
            ("CODEOWNERS", "CODEOWNERS.md", false),
            ("src/**", "src/a/b.rs", true),
            ("src/**", "srcs/a", false),
            ("src/", "src/a.rs", true),
            ("**/*.rs", "a.rs", true),
            ("**/*.rs", "a/b/c.rs", true),
            ("**/*.rs", "a/b/c.rst", false),
            ("*.rs", "a/b/c.rs", true),
            ("a/**/z", "a/z", true),
            ("a/**/z", "a/b/c/z", true),
            ("a/**/z", "a/b/c/zz", false),
            ("a/*/z", "a/b/z", true),
            ("a/*/z", "a/b/c/z", false),
            ("**", "anything/at/all", true),
            ("*", "anything/at/all", true),
            ("?.txt", "a.txt", true),
            ("?.txt", "ä.txt", true),
            ("?.txt", "ab.txt", false),
            ("[a-c].txt", "b.txt", true),
            ("[!a-c].txt", "b.txt", false),
            ("[^a-c].txt", "d.txt", true),
            ("[]x].txt", "].txt", true),
            ("[x-].txt", "-.txt", true),
            ("[a.txt", "[a.txt", true),
            (r"\*.txt", "a.txt", false),
            (r"\*.txt", "*.txt", true),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbX", false),
            ("./src/*.rs", "src/a.rs", true),
            ("", "a", false),
            ("a", "", false),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(Glob::new(pattern).matches(path), expected, "{pattern:?} {path:?}");
        }
    }

    #[test]
    fn a_hostile_path_costs_little() {
        let glob = Glob::new("**/*a*a*a*a*a*a*a*a*b/**/x");
        assert!(!glob.matches(&"a".repeat(2000)));
        assert!(!glob.matches(&"a/".repeat(500)));
    }
}
