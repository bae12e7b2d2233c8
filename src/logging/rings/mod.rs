//! The rings of the process: `ring` sections, and a ring for each `log tcp@…` line. Log lines for a
//! ring stay in its memory. `show events` reads them there, and so do the feeds of TCP log servers.
//!
//! ```text
//!   log ring@name --> Memory --> show events
//!                        └────-> logging/feed: its servers
//! ```

mod memory;

pub use memory::{Cursor, Memory};

use crate::config;
use crate::config::RingId;

/// One ring.
#[derive(Debug)]
pub struct Ring {
    /// Its name.
    pub name: String,
    /// What `show events` says of it.
    pub description: String,
    /// Its messages.
    pub memory: Memory,
    /// How many messages its servers have not been sent, because the ring was full.
    pub dropped: u64,
}

/// The rings of the process.
#[derive(Debug, Default)]
pub struct Rings {
    rings: Vec<Ring>,
    /// A message came since the last call of [`Rings::take_news`].
    has_news: bool,
}

impl Rings {
    /// Empty rings for this configuration.
    pub fn new(rings: &[config::Ring]) -> Self {
        let ring = |ring: &config::Ring| Ring {
            name: ring.name.clone(),
            description: ring.description.clone().unwrap_or_else(|| ring.name.clone()),
            memory: Memory::new(ring.size as usize, ring.maxlen as usize),
            dropped: 0,
        };
        Self { rings: rings.iter().map(ring).collect(), has_news: false }
    }

    /// All rings, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Ring> {
        self.rings.iter()
    }

    /// The ring with this id.
    pub fn get(&self, id: RingId) -> Option<&Ring> {
        self.rings.get(id.index())
    }

    /// The ring with this id, to count what its servers missed.
    pub(super) fn get_mut(&mut self, id: RingId) -> Option<&mut Ring> {
        self.rings.get_mut(id.index())
    }

    /// The id of the ring with this name.
    pub fn find(&self, name: &str) -> Option<RingId> {
        let index = self.rings.iter().position(|ring| ring.name == name)?;
        u16::try_from(index).ok().map(RingId)
    }

    /// Stores a message without a line end.
    pub fn push(&mut self, id: RingId, message: &[u8]) {
        if let Some(ring) = self.rings.get_mut(id.index()) {
            ring.memory.push(message);
            self.has_news = true;
        }
    }

    /// Whether a message came since the last call.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }
}
