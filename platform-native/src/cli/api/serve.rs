//! Connections: taken as long as there is room, each with its bounds, each ended when the kernel is.

use super::acts::Act;
use super::approvals::{self, Answer};
use super::apps::{Install, Start};
use super::door::Door;
use super::events::{self, After};
use super::listen::{Listener, Peer};
use super::refused::Refused;
use super::routes::{self, Op, Route, Slot};
use super::sessions::Held;
use super::{Api, READERS, acts, apps, log, look, openapi, receipts, request, tree};
use crate::cli::{VERSION, backup};
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use kernel_core::id::ActionId;
use kernel_core::kernel::Session;
use kernel_core::path::Name;
use kernel_core::platform::StorageError;
use kernel_core::refusal::Code;
use serde::Deserialize;
use serde_json::json;
use socket2::{SockRef, TcpKeepalive};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OnceCell, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

/// The most connections at once of one address: nobody at one keeps others from another.
const CONNECTIONS: usize = 256;

/// How many are told at once why they are not let in, and how long that may take.
const AWAY: usize = 64;
const LINGER: Duration = Duration::from_secs(1);

/// How long a head may take, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(5);

/// How long whoever reads an answer may take nothing of it.
const TAKE: Duration = Duration::from_secs(10);

/// The most header lines of a request, and the bytes that are kept of one connection in either direction.
const HEADERS: usize = 64;
const BUFFER: usize = 64 << 10;

/// How long connections may take to end when the kernel has.
const LAST: Duration = Duration::from_secs(2);

/// How long it takes until a connection is tried to be taken again where the operating system has none to give.
const PAUSE: Duration = Duration::from_millis(20);

type Body = BoxBody<Bytes, StorageError>;

/// One connection.
struct Connection {
    api: Arc<Api>,
    door: Arc<Door>,
    /// Who acts, from the first act on.
    session: OnceCell<Held>,
}

/// Serves at `listener` until `over` says so, then ends what is under way.
pub(crate) async fn serve(api: Arc<Api>, listener: Listener, over: watch::Receiver<bool>) {
    let (room, away) = (Arc::new(Semaphore::new(CONNECTIONS)), Arc::new(Semaphore::new(AWAY)));
    let mut connections = JoinSet::new();
    let mut told = over.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.socket.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = ended(&mut told) => break,
        };
        let Ok(peer) = accepted else {
            // No descriptor is free, or the peer is gone again.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let entered = match (room.clone().try_acquire_owned(), listener.door.connected(&peer)) {
            (_, Err(refused)) => Err(refused),
            (Err(_), Ok(())) => {
                let reason = format!("{CONNECTIONS} connections are open, and no more are taken");
                Err(Refused::new(Code::Full, reason).status(StatusCode::SERVICE_UNAVAILABLE))
            }
            (Ok(place), Ok(())) => Ok(place),
        };
        match entered {
            Ok(place) => {
                let (api, door, over) = (api.clone(), listener.door.clone(), over.clone());
                connections.spawn(async move {
                    match peer {
                        Peer::Unix(stream) => connection(api, door, stream, over).await,
                        Peer::Tcp(stream) => {
                            let _ = stream.set_nodelay(true);
                            let _ = found_out(&stream);
                            connection(api, door, stream, over).await;
                        }
                    }
                    drop(place);
                });
            }
            // Whoever is turned away while many are is not told why.
            Err(refused) => {
                if let Ok(place) = away.clone().try_acquire_owned() {
                    connections.spawn(async move {
                        let told = match peer {
                            Peer::Unix(stream) => tokio::time::timeout(LINGER, turn_away(stream, &refused)).await,
                            Peer::Tcp(stream) => tokio::time::timeout(LINGER, turn_away(stream, &refused)).await,
                        };
                        drop((told, place));
                    });
                }
            }
        }
    }
    // Nobody new comes in, and the socket is gone.
    drop(listener);
    let _ = tokio::time::timeout(LAST, async { while connections.join_next().await.is_some() {} }).await;
    connections.shutdown().await;
}

/// Has a peer that is gone without a word found out, also where nothing is written to it or only what fits into buffers.
fn found_out(stream: &TcpStream) -> std::io::Result<()> {
    let stream = SockRef::from(stream);
    stream.set_tcp_keepalive(&TcpKeepalive::new().with_time(TAKE).with_interval(HEAD).with_retries(3))?;
    stream.set_tcp_user_timeout(Some(2 * TAKE))
}

