//! Private clones: a ticket's workspace is a repository of its own that borrows this one's objects.
//! What is known of it beside its files is noted in a folder that no agent can write to.
//!
//! Work comes back as a pack that is made on the agent's side and checked on this one: nothing an
//! agent wrote as git's own files is read by a call of git outside its walls.

use super::worktree::Worktree;
use super::{GitError, GitErrorKind, Object, Repository, pack, protocol, trash};
use crate::files;
use crate::model::{BranchName, Sha};
use crate::system::barrier::Barrier;
use std::fs;
use std::io::{self, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a clone is like its repository in, beside the configuration.
const SHARED: &[&str] = &["shallow", "info/attributes", "info/exclude", "info/sparse-checkout"];
/// What is otherwise in a clone: it has files, and no agent has a key to sign with.
const OF_CLONES: &str = "[core]\n\tbare = false\n\tlogallrefupdates = true\n\
    [commit]\n\tgpgsign = false\n[tag]\n\tgpgsign = false\n\tforcesignannotated = false\n";
const ALTERNATES: &str = "objects/info/alternates";
/// More than that is nobody's change.
const MAX_PACK: &str = "--max-input-size=4294967296";

/// A private clone to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewClone<'a> {
    pub path: &'a Path,
    pub branch: &'a BranchName,
    /// Where the branch begins and whose files are written.
    pub tip: &'a Sha,
    /// What else it knows, by full name.
    pub refs: &'a [(String, Sha)],
    /// What every call of git in it is started behind, once it is made.
    pub barrier: &'a Arc<Barrier>,
}

impl Repository {
    /// Makes a clone with its files. Only noting it is under the lock. What is at its place
    /// already, or noted, is a refusal.
    pub fn add_clone(&self, new: &NewClone<'_>) -> Result<Worktree, GitError> {
        let admin = {
            let _lock = self.lock()?;
            if new.path.symlink_metadata().is_ok() || self.registered_at(new.path).is_some() {
                return Err(refusal(format!("{} is there already", new.path.display())));
            }
            self.note(new.path)?
        };
        let worktree = Worktree::new(new.path, &admin, Arc::clone(new.barrier)).stopping_with(&self.stop);
        let filled = self.fill(new).and_then(|()| worktree.write_files());
        match filled.and_then(|()| self.fill_submodules(&worktree, new.tip)) {
            Ok(()) => Ok(worktree),
            Err(error) => {
                self.remove_worktree(&worktree)?;
                Err(error)
            }
        }
    }

    /// Makes a clone of a linked worktree, whose files and index stay as they are.
    pub fn convert_linked(&self, linked: &Worktree, new: &NewClone<'_>) -> Result<Worktree, GitError> {
        if let Some(half_done) = self.registered_at(new.path) {
            trash::delete(half_done.admin()).map_err(|error| failed(half_done.admin(), &error))?;
        }
        let admin = {
            let _lock = self.lock()?;
            self.note(new.path)?
        };
        let worktree = Worktree::new(new.path, &admin, Arc::clone(new.barrier)).stopping_with(&self.stop);
        if !new.path.is_dir() {
            return Ok(worktree);
        }
        let aside = new.path.join(".git.conductor");
        let convert = || -> io::Result<()> {
            trash::delete(&aside)?;
            self.fill_git(&aside, new)?;
            files::copy_new(&linked.admin().join("index"), &aside.join("index"))?;
            trash::delete(&worktree.git_dir())?;
            fs::rename(&aside, worktree.git_dir())
        };
        convert().map_err(|error| failed(new.path, &error))?;
        Ok(worktree)
    }

    /// Deletes what this repository has registered of a linked worktree, not its files.
    pub fn forget_linked(&self, linked: &Worktree) -> Result<(), GitError> {
        trash::delete(linked.admin()).map_err(|error| failed(linked.admin(), &error))
    }

