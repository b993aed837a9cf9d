//! How good overlap prediction is: histories are replayed, commits as tickets (the message is the
//! text, its files are the truth), five at a time, by an index of what came before them.
//!
//! `cargo bench --bench preflight_quality [-- --limit=N] [PATH...]`: three generated histories, this repository's
//! own where it is one, and any repository given. The first half of what is replayed calibrates, the
//! second half tests. Printed: the share taken, of those held back the share that was right (they
//! touch a file of one taken before them), of the overlaps the share that was missed, and how many
//! pairs of those taken conflict in `git merge-tree`. `right` is to be at least 50 %, `missed` at most
//! 30 %, `taken` at least 60 %.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod histories;

use conductor::model::plan::Relation;
use conductor::model::settings::{PreflightSettings, Strictness};
use conductor::model::{
    Calibration, History, Issue, IssueId, PastCommit, Priority, Sha, StateKind, TicketState,
};
use conductor::policy::preflight::{
    Counts, Holder, Index, Prediction, Predictor, Taken, WaitRules, calibrate, conflict_weight, defaults,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const AT_ONCE: usize = 5;
const DEPTH: usize = 2000;
/// Commits that are replayed, calibrated on and tested together, at most.
const MOST: usize = 800;

fn main() {
    let given: Vec<PathBuf> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).map(PathBuf::from).collect();
    println!(
        "{:<14} {:>10} {:>7} {:>7} {:>7} {:>7} {:>9} {:>10} {:>12}",
        "history", "by", "tickets", "taken", "right", "missed", "own lines", "conflicts", "if all taken"
    );
    let mut sums = Sums::default();
    if given.is_empty() {
        type Write = fn(&Path);
        let generated: [(&str, Write); 3] = [
            ("layered web", histories::layered),
            ("library", histories::library),
            ("packages", histories::packages),
        ];
        for (name, write) in generated {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path());
            replay(name, folder.path(), &mut sums);
        }
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        if own.join(".git").exists() {
            replay("this one", own, &mut sums);
        }
    }
    for path in &given {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        replay(&name, path, &mut sums);
    }
    sums.tell();
}

/// All histories together, by the defaults and by each one's own weights.
#[derive(Default)]
struct Sums {
    by_defaults: Counts,
    by_own: Counts,
    slowest: Duration,
}

impl Sums {
    fn tell(&self) {
        for (by, counts) in [("defaults", &self.by_defaults), ("calibrated", &self.by_own)] {
            println!("{:<14} {by:>10} {}", "all", shares(counts));
        }
        println!("slowest calibration: {} ms", self.slowest.as_millis());
    }
}

fn shares(counts: &Counts) -> String {
    let all = counts.taken + counts.rightly + counts.wrongly;
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    format!(
        "{all:>7} {:>7} {:>7} {:>7}",
        percent(counts.taken_share()),
        percent(counts.precision()),
        percent(1.0 - counts.recall())
    )
}

/// A commit that is taken for a ticket.
struct Commit {
    sha: String,
    message: String,
    files: Vec<String>,
}

fn replay(name: &str, repository: &Path, sums: &mut Sums) {
    let commits = log(repository);
    let most = MOST.min(commits.len() * 4 / 5);
    let tested = most / 2 / AT_ONCE * AT_ONCE;
    let started = Instant::now();
    let own = calibrate(&index(repository, &commits, tested), DEPTH, Default::default());
    sums.slowest = sums.slowest.max(started.elapsed());
    for (by, calibration) in [("defaults", Some(defaults())), ("calibrated", own)] {
        let Some(calibration) = calibration else { continue };
        let mut total = Tested::default();
        for start in (0..tested).step_by(AT_ONCE) {
            test(repository, &commits, start, &calibration, &mut total);
        }
        println!(
            "{name:<14} {by:>10} {} {:>7.0} % {:>10} {:>12}",
            shares(&total.counts),
            (1.0 - total.substantial.recall()) * 100.0,
            total.conflicts,
            total.conflicts_of_all
        );
        let sum = if by == "defaults" { &mut sums.by_defaults } else { &mut sums.by_own };
        sum.taken += total.counts.taken;
        sum.rightly += total.counts.rightly;
        sum.wrongly += total.counts.wrongly;
        sum.missed += total.counts.missed;
        if by == "calibrated" {
            println!(
                "{:<14} {:>10} limit {:.2}, told: precision {:.2}, recall {:.2}, taken {:.2}; said and touched: {}",
                "",
                "",
                calibration.normal.limit,
                calibration.normal.precision,
                calibration.normal.recall,
                calibration.normal.taken,
                total.reliability()
            );
        }
    }
}

