//! The part of the state that an assignment carries: one ticket's claim, record and history. It is
//! read and never written: what becomes of the work is another job's to record.

use crate::model::assignment::Assignment;
use crate::model::{Capture, State};
use crate::ports::{Folder, KeptFile, RefUpdate, Snapshot, StateStore, StoreError, SwapError};
use std::sync::Arc;

pub struct CarriedState {
    snapshot: Snapshot,
    captures: Vec<Capture>,
}

impl CarriedState {
    pub fn new(assignment: &Assignment) -> Self {
        let mut state = State::empty();
        let id = &assignment.issue.id;
        state.claims.insert(id.clone(), assignment.claim.clone());
        state.issues.insert(id.clone(), assignment.record.clone());
        state.outcomes.clone_from(&assignment.outcomes);
        let base = Some(assignment.claim.base_sha.clone());
        let snapshot = Snapshot { state: Arc::new(state), version: None, base, rewound: false };
        Self { snapshot, captures: assignment.captures.clone() }
    }
}

impl StateStore for CarriedState {
    fn load(&self) -> Result<Snapshot, StoreError> {
        Ok(self.snapshot.clone())
    }

    fn swap_with(
        &self,
        _base: &Snapshot,
        _next: &State,
        _message: &str,
        _refs: &[RefUpdate],
        _contexts: &[KeptFile],
    ) -> Result<Snapshot, SwapError> {
        Err(SwapError::Store(StoreError::Config("this job cannot write the state".to_owned())))
    }

    fn holds(&self, _snapshot: &Snapshot, _version: &str) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn acknowledge(&self, _snapshot: &Snapshot) -> Result<(), StoreError> {
        Ok(())
    }

    fn kept(
        &self,
        _snapshot: &Snapshot,
        folder: Folder,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<KeptFile>, StoreError> {
        let captures = self.captures.iter().filter(|_| folder == Folder::Context);
        let files = captures.filter_map(|capture| {
            let name = capture.file_name();
            let content = wanted(&name).then(|| serde_json::to_vec(capture).ok()).flatten()?;
            Some(KeptFile { name, content })
        });
        Ok(files.collect())
    }
}
