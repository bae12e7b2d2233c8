//! The head of a file with a table, and where its blocks are.
//!
//! ```text
//!  0        8        12       16           24        32        40        48        64      68
//!  | magic  | format | names  | since_ns   | wall_ms | tick_ms | entries | boot    | bytes |
//!  1024                                                                          4092
//!  | the header of the memory of the rows (kept/header.rs), without its last bytes | sum |
//! ```
//! Numbers are in the machine's order, as in memory. A file of another kind of machine has another
//! `format`.

use std::io;

use crc::{CRC_32_ISCSI, Crc, Table};

use crate::table::kept::header;
use crate::table::kept::header::{CHANGING, Description, FRESH, PUSHED};
use crate::table::kept::invalid;
use crate::table::layout::word;

/// The bytes of the head.
pub const HEAD: usize = 4096;
const MAGIC: &[u8; 8] = b"stickd S";
/// What the rest means. Another layout gets another number.
const FORMAT: u32 = 1;
/// Where the header of the rows begins, and where the sum of the head is.
const ROWS: usize = 1024;
const SUM: usize = HEAD - 4;

/// The bytes in front of what a block has.
pub(super) const BLOCK: usize = 16;
/// About how many bytes of rows a block has.
const PART: usize = 1 << 18;
/// The bytes of names in each block but the last, which may have less.
pub(super) const NAMES_PART: usize = 1 << 16;
/// More names than there can be.
const NAMES_MAX: u32 = 1 << 17;

const SUMS: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// The sum of some bytes (CRC-32C).
pub(super) fn sum(bytes: &[u8]) -> u32 {
    SUMS.checksum(bytes)
}

/// By whom a table is saved, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Which start of the machine this is (`/proc/sys/kernel/random/boot_id`).
    pub boot: [u8; 16],
    /// Since when the process serves whose table it is, by the monotonic clock.
    pub since_ns: u64,
    /// The time of day, in milliseconds since 1970.
    pub wall_ms: u64,
    /// The monotonic clock at that time, which the times in rows refer to.
    pub tick_ms: u64,
}

/// What stands in the place of a file that is about to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing, or a table that was saved before.
    Older,
    /// A table of a process that serves since a later time.
    Newer,
    /// Something else. It is not ours to replace.
    Foreign,
}

impl Stamp {
    /// What the beginning of a file is, compared with a table with this stamp. A file from before
    /// the machine was started is older, whatever the clocks said.
    pub fn standing(&self, begin: &[u8]) -> Standing {
        if begin.is_empty() {
            return Standing::Older;
        }
        if !begin.starts_with(MAGIC) {
            return Standing::Foreign;
        }
        match begin.first_chunk().map(read_stamp) {
            Some(Ok(found)) if found.boot == self.boot && found.since_ns > self.since_ns => {
                Standing::Newer
            }
            _ => Standing::Older,
        }
    }
}

/// What the head says.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) stamp: Stamp,
    /// How many rows with entries there are.
    pub(super) entries: u64,
    /// The bytes of all names.
    pub(super) names_len: u32,
    pub(super) described: Description,
}

/// Where the blocks are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub(super) stride: usize,
    entries: u64,
}

impl Geometry {
    pub(super) fn new(stride: usize, entries: u64) -> Self {
        Self { stride, entries }
    }

    /// How many rows each block but the last one has.
    pub(super) fn rows_per_block(&self) -> usize {
        (PART / self.stride.max(1)).max(1)
    }

    fn block_len(&self) -> u64 {
        (BLOCK + self.rows_per_block() * self.stride) as u64
    }

    pub(super) fn row_blocks(&self) -> u64 {
        self.entries.div_ceil(self.rows_per_block() as u64)
    }

    /// Where a block of rows begins. None beyond all files.
    pub(super) fn rows_at(&self, block: u64) -> Option<u64> {
        block.checked_mul(self.block_len())?.checked_add(HEAD as u64)
    }

    /// How many rows a block has.
    pub(super) fn rows_in(&self, block: u64) -> usize {
        let per_block = self.rows_per_block();
        let before = block.saturating_mul(per_block as u64);
        let left = self.entries.saturating_sub(before);
        usize::try_from(left).map_or(per_block, |left| left.min(per_block))
    }

    /// Where the names begin: right behind the last row.
    pub(super) fn names_at(&self) -> Option<u64> {
        let blocks = self.row_blocks().checked_mul(BLOCK as u64)?;
        let rows = self.entries.checked_mul(self.stride as u64)?;
        blocks.checked_add(rows)?.checked_add(HEAD as u64)
    }
}

