//! What `claim` and `publish` did, for people, and the outputs of a workflow's step that claims.

use super::text::{counted, fit};
use crate::model::jobs::{ClaimReport, PublishReport};
use crate::model::report::CycleStatus;
use anstyle::Style;
use std::io::{self, Write};
use std::path::Path;

const NAME: usize = 24;
const TITLE: usize = 60;
const REMARK: usize = 400;
const LABEL: Style = Style::new().dimmed();

/// What was claimed, and where its assignments are.
pub fn claimed(report: &ClaimReport, folder: &Path, out: &mut dyn Write) -> io::Result<()> {
    for one in &report.claimed {
        let (issue, title) = (fit(&one.issue, NAME), fit(&one.title, TITLE));
        let dir = folder.join(&one.directory);
        writeln!(out, "{issue}  {title}")?;
        writeln!(
            out,
            "  {LABEL}work{LABEL:#}  conductor work {} --out DIR",
            fit(&dir.display().to_string(), REMARK)
        )?;
        let until = one.lease_expires_at.format("%F %T UTC");
        let more = if one.continues { ", goes on from earlier work" } else { "" };
        writeln!(out, "  {LABEL}claim{LABEL:#} attempt {}, held until {until}{more}", one.attempt)?;
    }
    let closing = match (report.status, report.claimed.len()) {
        (CycleStatus::Deferred, _) => {
            let why = report.deferred_because.as_deref().unwrap_or_default();
            format!("deferred: {}", fit(why, REMARK))
        }
        (_, 0) => format!("nothing was claimed; {} left out", counted(report.skipped.len(), "ticket")),
        (_, count) => format!("{} claimed", counted(count, "ticket")),
    };
    writeln!(out, "{closing}")?;
    out.flush()
}

/// What became of the results that were not delivered just now.
pub fn published(report: &PublishReport, out: &mut dyn Write) -> io::Result<()> {
    for one in &report.already {
        let issue = fit(&one.issue, NAME);
        let stage = one.stage.word().replace('_', " ");
        writeln!(out, "{LABEL}already{LABEL:#} {issue}: its result was recorded before; it is {stage}")?;
    }
    for one in &report.refused {
        let issue = one.issue.as_deref().unwrap_or(&one.directory);
        let (issue, reason) = (fit(issue, NAME), fit(&one.reason, REMARK));
        writeln!(out, "{LABEL}refused{LABEL:#} {issue}: {reason}")?;
        writeln!(out, "  {LABEL}kept{LABEL:#}  {}", fit(&one.directory, REMARK))?;
    }
    for one in &report.missing {
        let (issue, until) = (fit(&one.issue, NAME), one.lease_expires_at.format("%F %T UTC"));
        writeln!(
            out,
            "{LABEL}missing{LABEL:#} {issue}: its job left no result; the ticket is taken up again when the claim ends, at {until} at the latest"
        )?;
    }
    out.flush()
}

/// Outputs of the step: the matrix and the number of its jobs.
pub fn outputs(report: &ClaimReport, out: &mut dyn Write) -> io::Result<()> {
    // One line of JSON each: no name or title can end it.
    let matrix = serde_json::to_string(&report.matrix)?;
    writeln!(out, "matrix={matrix}\nclaimed={}", report.claimed.len())
}
