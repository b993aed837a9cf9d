//! What Conductor and a supervisor say to each other over the control socket.
//!
//! Down: one byte, with it the descriptor of the child's standard error where that is read; one job
//! (a length, then fields ended by NUL, byte-exact); then `stop MILLISECONDS` lines.
//! Up: lines of text. The end of either side means the other one is gone.

use super::{Spec, Stderr};
use rustix::io::FdFlags;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::ffi::{OsStr, OsString};
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// The part of a [`Spec`] a supervisor needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub grace: Duration,
    pub lifetime: Option<Duration>,
    pub user: Option<(u32, u32)>,
    pub cwd: PathBuf,
    /// The control group below which the child gets one of its own; empty: none.
    pub groups: PathBuf,
    pub stderr: Errors,
    pub is_wrapper: bool,
    pub rules: Vec<OsString>,
    pub at_end: Vec<OsString>,
    pub program: OsString,
    pub args: Vec<OsString>,
    pub env: Vec<(OsString, OsString)>,
}

/// Where the child's standard error goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errors {
    Null,
    /// To its standard output.
    Merged,
    /// To the descriptor that came ahead of the job.
    Sent,
}

/// The byte ahead of the job.
pub(super) fn send_errors(control: &UnixStream, errors: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    let descriptors: Vec<BorrowedFd<'_>> = errors.into_iter().collect();
    if !descriptors.is_empty() {
        message.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    sendmsg(control, &[IoSlice::new(b"j")], &mut message, SendFlags::empty())?;
    Ok(())
}

pub(super) fn receive_errors(control: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let received = recvmsg(control, &mut [IoSliceMut::new(&mut byte)], &mut message, RecvFlags::empty())?;
    if received.bytes == 0 {
        return Err(torn());
    }
    let descriptors = message.drain().filter_map(|part| match part {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let errors = descriptors.flatten().next();
    if let Some(errors) = &errors {
        // The child gets it as its standard error and not a second time.
        rustix::io::fcntl_setfd(errors, FdFlags::CLOEXEC)?;
    }
    Ok(errors)
}

/// The job of a spec. Fails on a NUL inside a field, which no program could receive.
pub(super) fn encode_job(spec: &Spec, groups: Option<&Path>) -> io::Result<Vec<u8>> {
    let mut body = Vec::with_capacity(4096);
    let mut field = |bytes: &[u8]| {
        if bytes.contains(&0) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a NUL byte in an argument or variable"));
        }
        body.extend_from_slice(bytes);
        body.push(0);
        Ok(())
    };
    field(spec.grace.as_millis().to_string().as_bytes())?;
    field(spec.lifetime.map_or_else(String::new, |lifetime| lifetime.as_millis().to_string()).as_bytes())?;
    field(spec.user.map_or_else(String::new, |(uid, gid)| format!("{uid} {gid}")).as_bytes())?;
    field(spec.cwd.as_os_str().as_bytes())?;
    field(groups.unwrap_or(Path::new("")).as_os_str().as_bytes())?;
    field(match &spec.stderr {
        Stderr::Null => b"null",
        Stderr::Merged => b"merged",
        Stderr::File(_) => b"sent",
    })?;
    field(if spec.is_wrapper { b"wrapper" } else { b"program" })?;
    for words in [&spec.rules, &spec.at_end, &spec.args] {
        field(words.len().to_string().as_bytes())?;
        for word in words {
            field(word.as_bytes())?;
        }
    }
    field(spec.program.as_bytes())?;
    for (name, value) in &spec.env {
        field(name.as_bytes())?;
        field(value.as_bytes())?;
    }
    let mut message = (body.len() as u64).to_be_bytes().to_vec();
    message.append(&mut body);
    Ok(message)
}

pub(super) fn read_job(input: &mut impl Read) -> io::Result<Job> {
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    let length = u64::from_be_bytes(length);
    let mut body = Vec::new();
    input.take(length).read_to_end(&mut body)?;
    if body.len() as u64 != length || body.pop() != Some(0) {
        return Err(torn());
    }
    decode_job(&body).ok_or_else(torn)
}

fn decode_job(body: &[u8]) -> Option<Job> {
    let mut fields = body.split(|byte| *byte == 0).map(|field| OsString::from_vec(field.to_vec()));
    let grace = Duration::from_millis(number(&fields.next()?)?);
    let lifetime = number(&fields.next()?).map(Duration::from_millis);
    let user = fields.next()?;
    let user = user.to_str()?.split_once(' ').map(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    let user = user.map_or(Some(None), |user| user.map(Some))?;
    let cwd = PathBuf::from(fields.next()?);
    let groups = PathBuf::from(fields.next()?);
    let stderr = match fields.next()?.as_bytes() {
        b"null" => Errors::Null,
        b"merged" => Errors::Merged,
        _ => Errors::Sent,
    };
    let is_wrapper = fields.next()?.as_bytes() == b"wrapper";
    let rules = counted(&mut fields)?;
    let at_end = counted(&mut fields)?;
    let args = counted(&mut fields)?;
    let program = fields.next()?;
    let mut env = Vec::new();
    while let Some(name) = fields.next() {
        env.push((name, fields.next()?));
    }
    Some(Job { groups, user, grace, lifetime, cwd, stderr, is_wrapper, rules, at_end, program, args, env })
}

/// A number and so many fields.
fn counted(fields: &mut impl Iterator<Item = OsString>) -> Option<Vec<OsString>> {
    let count: usize = number(&fields.next()?)?;
    let words: Vec<OsString> = fields.take(count).collect();
    (words.len() == count).then_some(words)
}

fn torn() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the job is torn")
}

fn number<T: FromStr>(field: &OsStr) -> Option<T> {
    field.to_str()?.parse().ok()
}

/// What a supervisor tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    Started {
        pid: i32,
    },
    /// The errno, zero when there is none, and what it was about.
    Failed {
        what: Failed,
        errno: i32,
    },
    /// `left` processes of the tree could not be ended.
    Exited {
        code: i32,
        left: usize,
    },
    Signaled {
        signal: i32,
        left: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    Program,
    Directory,
    Stderr,
    /// The rules could not be put on.
    Rules,
}

impl Report {
    pub fn to_line(self) -> String {
        match self {
            Self::Started { pid } => format!("started {pid} 0\n"),
            Self::Failed { what: Failed::Program, errno } => format!("program {errno} 0\n"),
            Self::Failed { what: Failed::Directory, errno } => format!("directory {errno} 0\n"),
            Self::Failed { what: Failed::Stderr, errno } => format!("stderr {errno} 0\n"),
            Self::Failed { what: Failed::Rules, errno } => format!("rules {errno} 0\n"),
            Self::Exited { code, left } => format!("exited {code} {left}\n"),
            Self::Signaled { signal, left } => format!("signaled {signal} {left}\n"),
        }
    }

    /// `None` for what no supervisor says.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(line).ok()?.split(' ');
        let word = words.next()?;
        let value = words.next()?.parse().ok()?;
        let left = words.next()?.parse().ok()?;
        Some(match word {
            "started" => Self::Started { pid: value },
            "program" => Self::Failed { what: Failed::Program, errno: value },
            "directory" => Self::Failed { what: Failed::Directory, errno: value },
            "stderr" => Self::Failed { what: Failed::Stderr, errno: value },
            "rules" => Self::Failed { what: Failed::Rules, errno: value },
            "exited" => Self::Exited { code: value, left },
            "signaled" => Self::Signaled { signal: value, left },
            _ => return None,
        })
    }
}

