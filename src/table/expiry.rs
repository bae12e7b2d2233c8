//! The intrusive lists: by time where entries expire, by use where they do not.
//!
//! With `expire`, rows hang in a wheel of buckets by the time they expire. A local refresh always
//! moves a row to "now + expire", the end of the last bucket, so such buckets are in order; a row
//! learned with a shorter time falls into the bucket of its time, behind what is there.
//!
//! ```text
//!   over            bucket of the clock                   clock + expire
//!    |  <- splice -  [ 41 ]  [ 42 ]  [ 43 ]  . . . . . . .  [ 170 ]      (number modulo 512)
//!   rows whose bucket has wholly passed, oldest first
//! ```
//! A row's list follows from its expiry tick and the clock, so a row needs no list number.
//! Without `expire` there is one list, least recently used first.

use std::io;

use super::kept::invalid;
use super::layout::{EXPIRY, NEXT, PREV};
use super::lending::coding::{StateReader, StateWriter};
use super::rate::tick;
use super::rows::Rows;

/// Buckets of the wheel. Live rows span at most half of them.
const BUCKETS: usize = 512;
/// The list of the rows that are over, behind the buckets.
const OVER: usize = BUCKETS;
/// The one list of a table whose entries do not expire.
const BY_USE: usize = 0;
/// Rows are not left in place for longer than this once they are over: beyond 2^31 ms a tick
/// that has passed reads like one to come.
const OVER_MAX_MS: u64 = 1 << 30;

#[derive(Clone, Copy, Debug, Default)]
struct List {
    head: u32,
    tail: u32,
}

/// In what order the rows of one table end.
#[derive(Debug)]
pub(super) struct Expiry {
    lists: Vec<List>,
    /// One bit a bucket: whether its list has a row.
    occupied: [u64; BUCKETS / 64],
    expire_ms: Option<u32>,
    /// A bucket is 2^shift milliseconds wide.
    shift: u32,
    /// The latest time that was seen.
    clock_ms: u64,
    /// No row in the list `OVER` expired before this.
    over_since_ms: u64,
}

impl Expiry {
    pub(super) fn new(expire_ms: Option<u32>) -> Self {
        let expire_ms = expire_ms.map(|ms| ms.clamp(1, i32::MAX.unsigned_abs()));
        let width = expire_ms.unwrap_or(0).div_ceil(256).next_power_of_two();
        let lists = if expire_ms.is_some() { BUCKETS + 1 } else { 1 };
        Self {
            lists: vec![List::default(); lists],
            occupied: [0; BUCKETS / 64],
            expire_ms,
            shift: width.trailing_zeros(),
            clock_ms: 0,
            over_since_ms: 0,
        }
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.lists.fill(List::default());
        self.occupied = [0; BUCKETS / 64];
    }

    /// The latest time that is known.
    #[inline]
    pub(super) fn clock_ms(&self) -> u64 {
        self.clock_ms
    }

    /// Moves the clock and the buckets that have passed. Returns whether rows have been over for
    /// so long that the caller must remove all of [`Expiry::pop_over`] before anything else.
    #[inline]
    pub(super) fn advance(&mut self, rows: &mut Rows, now_ms: u64) -> bool {
        now_ms > self.clock_ms && self.advance_clock(rows, now_ms)
    }

    fn advance_clock(&mut self, rows: &mut Rows, now_ms: u64) -> bool {
        let from = self.clock_ms >> self.shift;
        self.clock_ms = now_ms;
        if self.expire_ms.is_none() {
            return false;
        }
        let passed = (self.clock_ms >> self.shift) - from;
        if passed > 0 {
            self.pass(rows, from, passed);
        }
        self.lists[OVER].head != 0 && self.clock_ms - self.over_since_ms > OVER_MAX_MS
    }

    /// Hangs a row that is in no list at the end of the list of its new time: the full time to
    /// live, or less if `ttl_ms` says so.
    pub(super) fn link(&mut self, rows: &mut Rows, row: u32, ttl_ms: Option<u32>) {
        let (expiry, number) = self.expiry_and_list(ttl_ms);
        let list = &mut self.lists[number];
        let tail = std::mem::replace(&mut list.tail, row + 1);
        if tail == 0 {
            list.head = row + 1;
            if number < OVER {
                self.occupied[number / 64] |= 1 << (number % 64);
            }
        } else {
            rows.set(tail - 1, NEXT, row + 1);
        }
        rows.set_place(row, expiry, tail, 0);
    }

