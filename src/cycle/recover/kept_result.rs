//! Accepted work on this machine before it is on record: written aside, synced and renamed, so that
//! a run that dies before its first push has lost nothing.

use crate::files;
use crate::model::IssueRecord;
use std::io;
use std::path::Path;

const NAME: &str = "result.json";
/// A result is no larger than that.
const MOST: u64 = 4 * 1024 * 1024;

pub(in crate::cycle) fn write(dir: &Path, record: &IssueRecord) -> io::Result<()> {
    files::write_synced(&dir.join(NAME), serde_json::to_vec(record)?)
}

/// What a run that is gone had accepted; `None` when there is nothing that can be read.
pub(in crate::cycle) fn read(dir: &Path) -> Option<IssueRecord> {
    let record: IssueRecord = serde_json::from_slice(&files::read(&dir.join(NAME), MOST).ok()?).ok()?;
    record.stage.delivery().is_some().then_some(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Delivery, Sha, Stage};

    #[test]
    fn a_result_is_read_back_and_anything_else_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), None);
        let sha = "0123456789012345678901234567890123456789";
        let stage = Stage::Ready(Box::new(Delivery::found(Sha::new(sha))));
        let record = IssueRecord::new("T-1", stage);
        write(dir.path(), &record).unwrap();
        assert_eq!(read(dir.path()), Some(record));
        write(dir.path(), &IssueRecord::new("T-1", Stage::Claimed)).unwrap();
        assert_eq!(read(dir.path()), None);
        std::fs::write(dir.path().join(NAME), "{").unwrap();
        assert_eq!(read(dir.path()), None);
    }
}
