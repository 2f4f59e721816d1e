//! The screen, drawn on paper.

use super::*;
use kernel_core::id::Pid;
use kernel_core::kernel::Tally;
use std::io::Write;
use std::sync::{Arc, Mutex};

#[test]
fn progress_fits_into_one_line() {
    let verdicts = Tally { refused: 7, ..Tally::default() };
    let summary = Summary { processes: Vec::new(), verdicts, environment: "dev".to_owned() };
    let line = |most| progress(&summary, Duration::from_millis(3_210), most);
    assert_eq!(line(STATUS), "  3.21 s  0 processes, 0 acts, 0 messages, 7 refused");
    assert_eq!(line(39), "  3.21 s  0 processes, 0 acts");
    assert_eq!(line(0), "  3.21 s");
}

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What was drawn, to be looked at.
struct Drawn(Paper, Pen);

impl Drawn {
    fn text(&self) -> String {
        self.1.wait(Duration::from_secs(10));
        String::from_utf8(self.0.0.lock().unwrap().clone()).unwrap()
    }
}

/// Types a line when everything is drawn.
fn type_in(screen: &mut Screen, line: &str) -> Option<Answer> {
    screen.pen.wait(Duration::from_secs(10));
    screen.typed(Instant::now(), line)
}

fn screen(asks: bool, draws: bool) -> (Screen, Drawn) {
    let paper = Paper::default();
    let pen = Pen::on(Box::new(paper.clone()), || ());
    let terminal = Terminal { asks, draws, ..Terminal::default() };
    (Screen::on(terminal, pen.clone()), Drawn(paper, pen))
}

fn ask(action: u64) -> Ask {
    let (name, verb, resource) = ("courier".to_owned(), "connect".to_owned(), "/net/x:1".to_owned());
    let (detail, wait) = ("{}".to_owned(), Duration::from_secs(10));
    Ask { action: ActionId(action), pid: Pid(3), name, app: None, verb, resource, detail, wait }
}

fn refused(action: u64) -> Notice {
    let text = |text: &str| text.to_owned();
    let (name, what, verb, resource) = (text("courier"), text("denied"), text("connect"), text("/net/x:1"));
    let (action, pid) = (ActionId(action), Pid(3));
    Notice::Verdict { action, pid, name, app: None, what, verb, resource, reason: text("no right\u{1b}[2J") }
}

#[test]
fn lines_wait_while_somebody_is_being_asked() {
    let (mut screen, drawn) = screen(true, false);
    screen.ask(ask(1));
    screen.warning("later");
    assert!(!drawn.text().contains("later"));
    assert_eq!(type_in(&mut screen, "y"), Some(Answer { action: ActionId(1), allow: true }));
    assert!(drawn.text().ends_with("warning: later\n"));
}

#[test]
fn where_no_more_is_typed_what_waited_is_shown_below_the_question() {
    let (mut screen, drawn) = screen(true, false);
    screen.ask(ask(1));
    screen.ask(ask(2));
    screen.warning("later");
    assert_eq!(screen.hang_up(), [ActionId(1), ActionId(2)]);
    assert!(drawn.text().ends_with("[y/N] \nwarning: later\n"), "{}", drawn.text());
    assert!(screen.hang_up().is_empty());
}

#[test]
fn so_many_lines_wait_and_the_others_are_counted() {
    let (mut screen, drawn) = screen(true, false);
    screen.ask(ask(1));
    drawn.text();
    (0..HELD + 30).for_each(|n| screen.warning(&format!("line {n}")));
    type_in(&mut screen, "y");
    let text = drawn.text();
    assert!(text.contains(&format!("line {}\n", HELD - 1)) && !text.contains(&format!("line {HELD}\n")));
    assert!(text.ends_with("  30 lines more were not kept\n"), "{text}");
}

#[test]
fn a_refusal_withdraws_its_question() {
    let (mut screen, drawn) = screen(true, false);
    screen.ask(ask(1));
    screen.notice(&refused(1));
    assert!(drawn.text().contains("it waits no more: refused"));
    assert_eq!(type_in(&mut screen, "y"), None);
    screen.ask(ask(2));
    assert_eq!(type_in(&mut screen, "y"), None, "it was meant for the one before");
    let answered = |allow, by: &str| Notice::Answered {
        action: ActionId(2),
        pid: Pid(3),
        name: "courier".to_owned(),
        app: None,
        allow,
        by: by.to_owned(),
    };
    screen.notice(&answered(true, "operator.api"));
    assert!(drawn.text().ends_with("    operator.api allowed it\n"), "{}", drawn.text());
    screen.notice(&answered(false, NOBODY));
    assert!(!drawn.text().contains("no answer in time"), "it is answered already");
}

#[test]
fn a_yes_is_only_for_the_question_that_it_was_typed_below() {
    let (mut screen, drawn) = screen(true, false);
    let before = Instant::now();
    screen.ask(ask(1));
    drawn.text();
    assert_eq!(screen.typed(before, "y"), None, "it was typed before anybody was asked");
    let typed = Instant::now();
    screen.ask(ask(2));
    assert_eq!(screen.typed(typed, "y"), Some(Answer { action: ActionId(1), allow: true }));
    assert_eq!(screen.typed(typed, "y"), None, "the second line of the same moment");
    drawn.text();
    assert_eq!(screen.typed(typed, "y"), None, "and when the next question is on the screen");
    assert_eq!(type_in(&mut screen, "y"), Some(Answer { action: ActionId(2), allow: true }));
}

#[test]
fn a_pipe_gets_neither_progress_nor_control_codes() {
    let (mut screen, drawn) = screen(false, false);
    screen.heading("weft");
    screen.step("storage", Duration::from_millis(1), "");
    screen.progress(&Summary { processes: Vec::new(), verdicts: Tally::default(), environment: String::new() });
    screen.notice(&refused(1));
    screen.end();
    assert_eq!(drawn.text(), "");
    screen.ask(ask(2));
    let log =
        |level, text: &str| Notice::Log { pid: Pid(3), name: "w".to_owned(), app: None, level, text: text.to_owned() };
    screen.notice(&log(LogLevel::Info, "quiet"));
    screen.notice(&log(LogLevel::Warn, "\u{1b}]0;loud"));
    let text = drawn.text();
    assert!(text.starts_with("warning: courier wants to connect /net/x:1: nobody can be asked here"), "{text}");
    assert!(text.ends_with("  w (3): \\u{1b}]0;loud\n") && !text.contains("quiet"), "{text}");
}

#[test]
fn on_a_terminal_lines_go_above_the_line_of_progress() {
    let (mut screen, drawn) = screen(false, true);
    screen.progress(&Summary { processes: Vec::new(), verdicts: Tally::default(), environment: String::new() });
    screen.notice(&refused(1));
    screen.end();
    let text = drawn.text();
    assert!(text.ends_with("\r\u{1b}[K  denied courier: connect /net/x:1: no right\\u{1b}[2J\n\n"), "{text:?}");
}

#[test]
fn many_refusals_are_cut_short() {
    let (mut screen, drawn) = screen(false, true);
    (0..100).for_each(|n| screen.notice(&refused(n)));
    assert_eq!(drawn.text().lines().count(), SHOWN + 1);
}
