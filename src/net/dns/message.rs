//! DNS messages: a question as bytes, and what the bytes of an answer say about that question.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::{OPT, RData};
use simple_dns::{CLASS, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord, TYPE};

use super::name::Name;

/// The most records of an answer, in all its sections.
pub const RECORDS_MAX: u32 = 4096;
/// The most other names that lead from the name to its records.
const CNAMES_MAX: usize = 16;
const HEADER_LEN: usize = 12;
/// The fewest bytes of a record: a name of one byte, type, class, time and length.
const RECORD_LEN_MIN: usize = 11;

/// The type of the records that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordType {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Services: hosts with their ports and weights.
    Srv,
}

impl RecordType {
    fn code(self) -> TYPE {
        match self {
            Self::A => TYPE::A,
            Self::Aaaa => TYPE::AAAA,
            Self::Srv => TYPE::SRV,
        }
    }
}

/// A service: a host, its port and its share of the clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name of the host.
    pub target: Name,
    /// The port.
    pub port: u16,
    /// The weight of the record, 0 to 65535.
    pub weight: u16,
    /// The addresses of the host, as far as they came with the record.
    pub addresses: Vec<IpAddr>,
}

/// A question: what an answer has to belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The id of the message.
    pub id: u16,
    /// The name.
    pub name: &'a Name,
    /// The type of the records.
    pub record: RecordType,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The addresses of the name.
    Addresses(Vec<IpAddr>),
    /// The services of the name.
    Services(Vec<Service>),
    /// There is no record of the type.
    Empty,
    /// Other names lead to no record.
    CnameError,
    /// There is no such name.
    NoSuchName,
    /// The nameserver refuses to answer.
    Refused,
    /// The nameserver has another trouble.
    Failed,
}

/// The records of an answer, and whether other names lead to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What the answer says.
    pub reply: Reply,
    /// Whether the name has another name.
    pub has_cname: bool,
}

/// Why bytes are no answer to the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// They are no message.
    Malformed,
    /// They are a message, but not the answer to this question.
    NotAsked,
    /// The answer is too long for a datagram.
    Truncated,
}

/// The question as bytes. `payload_size` is the longest datagram that is accepted (EDNS, RFC 6891).
pub fn write(asked: &Asked<'_>, payload_size: u16) -> Option<Vec<u8>> {
    let mut packet = Packet::new_query(asked.id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = simple_dns::Name::new(asked.name.as_str()).ok()?;
    let question =
        Question::new(name, QTYPE::TYPE(asked.record.code()), QCLASS::CLASS(CLASS::IN), false);
    packet.questions.push(question);
    *packet.opt_mut() =
        Some(OPT { opt_codes: Vec::new(), udp_packet_size: payload_size, version: 0 });
    packet.build_bytes_vec().ok()
}

/// Reads the answer to a question.
///
/// # Errors
/// When the bytes are no answer, not to this question, or cut.
pub fn read(bytes: &[u8], asked: &Asked<'_>) -> Result<Answer, Unusable> {
    if is_truncated(bytes) {
        // Some nameservers cut within a record.
        let head = without_records(bytes);
        let packet = Packet::parse(&head).map_err(|_| Unusable::Malformed)?;
        check_question(&packet, asked)?;
        return Err(Unusable::Truncated);
    }
    check_counts(bytes)?;
    let packet = Packet::parse(bytes).map_err(|_| Unusable::Malformed)?;
    check_question(&packet, asked)?;
    let failed = |reply| Ok(Answer { reply, has_cname: false });
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return failed(Reply::NoSuchName),
        RCODE::Refused => return failed(Reply::Refused),
        _ => return failed(Reply::Failed),
    }
    let Some(owner) = final_name(&packet, asked) else {
        return Ok(Answer { reply: Reply::CnameError, has_cname: true });
    };
    let has_cname = owner != *asked.name;
    let own = packet.answers.iter().filter(|record| is_of(record, &owner));
    let reply = match asked.record {
        RecordType::A | RecordType::Aaaa => {
            Reply::Addresses(own.filter_map(|record| address(record, asked.record)).collect())
        }
        RecordType::Srv => {
            let beside = addresses_beside(&packet);
            Reply::Services(own.filter_map(|record| service(record, &beside)).collect())
        }
    };
    let is_empty = match &reply {
        Reply::Addresses(found) => found.is_empty(),
        Reply::Services(found) => found.is_empty(),
        _ => false,
    };
    let reply = match is_empty {
        true if has_cname => Reply::CnameError,
        true => Reply::Empty,
        false => reply,
    };
    Ok(Answer { reply, has_cname })
}

