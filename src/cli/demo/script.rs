//! What the demo's agent does for which ticket. Everything is done for real in the worktree; only
//! the thinking was done beforehand.

/// The agent's part in one attempt at one ticket.
pub(super) struct Part {
    /// Files it looks at; one that is missing ends the attempt.
    pub reads: &'static [&'static str],
    pub edits: &'static [Edit],
    /// The commit's message.
    pub message: &'static str,
}

pub(super) enum Edit {
    /// A new file.
    Write { path: &'static str, content: &'static str },
    /// A passage of a file, replaced.
    Replace { path: &'static str, from: &'static str, to: &'static str },
    /// Spaces at the ends of lines, removed in every file of a folder that has any.
    Trim { folder: &'static str },
}

/// The part for a ticket; at a second attempt the prompt told of the first.
pub(super) fn part(key: &str, again: bool) -> Option<Part> {
    Some(match (key, again) {
        ("TALLY-1", _) => Part {
            reads: &["commands/sum.sh", "tests/sum.sh"],
            edits: &[
                Edit::Replace { path: "commands/sum.sh", from: "|| break", to: "|| continue" },
                Edit::Replace {
                    path: "tests/sum.sh",
                    from: "expect -1 sum 1 -2\n",
                    to: "expect -1 sum 1 -2\nexpect 6 sum 1 2 '' 3\n",
                },
            ],
            message: "Let the sum pass over empty lines\n\nThey ended it, and what came after was lost.\n",
        },
        ("TALLY-2", _) => Part {
            reads: &["commands/sum.sh", "commands/count.sh"],
            edits: &[
                Edit::Write { path: "commands/average.sh", content: include_str!("work/average.sh") },
                Edit::Write {
                    path: "tests/average.sh",
                    content: "expect 2 average 1 2 '' 3\nexpect 3 average 3 4\n",
                },
            ],
            message: "Add the average\n\nNo numbers at all are an error: there is no average of nothing.\n",
        },
        ("TALLY-3", _) => Part {
            reads: &["README.md", "commands/average.sh"],
            edits: &[Edit::Replace {
                path: "README.md",
                from: "| `count` |",
                to: "| `average` | the sum divided by the count, rounded towards zero |\n| `count` |",
            }],
            message: "Explain the average\n",
        },
        _ => return later_part(key, again),
    })
}

/// The parts for the later tickets.
fn later_part(key: &str, again: bool) -> Option<Part> {
    Some(match (key, again) {
        ("TALLY-4", false) => Part {
            reads: &["commands/count.sh"],
            edits: &[
                Edit::Write { path: "commands/max.sh", content: include_str!("work/max_from_zero.sh") },
                Edit::Write { path: "tests/max.sh", content: MAX_TESTS },
            ],
            message: "Add the largest number\n",
        },
        ("TALLY-4", true) => Part {
            reads: &["commands/count.sh"],
            edits: &[
                Edit::Write { path: "commands/max.sh", content: include_str!("work/max.sh") },
                Edit::Write { path: "tests/max.sh", content: MAX_TESTS },
            ],
            message: "Add the largest number\n\nThe first number is the first maximum: all may be negative.\n",
        },
        ("TALLY-5", _) => Part {
            reads: &[],
            edits: &[Edit::Trim { folder: "commands" }],
            message: "Remove spaces at the ends of lines\n",
        },
        ("TALLY-6", _) => Part {
            reads: &["tally", "tests/sum.sh"],
            edits: &[
                Edit::Replace { path: "tally", from: "${1:-}", to: "${1:-sum}" },
                Edit::Replace {
                    path: "tests/sum.sh",
                    from: "expect 6 sum 1 2 3\n",
                    to: "expect 6 sum 1 2 3\nexpect 6 '' 1 2 3\n",
                },
            ],
            message: "Take the sum when no name is given\n",
        },
        _ => return None,
    })
}

const MAX_TESTS: &str = "expect 3 max 1 3 '' 2\nexpect -1 max -3 -1 -2\n";
