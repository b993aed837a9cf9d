//! From tickets to claims: poll, select, conflicts, access, claim.

pub(super) mod access;
pub(super) mod branch;
pub(super) mod claim;
pub(super) mod conflicts;
pub(super) mod outside;
pub(super) mod poll;
pub(super) mod select;
