//! Lessons for people: small tables, and the settings to look at.

use super::text::{duration, fit, one_line, tokens, usd, width};
use crate::model::lessons::{Count, Lessons, Rate};
use anstyle::Style;
use std::io::{self, Write};

const BOLD: Style = Style::new().bold();
const NAME: usize = 30;
/// Rows of a table that are shown; the JSON has them all.
const ROWS: usize = 15;

/// Names, and what is said of them.
type Rows = Vec<(String, String)>;

/// The tables that have rows, then each setting with the reason to change it.
pub fn render(lessons: &Lessons, out: &mut dyn Write) -> io::Result<()> {
    table("", &summary(lessons), out)?;
    table("outcomes", &counts(&lessons.outcomes), out)?;
    table("failures by class", &counts(&lessons.failures_by_class), out)?;
    table("failures by phase", &counts(&lessons.failures_by_phase), out)?;
    table("failures by check", &counts(&lessons.failures_by_gate), out)?;
    table("success by model", &rates(&lessons.by_model), out)?;
    table("success by label", &rates(&lessons.by_label), out)?;
    let weeks = rates(&lessons.by_week);
    // The last ones count.
    table("success by week", weeks.get(weeks.len().saturating_sub(ROWS)..).unwrap_or_default(), out)?;
    if !lessons.recommendations.is_empty() {
        writeln!(out, "\n{BOLD}settings to look at{BOLD:#}")?;
    }
    for advice in &lessons.recommendations {
        writeln!(out, "  {BOLD}{}{BOLD:#}: {}", one_line(&advice.setting), one_line(&advice.text))?;
    }
    out.flush()
}

fn summary(lessons: &Lessons) -> Rows {
    let mut rows = vec![("attempts", lessons.attempts.to_string())];
    rows.extend(lessons.success_rate.map(|rate| ("success rate", percent(rate))));
    if lessons.retries.judged > 0 {
        rows.push(("further attempts", told(&lessons.retries)));
    }
    if let Some(averages) = &lessons.averages {
        rows.push(("average time", duration(averages.duration_ms)));
        rows.push(("average tokens", tokens(averages.tokens)));
        rows.push(("average tool calls", format!("{:.1}", averages.tool_calls)));
        rows.push(("average files", format!("{:.1}", averages.files_modified)));
        rows.extend(averages.usd.map(|amount| ("average cost", usd(amount))));
    }
    if lessons.unreadable_lines > 0 {
        rows.push(("unreadable lines", lessons.unreadable_lines.to_string()));
    }
    rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn counts(counts: &[Count]) -> Rows {
    counts.iter().map(|count| (count.name.clone(), count.count.to_string())).collect()
}

fn rates(rates: &[Rate]) -> Rows {
    rates.iter().filter(|rate| rate.judged > 0).map(|rate| (rate.name.clone(), told(rate))).collect()
}

fn told(rate: &Rate) -> String {
    let share = rate.success_rate.map_or_else(|| "–".to_owned(), percent);
    format!("{share} ({} of {})", rate.successes, rate.judged)
}

fn percent(rate: f64) -> String {
    format!("{:.0}%", rate * 100.0)
}

fn table(title: &str, rows: &[(String, String)], out: &mut dyn Write) -> io::Result<()> {
    if !(rows.is_empty() || title.is_empty()) {
        writeln!(out, "\n{BOLD}{title}{BOLD:#}")?;
    }
    let names: Vec<String> = rows.iter().take(ROWS).map(|(name, _)| fit(name, NAME)).collect();
    let column = names.iter().map(|name| width(name)).max().unwrap_or(0);
    for (name, (_, value)) in names.iter().zip(rows) {
        let gap = " ".repeat(column.saturating_sub(width(name)));
        writeln!(out, "  {name}{gap}  {}", one_line(value))?;
    }
    match rows.len().saturating_sub(ROWS) {
        0 => Ok(()),
        more => writeln!(out, "  … and {more} more"),
    }
}
