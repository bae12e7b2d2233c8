//! Text to typed configuration. Reads files, opens nothing else.
//!
//! ```text
//! files -- lexer --> words -- keyword tables --> draft -- resolve --> Config
//!                          every step --> diagnostics
//! ```
//!
//! 1. `load` reads the files line by line, and the lines of `.if` blocks (`text/blocks`) where they
//!    count. The lexer (`text`) splits a line into words.
//! 2. The row of the keyword reads the line into the draft: what was typed, with places. `keywords`
//!    says what a row is; the rows stand in `sections` and `rules`; `all_keywords` lists them all.
//! 3. `resolve` gives ids and numbers, looks names up and warns of what is odd.
//!
//! Dependencies, from the ground up: `types` (what a configuration means), `text`, `drafts` (what
//! was typed), `keywords`, `rules`, `sections`, `all_keywords`, then `resolve` and `load`.
//!
//! A mistake stops the reading of its line, never of the configuration, so that one run reports
//! them all.

mod all_keywords;
pub mod data_type;
mod drafts;
mod keywords;
mod load;
mod resolve;
pub mod rules;
mod sections;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod types;

pub use all_keywords::keywords;
pub use keywords::{Arity, Keyword, Refusal, Scope};
pub use load::{Loaded, Request, load, load_text, load_text_with};
pub use resolve::{AddedServer, ServerLines};
pub use text::address::Hosts;
pub use text::blocks::{condition_holds, features};
pub use text::diagnostic::{Diagnostic, DiagnosticKind, Section, count};
pub use text::environment::Environment;
pub use text::plain::lines as plain_lines;
pub use types::*;

/// The day of the release, as HAProxy writes such days: told wherever the version is.
pub const RELEASE_DATE: &str = "2026/11/28";

/// The version of HAProxy whose language these are, then our own: programs that ask the program for
/// its version look for what they know.
pub const COMPATIBLE_VERSION: &str = concat!("2.6.12-stickd-", env!("CARGO_PKG_VERSION"));

/// The version that the Runtime API tells. Programs decide by it which commands they use. Of what
/// came with 2.7 the API has the `reload` that answers when the new process serves, which
/// client-native wants to see here; it refuses by name, and with a reason, what it lacks of 2.6 and
/// 2.7. It is not 2.8, from which on programs rely on commands about OCSP. The last number
/// is 1, because to those who compare versions one with a suffix is older than one without.
pub const RUNTIME_API_VERSION: &str = concat!("2.7.1-stickd-", env!("CARGO_PKG_VERSION"));
