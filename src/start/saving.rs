//! Starts the saver, if tables are to be saved, with as few rights as its work takes.

use nix::sched::CpuSet;

use super::hardening::Confinement;
use super::privileges;
use super::privileges::Needs;
use super::system;
use super::system::{StartUpError, system};
use crate::config::Config;
use crate::reload::child::Child;
use crate::reload::saver::{Place, Saver};

/// Starts the saver, and returns it with its child, which has to be waited for. `cpus` are those
/// that this process could run on before `--pin`: the saver leaves its CPU to the loop.
///
/// The directories are opened by this process, with all its rights and in the root directory of the
/// system. In them, the saver makes files as the user of the configuration.
///
/// # Errors
/// What fork(2) and its kin report.
pub(super) fn start(
    config: &Config,
    confinement: Confinement,
    cpus: Option<CpuSet>,
) -> Result<Option<(Saver, Child)>, StartUpError> {
    let places = Place::open_all(&config.tables);
    if places.is_empty() {
        return Ok(None);
    }
    let confine = |places: &[Place]| {
        system::run_on(cpus);
        privileges::drop_privileges(&config.global, &Needs::of_saver())
            .map_err(|error| error.to_string())?;
        let directories: Vec<_> = places.iter().map(Place::directory).collect();
        confinement.apply_to_saver(&directories).map_err(|error| error.to_string())
    };
    Saver::start(places, confine).map(Some).map_err(system("start", "the saver of the tables"))
}
