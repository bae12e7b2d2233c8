//! The descriptors that exec leaves open for this process: listening sockets that `LISTEN_FDS`
//! counts, and descriptors that `fd@N` names. A predecessor, a supervisor or a service manager
//! gives them. [`Inherited`] owns all of them, and gives each one once.
#![expect(unsafe_code, reason = "descriptors that exec left open have to be adopted by number")]

pub mod label;
pub mod pass;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::CString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{getsockopt, sockopt};

use crate::net::address::Address;
use crate::net::socket::local_address;
use crate::table::KeptTables;
use label::{Label, SocketOrigin, name_of_descriptor};

/// The first descriptor that `LISTEN_FDS` counts (sd_listen_fds(3)).
pub const FIRST_FD: RawFd = 3;

/// The name in `LISTEN_FDNAMES` of the socket on which a predecessor hands over.
pub const HANDOVER_NAME: &str = "stickd-handover";

/// The beginning of the names of sockets to older processes that drain. The generation of the
/// process follows.
pub const OLDER_NAME: &str = "stickd-older-";

/// The beginning of the names of descriptors of lines with `log fd@N`. N follows.
pub const LOG_NAME: &str = "stickd-log-";

/// The beginning of the names of the rows of tables that a process has left. The name of the table
/// follows.
pub const ROWS_NAME: &str = "stickd-rows-";

/// The name of the file with the names of servers that rows refer to.
pub const SERVER_NAMES_NAME: &str = "stickd-server-names";

/// The name of the socket between a worker and its supervisor.
pub const SUPERVISOR_NAME: &str = "stickd-supervisor";

/// The name of the socket on which a worker asks the worker before it for the listening sockets.
pub const TAKEOVER_NAME: &str = "stickd-takeover";

/// The only name in `LISTEN_FDNAMES` if the names are too long for a variable. The first descriptor
/// is a file with the names then.
pub const NAMES_NAME: &str = "stickd-names";

/// The most descriptors that are adopted.
const FDS_MAX: RawFd = 1 << 20;

/// How many numbers are tried if /proc does not list the open descriptors.
const FDS_TRIED: RawFd = 1024;

/// The most closed sockets that are logged one by one.
const LINES_MAX: usize = 8;

/// The descriptors that another process has left to this one.
#[derive(Debug, Default)]
pub struct Inherited {
    /// The socket on which the predecessor hands over, if there is one.
    pub handover: Option<UnixStream>,
    /// The socket to the supervisor, if there is one.
    pub supervisor: Option<UnixStream>,
    /// The socket on which the worker before this one hands its listening sockets over.
    pub takeover: Option<UnixStream>,
    /// The sockets of older processes that drain, with their generations.
    older: Vec<(u32, UnixStream)>,
    /// The descriptors of `log fd@N` that another process has left, by N.
    logs: BTreeMap<RawFd, OwnedFd>,
    /// What a process that has crashed has left of its tables.
    tables: KeptTables,
    listeners: Vec<Option<InheritedListener>>,
    /// The indexes in `listeners` of the sockets with a name or an address.
    by_key: HashMap<Key, Vec<usize>>,
    /// The descriptors that were open when the process began and that have no owner yet.
    open: BTreeSet<RawFd>,
}

/// What a listening socket is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// The name in its label.
    Name(String),
    /// Its own address.
    Address(Address),
}

/// One inherited listening socket.
#[derive(Debug)]
pub struct InheritedListener {
    /// What its giver knows it by.
    pub label: Label,
    /// The number it had when the process began, where `fd@N` may mean it.
    pub number: Option<RawFd>,
    /// The address of the socket, if it is of a kind that this program knows.
    pub address: Option<Address>,
    /// The socket; close-on-exec.
    pub fd: OwnedFd,
}

impl InheritedListener {
    /// A socket that goes by `label`.
    pub fn new(label: Label, fd: OwnedFd) -> Self {
        let address = local_address(fd.as_fd()).ok();
        Self { label, number: None, address, fd }
    }
}

impl Inherited {
    /// Adds a listening socket, the socket of an older process, a descriptor for log lines, or what
    /// is left of a table.
    pub fn add(&mut self, listener: InheritedListener) {
        let label = &listener.label;
        let number_behind = |prefix| {
            let name = label.name.strip_prefix(prefix).filter(|_| !label.origin.is_foreign)?;
            name.parse::<u32>().ok()
        };
        if let Some(generation) = number_behind(OLDER_NAME) {
            self.older.push((generation, UnixStream::from(listener.fd)));
            return;
        }
        if let Some(number) = number_behind(LOG_NAME).and_then(|n| RawFd::try_from(n).ok()) {
            self.logs.insert(number, listener.fd);
            return;
        }
        if !label.origin.is_foreign && label.name == SERVER_NAMES_NAME {
            self.tables.names = Some(listener.fd);
            return;
        }
        if let Some(table) = label.name.strip_prefix(ROWS_NAME)
            && !label.origin.is_foreign
        {
            self.tables.tables.push((table.to_owned(), listener.fd));
            return;
        }
        let at = self.listeners.len();
        let name = Key::Name(listener.label.name.clone());
        let address = listener.address.clone().map(Key::Address);
        for key in [name].into_iter().chain(address) {
            self.by_key.entry(key).or_default().push(at);
        }
        self.listeners.push(Some(listener));
    }

