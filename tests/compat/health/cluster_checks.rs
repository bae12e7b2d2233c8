//! The checks that people write for usual clusters: Galera with `clustercheck`, Patroni, and Redis
//! with a role. Clients must get the node that the check means, also after the roles change.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use crate::support::{Held, Node, Place, SOON, Server, ask, eventually, source, until};
use crate::{flavours, start};

/// A service beside a server that answers each request line by what it holds now.
struct Oracle {
    server: Server,
    answer: Arc<Mutex<String>>,
}

impl Oracle {
    /// Answers the request after its empty line.
    fn http(address: SocketAddr, status: &str) -> Self {
        let answer = Arc::new(Mutex::new(status.to_owned()));
        let now = answer.clone();
        let server = Server::start(address, move |stream: TcpStream| {
            let mut lines = BufReader::new(&stream).lines();
            while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
            let status = now.lock().unwrap().clone();
            let body = "Content-Length: 5\r\nConnection: close\r\n\r\nnode\n";
            (&stream).write_all(format!("HTTP/1.1 {status}\r\n{body}").as_bytes())
        });
        Self { server, answer }
    }

    fn say(&self, answer: &str) {
        answer.clone_into(&mut self.answer.lock().unwrap());
    }

    fn port(&self) -> u16 {
        self.server.address().port()
    }

    fn ip(&self) -> IpAddr {
        self.server.address().ip()
    }
}

/// The statuses of the servers of `l`.
fn statuses(node: &Node, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| node.api().stat("l", name, "status")).collect()
}

#[track_caller]
fn expect(node: &Node, names: &[&str], wanted: &[&str], why: &str) {
    let fits = eventually(SOON, || statuses(node, names) == wanted);
    assert!(fits, "{why}: {:?}, not {wanted:?}", statuses(node, names));
}

/// A node that does not take part in the cluster answers 503 at the port of `clustercheck`.
#[test]
fn galera_nodes_are_used_while_they_are_synced() {
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let nodes: [Server; 2] = ["g1", "g2"].map(|name| Server::name(place.address(), name));
        let checks = [(); 2].map(|()| Oracle::http(place.address(), "200 OK"));
        let mut body = format!(
            "listen l\n    bind {front}\n    option httpchk\n    \
             default-server inter 200ms rise 2 fall 2\n"
        );
        for (number, (node, check)) in nodes.iter().zip(&checks).enumerate() {
            let backup = if number > 0 { "backup" } else { "" };
            body += &format!(
                "    server g{} {} check addr {} port {} {backup}\n",
                number + 1,
                node.address(),
                check.ip(),
                check.port()
            );
        }
        let lb = start(flavour, &place, "", &body);
        let names = ["g1", "g2"];
        expect(&lb, &names, &["UP", "UP"], "both are synced");
        assert_eq!(ask(source(1), front).unwrap(), "g1", "{flavour:?}");
        checks[0].say("503 Service Unavailable");
        expect(&lb, &names, &["DOWN", "UP"], "the first is a donor");
        assert_eq!(ask(source(1), front).unwrap(), "g2", "{flavour:?}");
        // HAProxy hides it while the next check is made.
        until("the code is shown", SOON, || lb.api().stat("l", "g1", "check_code") == "503");
        checks[0].say("200 OK");
        expect(&lb, &names, &["UP", "UP"], "the first is synced again");
        assert_eq!(ask(source(1), front).unwrap(), "g1", "{flavour:?}");
    }
}

