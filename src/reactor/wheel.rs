//! The timing wheel: at which time to look at which owner again.
//!
//! Deadlines are lazy. An activity only stores a new time at its owner. When a timer fires, the
//! loop asks the owner whether its deadline has come, and arms the timer again if not. So a timer
//! is touched only when it is made, when it fires, when its owner ends, and when a deadline becomes
//! earlier.
//!
//! The wheel has six levels of 64 slots. A slot of level `n` covers `64^n` milliseconds. A timer is
//! in the highest level in which its time differs from the wheel's time. As the time comes nearer,
//! the timer moves to lower levels.

const LEVELS: usize = 6;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// A timer that is further away is linked at this distance, and linked again when that time comes.
const HORIZON_MS: u64 = 1 << (SLOT_BITS * 6 - 1);
const NONE: u32 = u32::MAX;

/// The identity of a timer in the wheel. Valid until the timer fires or is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId(u32);

#[derive(Debug)]
struct Timer<T> {
    owner: T,
    at_ms: u64,
    next: u32,
    previous: u32,
    place: Place,
}

/// The list that contains a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Slot { level: u8, slot: u8 },
    Due,
    Free,
}

/// The timers of one kind of owner.
#[derive(Debug)]
pub struct Wheel<T> {
    timers: Vec<Timer<T>>,
    free: u32,
    due: u32,
    elapsed_ms: u64,
    /// No timer fires before this time, so most turns need no search.
    idle_until_ms: u64,
    occupied: [u64; LEVELS],
    heads: [[u32; SLOTS]; LEVELS],
    len: usize,
}

impl<T: Copy> Wheel<T> {
    /// An empty wheel that starts at `now_ms`, with room for `capacity` timers.
    pub fn new(capacity: usize, now_ms: u64) -> Self {
        Self {
            timers: Vec::with_capacity(capacity),
            free: NONE,
            due: NONE,
            elapsed_ms: now_ms,
            idle_until_ms: u64::MAX,
            occupied: [0; LEVELS],
            heads: [[NONE; SLOTS]; LEVELS],
            len: 0,
        }
    }

    /// How many timers are armed.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no timer is armed.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Arms a timer. It fires in the first [`Wheel::pop_due`] at or after `at_ms`.
    pub fn insert(&mut self, owner: T, at_ms: u64) -> TimerId {
        let timer = Timer { owner, at_ms, next: NONE, previous: NONE, place: Place::Free };
        let index = if self.free == NONE {
            let index = u32::try_from(self.timers.len()).expect("fewer timers than descriptors");
            self.timers.push(timer);
            index
        } else {
            let index = self.free;
            self.free = self.timer(index).next;
            *self.timer_mut(index) = timer;
            index
        };
        self.len += 1;
        self.link(index);
        TimerId(index)
    }

    /// When an armed timer fires.
    pub fn at_ms(&self, id: TimerId) -> u64 {
        self.timer(id.0).at_ms
    }

    /// Changes the time of an armed timer.
    pub fn rearm(&mut self, id: TimerId, at_ms: u64) {
        self.unlink(id.0);
        self.timer_mut(id.0).at_ms = at_ms;
        self.link(id.0);
    }

    /// Disarms a timer that has not fired.
    pub fn remove(&mut self, id: TimerId) {
        self.unlink(id.0);
        self.release(id.0);
    }

    /// Takes the next timer that is due, and disarms it. To be called until it returns none.
    #[inline]
    pub fn pop_due(&mut self, now_ms: u64) -> Option<T> {
        if now_ms < self.idle_until_ms { None } else { self.search_due(now_ms) }
    }

    fn search_due(&mut self, now_ms: u64) -> Option<T> {
        while self.due == NONE {
            let Some((level, slot, at_ms)) = self.next_slot() else {
                self.elapsed_ms = self.elapsed_ms.max(now_ms);
                self.idle_until_ms = u64::MAX;
                return None;
            };
            if at_ms > now_ms {
                self.elapsed_ms = self.elapsed_ms.max(now_ms);
                self.idle_until_ms = at_ms;
                return None;
            }
            self.elapsed_ms = self.elapsed_ms.max(at_ms);
            self.empty_slot(level, slot);
        }
        let index = self.due;
        let owner = self.timer(index).owner;
        self.unlink(index);
        self.release(index);
        Some(owner)
    }

    /// When to call [`Wheel::pop_due`] again. Never later than the next timer, but perhaps earlier.
    /// None if no timer is armed.
    #[inline]
    pub fn next_ms(&self) -> Option<u64> {
        (self.len > 0).then_some(self.idle_until_ms)
    }

    /// Moves the timers of a slot whose time has come to the levels below and to the due list.
    fn empty_slot(&mut self, level: usize, slot: usize) {
        let mut index = std::mem::replace(&mut self.heads[level][slot], NONE);
        self.occupied[level] &= !(1 << slot);
        while index != NONE {
            let next = self.timer(index).next;
            self.link(index);
            index = next;
        }
    }

