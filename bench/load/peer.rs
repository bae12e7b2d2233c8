//! One session of the peers protocol, from the side of the caller.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::wire::{HEARTBEAT, Message, read_message};
use crate::wrong;

const SILENCE_MAX: Duration = Duration::from_secs(60);
const BUFFER_LEN: usize = 256 << 10;

/// A session that is established.
#[derive(Debug)]
pub struct Peer {
    pub stream: TcpStream,
    pub inbox: Inbox,
}

/// The bytes that were received and not read yet are `buffer[read..filled]`.
#[derive(Debug)]
pub struct Inbox {
    buffer: Vec<u8>,
    read: usize,
    filled: usize,
}

impl Peer {
    /// Calls the node `to`, with the peer name `name`.
    pub fn call(address: SocketAddr, name: &str, to: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.write_all(format!("HAProxyS 2.1\n{to}\n{name} 1 1\n").as_bytes())?;
        let mut status = [0; 4];
        stream.read_exact(&mut status)?;
        if &status != b"200\n" {
            return Err(wrong(&format!("status {status:?}")));
        }
        stream.write_all(&HEARTBEAT)?;
        Ok(Self { stream, inbox: Inbox::new() })
    }

    /// Waits for the next message and returns it.
    pub fn message(&mut self) -> io::Result<Message<'_>> {
        while !self.inbox.has_message() {
            if self.inbox.receive(&mut self.stream)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.inbox.message().unwrap())
    }
}

impl Inbox {
    pub fn new() -> Self {
        Self { buffer: vec![0; BUFFER_LEN], read: 0, filled: 0 }
    }

    /// Calls read(2) once.
    pub fn receive(&mut self, from: &mut impl Read) -> io::Result<usize> {
        self.buffer.copy_within(self.read..self.filled, 0);
        self.filled -= self.read;
        self.read = 0;
        let len = from.read(&mut self.buffer[self.filled..])?;
        self.filled += len;
        Ok(len)
    }

    fn has_message(&self) -> bool {
        read_message(&self.buffer[self.read..self.filled]).is_some()
    }

    /// Takes the first message, if it is complete.
    pub fn message(&mut self) -> Option<Message<'_>> {
        let (message, len) = read_message(&self.buffer[self.read..self.filled])?;
        self.read += len;
        Some(message)
    }
}
