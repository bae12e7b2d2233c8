//! The text of a configuration: lines, words, numbers, addresses, `.if` blocks, and the messages
//! about them. Nothing here knows a keyword.

pub(super) mod address;
pub(super) mod blocks;
pub(super) mod diagnostic;
pub(super) mod environment;
pub(super) mod fold;
pub(super) mod gaps;
pub(super) mod lexer;
pub(super) mod line;
pub(crate) mod nearest;
pub(super) mod plain;
pub(super) mod report;
pub(super) mod text_file;
pub(crate) mod units;
