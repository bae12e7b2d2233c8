//! How a backend chooses a server for a client without a usable entry: the `balance` and
//! `hash-type` lines.

use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;

/// How an algorithm treats a client that comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// The client may get another server. The order of the servers follows their weights.
    InTurns,
    /// The client may get another server. The order of the servers is made at the start.
    InFixedTurns,
    /// The client gets the same server again, as a hash of its address says.
    ByAddress,
}

/// What an algorithm takes after its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Argument {
    Nothing,
    /// The word `src`.
    Src,
    /// A number of draws in parentheses, which may be missing.
    Draws,
}

/// One row of the table of algorithms.
struct Algorithm {
    /// Its name in the configuration and in statistics.
    name: &'static str,
    argument: Argument,
    choice: Choice,
    /// What it means when a line gives no argument.
    balance: Balance,
}

/// A new algorithm is a row here and its choice of a server in `proxy::backend::balance`.
macro_rules! algorithms {
    ($(
        $(#[$meta:meta])*
        $variant:ident $(($type:ty = $default:expr))?:
        $name:literal, $argument:ident $syntax:literal, $choice:ident;
    )*) => {
        /// How a server is chosen.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum Balance {
            $($(#[$meta])* $variant $(($type))?,)*
        }

        impl Balance {
            const fn algorithm(self) -> &'static Algorithm {
                match self {
                    $(Self::$variant { .. } => const {
                        &Algorithm {
                            name: $name,
                            argument: Argument::$argument,
                            choice: Choice::$choice,
                            balance: Self::$variant $(($default))?,
                        }
                    },)*
                }
            }
        }

        static ALGORITHMS: &[&Algorithm] =
            &[$(Balance::$variant $(($default))?.algorithm(),)*];

        /// The syntax of a `balance` line.
        pub(super) const SYNTAX: &str = {
            const ALL: &str = concat!($($name, $syntax, " | ",)*);
            ALL.split_at(ALL.len() - " | ".len()).0
        };
    };
}

algorithms! {
    /// In turns, weighted, spread smoothly.
    #[default]
    RoundRobin: "roundrobin", Nothing "", InTurns;
    /// In turns, weighted, in an order that is fixed at the start.
    StaticRr: "static-rr", Nothing "", InFixedTurns;
    /// The server with the fewest connections for its weight.
    LeastConn: "leastconn", Nothing "", InTurns;
    /// The first server, by number, that has room.
    First: "first", Nothing "", InTurns;
    /// By a hash of the client's address, taken as a number.
    Source: "source", Nothing "", ByAddress;
    /// By a hash of the client's address, through a function.
    HashSource: "hash", Src " src", ByAddress;
    /// The least loaded of this many servers that are drawn, 1 at least.
    Random(u32 = DRAWS): "random", Draws "[(<draws>)]", InTurns;
}

/// How many servers `random` draws when the line does not say, as in HAProxy.
const DRAWS: u32 = 2;

/// Algorithms of HAProxy that are refused, with the reason.
const REFUSED: [(&str, &str); 4] = [
    ("hdr", HTTP_ONLY),
    ("uri", HTTP_ONLY),
    ("url_param", HTTP_ONLY),
    ("rdp-cookie", "not supported yet"),
];

const HTTP_ONLY: &str = "HTTP only: stickd is a TCP balancer";

impl Balance {
    /// Its name in statistics.
    pub const fn name(self) -> &'static str {
        self.algorithm().name
    }

    /// Whether a client that comes again may get another server.
    pub fn takes_turns(self) -> bool {
        self.algorithm().choice != Choice::ByAddress
    }

    /// Whether the servers are laid out at the start. Their weights cannot change then, except to
    /// 0 and back.
    pub fn has_static_weights(self, hash_type: HashType) -> bool {
        match self.algorithm().choice {
            Choice::InTurns => false,
            Choice::InFixedTurns => true,
            Choice::ByAddress => !hash_type.consistent,
        }
    }
}

/// How a hash becomes a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashType {
    /// The nearest server on a ring, instead of a place in a list of all.
    pub consistent: bool,
    /// The function that makes the hash.
    pub function: HashFunction,
    /// Whether the bits of the hash are mixed once more.
    pub avalanche: bool,
}

/// The functions that make a hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashFunction {
    /// The function of the `sdbm` database.
    #[default]
    Sdbm,
    /// Daniel Bernstein's function.
    Djb2,
    /// The checksum of Ethernet and zip.
    Crc32,
}

/// Reads a `balance` line. A line without an algorithm means the default, as with HAProxy.
pub(super) fn read(line: &Line<'_>) -> Parsed<Balance> {
    let Some(typed) = line.get(0) else { return Ok(Balance::default()) };
    let mistake = |message| Err(Mistake::new(typed.place, message));
    let (name, parameter) = match typed.value.split_once('(') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(')').unwrap_or(rest))),
        None => (typed.value, None),
    };
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