    /// Takes the sockets of older processes that drain, with their generations.
    pub fn take_older(&mut self) -> Vec<(u32, UnixStream)> {
        std::mem::take(&mut self.older)
    }

    /// Takes what a process that has crashed has left of its tables.
    pub fn take_tables(&mut self) -> KeptTables {
        std::mem::take(&mut self.tables)
    }

    /// Whether another process of this program has left listening sockets.
    pub fn follows_process(&self) -> bool {
        self.listeners().any(|listener| !listener.label.origin.is_foreign)
    }

    /// Takes the first socket that `fits` and has one of `keys`. The first key is tried first.
    pub fn take(
        &mut self,
        keys: &[Key],
        mut fits: impl FnMut(&InheritedListener) -> bool,
    ) -> Option<InheritedListener> {
        for at in keys.iter().filter_map(|key| self.by_key.get(key)).flatten() {
            if let Some(place) = self.listeners.get_mut(*at)
                && place.as_ref().is_some_and(&mut fits)
            {
                return place.take();
            }
        }
        None
    }

    /// Takes descriptor `number`. `LISTEN_FDS` may count it or not.
    ///
    /// # Errors
    /// `NotFound` when it was not open when the process began, or when it was taken before.
    pub fn take_descriptor(&mut self, number: RawFd) -> io::Result<OwnedFd> {
        let counted = self
            .listeners
            .iter_mut()
            .find(|place| place.as_ref().is_some_and(|listener| listener.number == Some(number)));
        match counted.and_then(Option::take) {
            Some(listener) => Ok(listener.fd),
            None => self.claim(number),
        }
    }

    /// Takes the descriptor of lines with `log fd@{number}`.
    ///
    /// # Errors
    /// `NotFound` when it was not open when the process began, or when it was taken before.
    pub fn take_log(&mut self, number: RawFd) -> io::Result<OwnedFd> {
        self.logs.remove(&number).map_or_else(|| self.claim(number), Ok)
    }

    /// Names the descriptors of `log fd@N` for the processes that this one starts, where they have
    /// other numbers. These processes report a descriptor that is missing.
    pub fn name_logs(&mut self, numbers: impl Iterator<Item = RawFd>) {
        for number in numbers {
            if let Ok(fd) = self.take_log(number) {
                self.logs.insert(number, fd);
            }
        }
    }

    /// The descriptors for a process that this one starts, with the names by which it finds them.
    pub fn named(&self) -> Vec<(String, RawFd)> {
        let listeners = self.listeners().map(|l| (l.label.write(), l.fd.as_raw_fd()));
        let logs = self.logs.iter().map(|(number, fd)| (log_name(*number), fd.as_raw_fd()));
        let rows = self.tables.tables.iter().map(|(name, fd)| (rows_name(name), fd.as_raw_fd()));
        let names = self.tables.names.iter();
        let names = names.map(|fd| (SERVER_NAMES_NAME.to_owned(), fd.as_raw_fd()));
        listeners.chain(logs).chain(rows).chain(names).collect()
    }

    /// Names the descriptors of `fd@N` for the processes that this one starts, where they have
    /// other numbers. These processes report a descriptor that is missing.
    pub fn name_descriptors(&mut self, numbers: impl Iterator<Item = RawFd>) {
        for number in numbers {
            if let Ok(fd) = self.take_descriptor(number) {
                self.add(InheritedListener::new(Label::foreign(&name_of_descriptor(number)), fd));
            }
        }
    }

    /// The listening sockets that were not taken.
    pub fn listeners(&self) -> impl Iterator<Item = &InheritedListener> {
        self.listeners.iter().flatten()
    }

    /// Closes the sockets that were not taken, and logs them.
    pub fn close(self) {
        let count = self.listeners().count();
        for listener in self.listeners().take(LINES_MAX) {
            let name = &listener.label.name;
            let at = listener.address.as_ref().map(ToString::to_string).unwrap_or_default();
            match listener.number {
                Some(number) if listener.label.origin.is_foreign => log::warn!(
                    "socket activation: no 'bind' line names the socket '{name}' at {at}, by this \
                     address or as fd@{number}: it is closed"
                ),
                _ => log::info!(
                    "reload: the socket of {name} is closed: no 'bind' line names it any more, or \
                     the line asks for what only a new socket can have"
                ),
            }
        }
        if count > LINES_MAX {
            log::warn!("{} further inherited sockets are closed", count - LINES_MAX);
        }
    }

