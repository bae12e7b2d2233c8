//! Giving up what the process does not need once it listens. In this order, each step fatal:
//!
//! ```text
//! chroot, supplementary groups, group, user
//! no_new_privs, unless 'insecure-setuid-wanted'     for ever, and for what is executed later
//! capabilities, all but those below
//! core files off, memory closed to others, unless 'set-dumpable'
//! ```
//!
//! What is kept depends on who starts the next process, because no_new_privs lets an executed
//! program have nothing that its parent has given up:
//!
//! - a supervisor (`-W`): everything. It opens nothing to clients, and starts every worker;
//! - a process that has changed its user: what `setcap` names;
//! - a process that starts its successor itself (`SIGUSR2` without `-W`): what any configuration
//!   can need;
//! - a worker, or a process locked in by `chroot`: as root what files and signals take, what
//!   `usesrc`, `set-mark` and such need, and what `setcap` names.
//!
//! Of these a process keeps only what it had. Low ports need nothing later: a successor inherits
//! the sockets, and a supervisor opens those that are new. The bounding set stays as it is: with
//! no_new_privs it changes nothing, and without it programs are meant to gain privileges.

use std::io;
use std::path::Path;

use nix::libc::RLIM_INFINITY;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid, getgroups, setgroups, setresgid, setresuid};

use super::system::{StartUpError, system};
use crate::config::{Config, ForeignSource, Global, KeptCapability};
use crate::net::address::Address;
use crate::net::confine::capabilities::{self, Capability};
use crate::net::{connection, localtime, socket};

/// What the start of a process with some configuration can need.
const STARTING: [Capability; 11] = [
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_FOWNER,
    Capability::CAP_KILL,
    Capability::CAP_NET_ADMIN,
    Capability::CAP_NET_BIND_SERVICE,
    Capability::CAP_NET_RAW,
    Capability::CAP_SETGID,
    Capability::CAP_SETUID,
    Capability::CAP_SYS_CHROOT,
    Capability::CAP_SYS_RESOURCE,
];

/// What root needs while it serves: files and processes of others, and pipes beyond the limit of
/// ordinary users.
const SERVING_AS_ROOT: [Capability; 3] =
    [Capability::CAP_DAC_OVERRIDE, Capability::CAP_KILL, Capability::CAP_SYS_RESOURCE];

/// What a process needs beside files while it serves.
#[derive(Clone, Debug)]
pub(super) struct Needs {
    /// Whether it starts its successor itself, as it has no supervisor.
    starts_successor: bool,
    /// Whether it starts the programs of external checks.
    starts_checks: bool,
    /// What the network takes.
    network: Vec<Capability>,
    sends_from_foreign: bool,
    marks_packets: bool,
    /// Whether the process only writes tables to files.
    saves: bool,
}

impl Needs {
    pub(super) fn of(config: &Config, has_supervisor: bool) -> Self {
        let low_port = |address: &Address| match address {
            Address::Ip(address) => (1..1024).contains(&address.port()),
            _ => false,
        };
        let mut network = Vec::new();
        for source in config.sources() {
            let is_low = source.foreign == Some(ForeignSource::Client) || low_port(&source.address);
            network.extend(is_low.then_some(Capability::CAP_NET_BIND_SERVICE));
            let is_raw = source.foreign.is_some() || source.interface.is_some();
            network.extend(is_raw.then_some(Capability::CAP_NET_RAW));
        }
        let marks_packets = config.marks_packets();
        network.extend(marks_packets.then_some(Capability::CAP_NET_ADMIN));
        Self {
            starts_successor: !has_supervisor,
            starts_checks: config.global.external_check,
            network,
            sends_from_foreign: config.sources().any(|source| source.foreign.is_some()),
            marks_packets,
            saves: false,
        }
    }

    /// Those of a process that only writes tables to files.
    pub(super) fn of_saver() -> Self {
        Self {
            starts_successor: false,
            starts_checks: false,
            network: Vec::new(),
            sends_from_foreign: false,
            marks_packets: false,
            saves: true,
        }
    }

