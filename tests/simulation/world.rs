//! The cluster: its nodes, and what happens to them in one step of time.

use stickd::peers::{PeerId, SectionEvent, Start};

use crate::draining::Draining;
use crate::foreign::Foreign;
use crate::invariants::Owed;
use crate::network::Network;
use crate::process::{Process, Turn};
use crate::random::Random;
use crate::reload::{Half, Handover};
use crate::saves::{Disk, Saved};
use crate::scenario::Scenario;
use crate::story::Story;
use crate::truth::Truth;
use crate::{clients, faults, foreign, invariants, reload, saves};

/// When a run begins.
const BEGIN_MS: u64 = 1_000_000;

/// One node.
#[derive(Debug)]
pub struct Node {
    /// The process that serves; none while the node is down.
    pub process: Option<Process>,
    pub handover: Option<Handover>,
    pub draining: Vec<Draining>,
    /// The end of a handover whose confirmation is not sent.
    pub confirming: Option<Half>,
    pub up_ms: u64,
    pub frozen_until_ms: u64,
    pub slow_until_ms: u64,
    pub lesson: Option<Lesson>,
    /// The numbers of the visits that the node was seen to know.
    pub known: Vec<u32>,
    /// What is in its file; none if there is no file.
    pub saved: Option<Saved>,
}

/// A lesson that a node has asked for.
#[derive(Debug)]
pub struct Lesson {
    pub teacher: usize,
    /// What the teacher knew of each client, and the node itself.
    pub taught: Vec<u32>,
    pub own: Vec<u32>,
}

/// What is wrong.
#[derive(Debug)]
pub struct Broken {
    pub what: String,
    pub key: Option<u32>,
}

/// What has happened, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub steps: u64,
    pub ticks_ms: u64,
    pub visits: u64,
    pub faults: u64,
    pub crashes: u64,
    pub reloads: u64,
    pub late_decisions: u64,
    pub lessons: u64,
    pub compared: u64,
    pub excused: u64,
    pub unsure: u64,
    pub saves: u64,
    pub from_files: u64,
}

impl Counts {
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.ticks_ms += other.ticks_ms;
        self.visits += other.visits;
        self.faults += other.faults;
        self.crashes += other.crashes;
        self.reloads += other.reloads;
        self.late_decisions += other.late_decisions;
        self.lessons += other.lessons;
        self.compared += other.compared;
        self.excused += other.excused;
        self.unsure += other.unsure;
        self.saves += other.saves;
        self.from_files += other.from_files;
    }
}

/// The cluster.
pub struct World {
    pub scenario: Scenario,
    pub now_ms: u64,
    pub random: Random,
    pub network: Network,
    pub nodes: Vec<Node>,
    pub foreign: Option<Foreign>,
    pub truth: Truth,
    pub story: Story,
    pub counts: Counts,
    pub broken: Option<Broken>,
    pub owed: Vec<Owed>,
    /// Where the nodes have their files, if they save their tables.
    pub disk: Option<Disk>,
    /// The time of visits that are due.
    visits_due_ms: u64,
}

impl World {
    pub fn new(scenario: Scenario, story: Story) -> Self {
        let mut random = Random::new(scenario.seed ^ 0x5DEE_CE66);
        let mut network = Network::new(
            scenario.seed ^ 77,
            scenario.latency_max_ms,
            scenario.window,
            scenario.plant,
        );
        for one in 0..scenario.nodes {
            for other in one + 1..scenario.nodes {
                if scenario.old_pairs > 0 && random.one_in(scenario.old_pairs) {
                    network.old_version.push((one, other));
                }
            }
        }
        let node = |index: usize| Node {
            process: None,
            handover: None,
            draining: Vec::new(),
            confirming: None,
            up_ms: BEGIN_MS + (index as u64 * 37) % 900,
            frozen_until_ms: 0,
            slow_until_ms: 0,
            lesson: None,
            known: vec![0; scenario.keys as usize],
            saved: None,
        };
        Self {
            now_ms: BEGIN_MS,
            network,
            nodes: (0..scenario.nodes).map(node).collect(),
            foreign: scenario
                .has_foreign
                .then(|| Foreign::new(scenario.nodes, scenario.expire_ms, BEGIN_MS)),
            truth: Truth::new(&scenario),
            story,
            counts: Counts::default(),
            broken: None,
            owed: Vec::new(),
            disk: scenario.save_every_ms.map(|_| Disk::new()),
            visits_due_ms: 0,
            random,
            scenario,
        }
    }

    /// Runs to the end, or until something is wrong.
    pub fn run(&mut self) {
        let trouble_end_ms = BEGIN_MS + self.scenario.trouble_ms;
        let end_ms = trouble_end_ms + self.scenario.quiet_ms;
        // In the end all that is on its way arrives.
        let visits_end_ms = end_ms - 8_000;
        let busy_end_ms = trouble_end_ms + 10_000;
        while self.now_ms < end_ms && self.broken.is_none() {
            let passed_ms = self.random.between(1, self.scenario.step_max_ms);
            self.now_ms += passed_ms;
            self.counts.steps += 1;
            self.counts.ticks_ms += passed_ms;
            if self.now_ms < trouble_end_ms {
                faults::run(self, passed_ms);
            } else if self.now_ms - passed_ms < trouble_end_ms {
                self.tell(None, None, || "the faults stop".to_owned());
                faults::stop(self);
            }
            if self.now_ms < busy_end_ms {
                self.visit(passed_ms);
            } else if self.now_ms < visits_end_ms && self.random.one_in(5) {
                clients::come(self);
            }
            saves::run(self, passed_ms);
            self.step();
        }
        if self.broken.is_none() {
            invariants::check_end(self);
        }
    }