    /// Takes ownership of descriptor `number`, which is possible once, and marks it close-on-exec.
    fn claim(&mut self, number: RawFd) -> io::Result<OwnedFd> {
        if !self.open.remove(&number) {
            let why = "it was not open when this process began, or is taken already";
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        // SAFETY: exec has left the descriptor open, and nothing in this process owns it: this
        // program opens only descriptors that are close-on-exec, which this one was not when the
        // process began. Its removal above makes this the only time that it is given an owner.
        let fd = unsafe { OwnedFd::from_raw_fd(number) };
        fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        Ok(fd)
    }
}

/// Why `LISTEN_FDS` could not be followed.
#[derive(Debug)]
pub enum InheritError {
    /// The count is not a number, or not a sensible one.
    BadCount(String),
    /// A descriptor is not open.
    NotOpen(RawFd, io::Error),
    /// A descriptor is open but does not listen.
    NotListening(RawFd),
}

impl fmt::Display for InheritError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadCount(text) => write!(f, "LISTEN_FDS: '{text}' is not a count of descriptors"),
            Self::NotOpen(fd, error) => write!(f, "LISTEN_FDS: descriptor {fd}: {error}"),
            Self::NotListening(fd) => {
                write!(f, "LISTEN_FDS: descriptor {fd} is not a listening socket")
            }
        }
    }
}

impl std::error::Error for InheritError {}

/// The variables of sd_listen_fds(3), as this process found them.
#[derive(Debug, Default, Clone)]
pub struct ListenVariables {
    /// `LISTEN_PID`.
    pub pid: Option<String>,
    /// `LISTEN_FDS`.
    pub fds: Option<String>,
    /// `LISTEN_FDNAMES`.
    pub names: Option<String>,
}

impl ListenVariables {
    /// Those of this process.
    pub fn of_process() -> Self {
        let variable = |name| std::env::var(name).ok();
        Self {
            pid: variable("LISTEN_PID"),
            fds: variable("LISTEN_FDS"),
            names: variable("LISTEN_FDNAMES"),
        }
    }
}

/// Finds the descriptors that exec has left open, and adopts those that `variables` count. To be
/// called once, when the process begins.
///
/// # Errors
/// When the variables are meant for this process and do not describe open listening sockets.
pub fn from_exec(variables: &ListenVariables) -> Result<Inherited, InheritError> {
    let mut inherited = Inherited { open: open_descriptors(), ..Inherited::default() };
    let (Some(count_text), Some(pid)) = (&variables.fds, &variables.pid) else {
        return Ok(inherited);
    };
    if pid.parse() != Ok(std::process::id()) {
        return Ok(inherited); // meant for a process between the sender and us
    }
    let count: RawFd = count_text
        .parse()
        .ok()
        .filter(|count| (0..=FDS_MAX).contains(count))
        .ok_or_else(|| InheritError::BadCount(count_text.clone()))?;
    let mut numbers = FIRST_FD..FIRST_FD + count;
    let mut names = variables.names.clone().unwrap_or_default();
    if names == NAMES_NAME
        && let Some(number) = numbers.next()
    {
        let adopted = inherited.claim(number).and_then(read_names);
        names = adopted.map_err(|error| InheritError::NotOpen(number, error))?;
    }
    adopt(&mut inherited, numbers, &names)?;
    Ok(inherited)
}

fn adopt(
    inherited: &mut Inherited,
    numbers: impl Iterator<Item = RawFd>,
    names: &str,
) -> Result<(), InheritError> {
    // A service manager uses none of these names, and does not encode its own names.
    let ours = [HANDOVER_NAME, SUPERVISOR_NAME, TAKEOVER_NAME];
    let is_ours = names.split(':').any(|name| ours.contains(&name));
    let is_reload = names.split(':').any(|name| name == HANDOVER_NAME);
    let mut names = names.split(':');
    for number in numbers {
        let name = names.next().unwrap_or("unknown");
        let fd = inherited.claim(number).map_err(|error| InheritError::NotOpen(number, error))?;
        if name == HANDOVER_NAME {
            inherited.handover = Some(UnixStream::from(fd));
        } else if name == SUPERVISOR_NAME {
            inherited.supervisor = Some(UnixStream::from(fd));
        } else if name == TAKEOVER_NAME {
            inherited.takeover = Some(UnixStream::from(fd));
        } else if is_listening(&fd) || (is_ours && is_other(name)) {
            let label = if is_ours { Label::read(name) } else { Label::foreign(name) };
            let number = Some(number).filter(|_| !is_reload);
            inherited.add(InheritedListener { number, ..InheritedListener::new(label, fd) });
        } else {
            return Err(InheritError::NotListening(number));
        }
    }
    if is_reload {
        // The numbers in a configuration are those of the first process, not of this one.
        inherited.open.clear();
    }
    Ok(())
}

