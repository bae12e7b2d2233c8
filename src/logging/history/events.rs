//! The last events: what an operator looks for first when something went wrong.

use std::collections::VecDeque;

/// How many events are kept.
pub const EVENTS_MAX: usize = 100;
/// The longest text of an event, in bytes. Longer texts are cut.
const TEXT_MAX: usize = 300;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The state of a server or of a backend.
    Server,
    /// A peer came or went, or a resync.
    Peer,
    /// A reload.
    Reload,
    /// An error that the program has logged.
    Error,
}

/// The target of messages that are events of reloads.
pub const RELOAD: &str = Kind::Reload.target();

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Server, Self::Peer, Self::Reload, Self::Error];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Peer => "peer",
            Self::Reload => "reload",
            Self::Error => "error",
        }
    }

    /// The target of log messages that are events of this kind.
    pub const fn target(self) -> &'static str {
        match self {
            Self::Server => "stickd::event::server",
            Self::Peer => "stickd::event::peer",
            Self::Reload => "stickd::event::reload",
            Self::Error => "stickd::event::error",
        }
    }

    /// The kind of events whose log messages have this target.
    pub fn of_target(target: &str) -> Option<Self> {
        Self::of_word(target.strip_prefix("stickd::event::")?)
    }

    /// The kind with this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it was, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it is about.
    pub kind: Kind,
    /// What has happened, in one line.
    pub text: String,
}

/// The last events, oldest first.
#[derive(Debug, Default)]
pub struct PastEvents {
    events: VecDeque<Event>,
    /// How many events have given way.
    passed: u64,
    has_news: bool,
}

impl PastEvents {
    /// Adds an event. The oldest gives way.
    pub fn push(&mut self, mut event: Event) {
        cut(&mut event.text, TEXT_MAX);
        if event.text.contains(char::is_control) {
            event.text = event.text.replace(char::is_control, " ");
        }
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
            self.passed += 1;
        }
        self.events.push_back(event);
        self.has_news = true;
    }

    /// Puts the events of the process before this one before its own.
    pub fn adopt(&mut self, before: Vec<Event>) {
        let own = std::mem::take(&mut self.events);
        before.into_iter().chain(own).for_each(|event| self.push(event));
    }

    /// All that are kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Event> + ExactSizeIterator {
        self.events.iter()
    }

    /// The number of the next event: events are counted from 0.
    pub fn end(&self) -> u64 {
        self.passed + self.events.len() as u64
    }

    /// The first event that is kept from this number on, with its number.
    pub fn from(&self, number: u64) -> Option<(u64, &Event)> {
        let number = number.max(self.passed);
        let at = usize::try_from(number - self.passed).ok()?;
        self.events.get(at).map(|event| (number, event))
    }

    /// Whether an event came since the last call.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }
}

/// Cuts a text to at most `max` bytes.
pub(super) fn cut(text: &mut String, max: usize) {
    if text.len() > max {
        let end = text.floor_char_boundary(max.saturating_sub('…'.len_utf8()));
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64) -> Event {
        Event { at_ms: number, kind: Kind::Peer, text: format!("no {number}") }
    }

    #[test]
    fn the_last_hundred_are_kept_and_a_reader_finds_its_place() {
        let mut events = PastEvents::default();
        assert!(!events.take_news());
        assert_eq!(events.from(0), None);
        (0..150).for_each(|number| events.push(event(number)));
        assert!(events.take_news() && !events.take_news());
        assert_eq!(events.iter().len(), EVENTS_MAX);
        assert_eq!((events.iter().next().unwrap().at_ms, events.end()), (50, 150));
        assert_eq!(events.from(0), Some((50, &event(50))));
        assert_eq!(events.from(149), Some((149, &event(149))));
        assert_eq!(events.from(150), None);
    }

    #[test]
    fn the_events_before_come_first() {
        let mut events = PastEvents::default();
        events.push(event(7));
        events.adopt(vec![event(5), event(6)]);
        let times: Vec<u64> = events.iter().map(|event| event.at_ms).collect();
        assert_eq!(times, [5, 6, 7]);
    }

    #[test]
    fn a_text_is_one_bounded_line() {
        let mut events = PastEvents::default();
        events.push(Event { text: "ü\n".repeat(1000), ..event(0) });
        let text = &events.iter().next().unwrap().text;
        assert!(text.len() <= TEXT_MAX && text.starts_with("ü ü") && text.ends_with('…'), "{text}");
        assert!(!text.contains(char::is_control));
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_word(kind.word()), Some(kind));
            assert_eq!(Kind::of_target(kind.target()), Some(kind));
        }
        assert_eq!(Kind::of_word("weather"), None);
    }
}