/// Whether the message says that it is not all of the answer.
fn is_truncated(bytes: &[u8]) -> bool {
    bytes.get(2).is_some_and(|flags| flags & 0x02 != 0)
}

/// The header and what follows it, with no record counted.
fn without_records(bytes: &[u8]) -> Vec<u8> {
    let mut head = bytes.to_vec();
    if let Some(counts) = head.get_mut(6..HEADER_LEN) {
        counts.fill(0);
    }
    head
}

/// Refuses a message that promises more records than its bytes can hold, before memory is taken
/// for them.
fn check_counts(bytes: &[u8]) -> Result<(), Unusable> {
    let header = bytes.get(..HEADER_LEN).ok_or(Unusable::Malformed)?;
    let counts = header.chunks_exact(2).skip(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    });
    let [questions, records @ ..]: [u32; 4] =
        counts.collect::<Vec<_>>().try_into().map_err(|_| Unusable::Malformed)?;
    let records: u32 = records.iter().sum();
    let room = (bytes.len() - HEADER_LEN) / RECORD_LEN_MIN;
    match questions <= 1 && records <= RECORDS_MAX && records as usize <= room {
        true => Ok(()),
        false => Err(Unusable::Malformed),
    }
}

/// Refuses a message that is not about the question. An error may come without the question, from
/// nameservers that did not understand it.
fn check_question(packet: &Packet<'_>, asked: &Asked<'_>) -> Result<(), Unusable> {
    let is_about = match packet.questions.as_slice() {
        [] => matches!(packet.rcode(), RCODE::FormatError | RCODE::NotImplemented | RCODE::Refused),
        [question] => {
            question.qtype == QTYPE::TYPE(asked.record.code())
                && question.qclass == QCLASS::CLASS(CLASS::IN)
                && name(&question.qname).as_ref() == Some(asked.name)
        }
        _ => false,
    };
    match packet.id() == asked.id && packet.has_flags(PacketFlag::RESPONSE) && is_about {
        true => Ok(()),
        false => Err(Unusable::NotAsked),
    }
}

fn name(wire: &simple_dns::Name<'_>) -> Option<Name> {
    Name::from_labels(wire.as_bytes())
}

fn is_of(record: &ResourceRecord<'_>, owner: &Name) -> bool {
    record.class == CLASS::IN && name(&record.name).as_ref() == Some(owner)
}

/// The name to which the other names in the answer lead. None if they lead in a circle.
fn final_name(packet: &Packet<'_>, asked: &Asked<'_>) -> Option<Name> {
    // Each record is looked at once, however many names lead to each other.
    let mut others: HashMap<Name, Option<Name>> = HashMap::new();
    for record in packet.answers.iter().filter(|record| record.class == CLASS::IN) {
        if let RData::CNAME(cname) = &record.rdata
            && let Some(owner) = name(&record.name)
        {
            others.entry(owner).or_insert_with(|| name(&cname.0));
        }
    }
    let mut owner = asked.name;
    for _ in 0..CNAMES_MAX {
        match others.get(owner) {
            None => return Some(owner.clone()),
            Some(other) => owner = other.as_ref()?,
        }
    }
    None
}

fn address(record: &ResourceRecord<'_>, wanted: RecordType) -> Option<IpAddr> {
    let ip: IpAddr = match (&record.rdata, wanted) {
        (RData::A(a), RecordType::A) => Ipv4Addr::from(a.address).into(),
        (RData::AAAA(aaaa), RecordType::Aaaa) => Ipv6Addr::from(aaaa.address).into(),
        _ => return None,
    };
    // Nobody can connect to these.
    (!ip.is_unspecified() && !ip.is_multicast()).then_some(ip)
}

/// The addresses that stand beside the answer, by the name of their host.
fn addresses_beside(packet: &Packet<'_>) -> HashMap<Name, Vec<IpAddr>> {
    let mut beside: HashMap<Name, Vec<IpAddr>> = HashMap::new();
    for record in packet.additional_records.iter().filter(|record| record.class == CLASS::IN) {
        let ip = address(record, RecordType::A).or_else(|| address(record, RecordType::Aaaa));
        if let (Some(ip), Some(name)) = (ip, name(&record.name)) {
            beside.entry(name).or_default().push(ip);
        }
    }
    beside
}

