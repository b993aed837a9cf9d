//! The repository over git's smart HTTP: `git http-backend` behind Basic auth, as GitHub has it.

use super::super::server::{Received, Reply};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// `repository` is the path it is served under, `/owner/name.git`.
pub fn answer(request: &Received, bare: &Path, repository: &str, token: &str) -> Reply {
    let Some(rest) = request.path().strip_prefix(repository) else {
        return Reply::text(404, "Repository not found.");
    };
    let authorization = request.headers_named("authorization");
    if authorization.len() > 1 {
        // What happens when a checkout left its credential behind and a second one is added.
        return Reply::text(400, "Duplicate header: \"Authorization\"");
    }
    let expected = format!("Basic {}", base64(format!("x-access-token:{token}").as_bytes()));
    match authorization.first() {
        None => {
            return Reply::text(401, "No anonymous access.")
                .with_header("www-authenticate", "Basic realm=\"GitHub\"");
        }
        Some(given) if **given != expected => {
            return Reply::text(401, "Bad credentials")
                .with_header("www-authenticate", "Basic realm=\"GitHub\"");
        }
        Some(_) => {}
    }
    backend(request, bare, rest)
}

/// As a CGI program. <https://git-scm.com/docs/git-http-backend>
fn backend(request: &Received, bare: &Path, rest: &str) -> Reply {
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_TRANSLATED", format!("{}{rest}", bare.display()))
        .env("PATH_INFO", rest)
        .env("QUERY_STRING", request.query_string())
        .env("REQUEST_METHOD", &request.method)
        .env("CONTENT_TYPE", request.header("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", request.header("content-encoding").unwrap_or_default())
        .env("REMOTE_USER", "x-access-token")
        .env("REMOTE_ADDR", "127.0.0.1")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .env_remove("GIT_PROJECT_ROOT")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(protocol) = request.header("git-protocol") {
        command.env("GIT_PROTOCOL", protocol);
    }
    let mut child = command.spawn().expect("git http-backend");
    let mut stdin = child.stdin.take().unwrap();
    let body = request.body.clone();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&body)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    parsed(&output.stdout).unwrap_or_else(|| Reply::text(500, &String::from_utf8_lossy(&output.stderr)))
}

fn parsed(output: &[u8]) -> Option<Reply> {
    let end = output.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&output[..end]).ok()?;
    let mut status = 200;
    let mut headers = Vec::new();
    for line in head.lines() {
        let (name, value) = line.split_once(": ")?;
        if name.eq_ignore_ascii_case("status") {
            status = value.split(' ').next()?.parse().ok()?;
        } else {
            headers.push((name.to_lowercase(), value.to_owned()));
        }
    }
    Some(Reply::Answer { status, headers, body: output[end + 4..].to_vec() })
}

/// Puts an `update` hook into the repository that refuses matching refs and no others.
pub fn refuse_refs(bare: &Path, pattern: &str, message: &str) {
    let hook = bare.join("hooks/update");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let script = format!("#!/bin/sh\ncase \"$1\" in\n{pattern}) echo '{message}' >&2; exit 1 ;;\nesac\n");
    std::fs::write(&hook, script).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let digit = (word >> (18 - 6 * index)) & 63;
            out.push(if index <= chunk.len() { char::from(ALPHABET[digit as usize]) } else { '=' });
        }
    }
    out
}
