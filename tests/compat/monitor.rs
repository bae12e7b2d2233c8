//! `monitor-uri` is a path for every host, or a whole target, as with HAProxy.

use crate::support::{Place, http};
use crate::{flavours, start};

#[test]
fn a_monitor_uri_is_a_path_or_a_whole_target() {
    const OK: &str = "HTTP/1.1 200";
    const NO: &str = "HTTP/1.1 503";
    for flavour in flavours() {
        let place = Place::new();
        let (path, whole) = (place.address(), place.address());
        let body = format!(
            "frontend path\n    mode http\n    bind {path}\n    monitor-uri /up\n\
             frontend whole\n    mode http\n    bind {whole}\n    \
             monitor-uri http://www.example/up\n"
        );
        let _node = start(flavour, &place, "", &body);
        for (target, of_path, of_whole) in [
            ("/up", OK, NO),
            ("http://www.example/up", OK, OK),
            ("http://other.example/up", OK, NO),
            ("http://www.example/up?x", NO, NO),
            ("/up?x", NO, NO),
        ] {
            for (address, wanted) in [(path, of_path), (whole, of_whole)] {
                let host = target.split('/').nth(2).filter(|host| !host.is_empty());
                let host = host.unwrap_or("www.example");
                let answer = http::exchange(
                    address,
                    &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
                );
                assert!(answer.starts_with(wanted), "{flavour:?}: {target}: {answer}");
            }
        }
    }
}
