//! `weft web`: serves the page, the kernel in a browser tab, to this machine's own browsers.
//!
//! Static files and nothing else: the kernel that they hold runs in the tab. It listens on the loopback address alone and
//! answers only to that name, so that no page from elsewhere reads it under a name of its own; a file is opened below
//! the folder and nowhere else, whatever links lie there.

use super::VERSION;
use super::exit::{Exit, Failure};
use super::terminal::{Terminal, print, print_json};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde_json::json;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

/// The port where none is named.
const PORT: u16 = 8080;

/// Where the page is looked for if nobody says: built here, or installed beside this program.
const BUILT: &str = "www/dist";
const INSTALLED: &str = "../share/weft/www";

/// The most bytes of the head of a request, and of a file.
const MAX_HEAD: usize = 16 << 10;
const MAX_FILE: u64 = 64 << 20;

/// The most header lines of a request, and connections at once.
const HEADERS: usize = 64;
const CONNECTIONS: usize = 64;

/// How long a browser may take to ask and to take the answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Web {
    /// The built page. Default: www/dist below this folder, else share/weft/www beside the program
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The port to listen on, on this machine alone; 0 takes any that is free
    #[arg(long, value_name = "PORT", default_value_t = PORT)]
    port: u16,
    /// Print one JSON document, as soon as it listens
    #[arg(long)]
    pub(super) json: bool,
}

impl Web {
    /// Serves until it is interrupted.
    pub(super) async fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        let (path, folder) = self.folder()?;
        let taken = |e: io::Error| {
            Failure::new(Exit::Unsupported, "host", format!("port {} cannot be listened on: {e}", self.port))
                .help("name another one: --port PORT, or 0 for any that is free")
        };
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.map_err(taken)?;
        let port = listener.local_addr().map_err(taken)?.port();
        // Whoever reads the address may end it.
        let no_signals = |e: io::Error| Failure::new(Exit::Unsupported, "signals", format!("no signals: {e}"));
        let mut interrupted = signal(SignalKind::interrupt()).map_err(no_signals)?;
        let mut ended = signal(SignalKind::terminate()).map_err(no_signals)?;
        let url = format!("http://localhost:{port}/");
        let shown = path.display().to_string();
        match self.json {
            true => print_json(&json!({ "weft": VERSION, "url": url, "dir": shown }))?,
            false => print(&[format!("{} serves {shown}; Ctrl-C ends it", terminal.out.bold(&url))])?,
        }
        tokio::select! {
            () = serve(listener, port, Arc::new(folder)) => {}
            _ = interrupted.recv() => {}
            _ = ended.recv() => {}
        }
        Ok(Exit::Done)
    }

    /// The folder of the page, which holds an `index.html`.
    fn folder(&self) -> Result<(PathBuf, Dir), Failure> {
        let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(INSTALLED)));
        let places = match &self.dir {
            Some(named) => vec![named.clone()],
            None => [Some(PathBuf::from(BUILT)), beside].into_iter().flatten().collect(),
        };
        let page = |path: &PathBuf| {
            let folder = Dir::open_ambient_dir(path, ambient_authority()).ok()?;
            folder.is_file("index.html").then(|| (path.clone(), folder))
        };
        places.iter().find_map(page).ok_or_else(|| {
            let tried: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
            Failure::usage(format!("there is no built page in {}", tried.join(" or "))).help(
                "build it in a checkout: `npm --prefix pkg ci`, `pkg/build.sh`, `npm --prefix www ci`, \
                 `npm --prefix www run build`; then name it: --dir www/dist",
            )
        })
    }
}

async fn serve(listener: TcpListener, port: u16, folder: Arc<Dir>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((connection, _)) = listener.accept().await else {
            // No descriptor is free, or the peer is gone again: there is nothing to do but to go on a little later.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let folder = folder.clone();
        tokio::spawn(async move {
            // A browser that is gone or too slow is its own affair.
            let _ = tokio::time::timeout(PATIENCE, one(connection, port, folder)).await;
            drop(place);
        });
    }
}

