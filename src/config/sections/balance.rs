//! The `balance` and `hash-type` lines.

use crate::config::drafts::Settings;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::types::{ALGORITHMS, Argument};
use crate::config::{Balance, HashFunction, HashType};

/// Algorithms of HAProxy that look at HTTP. In a section of TCP HAProxy takes the servers in turns.
const OF_HTTP: [&str; 3] = ["hdr", "uri", "url_param"];

/// The cookie that RDP clients send with their user's name, and the one of session brokers.
const USER_COOKIE: &str = "mstshash";
const BROKER_COOKIE: &str = "msts";

/// Reads a `balance` line into the settings of a section. A line without an algorithm means the
/// default, as with HAProxy.
pub(super) fn read(settings: &mut Settings, line: &Line<'_>, report: &mut Report) -> Parsed {
    settings.balance = read_algorithm(line, report)?;
    settings.rdp.balance = match settings.balance {
        Balance::RdpCookie => Some(read_cookie(line, USER_COOKIE)?),
        _ => None,
    };
    Ok(())
}

/// Reads a `persist` line: the name of the cookie.
pub(super) fn read_persist(line: &Line<'_>) -> Parsed<Box<str>> {
    let typed = line.argument(0)?;
    if typed.value.split('(').next() != Some(Balance::RdpCookie.name()) {
        let message = format!("unknown method '{}': there is 'rdp-cookie'", typed.value);
        return Err(Mistake::new(typed.place, message));
    }
    read_cookie(line, BROKER_COOKIE)
}

/// The name of the cookie in parentheses behind the first argument, if there is one.
fn read_cookie(line: &Line<'_>, default: &str) -> Parsed<Box<str>> {
    let typed = line.argument(0)?;
    let Some((_, rest)) = typed.value.split_once('(') else { return Ok(default.into()) };
    match rest.strip_suffix(')').filter(|name| !name.is_empty()) {
        Some(name) => Ok(name.into()),
        None => {
            let message = format!("'{}' wants the name of a cookie in parentheses", typed.value);
            Err(Mistake::new(typed.place, message))
        }
    }
}

fn read_algorithm(line: &Line<'_>, report: &mut Report) -> Parsed<Balance> {
    let Some(typed) = line.get(0) else { return Ok(Balance::default()) };
    let mistake = |message| Err(Mistake::new(typed.place, message));
    let (name, parameter) = match typed.value.split_once('(') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(')').unwrap_or(rest))),
        None => (typed.value, None),
    };
    if OF_HTTP.contains(&name) {
        let reason = "what it looks at is HTTP, so the servers are taken in turns, as with HAProxy";
        report.inert(line.place, "balance", reason);
        return Ok(Balance::RoundRobin);
    }
    let Some(algorithm) = ALGORITHMS.iter().find(|algorithm| algorithm.name == name) else {
        return mistake(format!("unknown algorithm '{}'; there is {}", typed.value, list()));
    };
    let balance = match algorithm.argument {
        Argument::Src => return read_hash_key(line).map(|()| algorithm.balance),
        Argument::Draws => match parameter.map(|draws| draws.parse().ok().filter(|n| *n > 0)) {
            None => algorithm.balance,
            Some(Some(draws)) => Balance::Random(draws),
            Some(None) => {
                return mistake(format!("'{name}' takes a number of draws above 0"));
            }
        },
        Argument::Nothing if parameter.is_some() => {
            return mistake(format!("'balance {name}' takes no parameter"));
        }
        Argument::Nothing | Argument::Cookie => algorithm.balance,
    };
    match line.get(1) {
        Some(word) => Err(Mistake::new(word.place, format!("'balance {name}' takes no arguments"))),
        None => Ok(balance),
    }
}

fn read_hash_key(line: &Line<'_>) -> Parsed {
    let key = line.argument(1)?;
    if key.value == "src" && line.get(2).is_none() {
        return Ok(());
    }
    let message = format!("'balance hash {}' is refused: only 'src' can be hashed", key.value);
    Err(Mistake::new(key.place, message))
}

/// The algorithms for a message: `'a', 'b' or 'c'`.
fn list() -> String {
    let names = ALGORITHMS.iter().map(|algorithm| match algorithm.argument {
        Argument::Src => format!("'{} src'", algorithm.name),
        Argument::Nothing | Argument::Draws | Argument::Cookie => format!("'{}'", algorithm.name),
    });
    let mut names: Vec<String> = names.collect();
    let last = names.pop().unwrap_or_default();
    format!("{} or {last}", names.join(", "))
}

/// Reads a `hash-type` line. `consistent` without a function mixes the bits of the hash.
pub(super) fn read_hash_type(line: &Line<'_>) -> Parsed<HashType> {
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
        return Ok(HashType { consistent, function, avalanche: consistent });
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
    Ok(HashType { consistent, function, avalanche })
}

/// Reads a `hash-balance-factor` line; 0 is no factor.
pub(super) fn read_factor(line: &Line<'_>) -> Parsed<Option<u32>> {
    match line.number(0, 0..=u32::MAX)? {
        0 => Ok(None),
        factor @ 101.. => Ok(Some(factor)),
        factor => {
            let message = format!("'{}' is 0 or above 100, not {factor}", line.keyword);
            Err(Mistake::new(line.argument(0)?.place, message))
        }
    }
}
