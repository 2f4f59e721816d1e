//! `weft send` and `weft call`: a message to a process or a service.

use super::Which;
use crate::cli::VERSION;
use crate::cli::api::Encoding;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::terminal::{Terminal, print, print_json, tell};
use crate::cli::text::plain;
use kernel_core::app::parse_duration;
use serde_json::{Value, json};
use std::io::{IsTerminal, Read, Write};
use std::time::Duration;

/// The most bytes of a message, and of a value.
const MOST: u64 = 1 << 20;

/// What is sent.
#[derive(Debug, clap::Args)]
struct Message {
    /// To whom: /svc/NAME or /proc/PID, and for a call also /tool/NAME
    #[arg(value_name = "PATH")]
    path: String,
    /// The message; `-` reads it from standard input
    #[arg(value_name = "BODY", default_value = "")]
    body: String,
    /// Its media type
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// A label that the message carries
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
}

/// The arguments of `weft send`.
#[derive(Debug, clap::Args)]
pub(crate) struct Send {
    #[command(flatten)]
    message: Message,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// The arguments of `weft call`.
#[derive(Debug, clap::Args)]
pub(crate) struct Call {
    #[command(flatten)]
    message: Message,
    /// How long to wait for the reply, as in 30s or 5m
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    deadline: Duration,
    #[command(flatten)]
    pub(crate) which: Which,
}

impl Message {
    /// The act.
    fn act(&self, verb: &str, deadline: Option<Duration>) -> Result<Value, Failure> {
        let body = given(&self.body, "a message")?;
        let (encoding, payload) = Encoding::of(&body);
        let deadline = deadline.map(|deadline| u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX));
        let mut line = json!({ "labels": self.labels });
        if let Some(kind) = &self.content_type {
            line["content_type"] = json!(kind);
        }
        if let Some(deadline) = deadline {
            line["deadline_ms"] = json!(deadline);
        }
        Ok(json!({ "verb": verb, "resource": self.path, "body": line, "payload": payload, "encoding": encoding }))
    }
}

impl Send {
    /// Runs it.
    pub(crate) fn run(&self, _: Terminal) -> Result<Exit, Failure> {
        let act = self.message.act("send", None)?;
        on_runtime(async {
            let sent = self.which.connect().await?.post("/v1/acts", &act).await?;
            match self.which.json {
                true => print_json(&json!({ "weft": VERSION, "id": sent["body"]["id"] }))?,
                false => print(&[format!("sent as message {}", sent["body"]["id"])])?,
            }
            Ok(Exit::Done)
        })
    }
}

impl Call {
    /// Runs it. Where it is not for a program, what is printed is the reply and nothing else.
    pub(crate) fn run(&self, _: Terminal) -> Result<Exit, Failure> {
        let act = self.message.act("call", Some(self.deadline))?;
        on_runtime(async {
            let called = self.which.connect().await?.post("/v1/acts", &act).await?;
            let (labels, payload, encoding) = (&called["body"]["labels"], &called["payload"], &called["encoding"]);
            if self.which.json {
                print_json(&json!({ "weft": VERSION, "labels": labels, "payload": payload, "encoding": encoding }))?;
                return Ok(Exit::Done);
            }
            let names: Vec<&str> = labels.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            if !names.is_empty() {
                tell(&format!("the reply is labelled {}", plain(&names.join(", "))));
            }
            write(&self::payload(&called))?;
            Ok(Exit::Done)
        })
    }
}

/// What was given to be sent or written: the text, or for `-` what comes on standard input. `what` it is, for a person.
pub(in crate::cli) fn given(text: &str, what: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    match text {
        "-" => {
            let read = std::io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes);
            read.map_err(|e| Failure::usage(format!("standard input cannot be read: {e}")))?;
        }
        text => bytes.extend_from_slice(text.as_bytes()),
    }
    if bytes.len() as u64 > MOST {
        let message = format!("{what} may have {MOST} bytes, and this one has more");
        return Err(Failure::new(Exit::Usage, "too_large", message));
    }
    Ok(bytes)
}

/// The bytes of an answer.
pub(in crate::cli) fn payload(answer: &Value) -> Vec<u8> {
    let encoding = serde_json::from_value(answer["encoding"].clone()).unwrap_or(Encoding::Utf8);
    encoding.bytes(answer["payload"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
}

/// Writes a reply: as it is into a pipe, and fit for a terminal to one.
pub(in crate::cli) fn write(reply: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if out.is_terminal() {
        let text = String::from_utf8_lossy(reply);
        return print(&text.lines().map(plain).collect::<Vec<_>>());
    }
    match out.write_all(reply).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Failed, "output", format!("standard output cannot be written: {e}")))
        }
        _ => Ok(()),
    }
}
