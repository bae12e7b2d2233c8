//! From the text of a configuration to the draft: lines, words, sections, and the messages
//! about them. Nothing here knows what a name refers to.

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
