//! `weft chain verify`.

use super::Which;
use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::{Terminal, indent, print_fitted, print_json};
use crate::cli::text::{self, count, counted, shown};
use kernel_core::chain::{Checkpoint, CheckpointError, MAX_NOTE, Opened, VerifierKey};
use kernel_core::kernel::{Bodies, CheckedActs, CheckedTree, Verified};
use serde_json::json;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    which: Which,
    /// A checkpoint that was kept elsewhere, as `weft chain checkpoint` prints it
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Check the database's own checksums as well, of all its pages: this reads everything once more and has the database
    /// write down that it was checked
    #[arg(long)]
    pages: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

impl Verify {
    pub(super) async fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        // Read first: it may come from a pipe that is slow, and nobody should wait for the directory meanwhile.
        let note = self.against.as_deref().map(|file| Ok::<_, Failure>((file, read(file)?))).transpose()?;
        let stored = self.which.open().await?;
        let kept = note.map(|(file, note)| kept(file, note, &stored.key)).transpose()?;
        let Verified { opened, acts, bodies, tree, unsigned: adopted } = stored.verify(kept.clone(), terminal).await?;
        let (key, path) = (stored.key.clone(), stored.path.clone());
        let pages = self.pages && stored.check_pages().await?;
        let Opened { log, signed, .. } = opened;
        if self.json {
            let against = self.against.as_ref().zip(kept.as_ref());
            print_json(&json!({
                "weft": VERSION,
                "data_dir": text::path(&path),
                "origin": log.origin().as_str(),
                "key": key.to_string(),
                "events": log.size(),
                "root": log.root().to_base64(),
                "head": log.head().to_string(),
                "signed": signed,
                "acts": acts,
                "bodies": bodies,
                "tree": tree,
                "unsigned": adopted.iter().map(|(seq, events)| json!({ "boot": seq, "events": events })).collect::<Vec<_>>(),
                "against": against.map(|(file, kept)| json!({ "file": text::path(file), "size": kept.size, "root": kept.root.to_base64() })),
                "pages_checked": pages,
            }))?;
            return Ok(Exit::Done);
        }
        let palette = terminal.out;
        let mut lines = vec![
            format!("{} {}", palette.good("The log verifies:"), palette.bold(&counted(log.size(), "event"))),
            format!("  data     {}", shown(&path)),
            format!("  origin   {}", log.origin()),
            format!("  root     {}", log.root().to_base64()),
            format!("  signed   {}", coverage(signed, log.size())),
            format!("  acts     {}", of_acts(acts)),
            format!("  bodies   {}", checked(bodies)),
            format!("  tree     {}", tree.map_or("it has no hashes yet".to_owned(), of_tree)),
            format!("  key      {key}"),
        ];
        if pages {
            lines.push("  pages    the database's own checksums hold".to_owned());
        }
        if let (Some(file), Some(kept)) = (&self.against, &kept) {
            let size = counted(kept.size, "event");
            lines.push(format!("  against  {}: its {size} are the first of this log", shown(file)));
        }
        if signed < log.size() {
            lines.push(palette.warn(
                "  warning  what came after the last signature is only hashed: whoever holds this disk could have made it",
            ));
        }
        if !adopted.is_empty() {
            let events = adopted.iter().map(|(_, events)| events).sum::<u64>();
            lines.push(palette.warn(&format!(
                "  warning  {} went on from {} that no signature covered then (the first at event {})",
                counted(adopted.len() as u64, "start"),
                counted(events, "event"),
                adopted[0].0
            )));
        }
        if self.pages && !pages {
            lines.push(
                palette.warn("  pages    not checked: the data directory can only be read, or others read it too"),
            );
        }
        if kept.is_none() {
            let advice = "Whoever holds this disk and the key could have rewritten all of it: compare with a checkpoint \
                          kept elsewhere (--against FILE).";
            lines.push(palette.dim(advice));
        }
        print_fitted(&lines, terminal)?;
        Ok(Exit::Done)
    }
}

fn coverage(signed: u64, size: u64) -> String {
    if signed == size {
        "all of them".to_owned()
    } else {
        format!("the first {}; {} came after the last signature", count(signed), count(size - signed))
    }
}

fn of_acts(CheckedActs { open }: CheckedActs) -> String {
    match open {
        0 => "each began once and ended once".to_owned(),
        _ => format!("each began once, and ended once but for {} whose end is not known", count(open)),
    }
}

fn checked(Bodies { kept, long, erased }: Bodies) -> String {
    let mut text = format!("{} of outward acts as the log commits to", count(kept));
    for (number, what) in [(long, "too long to be kept"), (erased, "erased")] {
        if number > 0 {
            text += &format!("; {} {what}", count(number));
        }
    }
    text
}

