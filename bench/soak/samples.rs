//! The memory, descriptors and CPU time of each node over time, and whether they stay flat.

use std::fmt;
use std::time::Duration;

use crate::support::{Member, Node, group, open_descriptors};

/// How many lines the table has.
const LINES: u32 = 18;

/// The memory may grow by so many parts of a hundred, and by so many bytes, from the second third
/// of the time to the last.
const MEMORY_PERCENT: u64 = 10;
const MEMORY_BYTES: u64 = 3 << 20;
/// The same for descriptors.
const DESCRIPTORS_PERCENT: u64 = 20;
const DESCRIPTORS: u64 = 10;
/// The same for CPU time for each connection.
const CPU_PERCENT: u64 = 30;

/// One node in one line.
#[derive(Clone, Copy, Debug, Default)]
struct OfNode {
    pid: i32,
    processes: usize,
    resident: u64,
    descriptors: u64,
    /// Since the line before.
    cpu_ms: u64,
}

#[derive(Clone, Debug)]
struct Line {
    at: Duration,
    connections: u64,
    nodes: Vec<OfNode>,
}

/// All lines so far.
#[derive(Debug)]
pub struct Samples {
    every: Duration,
    lines: Vec<Line>,
    /// The processes of each node when they were last looked at.
    members: Vec<Vec<Member>>,
    cpu_ms: Vec<u64>,
    looked: Duration,
    connections: u64,
}

impl Samples {
    /// For a run of this length.
    pub fn new(length: Duration) -> Self {
        Self {
            every: length / LINES,
            lines: Vec::new(),
            members: vec![Vec::new(); 3],
            cpu_ms: vec![0; 3],
            looked: Duration::ZERO,
            connections: 0,
        }
    }

    /// Looks at all processes, and writes a line if it is time for one.
    pub fn take(&mut self, nodes: &[Node], at: Duration, connections: u64) {
        if at < self.looked {
            return;
        }
        self.looked = at + Duration::from_millis(500);
        let all: Vec<Vec<Member>> = nodes.iter().map(|node| group(node.first_pid())).collect();
        for (node, now) in all.iter().enumerate() {
            for member in now {
                let mut before = self.members[node].iter();
                let before = before.find(|known| known.pid == member.pid);
                let spent = member.ticks.saturating_sub(before.map_or(0, |before| before.ticks));
                self.cpu_ms[node] += spent * 10;
            }
        }
        self.members.clone_from(&all);
        let due = self.lines.last().map_or(self.every, |line| line.at + self.every);
        if at < due {
            return;
        }
        let of_node = |(index, members): (usize, &Vec<Member>)| {
            let cpu_ms = std::mem::take(&mut self.cpu_ms[index]);
            let Some(serving) = serving(&nodes[index], members) else { return OfNode::default() };
            OfNode {
                pid: serving.pid,
                processes: members.len(),
                resident: serving.resident,
                descriptors: u64::try_from(open_descriptors(serving.pid)).unwrap(),
                cpu_ms,
            }
        };
        let nodes = all.iter().enumerate().map(of_node).collect();
        let since = connections - std::mem::replace(&mut self.connections, connections);
        self.lines.push(Line { at, connections: since, nodes });
        if let Some(line) = self.lines.last() {
            println!("{}", text_of(line));
        }
    }

    /// A figure of a node in the second third of the lines, and in the last.
    fn thirds(&self, node: usize, figure: impl Fn(&Line, &OfNode) -> u64) -> [Vec<u64>; 2] {
        let third = self.lines.len() / 3;
        let figures = |lines: &[Line]| {
            let there = lines.iter().filter(|line| line.nodes[node].pid != 0);
            there.map(|line| figure(line, &line.nodes[node])).collect()
        };
        let (before, after) = self.lines[third..].split_at(third);
        [figures(before), figures(after)]
    }

    /// What did not stay flat.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (node, name) in ["a", "b", "c"].iter().enumerate() {
            let mut check = |what: &str, [before, after]: [u64; 2], percent: u64, more: u64| {
                println!("{name}: {what} {before} in the second third, {after} in the last");
                if after > before + before * percent / 100 + more {
                    faults.push(format!("{name}: {what} grew from {before} to {after}"));
                }
            };
            let memory = self.thirds(node, |_, of| of.resident).map(mean);
            check("bytes of memory", memory, MEMORY_PERCENT, MEMORY_BYTES);
            let descriptors = self.thirds(node, |_, of| of.descriptors).map(mean);
            check("descriptors", descriptors, DESCRIPTORS_PERCENT, DESCRIPTORS);
            // Node c has no clients of its own that are counted.
            if *name != "c" {
                let cpu =
                    |line: &Line, of: &OfNode| of.cpu_ms * 1_000_000 / line.connections.max(1);
                let cpu = self.thirds(node, cpu).map(least);
                check("ns of CPU for each short connection", cpu, CPU_PERCENT, 0);
            }
        }
        faults
    }
}

fn mean(values: Vec<u64>) -> u64 {
    values.iter().sum::<u64>() / u64::try_from(values.len().max(1)).unwrap()
}

/// The least is what the machine's other work disturbs least: reloads, pages and the like cost the
/// same whether there are many short connections or few.
fn least(values: Vec<u64>) -> u64 {
    values.into_iter().min().unwrap_or_default()
}

/// The process that serves: the one in the pid file, or else the largest. The first process is a
/// supervisor if it is in the pid file and not alone.
fn serving<'m>(node: &Node, members: &'m [Member]) -> Option<&'m Member> {
    let first = node.first_pid();
    let named = node.pid_in_file().filter(|named| *named != first || members.len() == 1);
    let named = members.iter().find(|member| Some(member.pid) == named);
    let others = members.iter().filter(|member| member.pid != first);
    named.or_else(|| others.max_by_key(|member| (member.resident, member.pid)))
}

fn text_of(line: &Line) -> String {
    let mut text = format!("{:>6} s {:>9} connections", line.at.as_secs(), line.connections);
    for (of, name) in line.nodes.iter().zip(["a", "b", "c"]) {
        text.push_str(&format!(
            "   {name} {:>7}: {} processes {:>6.1} MB {:>4} fds {:>6} ms",
            of.pid,
            of.processes,
            of.resident as f64 / 1e6,
            of.descriptors,
            of.cpu_ms
        ));
    }
    text
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "of each node: the process that serves, all its processes, memory, \
                     descriptors, CPU time of all"
        )?;
        for line in &self.lines {
            writeln!(f, "{}", text_of(line))?;
        }
        Ok(())
    }
}