/// One request and its answer; then the connection is over.
async fn one(mut connection: TcpStream, port: u16, folder: Arc<Dir>) -> io::Result<()> {
    let mut head = Vec::new();
    let answer = loop {
        if connection.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&head) {
            Ok(httparse::Status::Partial) if head.len() < MAX_HEAD => {}
            Ok(httparse::Status::Complete(_)) => {
                let asked = wanted(&request, port);
                let body = !matches!(request.method, Some("HEAD"));
                break match asked {
                    Ok(path) => {
                        let found = tokio::task::spawn_blocking(move || file(&folder, &path)).await;
                        found.unwrap_or(Answer::Refused(500)).head_only(!body)
                    }
                    Err(code) => Answer::Refused(code),
                };
            }
            Ok(httparse::Status::Partial) | Err(_) => break Answer::Refused(400),
        }
    };
    connection.write_all(&answer.bytes()).await?;
    connection.shutdown().await
}

/// The path below the folder that `request` is for, or the status that refuses it.
fn wanted(request: &httparse::Request<'_, '_>, port: u16) -> Result<PathBuf, u16> {
    let mut hosts = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
    let host = hosts.next().filter(|_| hosts.next().is_none()).ok_or(400_u16)?;
    // A page from elsewhere that had its own name lead here would be of another origin by that name alone.
    if !["localhost", "127.0.0.1"].iter().any(|name| host.value == format!("{name}:{port}").as_bytes()) {
        return Err(421);
    }
    if !matches!(request.method, Some("GET" | "HEAD")) {
        return Err(405);
    }
    let path = request.path.unwrap_or_default().split(['?', '#']).next().unwrap_or_default();
    let below = path.strip_prefix('/').ok_or(400_u16)?;
    let mut out = PathBuf::new();
    let segments: Vec<&str> = below.split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        // A folder is its index.
        if segment.is_empty() && index + 1 == segments.len() {
            out.push("index.html");
            continue;
        }
        // What is no canonical name here is none, nothing and `..` among it.
        let name = kernel_core::path::decode_segment(segment).map_err(|_| 404_u16)?;
        match std::str::from_utf8(&name) {
            Ok("" | "." | "..") | Err(_) => return Err(404),
            Ok(name) if name.contains(['/', '\0']) => return Err(404),
            Ok(name) => out.push(name),
        }
    }
    Ok(out)
}

/// What is answered.
enum Answer {
    Found { path: PathBuf, body: Vec<u8>, head_only: bool },
    Refused(u16),
}

fn file(folder: &Dir, path: &Path) -> Answer {
    let read = || -> io::Result<Option<Vec<u8>>> {
        let file = folder.open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() > MAX_FILE {
            return Ok(None);
        }
        let mut body = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut body)?;
        Ok(Some(body))
    };
    match read() {
        Ok(Some(body)) => Answer::Found { path: path.to_owned(), body, head_only: false },
        // Also what leads out of the folder: nothing of that is told.
        Ok(None) | Err(_) => Answer::Refused(404),
    }
}

impl Answer {
    fn head_only(self, only: bool) -> Answer {
        match self {
            Answer::Found { path, body, .. } => Answer::Found { path, body, head_only: only },
            refused @ Answer::Refused(_) => refused,
        }
    }

    fn bytes(self) -> Vec<u8> {
        let (status, head, body) = match self {
            Answer::Found { path, body, head_only } => {
                // What lies in a folder that is named by a hash never changes.
                let is_hash = |part: &std::ffi::OsStr| {
                    part.len() == 12
                        && part.as_encoded_bytes().iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
                };
                let cache = match path.parent().is_some_and(|folder| folder.iter().any(is_hash)) {
                    true => "public, max-age=31536000, immutable",
                    false => "no-cache",
                };
                let head = format!(
                    "content-type: {}\r\ncontent-length: {}\r\ncache-control: {cache}\r\n",
                    media_type(&path),
                    body.len()
                );
                ("200 OK", head, if head_only { Vec::new() } else { body })
            }
            Answer::Refused(code) => {
                let status = match code {
                    400 => "400 Bad Request",
                    405 => "405 Method Not Allowed",
                    421 => "421 Misdirected Request",
                    500 => "500 Internal Server Error",
                    _ => "404 Not Found",
                };
                let allow = if code == 405 { "allow: GET, HEAD\r\n" } else { "" };
                (status, format!("content-length: 0\r\n{allow}"), Vec::new())
            }
        };
        let head = format!("HTTP/1.1 {status}\r\n{head}x-content-type-options: nosniff\r\nconnection: close\r\n\r\n");
        [head.into_bytes(), body].concat()
    }
}

/// The media types of what a page is made of; browsers run no module and compile no WebAssembly of another.
fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "toml" | "txt" | "md" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        _ => "application/octet-stream",
    }
}