    /// The capabilities that are kept.
    fn kept(&self, global: &Global, changes_user: bool) -> Vec<Capability> {
        if self.saves {
            // As root it writes to directories of others.
            let writes = !changes_user && Uid::effective().is_root();
            return writes.then_some(Capability::CAP_DAC_OVERRIDE).into_iter().collect();
        }
        let mut kept: Vec<_> = global.kept_capabilities.iter().map(|kept| named(*kept)).collect();
        if changes_user {
            return kept;
        }
        let is_root = Uid::effective().is_root();
        let starts_successor = self.starts_successor && !is_locked_in(global);
        if starts_successor || (is_root && self.starts_checks) {
            return STARTING.to_vec();
        }
        if is_root {
            kept.extend(SERVING_AS_ROOT);
        }
        kept.extend(&self.network);
        kept
    }
}

const fn named(kept: KeptCapability) -> Capability {
    match kept {
        KeptCapability::NetAdmin => Capability::CAP_NET_ADMIN,
        KeptCapability::NetBindService => Capability::CAP_NET_BIND_SERVICE,
        KeptCapability::NetRaw => Capability::CAP_NET_RAW,
    }
}

/// Whether a successor could not be found any more.
pub(super) fn is_locked_in(global: &Global) -> bool {
    global.chroot.as_deref().is_some_and(|root| root != Path::new("/"))
}

/// Whether a process with this configuration gives up privileges that a successor needs.
pub(super) fn gives_up_privileges(global: &Global) -> bool {
    global.chroot.is_some() || global.uid.is_some() || global.gid.is_some()
}

/// Gives up what the process does not need any more. Everything that needs privileges has to be
/// done before.
///
/// # Errors
/// What the system reports of the step that failed; that `usesrc` or `set-mark` need a capability
/// that was given up with the user.
pub(super) fn drop_privileges(global: &Global, needs: &Needs) -> Result<(), StartUpError> {
    localtime::read_local_zone();
    if let Some(root) = &global.chroot {
        nix::unistd::chroot(root).map_err(system("chroot to", root.display()))?;
        std::env::set_current_dir("/").map_err(system("change to", "the new root"))?;
    }
    let changes_user = global.uid.is_some_and(|uid| uid != Uid::effective().as_raw());
    let kept = needs.kept(global, changes_user);
    if changes_user && !kept.is_empty() {
        prctl::set_keepcaps(true).map_err(system("keep", "capabilities"))?;
    }
    become_other(global)?;
    lock_privileges(global)?;
    capabilities::keep_only(&kept).map_err(system("give up", "capabilities"))?;
    close_memory(global)?;
    if needs.sends_from_foreign {
        require("'usesrc'", "cap_net_raw", socket::may_send_from_foreign(), changes_user)?;
    }
    if needs.marks_packets {
        require("'set-mark'", "cap_net_admin", connection::may_mark(), changes_user)?;
    }
    Ok(())
}

/// Becomes the user and group of the configuration, with no way back: the saved ids change too.
fn become_other(global: &Global) -> Result<(), StartUpError> {
    if global.uid.is_none() && global.gid.is_none() {
        return Ok(());
    }
    if capabilities::has(Capability::CAP_SETGID) {
        setgroups(&[]).map_err(system("leave", "all groups"))?;
    } else if getgroups().is_ok_and(|groups| !groups.is_empty()) {
        log::warn!("the supplementary groups stay: leaving them is not allowed");
    }
    if let Some(gid) = global.gid {
        let gid = Gid::from_raw(gid);
        setresgid(gid, gid, gid).map_err(system("become group", gid))?;
    }
    if let Some(uid) = global.uid {
        let uid = Uid::from_raw(uid);
        setresuid(uid, uid, uid).map_err(system("become user", uid))?;
    }
    Ok(())
}

/// Lets no program that is executed from now on have more rights than this process, whatever its
/// file says.
fn lock_privileges(global: &Global) -> Result<(), StartUpError> {
    if !global.setuid_wanted {
        return prctl::set_no_new_privs().map_err(system("lock", "privileges"));
    }
    if prctl::get_no_new_privs().unwrap_or(false) {
        log::warn!(
            "'insecure-setuid-wanted' has no effect: this process was started without the right to \
             gain privileges (no_new_privs)"
        );
    }
    Ok(())
}