/// What came of a history.
#[derive(Default)]
struct Tested {
    counts: Counts,
    /// The same without files in which overlaps count little.
    substantial: Counts,
    conflicts: usize,
    /// What they would be if nobody were held back.
    conflicts_of_all: usize,
    /// Of files said with a probability around each tenth: how many, and how many were touched.
    said: [(usize, usize); 10],
}

impl Tested {
    fn reliability(&self) -> String {
        let tenths = self.said.iter().enumerate().filter(|(_, (said, _))| *said >= 20);
        let told = tenths.map(|(tenth, (said, touched))| {
            format!("{:.1}+ {:.2} of {said}", tenth as f64 / 10.0, *touched as f64 / *said as f64)
        });
        told.collect::<Vec<_>>().join(", ")
    }
}

fn test(repository: &Path, commits: &[Commit], start: usize, calibration: &Calibration, total: &mut Tested) {
    let index = index(repository, commits, start + AT_ONCE);
    let predictor =
        Predictor { index: &index, calibration, common: Default::default(), importers: Default::default() };
    let settings = PreflightSettings {
        enabled: true,
        strictness: Strictness::Normal,
        threshold: limit(),
        patience: 6,
        commits: DEPTH,
    };
    let rules = WaitRules::new(settings, calibration, false, Default::default());
    // The oldest first, as they were made.
    let batch: Vec<&Commit> = commits[start..start + AT_ONCE].iter().rev().collect();
    let base = &commits[start + AT_ONCE].sha;
    let applied: Vec<Applied> =
        batch.iter().map(|commit| Applied::of(repository, base, &commit.sha)).collect();
    let mut held = Taken::new(calibration);
    let mut taken: Vec<usize> = Vec::new();
    for (number, commit) in batch.iter().enumerate() {
        let issue = ticket(number, &commit.message);
        let prediction = predictor.predict(&issue);
        note_reliability(&prediction, commit, &mut total.said);
        let overlaps = held.overlaps(&prediction);
        let is_held = rules.judge(&issue, &overlaps, 0).held_back;
        let meets = |least: f64| {
            let counts = |file: &&String| conflict_weight(file) >= least;
            let files: BTreeSet<&String> = commit.files.iter().filter(counts).collect();
            taken.iter().any(|other| batch[*other].files.iter().any(|file| files.contains(file)))
        };
        note(&mut total.counts, is_held, meets(0.0));
        note(&mut total.substantial, is_held, meets(1.0));
        for other in 0..number {
            let conflicts = applied[number].conflicts_with(repository, &applied[other], &batch[other].files);
            total.conflicts_of_all += usize::from(conflicts);
            total.conflicts += usize::from(conflicts && !is_held && taken.contains(&other));
        }
        if !is_held {
            let holder = Holder { issue: number.to_string(), relation: Relation::Selected, nearness: 1.0 };
            held.add(holder, prediction);
            taken.push(number);
        }
    }
}

fn note(counts: &mut Counts, is_held: bool, meets: bool) {
    match (is_held, meets) {
        (true, true) => counts.rightly += 1,
        (true, false) => counts.wrongly += 1,
        (false, is_missed) => {
            counts.taken += 1;
            counts.missed += usize::from(is_missed);
        }
    }
}

fn note_reliability(prediction: &Prediction, commit: &Commit, said: &mut [(usize, usize); 10]) {
    for file in prediction.ranked() {
        let tenth = ((file.probability * 10.0) as usize).min(9);
        said[tenth].0 += 1;
        said[tenth].1 += usize::from(commit.files.contains(&file.path));
    }
}

