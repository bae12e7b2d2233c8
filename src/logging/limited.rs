//! Messages that somebody outside can cause again and again: each kind is said a few times at
//! once and then once per interval, with the number of those that were left out.
//!
//! A kind is a [`Topic`] and what the message is about: a configured peer, a listener, a table.
//! Whoever sends us something must not be able to invent new ones; the address and the names that
//! a stranger gives belong into the text alone, [`shown`].
//!
//! ```text
//! peers m: 10.0.0.7:4711: the caller wants peer 'x', this is peer 'a'
//! peers m: 10.0.0.7:9132: the caller wants … (and 21034 more like this in the last 10 s)
//! ```
//!
//! What goes on is said less and less often, so that a misconfiguration that stays for a year does
//! not fill a disk.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};

use log::Level;

/// The first interval, and the longest: each is twice as long as the one before while there is
/// something to say at its end.
pub const INTERVAL_MS: u64 = 10_000;
const INTERVAL_MAX_MS: u64 = 32 * INTERVAL_MS;
/// How many kinds are told apart. Those beyond share one interval for each topic.
const KINDS_MAX: usize = 4096;
/// The longest text of the other side that is shown, in bytes before they are escaped.
const SHOWN_MAX: usize = 64;

/// What messages are of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    name: &'static str,
    at_once: u32,
}

impl Topic {
    /// Something that goes wrong: said once in an interval.
    pub const fn fault(name: &'static str) -> Self {
        Self { name, at_once: 1 }
    }

    /// A change of a state, which may well change back at once: a few are said as they come.
    pub const fn change(name: &'static str) -> Self {
        Self { name, at_once: 6 }
    }
}

/// One kind of message in its interval.
#[derive(Debug)]
struct Interval {
    until_ms: u64,
    length_ms: u64,
    /// Messages that may still be said in it at once.
    at_once: u32,
    left_out: u64,
    /// The last one that was left out.
    level: Level,
    text: String,
}

#[derive(Debug, Default)]
struct Kinds {
    intervals: BTreeMap<String, Interval>,
    /// The name of the kind that is asked for, kept for its memory.
    key: String,
}