/// Waits until the kernel has stopped.
async fn ended(over: &mut watch::Receiver<bool>) {
    // Whoever would tell it is gone, which tells it, too.
    let _ = over.wait_for(|over| *over).await;
}

/// Says why to somebody who is not let in: once it has asked, and then until it has read that. Whoever is answered before it
/// has asked, or while it does, finds a connection that broke off.
async fn turn_away<S>(mut stream: S, refused: &Refused) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut asked, mut some) = (Vec::new(), [0u8; 4_096]);
    while asked.len() < BUFFER && !asked.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut some).await? {
            0 => return Ok(()),
            n => asked.extend_from_slice(&some[..n]),
        }
    }
    let body = refused.document().to_string();
    let head = format!(
        "HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        refused.status,
        body.len()
    );
    stream.write_all([head, body].concat().as_bytes()).await?;
    stream.shutdown().await?;
    while stream.read(&mut some).await? > 0 {}
    Ok(())
}

async fn connection<S>(api: Arc<Api>, door: Arc<Door>, stream: S, mut over: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let connection = Arc::new(Connection { api, door, session: OnceCell::new() });
    let mut stream = Box::pin(TimeoutStream::new(stream));
    stream.as_mut().set_write_timeout_pinned(Some(TAKE));
    let theirs = connection.clone();
    let service = service_fn(move |request| {
        let connection = theirs.clone();
        async move { Ok::<_, Infallible>(connection.answer(request).await) }
    });
    let mut builder = http1::Builder::new();
    // Who has said all that it wants is answered all the same.
    builder.half_close(true);
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_headers(HEADERS).max_buf_size(BUFFER);
    let mut served = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // Somebody who breaks off, is too slow or sends no HTTP is told so as far as that goes, and gone.
    let told = tokio::select! {
        _ = served.as_mut() => false,
        () = ended(&mut over) => true,
    };
    if told {
        served.as_mut().graceful_shutdown();
        let _ = served.as_mut().await;
    }
}

/// What a body may say where it says nothing else.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Shutdown {
    reason: String,
}

