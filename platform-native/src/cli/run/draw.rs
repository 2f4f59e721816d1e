//! Drawing on a thread of its own, so that a terminal that does not take what is written to it stops
//! nothing else: neither a signal, nor a deadline, nor the run.
//!
//! What is to be drawn waits in a short queue. What finds it full is not drawn, and counted. A question
//! counts as asked only once its last line is about to be written: what was typed before is thrown away.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many pieces may wait to be drawn.
const QUEUE: usize = 512;

/// Where the screen of a run is drawn. Clones draw on the same.
#[derive(Clone, Debug)]
pub(super) struct Pen {
    queue: SyncSender<Stroke>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
enum Stroke {
    Text(String),
    Question { number: u64, text: String, prompt: String },
}

#[derive(Debug, Default)]
struct Shared {
    // Held for moments, never while something is written.
    now: Mutex<Now>,
    drawn: Condvar,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Now {
    /// Pieces that wait or are being written.
    waiting: u64,
    /// The question that was put last, and since when it is on the screen.
    question: u64,
    asked: Option<Instant>,
}

impl Pen {
    /// Draws on `to`. `forget` throws away what was typed and not read.
    pub(super) fn on(to: Box<dyn Write + Send>, forget: impl Fn() + Send + 'static) -> Pen {
        let (queue, strokes) = sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let drawing = move || draw(to, &strokes, &theirs, forget);
        // Without a thread nothing is drawn, and the run goes on.
        let _ = std::thread::Builder::new().name("weft-draw".to_owned()).spawn(drawing);
        Pen { queue, shared }
    }

    /// Draws `text`; false if there was no room for it.
    fn put(&self, stroke: Stroke) -> bool {
        self.shared.now().waiting += 1;
        let put = self.queue.try_send(stroke).is_ok();
        if !put {
            self.shared.done();
        }
        put
    }

    /// Draws what somebody should see.
    pub(super) fn text(&self, text: String) {
        if !self.put(Stroke::Text(text)) {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Draws what is drawn anew in a moment.
    pub(super) fn passing(&self, text: String) {
        self.put(Stroke::Text(text));
    }

    /// Puts a question: its lines, and the prompt that its answer is typed behind.
    pub(super) fn question(&self, text: String, prompt: String) {
        let number = {
            let mut now = self.shared.now();
            now.question += 1;
            now.asked = None;
            now.question
        };
        if !self.put(Stroke::Question { number, text, prompt }) {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether what was typed at `at` was typed below the question that was put last.
    pub(super) fn answers(&self, at: Instant) -> bool {
        self.shared.now().asked.is_some_and(|asked| at >= asked)
    }

    /// How much was not drawn since this was asked last.
    pub(super) fn lost(&self) -> u64 {
        self.shared.lost.swap(0, Ordering::Relaxed)
    }

    /// Waits until everything is drawn, at most so long. Blocks.
    pub(super) fn wait(&self, most: Duration) {
        let now = self.shared.now();
        let _ = self.shared.drawn.wait_timeout_while(now, most, |now| now.waiting > 0);
    }
}

impl Shared {
    fn now(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn done(&self) {
        let mut now = self.now();
        now.waiting = now.waiting.saturating_sub(1);
        if now.waiting == 0 {
            self.drawn.notify_all();
        }
    }
}

fn draw(mut to: Box<dyn Write + Send>, strokes: &Receiver<Stroke>, shared: &Shared, forget: impl Fn()) {
    for stroke in strokes {
        // What cannot be drawn cannot be told either.
        let _ = match stroke {
            Stroke::Text(text) => to.write_all(text.as_bytes()),
            Stroke::Question { number, text, prompt } => {
                let written = to.write_all(text.as_bytes()).and_then(|()| to.flush());
                forget();
                let mut now = shared.now();
                if now.question == number {
                    now.asked = Some(Instant::now());
                }
                drop(now);
                written.and_then(|()| to.write_all(prompt.as_bytes()))
            }
        };
        let _ = to.flush();
        shared.done();
    }
}

/// Throws away what was typed at standard input and not read yet.
pub(in crate::cli) fn forget_typed() {
    let _ = rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    /// A terminal that takes something only when the test says so.
    struct Stuck(Receiver<()>, Sender<String>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            let _ = self.1.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_terminal_that_takes_nothing_stops_nobody_and_what_is_lost_is_counted() {
        let (go, gone) = channel();
        let (seen, shown) = channel();
        let pen = Pen::on(Box::new(Stuck(gone, seen)), || ());
        let begun = Instant::now();
        (0..QUEUE + 100).for_each(|n| pen.text(n.to_string()));
        pen.wait(Duration::from_millis(20));
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert!((99..=100).contains(&pen.lost()));
        drop(go);
        pen.wait(Duration::from_secs(5));
        assert!(shown.try_iter().count() >= QUEUE);
    }

    #[test]
    fn a_question_is_asked_when_it_is_on_the_screen() {
        let (go, gone) = channel();
        let (seen, shown) = channel();
        let pen = Pen::on(Box::new(Stuck(gone, seen)), || ());
        pen.question("first\n".to_owned(), "y? ".to_owned());
        assert!(!pen.answers(Instant::now()), "its lines are not written yet");
        go.send(()).unwrap();
        while !pen.answers(Instant::now()) {
            std::thread::yield_now();
        }
        pen.question("second\n".to_owned(), "y? ".to_owned());
        assert!(!pen.answers(Instant::now()), "it was meant for the one before");
        drop(go);
        pen.wait(Duration::from_secs(5));
        assert!(pen.answers(Instant::now()));
        assert_eq!(shown.try_iter().collect::<String>(), "first\ny? second\ny? ");
    }
}