    /// When all that happened before the faults stopped has arrived.
    pub fn calm_ms(&self) -> u64 {
        BEGIN_MS + self.scenario.trouble_ms + 15_000
    }

    /// Clients come.
    fn visit(&mut self, passed_ms: u64) {
        self.visits_due_ms += passed_ms;
        let every_ms = self.scenario.visit_every_ms;
        while self.visits_due_ms >= every_ms {
            self.visits_due_ms -= every_ms;
            if self.random.one_in(2) {
                clients::come(self);
            }
        }
    }

    /// Every node has a turn.
    fn step(&mut self) {
        for (wire, node) in self.network.callers(self.now_ms) {
            if let Some(foreign) = self.foreign.as_mut().filter(|foreign| foreign.index == node) {
                self.network.answer_call(wire, foreign.is_up(), self.now_ms);
                if foreign.is_up() {
                    foreign.accept(wire, self.now_ms);
                }
                continue;
            }
            match &mut self.nodes[node] {
                Node { process: Some(process), handover, .. } => {
                    // A listener that is not looked at keeps its callers waiting.
                    if handover.as_ref().is_none_or(|handover| !handover.is_paused()) {
                        self.network.answer_call(wire, true, self.now_ms);
                        process.accept(wire, self.now_ms);
                    }
                }
                _ => self.network.answer_call(wire, false, self.now_ms),
            }
        }
        let count = self.nodes.len();
        let first = self.random.index(count);
        for nth in 0..count {
            let node = (first + nth) % count;
            if self.nodes[node].frozen_until_ms <= self.now_ms {
                self.turn(node);
            }
        }
        foreign::turn(self);
        clients::look_after_waiting(self);
        if self.random.one_in(20) {
            let node = self.random.index(count);
            invariants::check_rows(self, node);
            invariants::check_owed(self);
        }
    }

    fn turn(&mut self, node: usize) {
        let now_ms = self.now_ms;
        if self.nodes[node].process.is_none() {
            if self.nodes[node].up_ms <= now_ms {
                self.start(node);
            }
            return;
        }
        self.follow(node, "clients");
        reload::turn(self, node);
        self.follow(node, "a reload");
        let mut events = Vec::new();
        self.with_process(node, &mut events, |process, turn| process.turn(turn));
        self.follow(node, "peers");
        for event in events {
            self.handle_event(node, event);
        }
        invariants::check_acked(self, node);
    }

    /// Tells of a change of the key that the story follows.
    fn follow(&mut self, node: usize, through: &str) {
        let Some(key) = self.story.followed else { return };
        let process = self.nodes[node].process.as_ref();
        let row = process.and_then(|process| process.row(key, self.now_ms));
        self.story.follow(self.now_ms, node, row, through);
    }

    fn start(&mut self, node: usize) {
        self.tell(Some(node), None, || "starts".to_owned());
        let file = self.disk.as_ref().map(|disk| disk.file(node));
        let config = self.scenario.configuration(node, file.as_deref());
        let memory = self.scenario.memory();
        let seed = self.random.below(1 << 40);
        let mut process = Process::new(config, memory, Start::Alone, seed, self.now_ms);
        process.begin_updates_at(self.scenario.first_update);
        self.nodes[node].known.fill(0);
        saves::read(self, node, &mut process);
        self.nodes[node].process = Some(process);
        self.truth.forgive(node);
    }

    /// Lets the process of a node do something, unless it is paused or there is none.
    pub fn with_process(
        &mut self,
        node: usize,
        events: &mut Vec<SectionEvent>,
        act: impl FnOnce(&mut Process, &mut Turn<'_>),
    ) {
        let (mut wrong, mut asked) = (None, Vec::new());
        let own = &mut self.nodes[node];
        let is_paused = own.handover.as_ref().is_some_and(Handover::is_paused);
        let Some(process) = own.process.as_mut().filter(|_| !is_paused) else { return };
        let is_slow = own.slow_until_ms > self.now_ms;
        let mut turn = Turn {
            node,
            now_ms: self.now_ms,
            network: &mut self.network,
            random: &mut self.random,
            story: &mut self.story,
            read_max: if is_slow { 30 } else { 65_536 },
            updates_max: self.scenario.updates_max,
            asked: &mut asked,
            events,
            wrong: &mut wrong,
        };
        act(process, &mut turn);
        for teacher in asked {
            invariants::note_lesson(self, node, teacher.index());
        }
        if let Some(what) = wrong {
            self.breaks(None, what);
        }
    }

    fn handle_event(&mut self, node: usize, event: SectionEvent) {
        match event {
            SectionEvent::UpToDate => invariants::check_lesson(self, node),
            SectionEvent::RemoteTeacherMissing => invariants::excuse_unknown(self, node),
            SectionEvent::LocalTeacherMissing | SectionEvent::SuccessorMissing => {}
        }
    }

    /// Something is wrong; the first of all is kept.
    pub fn breaks(&mut self, key: Option<u32>, what: String) {
        if self.broken.is_none() {
            self.tell(None, key, || format!("WRONG: {what}"));
            self.broken = Some(Broken { what, key });
        }
    }

    pub fn tell(&mut self, node: Option<usize>, key: Option<u32>, text: impl FnOnce() -> String) {
        self.story.tell(self.now_ms, node, key, text);
    }

    /// The nodes that clients can go to.
    pub fn serving(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.serves(*node)).collect()
    }

    pub fn serves(&self, node: usize) -> bool {
        let node = &self.nodes[node];
        let is_paused = node.handover.as_ref().is_some_and(Handover::is_paused);
        node.process.is_some() && !is_paused && node.frozen_until_ms <= self.now_ms
    }
}

/// The peer that a node is for the others.
pub fn peer(node: usize) -> PeerId {
    PeerId(u16::try_from(node).unwrap())
}
