//! Histories to replay: generated ones in the manner of public projects, written as real commits with
//! real lines, so that merges of them conflict or do not.
//!
//! A history is made of streams: somebody works at one topic for a while, several do so at the same
//! time. A change picks files of its topic by their roles, words of its topic (not always those of
//! the paths), and now and then something quite different. Nothing here knows how files are predicted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A source of numbers that is the same everywhere (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// What a topic is: its words in messages, and its files with the percentage at which a change of
/// it touches each.
struct Topic {
    words: Vec<&'static str>,
    area: String,
    files: Vec<(String, usize)>,
}

/// A manner of working.
struct Manner {
    topics: Vec<Topic>,
    /// Files that changes of any topic touch: path, percentage, whether lines are only added at its top.
    shared: Vec<(String, usize, bool)>,
    /// How a message begins: the percentage that has the topic's area first.
    with_area: usize,
    streams: usize,
}

const VERBS: &[&str] = &[
    "Fix", "Add", "Support", "Refuse", "Speed up", "Simplify", "Document", "Test", "Handle", "Rework",
    "Keep", "Show", "Validate", "Split", "Cache",
];
const DETAILS: &[&str] = &[
    "empty input",
    "a second argument",
    "unicode",
    "large values",
    "the error path",
    "timeouts",
    "defaults",
    "sorting",
    "paging",
    "retries",
    "names with spaces",
    "old clients",
    "the last step",
    "rounding",
    "duplicates",
    "missing fields",
    "the slow case",
    "permissions",
    "time zones",
    "partial results",
];

/// Topic name, and the words people use for it.
const THEMES: &[(&str, &[&str])] = &[
    ("order", &["order", "checkout", "basket"]),
    ("invoice", &["invoice", "bill", "receipt"]),
    ("user", &["user", "account", "profile"]),
    ("session", &["session", "login", "logout"]),
    ("search", &["search", "query", "results"]),
    ("report", &["report", "statistics", "export"]),
    ("mail", &["mail", "notification", "message"]),
    ("stock", &["stock", "inventory", "warehouse"]),
    ("price", &["price", "discount", "coupon"]),
    ("payment", &["payment", "card", "refund"]),
    ("upload", &["upload", "attachment", "image"]),
    ("calendar", &["calendar", "event", "date"]),
    ("comment", &["comment", "reply", "thread"]),
    ("rating", &["rating", "review", "stars"]),
    ("address", &["address", "shipping", "country"]),
    ("parser", &["parser", "syntax", "grammar"]),
    ("lexer", &["lexer", "token", "scanner"]),
    ("printer", &["printer", "format", "indent"]),
    ("cache", &["cache", "eviction", "memory"]),
    ("config", &["config", "option", "setting"]),
    ("socket", &["socket", "connection", "network"]),
    ("queue", &["queue", "job", "worker"]),
    ("schema", &["schema", "column", "migration"]),
    ("crypto", &["crypto", "key", "signature"]),
    ("locale", &["locale", "translation", "language"]),
    ("router", &["router", "route", "url"]),
    ("theme", &["theme", "colour", "style"]),
    ("audit", &["audit", "log", "trace"]),
    ("backup", &["backup", "restore", "snapshot"]),
    ("quota", &["quota", "limit", "throttle"]),
];

/// A web application in layers: each feature has a file in each of them.
pub fn layered(at: &Path) {
    let topics = THEMES.iter().map(|(name, words)| Topic {
        words: words.to_vec(),
        area: (*name).to_owned(),
        files: vec![
            (format!("app/controllers/{name}_controller.rb"), 55),
            (format!("app/models/{name}.rb"), 50),
            (format!("app/services/{name}_service.rb"), 45),
            (format!("app/views/{name}/show.html.erb"), 30),
            (format!("app/views/{name}/index.html.erb"), 25),
            (format!("spec/requests/{name}_spec.rb"), 45),
            (format!("spec/models/{name}_spec.rb"), 35),
        ],
    });
    let shared = vec![
        ("config/routes.rb".to_owned(), 12, false),
        ("db/schema.rb".to_owned(), 10, false),
        ("CHANGELOG.md".to_owned(), 25, true),
        ("Gemfile.lock".to_owned(), 4, false),
        ("app/helpers/application_helper.rb".to_owned(), 6, false),
    ];
    write(at, &Manner { topics: topics.collect(), shared, with_area: 20, streams: 6 }, 1);
}

/// A library of modules, each with its tests and a page about it.
pub fn library(at: &Path) {
    let topics = THEMES.iter().take(18).map(|(name, words)| Topic {
        words: words.to_vec(),
        area: (*name).to_owned(),
        files: vec![
            (format!("src/{name}/mod.rs"), 50),
            (format!("src/{name}/state.rs"), 30),
            (format!("src/{name}/error.rs"), 15),
            (format!("tests/{name}.rs"), 50),
            (format!("docs/{name}.md"), 15),
        ],
    });
    let shared = vec![
        ("src/lib.rs".to_owned(), 10, false),
        ("CHANGELOG.md".to_owned(), 40, true),
        ("Cargo.toml".to_owned(), 6, false),
        ("Cargo.lock".to_owned(), 6, false),
        ("README.md".to_owned(), 6, false),
    ];
    write(at, &Manner { topics: topics.collect(), shared, with_area: 60, streams: 4 }, 2);
}

