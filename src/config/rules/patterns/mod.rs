//! Patterns: what values are compared with. The words of a test, the lines of a file of patterns
//! and the keys of a map are lists of patterns. Commands of the Runtime API change the lists.
//!
//! ```text
//!  drafts ──> lists ──> list ──> contents ──> index ──> networks
//!                                                └────> pattern ──> masks
//!  the others: kind, how patterns are compared; ids, the numbers of entries; text_part, parts of
//!  texts
//! ```
//!
//! `drafts` keeps what the configuration names, and `lists` is what the process looks values up in.

mod contents;
mod drafts;
mod ids;
mod index;
mod kind;
mod list;
mod lists;
pub(super) mod masks;
mod networks;
mod pattern;
mod text_part;

pub use contents::Entry;
pub use ids::EntryId;
pub use index::Subject;
pub use kind::{Kind, Method, Output};
pub use list::{Found, ListForm, ListId, PatternList, PatternsId, VersionError};
pub use lists::{ChangeError, PatternLists, Selection};
pub use pattern::{WrongEntry, WrongPattern};
pub use text_part::{SEARCH_WORK_MAX, TextPart};

pub(in crate::config) use drafts::PatternDrafts;
pub(super) use kind::read_constant;
pub(super) use pattern::range_text;
