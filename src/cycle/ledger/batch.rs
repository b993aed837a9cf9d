//! Changes of the state that go out in one commit, and what became of each. Pure.

use crate::model::state::Writer;
use crate::model::{Refusal, State, Time};
use crate::ports::{KeptFile, RefFault, RefUpdate, StoreError};

/// The longest subject for changes that come together.
const MAX_SUBJECT: usize = 72;

/// A transition of the state, and the refs that move, or are proved, with it.
pub struct Change<'c> {
    /// For the commit's message: `claim ENG-42`.
    pub what: String,
    pub decide: Decide<'c>,
    pub refs: Vec<RefUpdate>,
}

/// Called again for every fresher state until one of its answers is committed.
pub type Decide<'c> = Box<dyn FnMut(&State) -> Result<State, Refusal> + Send + 'c>;

/// A change, and the files that are kept beside the state with it.
pub struct Entry<'c> {
    pub change: Change<'c>,
    pub contexts: Vec<KeptFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The change is not possible, or not needed, on the state as it is now.
    #[error("{}", refusal(.0))]
    Refused(Refusal),
    /// A ref of this change cannot be moved; the state was not written.
    #[error("{}", ref_refusal(.name, *.kind, .detail))]
    Ref {
        name: String,
        kind: RefFault,
        /// In the host's own words.
        detail: String,
    },
    #[error(transparent)]
    Store(StoreError),
}

fn refusal(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::ClaimLost => "the claim is no longer this run's",
        Refusal::Nothing => "there was nothing to write",
    }
}

fn ref_refusal(name: &str, kind: RefFault, detail: &str) -> String {
    match kind {
        RefFault::Stale => format!("the remote's {name} is not what was expected: {detail}"),
        RefFault::Refused => format!("the remote refused {name}: {detail}"),
    }
}

pub(in crate::cycle) type Written = Result<(), LedgerError>;

/// What one commit would write.
pub(super) struct Next {
    pub state: State,
    pub message: String,
    pub refs: Vec<RefUpdate>,
    pub contexts: Vec<KeptFile>,
    /// The places of the entries in it.
    pub places: Vec<usize>,
}

pub(super) struct Batch<'c> {
    entries: Vec<(usize, Entry<'c>)>,
    results: Vec<Option<Written>>,
}

impl<'c> Batch<'c> {
    pub fn of(entries: Vec<Entry<'c>>) -> Self {
        let results = entries.iter().map(|_| None).collect();
        Self { entries: entries.into_iter().enumerate().collect(), results }
    }

    /// All changes, one on top of the other; those that are refused are settled. `None` when none
    /// is left.
    pub fn decide(&mut self, state: &State, now: Time, writer: &Writer) -> Option<Next> {
        let Self { entries, results } = self;
        let mut decided: Option<State> = None;
        entries.retain_mut(|(place, entry)| match (entry.change.decide)(decided.as_ref().unwrap_or(state)) {
            Ok(next) => {
                decided = Some(next);
                true
            }
            Err(refusal) => {
                put(results, *place, Err(LedgerError::Refused(refusal)));
                false
            }
        });
        let mut state = decided.filter(|_| !entries.is_empty())?;
        state.updated_at = Some(now);
        state.updated_by = Some(writer.clone());
        let lines: Vec<&str> = entries.iter().map(|(_, entry)| entry.change.what.as_str()).collect();
        Some(Next {
            state,
            message: message_of(&lines),
            refs: entries.iter().flat_map(|(_, entry)| entry.change.refs.iter().cloned()).collect(),
            contexts: entries.iter().flat_map(|(_, entry)| entry.contexts.iter().cloned()).collect(),
            places: entries.iter().map(|(place, _)| *place).collect(),
        })
    }

    /// The changes with that ref leave the batch; whether there are any.
    pub fn settle_ref(&mut self, name: &str, error: &LedgerError) -> bool {
        let before = self.entries.len();
        self.settle(|entry| entry.change.refs.iter().any(|update| update.name == name), &Err(error.clone()));
        self.entries.len() < before
    }

    /// These are written after all, whatever was said of them since.
    pub fn settle_written(&mut self, places: &[usize]) {
        self.entries.retain(|(place, _)| !places.contains(place));
        places.iter().for_each(|place| put(&mut self.results, *place, Ok(())));
    }

    /// Answers for all that are left.
    pub fn settled(mut self, result: &Written) -> Vec<Written> {
        self.settle(|_| true, result);
        let nothing = || Err(LedgerError::Refused(Refusal::Nothing));
        self.results.into_iter().map(|result| result.unwrap_or_else(nothing)).collect()
    }

    fn settle(&mut self, which: impl Fn(&Entry<'c>) -> bool, result: &Written) {
        let results = &mut self.results;
        self.entries.retain(|(place, entry)| {
            let is_settled = which(entry);
            if is_settled {
                put(results, *place, result.clone());
            }
            !is_settled
        });
    }
}

fn put(results: &mut [Option<Written>], place: usize, result: Written) {
    if let Some(slot) = results.get_mut(place) {
        *slot = Some(result);
    }
}

/// What happened, as the subject; what is too long for one gets a line each below it.
fn message_of(lines: &[&str]) -> String {
    let all = lines.join("; ");
    match lines {
        [first, rest @ ..] if !rest.is_empty() && all.len() > MAX_SUBJECT => {
            format!("{first} and {} more\n\n{}", rest.len(), lines.join("\n"))
        }
        _ => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_says_what_happened_whether_it_was_one_thing_or_several() {
        assert_eq!(message_of(&["claim T-1"]), "claim T-1");
        let two = ["record T-1: success, #1", "record T-2: failure"];
        assert_eq!(message_of(&two), "record T-1: success, #1; record T-2: failure");
        let many = ["record T-1: success, #1"; 5];
        let message = message_of(&many);
        let (subject, body) = message.split_once("\n\n").unwrap();
        assert_eq!(subject, "record T-1: success, #1 and 4 more");
        assert_eq!(body.lines().count(), 5);
    }
}
