//! `stickd --reload`: asks the process that runs with a configuration for a reload, over its
//! Runtime API, and waits for the result.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixStream};
use std::time::Duration;

use crate::config::{BindAddress, Config, Level};
use crate::net::address::Address;
use crate::reactor::clock;

/// How long the answer may take. The process gives a reload up earlier, and answers.
const ANSWER_LIMIT: Duration = Duration::from_secs(90);
/// The longest answer that is read.
const ANSWER_MAX: u64 = 64 * 1024;
/// How long to wait for reloads that others have asked for, in milliseconds.
const OTHERS_LIMIT_MS: u64 = 60_000;
/// The time between two questions whether these reloads are over.
const OTHERS_AGAIN: Duration = Duration::from_millis(100);

/// Why there was no reload.
#[derive(Debug)]
pub enum ReloadError {
    /// The configuration names no socket on which a process can be asked.
    NoSocket,
    /// No process answers at these addresses.
    NoProcess(Vec<(String, io::Error)>),
    /// The answer of the process did not arrive, or not all of it.
    NoAnswer(io::Error),
    /// The process has answered that the reload failed, and why.
    Failed(String),
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSocket => write!(
                f,
                "reload: the configuration has no 'stats socket' with 'level admin', where the \
                 running process could be asked; add one, or send SIGUSR2 to the process"
            ),
            Self::NoProcess(errors) => {
                write!(f, "reload: no running process answers")?;
                errors.iter().try_for_each(|(place, error)| write!(f, "\nat {place}: {error}"))
            }
            Self::NoAnswer(error) => write!(f, "reload: the running process: {error}"),
            Self::Failed(why) => write!(f, "reload: {why}"),
        }
    }
}

impl std::error::Error for ReloadError {}

/// Asks for the reload and waits. Returns the answer of the running process. If a reload is under
/// way, another one is asked for after it: the first one may have read an older configuration.
///
/// # Errors
/// When no process can be asked, or when the new process does not come to serve.
pub fn reload(config: &Config) -> Result<String, ReloadError> {
    let others_until_ms = clock::now_ms() + OTHERS_LIMIT_MS;
    loop {
        let may_wait = clock::now_ms() < others_until_ms;
        let answer = match ask(config, "reload\n") {
            Err(ReloadError::NoAnswer(error)) if may_wait && is_unheard(&error) => {
                std::thread::sleep(OTHERS_AGAIN);
                continue;
            }
            answer => answer?,
        };
        let (head, rest) = answer.split_once("\n--\n").unwrap_or_else(|| ("", answer.trim()));
        match head {
            "Success=1" => return Ok(rest.trim_end().to_owned()),
            "" if rest.contains("under way") && may_wait => {
                std::thread::sleep(OTHERS_AGAIN);
            }
            _ => return Err(ReloadError::Failed(rest.trim_end().to_owned())),
        }
    }
}

/// Whether the process has not read the command. A process from which another one has just taken
/// over may end without reading from its last connections.
fn is_unheard(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// The answer to a command, at the first socket where a process listens.
fn ask(config: &Config, command: &str) -> Result<String, ReloadError> {
    let mut errors = Vec::new();
    for stats in config.global.stats_sockets.iter().filter(|stats| stats.level == Level::Admin) {
        let BindAddress::Address(address) = &stats.bind.address else { continue };
        match Stream::connect(address) {
            Ok(stream) => return stream.ask(command).map_err(ReloadError::NoAnswer),
            Err(error) => errors.push((address.to_string(), error)),
        }
    }
    Err(if errors.is_empty() { ReloadError::NoSocket } else { ReloadError::NoProcess(errors) })
}

/// A connection to a Runtime API.
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn connect(address: &Address) -> io::Result<Self> {
        Ok(match address {
            Address::Ip(address) => {
                Self::Tcp(TcpStream::connect_timeout(&reachable(*address), ANSWER_LIMIT)?)
            }
            Address::Unix(path) => Self::Unix(UnixStream::connect(path)?),
            Address::Abstract(name) => {
                Self::Unix(UnixStream::connect_addr(&UnixAddress::from_abstract_name(name)?)?)
            }
        })
    }

    fn ask(self, command: &str) -> io::Result<String> {
        let limit = Some(ANSWER_LIMIT);
        match self {
            Self::Unix(stream) => {
                stream.set_read_timeout(limit)?;
                converse(stream, command)
            }
            Self::Tcp(stream) => {
                stream.set_read_timeout(limit)?;
                converse(stream, command)
            }
        }
    }
}

fn converse(mut stream: impl Read + Write, command: &str) -> io::Result<String> {
    stream.write_all(command.as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut answer)?;
    if answer.is_empty() {
        return Err(io::Error::other("it closed the connection without an answer"));
    }
    Ok(answer)
}

/// The address to connect to, for an address to listen on.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
