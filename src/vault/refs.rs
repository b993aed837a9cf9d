//! The refs of checkout and vault that are held against each other.

use crate::model::Sha;
use std::collections::HashMap;

pub(super) type Found = HashMap<String, Sha>;

/// Of both, under the names that are looked at.
pub(super) struct Refs {
    pub theirs: Found,
    pub ours: Found,
}

impl Refs {
    pub fn below<'f>(found: &'f Found, prefix: &'static str) -> impl Iterator<Item = (&'f String, &'f Sha)> {
        found.iter().filter(move |(name, _)| name.starts_with(prefix))
    }
}
