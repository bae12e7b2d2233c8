//! Messages that other programs can cause again and again. Each kind of message is logged a few
//! times at once. Then it is logged once per interval, with the number of messages that were left
//! out.
//!
//! A kind is a [`Topic`] and a subject: a configured peer, a listener, a table. A stranger must not
//! be able to invent new kinds. A text from a stranger, such as an address or a name, belongs into
//! the message only, escaped with [`escaped`].
//!
//! ```text
//! peers m: 10.0.0.7:4711: the caller wants peer 'x', this is peer 'a'
//! peers m: 10.0.0.7:9132: the caller wants … (and 21034 more like this in the last 10 s)
//! ```
//!
//! The intervals of a lasting problem become longer and longer, so that a misconfiguration that
//! stays for a year does not fill a disk.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};

use log::Level;

use super::history::Kind;

/// The length of the first interval, in milliseconds. While messages are left out, each interval is
/// twice as long as the interval before, up to the maximum.
pub const INTERVAL_MS: u64 = 10_000;
const INTERVAL_MAX_MS: u64 = 32 * INTERVAL_MS;
/// The most kinds that are kept apart. All further kinds of a topic share one interval.
const KINDS_MAX: usize = 4096;
/// The longest part of a stranger's text that is logged, in bytes before escaping.
const ESCAPED_MAX: usize = 64;

/// What messages of one kind are about, and how many of them are logged at once.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    name: &'static str,
    at_once: u32,
    /// What the messages are about, if they are events.
    event: Option<Kind>,
}

impl Topic {
    /// A fault: one message per interval.
    pub const fn fault(name: &'static str) -> Self {
        Self { name, at_once: 1, event: None }
    }

    /// A change of a state. The state may soon change back, so the first six messages are logged at
    /// once.
    pub const fn change(name: &'static str) -> Self {
        Self { name, at_once: 6, event: None }
    }

    /// The messages are events of this kind too.
    pub const fn event(self, kind: Kind) -> Self {
        Self { event: Some(kind), ..self }
    }

    fn target(self) -> &'static str {
        self.event.map_or(module_path!(), Kind::target)
    }
}

/// The present interval of a kind of message.
#[derive(Debug)]
struct Interval {
    until_ms: u64,
    length_ms: u64,
    /// How many more messages may be logged at once in this interval.
    at_once: u32,
    left_out: u64,
    /// The level and the text of the last message that was left out.
    level: Level,
    text: String,
    target: &'static str,
}

/// A message that was left out and is to be logged at the end of an interval.
#[derive(Debug)]
struct LeftOut {
    level: Level,
    target: &'static str,
    text: String,
}

#[derive(Debug, Default)]
struct Kinds {
    intervals: BTreeMap<String, Interval>,
    /// The name of the kind that is looked up. The memory of the text is used again.
    key: String,
}

