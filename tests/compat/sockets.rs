//! Words about TCP sockets. Their effect is read from the kernel.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};

use nix::sys::socket::{getsockopt, sockopt};

use crate::support::{Flavour, Node, Place, SOON, Server, connect_from, source, until};
use crate::{flavours, start};

/// A connection through a `listen` section with these lines, and the server.
struct Setting {
    client: TcpStream,
    front: SocketAddr,
    server: SocketAddr,
    _node: Node,
    _server: Server,
    _place: Place,
}

fn setting(flavour: Flavour, global: &str, bind: &str, lines: &str, words: &str) -> Setting {
    let place = Place::new();
    let server = Server::greeting_echo(place.address(), "s1");
    let (front, address) = (place.address(), server.address());
    let body =
        format!("listen l\n    bind {front} {bind}\n    {lines}\n    server s1 {address} {words}");
    let node = start(flavour, &place, global, &body);
    let client = connect_from(source(1), front).unwrap();
    client.peek(&mut [0]).unwrap();
    Setting { client, front, server: address, _node: node, _server: server, _place: place }
}

/// The seconds until the next keep-alive probe of the connected socket that `end` picks. None if
/// the kernel will send no probe.
fn probe_in_s(end: impl Fn(SocketAddr, SocketAddr) -> bool) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let socket = table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (timer, when) = fields[5].split_once(':').unwrap();
        let is_connected = fields[3] == "01";
        (is_connected && end(address(fields[1]), address(fields[2]))).then_some((timer, when))
    });
    let (timer, when) = socket.expect("the connection stands");
    // Timer 2 is that of keep-alive, in hundredths of a second.
    (timer == "02").then(|| u64::from_str_radix(when, 16).unwrap().div_ceil(100))
}

/// `0100007F:1F90` is 127.0.0.1:8080.
fn address(text: &str) -> SocketAddr {
    let (ip, port) = text.split_once(':').unwrap();
    let ip = u32::from_str_radix(ip, 16).unwrap().to_ne_bytes();
    SocketAddrV4::new(ip.into(), u16::from_str_radix(port, 16).unwrap()).into()
}

#[test]
fn keep_alive_of_both_sides_has_the_times_asked_for() {
    let lines = "option tcpka\n    clitcpka-idle 61\n    srvtcpka-idle 2m\n    srvtcpka-cnt 3\n    \
                 srvtcpka-intvl 1500ms";
    for flavour in flavours() {
        let setting = setting(flavour, "", "", lines, "");
        // While the greeting is not acknowledged, another timer runs.
        let [mut client, mut server] = [None, None];
        until("both wait for the time to probe", SOON, || {
            client = probe_in_s(|local, _| local == setting.front);
            server = probe_in_s(|_, remote| remote == setting.server);
            client.is_some() && server.is_some()
        });
        assert!(client.is_some_and(|s| (50..=61).contains(&s)), "{flavour:?}: {client:?}");
        assert!(server.is_some_and(|s| (100..=120).contains(&s)), "{flavour:?}: {server:?}");
    }
}

#[test]
fn the_times_of_keep_alive_alone_turn_nothing_on() {
    for flavour in flavours() {
        let setting = setting(flavour, "", "", "clitcpka-idle 61\n    srvtcpka-idle 2m", "");
        assert_eq!(probe_in_s(|local, _| local == setting.front), None, "{flavour:?}");
        assert_eq!(probe_in_s(|_, remote| remote == setting.server), None, "{flavour:?}");
    }
}

#[test]
fn words_that_only_the_kernel_heeds_let_clients_through() {
    let global = "tune.rcvbuf.client 20000\n tune.sndbuf.client 20000\n tune.rcvbuf.server 20000\n\
                  tune.sndbuf.server 20000";
    let lines = "option tcp-smart-accept\n    option tcp-smart-connect";
    for flavour in flavours() {
        let setting =
            setting(flavour, global, "mss 1400 tcp-ut 30s tfo", lines, "tcp-ut 30s source 0.0.0.0");
        let mss = getsockopt(&setting.client, sockopt::TcpMaxSeg).unwrap();
        assert!(mss <= 1400, "{flavour:?}: {mss}");
    }
}

#[test]
fn a_listener_with_defer_accept_serves() {
    for flavour in flavours() {
        let mut setting = setting(flavour, "", "defer-accept", "", "");
        setting.client.write_all(b"x").unwrap();
        setting.client.peek(&mut [0]).unwrap();
    }
}