fn require(
    word: &str,
    capability: &str,
    allowed: io::Result<()>,
    changes_user: bool,
) -> Result<(), StartUpError> {
    match allowed {
        Ok(()) => Ok(()),
        Err(error) if changes_user => {
            let what = format!(
                "{word}, which does not go with 'user' or 'uid' without 'setcap {capability}'"
            );
            Err(system("use", what)(error))
        }
        Err(error) => {
            log::warn!("{word} may not work: it needs the capability CAP_NET_ADMIN: {error}");
            Ok(())
        }
    }
}

/// Keeps keys and tables out of core files, and lets no other process of the same user look into
/// this one. With `set-dumpable` both are allowed, even though privileges were given up.
///
/// # Errors
/// What prctl(2) reports.
pub(super) fn close_memory(global: &Global) -> Result<(), StartUpError> {
    let about = || "core files";
    prctl::set_dumpable(global.is_dumpable).map_err(system("set", about()))?;
    let (_, most) =
        getrlimit(Resource::RLIMIT_CORE).map_err(system("read the limit of", about()))?;
    if !global.is_dumpable {
        return setrlimit(Resource::RLIMIT_CORE, 0, most).map_err(system("turn off", about()));
    }
    let unlimited = setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY);
    if unlimited.or_else(|_| setrlimit(Resource::RLIMIT_CORE, most, most)).is_err() || most == 0 {
        log::warn!("there will be no core file: raising the limit is not allowed");
    }
    Ok(())
}

/// The same for a supervisor that has become another program, as it was before.
pub(super) fn keep_memory_closed() {
    if getrlimit(Resource::RLIMIT_CORE).is_ok_and(|(limit, _)| limit == 0) {
        // It cannot fail: it did not before.
        let _ = prctl::set_dumpable(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Request, load_text_with};

    fn kept(global: &str, backend: &str, has_supervisor: bool, changes_user: bool) -> Vec<u8> {
        let text = format!(
            "global\n {global}\nlisten l\n mode tcp\n bind :1\n {backend}\n server s 127.0.0.1:1\n"
        );
        let loaded = load_text_with("a", &text, &Request::default(), |_| Vec::new()).unwrap();
        let config = loaded.config;
        let kept = Needs::of(&config, has_supervisor).kept(&config.global, changes_user);
        let mut kept: Vec<u8> = kept.iter().map(Capability::index).collect();
        kept.sort_unstable();
        kept
    }

    const NONE: [u8; 0] = [];
    const BIND: u8 = 10;
    const ADMIN: u8 = 12;
    const RAW: u8 = 13;

    #[test]
    fn another_user_keeps_what_it_is_told_to() {
        for has_supervisor in [false, true] {
            assert_eq!(kept("user nobody", "", has_supervisor, true), NONE);
            let setcap = "user nobody\n setcap CAP_NET_RAW,cap_net_bind_service";
            assert_eq!(kept(setcap, "", has_supervisor, true), [BIND, RAW]);
            let foreign = "source 0.0.0.0 usesrc clientip";
            assert_eq!(kept("setcap none", foreign, has_supervisor, true), NONE);
        }
    }

    #[test]
    fn a_process_that_starts_its_successor_keeps_what_that_may_need() {
        let all: Vec<u8> = STARTING.iter().map(Capability::index).collect();
        assert_eq!(kept("", "", false, false).len(), all.len());
        assert_eq!(kept("chroot /", "", false, false).len(), all.len());
        assert!(kept("chroot /var/empty", "", false, false).len() < all.len());
    }

    #[test]
    fn a_worker_keeps_what_its_configuration_needs() {
        let of_root = if Uid::effective().is_root() { SERVING_AS_ROOT.len() } else { 0 };
        let network = |global, backend| {
            let kept = kept(global, backend, true, false);
            let network = kept.iter().copied().filter(|number| (BIND..=RAW).contains(number));
            let network: Vec<u8> = network.collect();
            assert_eq!(kept.len(), of_root + network.len(), "{global} {backend}");
            network
        };
        assert_eq!(network("", ""), NONE);
        assert_eq!(network("", "source 127.0.0.2"), NONE);
        assert_eq!(network("", "source 127.0.0.2:90"), [BIND]);
        assert_eq!(network("", "source 0.0.0.0 interface lo"), [RAW]);
        assert_eq!(network("", "source 0.0.0.0 usesrc clientip"), [RAW]);
        assert_eq!(network("", "tcp-request connection set-mark 1"), [ADMIN]);
        assert_eq!(network("setcap cap_net_admin", ""), [ADMIN]);
    }
}
