//! The Runtime API of a node, on one connection that is kept.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

/// What follows each answer once there is a prompt.
const PROMPT: &[u8] = b"\n> ";

/// A connection to the stats socket.
#[derive(Debug)]
pub struct Api {
    stream: UnixStream,
    answer: Vec<u8>,
}

impl Api {
    pub fn open(path: &str) -> io::Result<Self> {
        let mut api = Self { stream: UnixStream::connect(path)?, answer: Vec::new() };
        api.ask("prompt")?;
        Ok(api)
    }

    /// The answer to one line.
    pub fn ask(&mut self, line: &str) -> io::Result<&[u8]> {
        self.stream.write_all(format!("{line}\n").as_bytes())?;
        self.answer.clear();
        let mut part = [0; 16384];
        while !self.answer.ends_with(PROMPT) {
            let len = self.stream.read(&mut part)?;
            if len == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.answer.extend(&part[..len]);
        }
        Ok(&self.answer)
    }
}