// One for the whole program, like the logger of the crate `log`. The program has one thread.
thread_local! {
    static KINDS: Cell<Kinds> = Cell::default();
    /// The end of the next interval. Every turn of the loop compares it with the time.
    static NEXT_MS: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// Logs a warning, with the limit of [`log()`].
pub fn warn(now_ms: u64, topic: Topic, about: impl Display, text: fmt::Arguments<'_>) {
    log(Level::Warn, now_ms, topic, about, text);
}

/// Logs an information, with the limit of [`log()`].
pub fn info(now_ms: u64, topic: Topic, about: impl Display, text: fmt::Arguments<'_>) {
    log(Level::Info, now_ms, topic, about, text);
}

/// Logs `text`, unless enough messages with this `topic` and `about` were logged in the interval.
/// Then the message is counted. The last counted message is logged, with their number, at the end
/// of the interval.
pub fn log(level: Level, now_ms: u64, topic: Topic, about: impl Display, text: fmt::Arguments<'_>) {
    if level > log::max_level() {
        return;
    }
    flush(now_ms);
    let is_due = with_kinds(|kinds| kinds.admit(level, now_ms, topic, about, text));
    if is_due {
        log::log!(target: topic.target(), level, "{text}");
    }
}

/// Ends the intervals that are over at `now_ms`.
#[inline]
pub fn flush(now_ms: u64) {
    if now_ms >= NEXT_MS.get() {
        end_intervals(now_ms);
    }
}

#[cold]
fn end_intervals(now_ms: u64) {
    for LeftOut { level, target, text } in with_kinds(|kinds| kinds.end_intervals(now_ms)) {
        log::log!(target: target, level, "{text}");
    }
}

/// Logs the messages that were left out so far, because the program ends.
pub fn finish() {
    end_intervals(u64::MAX);
}

/// When the next interval ends.
pub fn next_deadline_ms() -> Option<u64> {
    Some(NEXT_MS.get()).filter(|at_ms| *at_ms < u64::MAX)
}

fn with_kinds<T>(act: impl FnOnce(&mut Kinds) -> T) -> T {
    let mut kinds = KINDS.take();
    let result = act(&mut kinds);
    KINDS.set(kinds);
    result
}

impl Kinds {
    /// Whether to log the message now. If not, the message is counted.
    fn admit(
        &mut self,
        level: Level,
        now_ms: u64,
        topic: Topic,
        about: impl Display,
        text: fmt::Arguments<'_>,
    ) -> bool {
        self.key.clear();
        // Writing to a string does not fail.
        let _ = write!(self.key, "{}\0{about}", topic.name);
        if !self.intervals.contains_key(&self.key) && self.intervals.len() >= KINDS_MAX {
            self.key.truncate(topic.name.len());
        }
        let Some(interval) = self.intervals.get_mut(&self.key) else {
            let interval = Interval::begin(now_ms, topic);
            NEXT_MS.set(NEXT_MS.get().min(interval.until_ms));
            self.intervals.insert(self.key.clone(), interval);
            return true;
        };
        if interval.at_once > 0 {
            interval.at_once -= 1;
            return true;
        }
        interval.left_out += 1;
        interval.level = level;
        interval.text.clear();
        let _ = interval.text.write_fmt(text);
        false
    }

    /// The messages to log at the end of the intervals that are over. A kind of which no message
    /// was left out is forgotten.
    fn end_intervals(&mut self, now_ms: u64) -> Vec<LeftOut> {
        let mut messages = Vec::new();
        self.intervals.retain(|_, interval| {
            if interval.until_ms > now_ms {
                return true;
            }
            if interval.left_out == 0 {
                return false;
            }
            messages.push(LeftOut {
                level: interval.level,
                target: interval.target,
                text: interval.summary(),
            });
            interval.go_on(now_ms);
            true
        });
        let ends = self.intervals.values().map(|interval| interval.until_ms);
        NEXT_MS.set(ends.min().unwrap_or(u64::MAX));
        messages
    }
}

impl Interval {
    fn begin(now_ms: u64, topic: Topic) -> Self {
        Self {
            until_ms: now_ms + INTERVAL_MS,
            length_ms: INTERVAL_MS,
            at_once: topic.at_once - 1,
            left_out: 0,
            level: Level::Warn,
            text: String::new(),
            target: topic.target(),
        }
    }

    fn summary(&self) -> String {
        match self.left_out - 1 {
            0 => self.text.clone(),
            more => {
                let seconds = self.length_ms / 1000;
                format!("{} (and {more} more like this in the last {seconds} s)", self.text)
            }
        }
    }

    fn go_on(&mut self, now_ms: u64) {
        self.length_ms = (2 * self.length_ms).min(INTERVAL_MAX_MS);
        self.until_ms = now_ms.saturating_add(self.length_ms);
        self.at_once = 0;
        self.left_out = 0;
    }
}

/// Escapes a text from the other side for a message, and cuts it if it is longer than any sensible
/// name.
pub fn escaped(name: &[u8]) -> Escaped<'_> {
    Escaped(name)
}

