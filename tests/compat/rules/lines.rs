//! Access lists, `tcp-request` rules, tracked counters, and rules that choose a backend or server.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};

use crate::support::{
    Flavour, Node, Place, SOON, Server, ask, connect_from, eventually, source, until,
};
use crate::{flavours, start};

/// The columns in `show stat` of a frontend that rules change.
fn counted(node: &Node, frontend: &str) -> Vec<String> {
    let columns = ["stot", "conn_tot", "dcon", "dses", "dreq"];
    columns.map(|column| node.api().stat(frontend, "FRONTEND", column)).to_vec()
}

/// How the program refuses a client, or the name of the server that the client reaches.
fn outcome(from: Ipv4Addr, to: SocketAddr) -> String {
    ask(from, to).unwrap_or_else(|error| match error.kind() {
        ErrorKind::ConnectionReset => "reset".to_owned(),
        ErrorKind::UnexpectedEof => "closed".to_owned(),
        other => other.to_string(),
    })
}

/// Runs a frontend with these lines and the backends b1 to b3 with the servers s1 to s3.
fn run(flavour: Flavour, lines: &str, more: &str) -> (Node, SocketAddr, Vec<Server>, Place) {
    let place = Place::new();
    let front = place.address();
    let mut body = format!("{more}\nfrontend in\n    bind {front}\n");
    body.extend(lines.lines().map(|line| format!("    {}\n", line.trim())));
    let mut servers = Vec::new();
    for number in 1..=3 {
        let name = format!("s{number}");
        let server = Server::greeting_echo(place.address(), &name);
        body.push_str(&format!("backend b{number}\n    server {name} {}\n", server.address()));
        servers.push(server);
    }
    let node = start(flavour, &place, "", &body);
    (node, front, servers, place)
}

#[test]
fn a_client_that_connects_too_often_is_reset_and_counted() {
    for flavour in flavours() {
        let (node, front, _servers, _place) = run(
            flavour,
            "tcp-request connection track-sc0 src table limits
             tcp-request connection reject if { sc_conn_rate(0) gt 20 }
             default_backend b1",
            "backend limits\n    stick-table type ip size 1k expire 1m store \
             conn_cnt,conn_cur,conn_rate(30s),sess_cnt,bytes_in_cnt,bytes_out_cnt",
        );
        let seen: Vec<_> = (0..25).map(|_| outcome(source(1), front)).collect();
        let expected: Vec<_> = (0..25).map(|n| if n < 20 { "s1" } else { "reset" }).collect();
        assert_eq!(seen, expected, "{flavour:?}");
        assert_eq!(outcome(source(2), front), "s1", "{flavour:?}");
        assert_eq!(counted(&node, "in"), ["21", "26", "5", "0", "0"], "{flavour:?}");
        let key = source(1).to_string();
        until("connections are over", SOON, || node.api().table("limits")[&key]["conn_cur"] == "0");
        let entry = node.api().table("limits").remove(&key).unwrap();
        let fields = ["conn_cnt", "conn_rate(30000)", "sess_cnt", "bytes_in_cnt", "bytes_out_cnt"];
        let values = fields.map(|field| entry[field].as_str());
        assert_eq!(values, ["25", "25", "20", "0", "60"], "{flavour:?}");
    }
}

#[test]
fn conn_cur_counts_what_is_open_and_its_entry_stays_while_it_is() {
    for flavour in flavours() {
        let (node, front, _servers, _place) = run(
            flavour,
            "tcp-request connection track-sc1 src table limits
             tcp-request connection reject if { sc1_conn_cur gt 2 }
             default_backend b1",
            "backend limits\n    stick-table type ip size 1k expire 1s store conn_cur",
        );
        let mut open: Vec<_> = (0..2).map(|_| connect_from(source(1), front).unwrap()).collect();
        for stream in &mut open {
            stream.read_exact(&mut [0; 3]).unwrap();
        }
        assert_eq!(outcome(source(1), front), "reset", "{flavour:?}");
        let used = node.api().command("show table limits");
        assert!(used.contains("use=2"), "{flavour:?}: {used}");
        // Longer than the entry would live on its own.
        crate::support::pause(std::time::Duration::from_millis(2500));
        assert_eq!(outcome(source(1), front), "reset", "{flavour:?}");
        open.pop();
        let let_in = eventually(SOON, || outcome(source(1), front) == "s1");
        assert!(let_in, "{flavour:?}: {}", node.api().command("show table limits"));
    }
}

