//! The resolver on nameservers of the test, with a clock of its own.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::*;

const HOLD: Hold =
    Hold { nx_ms: 3000, refused_ms: 4000, timeout_ms: 5000, other_ms: 6000, obsolete_ms: 0 };

/// A resolver and the exchanges that it has opened.
struct World {
    resolver: Resolver,
    open: BTreeMap<ExchangeId, (usize, Transport, Vec<u8>)>,
    now_ms: u64,
}

/// The records of an answer, as type and data.
type Records<'a> = &'a [(u16, &'a [u8])];

impl World {
    fn new(nameservers: &[Transport], hold: Hold) -> Self {
        let settings = Settings {
            nameservers: nameservers.to_vec(),
            hold,
            resolve_ms: 1000,
            retry_ms: 400,
            tries: 2,
            payload_size: 512,
        };
        Self { resolver: Resolver::new(settings), open: BTreeMap::new(), now_ms: 1_000_000 }
    }

    fn ask(&mut self, name: &str) -> QuestionId {
        let subject = Subject::Addresses { name: name.parse().unwrap(), prefers_ipv4: true };
        let id = self.resolver.ask(subject, false, self.now_ms);
        self.pass(0);
        id
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.resolver.handle_time(self.now_ms);
        self.follow();
    }

    fn follow(&mut self) {
        while let Some(command) = self.resolver.poll_command() {
            match command {
                Command::Open { exchange, nameserver, transport, message } => {
                    assert!(self.open.insert(exchange, (nameserver, transport, message)).is_none());
                }
                Command::Close(exchange) => assert!(self.open.remove(&exchange).is_some()),
            }
        }
    }

    /// The types that are asked for, by nameserver.
    fn asked(&self) -> Vec<(usize, Transport, u16)> {
        let record = |message: &[u8]| {
            let at = message.len() - 11 - 4; // before the class and the OPT record
            u16::from_be_bytes([message[at], message[at + 1]])
        };
        self.open.values().map(|(at, transport, m)| (*at, *transport, record(m))).collect()
    }

    /// A nameserver answers its last question.
    fn answer(&mut self, nameserver: usize, flags: [u8; 2], records: Records<'_>) {
        let (exchange, message) = self.last(nameserver);
        let mut bytes = message[..message.len() - 11].to_vec();
        bytes[2] |= flags[0];
        bytes[3] |= flags[1];
        bytes[6..12].copy_from_slice(&[0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0]);
        for (code, data) in records {
            bytes.extend([0xc0, 12]);
            bytes.extend(code.to_be_bytes());
            bytes.extend([0, 1, 0, 0, 0, 1, 0, u8::try_from(data.len()).unwrap()]);
            bytes.extend(*data);
        }
        self.resolver.handle_message(exchange, &bytes, self.now_ms);
        self.follow();
    }

    fn last(&self, nameserver: usize) -> (ExchangeId, Vec<u8>) {
        let mut open = self.open.iter().rev();
        let found = open.find(|(_, (at, ..))| *at == nameserver);
        let (exchange, (_, _, message)) = found.expect("the nameserver was asked");
        (*exchange, message.clone())
    }

    fn addresses(&self, id: QuestionId) -> Vec<IpAddr> {
        match self.resolver.known(id) {
            Known::Addresses(found) => found,
            other => panic!("{other:?}"),
        }
    }
}

const UDP: Transport = Transport::Udp;
const TCP: Transport = Transport::Tcp;
const OK: [u8; 2] = [0x80, 0x80];
const NX: [u8; 2] = [0x80, 0x83];
const CUT: [u8; 2] = [0x82, 0x80];
const A: u16 = 1;
const AAAA: u16 = 28;

#[test]
fn the_first_good_answer_counts_and_the_name_is_asked_again_later() {
    let mut world = World::new(&[UDP, TCP], HOLD);
    let id = world.ask("a.test");
    assert_eq!(world.asked(), [(0, UDP, A), (1, TCP, A)]);
    world.answer(1, OK, &[(A, &[10, 0, 0, 1])]);
    assert_eq!(world.asked(), []);
    assert_eq!(world.resolver.poll_news(), Some(id));
    assert_eq!(world.addresses(id), [IpAddr::from([10, 0, 0, 1])]);
    assert_eq!(world.resolver.nameserver_of(id), Some(1));
    assert_eq!(world.resolver.next_deadline_ms(), Some(world.now_ms + 1000));
    world.pass(999);
    assert_eq!(world.asked(), []);
    world.pass(1);
    assert_eq!(world.asked().len(), 2);
    world.answer(0, OK, &[(A, &[10, 0, 0, 2])]);
    assert_eq!(world.addresses(id), [IpAddr::from([10, 0, 0, 2])]);
}

#[test]
fn names_without_the_wanted_type_are_asked_for_the_other_one() {
    let mut world = World::new(&[UDP, UDP], HOLD);
    let id = world.ask("a.test");
    world.answer(0, OK, &[]);
    assert_eq!(world.asked(), [(1, UDP, A)]);
    world.answer(1, NX, &[]);
    assert_eq!(world.asked(), [(0, UDP, AAAA), (1, UDP, AAAA)]);
    let mut ip = [0; 16];
    ip[15] = 1;
    world.answer(1, OK, &[(AAAA, &ip)]);
    assert_eq!(world.addresses(id), [IpAddr::from(ip)]);
}

#[test]
fn a_name_that_is_gone_counts_on_for_a_while() {
    let mut world = World::new(&[UDP], HOLD);
    let id = world.ask("a.test");
    world.answer(0, OK, &[(A, &[10, 0, 0, 1])]);
    let valid_ms = world.now_ms;
    world.pass(1000);
    loop {
        for _ in 0..2 {
            world.answer(0, NX, &[]);
            world.answer(0, NX, &[]);
            assert_eq!(world.asked(), []);
            world.pass(400);
        }
        if world.now_ms >= valid_ms + 3000 {
            break;
        }
        assert_eq!(world.resolver.known(id), Known::Unchanged);
        world.pass(600);
    }
    assert_eq!(world.resolver.known(id), Known::Lost(Failure::NoSuchName));
    world.pass(600);
    world.answer(0, OK, &[(A, &[10, 0, 0, 1])]);
    assert_eq!(world.addresses(id).len(), 1);
}

#[test]
fn a_name_that_was_never_found_is_lost_at_once_unless_an_address_is_known() {
    for is_known in [false, true] {
        let mut world = World::new(&[UDP], HOLD);
        let subject = Subject::Services("_a._tcp.test".parse().unwrap());
        let id = world.resolver.ask(subject, is_known, world.now_ms);
        world.pass(0);
        world.pass(400);
        assert_eq!(world.resolver.known(id), Known::Unchanged);
        world.pass(400);
        let expected = if is_known { Known::Unchanged } else { Known::Lost(Failure::Timeout) };
        assert_eq!(world.resolver.known(id), expected);
        assert_eq!(world.resolver.counters()[0].timeout, 2);
    }
}

#[test]
fn an_address_that_is_missing_counts_on_until_it_is_obsolete() {
    let mut world = World::new(&[UDP], Hold { obsolete_ms: 1500, ..HOLD });
    let id = world.ask("a.test");
    world.answer(0, OK, &[(A, &[10, 0, 0, 1]), (A, &[10, 0, 0, 2])]);
    world.pass(1000);
    world.answer(0, OK, &[(A, &[10, 0, 0, 3]), (A, &[10, 0, 0, 2])]);
    let shown = |world: &World| {
        let found = world.addresses(id);
        found.iter().map(|ip| ip.to_string().replace("10.0.0.", "")).collect::<Vec<_>>().concat()
    };
    assert_eq!(shown(&world), "123");
    world.pass(1000);
    world.answer(0, OK, &[(A, &[10, 0, 0, 2]), (A, &[10, 0, 0, 3])]);
    assert_eq!(shown(&world), "23");
}

#[test]
fn an_answer_that_was_cut_is_asked_for_by_tcp() {
    let mut world = World::new(&[UDP], HOLD);
    let id = world.ask("a.test");
    let (_, first) = world.last(0);
    world.answer(0, CUT, &[]);
    assert_eq!(world.asked(), [(0, TCP, A)]);
    assert_ne!(world.last(0).1[..2], first[..2], "the id is another one");
    world.answer(0, OK, &[(A, &[10, 0, 0, 1])]);
    assert_eq!(world.addresses(id).len(), 1);
    assert_eq!(world.resolver.counters()[0].truncated, 1);
}

#[test]
fn a_stranger_cannot_end_the_wait_for_the_answer() {
    let mut world = World::new(&[UDP], HOLD);
    let id = world.ask("a.test");
    let (exchange, message) = world.last(0);
    let mut forged = message[..message.len() - 11].to_vec();
    forged[0] ^= 1;
    forged[2] |= 0x80;
    forged[11] = 0;
    for bytes in [&forged[..], b"", b"x", &[0xff; 512], &[0; 513]] {
        world.resolver.handle_message(exchange, bytes, world.now_ms);
        world.follow();
        assert_eq!(world.asked().len(), 1);
    }
    assert_eq!(world.resolver.counters()[0].invalid, 5);
    let mut long = forged;
    long[0] ^= 1;
    long.resize(513, 0);
    world.resolver.handle_message(exchange, &long, world.now_ms);
    assert_eq!(world.resolver.counters()[0].too_big, 1);
    world.follow();
    world.answer(0, OK, &[(AAAA, &[1; 16])]);
    assert_eq!(world.addresses(id).len(), 1);
}

#[test]
fn nameservers_that_cannot_be_reached_are_not_asked_all_the_time() {
    let mut world = World::new(&[UDP], HOLD);
    let id = world.ask("a.test");
    let mut sent = 0;
    for _ in 0..1000 {
        while let Some(exchange) = world.open.keys().next().copied() {
            sent += 1;
            world.resolver.handle_failure(exchange, false, world.now_ms);
            world.follow();
        }
        world.pass(1);
    }
    assert!(sent <= 6, "{sent}");
    assert_eq!(world.resolver.known(id), Known::Lost(Failure::Timeout));
    assert_eq!(world.resolver.counters()[0].snd_error, sent);
}

#[test]
fn the_exchanges_at_a_time_are_bounded_and_every_name_gets_its_turn() {
    let mut world = World::new(&[UDP, UDP], HOLD);
    let ids: Vec<_> = (0..500).map(|at| world.ask(&format!("h{at}.test"))).collect();
    world.pass(0);
    let mut known = 0;
    while known < ids.len() {
        assert!(world.open.len() <= EXCHANGES_MAX + 1, "{}", world.open.len());
        world.answer(0, OK, &[(A, &[10, 0, 0, 1])]);
        known += 1;
    }
    assert!(ids.iter().all(|id| world.addresses(*id).len() == 1));
}

#[test]
fn a_name_is_asked_for_once_whoever_wants_it_and_not_after_that() {
    let mut world = World::new(&[UDP], HOLD);
    let id = world.ask("a.test");
    assert_eq!(world.ask("A.test."), id);
    assert_eq!(world.asked().len(), 1);
    world.answer(0, OK, &[(A, &[10, 0, 0, 1])]);
    while world.resolver.poll_news().is_some() {}
    assert_eq!(world.ask("a.test"), id);
    assert_eq!(world.resolver.poll_news(), Some(id), "who asks later is told what is known");
    for _ in 0..2 {
        world.resolver.forget(id);
    }
    world.pass(1000);
    assert_eq!(world.asked().len(), 1);
    world.resolver.forget(id);
    world.follow();
    world.pass(1000);
    assert_eq!(world.asked(), []);
    assert_eq!(world.resolver.next_deadline_ms(), None);
}
