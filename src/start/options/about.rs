//! What the program says of itself.

use std::collections::BTreeSet;
use std::fs;

use crate::config;

/// The version, for people and for tools that look for `version X.Y.Z`.
pub fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let day = config::RELEASE_DATE;
    format!("stickd version {version} {day} - sticky TCP load balancer\n")
}

/// The version with all that is built in. Scripts look for lines of `haproxy -vv` in it.
pub(super) fn version_and_features() -> String {
    let features = config::features().map(|(name, is_there)| {
        let sign = if is_there { '+' } else { '-' };
        format!(" {sign}{name}")
    });
    format!(
        "{}\
         HAProxy version {} {} - whose configuration language and formats these are\n\
         Build options :\n  \
         TARGET  = linux-{}\n\n\
         Feature list :{}\n\n\
         Available polling systems :\n      \
         epoll : pref=300,  test result OK\n\
         Total: 1 (1 usable), will use epoll.\n\n\
         Configuration: HAProxy's language, mode tcp\n\
         Peers protocol: 2.1 (2.0 on request)\n\
         Features: stick tables, peers, reload without loss, splice, SO_REUSEPORT, epoll\n\
         Threads: 1\n\
         Limits: {} connections, 65535 proxies, 16384 server names in tables\n\
         Licence: {}\n",
        version(),
        config::COMPATIBLE_VERSION,
        config::RELEASE_DATE,
        if cfg!(target_env = "musl") { "musl" } else { "glibc" },
        features.collect::<String>(),
        crate::reactor::token::Slot::INDEX_LIMIT,
        env!("CARGO_PKG_LICENSE"),
    )
}

/// The files that this process has mapped to run them, the program first, as `haproxy -dL` lists
/// them.
pub fn loaded_objects() -> String {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let paths = maps.lines().filter(|line| line.contains(" r-x"));
    let paths = paths.filter_map(|line| line.find('/').and_then(|at| line.get(at..)));
    let program = std::env::current_exe().map(|path| path.display().to_string());
    let program = program.unwrap_or_default();
    let others: BTreeSet<&str> = paths.filter(|path| *path != program).collect();
    let mut text = format!("List of loaded object files:\n{program}\n");
    others.iter().for_each(|path| text.extend([path, "\n"]));
    text
}
