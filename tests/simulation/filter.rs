//! What stands in a connection and changes its messages: a pair of nodes that speaks version 2.0,
//! and bugs that are planted to see whether they are found.

use stickd::peers::wire::message::{Frame, read_frame};
use stickd::peers::wire::numbers::{CLASS_CONTROL, CLASS_TABLE};

use crate::random::Random;

/// A bug. One that is planted in a message stands for the same bug in the node that sends it or
/// receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// An acknowledgement is not sent.
    DroppedAck,
    /// An entry is passed over when entries are sent.
    SkippedRow,
    /// An update is acknowledged and not stored.
    AckedNotStored,
    /// The time to live of a lesson is too long.
    StaleExpiry,
    /// The time to live in a handover is too short.
    ShortExpiry,
    /// A removal is not told to the successor.
    LostRemoval,
    /// A change after a handover is not told to the successor.
    LostLateUpdate,
    /// An entry is not handed over.
    SkippedHandover,
    /// An entry of a table that passes with its memory is lost.
    LostLent,
    /// The confirmation of a lesson is not sent.
    DroppedConfirm,
    /// Heartbeats are not sent.
    DroppedHeartbeat,
    /// An old update is sent once more.
    Repeated,
    /// What is read from a file counts as changed by the process that reads it.
    SavedAsChanged,
}

const UPDATE: u8 = 128;
const TIMED: u8 = 133;
const ACK: u8 = 132;
const REMOVAL: u8 = 194;
const LATE: u8 = 195;
const CONFIRM: u8 = 3;
const HEARTBEAT: u8 = 4;

/// The bytes of one direction of a connection.
#[derive(Debug)]
pub struct Filter {
    plant: Option<Plant>,
    refuses_2_1: bool,
    has_refused: bool,
    /// The lines of the handshake that are to come.
    lines: Option<usize>,
    bytes: Vec<u8>,
    kept: Option<Vec<u8>>,
}

impl Filter {
    pub fn new(plant: Option<Plant>, refuses_2_1: bool) -> Self {
        let (has_refused, lines) = (false, None);
        Self { plant, refuses_2_1, has_refused, lines, bytes: Vec::new(), kept: None }
    }

    /// A filter of messages without a handshake before them.
    pub fn of_handover(plant: Plant) -> Self {
        Self { lines: Some(0), ..Self::new(Some(plant), false) }
    }

    /// Whether a hello was to be refused.
    pub fn take_refusal(&mut self) -> bool {
        std::mem::take(&mut self.has_refused)
    }

    /// What becomes of the bytes.
    pub fn pass(&mut self, bytes: &[u8], random: &mut Random) -> Vec<u8> {
        self.bytes.extend_from_slice(bytes);
        let mut passed = Vec::new();
        if self.lines.is_none() && !self.bytes.is_empty() {
            // A hello has three lines, an answer one.
            self.lines = Some(if self.bytes[0] == b'H' { 3 } else { 1 });
            if self.refuses_2_1 && self.bytes.starts_with(b"HAProxyS 2.1") {
                self.has_refused = true;
                return passed;
            }
        }
        while let Some(lines) = self.lines.filter(|lines| *lines > 0) {
            let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') else {
                return passed;
            };
            passed.extend(self.bytes.drain(..=end));
            self.lines = Some(lines - 1);
        }
        while let Ok(Some((frame, len))) = read_frame(&self.bytes) {
            let changed = self.change(frame, &self.bytes[..len], random);
            if let Some(Plant::Repeated) = self.plant
                && frame.class == CLASS_TABLE
                && frame.kind == UPDATE
            {
                if self.kept.is_none() {
                    self.kept = Some(self.bytes[..len].to_vec());
                } else if random.one_in(40) {
                    passed.extend(self.kept.take().unwrap());
                }
            }
            passed.extend(changed);
            self.bytes.drain(..len);
        }
        passed
    }

    fn change(&self, frame: Frame<'_>, bytes: &[u8], random: &mut Random) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let head = bytes.len() - frame.payload.len();
        let is_table = |kind| frame.class == CLASS_TABLE && frame.kind == kind;
        let is_control = |kind| frame.class == CLASS_CONTROL && frame.kind == kind;
        let drop = match self.plant {
            Some(Plant::DroppedAck) => is_table(ACK) && random.one_in(5),
            Some(Plant::SkippedRow) => is_table(UPDATE) && random.one_in(50),
            Some(Plant::SkippedHandover) => is_table(TIMED) && random.one_in(100),
            Some(Plant::LostRemoval) => is_control(REMOVAL),
            Some(Plant::LostLateUpdate) => is_control(LATE) && random.one_in(3),
            Some(Plant::DroppedConfirm) => is_control(CONFIRM) && random.one_in(3),
            Some(Plant::DroppedHeartbeat) => is_control(HEARTBEAT),
            _ => false,
        };
        if drop {
            return Vec::new();
        }
        match self.plant {
            Some(Plant::StaleExpiry) if is_table(TIMED) => {
                bytes[head + 4..head + 8].copy_from_slice(&0x7FFF_FFFF_u32.to_be_bytes());
            }
            Some(Plant::ShortExpiry) if is_table(TIMED) => {
                bytes[head + 4..head + 6].copy_from_slice(&[0; 2]);
            }
            // The key is another one: the row is not stored, and its id is acknowledged.
            Some(Plant::AckedNotStored) if is_table(UPDATE) && random.one_in(50) => {
                bytes[head + 4] ^= 0x40;
            }
            _ => {}
        }
        bytes
    }
}
