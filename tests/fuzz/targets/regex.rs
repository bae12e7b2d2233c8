//! Regular expressions: the expression, a line end, and the text of a client.

use stickd::net::regex::{Regex, Work};

use super::{Target, none};

pub(super) const TARGET: Target = Target { name: "regex", run, seeds, words: none };

/// The work that a search may do, as in rules.
const WORK: u32 = 200_000;

fn run(bytes: &[u8]) {
    let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (pattern, text) = bytes.split_at(at);
    let Ok(pattern) = std::str::from_utf8(pattern) else { return };
    for ignores_case in [false, true] {
        let Ok(regex) = Regex::with_groups(pattern, ignores_case) else { continue };
        let mut work = Work::new(WORK);
        if let Ok(Some(groups)) = regex.find(text, 0, &mut work) {
            for (start, end) in (0..10).filter_map(|number| groups.get(number)) {
                // `\K` in a look-around may put the start behind the end.
                assert!(start.max(end) <= text.len(), "{start}..{end} of {}", text.len());
            }
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let seeds = [
        "^([a-z]+)\\.(example|test)$\nwww.example",
        "(*UTF)\\x{e4}+\n\u{e4}\u{e4}",
        "(a+)+$\naaaaaaaaaaaaaaaaaaaaaaaaab",
        "(?i)(?<name>[^/]*)/(?:x|y){2,5}\\b\nA/xyx z",
        "(?=ab\\K)\nab",
    ];
    seeds.map(|text| text.as_bytes().to_vec()).into()
}
