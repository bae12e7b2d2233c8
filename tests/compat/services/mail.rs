//! Mail servers, which learn the client's address from the PROXY header.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use super::{Server, answers, ask, source, under_each_program, until_checked};

/// A Postfix that learns the client from the PROXY header.
fn postfix(address: SocketAddr, name: &'static str) -> Server {
    Server::start(address, move |mut stream| {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let header = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        let client = header.split(' ').nth(2).unwrap_or("nobody");
        write!(stream, "220 {name} greets {client}\r\n")?;
        for line in lines {
            let is_end = line?.eq_ignore_ascii_case("quit");
            stream.write_all(if is_end { b"221 bye\r\n" } else { b"250 yes\r\n" })?;
            if is_end {
                break;
            }
        }
        Ok(())
    })
}

/// The client's address in a PROXY header of version 2.
fn client_in(stream: &mut TcpStream) -> io::Result<Ipv4Addr> {
    let mut header = [0; 16];
    stream.read_exact(&mut header)?;
    let mut addresses = vec![0; usize::from(header[15])];
    stream.read_exact(&mut addresses)?;
    let ip = addresses.first_chunk::<4>().ok_or(io::ErrorKind::InvalidData)?;
    Ok(Ipv4Addr::from(*ip))
}

/// A Dovecot that does the same with the second version of the header.
fn dovecot(address: SocketAddr, name: &'static str) -> Server {
    Server::start(address, move |mut stream| {
        let client = client_in(&mut stream)?;
        write!(stream, "* OK {name} greets {client}\r\n")
    })
}

#[test]
fn mail_servers_learn_the_client_and_a_user_stays_on_one() {
    under_each_program("mail.cfg", |example, flavour| {
        let server = |written: &str| example.server(written);
        let _postfix = [
            postfix(server("192.168.0.91:10025"), "mx1"),
            postfix(server("192.168.0.92:10025"), "mx2"),
        ];
        let _dovecot = [
            dovecot(server("192.168.0.95:10143"), "box1"),
            dovecot(server("192.168.0.96:10143"), "box2"),
            dovecot(server("192.168.0.95:10993"), "box1"),
            dovecot(server("192.168.0.96:10993"), "box2"),
        ];
        let node = example.start(flavour);
        for name in ["smtp/mx1", "smtp/mx2", "imap/box1", "imap/box2"] {
            until_checked(&node, name, "UP");
        }
        let mut greetings = answers(example.front(25), 4..6);
        greetings.sort_by_key(|line| line.trim_end().ends_with(".5"));
        for (line, client) in greetings.iter().zip([4, 5]) {
            let end = format!("greets {}", source(client));
            assert!(line.starts_with("220 mx") && line.trim_end().ends_with(&end), "{line}");
        }
        for client in 0..6 {
            let box_of = |port| {
                let line = ask(source(client), example.front(port)).unwrap();
                let end = format!("greets {}", source(client));
                assert!(line.trim_end().ends_with(&end), "{flavour:?}: {line}");
                line.split(' ').nth(2).unwrap().to_owned()
            };
            assert_eq!(box_of(143), box_of(993), "{flavour:?}");
        }
        // Somebody who calls too often is turned away, also without a greeting.
        let calls: Vec<_> = (0..12).map(|_| ask(source(9), example.front(25))).collect();
        assert_eq!(calls.iter().filter(|call| call.is_ok()).count(), 10, "{flavour:?}");
    });
}
