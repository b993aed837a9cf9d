//! The HTTP client against a server on loopback.

use crate::support::server::{Reply, Server};
use conductor::system::http::{HttpClient, HttpError, HttpOptions, Request, encode_query};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// `{"packed":true}`, gzipped.
const PACKED: [u8; 35] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 42, 72, 76, 206, 78, 77, 81, 178, 42, 41, 42, 77, 173, 5, 0,
    137, 224, 181, 220, 15, 0, 0, 0,
];

fn client() -> HttpClient {
    client_with(|_| {})
}

fn client_with(change: impl FnOnce(&mut HttpOptions)) -> HttpClient {
    let mut options = HttpOptions { retry_base: Duration::from_millis(5), ..HttpOptions::default() };
    change(&mut options);
    HttpClient::new(options)
}

fn fine() -> Server {
    Server::start(|_| Reply::json(200, &json!({"fine": true})))
}

#[test]
fn a_get_is_sent_again_after_a_lost_connection_and_after_a_5xx() {
    let server = fine();
    server.inject(1, Reply::Drop, |_| true);
    server.inject(1, Reply::html(502, "<html><head><title>Bad gateway</title>"), |_| true);
    let client = client();
    let answer = client.send(&Request::get(server.url())).unwrap();
    assert_eq!((answer.status, client.requests()), (200, 3));
    assert_eq!(server.received().len(), 3);
}

#[test]
fn a_page_of_html_is_no_answer_of_an_api_and_is_shown_by_its_title() {
    let server = Server::start(|_| {
        Reply::html(200, "<!DOCTYPE html><TITLE lang=en> Unicorn!\n </TITLE><body>long</body>")
    });
    let client = client();
    let answer = client.send(&Request::get(server.url())).unwrap();
    assert_eq!(client.requests(), 3);
    assert_eq!(answer.gist(), "HTTP 200: Unicorn!");
}

#[test]
fn a_post_is_never_sent_twice_unless_it_says_so() {
    let server = fine();
    server.inject(1, Reply::Drop, |_| true);
    let client = client();
    let post = Request::post(server.url(), b"{}".to_vec());
    assert!(matches!(client.send(&post), Err(HttpError::Lost(_))));
    assert_eq!(server.received().len(), 1);

    server.inject(1, Reply::text(500, "no"), |_| true);
    assert_eq!(client.send(&post).unwrap().status, 500);
    assert_eq!(server.received().len(), 2);

    server.inject(2, Reply::text(500, "no"), |_| true);
    assert_eq!(client.send(&post.repeatable()).unwrap().status, 200);
    assert_eq!(server.received().len(), 5);
}

#[test]
fn a_short_retry_after_is_obeyed_and_a_long_one_is_handed_on() {
    let server = fine();
    let client = client();
    server.inject(1, Reply::text(503, "busy").with_header("retry-after", "1"), |_| true);
    let started = Instant::now();
    assert_eq!(client.send(&Request::get(server.url())).unwrap().status, 200);
    assert!(started.elapsed() >= Duration::from_secs(1));

    server.inject(1, Reply::text(503, "closed").with_header("retry-after", "3600"), |_| true);
    let answer = client.send(&Request::get(server.url())).unwrap();
    assert_eq!(answer.gist(), "HTTP 503: closed");
    assert_eq!(answer.retry_after_seconds(), Some(Duration::from_secs(3600)));
}

#[test]
fn a_retry_after_may_be_a_date() {
    let server =
        Server::start(|_| Reply::text(429, "").with_header("retry-after", "Sun, 22 Nov 2026 10:00:30 GMT"));
    let answer = client().send(&Request::get(server.url())).unwrap();
    let now = "2026-11-22T10:00:00Z".parse().unwrap();
    assert_eq!(answer.retry_after(now), Some(Duration::from_secs(30)));
    let later = "2026-11-22T11:00:00Z".parse().unwrap();
    assert_eq!(answer.retry_after(later), Some(Duration::ZERO));
}

#[test]
fn plain_http_goes_to_loopback_only() {
    let client = client();
    let refused = [
        "http://example.invalid/",
        "http://localhost.example.invalid/",
        "http://127.0.0.1.example.invalid/",
        "http://10.0.0.1/",
        "http://[2001:db8::1]/",
        "ftp://127.0.0.1/",
        "127.0.0.1",
        "https://",
        "",
    ];
    for url in refused {
        assert!(matches!(client.send(&Request::get(url)), Err(HttpError::Address(_))), "{url}");
    }
    let error = client.send(&Request::get("http://example.invalid/a?b")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "http://example.invalid/a: plain http would send the token in the clear; use https"
    );
    assert_eq!(client.requests(), 0);
    let server = fine();
    let by_name = format!("http://localhost:{}/", server.port());
    assert_eq!(client.send(&Request::get(by_name)).unwrap().status, 200);
}

