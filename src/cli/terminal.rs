//! Standard output and standard error: colours, progress, logs. Results go to the one, everything
//! else to the other; text of outsiders is redacted and made safe before it gets there.

use super::args::{GlobalArgs, LogFormat};
use super::json_lines::{JsonLines, event};
use crate::model::CycleReport;
use crate::report::progress::Display;
use crate::report::text;
use crate::system::redact::Redactor;
use anstream::AutoStream;
use clap::ColorChoice;
use indicatif::ProgressDrawTarget;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Standard output with colours as asked for; `NO_COLOR`, `CLICOLOR_FORCE` and pipes respected.
pub(super) fn stdout(global: &GlobalArgs) -> AutoStream<io::Stdout> {
    AutoStream::new(io::stdout(), choice(global))
}

fn stderr(global: &GlobalArgs) -> AutoStream<io::Stderr> {
    AutoStream::new(io::stderr(), choice(global))
}

fn choice(global: &GlobalArgs) -> anstream::ColorChoice {
    match global.color {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
}

/// The terminal's width in columns, when standard output is one.
pub(super) fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

pub(super) fn say_error(global: &GlobalArgs, message: &str) {
    let style = anstyle::Style::new().fg_color(Some(anstyle::AnsiColor::Red.into())).bold();
    let message = message.lines().map(text::as_it_stands).collect::<Vec<_>>().join("\n");
    // A reader that is gone is not told.
    let _ = match global.log_format {
        LogFormat::Text => writeln!(stderr(global), "{style}error:{style:#} {message}"),
        LogFormat::Json => writeln!(stderr(global), "{}", event("ERROR", &message)),
    };
}

pub(super) fn say_warning(global: &GlobalArgs, message: &str) {
    if global.quiet {
        return;
    }
    let message = text::one_line(message);
    // A reader that is gone is not told.
    let _ = match global.log_format {
        LogFormat::Text => writeln!(stderr(global), "warning: {message}"),
        LogFormat::Json => writeln!(stderr(global), "{}", event("WARN", &message)),
    };
}

/// Live lines on a terminal, plain ones elsewhere, none when quiet.
pub(super) fn progress(global: &GlobalArgs) -> Display {
    if global.quiet {
        return Display::silent();
    }
    let colored = AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    let color = match global.color {
        ColorChoice::Auto => colored,
        ColorChoice::Always => true,
        ColorChoice::Never => false,
    };
    if !global.no_progress && io::stderr().is_terminal() && global.log_format == LogFormat::Text {
        return Display::live(ProgressDrawTarget::stderr(), color);
    }
    Display::plain(lines(global))
}

/// Where lines go that tell what happens.
fn lines(global: &GlobalArgs) -> Box<dyn Write + Send> {
    match global.log_format {
        LogFormat::Text => Box::new(stderr(global)),
        LogFormat::Json => Box::new(JsonLines::new(io::stderr())),
    }
}

/// Log lines on standard error: warnings, and more with `-v`.
pub(super) fn log(global: &GlobalArgs, display: Arc<Display>, redactor: Redactor) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "conductor=info,warn",
        (false, 2) => "conductor=debug,info",
        (false, _) => "trace",
    };
    let filter = EnvFilter::try_from_env("CONDUCTOR_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let writer = Log { display, redactor: Arc::new(redactor) };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_target(false)
        .with_ansi(false);
    // A second command in one process keeps the first one's log.
    let _ = match global.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// Where log lines go.
struct Log {
    display: Arc<Display>,
    redactor: Arc<Redactor>,
}

/// One log line, written when it is whole.
struct LogLine<'a> {
    log: &'a Log,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = LogLine<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        LogLine { log: self, bytes: Vec::new() }
    }
}

impl Write for LogLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine<'_> {
    fn drop(&mut self) {
        let line = String::from_utf8_lossy(&self.bytes);
        let line = text::one_line(&self.log.redactor.redact(line.trim_end()));
        // A reader that is gone is not told.
        self.log.display.suspend(|| drop(writeln!(io::stderr(), "{line}")));
    }
}

/// Where the time went, a line a step.
pub(super) fn say_timings(global: &GlobalArgs, report: &CycleReport) {
    let Some(timings) = &report.timings else { return };
    let mut out = lines(global);
    for step in &timings.steps {
        let issue = text::one_line(step.issue.as_deref().unwrap_or_default());
        // A reader that is gone is not told.
        let _ = writeln!(
            out,
            "{:>10.1} ms {:>10.1} ms  {}  {issue}",
            step.started_ms, step.duration_ms, step.step
        );
    }
    let _ = writeln!(out, "{:>10.1} ms in all", timings.total_ms);
}
