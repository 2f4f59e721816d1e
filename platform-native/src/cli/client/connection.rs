//! One connection to a kernel: requests one after the other, and what it refuses as the failure that it is.

use crate::cli::VERSION;
use crate::cli::address::{Address, SocketPath, authority};
use crate::cli::exit::{Exit, Failure, of_refusal};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use kernel_core::refusal::Code;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// How long a kernel may take to take a connection.
const ANSWER: Duration = Duration::from_secs(10);

/// How often it is looked whether a process has ended.
const LOOK: Duration = Duration::from_millis(3);

/// The most bytes of an answer.
const MOST: usize = 512 << 20;

/// A connection to a kernel.
pub(in crate::cli) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    token: Option<HeaderValue>,
    address: Address,
    /// The process that answers, where that can be known.
    peer: Option<i32>,
}

impl Connection {
    /// Connects; the sentence that says why not.
    pub(super) async fn open(address: &Address, token: Option<String>) -> Result<Connection, String> {
        let token = token.map(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| "the token is none")?;
            value.set_sensitive(true);
            Ok::<_, &str>(value)
        });
        let token = token.transpose()?;
        let opened = async {
            match address {
                Address::Unix(path) => {
                    let place = SocketPath::of(path)?;
                    let stream = UnixStream::connect(place.path()).await?;
                    // Somebody else's socket in this place would be told what is meant for the kernel.
                    let (me, theirs) = (rustix::process::geteuid().as_raw(), stream.peer_cred()?.uid());
                    if theirs != me {
                        return Err(io::Error::other(format!(
                            "user {theirs} listens there, not user {me}, who runs this"
                        )));
                    }
                    let peer = stream.peer_cred()?.pid();
                    Ok((started(stream).await?, "localhost".to_owned(), peer))
                }
                Address::Tcp { host, port } => {
                    let stream = TcpStream::connect((host.as_str(), *port)).await?;
                    stream.set_nodelay(true)?;
                    Ok((started(stream).await?, authority(host, *port), None))
                }
            }
        };
        let opened: io::Result<_> = tokio::time::timeout(ANSWER, opened).await.map_err(|_| "nothing came in time")?;
        let (sender, host, peer) = opened.map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => "there is no such socket".to_owned(),
            io::ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
            _ => e.to_string(),
        })?;
        Ok(Connection { sender, host, token, address: address.clone(), peer })
    }

    /// What is answered to a `GET`.
    pub(in crate::cli) async fn get(&mut self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::GET, path, None).await
    }

    /// What is answered to a `POST` of `body`.
    pub(in crate::cli) async fn post(&mut self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// What is answered to a `DELETE`.
    pub(in crate::cli) async fn delete(&mut self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::DELETE, path, None).await
    }

    /// One act; what is answered.
    pub(in crate::cli) async fn act(&mut self, verb: &str, resource: &str, body: Value) -> Result<Value, Failure> {
        self.post("/v1/acts", &json!({ "verb": verb, "resource": resource, "body": body })).await
    }

    async fn ask(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let bytes = self.whole(method, path, body).await?;
        self.parsed(&bytes)
    }

    /// The bytes of what is answered to a `GET`, which [`Connection::parsed`] makes something of.
    pub(in crate::cli) async fn bytes(&mut self, path: &str) -> Result<Bytes, Failure> {
        self.whole(Method::GET, path, None).await
    }

    /// What an answer says.
    pub(in crate::cli) fn parsed<'b, T: Deserialize<'b>>(&self, bytes: &'b [u8]) -> Result<T, Failure> {
        serde_json::from_slice(bytes)
            .map_err(|e| self.broke_off(&format!("it answered something else than was expected ({e})")))
    }

    async fn whole(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Bytes, Failure> {
        let response = self.send(method, path, body, None).await?;
        let good = response.status().is_success();
        let whole = Limited::new(response.into_body(), MOST).collect().await;
        let bytes = whole.map_err(|e| self.broke_off(&e.to_string()))?.to_bytes();
        if good { Ok(bytes) } else { Err(refused(&self.parsed(&bytes)?)) }
    }

    /// The events behind `last`, or those that `query` says.
    pub(super) async fn events(&mut self, query: &str, last: Option<&str>) -> Result<Incoming, Failure> {
        self.opened(&format!("/v1/events?{query}"), last).await
    }

    /// What is answered to a `GET`, as it comes.
    pub(in crate::cli) async fn streamed(&mut self, path: &str) -> Result<Incoming, Failure> {
        self.opened(path, None).await
    }

    async fn opened(&mut self, path: &str, last: Option<&str>) -> Result<Incoming, Failure> {
        let response = self.send(Method::GET, path, None, last).await?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        let whole = Limited::new(response.into_body(), MOST).collect().await;
        let bytes = whole.map_err(|e| self.broke_off(&e.to_string()))?.to_bytes();
        Err(refused(&serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        last: Option<&str>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.host);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let body = match body {
            None => Bytes::new(),
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
        };
        let request = request.body(Full::new(body)).map_err(|e| self.broke_off(&e.to_string()))?;
        // The answer before may be read before the connection is done with it.
        self.sender.ready().await.map_err(|e| self.broke_off(&e.to_string()))?;
        self.sender.send_request(request).await.map_err(|e| self.broke_off(&e.to_string()))
    }

    /// Waits until the process that answers has ended, at most `most`, where it runs on this machine.
    pub(super) async fn ended(&self, most: Duration) {
        let Some(pid) = self.peer else { return };
        let runs = || {
            // One that has ended and that nobody has waited for is a zombie (proc(5), `stat`).
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
        };
        let until = tokio::time::Instant::now() + most;
        while runs() && tokio::time::Instant::now() < until {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The connection broke off.
    pub(in crate::cli) fn broke_off(&self, why: &str) -> Failure {
        let message = format!("the kernel at {} broke off: {why}", self.address);
        Failure::new(Exit::Failed, "broke_off", message).help("see whether it still runs: weft health")
    }
}

/// A connection that requests can be sent on.
async fn started<S>(stream: S) -> io::Result<SendRequest<Full<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(async move {
        // Whoever waits for an answer is told that it broke off.
        let _ = connection.await;
    });
    Ok(sender)
}

/// What a kernel has refused.
fn refused(document: &Value) -> Failure {
    let error = &document["error"];
    let code = Code::ALL.iter().find(|code| error["code"] == code.as_str()).copied().unwrap_or(Code::Failed);
    let reason = error["reason"].as_str().unwrap_or("the kernel refused it and did not say why");
    let failure = Failure::new(of_refusal(code), code.as_str(), reason);
    let failure = failure.with("action", &error["action"]).with("detail", &error["detail"]);
    match error["help"].as_str() {
        Some(help) => failure.help(help),
        None => failure,
    }
}

/// Whether the program that answered is of another version than this one, in words.
pub(super) fn other_version(document: &Value) -> Option<String> {
    let theirs = document["weft"].as_str().filter(|theirs| *theirs != VERSION)?;
    Some(format!("the kernel is version {theirs}, and this is {VERSION}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_failure_that_it_is() {
        let document =
            json!({ "error": { "code": "denied", "reason": "no", "help": "yes", "action": 7, "detail": {} } });
        let failure = refused(&document);
        assert_eq!((failure.exit, failure.code, &*failure.message), (Exit::Denied, "denied", "no"));
        assert_eq!(failure.help.as_deref(), Some("yes"));
        assert_eq!(failure.more["action"], 7);
        assert_eq!(refused(&json!({})).exit, Exit::Failed);
    }

    #[test]
    fn another_version_is_noticed() {
        assert_eq!(other_version(&json!({ "weft": VERSION })), None);
        assert!(other_version(&json!({ "weft": "0.0.1" })).is_some());
    }
}
