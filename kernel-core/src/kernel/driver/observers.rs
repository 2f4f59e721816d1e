//! Who is told what happens. Nobody of them slows the kernel: what does not fit is counted, and the count is told
//! before the next notice that fits.

use super::Inner;
use crate::kernel::Told;
use crate::kernel::effects::Notice;
use crate::platform::Platform;
use futures::channel::mpsc;

/// One observer, and how many notices it has missed since the last one that it got.
#[derive(Debug)]
pub(in crate::kernel) struct Observer {
    sender: mpsc::Sender<Told>,
    missed: u64,
}

impl Observer {
    pub(in crate::kernel) fn new(sender: mpsc::Sender<Told>) -> Observer {
        Observer { sender, missed: 0 }
    }

    /// Tells it, as far as there is room; whether it is still there.
    pub(super) fn tell(&mut self, told: &Told) -> bool {
        match told {
            // A question is never dropped because notices fill the channel: every clone of a sender has a place
            // of its own in it. There are no more questions than acts that wait for an answer.
            Told::Ask(_) => still_there(self.sender.clone().try_send(told.clone())),
            Told::Notice(_) => {
                if self.missed > 0 {
                    let missed = Told::Notice(Notice::Missed { count: self.missed });
                    match self.sender.try_send(missed) {
                        Ok(()) => self.missed = 0,
                        failed => {
                            self.missed += 1;
                            return still_there(failed);
                        }
                    }
                }
                let sent = self.sender.try_send(told.clone());
                self.missed += u64::from(sent.is_err());
                still_there(sent)
            }
        }
    }
}

fn still_there(sent: Result<(), mpsc::TrySendError<Told>>) -> bool {
    sent.is_ok() || sent.is_err_and(|error| error.is_full())
}

impl<P: Platform> Inner<P> {
    pub(in crate::kernel) fn observe(&self, room: usize) -> mpsc::Receiver<Told> {
        let (sender, receiver) = mpsc::channel(room);
        self.lock().observers.push(Observer::new(sender));
        receiver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &str) -> Told {
        let (pid, name, level) = (crate::id::Pid(1), "a".to_owned(), crate::platform::LogLevel::Info);
        Told::Notice(Notice::Log { pid, name, app: None, level, text: text.to_owned() })
    }

    #[test]
    fn what_does_not_fit_is_counted_and_told_before_what_fits_again() {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut observer = Observer::new(sender);
        // One place, and the one that a sender has of its own.
        for n in 0..5 {
            assert!(observer.tell(&log(&n.to_string())));
        }
        let mut told = || match receiver.try_recv() {
            Ok(Told::Notice(Notice::Log { text, .. })) => text,
            Ok(Told::Notice(Notice::Missed { count })) => format!("missed {count}"),
            other => panic!("{other:?}"),
        };
        assert_eq!([told(), told()], ["0", "1"]);
        for n in 5..7 {
            assert!(observer.tell(&log(&n.to_string())));
        }
        assert_eq!([told(), told()], ["missed 3", "5"]);
        drop(receiver);
        assert!(!observer.tell(&log("gone")));
    }
}
