//! The files of the nodes' tables. A process has its table saved from time to time, and a process
//! that starts where none serves reads it, as `src/reload/saver` and `src/process/tables.rs` do.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use stickd::table::{Restored, SavedTable, Stamp, Written, write_table};

use crate::filter::Plant;
use crate::process::{Process, Row};
use crate::world::World;

/// The time of day when the clock of a run says 0.
const WALL_MS: u64 = 1_700_000_000_000;

/// Where the nodes of a cluster save their tables. It is removed when this value is dropped.
#[derive(Debug)]
pub struct Disk(PathBuf);

impl Disk {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("stickd-simulation-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// The file of a node.
    pub fn file(&self, node: usize) -> PathBuf {
        self.0.join(format!("node{node}"))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// What is in the file of a node.
#[derive(Debug)]
pub struct Saved {
    rows: Vec<Option<Row>>,
    at_ms: u64,
}

impl Saved {
    /// The entry of a key, at this time.
    fn row(&self, key: u32, now_ms: u64) -> Option<Row> {
        let row = self.rows[key as usize]?;
        let passed_ms = u32::try_from(now_ms - self.at_ms).unwrap();
        let left_ms = match row.left_ms {
            Some(left_ms) => Some(left_ms.checked_sub(passed_ms).filter(|left_ms| *left_ms > 0)?),
            None => None,
        };
        Some(Row { left_ms, ..row })
    }
}

/// Some time passes.
pub fn run(world: &mut World, passed_ms: u64) {
    let Some(every_ms) = world.scenario.save_every_ms else { return };
    for node in 0..world.nodes.len() {
        if world.random.below(every_ms) < passed_ms {
            save(world, node);
        }
    }
}

/// The process of a node has ended. What it leaves is saved, unless its saver has ended as well.
pub fn save_last(world: &mut World, node: usize) {
    if world.disk.is_some() && !world.random.one_in(4) {
        save(world, node);
    }
}

/// The table of a node is saved. The saver is a process of its own, so it does not matter whether
/// the node has turns.
fn save(world: &mut World, node: usize) {
    let (Some(disk), Some(process)) = (&world.disk, &world.nodes[node].process) else { return };
    let at_ms = world.now_ms;
    let rows: Vec<_> = world.truth.keys().map(|key| process.row(key, at_ms)).collect();
    let written = write(process, &disk.file(node), at_ms);
    let entries = rows.iter().flatten().count();
    if (written.entries, written.skipped) != (entries as u64, 0) {
        world.breaks(None, format!("node{node} has {entries} entries, and saves {written:?}"));
    }
    world.nodes[node].saved = Some(Saved { rows, at_ms });
    world.counts.saves += 1;
    world.tell(Some(node), None, || format!("{entries} entries are saved"));
}

fn write(process: &Process, path: &Path, now_ms: u64) -> Written {
    let kept = process.kept();
    let (_, rows) = kept.tables.into_iter().next().unwrap();
    let names = kept.names.map(File::from);
    let wall_ms = WALL_MS + now_ms;
    let stamp = Stamp { wall_ms, tick_ms: now_ms, ..Stamp::default() };
    write_table(&rows.into(), names.as_ref(), &stamp, &File::create(path).unwrap()).unwrap()
}

/// A process that starts has what is in the node's file and is not over, and nothing else.
pub fn read(world: &mut World, node: usize, process: &mut Process) {
    let Some(saved) = world.nodes[node].saved.take() else { return };
    let now_ms = world.now_ms;
    let expected: Vec<_> = world.truth.keys().map(|key| saved.row(key, now_ms)).collect();
    let (_, _, result) = process.tables.read_saved(now_ms, WALL_MS + now_ms).remove(0);
    let entries = expected.iter().flatten().count();
    match result {
        Ok(Some(SavedTable {
            restored: Restored { entries: read, dropped: 0 },
            damaged: 0,
            ..
        })) if read as usize == entries => {}
        result => world.breaks(None, format!("node{node} reads {result:?}, not {entries}")),
    }
    world.counts.from_files += 1;
    world.tell(Some(node), None, || format!("{entries} entries are read"));
    for (key, expected) in world.truth.keys().zip(expected) {
        // A rate is written for another clock. No entry is a change of this process.
        let expected = expected.map(|row| Row { rate: 0, update_id: None, ..row });
        let found = process.row(key, now_ms).map(|row| Row { rate: 0, ..row });
        if expected != found {
            let what = format!("node{node} has saved {expected:?}, and reads {found:?}");
            world.breaks(Some(key), what);
        }
        if let Some(row) = found {
            world.nodes[node].known[key as usize] = row.stamp;
            world.truth.bring_back(key, row.name);
            if world.scenario.plant == Some(Plant::SavedAsChanged) {
                process.touch(key, now_ms);
            }
        }
    }
    world.nodes[node].saved = Some(saved);
}
