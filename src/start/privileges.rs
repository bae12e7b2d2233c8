//! Giving up the privileges that the process does not need once it listens.

use std::io;

use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{Gid, Uid};

use super::system::{StartUpError, system};
use crate::config::Global;
use crate::net::{connection, localtime, socket};

/// Whether a process with this configuration gives up privileges that a successor needs.
pub(super) fn gives_up_privileges(global: &Global) -> bool {
    global.chroot.is_some() || global.uid.is_some() || global.gid.is_some()
}

/// Locks the process into the directory of `chroot`, and becomes the user and group of the
/// configuration. Everything that needs privileges has to be done before.
///
/// # Errors
/// What the system reports of the step that failed.
pub(super) fn drop_privileges(global: &Global) -> Result<(), StartUpError> {
    localtime::read_local_zone();
    if let Some(root) = &global.chroot {
        nix::unistd::chroot(root).map_err(system("chroot to", root.display()))?;
        std::env::set_current_dir("/").map_err(system("change to", "the new root"))?;
    }
    if let Some(gid) = global.gid {
        if Uid::effective().is_root() {
            nix::unistd::setgroups(&[]).map_err(system("leave", "all groups"))?;
        }
        nix::unistd::setgid(Gid::from_raw(gid)).map_err(system("become group", gid))?;
    }
    if let Some(uid) = global.uid {
        if Uid::effective().is_root() && global.gid.is_none() {
            nix::unistd::setgroups(&[]).map_err(system("leave", "all groups"))?;
        }
        nix::unistd::setuid(Uid::from_raw(uid)).map_err(system("become user", uid))?;
    }
    if global.is_dumpable {
        allow_core_file()?;
    }
    Ok(())
}

/// Warns that `usesrc` may not work without the capability to send from foreign addresses.
///
/// # Errors
/// When the capability was given up with the user.
pub(super) fn require_foreign_sources(global: &Global) -> Result<(), StartUpError> {
    require("'usesrc'", socket::may_send_from_foreign(), global)
}

/// Warns that `set-mark` may not work without the capability to mark packets.
///
/// # Errors
/// When the capability was given up with the user.
pub(super) fn require_marks(global: &Global) -> Result<(), StartUpError> {
    require("'set-mark'", connection::may_mark(), global)
}

fn require(word: &str, allowed: io::Result<()>, global: &Global) -> Result<(), StartUpError> {
    match allowed {
        Ok(()) => Ok(()),
        Err(error) if global.uid.is_some() => {
            let what = format!("{word}, which does not go with 'user' or 'uid'");
            Err(system("use", what)(error))
        }
        Err(error) => {
            log::warn!("{word} may not work: it needs the capability CAP_NET_ADMIN: {error}");
            Ok(())
        }
    }
}

/// Lets the system write a core file although privileges were given up.
fn allow_core_file() -> Result<(), StartUpError> {
    use nix::libc::RLIM_INFINITY;
    nix::sys::prctl::set_dumpable(true).map_err(system("allow", "core files"))?;
    if setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY).is_err() {
        log::warn!("the limit of core files stays as it is: raising it is not allowed");
    }
    Ok(())
}
