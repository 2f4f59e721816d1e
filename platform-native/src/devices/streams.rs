//! Open TCP connections by stream id.
//!
//! Nothing is buffered here: what was not read stays in the operating system's socket, whose window
//! pushes back on the sender.

use bytes::{Bytes, BytesMut};
use kernel_core::id::StreamId;
use kernel_core::platform::{DeviceError, DeviceReply, Meta};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// The most connections that are open at once, where there are descriptors for twice as many: files, the
/// log and the programs need the other half.
const MAX_OPEN: usize = 1_024;

/// How many connections this process may have open: half of the descriptors that it may have.
pub(super) fn most() -> usize {
    (super::descriptors() / 2).clamp(1, MAX_OPEN)
}

/// The most bytes of one read: the limit of a reply.
const MAX_READ: usize = 1 << 20;

/// The open connections.
#[derive(Debug)]
pub(super) struct Streams {
    most: usize,
    // One for each connection, from before it is made.
    room: Arc<Semaphore>,
    // Held to look up, add or remove one; never while a connection is waited for.
    open: Mutex<HashMap<StreamId, Arc<Stream>>>,
}

#[derive(Debug)]
struct Stream {
    socket: TcpStream,
    closed: watch::Sender<bool>,
    _room: Room,
}

/// Room for one connection, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Room {
    _permit: OwnedSemaphorePermit,
}

impl Streams {
    /// Room for so many.
    pub(super) fn new(most: usize) -> Streams {
        Streams { most, room: Arc::new(Semaphore::new(most)), open: Mutex::default() }
    }

    /// Room for a connection that is to be made: taken first, so that not even those that are being made
    /// take the descriptors of others.
    pub(super) fn room(&self) -> Result<Room, DeviceError> {
        let full = |_| DeviceError::Full(format!("{} connections are open, and that is the most", self.most));
        self.room.clone().try_acquire_owned().map(|permit| Room { _permit: permit }).map_err(full)
    }

    pub(super) fn insert(&self, id: StreamId, socket: TcpStream, room: Room) -> Result<(), DeviceError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.contains_key(&id) {
            return Err(DeviceError::Unfit(format!("/stream/{id} is open already")));
        }
        open.insert(id, Arc::new(Stream { socket, closed: watch::Sender::new(false), _room: room }));
        Ok(())
    }

    pub(super) async fn read(&self, id: StreamId, len: u32) -> Result<DeviceReply, DeviceError> {
        let stream = self.find(id)?;
        let mut closed = stream.closed.subscribe();
        let body = tokio::select! {
            // A close ends the read empty, as the end of the connection does.
            _ = closed.wait_for(|closed| *closed) => Bytes::new(),
            read = stream.receive(len) => read.map_err(|e| failed("reading", id, e))?,
        };
        Ok(DeviceReply::Data { body, meta: Meta::default() })
    }

    pub(super) async fn write(&self, id: StreamId, body: &[u8]) -> Result<DeviceReply, DeviceError> {
        let stream = self.find(id)?;
        let mut closed = stream.closed.subscribe();
        tokio::select! {
            _ = closed.wait_for(|closed| *closed) => Err(gone(id)),
            sent = stream.send(body) => match sent {
                Ok(()) => Ok(DeviceReply::Done { address: None }),
                Err(e) => Err(failed("writing", id, e)),
            },
        }
    }

    /// Closes; whoever waits on it is woken. The socket is closed when the last of them has gone.
    pub(super) fn close(&self, id: StreamId) {
        let stream = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(stream) = stream {
            stream.closed.send_replace(true);
        }
    }

    fn find(&self, id: StreamId) -> Result<Arc<Stream>, DeviceError> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned().ok_or_else(|| gone(id))
    }
}

impl Stream {
    async fn receive(&self, len: u32) -> io::Result<Bytes> {
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(MAX_READ);
        if len == 0 {
            return Ok(Bytes::new());
        }
        loop {
            self.socket.readable().await?;
            // No buffer is held while waiting.
            let mut buffer = BytesMut::zeroed(len);
            match self.socket.try_read(&mut buffer) {
                Ok(n) if n >= len / 2 => {
                    buffer.truncate(n);
                    return Ok(buffer.freeze());
                }
                // A small arrival must not keep a large buffer alive.
                Ok(n) => return Ok(Bytes::copy_from_slice(&buffer[..n])),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
        }
    }

    async fn send(&self, mut body: &[u8]) -> io::Result<()> {
        while !body.is_empty() {
            self.socket.writable().await?;
            match self.socket.try_write(body) {
                Ok(n) => body = &body[n..],
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

fn gone(id: StreamId) -> DeviceError {
    DeviceError::NotFound(format!("/stream/{id}"))
}

fn failed(doing: &str, id: StreamId, error: io::Error) -> DeviceError {
    DeviceError::Io { doing: format!("{doing} /stream/{id}"), source: Box::new(error) }
}
