//! Rules in a `defaults` section with a name.

use crate::support::{Place, Server, ask, source};
use crate::{flavours, start};

#[test]
fn rules_of_a_named_defaults_section_come_before_those_of_the_frontend() {
    for flavour in flavours() {
        let place = Place::new();
        let server = Server::name(place.address(), "served");
        let front = place.address();
        let times = "mode tcp\n timeout connect 2s\n timeout client 9s\n timeout server 9s\n";
        // Both sections have an access list of the same name, and each knows its own.
        let body = format!(
            "defaults guarded\n {times} acl bad src 127.1.0.2\n \
             tcp-request connection reject if bad\n \
             tcp-request connection accept if {{ src 127.1.0.3 }}\n\
             defaults plain\n {times}\
             frontend f from guarded\n bind {front}\n acl bad src 127.1.0.4\n \
             tcp-request connection reject if bad\n \
             tcp-request connection reject if {{ src 127.1.0.3 }}\n default_backend b\n\
             backend b from plain\n server s {}\n",
            server.address()
        );
        let _node = start(flavour, &place, "", &body);
        let served = [1, 2, 3, 4].map(|client| ask(source(client), front).is_ok());
        assert_eq!(served, [true, false, true, false], "{flavour:?}");
    }
}
