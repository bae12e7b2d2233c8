//! The rules of `tcp-request`, and the samples and conditions of every rule, as they are evaluated
//! for one connection.
//!
//! ```text
//!  actions ──> condition ──> fetch/ ──> convert/ ──> value
//!     │                        │           │
//!     └──> tracked ──> entry <─┴───────────┘
//!
//!  context: what all of these look at and change
//! ```

mod actions;
mod condition;
mod context;
mod convert;
mod entry;
mod fetch;
mod tracked;
mod value;

pub use actions::{RulesVerdict, run};
pub use condition::{Truth, holds};
pub use context::{Context, Facts, RuleObjects};
pub use tracked::TrackedEntries;