#[test]
fn a_credential_in_an_address_is_refused_and_not_repeated() {
    let error = client().send(&Request::get("https://bot:hunter2@127.0.0.1/")).unwrap_err();
    assert_eq!(error.to_string(), "https://127.0.0.1/: credentials do not belong into an address");
    let request = Request::get("https://bot:hunter2@h/p?token=hunter2").header("Authorization", "hunter2");
    assert_eq!(format!("{request:?}"), "GET https://h/p");
    let error = client().send(&Request::get(fine().url()).header("Authorization", "hunter2\n")).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_redirect_keeps_method_body_and_credential_on_its_host() {
    let server = fine();
    server.inject(1, Reply::text(307, "").with_header("location", "/new/home"), |_| true);
    let request =
        Request::post(format!("{}/old", server.url()), b"body".to_vec()).header("Authorization", "t");
    let client = client();
    assert_eq!(client.send(&request).unwrap().status, 200);
    let last = server.received().pop().unwrap();
    assert_eq!(
        (last.method.as_str(), last.path(), last.body.as_slice()),
        ("POST", "/new/home", &b"body"[..])
    );
    assert_eq!(last.header("authorization"), Some("t"));
}

#[test]
fn a_redirect_to_another_host_carries_no_credential_and_no_body() {
    let (here, there) = (fine(), fine());
    let away = Reply::text(302, "").with_header("location", there.url());
    here.inject(2, away, |_| true);
    let answer = client().send(&Request::get(here.url()).header("Authorization", "t")).unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(there.received()[0].header("authorization"), None);

    let answer = client().send(&Request::post(here.url(), b"secret".to_vec())).unwrap();
    assert_eq!((answer.status, there.received().len()), (302, 1));
}

#[test]
fn a_redirect_into_the_clear_or_into_a_circle_is_refused() {
    let server = Server::start(|request| {
        let location = if request.path() == "/out" { "http://example.invalid/" } else { "/round" };
        Reply::text(301, "").with_header("location", location)
    });
    let out = client().send(&Request::get(format!("{}/out", server.url())));
    assert!(matches!(out, Err(HttpError::Address(_))), "{out:?}");
    let round = client_with(|options| options.tries = 1).send(&Request::get(format!("{}/in", server.url())));
    assert!(matches!(round, Err(HttpError::Lost(_))), "{round:?}");
}

#[test]
fn an_answer_has_a_greatest_length() {
    let server = Server::start(|_| Reply::text(200, &"x".repeat(1001)));
    let limited = |max_body| client_with(|options| options.max_body = max_body);
    assert_eq!(limited(1001).send(&Request::get(server.url())).unwrap().body.len(), 1001);
    assert!(matches!(limited(1000).send(&Request::get(server.url())), Err(HttpError::TooLarge(_))));
}

#[test]
fn a_packed_answer_is_unpacked() {
    let server = Server::start(|request| {
        assert_eq!(request.header("accept-encoding"), Some("gzip"));
        Reply::bytes(200, "application/json", PACKED.to_vec()).with_header("content-encoding", "gzip")
    });
    assert_eq!(client().send(&Request::get(server.url())).unwrap().body, b"{\"packed\":true}");
}

#[test]
fn connections_are_used_again_also_after_errors() {
    let server = Server::start(|_| Reply::text(404, &"no such thing ".repeat(1000)));
    let client = client();
    for _ in 0..5 {
        assert_eq!(client.send(&Request::get(server.url())).unwrap().status, 404);
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn silence_ends_in_time() {
    let server = Server::start(|_| Reply::Hang);
    let client = client_with(|options| {
        options.timeout = Duration::from_millis(200);
        options.tries = 1;
    });
    let error = client.send(&Request::get(server.url())).unwrap_err();
    assert!(
        matches!(error, HttpError::Lost(_)) && error.to_string().contains("no answer within 200ms"),
        "{error}"
    );
}

#[test]
fn nobody_listening_is_told_apart_from_a_lost_answer() {
    let port = fine().port();
    let client = client();
    let error = client.send(&Request::post(format!("http://127.0.0.1:{port}"), Vec::new())).unwrap_err();
    assert!(matches!(error, HttpError::Connect(_)), "{error:?}");
    assert_eq!(client.requests(), 0, "nothing was sent");
}

#[test]
fn a_post_that_found_nobody_is_sent_again() {
    let port = fine().port();
    let client = client_with(|options| {
        options.tries = 1000;
        options.retry_base = Duration::from_millis(1);
    });
    let asking = std::thread::spawn(move || {
        client
            .send(&Request::post(format!("http://127.0.0.1:{port}"), Vec::new()))
            .map(|answer| answer.status)
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    assert_eq!(asking.join().unwrap(), Ok(204));
}

#[test]
fn a_name_that_is_not_known_means_nothing_was_sent() {
    let client = client_with(|options| {
        options.tries = 1;
        options.connect_timeout = Duration::from_secs(2);
    });
    let error = client.send(&Request::post("https://conductor.invalid/", Vec::new())).unwrap_err();
    assert!(matches!(error, HttpError::Connect(_)), "{error:?}");
}

#[test]
fn an_interruption_ends_what_is_in_flight_and_nothing_later() {
    let server = Server::start(|request| match request.path() {
        "/hang" => Reply::Hang,
        _ => Reply::text(200, "after"),
    });
    let client = Arc::new(client());
    let asking = std::thread::spawn({
        let (client, url) = (Arc::clone(&client), format!("{}/hang", server.url()));
        move || client.send(&Request::get(url))
    });
    assert!(server.wait_for(1, |request| request.path() == "/hang"));
    client.interrupt();
    assert_eq!(asking.join().unwrap(), Err(HttpError::Interrupted));
    assert_eq!(server.count(|request| request.path() == "/hang"), 1, "not sent again");
    assert_eq!(client.send(&Request::get(server.url())).unwrap().body, b"after");
}

#[test]
fn after_an_interruption_silence_is_waited_for_once_and_not_for_long() {
    let server = Server::start(|_| Reply::Hang);
    let client = client_with(|options| {
        options.timeout = Duration::from_secs(600);
        options.hurried = Duration::from_millis(100);
    });
    client.interrupt();
    assert!(matches!(client.send(&Request::get(server.url())), Err(HttpError::Lost(_))));
    assert_eq!(server.count(|_| true), 1);
}

#[test]
fn an_interruption_ends_a_pause() {
    let client = Arc::new(client());
    let (started, begun) = std::sync::mpsc::channel();
    let pausing = std::thread::spawn({
        let client = Arc::clone(&client);
        move || {
            started.send(()).unwrap();
            client.pause(Duration::from_secs(600))
        }
    });
    begun.recv().unwrap();
    while !pausing.is_finished() {
        client.interrupt();
        std::thread::yield_now();
    }
    assert_eq!(pausing.join().unwrap(), Err(HttpError::Interrupted));
}

/// Runs itself again in an environment without certificates, which is how such a machine looks.
#[test]
fn without_system_certificates_the_built_in_ones_are_used() {
    const CHILD: &str = "CONDUCTOR_TEST_WITHOUT_CERTIFICATES";
    if std::env::var_os(CHILD).is_none() {
        let empty = tempfile::tempdir().unwrap();
        std::fs::write(empty.path().join("none.pem"), "").unwrap();
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "http::without_system_certificates_the_built_in_ones_are_used"])
            .env(CHILD, "1")
            .env("SSL_CERT_FILE", empty.path().join("none.pem"))
            .env("SSL_CERT_DIR", empty.path())
            .status();
        assert!(status.unwrap().success());
        return;
    }
    // It speaks no TLS, so the handshake fails; what counts is that one is begun.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let greeted = std::thread::spawn(move || {
        let begins = |stream: &mut TcpStream| stream.read(&mut [0]).is_ok_and(|read| read == 1);
        listener.incoming().position(|stream| begins(&mut stream.unwrap()))
    });
    let client = client_with(|options| options.tries = 1);
    let error = client.send(&Request::get(url)).unwrap_err();
    assert!(!error.to_string().contains("certificates"), "{error}");
    assert_eq!(
        greeted.join().unwrap(),
        Some(1),
        "the second connection, with the built-in ones, got further"
    );
}

#[test]
fn the_next_page_is_found_among_links() {
    let link =
        "<http://h/?q=a,b;c&page=1>; rel=\"prev first\", <http://h/?q=a,b;c&page=3>; title=x; rel=next";
    let server = Server::start(move |_| Reply::text(200, "").with_header("link", link));
    let answer = client().send(&Request::get(server.url())).unwrap();
    assert_eq!(answer.next_page(), Some("http://h/?q=a,b;c&page=3"));
    let last = Server::start(|_| Reply::text(200, "").with_header("link", "<http://h/>; rel=\"last\""));
    assert_eq!(client().send(&Request::get(last.url())).unwrap().next_page(), None);
}

#[test]
fn a_query_value_arrives_as_it_was() {
    let server = fine();
    let value = "acme:conductor/a b&c=d#e?+é%";
    client().send(&Request::get(format!("{}/?head={}", server.url(), encode_query(value)))).unwrap();
    assert_eq!(server.received()[0].query_value("head").as_deref(), Some(value));
}
