//! What a client types, before any command is run: lines, commands, words, and the rows of `help`
//! that the words mean.

pub mod command_line;
pub mod help;
pub mod input;
