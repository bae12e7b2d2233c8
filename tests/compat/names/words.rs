//! Which words both programs take.

use std::process::Command;

use crate::flavours;
use crate::support::{Flavour, Place, binary, haproxy};

/// Whether a program takes a configuration, and what it says.
fn takes(flavour: Flavour, body: &str) -> (bool, String) {
    let place = Place::new();
    let head = "defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n\
                listen web\n bind 127.0.0.1:1\n";
    let config = place.write("a.cfg", &format!("{head}{body}\n"));
    let program = match flavour {
        Flavour::Stickd => binary(),
        Flavour::Haproxy => haproxy().unwrap(),
    };
    let out = Command::new(program).arg("-c").arg("-f").arg(config).output().unwrap();
    (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn both_take_and_refuse_the_same_sections() {
    for flavour in flavours() {
        for (lines, is_taken) in [
            ("nameserver a 127.0.0.1:53", true),
            ("nameserver a udp@127.0.0.1:53", true),
            ("nameserver a tcp@127.0.0.1:53", true),
            ("nameserver a tcp4@127.0.0.1:53", true),
            ("nameserver a [::1]:53", true),
            ("nameserver a 127.0.0.1:53\n nameserver b 127.0.0.1:53", true),
            ("nameserver a 127.0.0.1:53\n nameserver a 127.0.0.2:53", false),
            ("nameserver a 127.0.0.1", false),
            ("nameserver a 127.0.0.1:0", false),
            ("nameserver a", false),
            ("nameserver a fd@3", false),
            ("nameserver a unix@/tmp/x", false),
            ("parse-resolv-conf", true),
            ("hold valid 1s", true),
            ("hold nx 1s\n hold refused 1s\n hold timeout 1s\n hold other 1s", true),
            ("hold obsolete 0", true),
            ("hold bogus 1s", false),
            ("hold valid", false),
            ("hold valid x", false),
            ("timeout resolve 1s\n timeout retry 1s", true),
            ("timeout bogus 1s", false),
            ("timeout retry", false),
            ("resolve_retries 0", true),
            ("resolve_retries", false),
            ("accepted_payload_size 512", true),
            ("accepted_payload_size 8192", true),
            ("accepted_payload_size 100", true),
            ("accepted_payload_size", false),
            ("foo bar", false),
        ] {
            let (taken, said) = takes(flavour, &format!("resolvers dns\n {lines}"));
            assert_eq!(taken, is_taken, "{flavour:?}: {lines}: {said}");
        }
        let twice = "resolvers a\n nameserver a 127.0.0.1:53\nresolvers a";
        for body in ["resolvers", twice, "resolvers a/b"] {
            let (taken, said) = takes(flavour, body);
            assert!(!taken, "{flavour:?}: {body}: {said}");
        }
    }
}

#[test]
fn both_take_and_refuse_the_same_words_of_servers() {
    for flavour in flavours() {
        for (line, is_taken) in [
            ("s a.invalid:80 resolvers dns", true),
            ("s a.invalid:80 resolvers dns init-addr none", true),
            ("s a.invalid:80 resolvers dns init-addr last,10.0.0.1", true),
            ("s a.invalid resolvers dns init-addr none", true),
            ("s a.invalid:+80 resolvers dns init-addr none", true),
            ("s ipv4@a.invalid:80 resolvers dns init-addr none", true),
            ("s 127.0.0.1:80 resolvers dns", true),
            ("s _http._tcp.a.invalid resolvers dns", true),
            ("s _http._tcp.a.invalid:80 resolvers dns init-addr none check", true),
            ("s a.invalid:80 resolvers default init-addr none", true),
            ("s a.invalid:80 resolvers nope init-addr none", false),
            ("s a.invalid:80 resolvers", false),
            ("s a.invalid:80 resolvers dns resolve-prefer ipv4", true),
            ("s a.invalid:80 resolvers dns resolve-prefer ipv5", false),
            ("s a.invalid:80 resolvers dns resolve-net 10.0.0.0/8,192.0.2.1", true),
            ("s a.invalid:80 resolvers dns resolve-net bogus", false),
            ("s a.invalid:80 resolvers dns resolve-opts allow-dup-ip,ignore-weight", true),
            ("s a.invalid:80 resolvers dns resolve-opts prevent-dup-ip", true),
            ("s a.invalid:80 resolvers dns resolve-opts bogus", false),
            ("s 127.0.0.1:80 resolve-prefer ipv4", true),
        ] {
            let body = format!(" server {line}\nresolvers dns\n nameserver a 127.0.0.1:53");
            let (taken, said) = takes(flavour, &body);
            assert_eq!(taken, is_taken, "{flavour:?}: {line}: {said}");
        }
    }
}
