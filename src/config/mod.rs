//! Text to typed configuration. Reads files, opens nothing else.
//!
//! ```text
//! files -- lexer --> words -- keyword tables --> draft -- resolve --> Config
//!                          every step --> diagnostics
//! ```
//!
//! 1. [`load`] reads the files line by line (`read.rs`), those of `.if` blocks where they count
//!    (`blocks/`); the lexer splits a line into words.
//! 2. The row of the keyword (`keywords.rs` and the file of its section) reads the line into the
//!    draft: what was typed, with places.
//! 3. `resolve.rs` gives ids and numbers, looks names up and warns of what is odd.
//!
//! A mistake stops the reading of its line, never of the configuration, so that one run reports
//! them all.

pub mod data_type;
mod keywords;
mod resolve;
pub mod rules;
mod sections;
#[cfg(test)]
mod tests;
pub mod text;
mod types;

pub use keywords::{Arity, Keyword, Refusal, Scope, keywords, reference};
pub use sections::balance::{Balance, HashFunction, HashType};
pub use sections::health::agent::AgentCheck;
pub use sections::health::check_script::{
    BackendHealth, Connect, Expect, HttpExpect, HttpPattern, Pattern, Script, ScriptKind, Step,
};
pub use sections::health::observe::{Observe, OnError};
pub use sections::health::services::{Reply, Service};
pub use sections::health::{InitState, ServerCheck, ServerHealth};
pub use sections::limits::Limits;
pub use sections::log::{LogDestination, LogFormat, LogTarget};
pub use sections::log_line::{LogField, LogLine, LogPart};
pub use sections::metrics::{MetricsEndpoint, PathPattern};
pub use sections::tcp::{BindTcp, Source, TunedBuffers};
pub use text::address::Hosts;
pub use text::blocks::{condition_holds, features};
pub use text::diagnostic::{Diagnostic, Section, Severity, count};
pub use text::environment::Environment;
pub use text::read::{Loaded, Request, load, load_text, load_text_with};
pub use types::*;

/// The day of the release, as HAProxy writes such days: told wherever the version is.
pub const RELEASE_DATE: &str = "2026/11/27";

/// The version of HAProxy whose language and formats these are, then our own: programs that read
/// the Runtime API or the version look for what they know.
pub const COMPATIBLE_VERSION: &str = concat!("2.6.0-stickd-", env!("CARGO_PKG_VERSION"));
