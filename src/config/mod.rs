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

mod address;
mod agent;
mod balance;
mod bind;
mod blocks;
mod check_script;
mod condition;
mod converters;
pub mod data_type;
mod diagnostic;
mod draft;
mod entry_samples;
mod environment;
pub mod expression;
mod fold;
mod gaps;
mod global;
mod health;
mod hints;
mod http_check;
mod inert;
mod init_addr;
mod keywords;
mod lexer;
mod limits;
mod line;
mod listeners;
mod log;
mod log_line;
mod matcher;
mod metrics;
mod names;
mod numbering;
mod observe;
mod peers;
mod proxy;
mod read;
mod refused;
mod refused_samples;
mod resolve;
mod rules;
mod sample;
mod sections;
mod server;
mod services;
mod stick;
mod tcp;
#[cfg(test)]
mod tests;
mod text_file;
mod threads;
mod tracks;
mod types;
mod units;
mod unix_bind;
mod words;

pub use address::Hosts;
pub use agent::AgentCheck;
pub use blocks::{condition_holds, features};
pub use check_script::{
    BackendHealth, Connect, Expect, HttpExpect, HttpPattern, Pattern, Script, ScriptKind, Step,
};
pub use diagnostic::{Diagnostic, Section, Severity, count};
pub use environment::Environment;
pub use health::{InitState, ServerCheck, ServerHealth};
pub use keywords::{Arity, Keyword, Refusal, Scope, keywords, reference};
pub use limits::Limits;
pub use log::{LogDestination, LogFormat, LogTarget};
pub use log_line::{LogField, LogLine, LogPart};
pub use metrics::{MetricsEndpoint, PathPattern};
pub use observe::{Observe, OnError};
pub use read::{Loaded, Request, load, load_text, load_text_with};
pub use services::{Reply, Service};
pub use tcp::{BindTcp, Source, TunedBuffers};
pub use types::*;

/// The day of the release, as HAProxy writes such days: told wherever the version is.
pub const RELEASE_DATE: &str = "2026/11/27";

/// The version of HAProxy whose language and formats these are, then our own: programs that read
/// the Runtime API or the version look for what they know.
pub const COMPATIBLE_VERSION: &str = concat!("2.6.0-stickd-", env!("CARGO_PKG_VERSION"));
