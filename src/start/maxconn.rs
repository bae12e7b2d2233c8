//! How many client connections fit into the limit of open files.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::options::Options;
use super::system::{StartUpError, system};
use crate::config::Config;

/// Descriptors for everything except clients and scrapers: listeners, peers, Runtime API, logs.
const RESERVED_FDS: u64 = 128;
/// Each connection needs two sockets.
const FDS_PER_CONNECTION: u64 = 2;
/// Fewer connections than this are hardly intended, so there is a warning.
const FEW_CONNECTIONS: u32 = 100;
/// The most descriptors that are used if the system sets no limit.
const FDS_MAX: u64 = 1_048_576;

/// Raises the limit of open files as far as needed and allowed. Returns how many client connections
/// are accepted at a time: the configured `maxconn` if it fits, otherwise as many as fit.
///
/// # Errors
/// What getrlimit(2) reports, or that the configured `maxconn` does not fit and `strict-limits` is
/// set.
pub(super) fn settle_maxconn(options: &Options, config: &Config) -> Result<u32, StartUpError> {
    let about = || "the limit of open files";
    let global = &config.global;
    let endpoints = config.pages.iter().filter(|endpoint| !endpoint.disabled);
    let scrapers: u64 = endpoints.map(|endpoint| u64::from(endpoint.maxconn)).sum();
    let reserved = RESERVED_FDS + scrapers;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(system("read", about()))?;
    let wanted = options.maxconn.or(global.maxconn);
    let needed = wanted.map_or_else(
        || hard.min(FDS_MAX),
        |wanted| u64::from(wanted) * FDS_PER_CONNECTION + reserved,
    );
    let mut limit = soft;
    if needed > soft {
        let raised = [(needed, needed.max(hard)), (needed.min(hard), hard)];
        limit = raised
            .into_iter()
            .find(|(soft, hard)| setrlimit(Resource::RLIMIT_NOFILE, *soft, *hard).is_ok())
            .map_or(soft, |(soft, _)| soft);
    }
    let fits = limit.min(FDS_MAX.max(needed)).saturating_sub(reserved) / FDS_PER_CONNECTION;
    let fits = u32::try_from(fits).unwrap_or(u32::MAX).max(1);
    if options.verbose {
        let maxconn = wanted.unwrap_or(fits).min(fits);
        log::info!("maxconn {maxconn}: {limit} open files are allowed; polling with epoll");
    }
    match wanted {
        Some(wanted) if wanted > fits && global.limits.are_strict => {
            let about = format!("{wanted} connections ('strict-limits')");
            let error = format!("{needed} open files are needed, {limit} are allowed");
            Err(system("serve", about)(io::Error::other(error)))
        }
        Some(wanted) if wanted > fits => {
            log::warn!(
                "maxconn {wanted} needs {needed} open files, the limit is {limit}: only {fits} \
                 connections are accepted at a time"
            );
            Ok(fits)
        }
        Some(wanted) => Ok(wanted),
        None => {
            if fits < FEW_CONNECTIONS {
                log::warn!("{limit} open files are allowed: only {fits} connections fit");
            }
            Ok(fits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maxconn_that_fits_is_kept() {
        let options = Options { maxconn: Some(10), ..Options::default() };
        assert_eq!(settle_maxconn(&options, &Config::default()).unwrap(), 10);
        assert!(settle_maxconn(&Options::default(), &Config::default()).unwrap() > 10);
    }
}
