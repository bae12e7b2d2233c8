//! The text of a configuration: lines, words, numbers, addresses, `.if` blocks, and the messages
//! about them. Nothing here knows a keyword.

pub mod address;
pub mod blocks;
pub mod diagnostic;
pub mod environment;
pub mod fold;
pub mod gaps;
pub mod lexer;
pub mod line;
pub mod nearest;
pub mod report;
pub mod text_file;
pub mod units;
