//! Blobs, trees and commits written straight into the object store, in git's own loose format, and
//! refs of our own moved the same way: a state commit takes no process that way, and git itself
//! would need three. An object is complete under another name before it gets its own.

use super::objects::{Entry, Object};
use super::{CommitAuthor, GitError, GitErrorKind, Repository};
use crate::files;
use crate::model::Sha;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use std::cmp::Ordering;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::time::SystemTime;

/// Bytes of a loose object that are read here.
const MOST: u64 = 128 << 20;

impl Repository {
    pub fn write_blob(&self, content: &[u8]) -> Result<Sha, GitError> {
        self.write_object("blob", content)
    }

    pub fn write_tree(&self, entries: &[Entry]) -> Result<Sha, GitError> {
        let mut sorted: Vec<&Entry> = entries.iter().collect();
        sorted.sort_by(|a, b| order(a, b));
        let mut data = Vec::new();
        for Entry { mode, name, id } in sorted {
            data.extend_from_slice(mode.trim_start_matches('0').as_bytes());
            data.push(b' ');
            data.extend_from_slice(name.as_bytes());
            data.push(0);
            let id = bytes(id.as_str()).ok_or_else(|| failed("tree", format!("{name} has no object id")))?;
            data.extend_from_slice(&id);
        }
        self.write_object("tree", &data)
    }

    /// The message may hold text from tickets; a NUL would end it.
    pub fn write_commit(
        &self,
        tree: &Sha,
        parents: &[Sha],
        message: &str,
        author: &CommitAuthor,
    ) -> Result<Sha, GitError> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let (name, email) = (plain(&author.name), plain(&author.email));
        let mut text = format!("tree {tree}\n");
        for parent in parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        text.push_str(&format!("author {name} <{email}> {now} +0000\n"));
        text.push_str(&format!("committer {name} <{email}> {now} +0000\n\n"));
        text.push_str(&message.replace('\0', ""));
        if !text.ends_with('\n') {
            text.push('\n');
        }
        self.write_object("commit", text.as_bytes())
    }

    /// A commit as it is to be stored, byte for byte.
    pub fn write_stored_commit(&self, data: &[u8]) -> Result<Sha, GitError> {
        self.write_object("commit", data)
    }

    fn write_object(&self, kind: &str, data: &[u8]) -> Result<Sha, GitError> {
        let header = format!("{kind} {}\0", data.len());
        let id = self.format.id(header.as_bytes(), data);
        let objects = self.common_dir().join("objects");
        store(&objects, &id, header.as_bytes(), data)
            .map_err(|error| failed(kind, format!("{}: {error}", objects.display())))?;
        Ok(Sha::new(id))
    }

    /// An object that lies by itself, as what was written or fetched last does; `None` where git must
    /// be asked.
    pub fn loose_object(&self, id: &Sha) -> Option<Object> {
        let (first, rest) = id.as_str().split_at_checked(2).filter(|_| bytes(id.as_str()).is_some())?;
        let file = files::open(&self.common_dir().join("objects").join(first).join(rest)).ok()?;
        let mut data = Vec::new();
        ZlibDecoder::new(file).take(MOST).read_to_end(&mut data).ok()?;
        let end = memchr::memchr(0, &data)?;
        let header = String::from_utf8(data.drain(..=end).take(end).collect()).ok()?;
        let (kind, size) = header.split_once(' ')?;
        let is_whole = size.parse() == Ok(data.len());
        is_whole.then(|| Object { id: id.clone(), kind: kind.to_owned(), data })
    }

    /// Moves a ref of Conductor's own that nobody else needs to hear of. Git does it where the refs
    /// are not files, or the file cannot be had.
    pub fn move_own_ref(&self, name: &str, to: &Sha) -> Result<(), GitError> {
        let are_files = name.starts_with("refs/conductor/") && !self.common_dir().join("reftable").exists();
        if are_files && replace(&self.common_dir().join(name), to).is_ok() {
            return Ok(());
        }
        self.update_ref(name, Some(to))
    }
}

/// Git's own way: a lock file that holds the new value takes the ref's place.
fn replace(path: &Path, to: &Sha) -> io::Result<()> {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    let open = || files::create_new(Path::new(&lock));
    let mut file = open().or_else(|error| match (error.kind(), path.parent()) {
        (ErrorKind::NotFound, Some(folder)) => {
            fs::create_dir_all(folder)?;
            open()
        }
        _ => Err(error),
    })?;
    let mut write = || {
        file.write_all(format!("{to}\n").as_bytes())?;
        file.sync_data()?;
        fs::rename(&lock, path)
    };
    let written = write();
    if written.is_err() {
        let _ = fs::remove_file(&lock);
    }
    written
}

fn store(objects: &Path, id: &str, header: &[u8], data: &[u8]) -> io::Result<()> {
    let (first, rest) = id.split_at_checked(2).ok_or(ErrorKind::InvalidInput)?;
    let folder = objects.join(first);
    let place = folder.join(rest);
    if place.metadata().is_ok_and(|file| file.len() > 0) {
        // Young again, so that nobody's clean-up takes it for left over.
        let _ = files::open(&place).and_then(|file| file.set_modified(SystemTime::now()));
        return Ok(());
    }
    if let Err(error) = fs::create_dir(&folder) {
        if error.kind() != ErrorKind::AlreadyExists {
            return Err(error);
        }
    } else {
        // A repository that several users share says so by the rights of its folders.
        let _ = fs::set_permissions(&folder, objects.metadata()?.permissions());
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix("tmp_obj_");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o444));
    let file = builder.tempfile_in(&folder)?;
    let mut encoder = ZlibEncoder::new(file, Compression::fast());
    encoder.write_all(header)?;
    encoder.write_all(data)?;
    encoder.finish()?.persist(&place)?;
    Ok(())
}

