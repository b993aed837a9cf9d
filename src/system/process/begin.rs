//! The start of a child by its supervisor: as whom, behind which rules, in which control group.

use super::cgroup::{Group, Parent};
use super::wire::{Errors, Failed, Job, Report};
use crate::system::barrier::in_own_thread;
use rustix::process::Pid;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The child leads a group of its own, so that signals to it do not reach its supervisor.
pub(super) fn start(
    job: &Job,
    enforce: fn(&[OsString]) -> io::Result<()>,
    [input, output]: [OwnedFd; 2],
    errors: Option<OwnedFd>,
) -> Result<(Pid, Option<Group>), Report> {
    let failed =
        |what| move |error: io::Error| Report::Failed { what, errno: error.raw_os_error().unwrap_or(0) };
    std::fs::read_dir(&job.cwd).map_err(failed(Failed::Directory))?;
    let stderr = match &job.stderr {
        Errors::Null => Stdio::null(),
        Errors::Merged => output.try_clone().map_err(failed(Failed::Stderr))?.into(),
        Errors::Sent => errors.ok_or(Report::Failed { what: Failed::Stderr, errno: 0 })?.into(),
    };
    let mut command = Command::new(&job.program);
    command
        .args(&job.args)
        .current_dir(&job.cwd)
        .env_clear()
        .envs(job.env.iter().map(|(name, value)| (name, value)))
        .stdin(input)
        .stdout(output)
        .stderr(stderr)
        .process_group(0);
    if let Some((uid, gid)) = job.user {
        command.uid(uid).gid(gid);
    }
    // Never waited for through `Child`: the loop reaps it among all others.
    let mut spawn = || command.spawn().map(|child| Pid::from_child(&child));
    let mut what = if job.rules.is_empty() { Failed::Program } else { Failed::Rules };
    let (started, group) = grouped(&job.groups, || {
        if job.rules.is_empty() {
            return spawn();
        }
        let begin = || {
            what = Failed::Program;
            spawn()
        };
        in_own_thread(|| enforce(&job.rules), begin)
    });
    match started {
        Ok(pid) => Ok((pid, group)),
        Err(error) => {
            let _left = group.as_ref().map(Group::remove);
            Err(failed(what)(error))
        }
    }
}

/// Starts it in a control group of its own, where there can be one.
fn grouped<T>(groups: &Path, start: impl FnOnce() -> T) -> (T, Option<Group>) {
    if groups.as_os_str().is_empty() {
        return (start(), None);
    }
    let parent = Parent::at(groups);
    let group = parent.group_of(std::process::id());
    (parent.start(&group, start), Some(group))
}
