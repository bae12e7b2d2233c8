//! The texts that rules keep for the log: their slots.

use crate::config::Direction;

/// The place of a text that is kept for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureSlot {
    /// Whether the log shows it among the texts of the request (`%hr`) or of the answer (`%hs`).
    pub side: Direction,
    /// Its number there, from 0 on.
    pub number: u16,
}

/// The slots of a frontend: the most bytes that each takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureSlots {
    request: Vec<u32>,
    response: Vec<u32>,
}

impl CaptureSlots {
    /// Adds a slot for at most `len` bytes; none if there are too many.
    pub(super) fn add(&mut self, side: Direction, len: u32) -> Option<CaptureSlot> {
        let slots = match side {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        };
        let number = u16::try_from(slots.len()).ok()?;
        slots.push(len);
        Some(CaptureSlot { side, number })
    }

    /// The slots of a side.
    pub fn of(&self, side: Direction) -> &[u32] {
        match side {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }

    /// The most bytes that a slot takes; none if there is no such slot.
    pub fn len(&self, slot: CaptureSlot) -> Option<u32> {
        self.of(slot.side).get(usize::from(slot.number)).copied()
    }
}
