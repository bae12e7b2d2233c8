//! All names that are asked of a set of nameservers.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use slab::Slab;

use super::counters::Counters;
use super::known::{Failure, Hold, Known};
use super::message::{self, Asked, Reply, Unusable};
use super::question::{Awaited, ExchangeId, Question, Round, State, Subject, Transport};

/// The most exchanges at a time. Names that are due wait for one that ends.
pub const EXCHANGES_MAX: usize = 128;
/// The shortest time between two questions for a name.
const PAUSE_MIN_MS: u64 = 10;

/// How names are asked for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The nameservers, by the way to talk to them.
    pub nameservers: Vec<Transport>,
    /// How long records count without a good answer.
    pub hold: Hold,
    /// The time between two questions for a name.
    pub resolve_ms: u64,
    /// How long a try lasts.
    pub retry_ms: u64,
    /// How many tries there are.
    pub tries: u32,
    /// The longest datagram that is accepted.
    pub payload_size: u16,
}

/// A question of a resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QuestionId(usize);

/// What the owner is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send a message from a socket of its own.
    Open {
        /// The number of the exchange.
        exchange: ExchangeId,
        /// The position of the nameserver.
        nameserver: usize,
        /// How to send.
        transport: Transport,
        /// The message.
        message: Vec<u8>,
    },
    /// Close the socket: nothing is awaited any more.
    Close(ExchangeId),
}

/// Asks for names.
#[derive(Debug)]
pub struct Resolver {
    settings: Settings,
    questions: Slab<Question>,
    by_subject: HashMap<Subject, QuestionId>,
    by_exchange: HashMap<ExchangeId, QuestionId>,
    counters: Vec<Counters>,
    commands: VecDeque<Command>,
    /// Questions whose round has ended.
    news: VecDeque<QuestionId>,
    exchanges_begun: u64,
    /// The source of random ids: a keyed hash of the exchange's number.
    random: RandomState,
    next_deadline_ms: Option<u64>,
}

impl Resolver {
    /// A resolver without names.
    pub fn new(settings: Settings) -> Self {
        Self {
            counters: vec![Counters::default(); settings.nameservers.len()],
            settings,
            questions: Slab::new(),
            by_subject: HashMap::new(),
            by_exchange: HashMap::new(),
            commands: VecDeque::new(),
            news: VecDeque::new(),
            exchanges_begun: 0,
            random: RandomState::new(),
            next_deadline_ms: None,
        }
    }

    /// Asks for a name from now on. `is_known` says that an address is known already, which counts
    /// as if it were a good answer of this moment.
    pub fn ask(&mut self, subject: Subject, is_known: bool, now_ms: u64) -> QuestionId {
        let id = match self.by_subject.get(&subject) {
            Some(id) => *id,
            None => {
                let id = QuestionId(self.questions.insert(Question::new(subject.clone(), now_ms)));
                self.by_subject.insert(subject, id);
                id
            }
        };
        let question = &mut self.questions[id.0];
        question.users += 1;
        if is_known {
            question.memory.note_known(now_ms);
        }
        if !question.memory.is_new() {
            self.news.push_back(id); // what is known already is news for who asks now
        }
        self.note_deadline();
        id
    }

    /// One fewer wants to know. A name that nobody wants is not asked for.
    pub fn forget(&mut self, id: QuestionId) {
        let Some(question) = self.questions.get_mut(id.0) else { return };
        question.users -= 1;
        if question.users == 0 {
            self.close_all(id);
            let question = self.questions.remove(id.0);
            self.by_subject.remove(&question.subject);
            self.news.retain(|other| *other != id);
            self.note_deadline();
        }
    }

    /// Does what is due.
    pub fn handle_time(&mut self, now_ms: u64) {
        if self.next_deadline_ms.is_none_or(|at_ms| now_ms < at_ms) {
            return;
        }
        let late = self.questions.iter().filter(|(_, question)| {
            matches!(&question.state, State::Asking(round) if now_ms >= round.until_ms)
        });
        for id in late.map(|(at, _)| QuestionId(at)).collect::<Vec<_>>() {
            self.end_try(id, now_ms);
        }
        self.start_due(now_ms);
    }

