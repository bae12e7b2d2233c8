//! The update that nearly every lesson consists of, read and written in one go: which server a
//! client with a key of four bytes has, by a name that the other side knows already.
//!
//! ```text
//!  | update id: 4 | time left: 4, if timed | key: 4 | server_id: 1 | 1 | slot: 1 |
//! ```
//! Every field has its shortest form, so the message has one length, and one check is enough. What
//! does not fit this form takes the general way (`message.rs`, `entry.rs`), which says the same.

use super::message::{CLASS_TABLE, UpdateKind};
use super::{DICTIONARY_SLOTS, Writer, varint};

/// An update of `server_id` and `server_key`, and nothing else, in its shortest form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StickyUpdate<'a> {
    /// The update id.
    pub id: u32,
    /// The time left as it is sent; 0 unless the update is timed.
    pub expires_in_ms: u32,
    /// The key, of four bytes.
    pub key: &'a [u8],
    /// `server_id`, small enough for one byte.
    server_id: u8,
    /// The slot of `server_key`, from 1 to [`DICTIONARY_SLOTS`].
    slot: u8,
}

impl<'a> StickyUpdate<'a> {
    /// An update, if it can have this form.
    #[inline]
    pub fn new(
        id: u32,
        expires_in_ms: u32,
        key: &'a [u8],
        server_id: u32,
        slot: u8,
    ) -> Option<Self> {
        let server_id = u8::try_from(server_id).ok()?;
        let fits = key.len() == 4 && server_id < varint::ONE_BYTE_END && is_slot(slot);
        fits.then_some(Self { id, expires_in_ms, key, server_id, slot })
    }

    /// The server's number.
    pub fn server_id(&self) -> u32 {
        u32::from(self.server_id)
    }

    /// The slot of the server's name.
    pub fn slot(&self) -> u8 {
        self.slot
    }

    /// What a payload says, if it has this form. The sender's table must have keys of four bytes
    /// and store nothing but `server_id` and `server_key`.
    #[inline(always)]
    pub fn read(kind: UpdateKind, payload: &'a [u8]) -> Option<Self> {
        let (id, expires_in_ms, rest) = match (kind, payload) {
            (UpdateKind::LESSON, &[a, b, c, d, e, f, g, h, ref rest @ ..]) => {
                (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]), rest)
            }
            (UpdateKind::LIVE, &[a, b, c, d, ref rest @ ..]) => {
                (u32::from_be_bytes([a, b, c, d]), 0, rest)
            }
            _ => return None,
        };
        match *rest {
            [ref key @ .., server_id, 1, slot]
                if key.len() == 4 && server_id < varint::ONE_BYTE_END && is_slot(slot) =>
            {
                Some(Self { id, expires_in_ms, key, server_id, slot })
            }
            _ => None,
        }
    }

    /// Adds the message. `kind` is [`UpdateKind::LESSON`] or [`UpdateKind::LIVE`].
    #[inline]
    pub fn write(&self, out: &mut Writer<'_>, kind: UpdateKind) {
        let &[k0, k1, k2, k3] = self.key else { return };
        let [i0, i1, i2, i3] = self.id.to_be_bytes();
        let [t0, t1, t2, t3] = self.expires_in_ms.to_be_bytes();
        let (class, number, server_id, slot) =
            (CLASS_TABLE, kind.number(), self.server_id, self.slot);
        if kind.timed {
            out.bytes(&[
                class, number, 15, i0, i1, i2, i3, t0, t1, t2, t3, k0, k1, k2, k3, server_id, 1,
                slot,
            ]);
        } else {
            out.bytes(&[class, number, 11, i0, i1, i2, i3, k0, k1, k2, k3, server_id, 1, slot]);
        }
    }
}

#[inline]
fn is_slot(slot: u8) -> bool {
    (1..=DICTIONARY_SLOTS).contains(&slot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::wire::entry::Name;
    use crate::peers::wire::{frame, message};

    const KEY: [u8; 4] = [127, 0, 0, 1];

    fn general(kind: UpdateKind, server_id: u64, name: Name<'_>) -> Vec<u8> {
        let mut bytes = [0; 64];
        let mut out = Writer::new(&mut bytes);
        assert!(message::write_update(&mut out, kind, 0x0102_0304, 0x0506_0708, |payload| {
            payload.bytes(&KEY);
            payload.varint(server_id);
            name.write(payload);
        }));
        let len = out.len();
        bytes[..len].to_vec()
    }

    #[test]
    fn both_ways_write_and_read_the_same() {
        for kind in [UpdateKind::LESSON, UpdateKind::LIVE] {
            for (server_id, slot) in [(0, 1), (7, 128), (239, 64)] {
                let left = if kind.timed { 0x0506_0708 } else { 0 };
                let update = StickyUpdate::new(0x0102_0304, left, &KEY, server_id, slot).unwrap();
                let mut bytes = [0; 64];
                let mut out = Writer::new(&mut bytes);
                update.write(&mut out, kind);
                let len = out.len();
                assert_eq!(bytes[..len], general(kind, server_id.into(), Name::Slot(slot)));
                let (frame, _) = frame::read(&bytes[..len]).unwrap().unwrap();
                assert_eq!(StickyUpdate::read(kind, frame.payload), Some(update));
            }
        }
    }

    #[test]
    fn what_has_another_form_is_left_to_the_general_way() {
        assert_eq!(StickyUpdate::new(1, 0, &KEY, 240, 1), None);
        assert_eq!(StickyUpdate::new(1, 0, &KEY, 1, 0), None);
        assert_eq!(StickyUpdate::new(1, 0, &KEY, 1, 129), None);
        assert_eq!(StickyUpdate::new(1, 0, &KEY[..3], 1, 1), None);
        let others = [
            (240, Name::Slot(1)),
            (1, Name::Absent),
            (1, Name::Define(1, b"s1")),
            (1, Name::Slot(129)),
        ];
        for (server_id, name) in others {
            for kind in [UpdateKind::LESSON, UpdateKind::LIVE] {
                let bytes = general(kind, server_id, name);
                let (frame, _) = frame::read(&bytes).unwrap().unwrap();
                assert_eq!(StickyUpdate::read(kind, frame.payload), None, "{server_id} {name:?}");
                for cut in 0..frame.payload.len() {
                    assert_eq!(StickyUpdate::read(kind, &frame.payload[..cut]), None);
                }
            }
        }
        let implicit = UpdateKind { explicit: false, timed: false };
        assert_eq!(StickyUpdate::read(implicit, &[0; 11]), None);
    }
}
