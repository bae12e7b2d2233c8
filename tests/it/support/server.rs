//! Servers behind the balancer. Each has a thread that accepts, and a thread for each connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nix::sys::socket::{Backlog, listen, shutdown};

use super::client;
use super::place::bound;

/// A server that handles each connection in a thread. It stops listening when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    acceptor: Option<(Arc<TcpListener>, thread::JoinHandle<()>)>,
}

impl Server {
    /// A server at `address` that runs `handle` for each connection.
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
                    // A client may leave at any time, so errors are ignored.
                    thread::spawn(move || handle(stream).ok());
                }
            })
        };
        Self { address, accepted, stopping, acceptor: Some((listener, acceptor)) }
    }

    /// A server that sends its name to every client and closes.
    pub fn name(address: SocketAddr, name: &str) -> Self {
        let line = format!("{name}\n");
        Self::start(address, move |mut stream| stream.write_all(line.as_bytes()))
    }

    /// A server that sends its name, and then returns all bytes until the client has finished.
    pub fn greeting_echo(address: SocketAddr, name: &str) -> Self {
        let line = format!("{name}\n");
        Self::start(address, move |mut stream| {
            stream.write_all(line.as_bytes())?;
            io::copy(&mut stream.try_clone()?, &mut stream)?;
            stream.shutdown(Shutdown::Write)
        })
    }

    /// A server that returns all bytes until the client has finished.
    pub fn echo(address: SocketAddr) -> Self {
        Self::start(address, |mut stream| {
            io::copy(&mut stream.try_clone()?, &mut stream)?;
            stream.shutdown(Shutdown::Write)
        })
    }

    /// A server that reads until the client has finished, and then answers with the count and the
    /// checksum of the bytes.
    pub fn digest(address: SocketAddr) -> Self {
        Self::start(address, |mut stream| {
            let (count, sum) = client::checksum(&mut stream)?;
            writeln!(stream, "{count} {sum}")
        })
    }

    /// A server that sends `count` bytes of the pattern and closes.
    pub fn sender(address: SocketAddr, count: u64) -> Self {
        Self::start(address, move |mut stream| client::pattern(&mut stream, count))
    }

    /// A server that waits for a byte and resets the connection.
    pub fn resetting(address: SocketAddr) -> Self {
        Self::start(address, |mut stream| {
            stream.read_exact(&mut [0])?;
            client::reset(stream);
            Ok(())
        })
    }

    /// A server that accepts connections and sends nothing until the client finishes.
    pub fn silent(address: SocketAddr) -> Self {
        Self::start(address, |mut stream| {
            io::copy(&mut stream, &mut io::sink())?;
            Ok(())
        })
    }

    /// The server's address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections the server has accepted.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Stops listening. Open connections stay open. Closing the socket would not be enough: a
    /// program that another thread is starting still has a copy of it. shutdown(2) stops listening
    /// for all copies, and wakes the thread that accepts.
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

/// An address that is kept and at which no server listens.
#[derive(Debug)]
pub struct Held {
    _socket: OwnedFd,
    _filling: Vec<TcpStream>,
}

impl Held {
    /// An address at which a connect is refused. No other program can take the port.
    pub fn refusing(address: SocketAddr) -> Self {
        Self { _socket: bound(address).unwrap(), _filling: Vec::new() }
    }

    /// An address at which a connect gets no answer: the listen queue is full and is never emptied.
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
