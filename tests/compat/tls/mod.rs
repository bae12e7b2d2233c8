//! TLS with clients and with servers.

mod clients;
mod failures;
mod headers;
mod pages;
mod renewal;
mod samples;
mod servers;

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::start;
use crate::support::tls::tls_global;
use crate::support::{Flavour, Node, Place, Server, source};

/// A frontend with TLS in front of a server that greets with `s1` and sends back what it gets.
struct Setting {
    _node: Node,
    receiver: UdpSocket,
    front: SocketAddr,
    _server: Server,
    _place: Place,
}

impl Setting {
    /// `words` stand on the `bind` line, `rules` in the frontend.
    fn new(flavour: Flavour, words: &str, rules: &str) -> Self {
        let place = Place::new();
        let receiver = place.log_receiver();
        let (front, back) = (place.address(), place.address());
        let server = Server::greeting_echo(back, "s1");
        let body = format!(
            "frontend in\n    bind {front} {words}\n    log global\n    option tcplog\n    \
             {rules}\n    default_backend out\n\
             backend out\n    server s1 {back}\n"
        );
        let log = format!("log {} local0\n    {}", receiver.local_addr().unwrap(), tls_global());
        let node = start(flavour, &place, &log, &body);
        Self { _node: node, receiver, front, _server: server, _place: place }
    }

    fn connect(&self) -> TcpStream {
        crate::support::connect_from(source(7), self.front).unwrap()
    }

    /// The next line of the log.
    fn whole_log_line(&self) -> String {
        self.receiver.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut line = [0; 4096];
        let len = self.receiver.recv(&mut line).unwrap();
        String::from_utf8_lossy(&line[..len]).trim_end().to_owned()
    }

    /// The next line of the log, from what tells the two programs' lines apart no more.
    fn log_line(&self) -> String {
        let line = self.whole_log_line();
        let (_, behind_time) = line.split_once("] ").unwrap();
        behind_time.to_owned()
    }
}

/// The near end of a connection whose bytes go on one by one.
fn drip(mut to: TcpStream) -> (TcpStream, std::thread::JoinHandle<()>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut inner, _) = listener.accept().unwrap();
    to.set_nodelay(true).unwrap();
    let (mut back, mut near_end) = (to.try_clone().unwrap(), inner.try_clone().unwrap());
    let far = std::thread::spawn(move || {
        let answers = std::thread::spawn(move || std::io::copy(&mut back, &mut near_end));
        let mut byte = [0];
        while matches!(inner.read(&mut byte), Ok(1)) {
            if to.write_all(&byte).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
        let _ = answers.join();
    });
    (near, far)
}