    /// Takes a message. Whatever does not belong to the exchange has no effect.
    pub fn handle_message(&mut self, exchange: ExchangeId, bytes: &[u8], now_ms: u64) {
        let Some((id, awaited)) = self.awaited(exchange) else { return };
        let Self { questions, counters, settings, .. } = self;
        let question = &mut questions[id.0];
        let State::Asking(round) = &mut question.state else { return };
        let counters = &mut counters[awaited.nameserver];
        let is_udp = awaited.transport == Transport::Udp;
        let name = question.subject.name();
        let asked = Asked { id: awaited.id, name, record: round.record };
        match message::read(bytes, &asked) {
            // What a stranger has made, who does not know the id, is dropped below.
            Ok(_) | Err(Unusable::Truncated)
                if is_udp && bytes.len() > usize::from(settings.payload_size) =>
            {
                counters.too_big += 1;
                self.fail(id, exchange, Failure::Other, now_ms);
            }
            Ok(answer) => {
                counters.cname += u64::from(answer.has_cname);
                let failure = match answer.reply {
                    reply @ (Reply::Addresses(_) | Reply::Services(_)) => {
                        counters.valid += 1;
                        return self.succeed(id, reply, awaited.nameserver, now_ms);
                    }
                    Reply::Empty => {
                        counters.any_err += 1;
                        Failure::NoSuchName
                    }
                    Reply::CnameError => {
                        counters.cname_error += 1;
                        Failure::NoSuchName
                    }
                    Reply::NoSuchName => {
                        counters.nx += 1;
                        Failure::NoSuchName
                    }
                    Reply::Refused => {
                        counters.refused += 1;
                        Failure::Refused
                    }
                    Reply::Failed => {
                        counters.other += 1;
                        Failure::Other
                    }
                };
                self.fail(id, exchange, failure, now_ms);
            }
            Err(Unusable::Truncated) if is_udp => {
                counters.truncated += 1;
                self.ask_by_tcp(id, awaited);
            }
            // A stranger can send a datagram, so that the answer may still come.
            Err(Unusable::Malformed | Unusable::NotAsked) if is_udp => counters.invalid += 1,
            Err(_) => {
                counters.invalid += 1;
                self.fail(id, exchange, Failure::Other, now_ms);
            }
        }
    }

    /// The message could not be sent, or the nameserver has closed the connection.
    pub fn handle_failure(&mut self, exchange: ExchangeId, was_sent: bool, now_ms: u64) {
        let Some((id, awaited)) = self.awaited(exchange) else { return };
        if !was_sent {
            self.counters[awaited.nameserver].snd_error += 1;
        }
        self.fail(id, exchange, Failure::Timeout, now_ms);
    }

    /// The last good answer for a question has changed the address of a server.
    pub fn note_update(&mut self, id: QuestionId) {
        let nameserver = self.questions.get(id.0).and_then(|q| q.memory.nameserver);
        if let Some(counters) = nameserver.and_then(|at| self.counters.get_mut(at)) {
            counters.update += 1;
        }
    }

    /// What the owner has to do next.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// The next question whose round has ended.
    pub fn poll_news(&mut self) -> Option<QuestionId> {
        self.news.pop_front()
    }

    /// Whether there are commands or news.
    pub fn has_work(&self) -> bool {
        !self.commands.is_empty() || !self.news.is_empty()
    }

