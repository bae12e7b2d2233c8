//! The numbers of the protocol: the class and the type of each message, and its limits.

/// The class of control messages.
pub const CLASS_CONTROL: u8 = 0;
/// The class of error messages.
pub const CLASS_ERROR: u8 = 1;
/// The class of stick-table messages.
pub const CLASS_TABLE: u8 = 10;

/// The type of a table definition.
pub(super) const DEFINE: u8 = 130;
/// The type of a switch to a table defined before.
pub(super) const SWITCH: u8 = 131;
/// The type of an acknowledgement.
pub(super) const ACK: u8 = 132;

// From a stickd to its successor. HAProxy skips these types.

/// The type of a note: bytes that the protocol gives no meaning to.
pub(super) const NOTE: u8 = 192;
/// The type of a message with the last update id of a table. Peers that teach say it too.
pub(super) const POSITION: u8 = 193;
/// The type of a message that an entry was removed; without a key, that all were removed.
pub(super) const REMOVAL: u8 = 194;
/// The type of a packet of late updates: messages within a message.
pub(super) const LATE_UPDATES: u8 = 195;

/// The longest message, header included, that is ever sent.
pub const MESSAGE_MAX: usize = 16_384;

/// The longest payload that is accepted. A longer one is refused as soon as its header has come.
pub const PAYLOAD_MAX: u64 = 16_384;

/// The longest line of a hello or a status, its end included.
pub const LINE_MAX: usize = 16_384;

/// The slots of a dictionary cache, numbered from 1.
pub const DICTIONARY_SLOTS: u8 = 128;

/// The longest note of a handover session: one message without its header.
pub const NOTE_MAX: usize = MESSAGE_MAX - 16;

/// The longest packet of late updates: one message without its header.
pub const LATE_PACKET_MAX: usize = MESSAGE_MAX - 16;
