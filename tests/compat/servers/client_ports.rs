//! Servers without a port, or with `+N` or `-N`: the port follows from the port that the client
//! connected to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::support::{Node, Place, Server, Spec, ask, connect_from, source};
use crate::{flavours, marked_line, start};

/// A place for the program and one for its servers, where the same ports are free.
struct Places {
    front: Place,
    back: Place,
    first: u16,
}

impl Places {
    fn new(count: u16) -> Self {
        let (front, back) = (Place::new(), Place::new());
        let first = front.ports_in_both(&back, count);
        Self { front, back, first }
    }

    fn front(&self, number: u16) -> SocketAddr {
        (self.front.ip(), self.first + number).into()
    }

    fn back(&self, number: u16) -> SocketAddr {
        (self.back.ip(), self.first + number).into()
    }

    /// Servers at the first `count` ports. Each is named after the number of its port.
    fn servers(&self, count: u16) -> Vec<Server> {
        (0..count).map(|number| Server::name(self.back(number), &format!("p{number}"))).collect()
    }
}

/// The server that answers a client of the port with this number.
fn answer(places: &Places, number: u16) -> String {
    ask(source(1), places.front(number)).unwrap()
}

#[test]
fn clients_are_sent_to_the_port_that_they_came_to() {
    for flavour in flavours() {
        let places = Places::new(3);
        let _servers = places.servers(3);
        let receiver = places.front.log_receiver();
        let (front, last, ip) = (places.front(0), places.first + 2, places.back.ip());
        let body = format!(
            "listen l\n    bind {front}-{last}\n    log global\n    \
             log-format \"<%s %si:%sp>\"\n    server s1 {ip}\n"
        );
        let global = format!("log {} local0", receiver.local_addr().unwrap());
        let _node = start(flavour, &places.front, &global, &body);
        for number in [2, 0, 1] {
            assert_eq!(answer(&places, number), format!("p{number}"), "{flavour:?}");
            let line = format!("s1 {}>", places.back(number));
            assert_eq!(marked_line(&receiver), line, "{flavour:?}");
        }
    }
}

#[test]
fn a_sign_shifts_the_port_of_the_client() {
    for flavour in flavours() {
        let places = Places::new(3);
        let _servers = places.servers(3);
        let (first, middle, last) = (places.front(0), places.front(1), places.front(2));
        let ip = places.back.ip();
        let body = format!(
            "listen up\n    bind {first}\n    server s1 {ip}:+2\n\
             listen down\n    bind {last}\n    server s1 {ip}:-1\n\
             listen round\n    bind {middle}\n    server s1 {ip}:+65535\n"
        );
        let _node = start(flavour, &places.front, "", &body);
        let found = [0, 2, 1].map(|number| answer(&places, number));
        assert_eq!(found, ["p2", "p1", "p0"], "{flavour:?}");
    }
}

