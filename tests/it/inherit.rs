//! What passes from process to process keeps its name: sockets, servers, files.

use crate::support::{Place, Server, Spec};

#[test]
fn a_server_at_a_path_with_a_blank_stays_in_maintenance() {
    let place = Place::new();
    let alive = Server::name(place.address(), "alive");
    let path = place.path("a b %20ö:c");
    let body = format!(
        "listen web\n    bind {}\n    server s1 {}\n    server s2 \"unix@{}\"\n",
        place.address(),
        alive.address(),
        path.display()
    );
    let node = Spec::new(&place, "a", &body).reloadable().start();
    node.api().command("set server web/s2 state maint");
    node.reload();
    assert_eq!(node.api().stat("web", "s2", "status"), "MAINT");
}
