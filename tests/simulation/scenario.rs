//! What one run is about: how many nodes, how large the tables, which faults how often. All of it
//! follows from the seed.

use std::path::Path;

use stickd::config;
use stickd::config::{Config, Request};
use stickd::table::Memory;

use crate::filter::Plant;
use crate::random::Random;

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A connection breaks, at any byte.
    Cut,
    /// One direction between two nodes stands still for some seconds.
    Stall,
    /// A node's process ends without a word. It comes back with its file, or empty.
    Crash,
    /// A node's host vanishes: nobody is told. It comes back with its file, or empty.
    PowerLoss,
    /// A node gets no turn for some seconds, and then all that time has passed.
    Freeze,
    /// A node reads little for some seconds.
    SlowReader,
    /// A node is reloaded.
    Reload,
    /// A server goes down or comes up.
    Server,
    /// An entry is removed on a node.
    Removal,
    /// All entries are removed on a node.
    Clear,
    /// A node's process ends without a word. Its supervisor starts another, with all entries.
    WorkerCrash,
    /// The hosts of all nodes vanish. They come back with their files.
    Blackout,
}

/// The faults of every second cluster.
const FAULTS: [Fault; 10] = [
    Fault::Cut,
    Fault::Stall,
    Fault::Crash,
    Fault::PowerLoss,
    Fault::Freeze,
    Fault::SlowReader,
    Fault::Reload,
    Fault::Server,
    Fault::Removal,
    Fault::Clear,
];

/// One run.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    pub nodes: usize,
    pub keys: u32,
    pub servers: u32,
    pub size: u32,
    pub expire_ms: Option<u32>,
    pub nopurge: bool,
    /// Where the update ids begin.
    pub first_update: u32,
    pub updates_max: u32,
    pub latency_max_ms: u64,
    pub window: usize,
    pub step_max_ms: u64,
    /// From one visit of a client to the next, on average.
    pub visit_every_ms: u64,
    /// How long faults happen, and how long there is quiet afterwards.
    pub trouble_ms: u64,
    pub quiet_ms: u64,
    /// The faults, and the average time from one to the next.
    pub faults: Vec<(Fault, u64)>,
    /// Whether successors crash in the middle of handovers, and whether entries are removed.
    pub successors_die: bool,
    pub removes: bool,
    /// One in so many pairs of nodes speaks version 2.0; none if 0.
    pub old_pairs: u64,
    /// The clients of one in so many keys come to any node at any time; of none if 0.
    pub roaming: u32,
    /// A HAProxy is one of the peers.
    pub has_foreign: bool,
    /// Nodes have files, and their tables are saved in this time on average.
    pub save_every_ms: Option<u64>,
    /// Tables pass to successors with their memory.
    pub lends: bool,
    pub plant: Option<Plant>,
}