/// Many packages in one repository, with conventional commit messages and one lock file.
pub fn packages(at: &Path) {
    let topics = THEMES.iter().flat_map(|(name, words)| {
        ["api", "ui"].map(|side| Topic {
            words: words.to_vec(),
            area: format!("feat({name}-{side})"),
            files: vec![
                (format!("packages/{name}-{side}/src/index.ts"), 45),
                (format!("packages/{name}-{side}/src/{}.ts", words[1]), 45),
                (format!("packages/{name}-{side}/src/{}.ts", words[2]), 35),
                (format!("packages/{name}-{side}/test/{}.test.ts", words[1]), 40),
                (format!("packages/{name}-{side}/package.json"), 12),
                (format!("packages/{name}-{side}/CHANGELOG.md"), 30),
            ],
        })
    });
    let shared = vec![
        ("pnpm-lock.yaml".to_owned(), 12, false),
        ("packages/shared/src/types.ts".to_owned(), 8, false),
        (".github/workflows/ci.yml".to_owned(), 3, false),
    ];
    write(at, &Manner { topics: topics.collect(), shared, with_area: 75, streams: 8 }, 3);
}

const COMMITS: usize = 900;
const LINES: usize = 200;

/// Writes the history of a manner into a new bare repository.
fn write(at: &Path, manner: &Manner, seed: u64) {
    let mut dice = Dice::new(seed);
    let mut contents: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut stream = String::new();
    let paths = manner.topics.iter().flat_map(|topic| topic.files.iter().map(|(path, _)| path.clone()));
    for path in paths.chain(manner.shared.iter().map(|(path, ..)| path.clone())) {
        contents.insert(path.clone(), (0..LINES).map(|line| format!("{path} {line}")).collect());
    }
    let all: Vec<String> = contents.keys().cloned().collect();
    commit(&mut stream, 0, "First commit", &all, &contents);
    // What each stream is at, and for how much longer.
    let mut at_work: Vec<(usize, usize)> = vec![(0, 0); manner.streams];
    for number in 1..=COMMITS {
        let who = dice.below(manner.streams);
        if at_work[who].1 == 0 {
            // Some topics are worked at far more than others.
            let (a, b) = (dice.below(manner.topics.len()), dice.below(manner.topics.len()));
            at_work[who] = (a.min(b), 1 + dice.below(8));
        }
        at_work[who].1 -= 1;
        let topic = &manner.topics[at_work[who].0];
        let (message, files) = change(&mut dice, manner, topic);
        for (file, is_appended) in &files {
            edit(&mut dice, contents.get_mut(file).unwrap(), number, *is_appended);
        }
        let files: Vec<String> = files.into_iter().map(|(file, _)| file).collect();
        commit(&mut stream, number, &message, &files, &contents);
    }
    import(at, &stream);
}

fn change(dice: &mut Dice, manner: &Manner, topic: &Topic) -> (String, Vec<(String, bool)>) {
    let mut files: BTreeMap<String, bool> = BTreeMap::new();
    // A wide one now and then: a rename, a new lint, a year in a licence.
    if dice.chance(3) {
        for _ in 0..8 + dice.below(12) {
            let other = dice.pick(&manner.topics);
            files.insert(dice.pick(&other.files).0.clone(), false);
        }
        let message = format!("{} {} everywhere", dice.pick(VERBS), dice.pick(DETAILS));
        return (message, files.into_iter().collect());
    }
    while files.is_empty() {
        for (file, percent) in &topic.files {
            if dice.chance(*percent) {
                files.insert(file.clone(), file.ends_with("CHANGELOG.md"));
            }
        }
    }
    if dice.chance(10) {
        let other = dice.pick(&manner.topics);
        files.insert(dice.pick(&other.files).0.clone(), false);
    }
    for (file, percent, is_appended) in &manner.shared {
        if dice.chance(*percent) {
            files.insert(file.clone(), *is_appended);
        }
    }
    let (verb, detail) = (*dice.pick(VERBS), *dice.pick(DETAILS));
    // One in eight says nothing about its topic.
    let what = if dice.chance(12) { "it" } else { *dice.pick(&topic.words) };
    let message = if dice.chance(manner.with_area) {
        format!("{}: {} {what} with {detail}", topic.area, verb.to_lowercase())
    } else {
        format!("{verb} {what} with {detail}")
    };
    (message, files.into_iter().collect())
}

/// A few neighbouring lines, or one at the top.
fn edit(dice: &mut Dice, lines: &mut Vec<String>, number: usize, is_appended: bool) {
    if is_appended {
        lines.insert(2, format!("- change {number}"));
        return;
    }
    let (start, count) = (dice.below(lines.len()), 1 + dice.below(12));
    for line in lines.iter_mut().skip(start).take(count) {
        *line = format!("changed by {number}");
    }
}

fn commit(
    stream: &mut String,
    number: usize,
    message: &str,
    files: &[String],
    contents: &BTreeMap<String, Vec<String>>,
) {
    let when = 1_700_000_000 + number * 3600;
    writeln!(stream, "commit refs/heads/main\ncommitter A <a@b.c> {when} +0000").unwrap();
    writeln!(stream, "data {}\n{message}", message.len()).unwrap();
    for file in files {
        let text = contents[file].join("\n");
        writeln!(stream, "M 100644 inline {file}\ndata {}\n{text}", text.len()).unwrap();
    }
}

fn import(at: &Path, stream: &str) {
    assert!(
        Command::new("git")
            .args(["init", "-q", "--bare", "-b", "main", "."])
            .current_dir(at)
            .status()
            .unwrap()
            .success()
    );
    let mut child = Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(at)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}