#[test]
fn conditions_combine_tests_and_lists_of_addresses_as_haproxy_does() {
    for flavour in flavours() {
        let place = Place::new();
        let list = place.write("list", "# friends\n127.1.0.7\n\n127.1.1.0/24\n");
        let lines = format!(
            "acl near src 127.1.0.1 127.1.0.2
             acl near src 127.1.0.3
             acl listed src -f {}
             acl high src_port 1024:65535
             use_backend b1 if near high
             use_backend b2 if !near listed or {{ src 127.1.2.0/255.255.255.0 }} !listed
             use_backend b3 unless near || {{ src_port lt 1 }} or {{ src 127.1.3.0/24 }}
             tcp-request connection reject if {{ src 127.1.4.1 }} TRUE !FALSE LOCALHOST",
            list.display()
        );
        let (node, front, _servers, _place) = run(flavour, &lines, "");
        let at = |third: u8, fourth: u8| outcome(Ipv4Addr::new(127, 1, third, fourth), front);
        let clients = [(0, 1), (0, 3), (0, 7), (1, 200), (2, 9), (0, 9), (3, 1), (4, 1)];
        let seen = clients.map(|(third, fourth)| at(third, fourth));
        let expected = ["s1", "s1", "s2", "s2", "s2", "s3", "closed", "reset"];
        assert_eq!(seen, expected, "{flavour:?}: {}", node.log());
    }
}

#[test]
fn session_rules_close_and_content_rules_count_as_requests() {
    for flavour in flavours() {
        let (node, front, _servers, _place) = run(
            flavour,
            "tcp-request session reject if { src 127.1.0.1 }
             tcp-request content reject if { src 127.1.0.2 }
             tcp-request content accept if { src 127.1.0.3 }
             tcp-request content reject if { src 127.1.0.3 127.1.0.4 }
             default_backend b1",
            "",
        );
        let seen = [1, 2, 3, 4, 5].map(|n| outcome(source(n), front));
        assert_eq!(seen, ["closed", "closed", "s1", "closed", "s1"], "{flavour:?}");
        assert_eq!(counted(&node, "in"), ["4", "5", "0", "1", "2"], "{flavour:?}");
    }
}

#[test]
fn samples_of_entries_say_what_was_counted_and_marked() {
    for flavour in flavours() {
        let (node, front, _servers, _place) = run(
            flavour,
            "tcp-request connection track-sc0 src,ipmask(24) table nets
             tcp-request connection sc-inc-gpc0(0)
             tcp-request connection sc-set-gpt0(0) 7 if { sc0_get_gpc0 ge 2 }
             use_backend b3 if { src,ipmask(24),table_gpt0(nets) 7 } { src_get_gpc0(one) eq 0 }
             use_backend b2 if { src_inc_gpc0(one) gt 0 } { src,in_table(one) }
             default_backend b1",
            "backend nets\n    stick-table type ip size 1k expire 1m store gpc0,gpt0,conn_cnt\n\
             backend one\n    stick-table type ip size 1k expire 1m store gpc0,gpc0_rate(1m)",
        );
        let seen = [1, 2, 1, 2, 300].map(|n| outcome(source(n), front));
        assert_eq!(seen, ["s2", "s3", "s2", "s3", "s2"], "{flavour:?}");
        let nets = node.api().table("nets");
        let values = ["gpc0", "gpt0", "conn_cnt"].map(|field| nets["127.1.0.0"][field].as_str());
        assert_eq!(values, ["4", "7", "4"], "{flavour:?}");
        assert_eq!(node.api().table("one")["127.1.0.1"]["gpc0"], "2", "{flavour:?}");
    }
}

