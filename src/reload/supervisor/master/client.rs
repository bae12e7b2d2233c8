//! One client of the master socket: takes its commands, answers them or passes them on to a worker,
//! one after the other.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::poll::PollFlags;

use super::commands::{self, Own, Target};
use super::crew::{Crew, Turn};
use super::exchange::{Exchange, Progress};
use super::keep::{Keeper, Kept, invalid};
use crate::admin::commands::CommandLine;
use crate::admin::commands::typed::help;
use crate::admin::commands::typed::input::{Input, Next};
use crate::config::{COMPATIBLE_VERSION, Level};
use crate::net::socket;
use crate::reload::inherit::Inherited;
use crate::reload::supervisor::worker_link::Rights;

/// How many bytes for a client may wait. No more is taken from a worker then.
const OUTPUT_MAX: usize = 32 * 1024;
/// How many commands are run in one turn.
const COMMANDS_PER_TURN: usize = 16;
/// How many bytes are received at once.
const PART_MAX: usize = 4096;
/// How long a client may take to read something, in milliseconds.
const READ_LIMIT_MS: u64 = 30_000;
/// How long a client may ask nothing.
const IDLE_LIMIT_MS: u64 = 3_600_000;
/// How long a client that asks nothing keeps its place while others wait.
const IDLE_KEPT_MS: u64 = 1_000;
/// How long a client whose worker says nothing keeps its place while others wait.
const SILENT_KEPT_MS: u64 = 60_000;

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    socket: OwnedFd,
    rights: Rights,
    /// The client gets a prompt.
    has_prompt: bool,
    /// Whom commands without a prefix are for.
    target: Target,
    input: Input,
    /// Bytes to be sent.
    output: Vec<u8>,
    state: State,
    /// The client sends nothing more.
    has_ended: bool,
    /// When the last byte was received or sent.
    moved_ms: u64,
}

#[derive(Debug)]
enum State {
    /// The next command is run when its line is complete.
    Ready,
    /// A worker answers.
    Asking(Exchange),
    /// The answer comes with the end of the reload of this number.
    AwaitingReload(u64),
    /// The connection ends when everything is sent.
    Leaving,
}

/// What poll(2) has found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    pub(super) is_readable: bool,
    /// The client is gone.
    pub(super) is_gone: bool,
}

impl Client {
    /// A client that was accepted.
    pub(super) fn new(socket: OwnedFd, level: Level, now_ms: u64) -> Self {
        Self {
            socket,
            rights: Rights { level, is_experimental: false },
            has_prompt: false,
            target: Target::Master,
            input: Input::default(),
            output: Vec::new(),
            state: State::Ready,
            has_ended: false,
            moved_ms: now_ms,
        }
    }

    /// The socket of the client, and the events that are waited for.
    pub(super) fn polled(&self) -> (&OwnedFd, PollFlags) {
        let mut flags = PollFlags::empty();
        let is_ready = matches!(self.state, State::Ready);
        flags.set(PollFlags::POLLIN, is_ready && !self.has_ended && self.input.room() > 0);
        flags.set(PollFlags::POLLOUT, !self.output.is_empty());
        (&self.socket, flags)
    }

    /// The socket to the worker, if more of an answer is wanted.
    pub(super) fn polled_worker(&self) -> Option<&OwnedFd> {
        match &self.state {
            State::Asking(exchange) if self.has_room() => Some(exchange.socket()),
            _ => None,
        }
    }

    fn has_room(&self) -> bool {
        self.output.len() < OUTPUT_MAX
    }

