//! A range of commits as one file that git reads anywhere: a bundle. One from outside is taken in
//! only when it holds the one ref that was asked for, on commits that are here, within bounds.

use super::pack_check::{self, LIMITS};
use super::{GitError, GitErrorKind, Repository};
use crate::files;
use crate::model::Sha;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// A larger file is nobody's change.
const MOST: u64 = 1 << 30;
/// The same as git is told it.
const MAX_PACK: &str = "--max-input-size=1073741824";
/// The list of refs and of what the reader must have.
const MOST_HEADER: u64 = 256 * 1024;

impl Repository {
    /// Writes what the ref `name` has beyond `base`, under that name. Whoever has the base fetches it
    /// with `git fetch FILE NAME`.
    pub fn write_bundle(&self, file: &Path, name: &str, base: &Sha) -> Result<(), GitError> {
        let call = self.git(["bundle", "create", "--quiet"]).env("GIT_NO_REPLACE_OBJECTS", "1");
        call.arg(file).arg(name).arg(format!("^{base}")).done()
    }

    /// Writes all that `id` reaches, under that name: whoever has nothing clones it.
    pub fn write_whole_bundle(&self, file: &Path, name: &str, id: &Sha) -> Result<(), GitError> {
        self.update_refs(&[(name.to_owned(), Some(id))])?;
        let call = self.git(["bundle", "create", "--quiet"]).env("GIT_NO_REPLACE_OBJECTS", "1");
        let written = call.arg(file).arg(name).done();
        self.update_refs(&[(name.to_owned(), None)])?;
        written
    }

    /// Takes in a bundle that holds `head` under `name`, and nothing else: checked before git looks
    /// at it, and object by object as it is stored. An error leaves nothing behind.
    pub fn import_bundle(&self, file: &Path, name: &str, head: &Sha) -> Result<(), GitError> {
        let (opened, _) = files::open_bounded(file, MOST).map_err(|error| refused(error.to_string()))?;
        let mut reader = BufReader::new(opened);
        let header = header(&mut reader).map_err(refused)?;
        header.check(name, head).map_err(refused)?;
        let missing = self.missing(&header.needs)?;
        if let Some(first) = missing.first() {
            return Err(refused(format!("it builds on commit {}, which is not here", first.short())));
        }
        let pack = spooled(&mut reader).map_err(|error| refused(error.to_string()))?;
        let checked = pack.try_clone().map(BufReader::new);
        let checked = checked.map_err(|error| refused(error.to_string()))?;
        pack_check::check(checked, self.format.id_len(), LIMITS)
            .map_err(|fault| refused(fault.to_string()))?;
        self.git(["index-pack", "--stdin", "--strict", "--fix-thin", MAX_PACK]).stdin_file(pack)?.done()?;
        match self.missing(std::slice::from_ref(head))?.is_empty() {
            true => Ok(()),
            false => Err(refused(format!("it does not hold commit {}", head.short()))),
        }
    }

    /// Which of these commits are not here.
    fn missing(&self, commits: &[Sha]) -> Result<Vec<Sha>, GitError> {
        let names: Vec<String> = commits.iter().map(|commit| format!("{commit}^{{commit}}")).collect();
        let found = self.objects(&names)?;
        let missing = commits.iter().zip(found).filter(|(_, found)| found.is_none());
        Ok(missing.map(|(commit, _)| commit.clone()).collect())
    }
}

fn refused(detail: String) -> GitError {
    GitError { kind: GitErrorKind::Failed, what: "bundle".to_owned(), detail }
}

/// The lines before the pack.
#[derive(Debug, Default, PartialEq, Eq)]
struct Header {
    needs: Vec<Sha>,
    refs: Vec<(String, Sha)>,
}

impl Header {
    fn check(&self, name: &str, head: &Sha) -> Result<(), String> {
        match self.refs.as_slice() {
            [(found, at)] if found == name && at == head => Ok(()),
            [(found, _)] if found == name => {
                Err("its commit is another than the one that was told".to_owned())
            }
            [] => Err("it holds no ref".to_owned()),
            [_] => Err("it holds another ref than the one that was asked for".to_owned()),
            refs => Err(format!("it holds {} refs, one was asked for", refs.len())),
        }
    }
}

fn header(reader: &mut impl BufRead) -> Result<Header, String> {
    let mut lines = reader.by_ref().take(MOST_HEADER);
    let mut next = || -> Result<String, String> {
        let mut line = Vec::new();
        lines.read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
        let cut = || "it is cut short or damaged".to_owned();
        line.pop().filter(|end| *end == b'\n').ok_or_else(cut)?;
        String::from_utf8(line).map_err(|_| cut())
    };
    if !matches!(next()?.as_str(), "# v2 git bundle" | "# v3 git bundle") {
        return Err("it is no bundle of git".to_owned());
    }
    let id = |text: &str| Sha::parse(text.to_owned());
    let mut header = Header::default();
    loop {
        let line = next()?;
        if line.is_empty() {
            return Ok(header);
        }
        if let Some(capability) = line.strip_prefix('@') {
            if !capability.starts_with("object-format=") {
                return Err("it leaves objects out".to_owned());
            }
        } else if let Some(need) = line.strip_prefix('-') {
            header.needs.push(id(need.split(' ').next().unwrap_or_default())?);
        } else {
            let (at, name) = line.split_once(' ').ok_or("it is damaged")?;
            header.refs.push((name.to_owned(), id(at)?));
        }
    }
}

/// The rest, in an unnamed file that stands at its beginning.
fn spooled(reader: &mut impl Read) -> io::Result<File> {
    let mut pack = tempfile::tempfile()?;
    io::copy(reader, &mut pack)?;
    io::Seek::rewind(&mut pack)?;
    Ok(pack)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789012345678901234567890123456789";

    fn read(text: &str) -> Result<Header, String> {
        header(&mut text.as_bytes())
    }

    #[test]
    fn the_one_ref_that_was_asked_for_is_taken_and_no_other() {
        let head = Sha::new(ID);
        let one = read(&format!("# v2 git bundle\n-{ID} Begin\n{ID} refs/x\n\nPACK")).unwrap();
        assert_eq!(one.needs, std::slice::from_ref(&head));
        assert_eq!(one.check("refs/x", &head), Ok(()));
        assert!(one.check("refs/y", &head).is_err());
        assert!(one.check("refs/x", &Sha::new(ID.replace('9', "8"))).is_err());
        let two =
            read(&format!("# v3 git bundle\n@object-format=sha1\n{ID} refs/x\n{ID} refs/heads/main\n\n"));
        assert!(two.unwrap().check("refs/x", &head).unwrap_err().contains("2 refs"));
        assert!(read("# v2 git bundle\n\n").unwrap().check("refs/x", &head).is_err());
    }

    #[test]
    fn what_is_no_whole_header_is_refused() {
        let endless = format!("# v2 git bundle\n{}", "x".repeat(1 << 20));
        let filtered = format!("# v3 git bundle\n@filter=blob:none\n{ID} refs/x\n\n");
        for text in
            ["", "PACK", "# v2 git bundle", "# v2 git bundle\n--output=x refs/x\n\n", &endless, &filtered]
        {
            assert!(read(text).is_err(), "{}", &text[..text.len().min(60)]);
        }
    }
}
