//! What happens in a session and in a section, for the driver, the log and the tests.

use std::fmt;

use super::peer::PeerId;
use super::wire::hello::Version;
use crate::config::KeyType;

/// Something that happened in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// A peer called and is let in. Any other session or attempt with it is to be closed now.
    HelloAccepted {
        /// The caller.
        peer: PeerId,
    },
    /// The handshake is over, messages pass.
    Established {
        /// The other side.
        peer: PeerId,
        /// The protocol's version.
        version: Version,
    },
    /// The other side was asked to teach everything.
    ResyncRequested,
    /// The other side asks to be taught everything.
    TeachingBegun,
    /// Everything was taught; the confirmation is awaited.
    TeachingFinished {
        /// The entries sent.
        entries: u64,
        /// Whether this process is not up to date itself.
        partial: bool,
    },
    /// The other side has confirmed what it was taught.
    Confirmed,
    /// The other side has taught everything.
    LearningFinished {
        /// The entries received in this session so far.
        entries: u64,
        /// Whether the teacher is not up to date itself.
        partial: bool,
    },
    /// The other side has defined a table whose entries are not taken.
    TableMismatch {
        /// The table's name.
        table: Vec<u8>,
        /// Why not.
        mismatch: TableMismatch,
    },
    /// A note from the stickd at the other end of a handover.
    Note(Vec<u8>),
}

/// Something that happened to a section as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionEvent {
    /// No predecessor taught. From now on remote peers are asked.
    LocalTeacherMissing,
    /// The section's resync is over.
    UpToDate,
    /// No remote peer taught in time. The entries that are here count as up to date.
    RemoteTeacherMissing,
    /// The successor could not be taught over the local peer's address.
    SuccessorMissing,
}

/// Why the entries of a sender's table are not taken, though there is a table with its name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableMismatch {
    /// The keys have another type.
    KeyType {
        /// The sender's type, if it is known here.
        theirs: Option<KeyType>,
        /// The type here.
        own: KeyType,
    },
    /// The keys have another length.
    KeyLen {
        /// The sender's length in bytes.
        theirs: u64,
        /// The length here in bytes.
        own: u32,
    },
    /// The definition contradicts itself.
    Meaningless,
}

impl fmt::Display for TableMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyType { theirs, own } => {
                let theirs = theirs.map_or("unknown", KeyType::name);
                write!(f, "its keys are of type {theirs} there and of type {} here", own.name())
            }
            Self::KeyLen { theirs, own } => {
                write!(f, "its keys are of {theirs} bytes there and of {own} here")
            }
            Self::Meaningless => f.write_str("its definition makes no sense"),
        }
    }
}