#[test]
fn arrays_of_counters_and_tags_are_counted_and_read() {
    for flavour in flavours() {
        let (node, front, _servers, _place) = run(
            flavour,
            "tcp-request connection track-sc2 src table t
             tcp-request connection sc-inc-gpc(1,2)
             tcp-request connection sc-set-gpt(0,2) 5
             use_backend b2 if { sc_get_gpc(1,2) eq 2 } { sc_get_gpt(0,2) 5 }
             use_backend b3 if { src_get_gpc(1,t) gt 2 } { src,table_gpc(1,t),mul(2),sub(1) 5 }
             default_backend b1",
            "backend t\n    stick-table type ip size 1k expire 1m \
             store gpc(2),gpc_rate(2,1m),gpt(1)",
        );
        let seen = [1, 1, 1, 1].map(|n| outcome(source(n), front));
        assert_eq!(seen, ["s1", "s2", "s3", "s1"], "{flavour:?}: {}", node.log());
    }
}

#[test]
fn a_rule_of_a_backend_takes_a_server_if_it_is_up() {
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let servers: Vec<_> =
            (1..=4).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
        let mut body = format!(
            "listen in\n    bind {front}\n    balance first\n    \
             acl odd src 127.1.0.1 127.1.0.3\n    \
             use-server s3 if odd\n    use-server s2 if {{ src 127.1.0.1 }}\n    \
             use-server s4 if odd\n"
        );
        for (number, server) in servers.iter().enumerate() {
            let words = if number == 2 { "disabled" } else { "" };
            body.push_str(&format!("    server s{} {} {words}\n", number + 1, server.address()));
        }
        let _node = start(flavour, &place, "", &body);
        let all = [1, 2, 3].map(|n| outcome(source(n), front));
        assert_eq!(all, ["s2", "s1", "s4"], "{flavour:?}");
    }
}

#[test]
fn a_rule_of_a_backend_knows_backend_and_frontend() {
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let server = Server::name(place.address(), "s1");
        let body = format!(
            "frontend in\n    bind {front}\n    id 7\n    default_backend out\n\
             backend out\n    id 9\n    \
             tcp-request content reject unless {{ be_name out }} {{ be_id 9 }} {{ fe_name in }} \
             {{ fe_id 7 }} {{ be_conn 1 }} {{ be_sess_rate 1: }} {{ nbsrv 1 }} {{ queue 0 }} \
             {{ srv_is_up(s1) }} {{ srv_conn(s1) 0 }}\n    \
             server s1 {}\n",
            server.address()
        );
        let _node = start(flavour, &place, "", &body);
        assert_eq!(outcome(source(1), front), "s1", "{flavour:?}");
    }
}

#[test]
fn stick_rules_have_keys_and_conditions_and_share_a_table() {
    for flavour in flavours() {
        let place = Place::new();
        let (one, two) = (place.address(), place.address());
        let servers: Vec<_> =
            (1..=2).map(|n| Server::name(place.address(), &format!("s{n}"))).collect();
        let lines: String = servers
            .iter()
            .enumerate()
            .map(|(number, server)| format!("    server s{} {}\n", number + 1, server.address()))
            .collect();
        let body = format!(
            "backend shared\n    stick-table type ip size 1k expire 1m\n\
             listen one\n    bind {one}\n    \
             stick on src,ipmask(24) table shared if {{ src 127.1.0.0/16 }}\n    \
             stick on src table shared unless {{ src 127.2.0.0/16 }}\n{lines}\
             listen two\n    bind {two}\n    stick match src,ipmask(24) table shared\n{lines}"
        );
        let node = start(flavour, &place, "", &body);
        let first = outcome(Ipv4Addr::new(127, 1, 5, 1), one);
        for fourth in 2..6 {
            assert_eq!(outcome(Ipv4Addr::new(127, 1, 5, fourth), one), first, "{flavour:?}");
            assert_eq!(outcome(Ipv4Addr::new(127, 1, 5, fourth), two), first, "{flavour:?}");
        }
        outcome(Ipv4Addr::new(127, 3, 0, 1), one);
        outcome(Ipv4Addr::new(127, 2, 0, 1), one);
        let keys: Vec<_> = node.api().table("shared").into_keys().collect();
        assert_eq!(keys, ["127.1.5.0", "127.3.0.1"], "{flavour:?}");
    }
}

