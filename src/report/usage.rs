//! Tokens, money and budgets for people, or as one JSON document.

use super::{json, text};
use crate::model::Time;
use crate::model::spending::{Budget, BudgetWarning, Share, Spending};
use crate::model::state::RateLimit;
use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::io::{self, Write};

const LABEL: Style = Style::new().dimmed();
const BAR: usize = 20;
/// Days that are shown.
const DAYS: usize = 7;
const NAME: usize = 40;

#[derive(Serialize)]
pub struct Used {
    /// From the state document.
    pub recorded: Spending,
    /// From Claude's own session files, where they were looked at.
    pub scanned: Option<Spending>,
    pub rate_limit: RateLimit,
}

pub fn document(used: &Used, out: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'u> {
        schema: u32,
        #[serde(flatten)]
        used: &'u Used,
    }
    json::document(&Document { schema: 1, used }, out)
}

pub fn render(used: &Used, now: Time, out: &mut dyn Write) -> io::Result<()> {
    spending(&used.recorded, "runs", out)?;
    if let Some(scanned) = &used.scanned {
        writeln!(out, "\n{LABEL}Claude's own session files{LABEL:#}\n")?;
        spending(scanned, "answers", out)?;
    }
    if let Some(until) = used.rate_limit.backoff_until.filter(|until| *until > now) {
        let style = AnsiColor::Yellow.on_default();
        writeln!(out, "{style}limit{style:#} nothing is dispatched until {}", until.format("%F %T UTC"))?;
    }
    out.flush()
}

fn spending(spending: &Spending, counted: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["", counted, "tokens", "cost"]);
    let recent = spending.by_day.len().saturating_sub(DAYS);
    for share in spending.by_day.iter().skip(recent).chain(&spending.by_model) {
        table.add_row(row(share));
    }
    let runs = spending.by_day.iter().map(|share| share.runs).sum();
    let (tokens, usd) = (spending.total_tokens, spending.total.usd);
    table.add_row(row(&Share { name: "in all".to_owned(), runs, tokens, usd }));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    let window = &spending.window;
    writeln!(
        out,
        "\nlast {} hours: {} tokens, about {:.0} messages, {} tokens a minute",
        window.hours,
        text::tokens(window.tokens),
        window.estimated_messages,
        text::tokens(window.tokens_per_minute as u64)
    )?;
    for budget in &spending.budgets {
        bar(budget, out)?;
    }
    match spending.cache_hit_rate {
        Some(rate) => writeln!(out, "{LABEL}cache{LABEL:#} {:.0}% of the input came out of it", rate * 100.0),
        None => Ok(()),
    }
}

fn row(share: &Share) -> [String; 4] {
    [
        text::fit(&share.name, NAME),
        share.runs.to_string(),
        text::tokens(share.tokens),
        share.usd.map(text::usd).unwrap_or_default(),
    ]
}

/// `5x   [################----]  80% of 225 messages, 25m 0s left at this rate`
fn bar(budget: &Budget, out: &mut dyn Write) -> io::Result<()> {
    let (style, word) = match budget.warning {
        None => (AnsiColor::Green.on_default(), ""),
        Some(BudgetWarning::Near) => (AnsiColor::Yellow.on_default(), ", warning: nearly used up"),
        Some(BudgetWarning::Over) => (AnsiColor::Red.on_default(), ", warning: used up"),
    };
    let full = ((budget.used * BAR as f64).floor() as usize).min(BAR);
    let left = budget.minutes_left.map_or(String::new(), |minutes| {
        format!(", {} left at this rate", text::duration((minutes * 60_000.0) as u64))
    });
    writeln!(
        out,
        "{:<4} [{style}{}{style:#}{}] {:>3.0}% of {} messages{left}{word}",
        budget.plan,
        "#".repeat(full),
        "-".repeat(BAR - full),
        budget.used * 100.0,
        budget.messages,
    )
}