fn read_names(fd: OwnedFd) -> io::Result<String> {
    let mut file = File::from(fd);
    file.rewind()?;
    let mut names = String::new();
    file.read_to_string(&mut names)?;
    Ok(names)
}

/// The descriptors that exec has left open, except the standard streams.
fn open_descriptors() -> BTreeSet<RawFd> {
    let listed = fs::read_dir("/proc/self/fd").map(|entries| {
        let names = entries.flatten().map(|entry| entry.file_name());
        names.filter_map(|name| name.to_str()?.parse().ok()).collect::<Vec<RawFd>>()
    });
    let numbers = listed.unwrap_or_else(|_| (FIRST_FD..FDS_TRIED).collect());
    numbers.into_iter().filter(|number| *number >= FIRST_FD && is_from_exec(*number)).collect()
}

/// Whether a descriptor with this number is open and stays open across exec. Descriptors that this
/// program opens do not.
fn is_from_exec(number: RawFd) -> bool {
    // SAFETY: `fcntl` with `F_GETFD` takes numbers only and fails where nothing is open.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    flags >= 0 && flags & libc::FD_CLOEXEC == 0
}

/// The name of the descriptor of lines with `log fd@{number}`.
pub fn log_name(number: RawFd) -> String {
    format!("{LOG_NAME}{number}")
}

/// The name of the rows of the table `name`, in a list.
pub fn rows_name(name: &str) -> String {
    Label { name: format!("{ROWS_NAME}{name}"), origin: SocketOrigin::default() }.write()
}

/// Whether a name belongs to a descriptor that is no listening socket.
pub(super) fn is_other(name: &str) -> bool {
    let prefixes = [OLDER_NAME, LOG_NAME, ROWS_NAME];
    prefixes.iter().any(|prefix| name.starts_with(prefix)) || name == SERVER_NAMES_NAME
}

/// Whether the descriptor is a socket that listens.
pub(super) fn is_listening(fd: &OwnedFd) -> bool {
    getsockopt(fd, sockopt::AcceptConn).unwrap_or(false)
}

/// A string for exec, which ends at a zero byte.
///
/// # Errors
/// `InvalidInput` when the text itself holds a zero byte.
pub fn c_string(text: impl Into<Vec<u8>>) -> io::Result<CString> {
    CString::new(text).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::{AsRawFd, IntoRawFd};

    use super::*;

    #[test]
    fn variables_for_another_process_are_left_alone() {
        let variables =
            ListenVariables { pid: Some("1".to_owned()), fds: Some("2".to_owned()), names: None };
        let inherited = from_exec(&variables).unwrap();
        assert!(inherited.listeners().count() == 0 && inherited.handover.is_none());
    }

    #[test]
    fn a_count_that_is_no_number_is_an_error() {
        let variables = ListenVariables {
            pid: Some(std::process::id().to_string()),
            fds: Some("many".to_owned()),
            names: None,
        };
        assert!(matches!(from_exec(&variables), Err(InheritError::BadCount(_))));
    }

    #[test]
    fn every_descriptor_is_given_once() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = socket.into_raw_fd();
        let mut inherited = Inherited { open: [number].into(), ..Inherited::default() };
        let taken = inherited.take_descriptor(number).unwrap();
        assert_eq!(taken.as_raw_fd(), number);
        for number in [number, 0, 999_999] {
            let error = inherited.take_descriptor(number).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{number}");
        }
        // The same for one that was counted.
        let mut listener = InheritedListener::new(Label::foreign("web"), taken);
        listener.number = Some(number);
        let address = listener.address.clone().unwrap();
        inherited.add(listener);
        let taken = inherited.take_descriptor(number).unwrap();
        assert!(inherited.take_descriptor(number).is_err());
        assert!(inherited.take(&[Key::Address(address)], |_| true).is_none());
        drop(taken);
    }

    #[test]
    fn a_socket_is_found_by_its_name_before_its_address() {
        let mut inherited = Inherited::default();
        let sockets = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let addresses = sockets.each_ref().map(|s| Address::Ip(s.local_addr().unwrap()));
        for (name, socket) in ["a", "b", "a"].into_iter().zip(sockets) {
            inherited.add(InheritedListener::new(Label::foreign(name), socket.into()));
        }
        let [first, second, third] = addresses;
        let keys = [Key::Name("a".to_owned()), Key::Address(second.clone())];
        let mut take = |keys: &[Key]| inherited.take(keys, |_| true).and_then(|l| l.address);
        assert_eq!(take(&keys), Some(first));
        assert_eq!(take(&keys), Some(third));
        assert_eq!(take(&keys), Some(second));
        assert_eq!(take(&keys), None);
    }
}