    /// Moves a row to the end of the list of its new time.
    pub(super) fn relink(&mut self, rows: &mut Rows, row: u32, ttl_ms: Option<u32>) {
        let list = self.list_of(rows, row);
        if self.lists[list].tail == row + 1 {
            let (expiry, same) = self.expiry_and_list(ttl_ms);
            if same == list {
                rows.set(row, EXPIRY, expiry);
                return;
            }
        }
        self.unlink_from(list, rows, row);
        self.link(rows, row, ttl_ms);
    }

    /// Takes a row out of its list.
    pub(super) fn unlink(&mut self, rows: &mut Rows, row: u32) {
        self.unlink_from(self.list_of(rows, row), rows, row);
    }

    /// Takes the oldest row that is over for sure out of its list.
    pub(super) fn pop_over(&mut self, rows: &mut Rows) -> Option<u32> {
        let row = self.lists.get(OVER)?.head.checked_sub(1)?;
        self.unlink_from(OVER, rows, row);
        Some(row)
    }

    /// The row that ends first: by time, or the least recently used.
    pub(super) fn oldest(&self) -> Option<u32> {
        if self.expire_ms.is_none() {
            return self.lists[BY_USE].head.checked_sub(1);
        }
        match self.lists[OVER].head {
            0 => self.lists[self.first_occupied(self.clock_ms >> self.shift)?].head.checked_sub(1),
            head => Some(head - 1),
        }
    }

    /// When there may be something to expire next.
    #[cfg(test)]
    pub(super) fn next_expiry_ms(&self, rows: &Rows) -> Option<u64> {
        self.expire_ms?;
        let row = self.oldest()?;
        Some(self.clock_ms.saturating_add_signed(self.left_ms(rows, row).max(0)))
    }

    /// Milliseconds until the row is over at `now_ms`, 0 or less if it is; `None` if it never is.
    pub(super) fn remaining_ms(&self, rows: &Rows, row: u32, now_ms: u64) -> Option<i64> {
        self.remaining_until(rows.get(row, EXPIRY), now_ms)
    }

    /// The same for a row whose expiry tick is known.
    #[inline]
    pub(super) fn remaining_until(&self, expiry: u32, now_ms: u64) -> Option<i64> {
        self.expire_ms?;
        let since = i64::try_from(now_ms.saturating_sub(self.clock_ms)).unwrap_or(i64::MAX);
        Some(self.left_until(expiry).saturating_sub(since))
    }

    /// Writes all but what rows have.
    pub(super) fn write_state(&self, out: &mut StateWriter) {
        out.wide(self.clock_ms);
        out.wide(self.over_since_ms);
        let lists = || self.lists.iter().zip(0..).filter(|(list, _)| list.head != 0);
        out.count(lists().count());
        for (List { head, tail }, number) in lists() {
            [number, *head, *tail].into_iter().for_each(|word| out.word(word));
        }
    }

    /// The order of another process's rows, which are below `rows`: what [`Expiry::write_state`]
    /// has written.
    ///
    /// # Errors
    /// `InvalidData` if it cannot be.
    pub(super) fn shared(&self, state: &mut StateReader<'_>, rows: u32) -> io::Result<Self> {
        let mut this = Self::new(self.expire_ms);
        this.clock_ms = state.wide()?;
        this.over_since_ms = state.wide()?.min(this.clock_ms);
        for _ in 0..state.count(this.lists.len())? {
            let number = state.word()? as usize;
            let list = List { head: state.word_up_to(rows)?, tail: state.word_up_to(rows)? };
            let place = this.lists.get_mut(number).ok_or_else(|| invalid("a list too many"))?;
            if list.head == 0 || list.tail == 0 {
                return Err(invalid("a list without rows"));
            }
            *place = list;
            if number < OVER {
                this.occupied[number / 64] |= 1 << (number % 64);
            }
        }
        Ok(this)
    }

