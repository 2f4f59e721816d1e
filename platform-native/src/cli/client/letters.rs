//! `weft letters`: the messages that could not be delivered; they are shown, sent again or removed.

use super::Which;
use super::connection::Connection;
use super::message::{payload, write};
use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::{Terminal, print, print_json, tell};
use crate::cli::text::{bytes, plain, time};
use kernel_core::time::WallTime;
use serde_json::{Value, json};

/// What is left out where the table does not fit, the first first.
const DROPPABLE: [&str; 4] = ["LABELS", "KIND", "SIZE", "FROM"];

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Letters {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// What is done.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// List them, the oldest first; this is done where nothing is named
    List(Listed),
    /// Print one: what is known of it to standard error, its payload to standard output
    Show(Numbered),
    /// Send one again, to where it was sent before; it goes when it was delivered
    Send(Numbered),
    /// Remove one
    Remove(Numbered),
}

/// The arguments of `weft letters list`.
#[derive(Debug, clap::Args)]
struct Listed {
    #[command(flatten)]
    which: Which,
}

/// The arguments of what is done with one.
#[derive(Debug, clap::Args)]
struct Numbered {
    /// Its number, as the list shows it
    #[arg(value_name = "N")]
    letter: u64,
    #[command(flatten)]
    which: Which,
}

impl Letters {
    fn chosen(&self) -> &Which {
        match &self.what {
            Some(What::List(Listed { which })) => which,
            Some(What::Show(one) | What::Send(one) | What::Remove(one)) => &one.which,
            None => &self.which,
        }
    }

    /// Whether it prints JSON.
    pub(crate) fn json(&self) -> bool {
        self.chosen().json
    }

    /// Runs it.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let mut kernel = self.chosen().connect().await?;
            match &self.what {
                None | Some(What::List(_)) => self.list(&mut kernel, terminal).await,
                Some(What::Show(one)) => self.show(&mut kernel, one.letter).await,
                Some(What::Send(one)) => self.send(&mut kernel, one.letter).await,
                Some(What::Remove(one)) => self.remove(&mut kernel, one.letter).await,
            }?;
            Ok(Exit::Done)
        })
    }

    async fn list(&self, kernel: &mut Connection, terminal: Terminal) -> Result<(), Failure> {
        let (mut letters, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let page = kernel.act("list", "/letter", json!({ "cursor": cursor })).await?;
            letters.extend(page["body"]["letters"].as_array().into_iter().flatten().cloned());
            cursor = page["body"]["next"].clone();
            if cursor.is_null() {
                break;
            }
        }
        if self.json() {
            return print_json(&json!({ "weft": VERSION, "letters": letters }));
        }
        use Align::{Left, Right};
        let mut table = Table::new(&[
            ("LETTER", Right),
            ("WHEN", Left),
            ("FROM", Left),
            ("TO", Left),
            ("KIND", Left),
            ("SIZE", Right),
            ("LABELS", Left),
            ("WHY", Left),
        ]);
        for letter in &letters {
            let text = |name: &str| plain(letter[name].as_str().unwrap_or_default());
            let number = |name: &str| letter[name].as_u64().unwrap_or_default();
            table.row([
                number("letter").to_string(),
                time(WallTime(number("at"))),
                text("sender"),
                text("target"),
                text("kind"),
                bytes(number("bytes")),
                labels(letter),
                if text("reason").starts_with("poison:") { "poison".to_owned() } else { text("code") },
            ]);
        }
        table.fit(terminal.out_columns, &DROPPABLE);
        print(&table.lines())
    }

    async fn show(&self, kernel: &mut Connection, letter: u64) -> Result<(), Failure> {
        let read = kernel.act("read", &format!("/letter/{letter}"), json!({})).await?;
        let (known, encoding) = (&read["body"], &read["encoding"]);
        if self.json() {
            let mut document = known.clone();
            document["weft"] = json!(VERSION);
            document["payload"] = read["payload"].clone();
            document["encoding"] = encoding.clone();
            return print_json(&document);
        }
        let text = |name: &str| plain(known[name].as_str().unwrap_or_default());
        let number = |name: &str| known[name].as_u64().unwrap_or_default();
        let (kind, at) = (text("kind"), time(WallTime(number("at"))));
        tell(&format!("letter {letter}: a {kind} from {} to {}, {at}", text("sender"), text("target")));
        tell(&format!("  {}: {}", text("code"), text("reason")));
        let labels = labels(known);
        if !labels.is_empty() {
            tell(&format!("  labelled {labels}"));
        }
        write(&payload(&read))
    }

    async fn send(&self, kernel: &mut Connection, letter: u64) -> Result<(), Failure> {
        let sent = kernel.act("send", &format!("/letter/{letter}"), json!({})).await?;
        match self.json() {
            true => print_json(&json!({ "weft": VERSION, "letter": letter, "id": sent["body"]["id"] })),
            false => print(&[format!("letter {letter} was delivered as message {}", sent["body"]["id"])]),
        }
    }

    async fn remove(&self, kernel: &mut Connection, letter: u64) -> Result<(), Failure> {
        kernel.act("remove", &format!("/letter/{letter}"), json!({})).await?;
        match self.json() {
            true => print_json(&json!({ "weft": VERSION, "letter": letter })),
            false => print(&[format!("letter {letter} is gone")]),
        }
    }
}

fn labels(letter: &Value) -> String {
    let names: Vec<&str> = letter["labels"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    plain(&names.join(", "))
}
