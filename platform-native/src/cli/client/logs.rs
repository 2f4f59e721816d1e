//! `weft logs`: what guests have logged and what has happened, from the events of a kernel.

use super::Which;
use super::event::{Event, Events};
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::terminal::{Output, Palette, Terminal};
use crate::cli::text::{counted, fitted, limit_near, plain, plain_json};
use serde_json::json;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Logs {
    /// Only what this process logged and what happened to it
    #[arg(value_name = "PID")]
    pid: Option<u64>,
    /// Go on with what comes
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    pub(crate) which: Which,
}

impl Logs {
    /// Runs it.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        if let Some(pid) = self.pid {
            self.known(pid)?;
        }
        let query = if self.follow { "from=oldest" } else { "from=oldest&follow=false" };
        on_runtime(async {
            let mut events = Events::open(&self.which, query).await?;
            while let Some(some) = events.next().await? {
                let (mut output, mut over) = (Output::stdout(), false);
                for event in some {
                    over |= event.kind == "stopped";
                    if self.wants(&event) {
                        self.show(&event, terminal, &mut output)?;
                    }
                }
                let gone = output.is_gone();
                output.finish()?;
                if over || gone {
                    break;
                }
            }
            Ok(Exit::Done)
        })
    }

    /// Whether there is, or was, such a process, as far as the kernel remembers.
    fn known(&self, pid: u64) -> Result<(), Failure> {
        let told = on_runtime(async { self.which.connect().await?.get("/v1/processes?all&brief").await })?;
        let known = told["processes"].as_array().into_iter().flatten().any(|process| process["pid"] == pid);
        let message = format!("there is no process {pid}, and none that has ended is remembered by that number");
        match known {
            true => Ok(()),
            false => Err(Failure::new(Exit::Failed, "not_found", message).help("weft ps --all shows all of them")),
        }
    }

    fn wants(&self, event: &Event) -> bool {
        let always = matches!(event.kind.as_str(), "lagged" | "reconnected" | "restarted" | "stopped");
        always || self.pid.is_none_or(|pid| event.data["pid"] == pid)
    }

    fn show(&self, event: &Event, terminal: Terminal, output: &mut Output) -> Result<(), Failure> {
        if self.which.json {
            let line = json!({ "id": event.id, "event": event.kind, "data": event.data });
            return output.line(&plain_json(&line.to_string()));
        }
        let line = line(event, terminal.out);
        fitted(&line, terminal.out_columns, 4).iter().try_for_each(|line| output.line(line))
    }
}

/// An event as a line for a person.
fn line(event: &Event, palette: Palette) -> String {
    let data = &event.data;
    let text = |name: &str| plain(data[name].as_str().unwrap_or_default());
    let who = || format!("{} ({})", text("name"), data["pid"]);
    let said = match event.kind.as_str() {
        "log" => {
            let level = text("level");
            let level = match level.as_str() {
                "error" => palette.bad(&level),
                "warn" => palette.warn(&level),
                _ => palette.dim(&level),
            };
            format!("{level:<5} {}: {}", who(), text("text"))
        }
        "running" => format!("runs  {}", who()),
        "exited" => {
            let detail = if text("detail").is_empty() { String::new() } else { format!(": {}", text("detail")) };
            let lost = match data["lost"].as_u64() {
                Some(lost @ 1..) => format!("; {} lost", counted(lost, "waiting message")),
                _ => String::new(),
            };
            format!("ended {} {}{detail}{lost}", who(), text("reason"))
        }
        "suspended" => {
            let why = if text("reason").is_empty() { String::new() } else { format!(": {}", text("reason")) };
            format!("{} {} is suspended{why}", palette.warn("held "), who())
        }
        "resumed" => format!("goes  {} goes on", who()),
        "verdict" => {
            let what = palette.warn(&text("what"));
            format!("{what} {}: {} {}: {}", who(), text("verb"), text("resource"), text("reason"))
        }
        "restarting" => format!("again {} is started again after {} ms", text("name"), data["wait_ms"]),
        "limit_near" => {
            let (used, limit) = (data["used"].as_u64().unwrap_or(0), data["limit"].as_u64().unwrap_or(0));
            let used = limit_near(&text("meter"), used, limit);
            format!("{} {} has used {used}", palette.warn("limit"), who())
        }
        "ask" => {
            let (verb, resource, action) = (text("verb"), text("resource"), &data["action"]);
            format!("asks  {} wants to {verb} {resource}; weft approvals approve {action}, or deny", who())
        }
        "answered" => {
            let said = if data["allow"] == true { "allowed it" } else { "did not allow it" };
            format!("asked {}: {} {said}", who(), text("by"))
        }
        "ended" if data["ok"] == true && data["stopped_by"].is_string() => {
            format!("application {}: {} stopped it", text("name"), text("stopped_by"))
        }
        "ended" => format!("application {}: {}", text("name"), text("reason")),
        "phase" => format!("boot  {} took {} us", text("name"), data["micros"]),
        "lagged" => {
            let (from, to) = (data["from"].as_u64().unwrap_or(0), data["to"].as_u64().unwrap_or(0));
            palette.warn(&format!("{} missed here", counted(to.saturating_sub(from).saturating_add(1), "event")))
        }
        "reconnected" => palette.warn("the connection broke off, and what happened meanwhile is not known"),
        "restarted" => palette.warn("the kernel was started again; what its last events were is not known"),
        "stopped" => "the kernel has stopped".to_owned(),
        other => format!("{} {}", plain(other), plain(&data.to_string())),
    };
    format!("{} {said}", palette.dim(&text("time")))
}

#[cfg(test)]
mod tests {
    use super::super::event::Lines;
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = ": events\n\nid: 0-1\nevent: log\ndata: {\"pid\":3,\"name\":\"a\",\"level\":\"warn\",\"text\":\"h\\n\\u001b[2J\"}\n\n:\n\nid: 0-9\nevent: lagged\ndata: {\"from\":2,\"to\":9}\n\nid: 0-10";
        let mut lines = Lines::default();
        let events: Vec<Event> = text.as_bytes().iter().flat_map(|byte| lines.take(&[*byte])).collect();
        let shown: Vec<String> = events.iter().map(|event| line(event, Palette::default())).collect();
        assert_eq!(shown, [" warn  a (3): h\\u{a}\\u{1b}[2J", " 8 events missed here"]);
        assert_eq!(events[1].id, "0-9");
    }
}
