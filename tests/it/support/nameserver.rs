//! Nameservers: one whose answers a test changes and forges, and dnsmasq.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Place, SOON, until};

/// A record of a name.
#[derive(Clone, Debug)]
pub enum Record {
    /// An address.
    Address(IpAddr),
    /// Weight, port and host of a service.
    Service(u16, u16, String),
    /// Another name.
    Alias(String),
}

/// What is answered about a name.
#[derive(Clone, Debug)]
pub enum Answer {
    /// These records, and an empty answer for other types.
    Records(Vec<Record>),
    /// The same, but over TCP only: over UDP the answer is cut.
    OnlyByTcp(Vec<Record>),
    /// The same, and behind them these addresses of other names.
    Beside(Vec<Record>, Vec<(String, IpAddr)>),
    /// This error.
    Error(u8),
    /// Nothing.
    Silence,
    /// Whatever these messages are, made of the question.
    Forged(fn(&[u8]) -> Vec<Vec<u8>>),
}

#[derive(Debug, Default)]
struct Zone {
    answers: HashMap<String, Answer>,
    /// The questions: name and type.
    asked: Vec<(String, u16)>,
    /// Where the questions in datagrams came from.
    ports: Vec<u16>,
}

/// A nameserver of a test, for UDP and TCP.
#[derive(Debug)]
pub struct Nameserver {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    stop: Arc<AtomicBool>,
}

const TURN: Duration = Duration::from_millis(20);
const NX: u8 = 3;

impl Nameserver {
    /// A nameserver that knows no names.
    pub fn start(place: &Place) -> Self {
        let address = place.address();
        let zone = Arc::new(Mutex::new(Zone::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(TURN)).unwrap();
        let (udp_zone, udp_stop) = (Arc::clone(&zone), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !udp_stop.load(Ordering::Relaxed) {
                let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
                udp_zone.lock().unwrap().ports.push(from.port());
                for message in replies(&buffer[..len], false, &udp_zone) {
                    let _ = socket.send_to(&message, from);
                }
            }
        });
        let listener = listen(address);
        listener.set_nonblocking(true).unwrap();
        let (tcp_zone, tcp_stop) = (Arc::clone(&zone), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !tcp_stop.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let zone = Arc::clone(&tcp_zone);
                        std::thread::spawn(move || serve(stream, &zone));
                    }
                    Err(_) => std::thread::sleep(TURN),
                }
            }
        });
        Self { address, zone, stop }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what is answered about a name.
    pub fn set(&self, name: &str, answer: Answer) {
        self.zone.lock().unwrap().answers.insert(name.to_owned(), answer);
    }

    /// Gives a name these addresses; none to forget the name.
    pub fn hosts(&self, name: &str, addresses: &[&str]) {
        let records = addresses.iter().map(|ip| Record::Address(ip.parse().unwrap())).collect();
        let answer =
            if addresses.is_empty() { Answer::Error(NX) } else { Answer::Records(records) };
        self.set(name, answer);
    }

    /// Gives a service these records: weight, port and host.
    pub fn services(&self, name: &str, records: &[(u16, u16, &str)]) {
        let records = records.iter();
        let records = records
            .map(|(weight, port, host)| Record::Service(*weight, *port, (*host).to_owned()))
            .collect();
        self.set(name, Answer::Records(records));
    }

    /// How often a name was asked for.
    pub fn asked(&self, name: &str) -> usize {
        let zone = self.zone.lock().unwrap();
        zone.asked.iter().filter(|(other, _)| other == name).count()
    }

    /// The ports from which questions came.
    pub fn ports(&self) -> Vec<u16> {
        self.zone.lock().unwrap().ports.clone()
    }

    /// Waits until a name has been asked for so many times more.
    #[track_caller]
    pub fn until_asked(&self, name: &str, times: usize) {
        let before = self.asked(name);
        until("the name is asked for", SOON, || self.asked(name) >= before + times);
    }
}

impl Drop for Nameserver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    // The place keeps the port with a bound socket.
    use nix::sys::socket::{Backlog, listen};
    let fd = super::place::bound(address).unwrap();
    listen(&fd, Backlog::new(16).unwrap()).unwrap();
    fd.into()
}

fn serve(mut stream: TcpStream, zone: &Mutex<Zone>) {
    let mut length = [0; 2];
    stream.set_nonblocking(false).unwrap();
    while stream.read_exact(&mut length).is_ok() {
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut question).is_err() {
            return;
        }
        for message in replies(&question, true, zone) {
            let length = u16::try_from(message.len()).unwrap().to_be_bytes();
            if stream.write_all(&[&length[..], &message].concat()).is_err() {
                return;
            }
        }
    }
}

/// The name and the type that are asked for, and where the question ends.
fn question(message: &[u8]) -> Option<(String, u16, usize)> {
    let (mut name, mut at) = (Vec::new(), 12);
    loop {
        let len = usize::from(*message.get(at)?);
        at += 1;
        if len == 0 {
            break;
        }
        name.push(String::from_utf8_lossy(message.get(at..at + len)?).into_owned());
        at += len;
    }
    let code = u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]);
    Some((name.join("."), code, at + 4))
}

