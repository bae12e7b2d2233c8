//! Clients that upload data, and the server that receives it. The server answers each upload with
//! one byte.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::wrong;

const BODY_LEN: usize = 16 << 20;
/// The most bytes of one read or write.
const PIECE_LEN: usize = 256 << 10;
const DONE: u8 = 7;

/// Uploads through the proxy at `address` to the server at `sink`, which this process plays.
pub fn upload(
    address: SocketAddr,
    sink: SocketAddr,
    connections: u32,
    seconds: u32,
) -> io::Result<()> {
    let listener = TcpListener::bind(sink)?;
    // The number of connections is not known: a probe of the proxy's port may arrive here too.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(|| take_bodies(stream?));
        }
        io::Result::Ok(())
    });
    let bodies = AtomicU64::new(0);
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds.into());
    std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..connections).map(|_| scope.spawn(|| send_bodies(address, end, &bodies))).collect();
        clients.into_iter().try_for_each(|client| client.join().unwrap())
    })?;
    let bytes = bodies.into_inner() as f64 * BODY_LEN as f64;
    println!("bytes {bytes:.0}");
    println!("bytes_per_second {:.0}", bytes / start.elapsed().as_secs_f64());
    Ok(())
}

/// Uploads bodies until `end`. Finishes a body that was begun, so that the counted bytes are the
/// bytes that were moved.
fn send_bodies(address: SocketAddr, end: Instant, bodies: &AtomicU64) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let piece = vec![b'u'; PIECE_LEN];
    while Instant::now() < end {
        for _ in 0..BODY_LEN / PIECE_LEN {
            stream.write_all(&piece)?;
        }
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        if answer != [DONE] {
            return Err(wrong("the upload was not acknowledged"));
        }
        bodies.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn take_bodies(mut stream: TcpStream) -> io::Result<()> {
    let mut piece = vec![0; PIECE_LEN];
    let mut left = BODY_LEN;
    loop {
        let space = left.min(PIECE_LEN);
        let len = stream.read(&mut piece[..space])?;
        if len == 0 {
            return Ok(());
        }
        left -= len;
        if left == 0 {
            stream.write_all(&[DONE])?;
            left = BODY_LEN;
        }
    }
}
