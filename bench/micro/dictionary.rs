//! The dictionary of server names.

use divan::{Bencher, black_box};
use stickd::table::{Dictionary, NameId};

const NAMES: [u32; 2] = [8, 16_000];

fn dictionary(names: u32) -> Dictionary {
    let mut dictionary = Dictionary::default();
    for number in 0..names {
        dictionary.intern(format!("server{number}").as_bytes()).unwrap();
    }
    dictionary
}

#[divan::bench(args = NAMES)]
fn find(bencher: Bencher<'_, '_>, names: u32) {
    let dictionary = dictionary(names);
    bencher.bench_local(|| dictionary.find(black_box(b"server7")));
}

#[divan::bench(args = NAMES)]
fn name(bencher: Bencher<'_, '_>, names: u32) {
    let dictionary = dictionary(names);
    bencher.bench_local(|| dictionary.name(black_box(NameId(7))).map(<[u8]>::len));
}