fn ticket(number: usize, message: &str) -> Issue {
    let (title, description) = message.split_once('\n').unwrap_or((message, ""));
    Issue {
        id: IssueId::new(format!("T-{number}")),
        identifier: format!("T-{number}"),
        title: title.to_owned(),
        description: description.to_owned(),
        has_details: true,
        url: None,
        state: TicketState { name: "Todo".to_owned(), kind: StateKind::Open },
        team: None,
        priority: Priority::None,
        labels: Vec::new(),
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

/// `--limit=0.4`: a limit instead of the calibrated one.
fn limit() -> Option<f64> {
    std::env::args().find_map(|arg| arg.strip_prefix("--limit=")?.parse().ok())
}

/// The index as it was before the newest commits were made.
fn index(repository: &Path, commits: &[Commit], before: usize) -> Index {
    let head = &commits[before].sha;
    let mut files: Vec<String> =
        git(repository, &["ls-tree", "-r", "-z", "--name-only", "--full-tree", head])
            .split('\0')
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect();
    files.sort_unstable();
    let past = commits.iter().skip(before).take(DEPTH).map(|commit| PastCommit {
        message: commit.message.chars().take(400).collect(),
        files: if commit.files.len() > 50 { Vec::new() } else { commit.files.clone() },
    });
    Index::new(History { head: Sha::new(head), depth: DEPTH, commits: past.collect(), files })
}

/// The newest first; without merges and what touched nothing.
fn log(repository: &Path) -> Vec<Commit> {
    let most = format!("--max-count={}", DEPTH + MOST);
    let args = ["log", "--no-merges", "--no-renames", "--name-only", "--format=%x01%H%x02%B%x02", &most];
    let text = git(repository, &args);
    let commits = text.split('\x01').skip(1).filter_map(|commit| {
        let mut parts = commit.split('\x02');
        let (sha, message, files) = (parts.next()?, parts.next()?, parts.next()?);
        let files: Vec<String> = files.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let (sha, message) = (sha.to_owned(), message.trim().to_owned());
        (!files.is_empty()).then_some(Commit { sha, message, files })
    });
    commits.collect()
}

/// A commit's change made on the base alone.
enum Applied {
    /// As a commit of its own.
    Cleanly(String),
    /// It changes lines of these files that others of the batch changed before it.
    Conflicts(Vec<String>),
}

impl Applied {
    fn of(repository: &Path, base: &str, commit: &str) -> Self {
        let parent = format!("--merge-base={commit}^");
        match merge(repository, &[&parent, base, commit]) {
            Ok(tree) => {
                let identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"];
                let args = [&identity[..], &["commit-tree", "-p", base, "-m", "x", &tree]].concat();
                Self::Cleanly(git(repository, &args).trim().to_owned())
            }
            Err(files) => Self::Conflicts(files),
        }
    }

    /// Whether it and an earlier change cannot both be merged as they are.
    fn conflicts_with(&self, repository: &Path, earlier: &Self, files: &[String]) -> bool {
        match (self, earlier) {
            (Self::Conflicts(conflicts), _) => conflicts.iter().any(|file| files.contains(file)),
            (Self::Cleanly(one), Self::Cleanly(other)) => merge(repository, &[one, other]).is_err(),
            (Self::Cleanly(_), Self::Conflicts(_)) => false,
        }
    }
}

/// The tree of a merge, or the files in which it conflicts.
fn merge(repository: &Path, args: &[&str]) -> Result<String, Vec<String>> {
    let args = [&["merge-tree", "--write-tree", "--name-only", "--no-messages"][..], args].concat();
    let output = Command::new("git").args(args).current_dir(repository).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines().map(str::to_owned);
    let tree = lines.next().unwrap_or_default();
    if output.status.success() { Ok(tree) } else { Err(lines.collect()) }
}

fn git(repository: &Path, args: &[&str]) -> String {
    let output = Command::new("git").args(args).current_dir(repository).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
