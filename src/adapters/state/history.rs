//! Outcomes that leave the document, as the lines of a month's file.

use crate::model::OutcomeRecord;
use std::collections::BTreeMap;

/// `YYYY-MM` → one line of JSON per outcome.
pub(super) fn monthly_lines(outcomes: &[OutcomeRecord]) -> BTreeMap<String, String> {
    let mut months: BTreeMap<String, String> = BTreeMap::new();
    for outcome in outcomes {
        // Plain data with text keys always serialises.
        let Ok(line) = serde_json::to_string(outcome) else { continue };
        let lines = months.entry(outcome.timestamp.format("%Y-%m").to_string()).or_default();
        lines.push_str(&line);
        lines.push('\n');
    }
    months
}
