//! The bytes of the peers protocol: reading and writing, no state beyond one buffer. Nothing here
//! panics on input: every access goes through [`Reader`], every length is checked before use.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod buffers;
pub mod cursor;
pub mod definition;
pub mod hello;
pub mod message;
pub mod numbers;
pub mod update;

pub use cursor::{ReadError, Reader, Writer};
pub use numbers::{DICTIONARY_SLOTS, LATE_PACKET_MAX, LINE_MAX, MESSAGE_MAX, NOTE_MAX};