/// As git sorts a tree: by bytes, a folder as if its name ended in a slash.
fn order(a: &Entry, b: &Entry) -> Ordering {
    let key = |entry: &Entry| {
        let is_folder = entry.mode.ends_with("40000");
        let mut key = entry.name.as_bytes().to_vec();
        key.extend(is_folder.then_some(b'/'));
        key
    };
    key(a).cmp(&key(b))
}

/// Without what would end the name or the line.
fn plain(text: &str) -> String {
    text.chars().filter(|char| !matches!(char, '<' | '>' | '\n' | '\0')).collect::<String>().trim().to_owned()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let is_id = matches!(hex.len(), 40 | 64);
    let pairs = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok());
    is_id.then(|| pairs.collect()).flatten()
}

fn failed(what: &str, detail: String) -> GitError {
    GitError { kind: GitErrorKind::Failed, what: format!("write {what}"), detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BranchName;
    use crate::system::git::format::ObjectFormat;

    fn entry(mode: &str, name: &str, id: &Sha) -> Entry {
        Entry { mode: mode.to_owned(), name: name.to_owned(), id: id.clone() }
    }

    fn git(repository: &Repository, args: &[&str]) -> String {
        repository.git(args).text().unwrap()
    }

    /// A commit over a nested tree, as git itself reads and checks it.
    fn is_whole(repository: &Repository) {
        let blob = repository.write_blob(b"some\0bytes\n").unwrap();
        assert_eq!(repository.write_blob(b"some\0bytes\n").unwrap(), blob, "once more is the same");
        let inner = repository.write_tree(&[entry("100644", "b", &blob)]).unwrap();
        let entries = [
            entry("100644", "a.json", &blob),
            entry("040000", "a", &inner),
            entry("100755", "a-run", &blob),
            entry("40000", "é", &inner),
        ];
        let tree = repository.write_tree(&entries).unwrap();
        let author = CommitAuthor { name: "A <B>\n".to_owned(), email: "a@b".to_owned() };
        let first = repository.write_commit(&tree, &[], "first: größe", &author).unwrap();
        let parents = std::slice::from_ref(&first);
        let second = repository.write_commit(&tree, parents, "second\n\nwith a body\n", &author).unwrap();
        repository.move_own_ref("refs/conductor/test/deep", &second).unwrap();
        repository.move_own_ref("refs/conductor/test/deep", &first).unwrap();
        repository.move_own_ref("refs/conductor/test/deep", &second).unwrap();
        git(repository, &["fsck", "--strict", "--full"]);
        assert_eq!(git(repository, &["rev-parse", "refs/conductor/test/deep^"]).trim(), first.as_str());
        let listed =
            git(repository, &["-c", "core.quotePath=false", "ls-tree", "--name-only", second.as_str()]);
        assert_eq!(listed, "a-run\na.json\na\né\n");
        let log = git(repository, &["log", "--format=%an|%ae|%B", second.as_str()]);
        let name = format!("{second}:a.json");
        let asked = repository.objects(&[second.to_string(), tree.to_string(), name]).unwrap();
        let read: Vec<_> = [&second, &tree, &blob].map(|id| repository.loose_object(id)).into();
        assert_eq!(read, asked, "what is read here is what git reads");
        assert_eq!(repository.loose_object(&Sha::new("0".repeat(first.as_str().len()))), None);
        assert_eq!(log, "A B|a@b|second\n\nwith a body\n\nA B|a@b|first: größe\n\n");
    }

    #[test]
    fn git_reads_what_was_written_and_finds_no_fault_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(&folder.path().join("one"), &BranchName::new("main")).unwrap();
        is_whole(&repository);
    }

    #[test]
    fn a_repository_of_longer_ids_gets_longer_ids() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        let args = ["init", "--quiet", "--bare", "--object-format=sha256"];
        super::super::Call::new(folder.path(), args).arg(&path).done().unwrap();
        let repository = Repository::open(&path).unwrap();
        assert_eq!(repository.format, ObjectFormat::Sha256);
        is_whole(&repository);
    }

    #[test]
    fn a_ref_that_somebody_holds_is_left_to_git_which_waits() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(&folder.path().join("one"), &BranchName::new("main")).unwrap();
        let tree = repository.write_tree(&[]).unwrap();
        let author = CommitAuthor { name: "A".to_owned(), email: "a@b".to_owned() };
        let commit = repository.write_commit(&tree, &[], "first", &author).unwrap();
        let lock = repository.common_dir().join("refs/conductor/held.lock");
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        fs::write(&lock, "").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(100));
                fs::remove_file(&lock).unwrap();
            });
            repository.move_own_ref("refs/conductor/held", &commit).unwrap();
        });
        assert_eq!(repository.loose_ref("refs/conductor/held"), Some(commit));
    }
}
