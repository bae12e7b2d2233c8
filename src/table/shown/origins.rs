//! Since when each entry names its server, and who has said so. Only tables that are declared with
//! `origins` keep this: it takes 8 bytes for each entry.

/// Who makes entries name servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Author {
    /// Nobody knows.
    #[default]
    Unknown,
    /// A command of the Runtime API.
    Command,
    /// The stick rule with this number.
    Rule(u16),
    /// The peer at this place of the table's peers section.
    Peer(u16),
    /// The process that served before.
    Predecessor,
}

/// Since when an entry names its server, and who has said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// When, in seconds of the loop's clock.
    pub since_s: u32,
    /// Who.
    pub author: Author,
}

/// The origins of the entries of a table.
#[derive(Debug)]
pub(in crate::table) struct Origins {
    /// By the row: the time in the upper half, and the author. Zero stands for no origin, so the
    /// pages of rows that were never used take no memory.
    marks: Vec<u64>,
    /// Who is at work now.
    author: Author,
}

impl Origins {
    pub(in crate::table) fn new(size: u32) -> Self {
        Self { marks: vec![0; size as usize], author: Author::Unknown }
    }

    /// The bytes reserved for a table of this size.
    pub(in crate::table) fn bytes(size: u32) -> u64 {
        u64::from(size) * size_of::<u64>() as u64
    }

    /// Who is at work from now on.
    pub(in crate::table) fn set_author(&mut self, author: Author) {
        self.author = author;
    }

    /// A row names another server from now on.
    pub(in crate::table) fn note(&mut self, row: u32, now_ms: u64) {
        if let Some(mark) = self.marks.get_mut(row as usize) {
            let since_s = u32::try_from(now_ms / 1000).unwrap_or(u32::MAX);
            *mark = u64::from(since_s) << 32 | u64::from(code(self.author));
        }
    }

    /// A row is free.
    pub(in crate::table) fn forget(&mut self, row: u32) {
        if let Some(mark) = self.marks.get_mut(row as usize) {
            *mark = 0;
        }
    }

    /// All rows are free.
    pub(in crate::table) fn clear(&mut self) {
        self.marks.fill(0);
    }

    pub(in crate::table) fn get(&self, row: u32) -> Option<Origin> {
        let mark = *self.marks.get(row as usize)?;
        let halves = (u32::try_from(mark >> 32).ok()?, u32::try_from(mark & 0xffff_ffff).ok()?);
        (mark != 0).then_some(Origin { since_s: halves.0, author: author(halves.1) })
    }
}

/// An author as a number above zero: what it is, and its own number.
fn code(author: Author) -> u32 {
    match author {
        Author::Unknown => 1 << 16,
        Author::Command => 2 << 16,
        Author::Predecessor => 3 << 16,
        Author::Rule(number) => 4 << 16 | u32::from(number),
        Author::Peer(number) => 5 << 16 | u32::from(number),
    }
}

fn author(code: u32) -> Author {
    let number = u16::try_from(code & 0xffff).unwrap_or(0);
    match code >> 16 {
        2 => Author::Command,
        3 => Author::Predecessor,
        4 => Author::Rule(number),
        5 => Author::Peer(number),
        _ => Author::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_the_time_and_the_author_of_its_last_change() {
        let mut origins = Origins::new(2);
        assert_eq!(origins.get(0), None);
        for author in [
            Author::Unknown,
            Author::Command,
            Author::Rule(u16::MAX),
            Author::Peer(7),
            Author::Predecessor,
        ] {
            origins.set_author(author);
            origins.note(0, 5_999);
            assert_eq!(origins.get(0), Some(Origin { since_s: 5, author }));
        }
        assert_eq!((origins.get(1), origins.get(2)), (None, None));
        origins.forget(0);
        assert_eq!(origins.get(0), None);
    }
}
