//! Clients that upload, and the server that takes it: so many bytes, one byte back.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::wrong;

const BODY_LEN: usize = 16 << 20;
/// What one call writes or reads at most.
const PIECE_LEN: usize = 256 << 10;
const DONE: u8 = 7;

/// Uploads by way of the proxy at `address` to the server that is played at `sink`.
pub fn upload(
    address: SocketAddr,
    sink: SocketAddr,
    connections: u32,
    seconds: u32,
) -> io::Result<()> {
    let listener = TcpListener::bind(sink)?;
    // As many as come: a probe of the proxy's port may arrive here too.
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

/// A body that was begun is finished, so that what is counted is what was moved.
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