    /// When [`Resolver::handle_time`] has to be called.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.next_deadline_ms
    }

    /// What is known of a name.
    pub fn known(&self, id: QuestionId) -> Known<'_> {
        self.questions.get(id.0).map_or(Known::Unchanged, |question| question.memory.known())
    }

    /// The nameserver whose answer counted last for a name, by its position.
    pub fn nameserver_of(&self, id: QuestionId) -> Option<usize> {
        self.questions.get(id.0)?.memory.nameserver
    }

    /// Sets all counters to zero.
    pub fn clear_counters(&mut self) {
        self.counters.fill(Counters::default());
    }

    /// The counters of each nameserver.
    pub fn counters(&self) -> &[Counters] {
        &self.counters
    }

    /// The exchange, if its answer is awaited, and its question.
    fn awaited(&self, exchange: ExchangeId) -> Option<(QuestionId, Awaited)> {
        let id = *self.by_exchange.get(&exchange)?;
        let awaited = self.questions.get(id.0)?.awaited();
        awaited.iter().find(|awaited| awaited.exchange == exchange).map(|awaited| (id, *awaited))
    }

    fn is_full(&self) -> bool {
        self.by_exchange.len() >= EXCHANGES_MAX
    }

    /// Begins with the questions that are due, as long as there are free exchanges.
    fn start_due(&mut self, now_ms: u64) {
        let due = self.questions.iter().filter(|(_, question)| question.is_due(now_ms));
        let mut due: Vec<(u64, QuestionId)> = due
            .map(|(at, question)| (question.deadline_ms(false).unwrap_or(0), QuestionId(at)))
            .collect();
        due.sort_unstable(); // who waits the longest comes first
        for (_, id) in due {
            if self.is_full() {
                break;
            }
            self.begin_try(id, self.settings.tries.max(1), now_ms);
        }
        self.note_deadline();
    }

    /// Asks all nameservers for the records that are wanted most.
    fn begin_try(&mut self, id: QuestionId, tries_left: u32, now_ms: u64) {
        let (record, _) = self.questions[id.0].subject.records();
        let until_ms = now_ms + self.settings.retry_ms.max(PAUSE_MIN_MS);
        let awaited = Vec::new();
        let round =
            Round { record, tries_left, began_ms: now_ms, until_ms, awaited, failure: None };
        self.ask_all(id, round);
    }

    fn ask_all(&mut self, id: QuestionId, round: Round) {
        self.questions[id.0].state = State::Asking(round);
        for nameserver in 0..self.settings.nameservers.len() {
            self.send(id, nameserver, self.settings.nameservers[nameserver]);
        }
    }

    fn send(&mut self, id: QuestionId, nameserver: usize, transport: Transport) {
        let exchange = ExchangeId(self.exchanges_begun);
        self.exchanges_begun += 1;
        let [high, low, ..] = self.random.hash_one(exchange).to_be_bytes();
        let message_id = u16::from_be_bytes([high, low]);
        let question = &mut self.questions[id.0];
        let State::Asking(round) = &mut question.state else { return };
        let asked = Asked { id: message_id, name: question.subject.name(), record: round.record };
        let Some(message) = message::write(&asked, self.settings.payload_size) else { return };
        round.awaited.push(Awaited { exchange, nameserver, transport, id: message_id });
        self.by_exchange.insert(exchange, id);
        self.counters[nameserver].sent += 1;
        self.commands.push_back(Command::Open { exchange, nameserver, transport, message });
    }

    fn ask_by_tcp(&mut self, id: QuestionId, awaited: Awaited) {
        self.close(id, awaited.exchange);
        self.send(id, awaited.nameserver, Transport::Tcp);
    }

    /// Stops waiting for an exchange.
    fn close(&mut self, id: QuestionId, exchange: ExchangeId) {
        if let State::Asking(round) = &mut self.questions[id.0].state {
            round.awaited.retain(|awaited| awaited.exchange != exchange);
        }
        self.by_exchange.remove(&exchange);
        self.commands.push_back(Command::Close(exchange));
    }

    fn close_all(&mut self, id: QuestionId) {
        for awaited in self.questions[id.0].awaited().to_vec() {
            self.close(id, awaited.exchange);
        }
    }

    fn succeed(&mut self, id: QuestionId, reply: Reply, nameserver: usize, now_ms: u64) {
        self.close_all(id);
        let hold = self.settings.hold;
        self.questions[id.0].memory.take(reply, nameserver, &hold, now_ms);
        self.rest(id, now_ms);
    }

    /// A nameserver has no good answer. If none has, the other type is asked for at once, and the
    /// next try begins when the time of this one is over.
    fn fail(&mut self, id: QuestionId, exchange: ExchangeId, failure: Failure, now_ms: u64) {
        self.close(id, exchange);
        let question = &mut self.questions[id.0];
        let (first, second) = question.subject.records();
        let State::Asking(round) = &mut question.state else { return };
        // That the nameserver cannot be reached says less than what another one answers.
        if failure != Failure::Timeout || round.failure.is_none() {
            round.failure = Some(failure);
        }
        if let Some(second) = second.filter(|_| round.record == first && round.awaited.is_empty()) {
            let round = Round { record: second, awaited: Vec::new(), ..*round };
            self.ask_all(id, round);
        }
        self.start_due(now_ms);
    }

    /// The time of a try is over.
    fn end_try(&mut self, id: QuestionId, now_ms: u64) {
        let State::Asking(round) = &self.questions[id.0].state else { return };
        for awaited in &round.awaited {
            self.counters[awaited.nameserver].timeout += 1;
        }
        let tries_left = round.tries_left - 1;
        // Without an answer from everyone, the answers of some do not decide.
        let failure = match round.awaited.is_empty() {
            true => round.failure.unwrap_or(Failure::Timeout),
            false => Failure::Timeout,
        };
        self.close_all(id);
        if tries_left > 0 {
            return self.begin_try(id, tries_left, now_ms);
        }
        let hold = self.settings.hold;
        self.questions[id.0].memory.fail(failure, &hold, now_ms);
        self.rest(id, now_ms);
    }

    /// Waits until the name is asked for again.
    fn rest(&mut self, id: QuestionId, now_ms: u64) {
        let question = &mut self.questions[id.0];
        let began_ms = match &question.state {
            State::Resting { .. } => now_ms,
            State::Asking(round) => round.began_ms,
        };
        let until_ms = (began_ms + self.settings.resolve_ms).max(now_ms + PAUSE_MIN_MS);
        question.state = State::Resting { until_ms };
        self.news.push_back(id);
        self.start_due(now_ms);
    }

    fn note_deadline(&mut self) {
        let is_full = self.is_full();
        let deadlines = self.questions.iter().filter_map(|(_, q)| q.deadline_ms(is_full));
        self.next_deadline_ms = deadlines.min();
    }
}

#[cfg(test)]
mod tests;
