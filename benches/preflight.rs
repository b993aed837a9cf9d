//! How fast tickets are compared by the files they will probably change, in a repository of 50,000
//! files and 5,000 commits.
//!
//! `cargo bench --bench preflight`; medians that must hold: read anew 1 s, brought up to date after
//! ten commits 100 ms, one candidate 1 ms, 200 candidates against 20 running ones 100 ms, calibration
//! (once a day, beside the work) 2 s. The most memory ever used is printed last, and must stay under 100 MB.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use conductor::model::plan::Relation;
use conductor::model::settings::{PreflightSettings, Strictness};
use conductor::model::{Issue, IssueId, Priority, Sha, StateKind, TicketState};
use conductor::policy::preflight::{
    Holder, Index, Predictor, Taken, WaitRules, calibrate, common_words, defaults,
};
use conductor::system::git::{Remote, Repository};
use conductor::workspace::Workspaces;
use divan::Bencher;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

const FILES: usize = 50_000;
const COMMITS: usize = 5_000;
const NEW: usize = 10;

fn main() {
    world();
    divan::main();
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
        println!("most memory: {}", peak.trim_start_matches("VmHWM:").trim());
    }
}

struct World {
    folder: TempDir,
    old: Sha,
    new: Sha,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q", "--bare", "-b", "main", "."]);
        import(folder.path());
        let sha = |name: &str| Sha::new(git(folder.path(), &["rev-parse", name]));
        let (old, new) = (sha(&format!("main~{NEW}")), sha("main"));
        World { old, new, folder }
    })
}

const WORDS: [&str; 40] = [
    "account", "audit", "auth", "billing", "cache", "calendar", "catalog", "checkout", "client", "cluster",
    "consent", "coupon", "device", "digest", "editor", "export", "filter", "geo", "import", "invoice",
    "ledger", "locale", "mailer", "metric", "notify", "order", "parser", "payment", "policy", "profile",
    "query", "queue", "report", "router", "schema", "search", "session", "shipping", "token", "widget",
];

fn word(number: usize) -> &'static str {
    WORDS[number % WORDS.len()]
}

fn path(number: usize) -> String {
    let (a, b, c) = (word(number / 997), word(number / 31), word(number));
    format!("packages/{a}/src/{b}/{c}_{number}.ts")
}

fn import(bare: &Path) {
    let mut stream = String::new();
    for number in 0..=COMMITS {
        let (topic, other) = (word(number * 7), word(number * 13 + 5));
        let message = format!("Make {topic} and {other} better in case {number}");
        writeln!(stream, "commit refs/heads/main\ncommitter A <a@b.c> {} +0000", 1_700_000_000 + number)
            .unwrap();
        writeln!(stream, "data {}\n{message}", message.len()).unwrap();
        let changed: Vec<usize> = match number {
            0 => (0..FILES).collect(),
            _ => (0..4).map(|step| (number * 7919 + step * 31) % FILES).collect(),
        };
        for file in changed {
            let text = number.to_string();
            writeln!(stream, "M 100644 inline {}\ndata {}\n{text}", path(file), text.len()).unwrap();
        }
    }
    let mut child = Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(bare)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git").args(args).current_dir(folder).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn workspaces() -> Workspaces {
    let repository = Repository::open(world().folder.path()).unwrap();
    let remote = Remote::new(&repository, ".", ".".to_owned());
    Workspaces::new(repository, remote, "main", world().folder.path().join("work"))
}

fn cache() -> std::path::PathBuf {
    world().folder.path().join("conductor/cache/history")
}

fn index() -> Index {
    Index::new(workspaces().history(&world().new, COMMITS, true).unwrap())
}

fn ticket(number: usize) -> Issue {
    let (a, b, c) = (word(number * 3), word(number * 5 + 1), word(number * 11 + 2));
    Issue {
        id: IssueId::new(format!("id-{number}")),
        identifier: format!("ENG-{number}"),
        title: format!("The {a} of the {b}-{c} loses case {number}"),
        description: format!(
            "Seen in `{}`, and a{b}.ts. {}",
            path(number * 101),
            "Words of no use. ".repeat(40)
        ),
        has_details: true,
        url: None,
        state: TicketState { name: "Todo".to_owned(), kind: StateKind::Open },
        team: None,
        priority: Priority::Medium,
        labels: vec![c.to_owned(), "agent".to_owned()],
        estimate: None,
        assignee: None,
        creator: None,
        blocked_by: Vec::new(),
        created_at: None,
        updated_at: None,
        archived: false,
        elsewhere: None,
    }
}

#[divan::bench(sample_count = 7, sample_size = 1)]
fn a_index_read_anew(bencher: Bencher) {
    bencher.with_inputs(|| drop(std::fs::remove_file(cache()))).bench_local_values(|()| index());
}

#[divan::bench(sample_count = 15, sample_size = 1)]
fn b_index_after_ten_commits(bencher: Bencher) {
    let old = || drop(workspaces().history(&world().old, COMMITS, true).unwrap());
    drop(std::fs::remove_file(cache()));
    old();
    let cached = std::fs::read(cache()).unwrap();
    bencher.with_inputs(|| std::fs::write(cache(), &cached).unwrap()).bench_local_values(|()| index());
}

#[divan::bench(sample_count = 15, sample_size = 1)]
fn c_index_of_the_same_head(bencher: Bencher) {
    drop(index());
    bencher.bench_local(index);
}

#[divan::bench(sample_count = 100)]
fn d_one_candidate(bencher: Bencher) {
    let (index, calibration) = (index(), defaults());
    let predictor = Predictor {
        index: &index,
        calibration: &calibration,
        common: Default::default(),
        importers: BTreeMap::new(),
    };
    let mut number = 0;
    bencher
        .with_inputs(|| {
            number += 1;
            ticket(number)
        })
        .bench_local_values(|issue| predictor.predict(&issue));
}

#[divan::bench(sample_count = 15, sample_size = 1)]
fn e_200_candidates_against_20(bencher: Bencher) {
    let (index, calibration) = (index(), defaults());
    let (running, candidates): (Vec<Issue>, Vec<Issue>) = (0..220)
        .map(ticket)
        .partition(|issue| issue.identifier.trim_start_matches("ENG-").parse::<usize>().unwrap() < 20);
    let settings = PreflightSettings {
        enabled: true,
        strictness: Strictness::Normal,
        threshold: None,
        patience: 6,
        commits: COMMITS,
    };
    let rules = WaitRules::new(settings, &calibration, true, Default::default());
    bencher.bench_local(|| {
        let common = common_words(running.iter().chain(&candidates), &["agent".to_owned()]);
        let predictor =
            Predictor { index: &index, calibration: &calibration, common, importers: BTreeMap::new() };
        let mut taken = Taken::new(&calibration);
        let holder =
            |issue: &Issue, relation| Holder { issue: issue.identifier.clone(), relation, nearness: 1.0 };
        for issue in &running {
            taken.add(holder(issue, Relation::Running), predictor.predict(issue));
        }
        let mut chosen = 0;
        for issue in &candidates {
            let prediction = predictor.predict(issue);
            if !rules.judge(issue, &taken.overlaps(&prediction), 0).held_back {
                taken.add(holder(issue, Relation::Selected), prediction);
                chosen += 1;
            }
        }
        chosen
    });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn f_calibration(bencher: Bencher) {
    let index = index();
    bencher.bench_local(|| calibrate(&index, COMMITS, Default::default()).unwrap());
}