/// The order to end the tree within that grace.
pub(super) fn stop_line(grace: Duration) -> String {
    format!("stop {}\n", grace.as_millis())
}

/// `None` for what Conductor never says.
pub(super) fn parse_stop(line: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(line).ok()?;
    text.strip_prefix("stop ")?.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_arrives_byte_for_byte() {
        let mut spec = Spec::new(OsString::from_vec(vec![b'/', 0xff]), "/work tree");
        spec.args = vec!["".into(), "a\nb".into(), OsString::from_vec(vec![0xfe])];
        spec.env = vec![("EMPTY".into(), String::new()), ("TEXT".into(), "é=\n".into())];
        spec.stderr = Stderr::File("/tmp/x".into());
        spec.lifetime = Some(Duration::from_millis(1500));
        spec.user = Some((65534, 65533));
        spec.at_end = vec!["/bin/true".into()];
        spec.rules = vec!["--write".into(), "/work tree".into()];
        let job = read_job(&mut encode_job(&spec, Some(Path::new("/sys/x"))).unwrap().as_slice()).unwrap();
        assert_eq!(job.program, spec.program);
        assert_eq!(job.args, spec.args);
        assert_eq!(job.rules, spec.rules);
        assert_eq!(job.user, spec.user);
        assert_eq!(job.at_end, spec.at_end);
        assert_eq!(job.lifetime, spec.lifetime);
        assert_eq!(job.cwd, spec.cwd);
        assert_eq!(job.groups, Path::new("/sys/x"));
        assert_eq!(job.stderr, Errors::Sent);
        assert_eq!(job.grace, spec.grace);
        let env: Vec<(OsString, OsString)> =
            spec.env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        assert_eq!(job.env, env);
    }

    #[test]
    fn a_torn_job_or_a_nul_in_an_argument_is_refused() {
        let whole = encode_job(&Spec::new("true", "/"), None).unwrap();
        for length in 0..whole.len() {
            assert!(read_job(&mut &whole[..length]).is_err(), "{length} bytes");
        }
        let mut spec = Spec::new("true", "/");
        spec.args = vec!["a\0b".into()];
        assert!(encode_job(&spec, None).is_err());
    }

    #[test]
    fn a_report_survives_its_line() {
        for report in [
            Report::Started { pid: 7 },
            Report::Failed { what: Failed::Program, errno: 2 },
            Report::Failed { what: Failed::Directory, errno: 20 },
            Report::Failed { what: Failed::Stderr, errno: 13 },
            Report::Failed { what: Failed::Rules, errno: 95 },
            Report::Exited { code: 3, left: 0 },
            Report::Signaled { signal: 9, left: 2 },
        ] {
            assert_eq!(Report::parse(report.to_line().trim_end().as_bytes()), Some(report));
        }
    }
}
