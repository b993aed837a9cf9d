//! In the place of Landlock where there is no Linux.

use super::rules::Rules;
use std::io;

pub(super) fn close(_rules: &Rules) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn is_there() -> bool {
    false
}

pub(super) fn holds_tcp() -> bool {
    false
}
