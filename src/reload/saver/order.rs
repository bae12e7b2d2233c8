//! What the owner tells the saver.

/// An order to the saver: a letter, and a time.
pub(super) const ORDER_LEN: usize = 9;

/// What the saver is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Begin,
    Save,
    Finish,
    Quit,
}

impl Order {
    const ALL: [(u8, Self); 4] =
        [(b'b', Self::Begin), (b's', Self::Save), (b'f', Self::Finish), (b'q', Self::Quit)];

    pub(super) fn write(self, now_ns: u64) -> [u8; ORDER_LEN] {
        let letter = Self::ALL.iter().find(|(_, order)| *order == self).map_or(b'q', |(l, _)| *l);
        let [a, b, c, d, e, f, g, h] = now_ns.to_ne_bytes();
        [letter, a, b, c, d, e, f, g, h]
    }

    /// The order, and when it was given.
    pub(super) fn read(bytes: [u8; ORDER_LEN]) -> Option<(Self, u64)> {
        let [letter, a, b, c, d, e, f, g, h] = bytes;
        let (_, order) = Self::ALL.iter().find(|(known, _)| *known == letter)?;
        Some((*order, u64::from_ne_bytes([a, b, c, d, e, f, g, h])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_read_as_it_was_written() {
        for (_, order) in Order::ALL {
            assert_eq!(Order::read(order.write(123_456_789_012)), Some((order, 123_456_789_012)));
        }
        assert_eq!(Order::read([b'x'; ORDER_LEN]), None);
    }
}
