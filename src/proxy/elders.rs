//! Older processes that drain, as somebody in this process sees them who wants to know about their
//! connections, or to end them. Whoever asks gets a ticket, and finds the answer here a moment
//! later. The process sends the questions and brings the answers. It never waits for an older
//! process: an answer that does not come in time is none.

use std::collections::HashMap;

/// How long an answer may take, in milliseconds. An older process answers in its next turn.
const ANSWER_LIMIT_MS: u64 = 1000;
/// The most answers that are awaited at a time. An answer has some kilobytes at most.
const AWAITED_MAX: usize = 32;

/// What an older process is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// For lines about its connections, from the one in this slot on: as many as one answer holds.
    Sessions {
        /// The slot.
        from: u32,
    },
    /// To end the connection with this id.
    End {
        /// The id, as a line about the connection shows it.
        id: u64,
    },
    /// To end all connections to a server.
    EndAt {
        /// The name of the backend.
        backend: String,
        /// The name of the server.
        server: String,
    },
    /// To say no more what it has counted until now.
    ForgetCounts,
}

/// What an older process answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Lines about connections.
    Sessions {
        /// The lines, without their ends.
        lines: Vec<String>,
        /// The slot from which on there may be more.
        next: Option<u32>,
    },
    /// It has done what it was asked for, with so many connections.
    Done(u32),
}

/// Names a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// A question that is to be sent.
#[derive(Debug)]
pub struct Asked {
    /// The generation of the process that is asked.
    pub generation: u32,
    /// Names the question.
    pub ticket: Ticket,
    /// The question.
    pub question: Question,
}

#[derive(Debug)]
struct Awaited {
    until_ms: u64,
    told: Option<Told>,
}

/// What becomes of a question.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answer may still come.
    Open,
    /// No answer comes any more.
    Silence,
    /// The answer. It is given once.
    Told(Told),
}

/// The older processes, the questions to them, and their answers.
#[derive(Debug)]
pub struct Elders {
    generations: Vec<u32>,
    asked: Vec<Asked>,
    awaited: HashMap<Ticket, Awaited>,
    last: u64,
    /// Answers have come since somebody looked.
    has_news: bool,
}

impl Elders {
    /// No older process is known. Answers to questions of another process than this one, whose
    /// process id this is, are told apart from the answers to its own.
    pub fn new(pid: u32) -> Self {
        let (generations, asked) = (Vec::new(), Vec::new());
        Self {
            generations,
            asked,
            awaited: HashMap::new(),
            last: u64::from(pid) << 32,
            has_news: false,
        }
    }

    /// Notes which older processes there are.
    pub fn set_generations(&mut self, generations: impl Iterator<Item = u32>) {
        self.generations.clear();
        self.generations.extend(generations);
        self.generations.sort_unstable();
    }

    /// The generations of the older processes, the oldest first.
    pub fn generations(&self) -> Vec<u32> {
        self.generations.clone()
    }

    /// The first older process of a generation behind this one.
    pub fn next_behind(&self, generation: Option<u32>) -> Option<u32> {
        let mut generations = self.generations.iter().copied();
        generations.find(|other| generation.is_none_or(|generation| *other > generation))
    }

    /// Asks an older process. None if too many answers are awaited already.
    pub fn ask(&mut self, generation: u32, question: Question, now_ms: u64) -> Option<Ticket> {
        self.awaited.retain(|_, awaited| now_ms < awaited.until_ms);
        if self.awaited.len() >= AWAITED_MAX {
            return None;
        }
        self.last = self.last.wrapping_add(1);
        let ticket = Ticket(self.last);
        self.asked.push(Asked { generation, ticket, question });
        let until_ms = now_ms.saturating_add(ANSWER_LIMIT_MS);
        self.awaited.insert(ticket, Awaited { until_ms, told: None });
        Some(ticket)
    }

    /// The questions that are to be sent now.
    pub fn take_asked(&mut self) -> Vec<Asked> {
        std::mem::take(&mut self.asked)
    }

    /// An answer has come. Nobody may wait for it any more.
    pub fn note(&mut self, ticket: Ticket, told: Told) {
        if let Some(awaited) = self.awaited.get_mut(&ticket) {
            awaited.told = Some(told);
            self.has_news = true;
        }
    }

    /// Whether answers have come, or failed to come, since this was last asked.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// The question cannot be sent.
    pub fn give_up(&mut self, ticket: Ticket) {
        self.awaited.remove(&ticket);
        self.has_news = true;
    }

    /// What has become of a question.
    pub fn outcome(&mut self, ticket: Ticket, now_ms: u64) -> Outcome {
        let Some(awaited) = self.awaited.get_mut(&ticket) else { return Outcome::Silence };
        let told = awaited.told.take();
        if told.is_none() && now_ms < awaited.until_ms {
            return Outcome::Open;
        }
        self.awaited.remove(&ticket);
        told.map_or(Outcome::Silence, Outcome::Told)
    }

    /// When it is certain what becomes of a question that is asked now.
    pub fn certain_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add(ANSWER_LIMIT_MS)
    }
}

impl Default for Elders {
    fn default() -> Self {
        Self::new(std::process::id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: Question = Question::Sessions { from: 0 };

    #[test]
    fn an_answer_is_found_once_and_one_that_does_not_come_is_none() {
        let mut elders = Elders::new(7);
        elders.set_generations([3, 1].into_iter());
        assert_eq!(
            [None, Some(1), Some(3)].map(|g| elders.next_behind(g)),
            [Some(1), Some(3), None]
        );
        let [first, second] = [1, 3].map(|generation| elders.ask(generation, FROM, 10).unwrap());
        let asked: Vec<_> = elders.take_asked().iter().map(|asked| asked.generation).collect();
        assert_eq!((asked, elders.take_asked().len()), (vec![1, 3], 0));
        assert_eq!(elders.outcome(first, 10), Outcome::Open);
        elders.note(first, Told::Done(1));
        elders.note(Ticket(1), Told::Done(2));
        assert_eq!(elders.outcome(first, 5000), Outcome::Told(Told::Done(1)));
        assert_eq!(elders.outcome(first, 10), Outcome::Silence);
        assert_eq!(elders.outcome(second, elders.certain_ms(10)), Outcome::Silence);
    }

    #[test]
    fn who_asks_again_and_again_and_goes_leaves_little_behind() {
        let mut elders = Elders::new(7);
        let tickets = std::iter::from_fn(|| elders.ask(1, FROM, 0));
        assert_eq!(tickets.count(), AWAITED_MAX);
        assert!(elders.ask(1, FROM, ANSWER_LIMIT_MS).is_some());
        assert_eq!(elders.awaited.len(), 1);
    }
}
