//! `weft verify`: files of evidence, checked without the log that they are from.

use super::line::{SHOWN, what};
use super::parse_key;
use crate::cli::VERSION;
use crate::cli::events::Entry;
use crate::cli::exit::{Exit, Failure};
use crate::cli::place::{Places, held_by_a_kernel};
use crate::cli::terminal::{Palette, Terminal, print_fitted, print_json};
use crate::cli::text::{counted, plain_within, shown, time};
use crate::keys::public_key;
use kernel_core::chain::{Checkpoint, Evidence, EvidenceError, MAX_EVIDENCE, VerifierKey};
use kernel_core::kernel::{Proven, ProvenNode, log_key, verify_node, verify_receipt};
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyFile {
    /// What `weft receipt`, `weft chain prove`, `weft chain consistency` or `weft tree prove` has printed
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Whose log it has to be, as a run prints it. Default: the key in the data directory
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    key: Option<VerifierKey>,
    /// The data directory whose key it has to be. Default: $WEFT_DATA_DIR, else the only one under ~/.local/share/weft
    #[arg(long, value_name = "DIR", conflicts_with = "key")]
    data_dir: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// What was found, for a program and for a person.
struct Found {
    members: Value,
    lines: Vec<String>,
}

impl VerifyFile {
    /// Runs it.
    pub(crate) async fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        let evidence = Evidence::parse(&read(&self.file)?).map_err(|e| {
            Failure::usage(format!("{}: {e}", shown(&self.file))).help(
                "give a file that `weft receipt`, `weft chain prove`, `weft chain consistency` or `weft tree prove` wrote",
            )
        })?;
        let key = match &self.key {
            Some(key) => Some(key.clone()),
            None => self.own_key()?,
        };
        let (checkpoint, found) = check(&evidence, key.as_ref(), terminal.out).map_err(Failure::from)?;
        let key = key.map(|key| key.to_string()).unwrap_or_default();
        if self.json {
            let mut document = json!({
                "weft": VERSION,
                "origin": checkpoint.origin.as_str(),
                "key": key,
                "size": checkpoint.size,
                "root": checkpoint.root.to_base64(),
            });
            if let (Value::Object(document), Value::Object(members)) = (&mut document, found.members) {
                document.extend(members);
            }
            print_json(&document)?;
            return Ok(Exit::Done);
        }
        let mut lines = found.lines;
        lines.extend([
            format!("  log       {}, {}", checkpoint.origin, counted(checkpoint.size, "event")),
            format!("  root      {}", checkpoint.root.to_base64()),
            format!("  key       {key}"),
        ]);
        print_fitted(&lines, terminal)?;
        Ok(Exit::Done)
    }

    /// The key of the data directory, where one is named or there is only one.
    fn own_key(&self) -> Result<Option<VerifierKey>, Failure> {
        let places = Places::from_env();
        let dir = match (places.named(self.data_dir.as_deref()), places.found().as_slice()) {
            (Some(named), _) => {
                held_by_a_kernel(&named)?;
                named
            }
            (None, [only]) => only.clone(),
            (None, _) => return Ok(None),
        };
        Ok(public_key(&dir)?.map(log_key))
    }
}

/// Checks `evidence`, and says what it is evidence of.
fn check(
    evidence: &Evidence,
    key: Option<&VerifierKey>,
    palette: Palette,
) -> Result<(Checkpoint, Found), EvidenceError> {
    match evidence {
        Evidence::Receipt(receipt) => {
            let proven = verify_receipt(receipt, key)?;
            let found = of_receipt(&proven, palette);
            Ok((proven.checkpoint, found))
        }
        Evidence::Inclusion(inclusion) => {
            let (checkpoint, event) = inclusion.verify(key)?;
            let entry = Entry::of(&event);
            let lines = vec![
                format!("{} {}", palette.good("The log has it:"), palette.bold(&format!("event {}", entry.seq))),
                format!("  event     {}, {}, act {}", entry.kind_name(), time(entry.wall), entry.action),
                format!("  says      {}", what(&entry, None)),
            ];
            let members = json!({ "evidence": "inclusion", "event": entry.json() });
            Ok((checkpoint, Found { members, lines }))
        }
        Evidence::Consistency(consistency) => {
            let checkpoint = consistency.verify(key)?;
            let (size, root) = (consistency.size, consistency.root.to_base64());
            let lines = vec![
                format!("{} {}", palette.good("The log begins with them:"), palette.bold(&counted(size, "event"))),
                format!("  old root  {root}"),
            ];
            let members = json!({ "evidence": "consistency", "old": { "size": size, "root": root } });
            Ok((checkpoint, Found { members, lines }))
        }
        Evidence::Node(proof) => {
            let proven = verify_node(proof, key)?;
            let found = of_node(&proven, palette);
            Ok((proven.checkpoint, found))
        }
    }
}

fn of_node(proof: &ProvenNode, palette: Palette) -> Found {
    let mut lines = match &proof.node {
        Some(node) => {
            let value = node.value.map_or("none: it was removed".to_owned(), |hash| format!("SHA-256 {hash}"));
            vec![
                format!(
                    "{} {}",
                    palette.good(if node.value.is_some() { "The tree had it:" } else { "The tree had it removed:" }),
                    palette.bold(&proof.path.to_string())
                ),
                format!("  version   {}, written by process {}", node.version, node.owner),
                format!("  value     {value}"),
            ]
        }
        None => {
            vec![format!("{} {}", palette.good("The tree had no such node:"), palette.bold(&proof.path.to_string()))]
        }
    };
    lines.push(format!("  when      event {} told the root; what came later may have changed it", proof.seq));
    let members = json!({ "evidence": "node", "path": proof.path, "node": proof.node, "seq": proof.seq });
    Found { members, lines }
}

fn of_receipt(proven: &Proven, palette: Palette) -> Found {
    let told = proven.explain();
    let entries = proven.events.iter().map(|event| Entry {
        seq: event.seq,
        wall: event.wall,
        action: proven.action,
        kind: event.content.kind(),
        content: Ok(event.content.clone()),
    });
    let entries: Vec<Entry> = entries.collect();
    let said = |text: &str| plain_within(text, 2 * SHOWN);
    let mut lines =
        vec![format!("{} {}", palette.good("The receipt holds:"), palette.bold(&format!("act {}", proven.action)))];
    lines.push(format!("  intended  {}", said(&told.intended)));
    lines.extend(told.decided.iter().map(|decided| format!("  decided   {}", said(decided))));
    lines.push(format!("  outcome   {}", said(&told.outcome)));
    if proven.body {
        lines.push("  body      the one in the receipt is what it was done with".to_owned());
    }
    lines.extend(
        entries.iter().map(|entry| format!("  event     {}, {}, {}", entry.seq, entry.kind_name(), time(entry.wall))),
    );
    let mut members = Map::new();
    members.insert("evidence".to_owned(), json!("receipt"));
    members.insert("action".to_owned(), json!(proven.action));
    members.insert("events".to_owned(), entries.iter().map(Entry::json).collect());
    members.insert("body".to_owned(), json!(proven.body));
    if let Value::Object(told) = json!(told) {
        members.extend(told);
    }
    Found { members: Value::Object(members), lines }
}

/// The bytes of `file`, and one more than evidence may have.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |e: std::io::Error| Failure::usage(format!("{} cannot be read: {e}", shown(file)));
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened.take(MAX_EVIDENCE as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
