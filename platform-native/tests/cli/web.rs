//! `weft web`: the page, to this machine's browsers alone, and nothing else of its disk.

use crate::harness::{Done, Home};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command};

/// The program, serving a small page on a port of its own.
struct Server {
    home: Home,
    child: Child,
    port: u16,
}

impl Server {
    fn start() -> Server {
        let home = Home::with_script(&[]);
        let page = home.path("www/dist");
        std::fs::create_dir_all(page.join("0123456789ab")).unwrap();
        for (path, body) in [
            ("index.html", "<!doctype html>"),
            ("0123456789ab/main.js", "export {}"),
            ("weft.wasm", "\0asm"),
            ("a%b", "odd"),
        ] {
            std::fs::write(page.join(path), body).unwrap();
        }
        std::fs::write(home.path("secret.txt"), "secret").unwrap();
        std::os::unix::fs::symlink(home.path("secret.txt"), page.join("link.txt")).unwrap();
        let mut child = home.start(&["web", "--port", "0", "--json"]);
        // The document ends, and the output does not.
        let said = serde_json::Deserializer::from_reader(child.stdout.as_mut().unwrap()).into_iter::<Value>().next();
        let said = said.expect("a document").unwrap();
        let url = said["url"].as_str().unwrap();
        let port = url.strip_prefix("http://localhost:").unwrap().trim_end_matches('/').parse().unwrap();
        Server { home, child, port }
    }

    /// What is answered to these bytes.
    fn says(&self, request: &str) -> String {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(&self, path: &str) -> String {
        self.says(&format!("GET {path} HTTP/1.1\r\nhost: localhost:{}\r\n\r\n", self.port))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn files_come_with_their_types_and_nothing_outside_of_the_folder_does() {
    let server = Server::start();
    for (path, kind, body) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/index.html?x=1", "text/html; charset=utf-8", "<!doctype html>"),
        ("/0123456789ab/main.js", "text/javascript; charset=utf-8", "export {}"),
        ("/weft.wasm", "application/wasm", "\0asm"),
        ("/a%25b", "application/octet-stream", "odd"),
    ] {
        let answer = server.get(path);
        let (head, found) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {answer}");
        assert!(head.contains(&format!("content-type: {kind}\r\n")), "{path}: {head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert_eq!(found, body, "{path}");
    }
    assert!(server.get("/0123456789ab/main.js").contains("immutable"));
    assert!(server.get("/").contains("cache-control: no-cache"));
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "//secret.txt",
        "/link.txt",
        "/0123456789ab",
        "/0123456789ab/",
        "/none",
        "/./index.html",
        "/index.html%00",
        "/%zz",
    ] {
        let answer = server.get(path);
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        assert!(answer.ends_with("\r\n\r\n") && !answer.contains("secret"), "{path}: {answer}");
    }
}

#[test]
fn it_answers_to_its_own_name_only_and_to_no_other_method() {
    let server = Server::start();
    let port = server.port;
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        let head = server.says(&format!("HEAD / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
        assert!(head.contains("content-length: 15\r\n"), "{head}");
    }
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nhost: rebound.example:{port}\r\n\r\n"), "421"),
        ("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(), "421"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400"),
        (format!("GET / HTTP/1.1\r\nhost: localhost:{port}\r\nhost: x\r\n\r\n"), "400"),
        (format!("POST / HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n"), "405"),
        (format!("GET http://localhost:{port}/ HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n"), "400"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(20_000)), "400"),
    ] {
        let answer = server.says(&request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.60}: {answer}");
    }
    // Nothing but loopback is listened on.
    let listening = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let local = format!(":{port:04X} 00000000:0000 0A");
    let all: Vec<&str> = listening.lines().filter(|line| line.contains(&local)).collect();
    assert!(!all.is_empty() && all.iter().all(|line| line.contains(" 0100007F:")), "{all:?}");
}

#[test]
fn it_ends_when_it_is_told_to_and_says_what_is_missing() {
    let mut server = Server::start();
    assert!(Command::new("kill").args(["-s", "INT", &server.child.id().to_string()]).status().unwrap().success());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    server.home.weft(&["web", "--port", &port]).exits(5).tells(&["cannot be listened on", "--port"]);
    let empty = Home::with_script(&[]);
    let none: Done = empty.weft(&["web"]).exits(2);
    none.tells(&["no built page in www/dist", "npm --prefix www run build"]);
    empty.weft(&["web", "--dir", "repo"]).exits(2).tells(&["no built page in repo"]);
}
