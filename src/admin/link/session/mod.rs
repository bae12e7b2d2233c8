//! One client of the Runtime API, without its socket: bytes in, commands run, bytes out a slice at
//! a time.
//!
//! ```text
//!   received ──line──> command ──> answer ──slice──> output ──> the socket
//!              `;`                   │
//!                                    └── a job that is not finished goes on in the next call
//! ```

#[cfg(test)]
mod tests;

use super::conversation::Conversation;
use super::output::{OUTPUT_LEN_MAX, Output};
use crate::admin::commands::words::{split_command, words};
use crate::admin::{Answer, Job, Progress, SeverityOutput, World, run};
use crate::config::Level;

/// The longest line. HAProxy's limit is its buffer size; this is its default.
const LINE_LEN_MAX: usize = 16_384;
/// Commands that one call runs at most.
const COMMANDS_PER_CALL: usize = 16;

/// What commands may change about the client that gave them.
#[derive(Clone, Debug)]
pub struct Client {
    /// What it may do.
    pub level: Level,
    /// It gets a prompt and may go on after an answer.
    pub prompt: bool,
    /// The longest silence, in milliseconds.
    pub timeout_ms: u32,
    /// Messages say how grave they are.
    pub severity_output: SeverityOutput,
    /// It said goodbye.
    pub leaving: bool,
}

/// One client of the Runtime API.
#[derive(Debug)]
pub struct Session {
    client: Client,
    received: Vec<u8>,
    /// What is left of a line with several commands.
    line: Option<Vec<u8>>,
    job: Option<Job>,
    output: Output,
    /// No input will follow, or none will be looked at.
    input_ended: bool,
    /// A command was answered.
    answered: bool,
    last_active_ms: u64,
}

impl Session {
    /// A client that was accepted at `now_ms`.
    pub fn new(level: Level, timeout_ms: u32, now_ms: u64) -> Self {
        Self {
            client: Client {
                level,
                prompt: false,
                timeout_ms,
                severity_output: SeverityOutput::None,
                leaving: false,
            },
            received: Vec::new(),
            line: None,
            job: None,
            output: Output::default(),
            input_ended: false,
            answered: false,
            last_active_ms: now_ms,
        }
    }

    fn has_work(&self) -> bool {
        let waiting = self.line.is_some() || self.received.contains(&b'\n');
        self.job.is_some() || (waiting && !self.client.leaving) || self.is_line_too_long()
    }

    fn is_line_too_long(&self) -> bool {
        self.received.len() >= LINE_LEN_MAX
            && !self.client.leaving
            && !self.received.contains(&b'\n')
    }

    fn work(&mut self, world: &mut World<'_>) {
        for _ in 0..COMMANDS_PER_CALL {
            if let Some(mut job) = self.job.take() {
                match job.advance(world, self.output.end()) {
                    // One slice per call, whatever came out of it.
                    Progress::More => {
                        self.job = Some(job);
                        return;
                    }
                    Progress::Wait => self.job = Some(job),
                    Progress::Done => self.end_answer(),
                }
                return;
            }
            if self.output.len() >= OUTPUT_LEN_MAX || self.client.leaving {
                return;
            }
            let Some(line) = self.next_line() else { break };
            self.run_next(line, world);
        }
        if self.is_line_too_long() {
            self.output.end().extend_from_slice(b"Command line too long.\n");
            self.end_answer();
            self.client.leaving = true;
        }
    }

    /// Runs the first command of a line and keeps the others.
    fn run_next(&mut self, line: Vec<u8>, world: &mut World<'_>) {
        let (command, rest) = split_command(&line);
        self.line = rest.map(<[u8]>::to_vec);
        match run(&words(command), &mut self.client, world) {
            Answer::Text(text) => self.answer(&text),
            Answer::Message(tone, text) => {
                let prefix = self.client.severity_output.prefix(tone);
                self.output.end().extend_from_slice(prefix.as_bytes());
                self.answer(&text);
            }
            Answer::Job(job) => self.job = Some(job),
            Answer::Goodbye => self.client.leaving = true,
        }
    }

    fn answer(&mut self, text: &str) {
        let out = self.output.end();
        out.extend_from_slice(text.as_bytes());
        if !text.is_empty() && !text.ends_with('\n') {
            out.push(b'\n');
        }
        self.end_answer();
    }

    /// Every answer ends with an empty line, and with a prompt where one is wanted.
    fn end_answer(&mut self) {
        self.answered = true;
        let out = self.output.end();
        out.push(b'\n');
        if self.client.prompt {
            out.extend_from_slice(b"> ");
        }
    }

    fn next_line(&mut self) -> Option<Vec<u8>> {
        if let Some(line) = self.line.take() {
            return Some(line);
        }
        let end = self.received.iter().position(|byte| *byte == b'\n')?;
        let mut line: Vec<u8> = self.received.drain(..=end).collect();
        line.pop();
        Some(line)
    }
}

impl Conversation for Session {
    /// None while a command is being answered: a client that does not read is not read either.
    fn receive_max(&self) -> usize {
        if self.is_busy() || self.input_ended || self.client.leaving {
            return 0;
        }
        LINE_LEN_MAX.saturating_sub(self.received.len())
    }

    fn handle_received(&mut self, bytes: &[u8], now_ms: u64) {
        self.last_active_ms = now_ms;
        let (taken, _) = bytes.split_at(bytes.len().min(self.receive_max()));
        self.received.extend_from_slice(taken);
    }

    fn handle_end_of_input(&mut self) {
        self.input_ended = true;
    }

    fn poll_transmit(&mut self, world: &mut World<'_>) -> &[u8] {
        if self.output.is_empty() {
            self.work(world);
        }
        self.output.unsent()
    }

    fn handle_sent(&mut self, count: usize, now_ms: u64) {
        self.last_active_ms = now_ms;
        self.output.handle_sent(count);
    }

    fn is_busy(&self) -> bool {
        !self.output.is_empty() || self.has_work()
    }

    fn is_finished(&self) -> bool {
        let over = self.client.leaving
            || self.input_ended && !self.has_work()
            || self.answered && !self.client.prompt && !self.has_work();
        over && self.output.is_empty()
    }

    fn is_waiting(&self) -> bool {
        matches!(self.job, Some(Job::Reload(_))) && self.output.is_empty()
    }

    fn deadline_ms(&self) -> u64 {
        if let Some(Job::Reload(wait)) = &self.job {
            return wait.until_ms();
        }
        self.last_active_ms.saturating_add(u64::from(self.client.timeout_ms))
    }
}
