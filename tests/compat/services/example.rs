//! A configuration of `scripts/examples` or `tests/data/config/services` at addresses of this
//! machine.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use crate::support::tls::certificates;
use crate::support::{Flavour, Node, Place, Spec, haproxy};

/// The time between two checks, and how long each may take, whatever the file says.
const INTER: &str = "500ms";

/// A configuration with free addresses for those that are written in the file. A host of the file
/// is an address of its own here, and a port is the same on all of them.
pub struct Example {
    written: String,
    machine: Place,
    hosts: HashMap<Ipv4Addr, Place>,
    ports: HashMap<u16, u16>,
    log: UdpSocket,
}

impl Example {
    /// A file of `scripts/examples`, or one at a path below the services.
    pub fn new(file: &str) -> Self {
        let machine = Place::new();
        let folder = folder(file);
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|kind| kind == "lst" || kind == "map") {
                fs::copy(&path, machine.path(path.file_name().unwrap().to_str().unwrap())).unwrap();
            }
        }
        for entry in fs::read_dir(certificates()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|kind| kind == "pem") {
                fs::copy(&path, machine.path(path.file_name().unwrap().to_str().unwrap())).unwrap();
            }
        }
        let written = fs::read_to_string(folder.join(file)).unwrap();
        let log = machine.log_receiver();
        let mut example =
            Self { written, machine, hosts: HashMap::new(), ports: HashMap::new(), log };
        example.find_addresses();
        example
    }

    /// Starts the configuration on the machine of the balancer.
    #[track_caller]
    pub fn start(&self, flavour: Flavour) -> Node {
        self.start_on(flavour, &self.machine, "a")
    }

    /// Starts the configuration on the machine `place`, as the peer `name`.
    #[track_caller]
    pub fn start_on(&self, flavour: Flavour, place: &Place, name: &str) -> Node {
        let spec = Spec::new(place, name, "");
        place.write(&format!("{name}.cfg"), &self.text(flavour, place, name));
        match flavour {
            Flavour::Stickd => spec.start(),
            Flavour::Haproxy => spec.on_haproxy(haproxy().unwrap()).start(),
        }
    }

    /// Where clients reach this port of the file.
    pub fn front(&self, port: u16) -> SocketAddr {
        self.front_on(&self.machine, port)
    }

    /// Where clients reach this port of the file on another machine.
    pub fn front_on(&self, place: &Place, port: u16) -> SocketAddr {
        (place.ip(), self.ports[&port]).into()
    }

    /// The address for a server's address `IP:PORT` of the file.
    pub fn server(&self, written: &str) -> SocketAddr {
        let (ip, port) = written.split_once(':').unwrap();
        let place = &self.hosts[&ip.parse().unwrap()];
        (place.ip(), self.ports[&port.parse().unwrap()]).into()
    }

    /// The port here for a port of the file.
    pub fn port(&self, port: u16) -> u16 {
        self.ports[&port]
    }

    /// Writes a file that the configuration names in `/etc/stickd`.
    pub fn write(&self, name: &str, text: &str) {
        self.machine.write(name, text);
    }

    /// The next log line that has this text.
    #[track_caller]
    pub fn log_with(&self, text: &str) -> String {
        let mut bytes = [0; 2048];
        loop {
            let len = self.log.recv(&mut bytes).unwrap();
            let line = String::from_utf8_lossy(&bytes[..len]);
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
        }
    }

    fn find_addresses(&mut self) {
        for line in self.written.clone().lines().filter(|line| is_line(line)) {
            let mut before = "";
            for word in line.split_whitespace() {
                let (ip, ports) = word.split_once(':').unwrap_or((word, ""));
                if let Ok(ip) = ip.parse::<Ipv4Addr>() {
                    self.hosts.entry(ip).or_insert_with(Place::new);
                }
                let ports = if before == "port" { word } else { ports };
                if let Some((first, last)) = range(ports) {
                    self.keep_ports(first, last);
                }
                before = word;
            }
        }
    }

    fn keep_ports(&mut self, first: u16, last: u16) {
        if !self.ports.contains_key(&first) {
            let free = self.machine.addresses_in_a_row(last - first + 1).port();
            self.ports.extend((first..=last).zip(free..));
        }
    }

    /// The text as a program here can run it. There is no other user, and no `/dev/log`.
    fn text(&self, flavour: Flavour, place: &Place, name: &str) -> String {
        let mut text = String::new();
        for line in self.written.lines().filter(|line| is_line(line)) {
            let mut before = "";
            for word in line.split(' ') {
                text.push_str(&self.here(before, word, place));
                text.push(' ');
                before = word;
            }
            text.push('\n');
            if flavour == Flavour::Haproxy && line == "global" {
                text.push_str("    nbthread 1\n");
            }
        }
        let dir = self.machine.path("").display().to_string();
        text.replace(
            "/run/stickd/admin.sock",
            &place.path(&format!("{name}.admin")).to_string_lossy(),
        )
        .replace("/etc/stickd/", &dir)
        .replace("../../../tls", &certificates().to_string_lossy())
        .replace("/dev/log", &self.log.local_addr().unwrap().to_string())
    }

    /// The word at an address of this machine. A port alone is one of the balancer's machine.
    fn here(&self, before: &str, word: &str, place: &Place) -> String {
        let (ip, ports) = word.split_once(':').unwrap_or((word, ""));
        let ports_here = |ports: &str| {
            range(ports).map(|(first, last)| {
                let (first, last) = (self.ports[&first], self.ports[&last]);
                if first == last { first.to_string() } else { format!("{first}-{last}") }
            })
        };
        let ip_here = ip.parse().ok().and_then(|ip: Ipv4Addr| self.hosts.get(&ip));
        match (before, ip_here, ports_here(ports)) {
            ("inter" | "fastinter", ..) => INTER.to_owned(),
            ("port", ..) => ports_here(word).unwrap(),
            (_, Some(host), Some(ports)) => format!("{}:{ports}", host.ip()),
            (_, Some(host), None) => host.ip().to_string(),
            (_, None, Some(ports)) if ip.is_empty() => format!("{}:{ports}", place.ip()),
            (_, None, Some(ports)) if ip.contains('.') => format!("{ip}:{ports}"),
            _ => word.to_owned(),
        }
    }
}

/// Whether the line has words that a test runs with.
fn is_line(line: &str) -> bool {
    !line.trim_start().starts_with('#')
}

/// The first and the last port of `PORT` or `PORT-PORT`.
fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// Where a file is. One of the services is named with its folder.
fn folder(file: &str) -> PathBuf {
    let top = if file.contains('/') { "tests/data/config/services" } else { "scripts/examples" };
    Path::new(env!("CARGO_MANIFEST_DIR")).join(top)
}
