//! Rise and fall: how many checks it takes until a server changes sides.

use crate::config::InitState;

/// Where a server stands between down (0) and up (`rise + fall - 1`). From `rise` on it is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    health: u32,
    rise: u32,
    fall: u32,
}

impl Counter {
    /// The counter of a server before its first check.
    pub fn new(rise: u32, fall: u32, init_state: InitState) -> Self {
        let health = match init_state {
            InitState::FullyDown => 0,
            InitState::Down => rise - 1,
            InitState::Up => rise,
            InitState::FullyUp => rise + fall - 1,
        };
        Self { health, rise, fall }
    }

    /// Its place: HAProxy's `check_health`.
    pub fn health(self) -> u32 {
        self.health
    }

    /// Its `rise`.
    pub fn rise(self) -> u32 {
        self.rise
    }

    /// Its `fall`.
    pub fn fall(self) -> u32 {
        self.fall
    }

    /// Whether the server is up.
    pub fn is_up(self) -> bool {
        self.health >= self.rise
    }

    /// Whether the next checks may change its state: it is neither fully up nor fully down.
    pub fn is_changing(self) -> bool {
        self.health != 0 && self.health != self.top()
    }

    /// Counts a check.
    pub fn count(&mut self, has_passed: bool) {
        self.health = match (has_passed, self.is_up()) {
            (true, true) => self.top(),
            (true, false) if self.health + 1 == self.rise => self.top(),
            (true, false) => self.health + 1,
            (false, true) if self.health > self.rise => self.health - 1,
            (false, _) => 0,
        };
    }

    /// Puts it fully up or fully down, or just where the next check decides.
    pub fn set(&mut self, is_up: bool) {
        self.health = if is_up { self.top() } else { 0 };
    }

    /// Takes over what another process counted.
    pub fn adopt(&mut self, health: u32) {
        self.health = health.min(self.top());
    }

    /// Up, but the next two checks that fail bring it down.
    pub fn put_near_edge(&mut self) {
        self.health = self.health.min(self.rise + 1);
    }

    /// Up, but the next check that fails brings it down.
    pub fn put_on_edge(&mut self) {
        self.health = self.health.min(self.rise);
    }

    fn top(self) -> u32 {
        self.rise + self.fall - 1
    }

    /// How far it is: `2/3`, of `fall` while up, of `rise` while down.
    pub fn progress(self) -> (u32, u32) {
        if self.is_up() {
            (self.health - self.rise + 1, self.fall)
        } else {
            (self.health, self.rise)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_was_never_checked_goes_down_at_the_first_failure() {
        let mut counter = Counter::new(2, 3, InitState::Up);
        assert_eq!((counter.is_up(), counter.progress()), (true, (1, 3)));
        counter.count(false);
        assert_eq!((counter.is_up(), counter.progress()), (false, (0, 2)));
    }

    #[test]
    fn it_takes_rise_checks_up_and_fall_checks_down() {
        let mut counter = Counter::new(2, 3, InitState::FullyDown);
        counter.count(true);
        assert_eq!((counter.is_up(), counter.progress()), (false, (1, 2)));
        counter.count(true);
        assert_eq!((counter.is_up(), counter.progress()), (true, (3, 3)));
        counter.count(false);
        counter.count(false);
        assert_eq!(
            (counter.is_up(), counter.progress(), counter.is_changing()),
            (true, (1, 3), true)
        );
        counter.count(true);
        assert_eq!(counter.progress(), (3, 3), "one success forgives");
        for _ in 0..3 {
            counter.count(false);
        }
        assert_eq!((counter.is_up(), counter.health()), (false, 0));
        counter.count(true);
        counter.count(false);
        assert_eq!(counter.health(), 0, "one failure forgets");
    }
}
