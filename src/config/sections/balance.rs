//! The `balance` and `hash-type` lines.

use crate::config::text::diagnostic::{Mistake, Parsed, Placed, Report};
use crate::config::text::draft::ProxyDraft;
use crate::config::text::line::Line;
use crate::config::{Balance, HashFunction, HashType};

const ALGORITHMS: &str =
    "'roundrobin', 'static-rr', 'leastconn', 'first', 'source', 'hash src' or 'random'";

/// How many servers `random` draws, as in HAProxy.
const DRAWS: u32 = 2;

/// Reads a `balance` line. HAProxy takes one without an algorithm for the default.
pub(crate) fn read(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let Some(algorithm) = line.get(0) else {
        proxy.settings.balance = Balance::RoundRobin;
        return Ok(());
    };
    let mistake = |message| Err(Mistake::new(algorithm.place, message));
    let (name, parameter) = match algorithm.value.split_once('(') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(')').unwrap_or(rest))),
        None => (algorithm.value, None),
    };
    let balance = match name {
        "roundrobin" => Balance::RoundRobin,
        "static-rr" => Balance::StaticRr,
        "leastconn" => Balance::LeastConn,
        "first" => Balance::First,
        "source" => Balance::Source,
        "hash" => return read_hash(proxy, line),
        "random" => {
            let draws = parameter.map_or(Some(DRAWS), |parameter| parameter.parse().ok());
            let Some(draws) = draws.filter(|draws| *draws > 0) else {
                return mistake("'random' takes a number of draws above 0".to_owned());
            };
            Balance::Random(draws)
        }
        "hdr" | "uri" | "url_param" => {
            return mistake(format!(
                "'balance {name}' is refused: HTTP only: stickd is a TCP balancer"
            ));
        }
        "rdp-cookie" => {
            return mistake("'balance rdp-cookie' is refused: not supported yet".to_owned());
        }
        _ => {
            let typed = algorithm.value;
            return mistake(format!("unknown algorithm '{typed}'; there is {ALGORITHMS}"));
        }
    };
    if parameter.is_some() && name != "random" {
        return mistake(format!("'balance {name}' takes no parameter"));
    }
    if let Some(word) = line.get(1) {
        return Err(Mistake::new(word.place, format!("'balance {name}' takes no arguments")));
    }
    proxy.settings.balance = balance;
    Ok(())
}

fn read_hash(proxy: &mut ProxyDraft, line: &Line<'_>) -> Parsed {
    let key = line.argument(1)?;
    if key.value != "src" || line.get(2).is_some() {
        let message = format!("'balance hash {}' is refused: only 'src' can be hashed", key.value);
        return Err(Mistake::new(key.place, message));
    }
    proxy.settings.balance = Balance::HashSource;
    Ok(())
}

/// Reads a `hash-type` line. A bare `consistent` mixes the bits of the hash.
pub(super) fn read_hash_type(proxy: &mut ProxyDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    let method = line.argument(0)?;
    let consistent = match method.value {
        "map-based" => false,
        "consistent" => true,
        other => {
            let message = format!("unknown method '{other}': 'map-based' or 'consistent'");
            return Err(Mistake::new(method.place, message));
        }
    };
    let Some(function) = line.get(1) else {
        let function = HashFunction::default();
        proxy.settings.hash_type = HashType { consistent, function, avalanche: consistent };
        return Ok(());
    };
    let avalanche = match line.get(2) {
        None => false,
        Some(Placed { value: "avalanche", .. }) => true,
        Some(word) => {
            let message = format!("unknown modifier '{}': only 'avalanche' exists", word.value);
            return Err(Mistake::new(word.place, message));
        }
    };
    let function = match function.value {
        "sdbm" => HashFunction::Sdbm,
        "djb2" => HashFunction::Djb2,
        "crc32" => HashFunction::Crc32,
        "wt6" => {
            let message = "'hash-type' with 'wt6' is refused: not supported yet".to_owned();
            return Err(Mistake::new(function.place, message));
        }
        other => {
            let message = format!("unknown function '{other}': 'sdbm', 'djb2' or 'crc32'");
            return Err(Mistake::new(function.place, message));
        }
    };
    proxy.settings.hash_type = HashType { consistent, function, avalanche };
    Ok(())
}
