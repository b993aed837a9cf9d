//! The running cycle, for people who watch: one live line per issue on a terminal, plain lines
//! elsewhere, or nothing. An observer of the event stream, told from several threads at once.
//!
//! Which of the three it is, the caller decides; this reads neither terminal nor environment.

use super::text;
use crate::model::cycle_event::{AgentTotals, CycleEvent, CycleEventKind, Observer};
use crate::model::{Failure, Outcome, Time};
use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const TITLE: usize = 40;
/// How often a live line turns its spinner and its clock.
const TICK: Duration = Duration::from_millis(120);

/// Where progress goes.
pub struct Display {
    mode: Mode,
    issues: Mutex<BTreeMap<String, Line>>,
}

enum Mode {
    Silent,
    /// One line per event that matters; tool calls are not among them.
    Plain(Mutex<Box<dyn Write + Send>>),
    Live {
        bars: MultiProgress,
        color: bool,
    },
}

/// What is shown of one issue.
#[derive(Default)]
struct Line {
    title: String,
    began: Option<Time>,
    attempt: u32,
    bar: Option<ProgressBar>,
}

impl Display {
    pub fn silent() -> Self {
        Self::new(Mode::Silent)
    }

    /// Plain lines, written to a sink such as `anstream::stderr()`.
    pub fn plain(out: Box<dyn Write + Send>) -> Self {
        Self::new(Mode::Plain(Mutex::new(out)))
    }

    /// Live lines on a terminal; `target` is usually [`ProgressDrawTarget::stderr`].
    pub fn live(target: ProgressDrawTarget, color: bool) -> Self {
        Self::new(Mode::Live { bars: MultiProgress::with_draw_target(target), color })
    }

    fn new(mode: Mode) -> Self {
        Self { mode, issues: Mutex::new(BTreeMap::new()) }
    }

    /// Runs `write` while the live lines are out of the way, so that a log line lands above them.
    pub fn suspend<R>(&self, write: impl FnOnce() -> R) -> R {
        match &self.mode {
            Mode::Live { bars, .. } => bars.suspend(write),
            Mode::Silent | Mode::Plain(_) => write(),
        }
    }

    /// Takes the live lines away; the report comes next.
    pub fn close(&self) {
        if let Mode::Live { bars, .. } = &self.mode {
            held(&self.issues).clear();
            // The terminal may be gone; there is nothing left to clear then.
            let _ = bars.clear();
        }
    }
}

impl Observer for Display {
    fn on(&self, event: &CycleEvent) {
        let Some(issue) = event.issue.as_deref().filter(|_| is_shown(&event.kind)) else { return };
        let mut issues = held(&self.issues);
        let line = issues.entry(issue.to_owned()).or_default();
        match &event.kind {
            CycleEventKind::Claimed { title, .. } => {
                line.title = text::fit(title, TITLE);
                line.began = Some(event.at);
            }
            CycleEventKind::AttemptStarted { attempt } => line.attempt = *attempt,
            _ => {}
        }
        match &self.mode {
            Mode::Silent => {}
            Mode::Plain(out) => {
                if let Some(said) = sentence(event, line) {
                    // Progress is a courtesy: a closed pipe must not end the cycle.
                    let _ = writeln!(held(out), "{}: {said}", text::fit(issue, 24));
                }
            }
            Mode::Live { bars, color } => live(bars, *color, issue, event, line),
        }
    }
}

/// Whether the display has words for it; the rest is for the log and the files.
fn is_shown(kind: &CycleEventKind) -> bool {
    match kind {
        CycleEventKind::Claimed { .. }
        | CycleEventKind::AttemptStarted { .. }
        | CycleEventKind::AgentActivity { .. }
        | CycleEventKind::GateStarted { .. }
        | CycleEventKind::AttemptEnded { .. }
        | CycleEventKind::Waiting { .. }
        | CycleEventKind::Pushing { .. }
        | CycleEventKind::PullRequest { .. }
        | CycleEventKind::Finished { .. } => true,
        CycleEventKind::StepStarted { .. }
        | CycleEventKind::StepEnded { .. }
        | CycleEventKind::DispatchStarted { .. }
        | CycleEventKind::WorkspaceReady { .. }
        | CycleEventKind::AgentStarted { .. }
        | CycleEventKind::AgentEnded(_)
        | CycleEventKind::Warning { .. }
        | CycleEventKind::Detail { .. }
        | CycleEventKind::Stopping
        | CycleEventKind::Heartbeat => false,
    }
}

