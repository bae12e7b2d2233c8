//! Makes the lines for the `log` targets, signs them, and sends them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::time::SystemTime;

use super::Severity;
use super::header::{Identity, write_header};
use super::limited;
use super::limited::Topic;
use super::rings::Rings;
use super::targets::Targets;
use super::tcplog::{write_connect_line, write_refusal_line, write_tcplog_line};
use crate::config::{Config, LogDestination, LogSample, LogTarget};
use crate::proxy::connection::log_record::Refusal;
use crate::proxy::log_line::{
    ConnectionRecord, Peername, Stamp, WallClock, Writer, write_custom_line,
};
use crate::proxy::shared::Shared;

const LOST: Topic = Topic::fault("a log target takes no lines");

/// The log lines of the process about connections, proxies and servers.
#[derive(Debug)]
pub struct Logger {
    host: Option<String>,
    tag: String,
    pid: u32,
    hostname: String,
    targets: Targets,
    rings: Rings,
    /// How many lines each sample has counted.
    samples: Vec<u32>,
    message: Vec<u8>,
    /// The structured data of the message.
    structured: Vec<u8>,
    line: Vec<u8>,
    now: Stamp,
    accepted: Stamp,
    dropped: u64,
    sent: u64,
    now_ms: u64,
}

impl Logger {
    /// The logger of a process with this configuration. The process was started under the name
    /// `program` on the machine `hostname`. `logs` has the descriptors that `log fd@N` lines name,
    /// by number.
    pub fn of_process(
        config: &Config,
        program: Option<&str>,
        hostname: &str,
        pid: u32,
        logs: Vec<(RawFd, OwnedFd)>,
    ) -> Self {
        let global = &config.global;
        let tag = global.log_tag.as_deref().or(program);
        let mut logger = Self::new(tag, global.log_send_hostname.as_deref(), pid);
        hostname.clone_into(&mut logger.hostname);
        logger.rings = Rings::new(&config.rings);
        for (number, fd) in logs {
            logger.open_target(&LogDestination::Fd(number), |targets| targets.adopt(number, fd));
        }
        for target in config.log_targets() {
            logger.open_target(&target.destination, |targets| targets.open(&target.destination));
        }
        logger
    }

    /// A logger that signs its lines with `tag` and `pid`, and with `host` if it is given
    /// (`log-send-hostname`).
    pub fn new(tag: Option<&str>, host: Option<&str>, pid: u32) -> Self {
        Self {
            host: host.map(str::to_owned),
            tag: tag.unwrap_or("stickd").to_owned(),
            pid,
            hostname: String::new(),
            targets: Targets::default(),
            rings: Rings::default(),
            samples: Vec::new(),
            message: Vec::with_capacity(1024),
            structured: Vec::new(),
            line: Vec::with_capacity(1024),
            now: Stamp::default(),
            accepted: Stamp::default(),
            dropped: 0,
            sent: 0,
            now_ms: 0,
        }
    }

    /// Opens a target. Warns if that fails; the lines for the target are then lost.
    fn open_target(
        &mut self,
        destination: &LogDestination,
        open: impl FnOnce(&mut Targets) -> io::Result<()>,
    ) {
        if let Err(error) = open(&mut self.targets) {
            log::warn!("log {destination}: {error}; its lines are lost");
        }
    }

    /// The descriptors that `log fd@N` lines name, by number, for a successor.
    pub fn descriptors(&self) -> impl Iterator<Item = (RawFd, BorrowedFd<'_>)> {
        self.targets.descriptors()
    }