#[test]
fn another_process_may_listen_too_unless_it_is_told_not_to() {
    for flavour in flavours() {
        for (global, may) in [("", true), ("noreuseport", false)] {
            let setting = setting(flavour, global, "", "", "");
            assert_eq!(listen_too(setting.front).is_ok(), may, "{flavour:?}: {global}");
        }
    }
}

fn listen_too(address: SocketAddr) -> nix::Result<()> {
    use nix::sys::socket::{
        AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket,
    };
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    setsockopt(&fd, sockopt::ReusePort, &true)?;
    bind(std::os::fd::AsRawFd::as_raw_fd(&fd), &SockaddrStorage::from(address))?;
    nix::sys::socket::listen(&fd, nix::sys::socket::Backlog::new(1)?)
}

#[test]
fn an_address_of_another_machine_can_be_listened_on() {
    assert!(TcpListener::bind("192.0.2.1:0").is_err());
    for flavour in flavours() {
        let place = Place::new();
        let port = place.address().port();
        let body = format!(
            "listen l\n    bind 192.0.2.1:{port} transparent\n    server s1 {}",
            place.address()
        );
        start(flavour, &place, "", &body);
    }
}

#[test]
fn an_ipv6_address_takes_ipv4_clients_or_not() {
    for flavour in flavours() {
        for (word, takes_both) in [("v4v6", true), ("v6only", false)] {
            let place = Place::new();
            let Some(port) = place.port_of_all() else {
                eprintln!("SKIPPED: this machine has no ::1");
                return;
            };
            let server = Server::name(place.address(), "s1");
            let body =
                format!("listen l\n    bind :::{port} {word}\n    server s1 {}", server.address());
            let _node = start(flavour, &place, "", &body);
            let v6 = TcpStream::connect((Ipv6Addr::LOCALHOST, port));
            assert!(v6.is_ok(), "{flavour:?}: {word}: {v6:?}");
            let v4 = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
            assert_eq!(v4.is_ok(), takes_both, "{flavour:?}: {word}: {v4:?}");
        }
    }
}

#[test]
fn an_interface_bounds_where_clients_come_from_and_where_servers_are() {
    let mut others = std::fs::read_dir("/sys/class/net").unwrap();
    let other = others.find_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        (name != "lo").then_some(name)
    });
    let Some(other) = other.filter(|_| nix::unistd::Uid::effective().is_root()) else {
        eprintln!("SKIPPED: only root can bind to an interface, and one beside lo is needed");
        return;
    };
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "s1");
        let fronts = [place.address(), place.address(), place.address(), place.address()];
        let [near, far, through_near, through_far] = fronts;
        let address = server.address();
        let body = format!(
            "listen a\n    bind {near} interface lo\n    bind {far} interface {other}\n    \
             server s1 {address}\n\
             listen b\n    bind {through_near}\n    \
             server s1 {address} source 0.0.0.0 interface lo\n\
             listen c\n    bind {through_far}\n    timeout connect 200ms\n    retries 0\n    \
             server s1 {address} source 0.0.0.0 interface {other}\n",
        );
        let _node = start(flavour, &place, "", &body);
        let is_served = fronts.map(|front| {
            connect_from(source(1), front)
                .is_ok_and(|mut client| client.read(&mut [0]).is_ok_and(|n| n > 0))
        });
        assert_eq!(is_served, [true, false, true, false], "{flavour:?}");
    }
}

/// How the connection of a client ends after the server closes.
fn end_of_client(flavour: Flavour, lines: &str) -> Result<usize, ErrorKind> {
    let mut setting = setting(flavour, "", "", lines, "");
    setting.client.read_exact(&mut [0; 3]).unwrap();
    setting.client.write_all(b"x").unwrap();
    setting.client.read_exact(&mut [0]).unwrap();
    setting.client.shutdown(std::net::Shutdown::Write).unwrap();
    setting.client.read(&mut [0]).map_err(|error| error.kind())
}

#[test]
fn a_connection_without_linger_ends_with_a_reset() {
    for flavour in flavours() {
        assert_eq!(end_of_client(flavour, ""), Ok(0), "{flavour:?}");
        let end = end_of_client(flavour, "option nolinger");
        assert_eq!(end, Err(ErrorKind::ConnectionReset), "{flavour:?}");
    }
}