// Like the logger of `log`, which is one for the whole program; the program has one thread.
thread_local! {
    static KINDS: Cell<Kinds> = Cell::default();
    /// The end of the next interval; looked at in every turn.
    static NEXT_MS: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// Warns, unless that was done in this interval; see [`say`].
pub fn warn(now_ms: u64, topic: Topic, about: impl Display, text: fmt::Arguments<'_>) {
    say(Level::Warn, now_ms, topic, about, text);
}

/// Informs, unless that was done in this interval; see [`say`].
pub fn info(now_ms: u64, topic: Topic, about: impl Display, text: fmt::Arguments<'_>) {
    say(Level::Info, now_ms, topic, about, text);
}

/// Says `text`, unless its kind, `topic` and `about`, has been said often enough in the interval:
/// then it is counted, and the last of those is said with their number when the interval ends.
pub fn say(level: Level, now_ms: u64, topic: Topic, about: impl Display, text: fmt::Arguments<'_>) {
    if level > log::max_level() {
        return;
    }
    flush(now_ms);
    let is_said = with_kinds(|kinds| kinds.note(level, now_ms, topic, about, text));
    if is_said {
        log::log!(level, "{text}");
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
    for (level, text) in with_kinds(|kinds| kinds.end_intervals(now_ms)) {
        log::log!(level, "{text}");
    }
}

/// Says what was left out so far: the program ends.
pub fn finish() {
    for (level, text) in with_kinds(|kinds| kinds.end_intervals(u64::MAX)) {
        log::log!(level, "{text}");
    }
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
    /// Whether the message is to be said now.
    fn note(
        &mut self,
        level: Level,
        now_ms: u64,
        topic: Topic,
        about: impl Display,
        text: fmt::Arguments<'_>,
    ) -> bool {
        self.key.clear();
        // Writing to a string cannot fail.
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

    /// Gives what is to be said at the end of the intervals that are over. Where nothing was left
    /// out the kind is forgotten.
    fn end_intervals(&mut self, now_ms: u64) -> Vec<(Level, String)> {
        let mut said = Vec::new();
        self.intervals.retain(|_, interval| {
            if interval.until_ms > now_ms {
                return true;
            }
            if interval.left_out == 0 {
                return false;
            }
            said.push((interval.level, interval.summary()));
            interval.go_on(now_ms);
            true
        });
        let ends = self.intervals.values().map(|interval| interval.until_ms);
        NEXT_MS.set(ends.min().unwrap_or(u64::MAX));
        said
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

/// What the other side calls something, as a message may show it: escaped, and cut where it is
/// longer than any sensible name.
pub fn shown(name: &[u8]) -> Shown<'_> {
    Shown(name)
}

/// See [`shown`].
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(&'a [u8]);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.0.get(..SHOWN_MAX).unwrap_or(self.0);
        write!(f, "{}", head.escape_ascii())?;
        if head.len() < self.0.len() { write!(f, "… ({} bytes)", self.0.len()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULT: Topic = Topic::fault("it goes wrong");

    /// Whether it is said at once.
    fn note(kinds: &mut Kinds, now_ms: u64, topic: Topic, about: &str, number: u32) -> bool {
        kinds.note(Level::Warn, now_ms, topic, about, format_args!("{about} failed: {number}"))
    }

    fn ended(kinds: &mut Kinds, now_ms: u64) -> Vec<String> {
        kinds.end_intervals(now_ms).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn a_kind_is_said_once_and_the_others_are_counted_at_the_end() {
        let mut kinds = Kinds::default();
        assert!(note(&mut kinds, 5, FAULT, "a", 1));
        for number in 2..100 {
            assert!(!note(&mut kinds, 6, FAULT, "a", number));
        }
        assert!(note(&mut kinds, 7, FAULT, "b", 1), "another one has an interval of its own");
        assert!(ended(&mut kinds, 4 + INTERVAL_MS).is_empty());
        assert_eq!(NEXT_MS.get(), 5 + INTERVAL_MS);
        let said = ended(&mut kinds, 5 + INTERVAL_MS);
        assert_eq!(said, ["a failed: 99 (and 97 more like this in the last 10 s)"]);
    }

    #[test]
    fn a_kind_that_falls_silent_is_forgotten() {
        let mut kinds = Kinds::default();
        assert!(note(&mut kinds, 0, FAULT, "a", 1));
        assert!(ended(&mut kinds, INTERVAL_MS).is_empty());
        assert!(kinds.intervals.is_empty() && NEXT_MS.get() == u64::MAX);
        assert!(note(&mut kinds, INTERVAL_MS, FAULT, "a", 2));
    }

    #[test]
    fn what_goes_on_is_said_less_and_less_often() {
        let mut kinds = Kinds::default();
        let mut said_at = Vec::new();
        for second in 0..3600 {
            let now_ms = 1000 * second;
            let summaries = ended(&mut kinds, now_ms).len();
            if summaries > 0 || note(&mut kinds, now_ms, FAULT, "a", 1) {
                said_at.push(second);
            }
        }
        assert_eq!(said_at[..7], [0, 10, 30, 70, 150, 310, 630]);
        assert!(said_at.len() < 18, "{said_at:?}");
    }

    #[test]
    fn a_state_may_change_a_few_times_and_the_last_change_is_always_said() {
        let mut kinds = Kinds::default();
        let change = Topic::change("state");
        let said = (0..10).filter(|n| note(&mut kinds, 0, change, "a", *n)).count();
        assert_eq!(said, 6);
        let said = ended(&mut kinds, INTERVAL_MS);
        assert_eq!(said, ["a failed: 9 (and 3 more like this in the last 10 s)"]);
        assert!(!note(&mut kinds, INTERVAL_MS, change, "a", 10));
        assert_eq!(ended(&mut kinds, 3 * INTERVAL_MS), ["a failed: 10"], "alone it has no count");
    }

    #[test]
    fn kinds_beyond_the_bound_share_an_interval() {
        let mut kinds = Kinds::default();
        let said = (0..10_000).filter(|n| note(&mut kinds, 0, FAULT, &n.to_string(), *n)).count();
        assert_eq!(said, KINDS_MAX + 1);
        assert_eq!(kinds.intervals.len(), KINDS_MAX + 1);
        assert_eq!(ended(&mut kinds, INTERVAL_MS).len(), 1);
    }

    #[test]
    fn names_of_others_are_escaped_and_cut() {
        assert_eq!(shown(b"web").to_string(), "web");
        assert_eq!(shown(b"a\n\x1b[2J").to_string(), "a\\n\\x1b[2J");
        let long = [b'x'; 5000];
        assert_eq!(shown(&long).to_string(), format!("{}… (5000 bytes)", "x".repeat(64)));
    }
}
