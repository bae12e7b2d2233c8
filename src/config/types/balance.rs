//! How a backend chooses a server for a client without a usable entry.

/// How an algorithm treats a client that comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// The client may get another server. The order of the servers follows their weights.
    InTurns,
    /// The client may get another server. The order of the servers is made at the start.
    InFixedTurns,
    /// The client gets the same server again, as a hash of its address or its cookie says.
    ByHash,
}

/// What an algorithm takes after its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Argument {
    Nothing,
    /// The word `src`.
    Src,
    /// A number of draws in parentheses, which may be missing.
    Draws,
    /// The name of a cookie in parentheses, which may be missing.
    Cookie,
}

/// One row of the table of algorithms.
pub(in crate::config) struct Algorithm {
    /// Its name in the configuration and in statistics.
    pub(in crate::config) name: &'static str,
    pub(in crate::config) argument: Argument,
    choice: Choice,
    /// What it means when a line gives no argument.
    pub(in crate::config) balance: Balance,
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

        /// Every algorithm.
        pub(in crate::config) static ALGORITHMS: &[&Algorithm] =
            &[$(Balance::$variant $(($default))?.algorithm(),)*];

        /// The syntax of a `balance` line.
        pub(in crate::config) const SYNTAX: &str = {
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
    Source: "source", Nothing "", ByHash;
    /// By a hash of the client's address, through a function.
    HashSource: "hash", Src " src", ByHash;
    /// By a hash of the value of the RDP client's cookie.
    RdpCookie: "rdp-cookie", Cookie "[(<name>)]", ByHash;
    /// The least loaded of this many servers that are drawn, 1 at least.
    Random(u32 = DRAWS): "random", Draws "[(<draws>)]", InTurns;
}

/// How many servers `random` draws when the line does not say, as in HAProxy.
const DRAWS: u32 = 2;

impl Balance {
    /// Its name in statistics.
    pub const fn name(self) -> &'static str {
        self.algorithm().name
    }

    /// Whether a client that comes again may get another server.
    pub fn takes_turns(self) -> bool {
        self.algorithm().choice != Choice::ByHash
    }

    /// Whether the servers are laid out at the start. Their weights cannot change then, except to
    /// 0 and back.
    pub fn has_static_weights(self, hash_type: HashType) -> bool {
        match self.algorithm().choice {
            Choice::InTurns => false,
            Choice::InFixedTurns => true,
            Choice::ByHash => !hash_type.consistent,
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

/// The names of the cookies by which RDP clients get their servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RdpCookies {
    /// The cookie that names the server (`persist rdp-cookie`).
    pub persist: Option<Box<str>>,
    /// The cookie that is hashed (`balance rdp-cookie`).
    pub balance: Option<Box<str>>,
}

impl RdpCookies {
    /// Whether any cookie is looked at.
    pub fn are_used(&self) -> bool {
        self.persist.is_some() || self.balance.is_some()
    }
}