/// The hello of a TLS client with a server name. It has only the parts that rules use.
pub fn client_hello(name: &str) -> Vec<u8> {
    let len = |n: usize| u16::try_from(n).unwrap().to_be_bytes();
    let list = [&[0][..], &len(name.len()), name.as_bytes()].concat();
    let extension = [&len(list.len() + 2)[..], &len(list.len()), &list].concat();
    let extensions = [&[0, 0][..], &extension].concat();
    let ciphers = [0, 2, 0x13, 1, 1, 0];
    let body = [&[3, 3][..], &[7; 32], &[0], &ciphers, &len(extensions.len()), &extensions];
    let body = body.concat();
    let hello = [&[1, 0][..], &len(body.len()), &body].concat();
    [&[0x16, 3, 1][..], &len(hello.len()), &hello].concat()
}

/// Sends `pieces` one after the other. Returns the first answer of the server, or how the
/// connection ended.
fn say(to: SocketAddr, pieces: &[&[u8]]) -> String {
    let mut stream = connect_from(source(1), to).unwrap();
    for piece in pieces {
        stream.write_all(piece).unwrap();
        crate::support::pause(std::time::Duration::from_millis(20));
    }
    let mut name = [0; 3];
    match stream.read_exact(&mut name) {
        Ok(()) => String::from_utf8_lossy(&name[..2]).into_owned(),
        Err(_) => "closed".to_owned(),
    }
}

#[test]
fn a_backend_is_chosen_by_the_name_that_a_tls_client_asks_for() {
    for flavour in flavours() {
        let (node, front, _servers, _place) = run(
            flavour,
            "tcp-request inspect-delay 2s
             tcp-request content accept if { req.ssl_hello_type 1 }
             tcp-request content reject if { req.len gt 0 }
             use_backend b1 if { req.ssl_sni -i WWW.example.org }
             use_backend b2 if { req_ssl_sni -m end .example.net }
             default_backend b3",
            "",
        );
        let www = client_hello("www.Example.org");
        assert_eq!(say(front, &[&www]), "s1", "{flavour:?}");
        assert_eq!(say(front, &[&www[..9], &www[9..40], &www[40..]]), "s1", "{flavour:?}");
        assert_eq!(say(front, &[&client_hello("a.example.net")]), "s2", "{flavour:?}");
        assert_eq!(say(front, &[&client_hello("example.com")]), "s3", "{flavour:?}");
        assert_eq!(say(front, &[]), "s3", "{flavour:?}: after the delay");
        assert_eq!(say(front, &[b"GET / HTTP/1.0\r\n\r\n"]), "closed", "{flavour:?}");
        // Everything that was looked at reaches the server.
        let mut stream = connect_from(source(1), front).unwrap();
        stream.write_all(&www).unwrap();
        let mut answer = vec![0; 3 + www.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer[3..], &www[..], "{flavour:?}");
        assert_eq!(counted(&node, "in")[4], "1", "{flavour:?}");
    }
}