fn replies(message: &[u8], by_tcp: bool, zone: &Mutex<Zone>) -> Vec<Vec<u8>> {
    let Some((name, code, end)) = question(message) else { return Vec::new() };
    let mut zone = zone.lock().unwrap();
    zone.asked.push((name.clone(), code));
    let answer = zone.answers.get(&name).cloned().unwrap_or(Answer::Error(NX));
    let head = &message[..end];
    match answer {
        Answer::Silence => Vec::new(),
        Answer::Forged(forge) => forge(head),
        Answer::Error(rcode) => vec![reply(head, 0, rcode, code, &[], &[])],
        Answer::OnlyByTcp(_) if !by_tcp => vec![reply(head, 2, 0, code, &[], &[])],
        Answer::Records(records) | Answer::OnlyByTcp(records) => {
            vec![reply(head, 0, 0, code, &records, &[])]
        }
        Answer::Beside(records, others) => vec![reply(head, 0, 0, code, &records, &others)],
    }
}

/// The answer with these records to the question with which it begins.
fn reply(
    head: &[u8],
    flags: u8,
    rcode: u8,
    code: u16,
    records: &[Record],
    others: &[(String, IpAddr)],
) -> Vec<u8> {
    let mut bytes = head.to_vec();
    let (mut count, mut beside) = (0_u16, 0_u16);
    for record in records {
        let (own, data) = data(record);
        if own == code || matches!(record, Record::Alias(_)) {
            bytes.extend([0xc0, 12]);
            push(&mut bytes, own, &data);
            count += 1;
        }
    }
    for (name, ip) in others.iter().filter(|_| count > 0) {
        bytes.extend(wire(name));
        let (own, data) = data(&Record::Address(*ip));
        push(&mut bytes, own, &data);
        beside += 1;
    }
    bytes[2] |= 0x80 | flags;
    bytes[3] = 0x80 | rcode;
    bytes[6..8].copy_from_slice(&count.to_be_bytes());
    bytes[8..10].fill(0);
    bytes[10..12].copy_from_slice(&beside.to_be_bytes());
    bytes
}

fn push(bytes: &mut Vec<u8>, code: u16, data: &[u8]) {
    bytes.extend(code.to_be_bytes());
    bytes.extend([0, 1, 0, 0, 0, 1]);
    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend(data);
}

fn data(record: &Record) -> (u16, Vec<u8>) {
    match record {
        Record::Address(IpAddr::V4(ip)) => (1, ip.octets().to_vec()),
        Record::Address(IpAddr::V6(ip)) => (28, ip.octets().to_vec()),
        Record::Alias(name) => (5, wire(name)),
        Record::Service(weight, port, host) => {
            let (weight, port) = (weight.to_be_bytes(), port.to_be_bytes());
            (33, [&[0, 1][..], &weight, &port, &wire(host)].concat())
        }
    }
}

fn wire(name: &str) -> Vec<u8> {
    let labels = name
        .split('.')
        .flat_map(|label| [u8::try_from(label.len()).unwrap()].into_iter().chain(label.bytes()));
    labels.chain([0]).collect()
}

/// A dnsmasq that knows the names below `test` which a file says.
#[derive(Debug)]
pub struct Dnsmasq {
    child: Child,
    address: SocketAddr,
    hosts: PathBuf,
}

impl Dnsmasq {
    /// Starts it, if it is installed. `lines` are lines of its configuration.
    pub fn start(place: &Place, lines: &str) -> Option<Self> {
        Self::start_at(place, place.address(), lines)
    }

    /// Starts it at this address.
    pub fn start_at(place: &Place, address: SocketAddr, lines: &str) -> Option<Self> {
        let program = ["/usr/sbin/dnsmasq", "/usr/local/sbin/dnsmasq", "/usr/bin/dnsmasq"];
        let program = program.iter().find(|path| std::path::Path::new(path).is_file())?;
        let hosts = place.write("hosts", "");
        let config = format!(
            "port={}\nlisten-address={}\nbind-interfaces\nno-resolv\nno-hosts\nlocal=/test/\n\
             addn-hosts={}\nkeep-in-foreground\nlocal-ttl=1\nmax-ttl=1\n{lines}\n",
            address.port(),
            address.ip(),
            hosts.display(),
        );
        let config = place.write("dnsmasq.conf", &config);
        let user = if nix::unistd::Uid::effective().is_root() {
            "--user=root"
        } else {
            "--bind-interfaces"
        };
        let child = Command::new(program)
            .arg("-C")
            .arg(config)
            .arg(format!("--pid-file={}", place.path("dnsmasq.pid").display()))
            .arg(user)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let dnsmasq = Self { child, address, hosts };
        let probe = UdpSocket::bind((address.ip(), 0)).unwrap();
        probe.set_read_timeout(Some(TURN)).unwrap();
        until("dnsmasq answers", SOON, || {
            let head = [&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &wire("test"), &[0, 1, 0, 1]];
            let _ = probe.send_to(&head.concat(), address);
            probe.recv(&mut [0; 512]).is_ok()
        });
        Some(dnsmasq)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the names that it knows: lines with an address and a name.
    pub fn set_hosts(&self, lines: &str) {
        std::fs::write(&self.hosts, lines).unwrap();
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, Signal::SIGHUP).unwrap();
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
