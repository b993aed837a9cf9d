use crate::support::{HOSTILE, at, commands};
use conductor::model::cycle_event::{AgentTotals, CycleEvent, CycleEventKind, Observer};
use conductor::model::{AgentEvent, Failure, Outcome, Phase, Usage};
use conductor::report::progress::Display;
use indicatif::{ProgressDrawTarget, TermLike};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// A sink, and a terminal, that remembers what was written.
#[derive(Clone, Debug, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn write(&self, text: &str) -> io::Result<()> {
        self.0.lock().unwrap().extend(text.as_bytes());
        Ok(())
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        80
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write(&format!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.write(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write("\n")
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Plain lines, as `anstream` writes them where colour is off.
fn plain(screen: &Screen) -> Display {
    Display::plain(Box::new(anstream::StripStream::new(Box::new(screen.clone()) as Box<dyn Write + Send>)))
}

fn event(second: u32, issue: &str, kind: CycleEventKind) -> CycleEvent {
    CycleEvent { at: at(&format!("2026-11-22T10:00:{second:02}Z")), issue: Some(issue.to_owned()), kind }
}

fn activity(phase: Phase, tool_calls: u64, tokens: u64) -> CycleEventKind {
    let usage = Usage { output_tokens: tokens, ..Usage::default() };
    let totals = AgentTotals { phase, turns: 1, tool_calls, files_modified: 0, usage };
    CycleEventKind::AgentActivity { event: AgentEvent::Turn, totals }
}

fn story(issue: &str, title: &str) -> Vec<CycleEvent> {
    let stalled = Some(Failure::Stalled);
    [
        CycleEventKind::Claimed { title: title.to_owned(), attempt: 1 },
        CycleEventKind::AttemptStarted { attempt: 1 },
        activity(Phase::Reading, 1, 0),
        activity(Phase::Implementing, 2, 4_500),
        CycleEventKind::AttemptEnded { attempt: 1, outcome: Outcome::Failure, failure: stalled },
        CycleEventKind::Waiting { until: at("2026-11-22T10:00:07Z") },
        CycleEventKind::AttemptStarted { attempt: 2 },
        CycleEventKind::GateStarted { name: "test".to_owned() },
        CycleEventKind::AttemptEnded { attempt: 2, outcome: Outcome::Success, failure: None },
        CycleEventKind::Pushing { branch: "conductor/ENG-42".to_owned() },
        CycleEventKind::PullRequest { url: "https://forge.example/o/r/pull/17".to_owned(), created: true },
        CycleEventKind::Finished { outcome: Outcome::Success, failure: None, error: None },
    ]
    .into_iter()
    .zip(0..)
    .map(|(what, second)| event(second, issue, what))
    .collect()
}

#[test]
fn elsewhere_than_on_a_terminal_each_event_but_tool_calls_is_a_line() {
    let screen = Screen::default();
    let display = plain(&screen);
    story("ENG-42", "Add a retry").iter().for_each(|event| display.on(event));
    let expected = "\
ENG-42: claimed, Add a retry
ENG-42: attempt 1 started
ENG-42: attempt 1 ended: failure (stalled)
ENG-42: waiting until 10:00:07 UTC
ENG-42: attempt 2 started
ENG-42: checking test
ENG-42: attempt 2 ended: success
ENG-42: pushing conductor/ENG-42
ENG-42: pull request opened: https://forge.example/o/r/pull/17
ENG-42: success after 11s
";
    assert_eq!(screen.text(), expected);
}

#[test]
fn a_hostile_event_stays_on_its_line_and_commands_nothing() {
    let screen = Screen::default();
    let display = plain(&screen);
    let all = [
        CycleEventKind::Claimed { title: HOSTILE.to_owned(), attempt: 1 },
        CycleEventKind::GateStarted { name: HOSTILE.to_owned() },
        CycleEventKind::Pushing { branch: HOSTILE.to_owned() },
        CycleEventKind::PullRequest { url: HOSTILE.to_owned(), created: false },
        CycleEventKind::Finished {
            outcome: Outcome::Failure,
            failure: Some(Failure::Publish),
            error: Some(HOSTILE.to_owned()),
        },
    ];
    all.into_iter().for_each(|what| display.on(&event(0, HOSTILE, what)));
    let text = screen.text();
    assert_eq!(text.lines().count(), 5, "{text}");
    assert_eq!(commands(&text), Vec::<&str>::new());
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
}

#[test]
fn on_a_terminal_an_issue_has_a_live_line_until_it_is_finished() {
    let screen = Screen::default();
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 255);
    let display = Display::live(target, false);
    story("ENG-42", "Add a retry").iter().for_each(|event| {
        display.on(event);
        // Drawing is limited in rate; leaving the lines for a moment draws them whatever the rate.
        display.suspend(|| ());
    });
    display.close();
    let text = screen.text();
    let at_of = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part:?} not in\n{text}"));
    assert!(at_of("Add a retry  claimed") < at_of("reading, 1 tool call"));
    assert!(at_of("reading, 1 tool call") < at_of("implementing, 2 tool calls, 4.5k tokens"));
    assert!(at_of("implementing, 2") < at_of("ENG-42: attempt 1 ended: failure (stalled)"));
    assert!(at_of("ENG-42: attempt 1 ended") < at_of("ENG-42: success after 11s"));
    assert!(!text.contains('\u{1b}'), "colour is off:\n{text}");
}

#[test]
fn a_log_line_is_written_between_the_live_lines() {
    let screen = Screen::default();
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 255);
    let display = Display::live(target, false);
    display.on(&event(0, "ENG-1", CycleEventKind::Claimed { title: "One".to_owned(), attempt: 1 }));
    let written = display.suspend(|| screen.write("a log line\n").map(|()| 7));
    assert_eq!(written.unwrap(), 7);
    display.close();
    assert!(screen.text().contains("a log line\n"));
}

#[test]
fn many_threads_tell_at_once_and_no_line_is_torn() {
    let screen = Screen::default();
    let display = Display::plain(Box::new(screen.clone()));
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let display = &display;
            scope.spawn(move || {
                for attempt in 0..50 {
                    display.on(&event(
                        0,
                        &format!("ENG-{worker}"),
                        CycleEventKind::AttemptStarted { attempt },
                    ));
                }
            });
        }
    });
    let text = screen.text();
    assert_eq!(text.lines().count(), 400);
    assert!(text.lines().all(|line| line.starts_with("ENG-") && line.ends_with(" started")), "{text}");
}

#[test]
fn silence_is_silent_and_a_closed_pipe_is_no_error() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for display in [Display::silent(), Display::plain(Box::new(Closed))] {
        story("ENG-42", "Add a retry").iter().for_each(|event| display.on(event));
        display.close();
    }
}
