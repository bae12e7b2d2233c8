//! One client of the Runtime API, without its socket: takes bytes, runs commands, and gives the
//! bytes of the answers slice by slice.
//!
//! ```text
//!   received ──line──> command ──> answer ──slice──> output ──> the socket
//!              `;`                   │
//!                                    └── a job that is not finished goes on in the next call
//! ```

#[cfg(test)]
mod tests;

use super::output::Output;
use super::session::Session;
use crate::admin::commands;
use crate::admin::commands::typed::input::{Input, Next};
use crate::admin::commands::{Answer, ClientSettings, CommandLine, Job, JobState};
use crate::admin::context::Context;
use crate::admin::slice::SLICE_LEN_MAX;
use crate::config::Level;

/// How many commands one call runs at most.
const COMMANDS_PER_CALL: usize = 16;

/// One client of the Runtime API.
#[derive(Debug)]
pub struct CommandSession {
    client: ClientSettings,
    state: State,
    input: Input,
    output: Output,
    /// The client sends nothing more.
    input_ended: bool,
    /// A command was answered.
    answered: bool,
    last_active_ms: u64,
    /// How long the process runs, when the last command began.
    uptime_s: u64,
}

#[derive(Debug)]
enum State {
    /// The next command is run when its line is complete.
    ExpectCommand,
    /// A command writes its answer in slices.
    Answering(Box<dyn Job>),
    /// A command has written all that there is, and writes more when the process wakes the client.
    Following(Box<dyn Job>),
    /// The connection ends when all output is sent. Further commands are not read.
    Leaving,
}

impl CommandSession {
    /// A client that was accepted at `now_ms`.
    pub fn new(level: Level, timeout_ms: u32, now_ms: u64) -> Self {
        Self {
            client: ClientSettings::new(level, timeout_ms),
            state: State::ExpectCommand,
            input: Input::default(),
            output: Output::default(),
            input_ended: false,
            answered: false,
            uptime_s: 0,
            last_active_ms: now_ms,
        }
    }

    /// The same client, who may use experimental commands or not.
    pub fn experimental(mut self, is_experimental: bool) -> Self {
        self.client.is_experimental = is_experimental;
        self
    }

    fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving)
    }

    fn has_work(&self) -> bool {
        match self.state {
            State::ExpectCommand => self.input.has_work(),
            State::Answering(_) => true,
            State::Following(_) | State::Leaving => false,
        }
    }

    fn work(&mut self, context: &mut Context<'_>) {
        for _ in 0..COMMANDS_PER_CALL {
            match &mut self.state {
                State::Answering(_) | State::Following(_) => {
                    // A call writes one slice, even where the job has found nothing to write.
                    return self.answer_on(context);
                }
                State::Leaving => return,
                State::ExpectCommand if self.output.len() >= SLICE_LEN_MAX => return,
                State::ExpectCommand => match self.next_command() {
                    Some((command, payload)) => self.run(&command, payload, context),
                    None => break,
                },
            }
        }
        if matches!(self.state, State::ExpectCommand) && self.input.is_too_long() {
            self.output.end().extend_from_slice(b"Command line too long.\n");
            self.end_answer();
            self.state = State::Leaving;
        }
    }

    /// Writes the next slice of an answer.
    fn answer_on(&mut self, context: &mut Context<'_>) {
        let state = std::mem::replace(&mut self.state, State::ExpectCommand);
        let (State::Answering(mut job) | State::Following(mut job)) = state else {
            self.state = state;
            return;
        };
        match job.advance(context, self.output.end()) {
            JobState::Finished => self.end_answer(),
            JobState::Following => self.state = State::Following(job),
            JobState::Unfinished | JobState::Waiting => self.state = State::Answering(job),
        }
    }

    fn run(&mut self, command: &[u8], payload: Option<Vec<u8>>, context: &mut Context<'_>) {
        self.uptime_s = context.now_ms.saturating_sub(context.process.started_ms) / 1000;
        let command = CommandLine::parse(command).with_payload(payload);
        match commands::run(&command, &mut self.client, context) {
            Answer::Text(text) => {
                self.output.end().extend_from_slice(text.as_bytes());
                self.end_answer();
            }
            Answer::Message(severity, text) => {
                let prefix = self.client.severity_prefix(severity);
                self.output.end().extend_from_slice(prefix.as_bytes());
                self.answer(&text);
            }
            Answer::Bare(severity, text) => {
                let prefix = self.client.severity_prefix(severity);
                let out = self.output.end();
                out.extend_from_slice(prefix.as_bytes());
                out.extend_from_slice(text.as_bytes());
                self.end_answer();
            }
            Answer::Job(job) => self.state = State::Answering(job),
            Answer::Goodbye => self.state = State::Leaving,
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

    /// Every answer ends with an empty line, and with a prompt for a client that wants one.
    fn end_answer(&mut self) {
        self.answered = true;
        let out = self.output.end();
        out.push(b'\n');
        let prompt = self.client.prompt(self.uptime_s).unwrap_or_default();
        out.extend_from_slice(prompt.as_bytes());
    }

    /// The next command, once all lines that belong to it are there.
    fn next_command(&mut self) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        loop {
            match self.input.take_next() {
                Next::Command(command, payload) => return Some((command, payload)),
                Next::More => self.output.end().extend_from_slice(self.client.continuation()),
                Next::Nothing => return None,
            }
        }
    }
}

impl Session for CommandSession {
    /// Nothing is received while a command is answered: a client that does not read its answer
    /// cannot send more commands.
    fn receive_max(&self) -> usize {
        if self.is_busy() || self.input_ended || self.is_leaving() {
            return 0;
        }
        self.input.room()
    }

    fn handle_received(&mut self, bytes: &[u8], now_ms: u64) {
        self.last_active_ms = now_ms;
        if matches!(self.state, State::Following(_)) {
            // As in HAProxy, what ends the waiting is no command.
            self.state = State::ExpectCommand;
            return self.end_answer();
        }
        let (taken, _) = bytes.split_at(bytes.len().min(self.receive_max()));
        self.input.push(taken);
    }

    fn handle_end_of_input(&mut self) {
        self.input_ended = true;
    }

    fn poll_transmit(&mut self, context: &mut Context<'_>) -> &[u8] {
        if self.output.is_empty() {
            self.work(context);
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
        if matches!(self.state, State::Following(_)) {
            return false;
        }
        let over = self.is_leaving()
            || self.input_ended && !self.has_work()
            || self.answered && !self.client.stays() && !self.has_work();
        over && self.output.is_empty()
    }

    fn is_waiting(&self) -> bool {
        let State::Answering(job) = &self.state else { return false };
        job.gives_up_at_ms().is_some() && self.output.is_empty()
    }

    fn deadline_ms(&self) -> u64 {
        let job_deadline_ms = match &self.state {
            State::Answering(job) => job.gives_up_at_ms(),
            State::ExpectCommand | State::Following(_) | State::Leaving => None,
        };
        job_deadline_ms.unwrap_or_else(|| {
            self.last_active_ms.saturating_add(u64::from(self.client.timeout_ms))
        })
    }
}