#[test]
fn a_client_is_tracked_by_what_it_sends() {
    for flavour in flavours() {
        let (node, front, _servers, _place) = run(
            flavour,
            "tcp-request inspect-delay 2s
             tcp-request content track-sc0 req.ssl_sni,lower table names
             tcp-request content reject if { sc0_conn_cnt gt 2 }
             default_backend b1",
            "backend names\n    stick-table type string len 64 size 1k expire 1m store conn_cnt",
        );
        let hello = client_hello("WWW.example.org");
        let seen: Vec<_> = (0..3).map(|_| say(front, &[&hello[..20], &hello[20..]])).collect();
        assert_eq!(seen, ["s1", "s1", "closed"], "{flavour:?}");
        let names = node.api().table("names");
        assert_eq!(names["www.example.org"]["conn_cnt"], "3", "{flavour:?}");
    }
}

#[test]
fn a_client_that_sends_no_more_is_not_waited_for() {
    for flavour in flavours() {
        let (_node, front, _servers, _place) = run(
            flavour,
            "tcp-request inspect-delay 60s
             tcp-request content accept if { req.len gt 100 }
             use_backend b1 if { req.len 5 }
             use_backend b2 if { req.len 0 }
             default_backend b3",
            "",
        );
        // Less than the rule waits for, then the end; and the end without a word.
        for (sent, expected) in [(&b"hello"[..], "s1\nhello"), (b"", "s2\n")] {
            let mut stream = connect_from(source(1), front).unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            stream.write_all(sent).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, expected, "{flavour:?}");
        }
    }
}

#[test]
fn every_address_of_this_machine_is_local() {
    for flavour in flavours() {
        let place = Place::new();
        let (front, servers) = (place.address(), [1, 2].map(|_| place.address()));
        let named = [("s1", servers[0]), ("s2", servers[1])].map(|(n, at)| Server::name(at, n));
        let body = format!(
            "frontend in\n    bind {front} accept-proxy\n    \
             use_backend b1 if {{ src_is_local }}\n    default_backend b2\n\
             backend b1\n    server s1 {}\nbackend b2\n    server s2 {}\n",
            named[0].address(),
            named[1].address()
        );
        let _node = start(flavour, &place, "", &body);
        let own = own_addresses().into_iter().map(|own| (own, "s1"));
        let other = ["203.0.113.7", "2001:db8::7"].map(|other| (other.parse().unwrap(), "s2"));
        for (client, expected) in own.chain(other) {
            let (family, dst) = match client {
                IpAddr::V4(_) => ("TCP4", "127.0.0.1"),
                IpAddr::V6(_) => ("TCP6", "::1"),
            };
            let header = format!("PROXY {family} {client} {dst} 1000 80\r\n");
            assert_eq!(say(front, &[header.as_bytes()]), expected, "{flavour:?}: {client}");
        }
    }
}

/// The addresses of this machine's interfaces, without link-local addresses.
fn own_addresses() -> Vec<IpAddr> {
    let addresses = nix::ifaddrs::getifaddrs().unwrap().filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| Some(IpAddr::V6(address.as_sockaddr_in6()?.ip())))
    });
    addresses.filter(|ip| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local())).collect()
}

#[test]
fn a_silent_drop_leaves_the_client_waiting() {
    let (_node, front, _servers, _place) = run(
        Flavour::Stickd,
        "tcp-request connection silent-drop if { src 127.1.0.1 }\ndefault_backend b1",
        "",
    );
    assert_eq!(outcome(source(2), front), "s1");
    // Where the program may not forget the connection, a client so near gets a reset.
    assert_ne!(outcome(source(1), front), "s1");
}

#[test]
fn of_backup_servers_one_is_usable_unless_all_are() {
    for flavour in flavours() {
        let backups = "server x 127.0.0.1:1 backup\n    server y 127.0.0.1:2 backup";
        let (_node, front, _servers, _place) = run(
            flavour,
            "use_backend b1 if { nbsrv(one) 1 } { nbsrv(all) 2 }",
            &format!(
                "backend one\n    {backups}\nbackend all\n    option allbackups\n    {backups}"
            ),
        );
        assert_eq!(outcome(source(1), front), "s1", "{flavour:?}");
    }
}
