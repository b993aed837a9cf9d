//! What operators' commands came to: retried tickets, what recovering would do, what was cleaned.

use super::columns::{Columns, WIDTH};
use super::text;
use crate::model::operator::{Cleaned, Compacted, Foreseen, Leftover, Retried, RetryChange};
use crate::model::standing::DamagedRecord;
use std::io::{self, Write};

/// Lines of a removed record that are shown.
const RAW: usize = 60;

pub fn retried(retried: &[Retried], left: &[String], out: &mut dyn Write) -> io::Result<()> {
    if retried.is_empty() && left.is_empty() {
        return writeln!(out, "nothing waits for an operator");
    }
    for one in retried {
        let name = text::one_line(&one.issue);
        match &one.change {
            RetryChange::Eligible => {
                writeln!(out, "{name}: failures and interruptions are forgiven; the next run may take it up")?
            }
            RetryChange::DeliveredNext => writeln!(
                out,
                "{name}: the next run delivers its accepted work at once; no agent does it again"
            )?,
            RetryChange::Nothing { why } => writeln!(out, "{name}: unchanged: {}", text::one_line(why))?,
            RetryChange::Removed { record } => removed(record, out)?,
        }
    }
    left.iter().try_for_each(|reason| writeln!(out, "left: {}", text::one_line(reason)))?;
    out.flush()
}

/// The last time anybody sees it: it is shown as it was.
fn removed(record: &DamagedRecord, out: &mut dyn Write) -> io::Result<()> {
    let (place, key) = (record.place, text::one_line(&record.key));
    writeln!(out, "{place} {key}: removed, as it could not be read: {}", text::one_line(&record.why))?;
    for line in record.raw.lines().take(RAW) {
        writeln!(out, "  | {}", text::as_it_stands(line))?;
    }
    Ok(())
}

pub fn foreseen(foreseen: &[Foreseen], out: &mut dyn Write) -> io::Result<()> {
    if foreseen.is_empty() {
        return writeln!(out, "nothing to recover or deliver; nothing was changed");
    }
    for one in foreseen {
        let (name, stage) = (text::one_line(&one.issue), one.stage.word().replace('_', " "));
        let when = one.not_before.map(|at| format!(", not before {}", at.format("%F %T UTC")));
        writeln!(out, "{name}: {stage}: would {}{}", one.step.words(), when.unwrap_or_default())?;
        if let Some(fault) = &one.fault {
            let mut columns = Columns { out, width: WIDTH, label: 2 };
            columns.at_most(2, &format!("last time: {}", fault.message))?;
        }
    }
    writeln!(out, "{} would be advanced; nothing was changed", text::counted(foreseen.len(), "ticket"))?;
    out.flush()
}

pub fn cleaned(cleaned: &[Cleaned], dry_run: bool, out: &mut dyn Write) -> io::Result<()> {
    for one in cleaned {
        let (name, what) = (text::one_line(&one.issue), what(&one.what));
        let size = if one.bytes > 0 { format!(", {}", bytes(one.bytes)) } else { String::new() };
        match &one.kept_because {
            Some(why) => writeln!(out, "{name}: kept {what}{size}: {}", text::one_line(why))?,
            None if dry_run => writeln!(out, "{name}: would remove {what}{size}")?,
            None => writeln!(out, "{name}: removed {what}{size}")?,
        }
    }
    let gone: Vec<&Cleaned> = cleaned.iter().filter(|one| one.kept_because.is_none()).collect();
    let total = bytes(gone.iter().fold(0, |sum, one| sum.saturating_add(one.bytes)));
    let count = text::counted(gone.len(), "item");
    match (gone.is_empty(), dry_run) {
        (true, _) => writeln!(out, "nothing to clean"),
        (_, true) => writeln!(out, "{count}, {total}; nothing was changed"),
        (_, false) => writeln!(out, "{count}, {total} removed"),
    }?;
    out.flush()
}

fn what(what: &Leftover) -> String {
    match what {
        Leftover::Workspace { path } => {
            format!("workspace {}", text::one_line(&path.display().to_string()))
        }
        Leftover::SavedWork { name, here, remote } => {
            let place = match (here, remote) {
                (true, true) => "here and on the remote",
                (false, true) => "on the remote",
                _ => "here",
            };
            format!("saved work {} {place}", text::one_line(name))
        }
        Leftover::RemoteBranch { name, head } => {
            let head = head.get(..10).unwrap_or(head);
            format!("remote branch {} at {}", text::one_line(name), text::one_line(head))
        }
    }
}

pub fn compacted(compacted: Compacted, out: &mut dyn Write) -> io::Result<()> {
    if compacted.is_nothing() {
        return writeln!(out, "nothing to compact");
    }
    let Compacted { outcomes, issues, days } = compacted;
    writeln!(
        out,
        "{} moved to the monthly history, {} and {} of usage dropped",
        text::counted(outcomes, "outcome"),
        text::counted(issues, "record"),
        text::counted(days, "day")
    )
}

/// `512 B`, `1.2 kB`, `3.4 MB`.
fn bytes(count: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    match units.iter().find(|(_, size)| count >= *size) {
        Some((unit, size)) => format!("{}.{} {unit}", count / size, count % size * 10 / size),
        None => format!("{count} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_say_them() {
        assert_eq!([0, 999, 1234, 3_450_000].map(bytes), ["0 B", "999 B", "1.2 kB", "3.4 MB"]);
    }
}
