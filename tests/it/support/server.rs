//! Servers behind the balancer: one thread each to accept, one per connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nix::sys::socket::{Backlog, listen, shutdown};

use super::client;
use super::place::bound;

/// A server that handles each connection in a thread; stops listening when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    acceptor: Option<(Arc<TcpListener>, thread::JoinHandle<()>)>,
}

impl Server {
    /// Runs `handle` for each connection to `address`.
    pub fn start(
        address: SocketAddr,
        handle: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = Arc::new(TcpListener::from(bound(address).unwrap()));
        listen(&listener, Backlog::new(4096).unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let stopping = Arc::new(AtomicBool::new(false));
        let handle = Arc::new(handle);
        let acceptor = {
            let (accepted, stopping) = (accepted.clone(), stopping.clone());
            let listener = listener.clone();
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
        Self { address, accepted, stopping, acceptor: Some((listener, acceptor)) }
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

    /// Stops listening; connections that are open stay open. Closing would not do: a program that
    /// another thread is just starting holds the socket until it runs. shutdown(2) ends the
    /// listening for all who hold it, and wakes the thread that accepts.
    pub fn stop(&mut self) {
        if let Some((listener, acceptor)) = self.acceptor.take() {
            self.stopping.store(true, Ordering::SeqCst);
            shutdown(listener.as_raw_fd(), nix::sys::socket::Shutdown::Both).unwrap();
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
        Self { _socket: bound(address).unwrap(), _filling: Vec::new() }
    }

    /// Connecting stays without an answer: the listen queue is full and never emptied.
    pub fn unanswering(address: SocketAddr) -> Self {
        let socket = bound(address).unwrap();
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
