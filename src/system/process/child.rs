//! Conductor's end of a supervised child: its lines, its input, its ending.
//!
//! Reads on the caller's thread with a time limit; between two calls the child waits on a full
//! pipe at worst. A child that is only listened to is read in small batches: its end is known at
//! once, what it says a moment later. Dropping a child ends its tree and waits until it is gone.

mod errors;
mod lost;
mod pace;
mod start;

pub(super) use start::spawn;

use super::lines::{Lines, Piece};
use super::log::Log;
use super::records::{Noted, Records};
use super::wire::{self, Report};
use crate::model::{Ending, StopReason};
use errors::Errors;
use pace::Pace;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A supervisor that was told to end its tree, and has not so long after the grace, was kept from it.
const OVERDUE: Duration = Duration::from_secs(2);

/// A child under supervision.
#[derive(Debug)]
pub struct Child {
    supervisor: std::process::Child,
    noted: Option<Noted>,
    control: UnixStream,
    reports: Lines,
    output: Option<PipeReader>,
    lines: Lines,
    log: Option<Log>,
    input: Option<PipeWriter>,
    /// What the child has not taken yet of what was written to it.
    pending: Vec<u8>,
    errors: Option<Errors>,
    ready: Ready,
    pace: Pace,
    grace: Duration,
    pid: i32,
    stopped: Option<StopReason>,
    /// When its supervisor has to be through, once it was told to stop.
    due: Option<Instant>,
    skipped: u64,
    end: Option<End>,
    ending: Option<Ending>,
}

/// Which pipes have something to read.
#[derive(Debug, Clone, Copy)]
struct Ready {
    output: bool,
    errors: bool,
}

impl Ready {
    const UNKNOWN: Self = Self { output: true, errors: true };
}

/// How the supervisor left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Told(Report),
    /// Without a word: it was killed.
    Lost,
}

/// What a child has to say next.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// Without its newline; any bytes.
    Text(&'a [u8]),
    /// A line past the cap, that many bytes long, was only copied to the log.
    Skipped(u64),
    /// Nothing within the wait.
    Quiet,
    /// Its whole tree is gone and everything it wrote was told.
    Ended(Ending),
}

impl Child {
    /// The child's own process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Writes it down until it has ended.
    pub(super) fn note(&mut self, records: Option<&Records>) {
        self.noted = records.and_then(|records| records.note(self.supervisor.id()));
    }

