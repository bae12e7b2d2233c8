//! Files with tables that were saved. Whoever can write the directory can write such a file, with
//! sums that fit.

use std::fs::{self, File};
use std::iter::repeat;
use std::os::fd::BorrowedFd;

use crc::{CRC_32_ISCSI, Crc};
use stickd::config::data_type::DataType;
use stickd::config::{SavedTo, StickTable};
use stickd::table::{HEAD, KeptTables, Memory, Stamp, Tables, write_table};

use super::scratch::Scratch;
use super::tables::{check, declarations};
use super::{NOW_MS, Target, none};
use crate::input::{Input, seed};

pub(super) const TARGET: Target = Target { name: "saved", run, seeds, words: none };

const SUMS: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
/// The time of day.
const WALL_MS: u64 = 1_700_000_000_000;
/// Where the length of a row is, and what stands in front of the rest of a block.
const STRIDE: usize = 1024 + 20;
const BLOCK: usize = 16;

thread_local! {
    static PLACE: Scratch = Scratch::new("saved");
}

fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (table, repairs) = (input.byte(), input.byte() & 1 == 0);
    let mut bytes = input.0.to_vec();
    if repairs {
        repair(&mut bytes);
    }
    PLACE.with(|place| {
        fs::write(&place.0, &bytes).expect("there is room");
        let declaration = declaration(table, &place.0);
        let mut tables = Tables::new(&[declaration]).expect("there is memory");
        tables.read_saved(NOW_MS, WALL_MS);
        check(&tables);
    });
}

fn declaration(table: u8, file: &std::path::Path) -> StickTable {
    let all = declarations();
    let mut declaration = all[usize::from(table) % all.len()].clone();
    declaration.save = Some(SavedTo { file: file.to_owned(), every_ms: 1000 });
    declaration
}

/// Makes the sums of the head, of the first block of rows and of the first block of names fit.
fn repair(bytes: &mut [u8]) {
    let word = |bytes: &[u8], at: usize| {
        let word = bytes.get(at..).and_then(<[u8]>::first_chunk);
        word.map_or(0, |word| u32::from_ne_bytes(*word) as usize)
    };
    let put = |bytes: &mut [u8], sum: u32, at: usize| {
        if let Some(place) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *place = sum.to_ne_bytes();
        }
    };
    if let Some(head) = bytes.get(..HEAD - 4) {
        let sum = SUMS.checksum(head);
        put(bytes, sum, HEAD - 4);
    }
    let rows = word(bytes, HEAD + 12).saturating_mul(word(bytes, STRIDE));
    let names = HEAD.saturating_add(BLOCK).saturating_add(rows);
    for (begin, len) in [(HEAD, rows), (names, word(bytes, 12))] {
        let end = begin.saturating_add(BLOCK).saturating_add(len);
        if let Some(block) = bytes.get(begin..end).and_then(|block| block.get(4..)) {
            let sum = SUMS.checksum(block);
            put(bytes, sum, begin);
        }
    }
}

/// A file for each kind of table.
fn seeds() -> Vec<Vec<u8>> {
    let tables = 0..u8::try_from(declarations().len()).expect("there are few");
    let saved = tables.map(|number| {
        let path = Scratch::new("saved").0.with_extension(format!("seed{number}"));
        let declaration = declaration(number, &path);
        let mut tables =
            Tables::with_memory(&[declaration], KeptTables::default(), repeat(Memory::Kept))
                .expect("memory");
        let name = tables.names_mut().intern(b"s1").expect("there is room");
        let (table, _) = tables.split_mut();
        let len = usize::try_from(table[0].declaration().key_len).expect("a key is short");
        for key in 1..20 {
            let (row, _) = table[0].find_or_insert(&vec![key; len], NOW_MS).expect("there is room");
            if let Some(cell) = table[0].cell(DataType::ServerKey) {
                table[0].set_u32(row, cell, 0, name.0);
            }
            table[0].touch_local(row, NOW_MS);
        }
        let (mut rows, names) = tables.files();
        let file = |fd: BorrowedFd<'_>| File::from(fd.try_clone_to_owned().expect("it is open"));
        let rows = file(rows.next().expect("memory is kept").1);
        let stamp = Stamp { wall_ms: WALL_MS, tick_ms: NOW_MS, ..Stamp::default() };
        let out = File::create(&path).expect("there is room");
        write_table(&rows, names.map(file).as_ref(), &stamp, &out).expect("there is room");
        let bytes = fs::read(&path).expect("it was written");
        fs::remove_file(&path).ok();
        seed(&[number, 0], bytes)
    });
    saved.collect()
}
