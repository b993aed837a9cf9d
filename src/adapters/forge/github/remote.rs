//! Which repository a git remote is, by its URL.

/// A repository on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRepository {
    /// In lower case, without user and port.
    pub host: String,
    pub owner: String,
    pub name: String,
}

/// Reads `https://HOST/OWNER/NAME[.git]`, `ssh://git@HOST[:PORT]/OWNER/NAME[.git]`, `git://…` and
/// `git@HOST:OWNER/NAME[.git]`. `None` for paths and anything else.
pub fn parse_remote(url: &str) -> Option<RemoteRepository> {
    let url = url.trim();
    let (authority, path) = match url.split_once("://") {
        Some((scheme, rest)) => {
            let known = ["https", "http", "ssh", "git", "git+ssh"];
            known.iter().find(|name| scheme.eq_ignore_ascii_case(name))?;
            rest.split_once('/')?
        }
        // The scp-like form: the colon comes before any slash, else it is a path.
        None => url.split_once(':').filter(|(before, _)| !before.contains('/'))?,
    };
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next()?,
    };
    // GitHub's ssh over port 443.
    let host = if host.eq_ignore_ascii_case("ssh.github.com") { "github.com" } else { host };
    let path = path.trim_matches('/');
    let (owner, name) = path.strip_suffix(".git").unwrap_or(path).split_once('/')?;
    let sound = |part: &str| !part.is_empty() && part.chars().all(is_name_character) && part != "..";
    // A one-letter "host" before a colon is a Windows drive.
    if host.len() < 2 || !sound(owner) || !sound(name) {
        return None;
    }
    Some(RemoteRepository { host: host.to_ascii_lowercase(), owner: owner.to_owned(), name: name.to_owned() })
}

/// Reads `owner/name`, as the configuration writes it.
pub fn parse_full_name(text: &str) -> Option<(String, String)> {
    let (owner, name) = text.split_once('/')?;
    let sound = |part: &str| !part.is_empty() && part.chars().all(is_name_character) && part != "..";
    (sound(owner) && sound(name)).then(|| (owner.to_owned(), name.to_owned()))
}

/// Where people look at what that API serves: `https://api.github.com` → `https://github.com`,
/// `https://HOST/api/v3` → `https://HOST`, `https://api.TENANT.ghe.com` → `https://TENANT.ghe.com`.
pub fn web_url(api_url: &str) -> String {
    let api = api_url.trim_end_matches('/');
    if let Some(base) = api.strip_suffix("/api/v3") {
        return base.to_owned();
    }
    match api.strip_prefix("https://api.") {
        Some(host) if host == "github.com" || host.ends_with(".ghe.com") => format!("https://{host}"),
        _ => api.to_owned(),
    }
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_form_of_a_remote_names_its_repository() {
        let cases = [
            ("https://github.com/acme/app.git", "github.com"),
            ("https://github.com/acme/app", "github.com"),
            ("https://github.com/acme/app/", "github.com"),
            ("https://x-access-token:t0ken@github.com/acme/app.git", "github.com"),
            ("HTTPS://GitHub.com/acme/app.git", "github.com"),
            ("git@github.com:acme/app.git", "github.com"),
            ("git@github.com:/acme/app", "github.com"),
            ("github.com:acme/app.git", "github.com"),
            ("ssh://git@github.com/acme/app.git", "github.com"),
            ("ssh://git@ssh.github.com:443/acme/app.git", "github.com"),
            ("git://github.com/acme/app.git", "github.com"),
            ("https://git.corp.example:8443/acme/app.git", "git.corp.example"),
            ("git@git.corp.example:acme/app.git", "git.corp.example"),
            ("http://127.0.0.1:4567/acme/app.git", "127.0.0.1"),
            ("http://[::1]:4567/acme/app.git", "::1"),
        ];
        for (url, host) in cases {
            let expected =
                RemoteRepository { host: host.to_owned(), owner: "acme".to_owned(), name: "app".to_owned() };
            assert_eq!(parse_remote(url), Some(expected), "{url}");
        }
    }

    #[test]
    fn a_path_or_a_strange_url_names_none() {
        let cases = [
            "/srv/git/app.git",
            "../app.git",
            "file:///srv/acme/app.git",
            "./a:b/c",
            "C:/acme/app",
            "https://github.com/acme",
            "https://github.com/a/b/c",
            "https://github.com/acme/a b",
            "https://github.com/../app",
            "git@github.com:app",
            "",
        ];
        for url in cases {
            assert_eq!(parse_remote(url), None, "{url}");
        }
    }

    #[test]
    fn people_look_where_the_api_is_served() {
        assert_eq!(web_url("https://api.github.com/"), "https://github.com");
        assert_eq!(web_url("https://git.corp.example/api/v3"), "https://git.corp.example");
        assert_eq!(web_url("https://api.acme.ghe.com"), "https://acme.ghe.com");
        assert_eq!(web_url("http://127.0.0.1:99"), "http://127.0.0.1:99");
    }
}
