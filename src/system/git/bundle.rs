//! A range of commits as one file that git reads anywhere: a bundle.

use super::{GitError, Repository};
use crate::model::Sha;
use std::path::Path;

impl Repository {
    /// Writes what the ref `name` has beyond `base`, under that name. Whoever has the base fetches it
    /// with `git fetch FILE NAME`.
    pub fn write_bundle(&self, file: &Path, name: &str, base: &Sha) -> Result<(), GitError> {
        let call = self.git(["bundle", "create", "--quiet"]).env("GIT_NO_REPLACE_OBJECTS", "1");
        call.arg(file).arg(name).arg(format!("^{base}")).done()
    }
}