fn of_tree(CheckedTree { root, nodes }: CheckedTree) -> String {
    format!("{} as its last root in the log covers: {root}", counted(nodes, "node"))
}

/// The bytes of `file`, and no more than a checkpoint may have.
pub(in crate::cli) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |e: std::io::Error| {
        Failure::usage(format!("the checkpoint {} cannot be read: {e}", shown(file)))
            .help("give a file that `weft chain checkpoint` wrote")
    };
    let mut text = Vec::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened.take(MAX_NOTE as u64 + 1).read_to_end(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// The checkpoint that was read from `file`, if `key` signed it.
pub(in crate::cli) fn kept(file: &Path, text: Vec<u8>, key: &VerifierKey) -> Result<Checkpoint, Failure> {
    let shown = shown(file);
    let not_one = |why: &str| {
        Failure::usage(format!("{shown} is not a checkpoint: {why}"))
            .help("give a file that `weft chain checkpoint` wrote")
    };
    let note = as_signed(&String::from_utf8(text).map_err(|_| not_one("it is not text"))?);
    let claimed = Checkpoint::open_unverified(&note).map_err(|e| not_one(&e.to_string()))?;
    if claimed.origin != key.name {
        let error = kernel_core::chain::ChainError::WrongOrigin {
            found: claimed.origin.to_string(),
            expected: key.name.to_string(),
        };
        return Err(Failure::new(Exit::Integrity, error.code(), format!("the checkpoint {shown}: {error}"))
            .help(error.advice()));
    }
    Checkpoint::open(&note, std::slice::from_ref(key)).map_err(|e| match e {
        CheckpointError::Note(e) => {
            Failure::new(Exit::Integrity, "key_untrusted", format!("the checkpoint {shown}: {e}")).help(
                "either that file was changed, or the key in the data directory was replaced: keep both as evidence",
            )
        }
        other => not_one(&other.to_string()),
    })
}

/// A note without what copying may have added: a byte order mark, line ends of another system, blank lines around
/// it, and one indentation of all lines. None of it can stand in a note, so nothing that was signed is taken away.
pub(super) fn as_signed(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    let says = |line: &&str| !line.trim().is_empty();
    let (first, end) = (all.iter().position(says).unwrap_or(0), all.iter().rposition(says).map_or(0, |last| last + 1));
    let text = all[first..end].concat();
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let indented = lines().map(indent).min().unwrap_or(0);
    let mut note: String = text.lines().map(|line| line.get(indented..).unwrap_or("").to_owned() + "\n").collect();
    if !text.ends_with('\n') {
        note.pop();
    }
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_says_what_is_not_signed() {
        assert_eq!(coverage(7, 7), "all of them");
        assert_eq!(coverage(1_000, 1_002), "the first 1,000; 2 came after the last signature");
    }

    #[test]
    fn what_copying_adds_is_no_part_of_a_note() {
        let note = "weft/a\n7\nAAAA\n\n\u{2014} weft/a BBBB\n";
        let indented: String = note.lines().map(|line| format!("  {line}\n")).collect();
        let around = [format!("\n \n{note}\n\u{2003}\n  "), format!("\u{feff}{note}")];
        let copied = [note.to_owned(), note.replace('\n', "\r\n"), indented.clone(), indented.replace("  \n", "\n")];
        for copied in copied.into_iter().chain(around) {
            assert_eq!(as_signed(&copied), note, "{copied:?}");
        }
        assert!(as_signed("").is_empty() && as_signed(" \n\n").is_empty());
        assert_eq!(as_signed(" a\n  b"), "a\n b", "only what all lines have");
    }

    #[test]
    fn what_is_no_checkpoint_is_a_usage_error() {
        let key = kernel_core::kernel::log_key([7; 32]);
        let tmp = tempfile::tempdir().unwrap();
        let file = tmp.path().join("note");
        assert_eq!(read(&file).unwrap_err().exit, Exit::Usage);
        for text in [&b"hello"[..], b"\xff\xfe", b"", &vec![b'a'; MAX_NOTE + 10]] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(kept(&file, read(&file).unwrap(), &key).unwrap_err().exit, Exit::Usage);
        }
        std::fs::write(&file, "other\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u{2014} other AAAAAAAA\n")
            .unwrap();
        let failure = kept(&file, read(&file).unwrap(), &key).unwrap_err();
        assert_eq!((failure.exit, failure.code), (Exit::Integrity, "wrong_origin"));
    }
}