    /// Asserts that each occupied row is in its list, and nothing else is.
    #[cfg(test)]
    pub(super) fn check(&self, rows: &Rows) {
        let mut count = 0;
        for (number, list) in self.lists.iter().enumerate() {
            let (mut prev, mut link) = (0, list.head);
            while link != 0 {
                assert!(rows.is_occupied(link - 1), "BUG: a list has a free row");
                assert_eq!(self.list_of(rows, link - 1), number);
                assert_eq!(rows.get(link - 1, PREV), prev);
                (prev, link) = (link, rows.get(link - 1, NEXT));
                count += 1;
            }
            assert_eq!(list.tail, prev);
            if number < OVER && self.expire_ms.is_some() {
                let bit = self.occupied[number / 64] >> (number % 64) & 1;
                assert_eq!(bit == 1, list.head != 0);
            }
        }
        assert_eq!(count, rows.used());
    }

    /// Milliseconds from the clock to the row's expiry.
    fn left_ms(&self, rows: &Rows, row: u32) -> i64 {
        self.left_until(rows.get(row, EXPIRY))
    }

    fn left_until(&self, expiry: u32) -> i64 {
        i64::from(expiry.wrapping_sub(tick(self.clock_ms)).cast_signed())
    }

    /// When a row with this time to live is over, and the list where it belongs.
    fn expiry_and_list(&self, ttl_ms: Option<u32>) -> (u32, usize) {
        let Some(expire) = self.expire_ms else { return (0, BY_USE) };
        let expiry_ms = self.clock_ms + u64::from(ttl_ms.map_or(expire, |ttl| ttl.min(expire)));
        (tick(expiry_ms), slot(expiry_ms >> self.shift))
    }

    fn list_of(&self, rows: &Rows, row: u32) -> usize {
        if self.expire_ms.is_none() {
            return BY_USE;
        }
        let expiry_ms = self.clock_ms.saturating_add_signed(self.left_ms(rows, row));
        let bucket = expiry_ms >> self.shift;
        if bucket < self.clock_ms >> self.shift { OVER } else { slot(bucket) }
    }

    /// Appends the lists of the `count` buckets from `first` on to the list of what is over.
    fn pass(&mut self, rows: &mut Rows, first: u64, count: u64) {
        while let Some(bucket) = self.first_occupied(first) {
            if (bucket as u64).wrapping_sub(first) % BUCKETS as u64 >= count {
                break;
            }
            let passed = std::mem::take(&mut self.lists[bucket]);
            self.occupied[bucket / 64] &= !(1 << (bucket % 64));
            let over = &mut self.lists[OVER];
            if over.head == 0 {
                self.over_since_ms = first << self.shift;
                *over = passed;
            } else {
                rows.set(over.tail - 1, NEXT, passed.head);
                rows.set(passed.head - 1, PREV, over.tail);
                over.tail = passed.tail;
            }
        }
    }

    /// The first bucket with a row, going round from bucket number `from`.
    fn first_occupied(&self, from: u64) -> Option<usize> {
        let from = slot(from);
        let words = self.occupied.len();
        let later = u64::MAX << (from % 64);
        for step in 0..=words {
            let word = (from / 64 + step) % words;
            let mask = match step {
                0 => later,
                step if step == words => !later,
                _ => u64::MAX,
            };
            let bits = self.occupied[word] & mask;
            if bits != 0 {
                return Some(word * 64 + bits.trailing_zeros() as usize);
            }
        }
        None
    }

    fn unlink_from(&mut self, list: usize, rows: &mut Rows, row: u32) {
        let prev = rows.get(row, PREV);
        let next = rows.get(row, NEXT);
        match prev {
            0 => self.lists[list].head = next,
            prev => rows.set(prev - 1, NEXT, next),
        }
        match next {
            0 => self.lists[list].tail = prev,
            next => rows.set(next - 1, PREV, prev),
        }
        if list < OVER && self.lists[list].head == 0 {
            self.occupied[list / 64] &= !(1 << (list % 64));
        }
    }
}

/// Where the bucket with this number is.
#[expect(clippy::cast_possible_truncation, reason = "the remainder is below 512")]
fn slot(bucket: u64) -> usize {
    (bucket % BUCKETS as u64) as usize
}
