//! What happens to the nodes while the load goes on: reloads, changes of servers, and in turn the
//! worst for the third node.

use std::fmt;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::Cluster;
use crate::support::{Mesh, Tally, ask, eventually, send, source};

/// How long a process is stopped.
const STOPPED: Duration = Duration::from_secs(20);
/// How long a node may take to know everybody again.
const RECOVERY: Duration = Duration::from_secs(90);

/// A process of the third node that is stopped.
#[derive(Debug)]
struct Stop {
    pid: i32,
    until: Duration,
}

/// When what comes next, and what came of it.
#[derive(Debug)]
pub struct Disturbances {
    next_reload: [Duration; 2],
    next_change: Duration,
    next_worst: Duration,
    stopped: Option<Stop>,
    /// How many times the worst has happened.
    turn: u32,
    reloads: u32,
    changes: u32,
    kills: u32,
    stops: u32,
    longest_recovery: Duration,
    /// Known clients that came to the third node after it was well again.
    after: Tally,
    faults: Vec<String>,
}

impl Disturbances {
    pub fn new() -> Self {
        let first = |seconds| Duration::from_secs(seconds);
        Self {
            next_reload: [first(3), first(5)],
            next_change: first(4),
            next_worst: first(10),
            stopped: None,
            turn: 0,
            reloads: 0,
            changes: 0,
            kills: 0,
            stops: 0,
            longest_recovery: Duration::ZERO,
            after: Tally::default(),
            faults: Vec::new(),
        }
    }

    /// Does what is due.
    pub fn go_on(&mut self, cluster: &mut Cluster, now: Duration) {
        for (index, every) in [(0, 7), (1, 11)] {
            if now >= self.next_reload[index] {
                self.next_reload[index] = now + Duration::from_secs(every);
                self.reload(cluster, index);
            }
        }
        if now >= self.next_change {
            self.next_change = now + Duration::from_secs(3);
            self.change_servers(cluster);
        }
        if self.stopped.as_ref().is_some_and(|stop| now >= stop.until) {
            self.end_stop(cluster);
        } else if self.stopped.is_none() && now >= self.next_worst {
            self.next_worst = now + Duration::from_secs(30);
            self.do_the_worst(cluster, now);
        }
    }

    fn reload(&mut self, cluster: &Cluster, index: usize) {
        self.reloads += 1;
        match cluster.nodes[index].api().try_command("reload") {
            Ok(said) if said.starts_with("Success=1\n") => {}
            said => self.faults.push(format!("a reload: {said:?}")),
        }
    }

    fn change_servers(&mut self, cluster: &Cluster) {
        let server = format!("changing/x{}", 1 + self.changes / 2 % 3);
        let line = match self.changes % 2 {
            0 => format!("set server {server} state maint"),
            _ => format!("set server {server} state ready;set weight {server} {}", self.turn + 1),
        };
        self.changes += 1;
        for node in &cluster.nodes[..2] {
            if let Err(error) = node.api().try_command(&line) {
                self.faults.push(format!("{line}: {error}"));
            }
        }
    }

    /// One after the other: a kill, a stop, a reload, a stop of the supervisor.
    fn do_the_worst(&mut self, cluster: &mut Cluster, now: Duration) {
        self.turn += 1;
        match self.turn % 4 {
            1 => {
                self.kills += 1;
                let mut node = cluster.nodes.pop().unwrap();
                node.crash();
                cluster.nodes.push(node.start_again());
                self.until_well(cluster);
            }
            2 => self.stop(worker(cluster), now),
            3 => {
                self.reload(cluster, 2);
                self.until_well(cluster);
            }
            _ => {
                let supervisor = cluster.nodes[2].first_pid();
                self.stop(supervisor, now);
                cluster.nodes[2].ask_reload();
            }
        }
    }

    fn stop(&mut self, pid: i32, now: Duration) {
        self.stops += 1;
        send(pid, Signal::SIGSTOP);
        self.stopped = Some(Stop { pid, until: now + STOPPED });
    }

    fn end_stop(&mut self, cluster: &Cluster) {
        if let Some(stop) = self.stopped.take() {
            send(stop.pid, Signal::SIGCONT);
            self.until_well(cluster);
        }
    }

    /// The third node knows everybody again, and known clients get their server there.
    fn until_well(&mut self, cluster: &Cluster) {
        let began = Instant::now();
        let [a, _, c] = [0, 1, 2].map(|index| &cluster.nodes[index]);
        let used = |node: &crate::support::Node| node.api().used(Mesh::TABLE);
        let is_well = || {
            c.api().try_command("show info").is_ok()
                && ["a", "b"].iter().all(|peer| Mesh::is_connected(c, peer))
                && used(c) + 100 > used(a)
        };
        if !eventually(RECOVERY, is_well) {
            self.faults.push(format!("after {RECOVERY:?} node c is not well"));
        }
        self.longest_recovery = self.longest_recovery.max(began.elapsed());
        for client in (0..100_000).step_by(997).map(source) {
            self.after.note(client, &ask(client, cluster.mesh.fronts[2]), Some("s1"));
        }
    }

    /// Lets a process that is stopped go on, and brings all servers back.
    pub fn finish(&mut self, cluster: &Cluster) {
        self.end_stop(cluster);
    }

    /// What went wrong.
    pub fn faults(&self) -> Vec<String> {
        let after = (!self.after.is_clean())
            .then(|| format!("clients of the third node: {:?}", self.after));
        self.faults.iter().cloned().chain(after).collect()
    }
}

/// The worker of the third node, which has a supervisor.
fn worker(cluster: &Cluster) -> i32 {
    cluster.nodes[2].api().info("Pid").parse().unwrap()
}

impl fmt::Display for Disturbances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} reloads, {} changes of servers, {} kills, {} stops of 20 s; the third node was \
             well again within {:?}, and {} known clients came to it: misrouted {}, refused {}",
            self.reloads,
            self.changes,
            self.kills,
            self.stops,
            self.longest_recovery,
            self.after.answered,
            self.after.misrouted,
            self.after.failed
        )
    }
}