    /// Stores the time of this turn. Warnings about a target that takes no lines use it for their
    /// limit.
    pub fn begin_turn(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// The rings.
    pub fn rings(&self) -> &Rings {
        &self.rings
    }

    /// The rings, to feed their servers.
    pub fn rings_mut(&mut self) -> &mut Rings {
        &mut self.rings
    }

    /// How many lines were lost, because a target did not take them.
    pub fn dropped(&self) -> u64 {
        self.dropped + self.rings.iter().map(|ring| ring.dropped).sum::<u64>()
    }

    /// How many lines were sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Sends the lines of the connections that ended in a turn (`option tcplog`, `log-format`).
    pub fn connections(&mut self, shared: &Shared, now: SystemTime) {
        for noted in &shared.records {
            let frontend = &shared.frontend(noted.frontend).config;
            if frontend.log.is_empty() {
                continue;
            }
            let record = ConnectionRecord::new(noted, &shared.frontends, &shared.backends);
            let writer = Writer { hostname: &self.hostname, pid: self.pid };
            let stamp = &mut self.accepted;
            self.message.clear();
            match frontend.line(noted.is_refusal) {
                Some(line) => {
                    let out = &mut self.message;
                    write_custom_line(out, line, &noted.samples, &record, writer, stamp);
                }
                None => write_tcplog_line(&mut self.message, &record, stamp),
            }
            if self.message.is_empty() {
                continue;
            }
            if let Some(line) = &frontend.structured_data {
                let out = &mut self.structured;
                write_custom_line(out, line, &noted.structured, &record, writer, stamp);
            }
            let is_error = frontend.options.log_separate_errors && noted.is_failure();
            let severity = if is_error { Severity::Err } else { Severity::Info };
            self.send(&frontend.log, noted.level.unwrap_or(severity), now);
            self.structured.clear();
        }
    }

    /// Sends the lines of the clients that were accepted in a turn (without `option tcplog`).
    pub fn arrivals(&mut self, shared: &Shared, now: SystemTime) {
        for arrival in &shared.arrivals {
            let frontend = &shared.frontend(arrival.frontend).config;
            let name =
                |address: Option<SocketAddr>| address.map_or(Peername::Unix(1), Peername::Ip);
            let (client, local) = (name(arrival.client), name(arrival.local));
            self.message.clear();
            write_connect_line(&mut self.message, client, local, &frontend.name);
            self.send(&frontend.log, Severity::Info, now);
        }
    }

    /// Sends the lines of the clients that were refused in a turn.
    pub fn refusals(&mut self, shared: &Shared, now: SystemTime) {
        for (frontend, refusal) in &shared.refusals {
            let frontend = &shared.frontend(*frontend).config;
            let is_error = frontend.options.log_separate_errors;
            self.refusal(refusal, &frontend.name, &frontend.log, is_error, now);
        }
    }

    /// Sends the line of a client that the section `name` has refused, with the level of errors or
    /// without.
    pub fn refusal(
        &mut self,
        refusal: &Refusal,
        name: &str,
        targets: &[LogTarget],
        is_error: bool,
        now: SystemTime,
    ) {
        self.message.clear();
        write_refusal_line(&mut self.message, refusal, name, &mut self.accepted);
        let severity = if is_error { Severity::Err } else { Severity::Info };
        self.send(targets, severity, now);
    }

    /// Sends a notice about a proxy, a server or a peer, such as `Proxy web stopped …`.
    pub fn notice(
        &mut self,
        targets: &[LogTarget],
        severity: Severity,
        message: &str,
        now: SystemTime,
    ) {
        self.message.clear();
        self.message.extend_from_slice(message.as_bytes());
        self.send(targets, severity, now);
    }

    /// Sends the notice that a proxy does not accept clients any more. The numbers are the
    /// connections that the proxy counted as a frontend and as a backend.
    pub fn proxy_stopped(
        &mut self,
        targets: &[LogTarget],
        name: &str,
        (frontend, backend): (u64, u64),
        now: SystemTime,
    ) {
        let text =
            format!("Proxy {name} stopped (cumulated conns: FE: {frontend}, BE: {backend}).");
        self.notice(targets, Severity::Warning, &text, now);
    }

    /// Counts a line for a sample. Returns whether the line is sent.
    fn is_sampled(&mut self, sample: &LogSample) -> bool {
        if self.samples.len() <= sample.counter {
            self.samples.resize(sample.counter + 1, 0);
        }
        let Some(count) = self.samples.get_mut(sample.counter) else { return true };
        let is_taken = sample.takes(*count);
        *count = (*count + 1) % sample.size;
        is_taken
    }

    /// Sends the message to every target whose level includes the severity.
    fn send(&mut self, targets: &[LogTarget], severity: Severity, now: SystemTime) {
        let now = WallClock::from(now);
        let time = self.now.at(now);
        for target in targets.iter().filter(|target| severity <= target.level) {
            if !target.sample.as_ref().is_none_or(|sample| self.is_sampled(sample)) {
                continue;
            }
            let level = severity.max(target.min_level).number();
            let priority = (target.facility & 31) << 3 | level;
            self.line.clear();
            let tag = target.tag.as_deref().unwrap_or(&self.tag);
            let identity = Identity { host: self.host.as_deref(), tag, pid: self.pid };
            let times = (time, now);
            let data = &self.structured;
            write_header(&mut self.line, target.format, priority, identity, data, times);
            self.line.extend_from_slice(&self.message);
            end_line(&mut self.line, target.length);
            if let LogDestination::Ring(id) = target.destination {
                self.line.pop(); // a message of a ring has no line end
                self.rings.push(id, &self.line);
                self.sent += 1;
                continue;
            }
            match self.targets.send(&target.destination, &self.line) {
                Ok(()) => self.sent += 1,
                Err(error) => {
                    self.dropped += 1;
                    let name = &target.destination;
                    let text = format_args!("log {name}: {error}; a line is lost");
                    limited::warn(self.now_ms, LOST, name, text);
                }
            }
        }
    }
}

/// Cuts a line to `length` bytes and adds a line end. Line breaks inside the line become blanks,
/// because a client could forge a line with them.
fn end_line(line: &mut Vec<u8>, length: u32) {
    line.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    for byte in line.iter_mut().filter(|byte| matches!(**byte, b'\n' | b'\r')) {
        *byte = b' ';
    }
    line.push(b'\n');
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};