fn service(record: &ResourceRecord<'_>, beside: &HashMap<Name, Vec<IpAddr>>) -> Option<Service> {
    let RData::SRV(srv) = &record.rdata else { return None };
    let target = name(&srv.target)?; // the root as target means: no such service (RFC 2782)
    let addresses = beside.get(&target).cloned().unwrap_or_default();
    Some(Service { addresses, target, port: srv.port, weight: srv.weight })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    /// The answer in which the name of the question has these records.
    fn answer(asked: &Asked<'_>, rcode: u8, records: &[(&str, u16, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = write(asked, 512).unwrap();
        bytes.truncate(bytes.len() - 11); // the OPT record
        bytes[2] |= 0x80;
        bytes[3] = 0x80 | rcode;
        bytes[6..12].copy_from_slice(&[0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0]);
        for (owner, code, data) in records {
            bytes.extend(wire(owner));
            bytes.extend(code.to_be_bytes());
            bytes.extend([0, 1, 0, 0, 0, 1]);
            bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            bytes.extend(data);
        }
        bytes
    }

    fn wire(name: &str) -> Vec<u8> {
        let labels = name.split('.').flat_map(|label| {
            [u8::try_from(label.len()).unwrap()].into_iter().chain(label.bytes())
        });
        labels.chain([0]).collect()
    }

    fn reply(asked: &Asked<'_>, records: &[(&str, u16, Vec<u8>)]) -> Reply {
        read(&answer(asked, 0, records), asked).unwrap().reply
    }

    const ID: u16 = 0x1234;
    const A: u16 = 1;
    const CNAME: u16 = 5;
    const SRV: u16 = 33;

    #[test]
    fn the_question_asks_for_recursion_and_says_what_it_accepts() {
        let name = name("a.b");
        let bytes = write(&Asked { id: ID, name: &name, record: RecordType::Srv }, 1400).unwrap();
        let header = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        let opt = [0, 0, 41, 0x05, 0x78, 0, 0, 0, 0, 0, 0];
        let question = [1, b'a', 1, b'b', 0, 0, 33, 0, 1];
        assert_eq!(bytes, [&header[..], &question, &opt].concat());
    }

    #[test]
    fn addresses_of_other_names_do_not_count() {
        let name = name("a.test");
        let asked = Asked { id: ID, name: &name, record: RecordType::A };
        let records = [("A.test", A, vec![10, 0, 0, 1]), ("b.test", A, vec![10, 0, 0, 2])];
        assert_eq!(reply(&asked, &records), Reply::Addresses(vec![[10, 0, 0, 1].into()]));
        assert_eq!(reply(&asked, &records[1..]), Reply::Empty);
        let useless = [("a.test", A, vec![0; 4]), ("a.test", A, vec![224, 0, 0, 1])];
        assert_eq!(reply(&asked, &useless), Reply::Empty);
    }

    #[test]
    fn other_names_are_followed_but_not_in_a_circle() {
        let name = name("a.test");
        let asked = Asked { id: ID, name: &name, record: RecordType::A };
        let records = [
            ("b.test", A, vec![10, 0, 0, 1]),
            ("a.test", CNAME, wire("c.test")),
            ("c.test", CNAME, wire("b.test")),
        ];
        let found = read(&answer(&asked, 0, &records), &asked).unwrap();
        assert_eq!(found.reply, Reply::Addresses(vec![[10, 0, 0, 1].into()]));
        assert!(found.has_cname);
        assert_eq!(reply(&asked, &records[1..]), Reply::CnameError);
        let circle = [("a.test", CNAME, wire("b.test")), ("b.test", CNAME, wire("a.test"))];
        assert_eq!(reply(&asked, &circle), Reply::CnameError);
    }

    #[test]
    fn services_have_a_host_a_port_and_a_weight() {
        let name = name("_a._tcp.test");
        let asked = Asked { id: ID, name: &name, record: RecordType::Srv };
        let data = |target: &str| [&[0, 1, 0, 2, 0x1f, 0x90][..], &wire(target)].concat();
        let found = reply(&asked, &[("_a._tcp.test", SRV, data("h.test"))]);
        let target = "h.test".parse().unwrap();
        let service = Service { target, port: 8080, weight: 2, addresses: Vec::new() };
        assert_eq!(found, Reply::Services(vec![service]));
        let nothing = [&[0, 1, 0, 2, 0, 0][..], &[0]].concat();
        assert_eq!(reply(&asked, &[("_a._tcp.test", SRV, nothing)]), Reply::Empty);
    }

    #[test]
    fn errors_of_the_nameserver_are_told_apart() {
        let name = name("a.test");
        let asked = Asked { id: ID, name: &name, record: RecordType::A };
        for (rcode, expected) in [
            (1, Reply::Failed),
            (2, Reply::Failed),
            (3, Reply::NoSuchName),
            (5, Reply::Refused),
            (15, Reply::Failed),
        ] {
            let found = read(&answer(&asked, rcode, &[]), &asked).unwrap();
            assert_eq!(found.reply, expected, "{rcode}");
        }
    }

    #[test]
    fn what_was_not_asked_is_not_taken() {
        let (own, other) = (name("a.test"), name("b.test"));
        let asked = Asked { id: ID, name: &own, record: RecordType::A };
        let good = answer(&asked, 0, &[("a.test", A, vec![10, 0, 0, 1])]);
        for asked in [
            Asked { id: ID + 1, ..asked.clone() },
            Asked { name: &other, ..asked.clone() },
            Asked { record: RecordType::Aaaa, ..asked.clone() },
        ] {
            assert_eq!(read(&good, &asked), Err(Unusable::NotAsked));
        }
        let question = write(&asked, 512).unwrap();
        assert_eq!(read(&question, &asked), Err(Unusable::NotAsked));
        let mut cut = good.clone();
        cut[2] |= 2;
        assert_eq!(read(&cut, &asked), Err(Unusable::Truncated));
    }

    #[test]
    fn an_answer_that_is_cut_within_a_record_is_asked_for_again() {
        let (own, other) = (name("a.test"), name("b.test"));
        let asked = Asked { id: ID, name: &own, record: RecordType::A };
        let mut cut = answer(&asked, 0, &[("a.test", A, vec![10, 0, 0, 1])]);
        cut[2] |= 2;
        let question_end = 12 + wire("a.test").len() + 4;
        for len in question_end..cut.len() {
            assert_eq!(read(&cut[..len], &asked), Err(Unusable::Truncated), "{len}");
        }
        assert_eq!(read(&cut[..question_end - 1], &asked), Err(Unusable::Malformed));
        for asked in [Asked { id: ID + 1, ..asked.clone() }, Asked { name: &other, ..asked }] {
            assert_eq!(read(&cut, &asked), Err(Unusable::NotAsked));
        }
    }

    #[test]
    fn an_error_counts_without_the_question() {
        let name = name("a.test");
        let asked = Asked { id: ID, name: &name, record: RecordType::A };
        let header = |rcode: u8| [0x12, 0x34, 0x80, 0x80 | rcode, 0, 0, 0, 0, 0, 0, 0, 0];
        for (rcode, expected) in [(1, Reply::Failed), (4, Reply::Failed), (5, Reply::Refused)] {
            assert_eq!(read(&header(rcode), &asked).unwrap().reply, expected, "{rcode}");
        }
        // That a name does not exist has to be about that name.
        for rcode in [0, 3] {
            assert_eq!(read(&header(rcode), &asked), Err(Unusable::NotAsked), "{rcode}");
        }
    }

    #[test]
    fn broken_messages_do_no_harm() {
        let name = name("_a._tcp.test");
        let asked = Asked { id: ID, name: &name, record: RecordType::Srv };
        let data = [&[0, 1, 0, 2, 0x1f, 0x90][..], &wire("h.test")].concat();
        let good = answer(&asked, 0, &[("_a._tcp.test", SRV, data)]);
        for len in 0..good.len() {
            assert!(read(&good[..len], &asked).is_err());
        }
        let mut state = 1_u32;
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..3 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (state >> 8) as usize % bytes.len();
                bytes[at] = state.to_be_bytes()[0];
            }
            let _ = read(&bytes, &asked);
        }
        let mut promises = good.clone();
        promises[6..12].fill(0xff);
        assert_eq!(read(&promises, &asked), Err(Unusable::Malformed));
        // A name that leads to itself.
        let mut circle = good[..12].to_vec();
        circle.extend([0xc0, 0x0c, 0, 33, 0, 1]);
        circle[6..8].fill(0);
        assert_eq!(read(&circle, &asked), Err(Unusable::Malformed));
    }
}
