//! The bytes of the peers protocol: reading and writing, no state beyond one buffer. Nothing here
//! panics on input: every access goes through [`Reader`], every length is checked before use.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod entry;
pub mod frame;
pub mod hello;
pub mod message;
pub mod reader;
pub mod sticky;
pub mod varint;
pub mod writer;

pub use reader::{ReadError, Reader};
pub use writer::Writer;

/// The longest message, header included, that is ever sent (protocol.md, section 5).
pub const MESSAGE_MAX: usize = 16_384;

/// The longest payload that is accepted; a longer one is refused as soon as its header is there.
pub const PAYLOAD_MAX: u64 = 16_384;

/// The longest line of a hello or a status, its end included.
pub const LINE_MAX: usize = 16_384;

/// The slots of a dictionary cache, numbered from 1 (section 8.4).
pub const DICTIONARY_SLOTS: u8 = 128;

/// The longest note of a handover session: one message, header included.
pub const NOTE_MAX: usize = MESSAGE_MAX - 16;

/// The longest packet of what a process tells that has handed over: one message, header included.
pub const TOLD_MAX: usize = MESSAGE_MAX - 16;