impl Scenario {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let nodes = match random.below(40) {
            0 => 64,
            1..=3 => random.between(8, 20),
            4..=11 => 2,
            _ => random.between(3, 6),
        };
        let keys = random.pick(&[5, 40, 200, 1000, 3000]);
        let size = match random.below(6) {
            0 => keys / 2 + 2,
            1 => keys + 1,
            _ => keys * 2 + 20,
        };
        let mut faults = Vec::new();
        for fault in FAULTS {
            if random.one_in(2) {
                let factor = random.pick(&[1, 3, 10]);
                faults.push((fault, factor * usual_interval_ms(fault)));
            }
        }
        let latency_max_ms = random.pick(&[1, 20, 200, 800]);
        let is_large = nodes > 20;
        let mut scenario = Self {
            seed,
            nodes: usize::try_from(nodes).unwrap(),
            keys,
            servers: random.pick(&[1, 3, 30, 200]),
            size,
            expire_ms: random.pick(&[None, Some(20_000), Some(60_000), Some(600_000)]),
            nopurge: random.one_in(4),
            first_update: random.pick(&[0, 0, 0, (1 << 31) - 300, u32::MAX - 300]),
            updates_max: random.pick(&[1, 7, 200, 200]),
            latency_max_ms,
            window: if latency_max_ms > 20 { 65_536 } else { random.pick(&[700, 4000, 65_536]) },
            step_max_ms: if is_large { 30 } else { random.pick(&[2, 10, 20]) },
            visit_every_ms: random.pick(&[1, 5, 30, 200]),
            trouble_ms: if is_large { 20_000 } else { random.between(20_000, 90_000) },
            quiet_ms: 45_000,
            successors_die: random.one_in(2),
            removes: faults.iter().any(|(fault, _)| *fault == Fault::Removal),
            faults,
            old_pairs: random.pick(&[0, 0, 4, 1]),
            roaming: random.pick(&[0, 4, 2, 1]),
            has_foreign: random.one_in(4),
            save_every_ms: None,
            lends: false,
            plant: None,
        };
        let supervised = random.one_in(2);
        let save_every_ms = random.pick(&[None, None, Some(1_000), Some(10_000)]);
        if save_every_ms.is_some() && random.one_in(2) {
            scenario.faults.push((Fault::Blackout, usual_interval_ms(Fault::Blackout)));
        }
        let lends = random.one_in(2);
        Self { save_every_ms, lends, ..scenario }.supervised(supervised).without_what_cannot_be()
    }

    /// With or without supervisors that start another process when one has crashed.
    pub fn supervised(mut self, supervised: bool) -> Self {
        self.faults.retain(|(fault, _)| *fault != Fault::WorkerCrash);
        if supervised {
            self.faults.push((Fault::WorkerCrash, usual_interval_ms(Fault::WorkerCrash)));
        }
        self
    }

    /// Successors are taught.
    pub fn teaching(self) -> Self {
        Self { lends: false, ..self }
    }

    /// Without files in which nodes save their tables.
    pub fn without_files(mut self) -> Self {
        self.faults.retain(|(fault, _)| *fault != Fault::Blackout);
        Self { save_every_ms: None, ..self }
    }

    /// Where processes keep their entries: where the next process can read them, or take them over.
    pub fn memory(&self) -> Memory {
        let is_read = self.faults.iter().any(|(fault, _)| *fault == Fault::WorkerCrash)
            || self.save_every_ms.is_some();
        match (self.lends, is_read) {
            (true, _) => Memory::Lendable,
            (false, true) => Memory::Kept,
            (false, false) => Memory::Own,
        }
    }

    /// Leaves out what no cluster of stickd does, or what would not end within a run.
    fn without_what_cannot_be(mut self) -> Self {
        // Two stickd never speak version 2.0. Where all do, an entry that was removed and is sent
        // once more takes a count back.
        if self.old_pairs == 1 {
            self.faults.retain(|(fault, _)| *fault != Fault::Removal);
            self.removes = false;
        }
        // With one update a turn, many nodes tell each other for longer than a run lasts.
        if self.nodes >= 4 {
            self.updates_max = self.updates_max.max(7);
        }
        self
    }

    /// Whether a table may be full, so that entries are lost for want of room.
    pub fn overflows(&self) -> bool {
        self.size <= self.keys + 1
    }

    /// Whether no two nodes speak version 2.0. It cannot say that an entry is sent once more, and a
    /// lesson looks like a change: two stickd never speak it, and would not agree in it.
    pub fn is_plain(&self) -> bool {
        self.old_pairs == 0
    }

    /// Whether the clients of this key come to any node at any time.
    pub fn roams(&self, key: u32) -> bool {
        self.is_plain() && self.roaming > 0 && key.is_multiple_of(self.roaming)
    }

    /// What a node reads at its start. `file` is where its table is saved.
    pub fn configuration(&self, node: usize, file: Option<&Path>) -> Config {
        use std::fmt::Write;
        let mut text = format!("global\n tune.peers.max-updates-at-once {}\n", self.updates_max);
        text.push_str("defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n");
        text.push_str(" timeout server 1s\npeers mesh\n");
        for peer in 0..self.nodes + usize::from(self.has_foreign) {
            writeln!(text, " peer node{peer} 127.0.0.1:{}", 10_000 + peer).unwrap();
        }
        let expire = self.expire_ms.map_or_else(String::new, |ms| format!("expire {ms}ms"));
        let save = file.map_or_else(String::new, |file| format!("save {}", file.display()));
        let nopurge = if self.nopurge { "nopurge" } else { "" };
        writeln!(
            text,
            "backend web\n stick-table type ip size {} {expire} {nopurge} {save} peers mesh store \
             gpt0,gpc0,conn_cnt,sess_cnt,conn_cur,conn_rate(10s)\n \
             stick on src\n server s1 127.0.0.1:1",
            self.size
        )
        .unwrap();
        let request = Request { local_peer: Some(format!("node{node}")), ..Request::default() };
        match config::load_text_with("simulation", &text, &request, |_| Vec::new()) {
            Ok(loaded) => loaded.config,
            Err(wrong) => panic!("{wrong:?}\n{text}"),
        }
    }
}

fn usual_interval_ms(fault: Fault) -> u64 {
    match fault {
        Fault::Cut => 2_000,
        Fault::Stall | Fault::Server => 5_000,
        Fault::Crash | Fault::PowerLoss | Fault::WorkerCrash => 12_000,
        Fault::Freeze | Fault::SlowReader => 8_000,
        Fault::Reload => 6_000,
        Fault::Removal => 1_000,
        Fault::Clear => 20_000,
        Fault::Blackout => 40_000,
    }
}
