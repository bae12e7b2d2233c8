//! What an HTTP check tells a server of the server's state (`http-check send-state`).

use crate::config::ServerIndex;
use crate::proxy::backend::Backend;
use crate::proxy::backend::server::{Health, Server};

/// The value of the header: the state, the place, the share of clients, and the load.
pub(super) fn text(backend: &Backend, index: ServerIndex, node: &str) -> String {
    let server = backend.server(index);
    let name = &server.config.name;
    let (address, port) = match server.address.ip() {
        Some((ip, port)) => (ip.to_string(), port.number().to_string()),
        None => ("unix".to_owned(), "unix".to_owned()),
    };
    let total: u32 = usable(backend).map(|server| server.weight).sum();
    let mut text = format!(
        "{}; address={address}; port={port}; name={}/{name}; node={node}; weight={}/{total}; \
         scur={}/{}; qcur={}",
        state(server),
        backend.config.name,
        server.weight,
        server.counters.current,
        backend.counters.current,
        backend.queues.len(Some(index)),
    );
    if let Some(percent) = server.throttle() {
        text += &format!("; throttle={percent}%");
    }
    text
}

/// The servers that take clients: the backup servers only where no other server is left.
fn usable(backend: &Backend) -> impl Iterator<Item = &Server> {
    let on_backup = backend.active() == 0;
    let servers = backend.servers.iter().filter(|server| server.is_usable());
    servers.filter(move |server| server.config.settings.backup == on_backup)
}

fn state(server: &Server) -> String {
    let word = match server.health {
        Health::Up => "UP",
        Health::Stopping => "NOLB",
        Health::Down => "DOWN",
    };
    match &server.checked {
        Some(checked) if checked.counter.is_changing() => {
            let (at, of) = checked.counter.progress();
            format!("{word} {at}/{of}")
        }
        Some(_) | None => word.to_owned(),
    }
}
