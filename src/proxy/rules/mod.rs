//! The rules of `tcp-request`, and the samples and conditions of every rule, as they are evaluated
//! for one connection.
//!
//! ```text
//!  actions ──> condition ──> fetch/ ──> convert/ ──> value
//!     │                        │           │
//!     ├──> tracked ──> entry <─┼───────────┤
//!     ├──> set_variable <──────┴───────────┘
//!     │        └──> variables
//!     └──> format: texts that are made of samples
//!            └──> unique_id: the id that is such a text
//!
//!  context: what all of these look at and change; memory: what of that one connection has;
//!  page: the request of a client of a page; trace: what rules have found, for who asks why
//! ```

mod actions;
mod condition;
mod context;
mod convert;
mod entry;
mod fetch;
mod format;
mod memory;
mod page;
mod set_variable;
mod trace;
mod tracked;
mod truth;
mod unique_id;
mod value;
mod variables;

pub use actions::{RulesVerdict, run};
pub use condition::{applies, holds};
pub use context::{Context, EntryFacts, Facts, Failures, RuleObjects, Sent, Sessions, Sockets};
pub use memory::{Memory, SetEnds};
pub use page::PageFacts;
pub use trace::{SeenRule, SeenTest, Trace};
pub use truth::Truth;
pub use variables::ProcessVariables;
