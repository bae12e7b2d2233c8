//! The capabilities of the process (capabilities(7)): what root may do, in parts.

use std::io;

pub use caps::Capability;
use caps::errors::CapsError;
use caps::{CapSet, CapsHashSet};

/// Whether the process may do what this capability allows.
pub fn has(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false)
}

/// Gives up every capability but these, and hands none to programs that this process executes. Of
/// the given ones the process keeps those that it has.
///
/// # Errors
/// What capset(2) reports.
pub fn keep_only(kept: &[Capability]) -> io::Result<()> {
    let had = caps::read(None, CapSet::Permitted).map_err(error)?;
    let kept: CapsHashSet = had.into_iter().filter(|had| kept.contains(had)).collect();
    // A system without ambient capabilities hands none on.
    let _ = caps::clear(None, CapSet::Ambient);
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &kept).map_err(error)?;
    }
    caps::clear(None, CapSet::Inheritable).map_err(error)
}

/// Lets the next program that this process executes have all its capabilities, whoever the user is.
///
/// # Errors
/// What capset(2) or prctl(2) report.
pub fn pass_on() -> io::Result<()> {
    let had = caps::read(None, CapSet::Permitted).map_err(error)?;
    caps::set(None, CapSet::Inheritable, &had).map_err(error)?;
    caps::set(None, CapSet::Ambient, &had).map_err(error)
}

/// The capabilities that the process has, by the numbers of capabilities(7).
#[cfg(test)]
fn permitted() -> Vec<u8> {
    let had = caps::read(None, CapSet::Permitted).unwrap();
    let mut numbers: Vec<u8> = had.iter().map(Capability::index).collect();
    numbers.sort_unstable();
    numbers
}

fn error(error: CapsError) -> io::Error {
    io::Error::other(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "capabilities belong to a thread")]
    fn only_what_is_named_is_kept() {
        let thread = std::thread::spawn(|| {
            let had = permitted();
            let kept = [Capability::CAP_KILL, Capability::CAP_NET_RAW];
            keep_only(&kept).unwrap();
            let of_kept = |number: &u8| kept.iter().any(|capability| capability.index() == *number);
            assert_eq!(permitted(), had.into_iter().filter(of_kept).collect::<Vec<_>>());
            assert!(!has(Capability::CAP_SETUID));
        });
        thread.join().unwrap();
    }
}