impl Connection {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let answered = match self.door.comes_in(request.uri(), request.headers()) {
            Ok(()) => self.routed(request).await,
            // Whoever may not come in does not hold a place either.
            Err(refused) => {
                let mut response = refusal(&refused);
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                return response;
            }
        };
        match answered {
            Ok(response) => response,
            Err(refused) => refusal(&refused),
        }
    }

    async fn routed(&self, request: Request<Incoming>) -> Result<Response<Body>, Refused> {
        let (route, slot) = routes::find(request.method(), request.uri().path())?;
        let query = routes::query(route, request.uri().query())?;
        if route.op == Op::Events {
            return self.events(&request, &query);
        }
        let api = &self.api;
        if route.op == Op::Backup {
            return self.backup().await;
        }
        if route.op == Op::Processes {
            let says = |what| query.iter().any(|(name, _)| *name == what);
            return Ok(json_response(StatusCode::OK, look::processes(api, says("all"), says("brief")).await?));
        }
        if route.op == Op::Receipt {
            let with_body = query.iter().any(|(name, _)| *name == "body");
            return Ok(json_response(StatusCode::OK, receipts::receipt(api, numbered(slot)?, with_body).await?));
        }
        if route.op == Op::Inclusion {
            return Ok(json_response(StatusCode::OK, receipts::inclusion(api, placed(slot)?).await?));
        }
        if route.op == Op::Consistency {
            return Ok(json_response(StatusCode::OK, receipts::consistency(api, placed(slot)?).await?));
        }
        let document = match route.op {
            Op::Health => look::health(api),
            Op::Services => look::services(api).await?,
            Op::Apps => look::apps(api).await?,
            Op::Install => {
                let full = |_| Refused::new(Code::Full, "other applications are being installed; try again");
                let _large = api.room.large.try_acquire().map_err(full)?;
                let install: Install = read(route, request).await?;
                apps::install(api.clone(), install).await?
            }
            Op::Start => {
                let start: Start = read(route, request).await?;
                apps::start(api.clone(), named(slot)?, start).await?
            }
            Op::Remove => apps::remove(api.clone(), named(slot)?).await?,
            Op::Act => {
                let act: Act = read(route, request).await?;
                match act.gives() {
                    true => acts::act(Held::giver(api.kernel.clone()).await?.session(), act).await?,
                    false => acts::act(self.session().await?, act).await?,
                }
            }
            Op::Approvals => approvals::list(api).await?,
            Op::Answer => {
                let answer: Answer = read(route, request).await?;
                approvals::answer(api, numbered(slot)?, answer).await?
            }
            Op::Children => tree::children(api, read(route, request).await?).await?,
            Op::Snapshots => tree::list(api).await?,
            Op::Diff => tree::diff(api, read(route, request).await?).await?,
            Op::Prove => tree::prove(api, read(route, request).await?).await?,
            Op::Log => log::log(api, placed(slot)?).await?,
            Op::Checkpoint => receipts::checkpoint(api).await?,
            Op::Shutdown => {
                let Shutdown { reason } = read(route, request).await?;
                let reason = if reason.is_empty() { "the operator asked for it".to_owned() } else { reason };
                json!({ "weft": VERSION, "checkpoint": api.stop.ask(reason).await? })
            }
            Op::OpenApi | Op::Events | Op::Processes | Op::Receipt | Op::Inclusion | Op::Consistency | Op::Backup => {
                openapi::document()
            }
        };
        Ok(json_response(StatusCode::OK, document.to_string().into()))
    }

    /// Who acts here.
    async fn session(&self) -> Result<&Session, Refused> {
        Ok(self.session.get_or_try_init(|| Held::open(self.api.kernel.clone())).await?.session())
    }

    /// All that is stored once everything so far is signed.
    async fn backup(&self) -> Result<Response<Body>, Refused> {
        let api = &self.api;
        let full = |_| Refused::new(Code::Full, "other backups are being made; try again");
        let permit = api.room.backups.clone().try_acquire_owned().map_err(full)?;
        api.kernel.checkpoint().await?;
        let unread = |e: String| Refused::new(Code::Failed, format!("what is stored cannot be read: {e}"));
        let key = api.kernel.key().await.map_err(|e| unread(e.to_string()))?;
        let body = backup::served(&api.rows, &key, &api.data_dir, permit).map_err(|e| unread(e.to_string()))?;
        let mut response = Response::new(body.boxed());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        Ok(safe(response))
    }

    fn events(&self, request: &Request<Incoming>, query: &[(&str, &str)]) -> Result<Response<Body>, Refused> {
        let says = |name: &str, value: &str| query.contains(&(name, value));
        let last = request.headers().get("last-event-id").map(|id| id.to_str().unwrap_or_default());
        let after = match last {
            Some(id) => After::parse(id)?.told_by(&self.api.events)?,
            None if says("from", "oldest") => After::Start,
            None => After::Now,
        };
        let full = |_| {
            let reason = format!("{READERS} connections read events, and no more are taken");
            Refused::new(Code::Full, reason).status(StatusCode::SERVICE_UNAVAILABLE)
        };
        let place = self.api.room.readers.clone().try_acquire_owned().map_err(full)?;
        let body = events::body(self.api.events.clone(), after, !says("follow", "false"), place);
        let mut response = Response::new(body.map_err(|never| match never {}).boxed());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        Ok(safe(response))
    }
}

async fn read<T: serde::de::DeserializeOwned>(route: &Route, request: Request<Incoming>) -> Result<T, Refused> {
    let (_, most) = route.body.unwrap_or(("", 0));
    let (parts, body) = request.into_parts();
    request::read(&parts.headers, body, most).await
}

fn named(slot: Option<Slot>) -> Result<Name, Refused> {
    match slot {
        Some(Slot::Name(name)) => Ok(name),
        _ => Err(Refused::new(Code::Invalid, "the path names nothing")),
    }
}

fn numbered(slot: Option<Slot>) -> Result<ActionId, Refused> {
    match slot {
        Some(Slot::Action(action)) => Ok(action),
        _ => Err(Refused::new(Code::Invalid, "the path names no act")),
    }
}

fn placed(slot: Option<Slot>) -> Result<u64, Refused> {
    match slot {
        Some(Slot::Event(event)) => Ok(event),
        _ => Err(Refused::new(Code::Invalid, "the path names no event")),
    }
}

fn refusal(refused: &Refused) -> Response<Body> {
    let mut response = json_response(refused.status, refused.document().to_string().into());
    let headers = response.headers_mut();
    if let Some(allow) = refused.allowed().and_then(|allow| HeaderValue::from_str(allow).ok()) {
        headers.insert(ALLOW, allow);
    }
    if refused.status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    // What was not read of a request is not waited for.
    if matches!(refused.status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn json_response(status: StatusCode, document: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(document).map_err(|never| match never {}).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    safe(response)
}

/// What every answer says to browsers and to what lies between.
fn safe(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    response
}
