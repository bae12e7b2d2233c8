//! What a client types: lines of commands, and the lines that belong to the last command of a line.
//!
//! ```text
//!   received --line--> commands, `;` between them --> one command after the other
//!              `<<` at the end: further lines, up to an empty one, are the payload of the last
//! ```

use super::command_line::{announces_payload, split_command};

/// The longest line, in bytes. HAProxy's limit is the size of its buffers; this is their default.
pub const LINE_LEN_MAX: usize = 16_384;

/// The bytes of a client that are not run yet.
#[derive(Debug, Default)]
pub struct Input {
    received: Vec<u8>,
    /// The rest of a line with several commands.
    line: Option<Vec<u8>>,
    /// The lines behind that line, for the last of its commands.
    payload: Option<Vec<u8>>,
    /// A line that has announced more lines, which are not all here yet.
    announced: Option<Announced>,
}

/// A line that has announced more lines, and those that have come.
#[derive(Debug, Default)]
struct Announced {
    line: Vec<u8>,
    payload: Vec<u8>,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A command, with the lines that belong to it.
    Command(Vec<u8>, Option<Vec<u8>>),
    /// A line was taken for a payload that is not complete yet.
    More,
    /// There is no whole line, or one that is too long.
    Nothing,
}

impl Input {
    /// How many bytes may be received now.
    pub fn room(&self) -> usize {
        LINE_LEN_MAX.saturating_sub(self.received.len())
    }

    /// Adds bytes that were received.
    pub fn push(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// Whether there is something to run.
    pub fn has_work(&self) -> bool {
        self.line.is_some() || self.has_whole_line() || self.is_too_long()
    }

    fn has_whole_line(&self) -> bool {
        self.received.contains(&b'\n')
    }

    /// Whether a line or a payload is longer than is allowed.
    pub fn is_too_long(&self) -> bool {
        let of_payload = self.announced.as_ref().map_or(0, |announced| announced.payload.len());
        of_payload >= LINE_LEN_MAX || self.received.len() >= LINE_LEN_MAX && !self.has_whole_line()
    }

    /// Takes the next command, once all lines that belong to it are there.
    pub fn take_next(&mut self) -> Next {
        if let Some(line) = self.line.take() {
            return self.first_of(&line);
        }
        if self.is_too_long() {
            return Next::Nothing;
        }
        let Some(line) = self.received_line() else { return Next::Nothing };
        match &mut self.announced {
            Some(announced) if !matches!(line.as_slice(), b"" | b"\r") => {
                announced.payload.extend_from_slice(&line);
                announced.payload.push(b'\n');
                Next::More
            }
            Some(announced) => {
                let Announced { line, payload } = std::mem::take(announced);
                self.announced = None;
                self.payload = Some(payload);
                self.first_of(&line)
            }
            None => match announces_payload(&line) {
                Some(line) => {
                    self.announced = Some(Announced { line: line.to_vec(), payload: Vec::new() });
                    Next::More
                }
                None => self.first_of(&line),
            },
        }
    }

    /// The text that leads to this state: what another program has to be given to go on.
    pub fn unread(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Some(line) = &self.line {
            text.extend_from_slice(line);
            match &self.payload {
                Some(payload) => text.extend([b"<<\n", payload.as_slice(), b"\n"].concat()),
                None => text.push(b'\n'),
            }
        }
        if let Some(Announced { line, payload }) = &self.announced {
            text.extend([line, &b"<<\n"[..], payload].concat());
        }
        text.extend_from_slice(&self.received);
        text
    }

    /// The first command of a line. The others are kept.
    fn first_of(&mut self, line: &[u8]) -> Next {
        let (command, rest) = split_command(line);
        self.line = rest.map(<[u8]>::to_vec);
        let payload = if rest.is_none() { self.payload.take() } else { None };
        Next::Command(command.to_vec(), payload)
    }

    fn received_line(&mut self) -> Option<Vec<u8>> {
        let end = self.received.iter().position(|byte| *byte == b'\n')?;
        let mut line: Vec<u8> = self.received.drain(..=end).collect();
        line.pop();
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_run_yet_can_be_given_to_another() {
        let typed = b"a;b;add map x <<\nk v\nl w\n\nc;d <<\nm x\nhalf";
        let read = |input: &mut Input| {
            let mut all = Vec::new();
            loop {
                match input.take_next() {
                    Next::Nothing => return all,
                    next => all.push(next),
                }
            }
        };
        let mut whole = Input::default();
        whole.push(typed);
        let expected: Vec<Next> = read(&mut whole);
        assert_eq!(expected.len(), 8, "{expected:?}");
        for stop in 0..=expected.len() {
            let mut input = Input::default();
            input.push(typed);
            let mut found: Vec<Next> = (0..stop).map(|_| input.take_next()).collect();
            let mut other = Input::default();
            other.push(&input.unread());
            // The lines of an unfinished payload are taken once more.
            found.retain(|next| *next != Next::More);
            found.extend(read(&mut other).into_iter().filter(|next| *next != Next::More));
            let commands = expected.iter().filter(|next| **next != Next::More);
            assert!(found.iter().eq(commands), "{stop}: {found:?}");
            input.push(b"\nn y\n\n");
            other.push(b"\nn y\n\n");
            read(&mut input);
            assert_eq!(other.take_next(), Next::More);
        }
    }
}
