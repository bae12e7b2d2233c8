//! FTP with passive mode.

use super::{Server, ask, source, under_each_program, until_checked};

#[test]
fn a_passive_data_connection_meets_the_server_of_its_control_connection() {
    under_each_program("ftp.cfg", |example, flavour| {
        let mut servers = Vec::new();
        for (host, name) in [("192.168.0.111", "files1"), ("192.168.0.112", "files2")] {
            let control = example.server(&format!("{host}:21"));
            servers.push(Server::name(control, &format!("220 {name}\r")));
            for port in [50000, 50007, 50019] {
                let address = (control.ip(), example.port(port)).into();
                servers.push(Server::name(address, &format!("{name} {port}")));
            }
        }
        let node = example.start(flavour);
        for name in ["ftp/files1", "ftp/files2"] {
            until_checked(&node, name, "UP");
        }
        let mut seen = Vec::new();
        for client in 0..6 {
            let greeting = ask(source(client), example.front(21)).unwrap();
            let name = greeting.trim().strip_prefix("220 ").unwrap().to_owned();
            for port in [50000, 50007, 50019] {
                let data = ask(source(client), example.front(port)).unwrap();
                assert_eq!(data, format!("{name} {port}"), "{flavour:?}");
            }
            seen.push(name);
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen, ["files1", "files2"], "{flavour:?}");
    });
}