    fn note(&self, path: &Path) -> Result<PathBuf, GitError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let all = self.registry();
        let make = || -> io::Result<PathBuf> {
            fs::create_dir_all(&all)?;
            let names = std::iter::once(name.clone()).chain((1u32..).map(|number| format!("{name}{number}")));
            for name in names {
                let admin = all.join(name);
                match fs::create_dir(&admin) {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    made => {
                        made?;
                        files::write_new(
                            &admin.join("gitdir"),
                            format!("{}\n", path.join(".git").display()),
                        )?;
                        return Ok(admin);
                    }
                }
            }
            Err(ErrorKind::AlreadyExists.into())
        };
        make().map_err(|error| protocol("clone", format!("{}: {error}", all.display())))
    }

    /// The repository without files, index or commits of its own.
    fn fill(&self, new: &NewClone<'_>) -> Result<(), GitError> {
        let make = || {
            fs::create_dir(new.path)?;
            self.fill_git(&new.path.join(".git"), new)
        };
        make().map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => refusal(format!("{} is there already", new.path.display())),
            _ => protocol("clone", format!("{}: {error}", new.path.display())),
        })
    }

    pub(super) fn fill_git(&self, git: &Path, new: &NewClone<'_>) -> io::Result<()> {
        fs::create_dir(git)?;
        for folder in ["hooks", "info", "objects/info", "objects/pack", "refs/heads", "refs/tags"] {
            fs::create_dir_all(git.join(folder))?;
        }
        files::write_new(&git.join("packed-refs"), packed_refs(new))?;
        self.write_settings(git)?;
        files::write_new(&git.join("HEAD"), format!("ref: {}\n", new.branch.full_ref()))
    }

    /// Puts back what decides how git works in a clone, whatever an agent made of it: its
    /// configuration, its attributes, where it borrows objects.
    pub fn put_back_settings(&self, clone: &Worktree) -> Result<(), GitError> {
        let git = clone.git_dir();
        let put_back = || {
            for name in ["config", "config.worktree", ALTERNATES].iter().chain(SHARED) {
                trash::delete(&git.join(name))?;
            }
            for folder in ["info", "objects", "objects/info"].map(|folder| git.join(folder)) {
                if folder.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
                    fs::remove_file(&folder)?;
                }
                fs::create_dir_all(&folder)?;
            }
            self.write_settings(&git)
        };
        put_back().map_err(|error| failed(&git, &error))
    }

    fn write_settings(&self, git: &Path) -> io::Result<()> {
        files::write_new(&git.join(ALTERNATES), self.lenders()?)?;
        files::write_new(&git.join("config"), self.config_of_clones()?)?;
        for file in SHARED {
            match files::copy_new(&self.common_dir().join(file), &git.join(file)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The folders clones borrow objects from.
    pub fn lending(&self) -> Result<Vec<PathBuf>, GitError> {
        let text = self.lenders().map_err(|error| protocol("clone", error.to_string()))?;
        Ok(text.lines().map(PathBuf::from).collect())
    }

    /// The folders a clone borrows objects from: this repository's, and those it borrows from.
    fn lenders(&self) -> io::Result<String> {
        let own = self.common_dir().join("objects");
        let mut text = format!("{}\n", own.display());
        match files::read_linked_text(&own.join("info/alternates"), files::SMALL) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Err(_) => {}
            Ok(further) => {
                for line in further.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
                    text.push_str(&format!("{}\n", own.join(line).display()));
                }
            }
        }
        Ok(text)
    }

    fn config_of_clones(&self) -> io::Result<String> {
        let own = files::read_linked_text(&self.common_dir().join("config"), files::SMALL)?;
        Ok(format!("{own}\n{OF_CLONES}"))
    }

    /// Takes over from a clone what `heads` have beyond `known`: packed behind the clone's walls,
    /// checked object by object here. An error leaves nothing behind.
    /// Answers with those of the new commits that could be read on the way.
    pub fn import(&self, from: &Worktree, heads: &[&Sha], known: &[&Sha]) -> Result<Vec<Object>, GitError> {
        let names: Vec<String> = heads.iter().map(ToString::to_string).collect();
        if names.iter().chain(&known.iter().map(ToString::to_string).collect::<Vec<_>>()).any(|id| !is_id(id))
        {
            return Err(protocol("pack-objects", "the workspace told something that is no commit's id"));
        }
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = names.into_iter().map(|id| format!("{id}\n"));
        let left = known.iter().map(|id| format!("^{id}\n"));
        let (mut pack, _) = from
            .git(["pack-objects", "--quiet", "--revs", "--thin", "--delta-base-offset", "--stdout"])
            .stdin(wanted.chain(left).collect::<String>())
            .spooled()?;
        if is_empty(&mut pack).map_err(|error| protocol("pack-objects", error.to_string()))? {
            return Ok(Vec::new());
        }
        let commits = pack::first_commits(&mut pack, self.format)
            .map_err(|error| protocol("pack-objects", error.to_string()))?;
        self.git(["index-pack", "--stdin", "--strict", "--fix-thin", MAX_PACK]).stdin_file(pack)?.done()?;
        Ok(commits)
    }

    /// Where workspaces are noted, a folder each.
    pub(super) fn registry(&self) -> PathBuf {
        self.own_folder().join("workspaces")
    }

    /// The clone that is noted for `path`, whether or not its folder is there. Costs no call of git
    /// and does not read the folder.
    pub fn registered_at(&self, path: &Path) -> Option<Worktree> {
        self.registrations().find(|worktree| worktree.path() == path)
    }

    /// Every clone with a legible note.
    pub fn registrations(&self) -> impl Iterator<Item = Worktree> {
        noted_in(&self.registry()).map(|clone| clone.stopping_with(&self.stop))
    }

    /// The linked worktrees of an earlier release that this repository has registered.
    pub fn linked_worktrees(&self) -> impl Iterator<Item = Worktree> {
        noted_in(&self.common_dir().join("worktrees"))
    }

    /// Deletes notes whose maker was killed before it wrote whose they are.
    pub fn remove_unfinished_registrations(&self, name: &str) -> Result<(), GitError> {
        let _lock = self.lock()?;
        let entries = fs::read_dir(self.registry());
        for entry in entries.into_iter().flatten().flatten() {
            let file = entry.file_name();
            let rest = file.to_str().and_then(|file| file.strip_prefix(name));
            let is_named = rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
            let told = entry.path().join("gitdir").symlink_metadata().map_or(0, |file| file.len());
            if is_named && told == 0 {
                trash::delete(&entry.path()).map_err(|error| failed(&entry.path(), &error))?;
            }
        }
        Ok(())
    }

    /// Removes a clone: its folder is renamed aside first, so that its place is free at once and
    /// never holds half of it, then both it and its notes are deleted.
    pub fn remove_worktree(&self, worktree: &Worktree) -> Result<(), GitError> {
        let aside = trash::place_for(worktree.path());
        self.unregister(worktree, &aside)?;
        // Its place is free: what an agent left that cannot be deleted is in nobody's way.
        if let Err(error) = trash::delete(&aside) {
            tracing::warn!("{} could not be deleted: {error}; delete it by hand", aside.display());
        }
        Ok(())
    }

    /// Moves a clone's folder to `aside` and deletes its notes.
    pub fn unregister(&self, worktree: &Worktree, aside: &Path) -> Result<(), GitError> {
        let _lock = self.lock()?;
        let admin = worktree.admin().canonicalize().unwrap_or_else(|_| worktree.admin().to_owned());
        let known = [self.registry(), self.common_dir().join("worktrees")];
        let is_ours = known
            .iter()
            .any(|all| admin.parent() == all.canonicalize().ok().as_deref() || admin.parent() == Some(all));
        if !is_ours {
            return Err(protocol("clone", format!("{} is not one of this repository's", admin.display())));
        }
        match fs::rename(worktree.path(), aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(worktree.path(), &error)),
            _ => {}
        }
        trash::delete(&admin).map_err(|error| failed(&admin, &error))
    }
}

