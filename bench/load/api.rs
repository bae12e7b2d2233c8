//! A client of a node's Runtime API, which keeps one connection.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

/// The text after each answer in prompt mode.
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

    /// Sends one line and returns the answer.
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