/// Patroni answers 200 to `OPTIONS /master` at the leader only. Sessions with the old leader end.
#[test]
fn clients_follow_the_leader_of_patroni() {
    for flavour in flavours() {
        let place = Place::new();
        let front = place.address();
        let nodes: [Server; 2] =
            ["p1", "p2"].map(|name| Server::greeting_echo(place.address(), name));
        let checks = [
            Oracle::http(place.address(), "200 OK"),
            Oracle::http(place.address(), "503 Service Unavailable"),
        ];
        let mut body = format!(
            "listen l\n    bind {front}\n    option httpchk OPTIONS /master\n    \
             http-check expect status 200\n    default-server inter 200ms fall 3 rise 2 \
             on-marked-down shutdown-sessions\n"
        );
        for (number, (node, check)) in nodes.iter().zip(&checks).enumerate() {
            body += &format!(
                "    server p{} {} maxconn 100 check addr {} port {}\n",
                number + 1,
                node.address(),
                check.ip(),
                check.port()
            );
        }
        let lb = start(flavour, &place, "", &body);
        let names = ["p1", "p2"];
        expect(&lb, &names, &["UP", "DOWN"], "the first leads");
        let mut session = BufReader::new(TcpStream::connect(front).unwrap());
        let mut hello = [0; 3];
        session.read_exact(&mut hello[..2]).unwrap();
        assert_eq!(&hello[..2], b"p1", "{flavour:?}");
        checks[0].say("503 Service Unavailable");
        checks[1].say("200 OK");
        expect(&lb, &names, &["DOWN", "UP"], "the second leads");
        session.get_ref().set_read_timeout(Some(SOON)).unwrap();
        let end = session.read(&mut hello);
        let is_over = !end.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        assert!(is_over, "{flavour:?}: the session goes on");
        let mut other = TcpStream::connect(front).unwrap();
        other.read_exact(&mut hello[..2]).unwrap();
        assert_eq!(&hello[..2], b"p2", "{flavour:?}");
    }
}

/// A small Redis: it wants a password, and tells its role.
fn redis(address: SocketAddr, role: Arc<Mutex<&'static str>>) -> Server {
    Server::start(address, move |stream: TcpStream| {
        for line in BufReader::new(&stream).lines() {
            let role = *role.lock().unwrap();
            let answer = match line?.as_str() {
                "AUTH secret" | "QUIT" => "+OK\r\n".to_owned(),
                "PING" => "+PONG\r\n".to_owned(),
                "info replication" => format!("$20\r\n# Replication\r\nrole:{role}\r\n\r\n"),
                _ => "-ERR unknown command\r\n".to_owned(),
            };
            (&stream).write_all(answer.as_bytes())?;
        }
        Ok(())
    })
}

#[test]
fn clients_follow_the_master_of_redis() {
    for flavour in flavours() {
        let place = Place::new();
        let roles = [Arc::new(Mutex::new("master")), Arc::new(Mutex::new("slave"))];
        let nodes = [0, 1].map(|at: usize| redis(place.address(), roles[at].clone()));
        let dead = place.address();
        let _dead = Held::refusing(dead);
        let body = format!(
            "listen l\n    bind {}\n    option tcp-check\n    tcp-check connect\n    \
             tcp-check send AUTH\\ secret\\r\\n\n    tcp-check expect string +OK\n    \
             tcp-check send PING\\r\\n\n    tcp-check expect string +PONG\n    \
             tcp-check send info\\ replication\\r\\n\n    tcp-check expect string role:master\n    \
             tcp-check send QUIT\\r\\n\n    tcp-check expect string +OK\n    \
             default-server inter 200ms fall 1 rise 1\n    server r1 {} check\n    \
             server r2 {} check\n    server r3 {dead} check\n",
            place.address(),
            nodes[0].address(),
            nodes[1].address()
        );
        let lb = start(flavour, &place, "", &body);
        let names = ["r1", "r2", "r3"];
        expect(&lb, &names, &["UP", "DOWN", "DOWN"], "the first is the master");
        let last = || lb.api().stat("l", "r2", "last_chk");
        let wanted = " at step 7 of tcp-check (expect string 'role:master')";
        until("the check has found a slave", SOON, || last().contains(wanted));
        *roles[0].lock().unwrap() = "slave";
        *roles[1].lock().unwrap() = "master";
        expect(&lb, &names, &["DOWN", "UP", "DOWN"], "the second is the master");
        let connect = || lb.api().stat("l", "r3", "last_chk");
        let wanted = "Connection refused at step 1 of tcp-check (connect)";
        until(&format!("{flavour:?}: {wanted}"), SOON, || connect() == wanted);
    }
}