    use super::*;
    use crate::config::LogFormat;
    use crate::net::address::Address;

    fn target(destination: LogDestination, format: LogFormat) -> LogTarget {
        LogTarget {
            destination,
            format,
            facility: 16,
            level: Severity::Debug,
            min_level: Severity::Emerg,
            length: 1024,
            sample: None,
            tag: None,
        }
    }

    /// A datagram socket that plays the syslog server.
    fn syslog(name: &str) -> (UnixDatagram, LogDestination) {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("stickd-logger-{name}-{}", std::process::id());
        let address = UnixAddress::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        socket.set_nonblocking(true).unwrap();
        (socket, LogDestination::Datagram(Address::Abstract(name)))
    }

    fn receive(socket: &UnixDatagram) -> Option<String> {
        let mut buffer = [0; 2048];
        let len = socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..len].to_vec()).unwrap())
    }

    #[test]
    fn a_notice_reaches_a_unix_datagram_socket() {
        let (socket, destination) = syslog("notice");
        let mut logger = Logger::new(Some("haproxy"), None, 8513);
        let targets =
            [target(destination.clone(), LogFormat::Raw), target(destination, LogFormat::Short)];
        logger.notice(
            &targets,
            Severity::Emerg,
            "proxy ck has no server available!",
            SystemTime::UNIX_EPOCH,
        );
        assert_eq!(receive(&socket).unwrap(), "proxy ck has no server available!\n");
        assert_eq!(receive(&socket).unwrap(), "<0>proxy ck has no server available!\n");
        assert_eq!((logger.sent(), logger.dropped()), (2, 0));
    }

    #[test]
    fn notices_are_worded_as_by_haproxy() {
        let (socket, destination) = syslog("words");
        let mut logger = Logger::new(None, None, 1);
        let targets = [target(destination, LogFormat::Short)];
        logger.proxy_stopped(&targets, "fe", (3, 0), SystemTime::UNIX_EPOCH);
        let stopped = "<4>Proxy fe stopped (cumulated conns: FE: 3, BE: 0).\n";
        assert_eq!(receive(&socket).unwrap(), stopped);
    }

    #[test]
    fn a_notice_reaches_a_udp_socket() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        let address = Address::Ip(socket.local_addr().unwrap());
        let mut logger = Logger::new(None, Some("n1"), 7);
        let targets = [target(LogDestination::Datagram(address), LogFormat::Rfc3164)];
        logger.notice(&targets, Severity::Warning, "Proxy web stopped.", SystemTime::UNIX_EPOCH);
        let mut buffer = [0; 200];
        let len = socket.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..len]).unwrap();
        assert!(text.starts_with("<132>"), "{text}");
        assert!(text.ends_with(" n1 stickd[7]: Proxy web stopped.\n"), "{text}");
    }

    #[test]
    fn levels_filter_and_clamp() {
        let (socket, destination) = syslog("levels");
        let mut logger = Logger::new(None, None, 1);
        let targets = [LogTarget {
            level: Severity::Notice,
            min_level: Severity::Info,
            facility: 3,
            ..target(destination, LogFormat::Rfc3164)
        }];
        logger.notice(&targets, Severity::Info, "too unimportant", SystemTime::UNIX_EPOCH);
        logger.notice(&targets, Severity::Alert, "sent as information", SystemTime::UNIX_EPOCH);
        let text = receive(&socket).unwrap();
        assert!(text.starts_with("<30>") && text.contains("sent as information"), "{text}");
        assert_eq!(receive(&socket), None);
    }

    #[test]
    fn a_line_is_cut_to_the_length_of_its_target() {
        let mut line = b"<153>Nov 22 23:17:16 haproxy[8513]: Server ck/z is DOWN, reason: Layer4 \
            connection problem"
            .to_vec();
        end_line(&mut line, 80);
        let cut: &[u8] =
            b"<153>Nov 22 23:17:16 haproxy[8513]: Server ck/z is DOWN, reason: Layer4 connecti\n";
        assert_eq!(String::from_utf8(line), String::from_utf8(cut.to_vec()));
    }

    #[test]
    fn a_line_break_cannot_forge_a_line() {
        let mut line = b"one\ntwo\r\n".to_vec();
        end_line(&mut line, 1024);
        assert_eq!(line, b"one two  \n");
    }

    #[test]
    fn lines_for_a_full_or_absent_server_are_dropped_and_counted() {
        let mut logger = Logger::new(None, None, 1);
        let nobody = LogDestination::Datagram(Address::Abstract("stickd-nobody-here".to_owned()));
        logger.notice(
            &[target(nobody, LogFormat::Raw)],
            Severity::Info,
            "x",
            SystemTime::UNIX_EPOCH,
        );
        assert_eq!(logger.dropped(), 1);

        let (socket, destination) = syslog("full");
        let targets = [target(destination, LogFormat::Raw)];
        for _ in 0..10_000 {
            logger.notice(&targets, Severity::Info, "x", SystemTime::UNIX_EPOCH);
        }
        assert!(logger.dropped() > 1, "a socket nobody reads fills");
        assert!(logger.sent() > 0);
        while receive(&socket).is_some() {}
        let dropped = logger.dropped();
        logger.notice(&targets, Severity::Info, "again", SystemTime::UNIX_EPOCH);
        assert_eq!(logger.dropped(), dropped, "it goes on once there is room");
    }

    #[test]
    fn an_absent_syslog_server_is_noticed_and_found_again() {
        // No other program uses this address, so no other program takes its port meanwhile.
        let [.., high, low] = std::process::id().to_be_bytes();
        let socket = UdpSocket::bind((std::net::Ipv4Addr::new(127, 93, high, low), 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let targets = [target(LogDestination::Datagram(Address::Ip(address)), LogFormat::Raw)];
        let mut logger = Logger::new(None, None, 1);
        let say = |logger: &mut Logger, text: &str| {
            logger.notice(&targets, Severity::Info, text, SystemTime::UNIX_EPOCH);
        };
        drop(socket);
        // The kernel reports the refusal of a line when the next line is sent.
        for _ in 0..3 {
            say(&mut logger, "nobody hears it");
        }
        assert!(logger.dropped() > 0);
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        say(&mut logger, "somebody does");
        let mut buffer = [0; 100];
        let len = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"somebody does\n");
    }
}