    /// The first occupied slot, and the time at which it begins.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        for (level, occupied) in self.occupied.iter().enumerate() {
            if *occupied == 0 {
                continue;
            }
            let shift = SLOT_BITS * u32::try_from(level).expect("six levels");
            let current = (self.elapsed_ms >> shift) & (SLOTS as u64 - 1);
            let current = u32::try_from(current).expect("masked to six bits");
            let ahead = occupied.rotate_right(current).trailing_zeros();
            let slot = (current + ahead) % 64;
            let round = self.elapsed_ms >> (shift + SLOT_BITS) << (shift + SLOT_BITS);
            let wrapped = if slot < current { 1u64 << (shift + SLOT_BITS) } else { 0 };
            let at_ms = round + wrapped + (u64::from(slot) << shift);
            return Some((level, slot as usize, at_ms));
        }
        None
    }

    fn link(&mut self, index: u32) {
        let elapsed_ms = self.elapsed_ms;
        let at_ms = self.timer(index).at_ms.min(elapsed_ms + HORIZON_MS);
        self.idle_until_ms = self.idle_until_ms.min(at_ms);
        let place = if at_ms <= elapsed_ms { Place::Due } else { place_of(at_ms, elapsed_ms) };
        let head = match place {
            Place::Slot { level, slot } => {
                self.occupied[usize::from(level)] |= 1 << slot;
                &mut self.heads[usize::from(level)][usize::from(slot)]
            }
            Place::Due | Place::Free => &mut self.due,
        };
        let next = std::mem::replace(head, index);
        let timer = self.timer_mut(index);
        timer.place = place;
        timer.next = next;
        timer.previous = NONE;
        if next != NONE {
            self.timer_mut(next).previous = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let Timer { next, previous, place, .. } = *self.timer(index);
        assert!(place != Place::Free, "BUG: a timer that is not armed");
        if next != NONE {
            self.timer_mut(next).previous = previous;
        }
        if previous != NONE {
            self.timer_mut(previous).next = next;
            return;
        }
        match place {
            Place::Slot { level, slot } => {
                let (level, slot) = (usize::from(level), usize::from(slot));
                self.heads[level][slot] = next;
                if next == NONE {
                    self.occupied[level] &= !(1 << slot);
                }
            }
            Place::Due | Place::Free => self.due = next,
        }
    }

    fn release(&mut self, index: u32) {
        let free = std::mem::replace(&mut self.free, index);
        let timer = self.timer_mut(index);
        timer.next = free;
        timer.place = Place::Free;
        self.len -= 1;
    }

    fn timer(&self, index: u32) -> &Timer<T> {
        &self.timers[index as usize]
    }

    fn timer_mut(&mut self, index: u32) -> &mut Timer<T> {
        &mut self.timers[index as usize]
    }
}

/// The slot for a time after `elapsed_ms`, in the highest level in which the two times differ.
fn place_of(at_ms: u64, elapsed_ms: u64) -> Place {
    let differing = (at_ms ^ elapsed_ms) | (SLOTS as u64 - 1);
    let level = ((63 - differing.leading_zeros()) / SLOT_BITS).min(5);
    let slot = (at_ms >> (level * SLOT_BITS)) & (SLOTS as u64 - 1);
    Place::Slot {
        level: u8::try_from(level).expect("six levels"),
        slot: u8::try_from(slot).expect("masked to six bits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    /// Fires the timers that are due, and returns their owners in order.
    fn due(wheel: &mut Wheel<u32>, now_ms: u64) -> Vec<u32> {
        let mut fired: Vec<u32> = std::iter::from_fn(|| wheel.pop_due(now_ms)).collect();
        fired.sort_unstable();
        fired
    }

    #[test]
    fn a_timer_fires_at_its_time_and_not_before() {
        for delay in [0, 1, 63, 64, 65, 4095, 4096, 100_000, 3_600_000, 86_400_000] {
            let mut wheel = Wheel::new(1, 1_000_003);
            wheel.insert(7, 1_000_003 + delay);
            if delay > 0 {
                assert!(due(&mut wheel, 1_000_003 + delay - 1).is_empty());
            }
            assert_eq!(due(&mut wheel, 1_000_003 + delay), [7], "delay {delay}");
            assert!(wheel.is_empty());
        }
    }

    #[test]
    fn the_next_time_is_never_too_late() {
        let mut wheel = Wheel::new(1, 0);
        wheel.insert(1, 5000);
        let mut now_ms = 0;
        loop {
            let next_ms = wheel.next_ms().unwrap();
            assert!(next_ms > now_ms && next_ms <= 5000);
            now_ms = next_ms;
            if !due(&mut wheel, now_ms).is_empty() {
                break;
            }
        }
        assert_eq!(now_ms, 5000);
    }

    #[test]
    fn the_wheel_fires_the_same_timers_as_a_sorted_map() {
        for seed in 1..40u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut now_ms = random(&mut state) % (1 << 40);
            let mut wheel = Wheel::new(0, now_ms);
            let mut model: HashMap<u32, (TimerId, u64)> = HashMap::new();
            for owner in 0..2000u32 {
                let spread = [10, 300, 10_000, 1_000_000, 1 << 37][owner as usize % 5];
                let at_ms = now_ms + random(&mut state) % spread;
                match random(&mut state) % 8 {
                    0..=3 => {
                        model.insert(owner, (wheel.insert(owner, at_ms), at_ms));
                    }
                    4 => {
                        if let Some((&owner, &(id, _))) = model.iter().next() {
                            wheel.remove(id);
                            model.remove(&owner);
                        }
                    }
                    5 => {
                        if let Some((_, entry)) = model.iter_mut().next() {
                            wheel.rearm(entry.0, at_ms);
                            entry.1 = at_ms;
                        }
                    }
                    _ => {
                        now_ms += random(&mut state) % spread;
                        let mut expected: Vec<u32> = model
                            .iter()
                            .filter(|(_, (_, at_ms))| *at_ms <= now_ms)
                            .map(|(owner, _)| *owner)
                            .collect();
                        expected.sort_unstable();
                        assert_eq!(due(&mut wheel, now_ms), expected, "seed {seed}");
                        model.retain(|_, (_, at_ms)| *at_ms > now_ms);
                    }
                }
                let earliest = model.values().map(|(_, at_ms)| *at_ms).min();
                assert!(wheel.next_ms().unwrap_or(u64::MAX) <= earliest.unwrap_or(u64::MAX));
                assert_eq!(wheel.len(), model.len());
            }
        }
    }
}
