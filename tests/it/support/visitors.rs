//! Clients that come to all nodes all the time, new ones and known ones, and remember where they
//! were sent.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Random, Tally, ask, pause, source};

/// How many new clients a visitor has at most.
const NUMBERS: u32 = 20_000;

/// Clients by their addresses, with the server that each must get.
pub type Homes = BTreeMap<Ipv4Addr, String>;

/// Running clients. They stop when this value is dropped.
#[derive(Debug)]
pub struct Visitors {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Visits>>,
}

/// The results of visitors.
#[derive(Clone, Debug, Default)]
pub struct Visits {
    /// The figures.
    pub tally: Tally,
    /// All clients that have come, with the server of each.
    pub homes: Homes,
    /// The longest time that a client had to wait for its server's name.
    pub longest: Duration,
}

impl Visits {
    fn add(&mut self, other: Self) {
        self.tally.add(&other.tally);
        self.homes.extend(other.homes);
        self.longest = self.longest.max(other.longest);
    }
}

impl Visitors {
    /// Clients at each of `fronts`. The clients of `known` may come to any node, and each node has
    /// new ones of its own, with numbers from `first` on.
    pub fn start(fronts: &[SocketAddr], first: u32, known: &Homes) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU64::new(0));
        let known: Arc<[_]> = known.clone().into_iter().collect();
        let visitor = |(index, front): (u32, &SocketAddr)| {
            let (stop, known, front) = (stop.clone(), known.clone(), *front);
            let answered = answered.clone();
            let first = first + index * NUMBERS;
            std::thread::spawn(move || visit(front, &stop, &answered, first, &known))
        };
        let threads = (0..).zip(fronts).map(visitor).collect();
        Self { stop, answered, threads }
    }

    /// How many connections were answered so far.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Lets the clients finish and returns the results.
    pub fn stop(mut self) -> Visits {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Visits::default();
        for thread in self.threads.drain(..) {
            all.add(thread.join().unwrap());
        }
        all
    }
}

impl Drop for Visitors {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Of four clients one is new, one belongs to all nodes, and two have come to this node before.
fn visit(
    front: SocketAddr,
    stop: &AtomicBool,
    answered: &AtomicU64,
    first: u32,
    known: &[(Ipv4Addr, String)],
) -> Visits {
    let mut random = Random::new(u64::from(first) + 1);
    let mut own: Vec<(Ipv4Addr, String)> = Vec::new();
    let mut visits = Visits::default();
    let pick = |random: &mut Random, all: &[(Ipv4Addr, String)]| {
        let count = u32::try_from(all.len()).unwrap();
        let number = (count > 0).then(|| random.below(count))?;
        all.get(usize::try_from(number).unwrap()).cloned()
    };
    while !stop.load(Ordering::Relaxed) {
        let count = u32::try_from(own.len()).unwrap();
        let home = match random.below(4) {
            0 if count < NUMBERS => None,
            1 if !known.is_empty() => pick(&mut random, known),
            _ => pick(&mut random, &own),
        };
        let client = home.as_ref().map_or_else(|| source(first + count), |(client, _)| *client);
        let began = Instant::now();
        let answer = ask(client, front);
        answered.fetch_add(u64::from(answer.is_ok()), Ordering::Relaxed);
        visits.tally.note(client, &answer, home.as_ref().map(|(_, home)| home.as_str()));
        if let (None, Ok(name)) = (home, answer) {
            own.push((client, name));
        }
        visits.longest = visits.longest.max(began.elapsed());
        pause(Duration::from_millis(1)); // others have work as well
    }
    visits.homes = own.into_iter().collect();
    visits
}

/// Lets each client of `homes` come to every node once. Returns the figures.
pub fn visit_all(fronts: &[SocketAddr], homes: &Homes) -> Tally {
    let mut tally = Tally::default();
    for front in fronts {
        for (client, home) in homes {
            tally.note(*client, &ask(*client, *front), Some(home));
        }
    }
    tally
}