/// Connects to `front`, says with a PROXY header that the client connected to `destination`, and
/// returns the first line of the answer.
fn ask_with_header(front: SocketAddr, destination: SocketAddr) -> std::io::Result<String> {
    let mut client = connect_from(source(1), front)?;
    let (ip, port) = (destination.ip(), destination.port());
    // The header has to come in one piece.
    let header = format!("PROXY TCP4 192.0.2.1 {ip} 1000 {port}\r\n");
    client.write_all(header.as_bytes())?;
    let mut line = String::new();
    BufReader::new(client).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

#[test]
fn without_a_host_the_address_of_the_client_counts() {
    for flavour in flavours() {
        let places = Places::new(3);
        let _servers = places.servers(3);
        let (first, middle) = (places.front(0), places.front(1));
        let body = format!(
            "listen a\n    bind {first} accept-proxy\n    server s1 *\n\
             listen b\n    bind {middle} accept-proxy\n    server s1 0.0.0.0:{}\n",
            places.first + 2
        );
        let _node = start(flavour, &places.front, "", &body);
        assert_eq!(
            ask_with_header(first, places.back(1)).ok().as_deref(),
            Some("p1"),
            "{flavour:?}"
        );
        assert_eq!(
            ask_with_header(middle, places.back(1)).ok().as_deref(),
            Some("p2"),
            "{flavour:?}"
        );
    }
}

/// The fields `srv_addr` and `srv_port` of `show servers state`, and `addr` of `show stat`.
fn shown(node: &Node, server: &str) -> (String, String, String) {
    let api = node.api();
    let state = api.command("show servers state l");
    let line = state.lines().find(|line| line.contains(&format!(" {server} "))).unwrap();
    let fields: Vec<&str> = line.split(' ').collect();
    let rows = api.command("show stat");
    let row = rows.lines().find(|row| row.starts_with(&format!("l,{server},"))).unwrap();
    let addr = row.split(',').nth(73).unwrap();
    (fields[4].to_owned(), fields[18].to_owned(), addr.to_owned())
}

#[test]
fn commands_show_and_change_ports_as_haproxy_does() {
    for flavour in flavours() {
        let place = Place::new();
        let body = format!(
            "listen l\n    bind {}\n    server s0 127.0.0.1 check port 80 inter 1h\n    \
             server s1 127.0.0.1:+10\n    server s2 127.0.0.1:-10\n    server s3 [::1]:-1\n    \
             server s4 *:80\n",
            place.address()
        );
        let node = start(flavour, &place, "", &body);
        for (server, ip, port, addr) in [
            ("s0", "127.0.0.1", "0", "127.0.0.1:0"),
            ("s1", "127.0.0.1", "10", "127.0.0.1:10"),
            ("s2", "127.0.0.1", "4294967286", "127.0.0.1:-10"),
            ("s3", "::1", "4294967295", "[::1]:-1"),
            ("s4", "0.0.0.0", "80", "0.0.0.0:80"),
        ] {
            let expected = (ip.to_owned(), port.to_owned(), addr.to_owned());
            assert_eq!(shown(&node, server), expected, "{flavour:?}: {server}");
        }
        let same = "no need to change the addr";
        let no_map = "can't change <port> to port map because it is incompatible with current \
                      health check port configuration (use 'port' statement from the 'server' \
                      directive.";
        for (order, said) in [
            ("s1 addr 127.0.0.2", "IP changed from '127.0.0.1' to '127.0.0.2'".to_owned()),
            ("s1 addr 127.0.0.2 port -5", format!("{same}, port changed from '+10' to '-5'")),
            ("s1 addr 127.0.0.2 port -5", format!("{same}, no need to change the port")),
            ("s1 addr 127.0.0.2 port 80", format!("{same}, port changed from '+65531' to '80'")),
            ("s1 addr 127.0.0.2 port +5", format!("{same}, {no_map}")),
            (
                "s1 addr 127.0.0.2 port +x",
                format!("{same}, problem converting port '+x' to an int"),
            ),
            ("s0 addr 127.0.0.1 port +5", format!("{same}, port changed from '+0' to '+5'")),
            ("s0 addr 127.0.0.1 port 81", format!("{same}, port changed from '+5' to '81'")),
            ("s0 addr 127.0.0.1 port +0", format!("{same}, port changed from '81' to '+0'")),
        ] {
            let answer = node.api().command(&format!("set server l/{order}"));
            let expected = format!("{said} by 'stats socket command'");
            assert_eq!(answer.trim(), expected, "{flavour:?}: {order}");
        }
        assert_eq!(shown(&node, "s0").1, "0", "{flavour:?}");
    }
}

#[test]
fn a_moved_server_keeps_its_offset_and_a_reload_keeps_both() {
    let places = Places::new(2);
    let _servers = places.servers(2);
    let front = places.front(0);
    let body = format!("listen l\n    bind {front}\n    server s1 127.0.0.1:+1\n");
    let node = Spec::new(&places.front, "a", &body).reloadable().start();
    node.api().command(&format!("set server l/s1 addr {}", places.back.ip()));
    assert_eq!(answer(&places, 0), "p1");
    node.reload();
    assert_eq!(answer(&places, 0), "p1");
    assert_eq!(shown(&node, "s1").2, format!("{}:1", places.back.ip()));
}

#[test]
fn checks_use_their_own_port() {
    for flavour in flavours() {
        let places = Places::new(2);
        let mut servers = places.servers(2);
        let (front, back) = (places.front(0), places.back(1));
        let body = format!(
            "listen l\n    bind {front}\n    default-server inter 20ms fall 1 rise 1\n    \
             server s1 {} check port {}\n    server s2 127.0.0.1 check addr {back}\n\
             backend b\n    option tcp-check\n    tcp-check connect port {}\n    \
             server s1 {} check inter 20ms fall 1 rise 1\n",
            back.ip(),
            back.port(),
            back.port(),
            back.ip(),
        );
        let node = start(flavour, &places.front, "", &body);
        let are = |status: &str| {
            let rows = node.api().command("show stat");
            ["l,s1", "l,s2", "b,s1"].iter().all(|name| {
                let row = rows.lines().find(|row| row.starts_with(name)).unwrap();
                row.split(',').nth(17) == Some(status)
            })
        };
        let wait = |status: &str| {
            let what = format!("{flavour:?}: {status}");
            crate::support::until(&what, crate::support::SOON, || are(status));
        };
        wait("UP");
        servers[1].stop();
        wait("DOWN");
    }
}

/// A small FTP server at `ip`: it knows PASV and RETR, and sends its name as the file. Clients
/// are told to come back to `shown` at one of the ports after that of the control connection.
fn ftp_server(name: &'static str, control: SocketAddr, shown: Ipv4Addr, ports: u16) -> Server {
    Server::start(control, move |mut stream| {
        let mut lines = BufReader::new(stream.try_clone()?);
        let mut data: Option<TcpListener> = None;
        writeln!(stream, "220 {name}")?;
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.starts_with("PASV") {
                let tried = (1..=ports)
                    .find_map(|n| TcpListener::bind((control.ip(), control.port() + n)).ok());
                let listener = tried.expect("a port is free");
                let port = listener.local_addr()?.port();
                let [a, b, c, d] = shown.octets();
                let (high, low) = (port >> 8, port & 255);
                data = Some(listener);
                writeln!(stream, "227 Entering Passive Mode ({a},{b},{c},{d},{high},{low})")?;
            } else if line.starts_with("RETR") {
                let (mut file, _) = data.take().expect("PASV comes first").accept()?;
                writeln!(stream, "150 here it comes")?;
                write!(file, "the file of {name}")?;
                drop(file);
                writeln!(stream, "226 done")?;
            }
        }
    })
}

