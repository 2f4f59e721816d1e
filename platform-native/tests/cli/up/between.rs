//! Somebody between a command and the kernel, who lets things happen just then.

use super::Up;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

/// Where a head ends.
const HEAD: &str = "\r\n\r\n";

/// What becomes of a connection.
pub(super) enum Course {
    /// It goes through.
    Through,
    /// It goes through with this line in the place of its first, and what is answered behind the head waits for that to
    /// return.
    After(String, Box<dyn FnOnce() + Send>),
    /// What is answered behind the head is kept back, and the connection breaks off when it has this in it.
    Until(&'static str),
}

/// Listens in the home of `up` and asks `course` about the first line of each connection; the address.
pub(super) fn between(up: &Up<'_>, course: impl Fn(&str) -> Course + Send + Sync + 'static) -> String {
    let (path, kernel) = (up.home.path("between.sock"), up.socket());
    let listener = UnixListener::bind(&path).unwrap();
    let course = Arc::new(course);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (course, kernel) = (course.clone(), kernel.clone());
            thread::spawn(move || carry(&client.unwrap(), &kernel, &*course));
        }
    });
    path.to_str().unwrap().to_owned()
}

fn carry(mut client: &UnixStream, kernel: &PathBuf, course: &dyn Fn(&str) -> Course) {
    let mut asked = Vec::new();
    while !asked.contains(&b'\n') {
        let mut some = [0; 4096];
        match client.read(&mut some) {
            Ok(read @ 1..) => asked.extend_from_slice(&some[..read]),
            _ => return,
        }
    }
    let rest = asked.split_off(asked.iter().position(|byte| *byte == b'\n').unwrap());
    let line = String::from_utf8(asked).unwrap();
    let course = course(&line);
    let mut server = UnixStream::connect(kernel).unwrap();
    let line = if let Course::After(line, _) = &course { line } else { &line };
    server.write_all(&[line.as_bytes(), &rest].concat()).unwrap();
    let (mut more, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut more, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut answered = Vec::new();
    match course {
        Course::Through => {}
        Course::After(_, wait) => {
            let head = read_until(&mut server, &mut answered, HEAD);
            let _ = client.write_all(&answered[..head]);
            answered.drain(..head);
            wait();
        }
        Course::Until(end) => {
            let head = read_until(&mut server, &mut answered, HEAD);
            let _ = client.write_all(&answered[..head]);
            read_until(&mut server, &mut answered, end);
            let _ = client.shutdown(Shutdown::Both);
            return;
        }
    }
    let _ = client.write_all(&answered);
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Write);
}

/// Reads more until `end` is there; where it ends.
fn read_until(from: &mut UnixStream, read: &mut Vec<u8>, end: &str) -> usize {
    loop {
        if let Some(at) = read.windows(end.len()).position(|some| some == end.as_bytes()) {
            return at + end.len();
        }
        let mut some = [0; 4096];
        let Ok(more @ 1..) = from.read(&mut some) else { return read.len() };
        read.extend_from_slice(&some[..more]);
    }
}
