//! A peer that the tests control. It can send messages that a real node never sends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use super::SOON;

/// A session with a node. The test sends and reads each message.
#[derive(Debug)]
pub struct FakePeer {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A message: its class, its type, and its body.
pub type Message = (u8, u8, Vec<u8>);

impl FakePeer {
    /// Calls the node `target` with the peer name `name`. The node must accept the call.
    #[track_caller]
    pub fn call(address: SocketAddr, target: &str, name: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(format!("HAProxyS 2.1\n{target}\n{name} 1 1\n").as_bytes()).unwrap();
        let mut status = [0; 4];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"200\n");
        Self { stream, received: Vec::new() }
    }

    /// Accepts one call of a node, answers its hello, and closes at once. Returns the first line of
    /// the hello.
    #[track_caller]
    pub fn refuse(listener: &TcpListener, status: &str) -> String {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut hello = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let first = hello.next().unwrap();
        assert_eq!(hello.by_ref().take(2).count(), 2);
        stream.write_all(format!("{status}\n").as_bytes()).unwrap();
        first
    }

    /// Sends bytes.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next message that is not a heartbeat.
    #[track_caller]
    pub fn next(&mut self) -> Message {
        loop {
            if let Some((message, len)) = first_message(&self.received) {
                self.received.drain(..len);
                if message.0 != 0 || message.1 != 4 {
                    return message;
                }
                continue;
            }
            let mut bytes = [0; 4096];
            let count = self.stream.read(&mut bytes).unwrap();
            assert!(count > 0, "the session was closed");
            self.received.extend_from_slice(&bytes[..count]);
        }
    }

    /// The messages that the node sends in answer to all earlier messages. To find the last of
    /// them, this peer sends an end of a resync and waits for the answer to it.
    #[track_caller]
    pub fn answers(&mut self) -> Vec<Message> {
        self.send(&[0, 1]);
        let mut answers = Vec::new();
        loop {
            match self.next() {
                (0, 3, _) => return answers,
                message => answers.push(message),
            }
        }
    }

    /// The connection.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }
}

fn first_message(bytes: &[u8]) -> Option<(Message, usize)> {
    let (&class, &kind) = (bytes.first()?, bytes.get(1)?);
    if kind < 128 {
        return Some(((class, kind, Vec::new()), 2));
    }
    let (len, start) = read_varint(bytes, 2)?;
    let end = start + usize::try_from(len).unwrap();
    Some(((class, kind, bytes.get(start..end)?.to_vec()), end))
}

fn read_varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = u64::from(*bytes.get(at)?);
    at += 1;
    if value >= 240 {
        let mut shift = 4;
        loop {
            let byte = *bytes.get(at)?;
            at += 1;
            value = value.wrapping_add(u64::from(byte) << shift);
            shift += 7;
            if byte < 128 {
                break;
            }
        }
    }
    Some((value, at))
}

/// A number in the encoding of the protocol.
pub fn varint(mut value: u64) -> Vec<u8> {
    let byte = |value: u64| u8::try_from(value & 0xff).unwrap();
    if value < 240 {
        return vec![byte(value)];
    }
    let mut bytes = vec![0xf0 | byte(value & 15)];
    value = (value - 240) >> 4;
    while value >= 128 {
        bytes.push(0x80 | byte(value & 127));
        value = (value - 128) >> 7;
    }
    bytes.push(byte(value));
    bytes
}

/// A message about a table.
pub fn table_message(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.concat();
    [&[10, kind][..], &varint(payload.len() as u64), &payload].concat()
}

/// The definition of a table without parameters. Its entries live for ten minutes.
pub fn definition(
    id: u64,
    name: &str,
    (key_type, key_len): (u64, u64),
    data_types: u64,
) -> Vec<u8> {
    let numbers = [key_type, key_len, data_types, 600_000].map(varint).concat();
    let name_len = varint(name.len() as u64);
    table_message(130, &[&varint(id), &name_len, name.as_bytes(), &numbers])
}