fn live(bars: &MultiProgress, color: bool, issue: &str, event: &CycleEvent, line: &mut Line) {
    // The bars write to the terminal themselves, past any sink that would take colour out.
    let said = sentence(event, line)
        .map(|said| if color { said } else { anstream::adapter::strip_str(&said).to_string() });
    if let CycleEventKind::Finished { .. } = event.kind {
        if let Some(bar) = line.bar.take() {
            bar.finish_and_clear();
            bars.remove(&bar);
        }
        // A terminal that went away does not end the cycle.
        let _ = bars.println(format!("{}: {}", text::fit(issue, 24), said.unwrap_or_default()));
        return;
    }
    if let CycleEventKind::AttemptEnded { outcome, .. } = &event.kind
        && outcome.is_failure()
    {
        // Why there is another attempt, or none, is to be read afterwards, too.
        let _ = bars.println(format!("{}: {}", text::fit(issue, 24), said.clone().unwrap_or_default()));
    }
    let doing = match &event.kind {
        CycleEventKind::AgentActivity { totals, .. } => working(totals),
        CycleEventKind::Claimed { .. } => "claimed".to_owned(),
        _ => said.unwrap_or_default(),
    };
    let message = if line.title.is_empty() { doing } else { format!("{}  {doing}", line.title) };
    line.bar.get_or_insert_with(|| spinner(bars, issue)).set_message(message);
}

fn spinner(bars: &MultiProgress, issue: &str) -> ProgressBar {
    let bar = bars.add(ProgressBar::new_spinner());
    let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_prefix(text::fit(issue, 24));
    bar.enable_steady_tick(TICK);
    bar
}

fn working(totals: &AgentTotals) -> String {
    let tokens = totals.usage.total_tokens();
    let calls = text::counted(usize::try_from(totals.tool_calls).unwrap_or(usize::MAX), "tool call");
    let tokens = if tokens > 0 { format!(", {} tokens", text::tokens(tokens)) } else { String::new() };
    format!("{}, {calls}{tokens}", totals.phase.word())
}

/// What a line says about an event; `None` for what happens too often to be a line.
fn sentence(event: &CycleEvent, line: &Line) -> Option<String> {
    Some(match &event.kind {
        CycleEventKind::Claimed { .. } => format!("claimed, {}", line.title),
        CycleEventKind::AttemptStarted { attempt } => format!("attempt {attempt} started"),
        CycleEventKind::GateStarted { name } => format!("checking {}", text::one_line(name)),
        CycleEventKind::AttemptEnded { attempt, outcome, failure } => {
            format!("attempt {attempt} ended: {}", ended(*outcome, *failure))
        }
        CycleEventKind::Waiting { until } => format!("waiting until {}", until.format("%T UTC")),
        CycleEventKind::Pushing { branch } => format!("pushing {}", text::one_line(branch)),
        CycleEventKind::PullRequest { url, created } => {
            format!("pull request {} {}", if *created { "opened:" } else { "found:" }, text::one_line(url))
        }
        CycleEventKind::Finished { outcome, failure, error } => {
            let took = line.began.map(|began| (event.at - began).num_milliseconds());
            let took = took.and_then(|ms| u64::try_from(ms).ok()).map(text::duration);
            let took = took.map_or(String::new(), |took| format!(" after {took}"));
            let why = error.iter().flat_map(|error| text::last_lines(error, 1)).next();
            let why = why.map_or(String::new(), |why| format!(": {why}"));
            format!("{}{took}{why}", ended(*outcome, *failure))
        }
        _ => return None,
    })
}

fn ended(outcome: Outcome, failure: Option<Failure>) -> String {
    let color = match outcome {
        Outcome::Success => AnsiColor::Green.on_default(),
        Outcome::Failure | Outcome::Partial => AnsiColor::Red.on_default(),
        Outcome::Interrupted => AnsiColor::Yellow.on_default(),
        Outcome::NoChanges => Style::new(),
    };
    let failure = failure.map_or(String::new(), |failure| format!(" ({})", failure.word()));
    format!("{color}{}{color:#}{failure}", outcome.word())
}

/// A thread that panicked while it held the lock left the lines as they were: they are still good.
fn held<T: ?Sized>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
