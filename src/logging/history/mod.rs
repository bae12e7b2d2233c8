//! What has happened of late, for people to look at: the last events and the last reloads. A reload
//! hands both over.
//!
//! ```text
//!   the program's messages: errors, and those whose target or topic is an event ──> PastEvents
//!   lines about servers ───────────────────────────────────────────────────────────^
//! ```

mod events;
mod reloads;

pub use events::{EVENTS_MAX, Event, Kind, PastEvents, RELOAD};
pub use reloads::{PastReload, PastReloads, REASON_MAX, RELOADS_MAX, ReloadEnd};
