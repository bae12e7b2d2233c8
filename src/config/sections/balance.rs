//! The `balance` and `hash-type` lines.

use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::types::{ALGORITHMS, Argument};
use crate::config::{Balance, HashFunction, HashType};

/// Algorithms of HAProxy that are refused, with the reason.
const REFUSED: [(&str, &str); 1] = [("rdp-cookie", "not supported yet")];

/// Algorithms of HAProxy that look at HTTP. In a section of TCP HAProxy takes the servers in turns.
const OF_HTTP: [&str; 3] = ["hdr", "uri", "url_param"];

/// Reads a `balance` line. A line without an algorithm means the default, as with HAProxy.
pub(super) fn read(line: &Line<'_>, report: &mut Report) -> Parsed<Balance> {
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
        return mistake(match REFUSED.iter().find(|(refused, _)| *refused == name) {
            Some((_, reason)) => format!("'balance {name}' is refused: {reason}"),
            None => format!("unknown algorithm '{}'; there is {}", typed.value, list()),
        });
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
        Argument::Nothing => algorithm.balance,
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
        Argument::Nothing | Argument::Draws => format!("'{}'", algorithm.name),
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
