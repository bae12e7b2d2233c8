//! Who did what at which tick, for the reader of a failure. Nothing is kept in a run that is not a
//! replay.

use std::collections::VecDeque;
use std::fmt::Write;

use crate::process::Row;

/// The most lines that are kept.
const LINES_MAX: usize = 300_000;
/// The last lines that are shown.
const SHOWN: usize = 60;

struct Line {
    at_ms: u64,
    node: Option<usize>,
    key: Option<u32>,
    text: String,
}

/// What has happened.
#[derive(Default)]
pub struct Story {
    lines: VecDeque<Line>,
    is_told: bool,
    /// What each node has of this key is told whenever it changes.
    pub followed: Option<u32>,
    last_told: Vec<Option<Row>>,
}

impl Story {
    /// A story that is told in a replay, which `key` has broken.
    pub fn told(key: Option<u32>) -> Self {
        Self { is_told: true, followed: key, ..Self::default() }
    }

    /// Tells what a node has of the followed key, if that is new, and what has led to it.
    pub fn follow(&mut self, at_ms: u64, node: usize, row: Option<Row>, through: &str) {
        // Time passes without a reason.
        let row = row.map(|row| Row { left_ms: None, rate: 0, ..row });
        if self.last_told.len() <= node {
            self.last_told.resize(node + 1, None);
        }
        if self.last_told[node] != row {
            self.last_told[node] = row;
            let text = || format!("has {row:?} now, through {through}");
            self.tell(at_ms, Some(node), self.followed, text);
        }
    }

    /// Adds a line.
    pub fn tell(
        &mut self,
        at_ms: u64,
        node: Option<usize>,
        key: Option<u32>,
        text: impl FnOnce() -> String,
    ) {
        if self.is_told {
            if self.lines.len() == LINES_MAX {
                self.lines.pop_front();
            }
            self.lines.push_back(Line { at_ms, node, key, text: text() });
        }
    }

    /// The last lines of all, and the last ones about a key.
    pub fn show(&self, key: Option<u32>) -> String {
        let mut out = String::new();
        if key.is_some() {
            let own: Vec<&Line> = self.lines.iter().filter(|line| line.key == key).collect();
            let from = own.len().saturating_sub(SHOWN);
            writeln!(out, "the key's own history ({} of {} lines):", own.len() - from, own.len())
                .unwrap();
            own[from..].iter().for_each(|line| line.write(&mut out));
        }
        let of_nodes: Vec<&Line> = self.lines.iter().filter(|line| line.key.is_none()).collect();
        let from = of_nodes.len().saturating_sub(2 * SHOWN);
        writeln!(out, "the nodes ({} of {} lines):", of_nodes.len() - from, of_nodes.len())
            .unwrap();
        of_nodes[from..].iter().for_each(|line| line.write(&mut out));
        out
    }
}

impl Line {
    fn write(&self, out: &mut String) {
        let node = self.node.map_or_else(|| "      ".to_owned(), |node| format!("node{node:<2}"));
        let key = self.key.map_or_else(String::new, |key| format!("key {key}: "));
        writeln!(out, "{:>9} {node} {key}{}", self.at_ms, self.text).unwrap();
    }
}