    /// Waits up to `wait` for the next line or the end. After [`Line::Ended`] only that comes.
    pub fn next_line(&mut self, wait: Duration) -> Line<'_> {
        let deadline = Instant::now() + wait;
        let mut late = false;
        loop {
            match self.lines.take() {
                Some(Piece::Text(range)) => return Line::Text(self.lines.text(range)),
                Some(Piece::Skipped(length)) => {
                    self.skipped += 1;
                    return Line::Skipped(length);
                }
                None => {}
            }
            if let Some(ending) = &self.ending {
                return Line::Ended(ending.clone());
            }
            if late {
                return Line::Quiet;
            }
            if self.read_output() | self.read_errors() {
                // An endless line gives no reason to return but the time.
                late = Instant::now() >= deadline;
                continue;
            }
            match self.end {
                // The tree is gone and its pipe is dry, though somebody outside may hold it open.
                Some(_) if self.output.take().is_some() => {
                    self.lines.finish();
                    continue;
                }
                Some(end) => {
                    let ending = self.conclude(end);
                    return Line::Ended(self.ending.insert(ending).clone());
                }
                None => {}
            }
            self.press();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Line::Quiet;
            }
            self.wait(left);
        }
    }

    /// Sends a line to the child's standard input. What it does not take at once is kept and sent
    /// while lines are read. A child that closed its input is no error here: its ending tells.
    pub fn write_line(&mut self, line: &[u8]) {
        if self.input.is_some() {
            self.pending.extend_from_slice(line);
            self.pending.push(b'\n');
            self.write_pending();
        }
    }

    /// Ends the child's standard input; what it has not taken yet is dropped.
    pub fn close_input(&mut self) {
        self.pending.clear();
        self.input = None;
    }

    /// Asks for the end of the whole tree (SIGTERM, the grace, SIGKILL) and returns at once. The
    /// first reason stays.
    pub fn stop(&mut self, reason: StopReason) {
        self.stop_within(reason, self.grace);
    }

    /// The same with another grace; a shorter one also hastens an end that was asked for before.
    pub fn stop_within(&mut self, reason: StopReason, grace: Duration) {
        if self.end.is_none() {
            self.stopped.get_or_insert(reason);
            // A supervisor that is gone already has ended the tree.
            let _gone = self.control.write_all(wire::stop_line(grace).as_bytes());
            lost::wake(&self.supervisor);
            let due = Instant::now() + grace + OVERDUE;
            self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
        }
    }

    /// Sees to it that a supervisor that was told to end its tree can, or does without it.
    fn press(&mut self) {
        let Some(due) = self.due else { return };
        if due > Instant::now() {
            lost::wake(&self.supervisor);
        } else {
            self.due = None;
            lost::kill(&mut self.supervisor);
        }
    }

    fn next_report(&mut self) -> Option<Report> {
        match self.reports.take()? {
            Piece::Text(range) => Report::parse(self.reports.text(range)),
            Piece::Skipped(_) => None,
        }
    }

    /// True when there was something to read.
    fn read_output(&mut self) -> bool {
        let Some(output) = self.output.as_mut().filter(|_| self.ready.output) else { return false };
        let log = &mut self.log;
        let copy = |bytes: &[u8]| {
            if let Some(log) = log {
                log.write(bytes);
            }
        };
        match self.lines.fill(output, copy) {
            Ok(0) => {
                self.output = None;
                self.lines.finish();
                true
            }
            Ok(count) => {
                self.pace.heard(count);
                // After the end every byte is fetched; before, a poll tells whether there are more.
                self.ready.output = count >= pace::MUCH || self.end.is_some();
                true
            }
            Err(error) => {
                self.ready.output = error.kind() == io::ErrorKind::Interrupted;
                self.ready.output
            }
        }
    }

    fn read_errors(&mut self) -> bool {
        self.ready.errors = self.ready.errors && self.errors.as_mut().is_some_and(Errors::read);
        self.ready.errors
    }

    /// Sleeps until there is output, a report or room for input; takes the reports.
    fn wait(&mut self, wait: Duration) {
        // One may have come together with the word that the child runs.
        if self.take_reports() {
            return;
        }
        let mut left = wait;
        if self.input.is_none()
            && let Some(gathering) = self.pace.gathering(Instant::now())
        {
            let gathering = left.min(gathering);
            left -= gathering;
            if self.sleep(gathering, false) || left.is_zero() {
                return;
            }
        }
        self.sleep(left, true);
    }

    /// True when something came: a report, words on standard error or, where it is listened to, output.
    fn sleep(&mut self, wait: Duration, listen: bool) -> bool {
        let timeout = Timespec::try_from(wait).ok();
        let output = self.output.as_ref().filter(|_| listen);
        let errors = self.errors.as_ref().and_then(Errors::pipe);
        let input = self.input.as_ref().filter(|_| !self.pending.is_empty());
        let mut sources = vec![PollFd::new(&self.control, PollFlags::IN)];
        sources.extend(output.map(|output| PollFd::new(output, PollFlags::IN)));
        sources.extend(errors.map(|errors| PollFd::new(errors, PollFlags::IN)));
        sources.extend(input.map(|input| PollFd::new(input, PollFlags::OUT)));
        if !matches!(poll(&mut sources, timeout.as_ref()), Ok(count) if count > 0) {
            return false;
        }
        let mut has_come = sources.iter().map(|source| !source.revents().is_empty());
        let told = has_come.next().unwrap_or(false);
        let output = output.is_some() && has_come.next().unwrap_or(false);
        let errors = errors.is_some() && has_come.next().unwrap_or(false);
        (self.ready.output, self.ready.errors) = (output, errors);
        self.write_pending();
        if told {
            self.hear();
        }
        true
    }

    /// Takes what the supervisor has to tell.
    fn hear(&mut self) {
        let read = self.reports.fill(&mut self.control, |_| ());
        let passing = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
        };
        if !self.take_reports() && !matches!(read, Ok(1..)) && !matches!(&read, Err(e) if passing(e)) {
            self.over(End::Lost);
        }
    }

    fn over(&mut self, end: End) {
        self.end = Some(end);
        self.ready = Ready::UNKNOWN;
    }

    /// True when the end was told.
    fn take_reports(&mut self) -> bool {
        while let Some(report) = self.next_report() {
            self.over(End::Told(report));
        }
        self.end.is_some()
    }

    fn write_pending(&mut self) {
        let Some(input) = &mut self.input else { return };
        while !self.pending.is_empty() {
            match input.write(&self.pending) {
                Ok(count) => drop(self.pending.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => return self.close_input(),
            }
        }
    }

    fn conclude(&mut self, end: End) -> Ending {
        let (exit_code, signal, left) = match end {
            End::Told(Report::Exited { code, left }) => (Some(code), None, left),
            End::Told(Report::Signaled { signal, left }) => (None, Some(signal), left),
            End::Told(Report::Started { .. } | Report::Failed { .. }) | End::Lost => {
                (None, None, lost::end_tree(&self.supervisor))
            }
        };
        if left == 0 || end == End::Lost {
            // It has said its last word and exits now.
            lost::bury(&mut self.supervisor);
            self.noted = None;
        }
        // Whoever hears of the end finds the log whole.
        self.log = None;
        let mut stderr_tail = self.errors.take().map(Errors::finish).unwrap_or_default();
        if end == End::Lost {
            stderr_tail.push_str("\n(its supervisor was killed)");
        }
        if left > 0 {
            stderr_tail.push_str(&format!("\n({left} of its processes could not be ended)"));
        }
        Ending { exit_code, signal, stopped: self.stopped, lines_skipped: self.skipped, stderr_tail }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ending.is_some() {
            return;
        }
        let _gone = self.control.shutdown(std::net::Shutdown::Write);
        lost::wake(&self.supervisor);
        self.output = None;
        lost::see_off(&mut self.supervisor, self.grace + OVERDUE);
    }
}
