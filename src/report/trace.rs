//! What an agent did, turn by turn: a table with a line a turn and one closing line an attempt, or
//! one JSON document. Everything in it was said by an agent.

use super::{json, text};
use crate::model::live::LiveIssue;
use crate::model::trace::{TraceRecord, TracedResult, TracedTurn};
use anstyle::Style;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::io::{self, Write};

const LABEL: Style = Style::new().dimmed();
/// Columns of the words of a turn where there is no terminal to fit, and the least of them.
const WORDS: usize = 60;
const SHORT_WORDS: usize = 16;
/// Columns of the tools of a turn.
const TOOLS: usize = 40;
const HEADER: [&str; 8] = ["attempt", "turn", "at", "phase", "tools", "files", "tokens", "words"];

/// The records of a ticket in one run.
#[derive(Serialize)]
pub struct Traced<'t> {
    pub issue: &'t str,
    pub run_id: &'t str,
    pub status: Option<LiveIssue>,
    pub records: &'t [TraceRecord],
}

pub fn document(traced: &Traced<'_>, out: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'t> {
        schema: u32,
        #[serde(flatten)]
        traced: &'t Traced<'t>,
    }
    json::document(&Document { schema: 1, traced }, out)
}

pub fn render(traced: &Traced<'_>, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let turns: Vec<[String; 8]> = traced
        .records
        .iter()
        .filter_map(|record| match record {
            TraceRecord::Turn(turn) => Some(row(turn)),
            TraceRecord::Result(_) => None,
        })
        .collect();
    if !turns.is_empty() {
        table(turns, width, out)?;
        writeln!(out)?;
    }
    for record in traced.records {
        if let TraceRecord::Result(result) = record {
            writeln!(out, "{}", closing(result))?;
            for line in text::last_lines(&result.message, 3) {
                writeln!(out, "  | {}", text::fit(&line, 200))?;
            }
        }
    }
    let run = text::one_line(traced.run_id);
    match traced.status.as_ref().map(|status| status.outcome) {
        Some(Some(outcome)) => writeln!(out, "{LABEL}run {run}{LABEL:#} {}", outcome.word()),
        _ => writeln!(out, "{LABEL}run {run}{LABEL:#} no outcome yet"),
    }?;
    out.flush()
}

fn row(turn: &TracedTurn) -> [String; 8] {
    let mut tools: Vec<String> = turn
        .tools
        .iter()
        .map(|(name, calls)| match calls {
            1 => text::one_line(name),
            _ => format!("{}×{calls}", text::one_line(name)),
        })
        .collect();
    if turn.tool_errors > 0 {
        tools.push(format!("({} failed)", turn.tool_errors));
    }
    [
        turn.attempt.to_string(),
        turn.turn.to_string(),
        turn.at.format("%T").to_string(),
        turn.phase.word().to_owned(),
        text::fit(&tools.join(" "), TOOLS),
        if turn.files_modified.is_empty() { String::new() } else { turn.files_modified.len().to_string() },
        if turn.tokens > 0 { text::tokens(turn.tokens) } else { String::new() },
        text::one_line(&turn.text),
    ]
}

fn table(rows: Vec<[String; 8]>, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let widest = |column: usize| {
        rows.iter().map(|row| text::width(&row[column])).chain([HEADER[column].len()]).max().unwrap_or(0)
    };
    let others: usize = (0..HEADER.len() - 1).map(|column| widest(column) + 2).sum();
    let words = width.map_or(WORDS, |width| width.saturating_sub(others).max(SHORT_WORDS));
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(HEADER);
    for mut row in rows {
        row[7] = text::fit(&row[7], words);
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if matches!(index, 0 | 1 | 5 | 6) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for (index, line) in table.lines().enumerate() {
        let line = line.trim_end();
        match index {
            0 => writeln!(out, "{LABEL}{line}{LABEL:#}")?,
            _ => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

/// `attempt 1: ok, 3 turns, 2 tool calls, 1 file, 45.0k tokens, $0.42, 12s (exit code 0)`
fn closing(result: &TracedResult) -> String {
    let count = |number: u64, noun| text::counted(usize::try_from(number).unwrap_or(usize::MAX), noun);
    let mut parts = vec![
        match result.ok {
            Some(true) => "ok".to_owned(),
            Some(false) => "failed".to_owned(),
            None => "no result".to_owned(),
        },
        count(result.turns, "turn"),
        count(result.tool_calls, "tool call"),
        count(result.files_modified, "file"),
        format!("{} tokens", text::tokens(result.usage.total_tokens())),
    ];
    parts.extend(result.usage.usd.map(text::usd));
    parts.push(text::duration(result.duration_ms));
    let ended = match (&result.stopped, result.exit_code, result.signal) {
        (Some(why), ..) => format!("ended by conductor: {}", text::one_line(why)),
        (None, Some(code), _) => format!("exit code {code}"),
        (None, None, Some(signal)) => format!("signal {signal}"),
        (None, None, None) => "ending unknown".to_owned(),
    };
    format!("attempt {}: {} ({ended}) while {}", result.attempt, parts.join(", "), result.phase.word())
}
