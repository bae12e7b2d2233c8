//! The memory of a ring: the last messages, up to a number of bytes. Old messages give way to new
//! messages. A reader keeps its own place.

use std::collections::VecDeque;

/// What a message costs beside its bytes, so that many short messages have a bound too.
const OVERHEAD: usize = size_of::<usize>();

/// The last messages of a ring.
#[derive(Debug)]
pub struct Memory {
    bytes: VecDeque<u8>,
    /// The length of each message in `bytes`.
    lengths: VecDeque<usize>,
    /// The place of the oldest message.
    oldest: Cursor,
    /// How many bytes the messages may take.
    size: usize,
    /// The longest message, in bytes.
    longest: usize,
}

/// A reader's place in a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The number of the next message, counted from the start of the process.
    next: u64,
    /// How many bytes all messages before it had.
    at: u64,
}

impl Memory {
    /// Memory for `size` bytes. Messages are cut to `longest` bytes.
    pub fn new(size: usize, longest: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            lengths: VecDeque::new(),
            oldest: Cursor::default(),
            size,
            longest: longest.min(size.saturating_sub(OVERHEAD)),
        }
    }

    /// Stores a message. The oldest messages give way.
    pub fn push(&mut self, message: &[u8]) {
        let message = message.get(..self.longest).unwrap_or(message);
        while self.cost() + message.len() + OVERHEAD > self.size {
            let Some(length) = self.lengths.pop_front() else { break };
            self.bytes.drain(..length);
            self.oldest.pass(length);
        }
        self.bytes.extend(message);
        self.lengths.push_back(message.len());
    }

    /// The place of the oldest message.
    pub fn oldest(&self) -> Cursor {
        self.oldest
    }

    /// The place behind the newest message.
    pub fn end(&self) -> Cursor {
        let next = self.oldest.next + self.lengths.len() as u64;
        Cursor { next, at: self.oldest.at + self.bytes.len() as u64 }
    }

    /// Moves a reader that was too slow to the oldest message. Returns how many messages the
    /// reader has missed.
    pub fn catch_up(&self, cursor: &mut Cursor) -> u64 {
        let missed = self.oldest.next.saturating_sub(cursor.next);
        if missed > 0 {
            *cursor = self.oldest;
        }
        missed
    }

    /// Appends the reader's next message to `out` and returns its length. None if the reader has
    /// read all messages, or must catch up first.
    pub fn read(&self, cursor: &mut Cursor, out: &mut Vec<u8>) -> Option<usize> {
        let index = usize::try_from(cursor.next.checked_sub(self.oldest.next)?).ok()?;
        let length = *self.lengths.get(index)?;
        let begin = usize::try_from(cursor.at.checked_sub(self.oldest.at)?).ok()?;
        out.extend(self.bytes.range(begin..begin + length));
        cursor.pass(length);
        Some(length)
    }

    /// What the stored messages cost.
    fn cost(&self) -> usize {
        self.bytes.len() + self.lengths.len() * OVERHEAD
    }
}

impl Cursor {
    /// Moves behind a message of this length.
    fn pass(&mut self, length: usize) {
        self.next += 1;
        self.at += length as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(memory: &Memory, cursor: &mut Cursor) -> Option<String> {
        let mut out = Vec::new();
        memory.read(cursor, &mut out).map(|_| String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_reader_gets_each_message_once_and_in_order() {
        let mut memory = Memory::new(1000, 100);
        let mut cursor = memory.oldest();
        assert_eq!(read(&memory, &mut cursor), None);
        memory.push(b"one");
        memory.push(b"");
        memory.push(b"three");
        assert_eq!(read(&memory, &mut cursor).as_deref(), Some("one"));
        assert_eq!(read(&memory, &mut cursor).as_deref(), Some(""));
        assert_eq!(read(&memory, &mut cursor).as_deref(), Some("three"));
        assert_eq!(read(&memory, &mut cursor), None);
        assert_eq!(cursor, memory.end());
    }

    #[test]
    fn old_messages_give_way_and_a_slow_reader_learns_how_many_it_missed() {
        let mut memory = Memory::new(3 * (4 + OVERHEAD), 100);
        let mut cursor = memory.oldest();
        for number in 0..10 {
            memory.push(format!("no {number}").as_bytes());
        }
        assert_eq!(memory.catch_up(&mut cursor), 7);
        assert_eq!(read(&memory, &mut cursor).as_deref(), Some("no 7"));
        assert_eq!(memory.catch_up(&mut cursor), 0);
        memory.push(b"a message that takes the place of all others"[..28].as_ref());
        assert_eq!(memory.catch_up(&mut cursor), 2);
        assert_eq!(read(&memory, &mut cursor).as_deref(), Some("a message that takes the pla"));
    }

    #[test]
    fn a_message_is_cut_to_the_longest_length() {
        let mut memory = Memory::new(100, 5);
        memory.push(b"too long");
        assert_eq!(read(&memory, &mut memory.oldest()).as_deref(), Some("too l"));
        let mut small = Memory::new(20, 1000);
        small.push(&[b'x'; 1000]);
        let stored = read(&small, &mut small.oldest()).unwrap();
        assert_eq!(stored.len(), 20 - OVERHEAD);
    }

    #[test]
    fn it_never_takes_more_than_its_size() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut memory = Memory::new(500, 90);
        let mut cursor = memory.oldest();
        let (mut seen, mut missed) = (0, 0);
        for _ in 0..10_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            memory.push(&vec![b'x'; (seed % 120) as usize]);
            assert!(memory.cost() <= 500);
            if seed.is_multiple_of(7) {
                missed += memory.catch_up(&mut cursor);
                while read(&memory, &mut cursor).is_some() {
                    seen += 1;
                }
            }
        }
        missed += memory.catch_up(&mut cursor);
        while read(&memory, &mut cursor).is_some() {
            seen += 1;
        }
        assert_eq!(seen + missed, 10_000);
    }
}
