//! The rules of `tcp-request`, and the samples and conditions of every rule, as they are evaluated
//! for one connection.
//!
//! ```text
//!  actions ──> condition ──> fetch/ ──> convert/ ──> value
//!     │                        │           │
//!     └──> tracked ──> entry <─┴───────────┘
//!
//!  context: what all of these look at and change; reader: parts of what was sent
//! ```

mod actions;
mod condition;
mod context;
mod convert;
mod entry;
mod fetch;
mod reader;
mod tracked;
mod value;

pub use actions::{RulesVerdict, run};
pub use condition::{Truth, holds};
pub use context::{Context, Facts, RuleObjects, Sent};
pub use tracked::TrackedEntries;
