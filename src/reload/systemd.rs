//! Notifications to a service manager such as systemd (sd_notify(3)): one datagram for each change,
//! to the socket that `NOTIFY_SOCKET` names.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The socket of the service manager, if there is one.
#[derive(Debug, Default)]
pub struct Notifier {
    /// The socket is connected, so that it works from a new root directory as well.
    socket: Option<UnixDatagram>,
}

impl Notifier {
    /// The service manager that `NOTIFY_SOCKET` names for this process.
    pub fn of_process() -> Self {
        std::env::var_os("NOTIFY_SOCKET").map_or_else(Self::default, |name| Self::new(&name))
    }

    fn new(name: &OsStr) -> Self {
        match connect(name) {
            Ok(socket) => Self { socket: Some(socket) },
            Err(error) => {
                log::warn!("notify the service manager at {}: {error}", name.display());
                Self::default()
            }
        }
    }

    /// Says that clients are served.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// Says that a reload begins. [`Notifier::ready`] has to follow, also after a failed reload.
    pub fn reloading(&self, now_ns: u64) {
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reloading", now_ns / 1000));
    }

    /// Says that process `pid` is the service from now on.
    pub fn main_pid(&self, pid: i32) {
        self.send(&format!("MAINPID={pid}"));
    }

    /// Says how things stand, in words.
    pub fn status(&self, status: &str) {
        self.send(&format!("STATUS={status}"));
    }

    /// Says that the service ends.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=stopping");
    }

    fn send(&self, state: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(state.as_bytes())
        {
            log::debug!("notify the service manager: {error}");
        }
    }
}

fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_gets_what_its_protocol_asks_for() {
        let name = format!("stickd-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        let notifier = Notifier::new(OsStr::new(&format!("@{name}")));
        let heard = || {
            let mut buffer = [0; 200];
            let len = manager.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..len].to_vec()).unwrap()
        };
        notifier.ready("serving");
        assert_eq!(heard(), "READY=1\nSTATUS=serving");
        notifier.reloading(5_000_000);
        assert_eq!(heard(), "RELOADING=1\nMONOTONIC_USEC=5000\nSTATUS=reloading");
        notifier.main_pid(7);
        assert_eq!(heard(), "MAINPID=7");
        notifier.stopping();
        assert_eq!(heard(), "STOPPING=1\nSTATUS=stopping");
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        Notifier::default().ready("serving");
        Notifier::new(OsStr::new("/nowhere/notify")).stopping();
    }
}