fn noted_in(folder: &Path) -> impl Iterator<Item = Worktree> + use<> {
    let entries = fs::read_dir(folder);
    entries.into_iter().flatten().flatten().filter_map(|entry| {
        let admin = entry.path();
        let text =
            files::read_text(&admin.join("gitdir"), files::SMALL).ok().filter(|text| !text.is_empty())?;
        // Newer versions of git may write it relative to the administrative folder.
        let link = admin.join(text.trim_end());
        let path = link.parent()?;
        // What is at its place now may be a link that leads elsewhere.
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        let path =
            folder.and_then(|folder| Some(folder.join(path.file_name()?))).unwrap_or_else(|| path.to_owned());
        Some(Worktree::new(&path, &admin, Arc::default()))
    })
}

/// A file of refs says everything at once and has no folders a name could lead out of.
fn packed_refs(new: &NewClone<'_>) -> String {
    let mut refs: Vec<(String, &Sha)> = new.refs.iter().map(|(name, id)| (name.clone(), id)).collect();
    refs.push((new.branch.full_ref(), new.tip));
    refs.sort();
    refs.iter()
        .fold("# pack-refs with: sorted \n".to_owned(), |text, (name, id)| text + &format!("{id} {name}\n"))
}

/// Whether a pack says that it holds nothing; such a one need not be taken over.
fn is_empty(pack: &mut fs::File) -> io::Result<bool> {
    let mut head = [0; 12];
    pack.rewind()?;
    pack.read_exact(&mut head)?;
    Ok(head.ends_with(&[0; 4]))
}

fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn refusal(detail: String) -> GitError {
    GitError { kind: GitErrorKind::Failed, what: "clone".to_owned(), detail }
}

fn failed(path: &Path, error: &io::Error) -> GitError {
    protocol("clone", format!("{}: {error}", path.display()))
}