    /// Whether a command can be run without a further event.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.state, State::Ready) && self.input.has_work() && self.has_room()
    }

    /// When to look at the client even without an event.
    pub(super) fn wake_ms(&self) -> u64 {
        let exchange_ms = match &self.state {
            State::Asking(exchange) if self.has_room() => exchange.wake_ms(),
            _ => u64::MAX,
        };
        exchange_ms.min(self.deadline_ms())
    }

    /// When the client is let go.
    fn deadline_ms(&self) -> u64 {
        match self.state {
            _ if !self.output.is_empty() => self.moved_ms.saturating_add(READ_LIMIT_MS),
            State::Ready | State::Leaving => self.moved_ms.saturating_add(IDLE_LIMIT_MS),
            State::Asking(_) | State::AwaitingReload(_) => u64::MAX,
        }
    }

    /// From when on the client has to make room for another one. None while it is served.
    pub(super) fn kept_until_ms(&self) -> Option<u64> {
        match self.state {
            State::AwaitingReload(_) => None,
            State::Ready | State::Leaving => Some(self.moved_ms.saturating_add(IDLE_KEPT_MS)),
            State::Asking(_) => Some(self.moved_ms.saturating_add(SILENT_KEPT_MS)),
        }
    }

    /// Gives the client its turn. Returns whether it stays.
    pub(super) fn advance(&mut self, found: Found, turn: &mut Turn<'_, impl Crew>) -> bool {
        let now_ms = turn.now_ms;
        if found.is_readable && !self.receive(now_ms) {
            return false;
        }
        if self.hear(turn.crew, now_ms) {
            self.write_prompt(turn.crew);
        }
        if !turn.crew.is_between() {
            self.run_commands(turn);
        }
        // Whoever is gone may have asked for something before.
        if found.is_gone || !self.send(now_ms) || now_ms >= self.deadline_ms() {
            return false;
        }
        if self.is_over() {
            // Bytes that nobody has read would make the client lose its answer.
            socket::has_peer_ended(self.socket.as_fd());
            return false;
        }
        true
    }

    fn is_over(&self) -> bool {
        let is_done = match self.state {
            State::Ready => self.has_ended && !self.input.has_work(),
            State::Leaving => true,
            State::Asking(_) | State::AwaitingReload(_) => false,
        };
        is_done && self.output.is_empty()
    }

    /// Receives what has come. Returns false if the connection is broken.
    fn receive(&mut self, now_ms: u64) -> bool {
        let mut part = [0; PART_MAX];
        let wanted = self.input.room().min(PART_MAX);
        let Some(buffer) = part.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else {
            return true;
        };
        match socket::receive(self.socket.as_fd(), buffer) {
            Ok(0) => self.has_ended = true,
            Ok(count) => {
                self.moved_ms = now_ms;
                self.input.push(buffer.get(..count).unwrap_or_default());
            }
            Err(error) => return is_passing(&error),
        }
        true
    }

    /// Sends what waits. Returns false if the connection is broken.
    fn send(&mut self, now_ms: u64) -> bool {
        while !self.output.is_empty() {
            match socket::send(self.socket.as_fd(), &self.output) {
                Ok(count) => {
                    self.moved_ms = now_ms;
                    self.output.drain(..count);
                }
                Err(error) => return is_passing(&error),
            }
        }
        true
    }

    /// Takes what a worker has answered. Returns whether the answer is complete.
    fn hear(&mut self, crew: &impl Crew, now_ms: u64) -> bool {
        while self.has_room() {
            let State::Asking(exchange) = &mut self.state else { return false };
            match exchange.receive(&mut self.output, crew, now_ms) {
                Progress::Part => self.moved_ms = now_ms,
                Progress::Nothing => return false,
                Progress::Complete => {
                    self.state = State::Ready;
                    return true;
                }
                Progress::Unheard => {
                    let text = format!("Worker {} does not answer.\n", exchange.worker());
                    self.state = State::Ready;
                    self.say(&text);
                    return true;
                }
            }
        }
        false
    }

    fn run_commands(&mut self, turn: &mut Turn<'_, impl Crew>) {
        for _ in 0..COMMANDS_PER_TURN {
            if !matches!(self.state, State::Ready) || !self.has_room() {
                return;
            }
            match self.input.take_next() {
                Next::Command(command, payload) => {
                    self.run(&command, payload.as_deref(), turn);
                    self.write_prompt(turn.crew);
                }
                Next::More if self.has_prompt => self.output.extend_from_slice(b"+ "),
                Next::More => {}
                Next::Nothing if self.input.is_too_long() => {
                    self.say("Command line too long.\n");
                    self.state = State::Leaving;
                }
                Next::Nothing => return,
            }
        }
    }

    /// Writes an answer. Every answer ends with an empty line.
    fn say(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
        if !text.is_empty() && !text.ends_with('\n') {
            self.output.push(b'\n');
        }
        self.output.push(b'\n');
    }

    fn write_prompt(&mut self, crew: &impl Crew) {
        if !self.has_prompt || !matches!(self.state, State::Ready) {
            return;
        }
        let pid = match self.target {
            Target::Master => None,
            Target::Serving => crew.serving(),
            Target::Worker(pid) => Some(pid),
        };
        let prompt = pid.map_or_else(|| "master> ".to_owned(), |pid| format!("{pid}> "));
        self.output.extend_from_slice(prompt.as_bytes());
    }

    fn run(&mut self, command: &[u8], payload: Option<&[u8]>, turn: &mut Turn<'_, impl Crew>) {
        let (named, command) = match commands::addressed(command) {
            Ok(addressed) => addressed,
            Err(prefix) => return self.turn_away(&prefix),
        };
        let target = named.unwrap_or(self.target);
        let worker = match target {
            Target::Master => None,
            Target::Serving => turn.crew.serving(),
            Target::Worker(pid) => Some(pid).filter(|pid| turn.crew.has(*pid)),
        };
        if worker.is_none() && target != Target::Master {
            return self.turn_away(&target.prefix());
        }
        if named.is_some() && command.is_empty() {
            self.target = target;
            return;
        }
        let line = CommandLine::parse(command);
        match worker {
            // What is about the connection is never for a worker, unless it is sent to one.
            Some(worker) if named.is_some() || !self.run_on_connection(&line) => {
                self.ask(worker, command, payload, turn);
            }
            Some(_) => {}
            None => self.run_own(&line, turn),
        }
    }

    /// Nobody is meant by the prefix. As with HAProxy, this ends the connection: what follows
    /// could be meant for the same process.
    fn turn_away(&mut self, prefix: &str) {
        let text = format!("Can't find the target PID matching the prefix '{prefix}'\n");
        self.output.extend_from_slice(text.as_bytes());
        self.state = State::Leaving;
    }

    fn ask(
        &mut self,
        worker: i32,
        command: &[u8],
        payload: Option<&[u8]>,
        turn: &Turn<'_, impl Crew>,
    ) {
        let text = match payload {
            Some(payload) => [command, b" <<\n", payload, b"\n"].concat(),
            None => [command, b"\n"].concat(),
        };
        match Exchange::begin(worker, &text, self.rights, turn.crew, turn.now_ms) {
            Ok(exchange) => {
                self.moved_ms = turn.now_ms;
                self.state = State::Asking(exchange);
            }
            Err(error) => self.say(&format!("Worker {worker} cannot be asked: {error}.")),
        }
    }

    /// Runs a command that is about the connection. Returns false if the line is none.
    fn run_on_connection(&mut self, line: &CommandLine) -> bool {
        if let Some(refusal) = commands::refusal(line) {
            self.say(&refusal);
            return true;
        }
        if line.word(0) == Some(b"experimental-mode") {
            match line.word(1) {
                Some(b"on") => self.rights.is_experimental = true,
                Some(b"off") => self.rights.is_experimental = false,
                _ => {
                    let now = if self.rights.is_experimental { "ON" } else { "OFF" };
                    self.say(&format!("experimental-mode is {now}"));
                }
            }
            return true;
        }
        match commands::find(line) {
            Some((Own::Prompt, _)) => self.has_prompt = !self.has_prompt,
            Some((Own::Quit, _)) => self.state = State::Leaving,
            Some((Own::Operator, _)) => self.lower_to(Level::Operator),
            Some((Own::User, _)) => self.lower_to(Level::User),
            _ => return false,
        }
        true
    }

    fn lower_to(&mut self, level: Level) {
        if self.rights.level < level {
            self.output.extend_from_slice(b"Permission denied!\n");
            self.state = State::Leaving;
        }
        self.rights.level = level.min(self.rights.level);
    }

    fn run_own(&mut self, line: &CommandLine, turn: &mut Turn<'_, impl Crew>) {
        if self.run_on_connection(line) {
            return;
        }
        let Some((own, level)) = commands::find(line) else {
            return self.say(&help::unknown(commands::rows(), line.from(0)));
        };
        if level > self.rights.level {
            return self.say("Permission denied");
        }
        match own {
            Own::Help => self.say(&help::help(commands::rows(), line.from(1))),
            Own::ShowProc => self.say(&turn.crew.processes().text()),
            Own::ShowVersion => self.say(COMPATIBLE_VERSION),
            Own::ShowCliLevel => self.say(self.rights.level.name()),
            Own::ShowCliSockets => self.say(&turn.sockets()),
            Own::ShowStartupLogs => self.say(&turn.crew.start_log()),
            Own::Reload => match turn.crew.ask_reload() {
                Ok(number) => self.state = State::AwaitingReload(number),
                Err(why) => self.say(&format!("Success=0\n--\n{why}")),
            },
            Own::Prefix | Own::Operator | Own::User | Own::Prompt | Own::Quit => {}
        }
    }

    /// Answers the client if it waits for the reload of this number, or an earlier one.
    pub(super) fn note_reload(&mut self, number: u64, answer: &str, crew: &impl Crew) {
        if !matches!(self.state, State::AwaitingReload(awaited) if awaited <= number) {
            return;
        }
        self.say(answer);
        // HAProxy closes the connection. Clients read up to the end.
        let stays = self.has_prompt || self.input.has_work();
        self.state = if stays { State::Ready } else { State::Leaving };
        self.write_prompt(crew);
    }

    /// Writes what the program that follows has to know.
    pub(super) fn keep<'a>(&'a self, keeper: &mut Keeper<'a>) {
        keeper.descriptor(&self.socket);
        keeper.number(self.rights.level as i32);
        keeper.number(self.rights.is_experimental);
        keeper.number(self.has_prompt);
        keeper.number(self.target.number());
        keeper.number(self.has_ended);
        keeper.count(self.moved_ms);
        keeper.text(&self.input.unread());
        keeper.text(&self.output);
        match &self.state {
            State::Ready => keeper.number(0),
            State::Leaving => keeper.number(1),
            State::AwaitingReload(number) => {
                keeper.number(2);
                keeper.count(*number);
            }
            State::Asking(exchange) => {
                keeper.number(3);
                exchange.keep(keeper);
            }
        }
    }

    /// Reads what [`Client::keep`] has written.
    pub(super) fn of_kept(kept: &mut Kept<'_>, inherited: &mut Inherited) -> io::Result<Self> {
        let socket = kept.descriptor(inherited)?;
        let level = level_of(kept.number()?)?;
        let rights = Rights { level, is_experimental: kept.number::<i32>()? != 0 };
        let has_prompt = kept.number::<i32>()? != 0;
        let target = Target::of_number(kept.number()?).ok_or_else(invalid)?;
        let has_ended = kept.number::<i32>()? != 0;
        let moved_ms = kept.number()?;
        let mut input = Input::default();
        input.push(kept.text()?);
        let output = kept.text()?.to_vec();
        let state = match kept.number()? {
            0 => State::Ready,
            1 => State::Leaving,
            2 => State::AwaitingReload(kept.number()?),
            3 => State::Asking(Exchange::of_kept(kept, inherited)?),
            _ => return Err(invalid()),
        };
        Ok(Self { socket, rights, has_prompt, target, input, output, state, has_ended, moved_ms })
    }
}

/// The level of a number that was kept.
pub(super) fn level_of(number: i32) -> io::Result<Level> {
    let levels = [Level::User, Level::Operator, Level::Admin];
    levels.into_iter().find(|level| *level as i32 == number).ok_or_else(invalid)
}

/// Whether the connection goes on after an error.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
