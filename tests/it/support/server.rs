//! Servers behind the balancer: one thread each to accept, one per connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, bind, listen, socket,
};

use super::client;

/// A server that handles each connection in a thread; stops listening when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    acceptor: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Runs `handle` for each connection to `address`.
    pub fn start(
        address: SocketAddr,
        handle: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        listen(&listener, Backlog::new(4096).unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let stopping = Arc::new(AtomicBool::new(false));
        let handle = Arc::new(handle);
        let acceptor = {
            let (accepted, stopping) = (accepted.clone(), stopping.clone());
            thread::spawn(move || {
                for stream in listener.incoming() {
                    if stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    accepted.fetch_add(1, Ordering::SeqCst);
                    let handle = handle.clone();
                    // A client that goes away is the client's business.
                    thread::spawn(move || handle(stream).ok());
                }
            })
        };
        Self { address, accepted, stopping, acceptor: Some(acceptor) }
    }

    /// Says its name to everyone who connects, and closes.
    pub fn name(address: SocketAddr, name: &str) -> Self {
        let line = format!("{name}\n");
        Self::start(address, move |mut stream| stream.write_all(line.as_bytes()))
    }

    /// Says its name, then sends back what it gets until the client has finished.
    pub fn greeting_echo(address: SocketAddr, name: &str) -> Self {
        let line = format!("{name}\n");
        Self::start(address, move |mut stream| {
            stream.write_all(line.as_bytes())?;
            io::copy(&mut stream.try_clone()?, &mut stream)?;
            stream.shutdown(Shutdown::Write)
        })
    }

    /// Sends back what it gets until the client has finished.
    pub fn echo(address: SocketAddr) -> Self {
        Self::start(address, |mut stream| {
            io::copy(&mut stream.try_clone()?, &mut stream)?;
            stream.shutdown(Shutdown::Write)
        })
    }

    /// Reads until the client has finished its half, then answers with the count and checksum.
    pub fn digest(address: SocketAddr) -> Self {
        Self::start(address, |mut stream| {
            let (count, sum) = client::checksum(&mut stream)?;
            writeln!(stream, "{count} {sum}")
        })
    }

    /// Sends `count` bytes of the pattern and finishes.
    pub fn sender(address: SocketAddr, count: u64) -> Self {
        Self::start(address, move |mut stream| client::pattern(&mut stream, count))
    }

    /// Waits for a byte and resets the connection.
    pub fn resetting(address: SocketAddr) -> Self {
        Self::start(address, |mut stream| {
            stream.read_exact(&mut [0])?;
            client::reset(stream);
            Ok(())
        })
    }

    /// Takes connections and says nothing until the client finishes.
    pub fn silent(address: SocketAddr) -> Self {
        Self::start(address, |mut stream| {
            io::copy(&mut stream, &mut io::sink())?;
            Ok(())
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it has accepted.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Stops listening; connections that are open stay open.
    pub fn stop(&mut self) {
        if let Some(acceptor) = self.acceptor.take() {
            self.stopping.store(true, Ordering::SeqCst);
            TcpStream::connect(self.address).ok();
            acceptor.join().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An address that is held without being served.
#[derive(Debug)]
pub struct Held {
    _socket: OwnedFd,
    _filling: Vec<TcpStream>,
}

impl Held {
    /// Connecting is refused, and nobody else can take the port.
    pub fn refusing(address: SocketAddr) -> Self {
        Self { _socket: bound(address), _filling: Vec::new() }
    }

    /// Connecting stays without an answer: the listen queue is full and never emptied.
    pub fn unanswering(address: SocketAddr) -> Self {
        let socket = bound(address);
        listen(&socket, Backlog::new(0).unwrap()).unwrap();
        let mut filling = Vec::new();
        while let Ok(stream) =
            TcpStream::connect_timeout(&address, std::time::Duration::from_millis(200))
        {
            filling.push(stream);
        }
        Self { _socket: socket, _filling: filling }
    }
}

fn bound(address: SocketAddr) -> OwnedFd {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    let raw = std::os::fd::AsRawFd::as_raw_fd(&fd);
    match address {
        SocketAddr::V4(address) => bind(raw, &SockaddrIn::from(address)).unwrap(),
        SocketAddr::V6(address) => bind(raw, &SockaddrIn6::from(address)).unwrap(),
    }
    fd
}