/// A text from the other side, escaped and cut when it is written. See [`escaped`].
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(&'a [u8]);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.0.get(..ESCAPED_MAX).unwrap_or(self.0);
        write!(f, "{}", head.escape_ascii())?;
        if head.len() < self.0.len() { write!(f, "… ({} bytes)", self.0.len()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULT: Topic = Topic::fault("it goes wrong");

    /// Whether the message is logged at once.
    fn admit(kinds: &mut Kinds, now_ms: u64, topic: Topic, about: &str, number: u32) -> bool {
        kinds.admit(Level::Warn, now_ms, topic, about, format_args!("{about} failed: {number}"))
    }

    fn ended(kinds: &mut Kinds, now_ms: u64) -> Vec<String> {
        kinds.end_intervals(now_ms).into_iter().map(|left_out| left_out.text).collect()
    }

    #[test]
    fn a_message_is_logged_once_and_its_repetitions_are_counted() {
        let mut kinds = Kinds::default();
        assert!(admit(&mut kinds, 5, FAULT, "a", 1));
        for number in 2..100 {
            assert!(!admit(&mut kinds, 6, FAULT, "a", number));
        }
        assert!(admit(&mut kinds, 7, FAULT, "b", 1), "another one has an interval of its own");
        assert!(ended(&mut kinds, 4 + INTERVAL_MS).is_empty());
        assert_eq!(NEXT_MS.get(), 5 + INTERVAL_MS);
        let logged = ended(&mut kinds, 5 + INTERVAL_MS);
        assert_eq!(logged, ["a failed: 99 (and 97 more like this in the last 10 s)"]);
    }

    #[test]
    fn a_kind_without_new_messages_is_forgotten() {
        let mut kinds = Kinds::default();
        assert!(admit(&mut kinds, 0, FAULT, "a", 1));
        assert!(ended(&mut kinds, INTERVAL_MS).is_empty());
        assert!(kinds.intervals.is_empty() && NEXT_MS.get() == u64::MAX);
        assert!(admit(&mut kinds, INTERVAL_MS, FAULT, "a", 2));
    }

    #[test]
    fn a_lasting_problem_is_logged_less_and_less_often() {
        let mut kinds = Kinds::default();
        let mut logged_at_s = Vec::new();
        for second in 0..3600 {
            let now_ms = 1000 * second;
            let summaries = ended(&mut kinds, now_ms).len();
            if summaries > 0 || admit(&mut kinds, now_ms, FAULT, "a", 1) {
                logged_at_s.push(second);
            }
        }
        assert_eq!(logged_at_s[..7], [0, 10, 30, 70, 150, 310, 630]);
        assert!(logged_at_s.len() < 18, "{logged_at_s:?}");
    }

    #[test]
    fn a_few_changes_are_logged_at_once_and_the_last_change_always() {
        let mut kinds = Kinds::default();
        let change = Topic::change("state");
        let logged = (0..10).filter(|n| admit(&mut kinds, 0, change, "a", *n)).count();
        assert_eq!(logged, 6);
        let logged = ended(&mut kinds, INTERVAL_MS);
        assert_eq!(logged, ["a failed: 9 (and 3 more like this in the last 10 s)"]);
        assert!(!admit(&mut kinds, INTERVAL_MS, change, "a", 10));
        assert_eq!(ended(&mut kinds, 3 * INTERVAL_MS), ["a failed: 10"], "alone it has no count");
    }

    #[test]
    fn kinds_beyond_the_bound_share_an_interval() {
        let mut kinds = Kinds::default();
        let logged =
            (0..10_000).filter(|n| admit(&mut kinds, 0, FAULT, &n.to_string(), *n)).count();
        assert_eq!(logged, KINDS_MAX + 1);
        assert_eq!(kinds.intervals.len(), KINDS_MAX + 1);
        assert_eq!(ended(&mut kinds, INTERVAL_MS).len(), 1);
    }

    #[test]
    fn names_of_strangers_are_escaped_and_cut() {
        assert_eq!(escaped(b"web").to_string(), "web");
        assert_eq!(escaped(b"a\n\x1b[2J").to_string(), "a\\n\\x1b[2J");
        let long = [b'x'; 5000];
        assert_eq!(escaped(&long).to_string(), format!("{}… (5000 bytes)", "x".repeat(64)));
    }
}