/// The head of a file whose rows are laid out as `rows` says, the header of their memory.
pub(super) fn write_head(
    stamp: &Stamp,
    entries: u64,
    names_len: u32,
    rows: &[u8; HEAD],
) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let mut put = |at: usize, bytes: &[u8]| {
        head.iter_mut().skip(at).zip(bytes).for_each(|(place, byte)| *place = *byte);
    };
    put(0, MAGIC);
    put(8, &FORMAT.to_ne_bytes());
    put(12, &names_len.to_ne_bytes());
    put(16, &stamp.since_ns.to_ne_bytes());
    put(24, &stamp.wall_ms.to_ne_bytes());
    put(32, &stamp.tick_ms.to_ne_bytes());
    put(40, &entries.to_ne_bytes());
    put(48, &stamp.boot);
    put(ROWS, rows.get(..SUM - ROWS).unwrap_or_default());
    // What changes in the memory means nothing here.
    for field in [FRESH, CHANGING, PUSHED] {
        put(ROWS + field, &[0; 4]);
    }
    let sum = sum(head.get(..SUM).unwrap_or_default());
    head.iter_mut().skip(SUM).zip(sum.to_ne_bytes()).for_each(|(place, byte)| *place = byte);
    head
}

/// Reads what [`write_head`] has written.
///
/// # Errors
/// `InvalidData` for anything else.
pub(super) fn read_head(head: &[u8; HEAD]) -> io::Result<Head> {
    let stamp = read_stamp(head)?;
    let mut rows = [0; HEAD];
    let kept = head.get(ROWS..SUM).unwrap_or_default();
    rows.iter_mut().zip(kept).for_each(|(place, byte)| *place = *byte);
    let names_len = word(head, 12);
    if names_len > NAMES_MAX * 512 {
        return Err(invalid("too many names"));
    }
    let (entries, described) = (wide(head, 40), header::read(&rows)?);
    if entries > described.size.into() {
        return Err(invalid("more entries than there was room for"));
    }
    Ok(Head { stamp, entries, names_len, described })
}

fn read_stamp(head: &[u8; HEAD]) -> io::Result<Stamp> {
    if !head.starts_with(MAGIC) {
        return Err(invalid("no table that was saved"));
    }
    if sum(head.get(..SUM).unwrap_or_default()) != word(head, SUM) {
        return Err(invalid("its beginning is damaged"));
    }
    if word(head, 8) != FORMAT {
        return Err(invalid("another version has saved it"));
    }
    let boot = head.get(48..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    let (since_ns, wall_ms, tick_ms) = (wide(head, 16), wide(head, 24), wide(head, 32));
    Ok(Stamp { boot, since_ns, wall_ms, tick_ms })
}

fn wide(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}

/// What is in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    Rows = 1,
    Names = 2,
}

/// Writes what stands in front of the rest of a block, which is there already. `count` is that of
/// its rows, or of its bytes of names.
pub(super) fn seal(block: &mut [u8], kind: BlockKind, number: u64, count: usize) {
    let fields = block_fields(kind, number, count);
    block.iter_mut().skip(4).zip(fields).for_each(|(place, byte)| *place = byte);
    let sum = sum(block.get(4..).unwrap_or_default());
    block.iter_mut().zip(sum.to_ne_bytes()).for_each(|(place, byte)| *place = byte);
}

/// Whether a block is as it was written, in its own place.
pub(super) fn is_sound(block: &[u8], kind: BlockKind, number: u64, count: usize) -> bool {
    let fields = block.get(4..BLOCK);
    fields == Some(&block_fields(kind, number, count)[..])
        && sum(block.get(4..).unwrap_or_default()) == word(block, 0)
}

fn block_fields(kind: BlockKind, number: u64, count: usize) -> [u8; BLOCK - 4] {
    let short = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_ne_bytes();
    let mut fields = [0; BLOCK - 4];
    let bytes = [short(kind as u64), short(number), short(count as u64)].into_iter().flatten();
    fields.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    fields
}

/// Makes all sums fit.
#[cfg(test)]
pub(super) fn repair_sums(bytes: &mut [u8]) {
    let Some((head, _)) = bytes.split_first_chunk_mut::<HEAD>() else { return };
    let (sound, place) = head.split_at_mut(SUM);
    place.copy_from_slice(&sum(sound).to_ne_bytes());
    let Ok(Head { entries, names_len, described, .. }) = read_head(head) else { return };
    let geometry = Geometry::new(described.layout.stride, entries);
    let rows = (0..geometry.row_blocks().min(4)).filter_map(|number| {
        let rows = geometry.rows_in(number);
        let len = BLOCK + rows * geometry.stride;
        Some((geometry.rows_at(number)?, len, BlockKind::Rows, number, rows))
    });
    let len = (names_len as usize).min(NAMES_PART);
    let names = geometry.names_at().map(|at| (at, BLOCK + len, BlockKind::Names, 0, len));
    for (at, len, kind, number, count) in rows.chain(names) {
        let begin = usize::try_from(at).unwrap_or(usize::MAX);
        if let Some(block) = bytes.get_mut(begin..begin.saturating_add(len)) {
            seal(block, kind, number, count);
        }
    }
}
