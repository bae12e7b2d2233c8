//! Reload under load: clients with known entries connect again and again during reloads.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use super::{Node, Random, SOON, StopOnDrop, Tally, ask_often, eventually, pause, source};

/// The parameters of a run.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// How many entries are set beforehand, all for the server `s1` with the id 1.
    pub entries: u32,
    /// How many threads connect, each to one node, from random addresses that have an entry.
    pub clients: u32,
    /// How many reloads are asked for.
    pub reloads: u32,
    /// The time from the start of the clients to the first reload.
    pub before: Duration,
    /// The time between two reloads.
    pub gap: Duration,
    /// The time from the last reload to the end of the clients.
    pub after: Duration,
}

/// The results of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The results of the clients.
    pub clients: Tally,
    /// How many entries were set beforehand.
    pub before: usize,
    /// How many of these entries exist afterwards.
    pub kept: usize,
    /// How many of these entries name another server afterwards.
    pub changed: usize,
    /// How many processes have served.
    pub generations: usize,
}

impl Recipe {
    /// Runs the measurement on a node with a table `table` and a server `s1` with the id 1. The
    /// clients come to `fronts`, which may be those of other nodes as well.
    pub fn run(&self, node: &Node, fronts: &[SocketAddr], table: &str) -> Outcome {
        let api = node.api();
        api.set_servers(table, (0..self.entries).map(source), 1);
        let stop = AtomicBool::new(false);
        let mut generations = std::collections::BTreeSet::from([api.info("Pid")]);
        let clients = thread::scope(|scope| {
            let client = |seed: u32| {
                let stop = &stop;
                let mut random = Random::new(u64::from(seed) + 1);
                let front = fronts[usize::try_from(seed).unwrap() % fronts.len()];
                move || {
                    ask_often(front, stop, || {
                        (source(random.below(self.entries)), Some("s1".to_owned()))
                    })
                }
            };
            let threads: Vec<_> = (0..self.clients).map(|seed| scope.spawn(client(seed))).collect();
            let guard = StopOnDrop(&stop);
            pause(self.before);
            for _ in 0..self.reloads {
                node.ask_reload();
                pause(self.gap);
                generations.extend(api.try_command("show info").ok().and_then(|info| {
                    let pid = info.lines().find_map(|line| line.strip_prefix("Pid: "))?;
                    Some(pid.to_owned())
                }));
            }
            pause(self.after);
            // On a busy machine the first reload may be under way.
            let pid = || {
                api.try_command("show info").ok().and_then(|info| {
                    let pid = info.lines().find_map(|line| line.strip_prefix("Pid: "))?;
                    Some(pid.to_owned())
                })
            };
            eventually(SOON, || {
                generations.extend(pid());
                self.reloads == 0 || generations.len() > 1
            });
            drop(guard);
            let mut all = Tally::default();
            for thread in threads {
                all.add(&thread.join().unwrap());
            }
            all
        });
        generations.insert(api.info("Pid"));
        let ids = api.server_ids(table);
        let listed = (0..self.entries).filter_map(|number| ids.get(&source(number)));
        let (kept, changed) =
            listed.fold((0, 0), |(kept, changed), id| (kept + 1, changed + usize::from(*id != 1)));
        let before = usize::try_from(self.entries).unwrap();
        Outcome { clients, before, kept, changed, generations: generations.len() }
    }
}

impl Outcome {
    /// Whether no entry and no connection was lost.
    pub fn is_clean(&self) -> bool {
        let clients = &self.clients;
        clients.misrouted == 0
            && clients.failed == 0
            && self.kept == self.before
            && self.changed == 0
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "connections {}, misrouted {}, refused or reset {}, entries {} of {} kept, {} changed, \
             generations {}",
            self.clients.answered,
            self.clients.misrouted,
            self.clients.failed,
            self.kept,
            self.before,
            self.changed,
            self.generations
        )?;
        if self.clients.examples.is_empty() {
            Ok(())
        } else {
            write!(f, "; for example {:?}", self.clients.examples)
        }
    }
}
