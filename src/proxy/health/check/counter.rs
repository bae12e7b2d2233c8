//! Rise and fall: how many checks it takes until a server goes up or down.

use crate::config::InitState;

/// A server's position between fully down (0) and fully up (`rise + fall - 1`). From `rise` on the
/// server is up.
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

    /// The position: HAProxy's `check_health`.
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

    /// Whether the server is neither fully up nor fully down.
    pub fn is_changing(self) -> bool {
        self.health != 0 && self.health != self.top()
    }

    /// Counts a check that passed or failed.
    pub fn count(&mut self, has_passed: bool) {
        self.health = match (has_passed, self.is_up()) {
            (true, true) => self.top(),
            (true, false) if self.health + 1 == self.rise => self.top(),
            (true, false) => self.health + 1,
            (false, true) if self.health > self.rise => self.health - 1,
            (false, _) => 0,
        };
    }

    /// Puts the position to fully up or fully down.
    pub fn set(&mut self, is_up: bool) {
        self.health = if is_up { self.top() } else { 0 };
    }

    /// Takes over the position that another process counted.
    pub fn adopt(&mut self, health: u32) {
        self.health = health.min(self.top());
    }

    /// Puts the position two failed checks away from down.
    pub fn put_near_edge(&mut self) {
        self.health = self.health.min(self.rise + 1);
    }

    /// Puts the position one failed check away from down.
    pub fn put_on_edge(&mut self) {
        self.health = self.health.min(self.rise);
    }

    fn top(self) -> u32 {
        self.rise + self.fall - 1
    }

    /// The progress as HAProxy shows it, `2/3`: of `fall` while up, of `rise` while down.
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