/// Fetches the file in passive mode. Returns the name in the greeting, and the file.
fn fetch(client: u32, front: SocketAddr) -> (String, String) {
    let mut control = connect_from(source(client), front).unwrap();
    let mut lines = BufReader::new(control.try_clone().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let name = line().strip_prefix("220 ").unwrap().to_owned();
    control.write_all(b"PASV\r\n").unwrap();
    let passive = line();
    let numbers = passive.split_once('(').unwrap().1.trim_end_matches(')');
    let n: Vec<u8> = numbers.split(',').map(|number| number.parse().unwrap()).collect();
    let data = SocketAddr::from(([n[0], n[1], n[2], n[3]], u16::from_be_bytes([n[4], n[5]])));
    control.write_all(b"RETR x\r\n").unwrap();
    let mut file = String::new();
    connect_from(source(client), data).unwrap().read_to_string(&mut file).unwrap();
    assert_eq!((line(), line()), ("150 here it comes".to_owned(), "226 done".to_owned()));
    (name, file)
}

#[test]
fn passive_ftp_works_through_servers_without_a_port() {
    const DATA_PORTS: u16 = 4;
    for flavour in flavours() {
        let (places, other) = (Places::new(1 + DATA_PORTS), Place::new());
        let (front, back) = (places.front(0), places.back(0));
        let second = SocketAddr::from((other.ip(), front.port()));
        let _servers = [
            ftp_server("ftp1", back, places.front.ip(), DATA_PORTS),
            ftp_server("ftp2", second, places.front.ip(), DATA_PORTS),
        ];
        let (control, last) = (front.port(), front.port() + DATA_PORTS);
        let body = format!(
            "listen ftp\n    bind {front}\n    bind {}:{}-{last}\n    balance roundrobin\n    \
             stick-table type ip size 1k expire 1h\n    stick on src\n    \
             default-server check port {control} inter 1h\n    \
             server ftp1 {}\n    server ftp2 {}\n",
            front.ip(),
            control + 1,
            back.ip(),
            second.ip(),
        );
        let _node = start(flavour, &places.front, "", &body);
        let mut names = Vec::new();
        for client in [1, 2, 1, 2, 1] {
            let (name, file) = fetch(client, front);
            assert_eq!(file, format!("the file of {name}"), "{flavour:?}");
            names.push(name);
        }
        assert_eq!((&names[0], &names[1]), (&names[2], &names[3]), "{flavour:?}");
        assert_ne!(names[0], names[1], "{flavour:?}");
    }
}
