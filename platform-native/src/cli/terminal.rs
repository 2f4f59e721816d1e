//! Standard output and standard error: what is a terminal, which colours it gets, and what happens when
//! nobody reads any more.
//!
//! Results go to standard output, everything else to standard error. Control codes are only ever sent
//! to a terminal; colours also need `NO_COLOR` to be empty or unset (no-color.org) and `TERM` not to be
//! "dumb".

use super::exit::{Exit, Failure};
use super::text::{fitted, plain, plain_json};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The fewest columns that text is fitted into.
const NARROWEST: usize = 40;

/// What the standard streams are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Terminal {
    /// Whether somebody can be asked: questions are written to standard error and read from standard input.
    pub(crate) asks: bool,
    /// Whether progress may be drawn on standard error.
    pub(crate) draws: bool,
    /// Colours of standard output.
    pub(crate) out: Palette,
    /// Colours of standard error.
    pub(crate) err: Palette,
    /// How wide standard output is, where it is a terminal that says so.
    pub(crate) out_columns: Option<usize>,
    /// How wide standard error is.
    pub(crate) err_columns: Option<usize>,
}

impl Terminal {
    /// As the process was started.
    pub(crate) fn detect() -> Terminal {
        let (stdin, stdout, stderr) =
            (io::stdin().is_terminal(), io::stdout().is_terminal(), io::stderr().is_terminal());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
        let colours = !dumb && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Terminal {
            asks: stdin && stderr,
            draws: stderr && !dumb,
            out: Palette(stdout && colours),
            err: Palette(stderr && colours),
            out_columns: columns(io::stdout()),
            err_columns: columns(io::stderr()),
        }
    }
}

/// How wide a terminal is; narrower than [`NARROWEST`] nothing can be laid out.
fn columns(stream: impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col).max(NARROWEST))
}

/// Colours, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Palette(bool);

impl Palette {
    /// Headings.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What may be overlooked.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// What went well.
    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What deserves a look.
    pub(crate) fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// What went wrong.
    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Writes lines to standard output. A reader that has gone is no error; the rest is then not written.
pub(crate) struct Output<W: Write = BufWriter<io::Stdout>> {
    to: W,
    gone: bool,
}

impl Output {
    /// Standard output, buffered until [`Output::finish`].
    pub(crate) fn stdout() -> Output {
        Output { to: BufWriter::new(io::stdout()), gone: false }
    }
}

impl<W: Write> Output<W> {
    /// Writes one line.
    ///
    /// # Errors
    /// When it cannot be written although somebody reads: a full disk behind a redirection.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        if self.gone {
            return Ok(());
        }
        let written = self.to.write_all(line.as_bytes()).and_then(|()| self.to.write_all(b"\n"));
        self.note(written)
    }

    /// Whether nobody reads any more, so that there is no point in going on.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Writes what is buffered, before there is more.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let flushed = if self.gone { Ok(()) } else { self.to.flush() };
        self.note(flushed)
    }

    /// The same, and there is no more.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush()
    }

    fn note(&mut self, result: io::Result<()>) -> Result<(), Failure> {
        match result {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            Err(e) => Err(Failure::new(Exit::Failed, "output", format!("standard output cannot be written: {e}"))),
            Ok(()) => Ok(()),
        }
    }
}

/// Writes lines to standard output at once.
pub(crate) fn print(lines: &[String]) -> Result<(), Failure> {
    let mut output = Output::stdout();
    lines.iter().try_for_each(|line| output.line(line))?;
    output.finish()
}

/// Writes lines to standard output at once, fitted to a terminal.
pub(crate) fn print_fitted(lines: &[String], terminal: Terminal) -> Result<(), Failure> {
    let fit = |line: &String| fitted(line, terminal.out_columns, indent(line) + 2);
    print(&lines.iter().flat_map(fit).collect::<Vec<_>>())
}

/// How many blanks a line begins with.
pub(crate) fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Writes one document to standard output.
pub(crate) fn print_json(document: &serde_json::Value) -> Result<(), Failure> {
    print(&[plain_json(&format!("{document:#}"))])
}

/// Writes one line to standard error. Where that cannot be read nothing can be told.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// How often it is drawn how far something has come.
const DRAW: Duration = Duration::from_millis(200);

/// How far something has come, drawn on a terminal over the line before; elsewhere nothing. The line is gone with this.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: Terminal,
    drawn: Instant,
    shown: bool,
}

impl Progress {
    /// Of something that begins now.
    pub(crate) fn new(terminal: Terminal) -> Progress {
        Progress { terminal, drawn: Instant::now(), shown: false }
    }

    /// Draws what `line` says, unless it was drawn just before.
    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        if self.terminal.draws && self.drawn.elapsed() >= DRAW {
            self.drawn = Instant::now();
            self.shown = true;
            let _ = write!(io::stderr(), "\r\u{1b}[K{}", self.terminal.err.dim(&line()));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

/// Tells of a failure: what, where, what to do.
pub(crate) fn tell_failure(failure: &Failure, terminal: Terminal) {
    let palette = terminal.err;
    let tell = |line: &str, hang| fitted(line, terminal.err_columns, hang).iter().for_each(|line| tell(line));
    failure.listing.iter().flat_map(|problem| plain_lines(problem)).for_each(|line| tell(&line, 4));
    let mut lines = plain_lines(&failure.message).into_iter();
    tell(&format!("{} {}", palette.bad("weft:"), lines.next().unwrap_or_default()), 6);
    lines.for_each(|line| tell(&line, 6));
    if let Some(help) = &failure.help {
        tell(&format!("    {} {}", palette.bold("help:"), plain(help)), 10);
    }
}

/// The lines of what is told, fit for a terminal. Those after the first are indented, so that a line end in a
/// name that is told begins nothing that looks as if it were said by this program.
fn plain_lines(text: &str) -> Vec<String> {
    let hang = |(i, line): (usize, &str)| {
        let indented = i == 0 || line.starts_with("    ");
        format!("{}{}", if indented { "" } else { "    " }, plain(line))
    };
    text.lines().enumerate().map(hang).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_in_a_name_begins_no_sentence_of_ours() {
        let lines = plain_lines("it is in a\nweft: all is well\n    b: c\u{1b}[2J");
        assert_eq!(lines, ["it is in a", "    weft: all is well", "    b: c\\u{1b}[2J"]);
    }

    struct Full(io::ErrorKind);

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is_one() {
        let mut output = Output { to: Full(io::ErrorKind::BrokenPipe), gone: false };
        output.line("x").unwrap();
        assert!(output.is_gone());
        output.line("y").unwrap();
        output.finish().unwrap();
        let mut output = Output { to: Full(io::ErrorKind::StorageFull), gone: false };
        assert_eq!(output.line("x").unwrap_err().exit, Exit::Failed);
    }

    #[test]
    fn without_colours_text_stays_as_it_is() {
        assert_eq!(Palette(false).bad("x"), "x");
        assert_eq!(Palette(true).bad("x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Palette(true).bad(""), "");
    }

    #[test]
    fn lines_are_written_whole() {
        let mut output = Output { to: Vec::new(), gone: false };
        output.line("a").unwrap();
        output.line("b").unwrap();
        assert_eq!(output.to, b"a\nb\n");
    }
}
