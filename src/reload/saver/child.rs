//! What the saver does, from its fork to its end.
#![expect(unsafe_code, reason = "setpriority(2), which nix lacks")]

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};

use super::order::{ORDER_LEN, Order};
use super::place::Place;
use super::report;
use crate::reactor::clock;
use crate::reload::child::close_all_but;
use crate::reload::inherit::Inherited;
use crate::reload::inherit::pass::receive_listeners;
use crate::table::{SaveReport, Stamp, Standing, Written, write_table};

/// How long the owner may take to send the tables, once it has begun.
const RECEIVE_LIMIT: Duration = Duration::from_secs(5);

/// How long the owner may leave reports unread. A report that it does not read then is lost.
const REPORT_LIMIT: Duration = Duration::from_millis(100);

/// The file that says which start of the machine this is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How much later than the loop the saver gets the CPU.
const NICE: libc::c_int = 10;

/// Is the saver until it has nothing more to do. It listens to `owner` alone, at the other end of
/// `socket`.
pub(super) fn run(
    socket: UnixStream,
    owner: u32,
    places: Vec<Place>,
    confine: impl FnOnce(&[Place]) -> Result<(), String>,
) {
    // Its owner says what is to be said.
    log::set_max_level(log::LevelFilter::Off);
    // They are for its owner, and it has a state to save when they come.
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None);
    let kept = places.iter().map(Place::directory).chain([socket.as_fd()]);
    close_all_but(&kept.collect::<Vec<_>>());
    // For people who list the processes.
    let _ = prctl::set_name(c"stickd-saver");
    lower_priority();
    let boot = boot();
    if let Err(why) = confine(&places) {
        // It is not what it was meant to be: so it does nothing.
        for table in 0..places.len() {
            let result = Err(format!("the saver cannot be confined: {why}"));
            tell(&socket, table, &SaveReport { took_ms: 0, result });
        }
        return;
    }
    if !wait_readable(&socket, None) {
        return;
    }
    let Ok(received) = receive_listeners(&socket, owner, RECEIVE_LIMIT) else { return };
    let mut inherited = Inherited::default();
    received.into_iter().for_each(|given| inherited.add(given));
    let kept = inherited.take_tables();
    let mut rows: HashMap<String, File> =
        kept.tables.into_iter().map(|(name, fd)| (name, fd.into())).collect();
    let names = kept.names.map(File::from);
    let tables = places.into_iter().enumerate().filter_map(|(number, place)| {
        Some(Table { rows: rows.remove(&place.table)?, number, place, due_ms: 0 })
    });
    let stamp = Stamp { boot, ..Stamp::default() };
    Work { socket, tables: tables.collect(), names, stamp, orders: Vec::new() }.run();
}

fn lower_priority() {
    // SAFETY: the call takes numbers. If it fails, the saver has the priority of its owner.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
}

/// Which start of the machine this is. Without /proc, all are one.
fn boot() -> [u8; 16] {
    let text = fs::read_to_string(BOOT_ID).unwrap_or_default();
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let mut boot = [0; 16];
    for (byte, pair) in boot.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair.iter().fold(0, |byte, digit| byte << 4 | digit);
    }
    boot
}

/// Waits until something can be read, or the other end is closed. Returns false after the time, and
/// when poll(2) fails.
pub(super) fn wait_readable(socket: &UnixStream, limit_ms: Option<u64>) -> bool {
    let timeout = limit_ms
        .map_or(PollTimeout::NONE, |ms| PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX));
    loop {
        let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut polled, timeout) {
            Ok(count) => return count > 0,
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

fn tell(mut socket: &UnixStream, table: usize, report: &SaveReport) {
    // An owner that is gone, or that reads nothing, hears nothing.
    let _ = socket.set_write_timeout(Some(REPORT_LIMIT));
    let _ = socket.write_all(&report::write(table, report));
}

/// A table that is saved.
struct Table {
    rows: File,
    /// Its number among all places.
    number: usize,
    place: Place,
    due_ms: u64,
}

struct Work {
    socket: UnixStream,
    tables: Vec<Table>,
    names: Option<File>,
    /// `since_ns` is 0 until the owner serves.
    stamp: Stamp,
    /// Orders that were read, the last one perhaps in part.
    orders: Vec<u8>,
}

/// What is left to do after an order.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    /// A last save, and the end.
    Finish,
    Quit,
}

impl Work {
    fn run(mut self) {
        loop {
            let begun = self.stamp.since_ns != 0;
            let now_ms = clock::now_ms();
            let due_ms = self.tables.iter().map(|table| table.due_ms).min().filter(|_| begun);
            let is_told = match due_ms.map(|due_ms| due_ms.saturating_sub(now_ms)) {
                Some(0) => wait_readable(&self.socket, Some(0)),
                wait_ms => wait_readable(&self.socket, wait_ms),
            };
            if is_told {
                match self.obey() {
                    Next::GoOn => {}
                    Next::Finish => {
                        if self.stamp.since_ns != 0 {
                            self.save_due(u64::MAX);
                        }
                        return;
                    }
                    Next::Quit => return,
                }
            } else if begun {
                self.save_next(now_ms);
            }
        }
    }

    /// Reads orders. An owner that is gone cannot say whether it was told to stop or has crashed:
    /// its last state is saved.
    fn obey(&mut self) -> Next {
        let mut bytes = [0; 256];
        match self.socket.read(&mut bytes) {
            Ok(0) => return Next::Finish,
            Ok(len) => self.orders.extend_from_slice(bytes.get(..len).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Next::Finish,
        }
        while let Some(order) = self.orders.first_chunk::<ORDER_LEN>().copied() {
            self.orders.drain(..ORDER_LEN);
            match Order::read(order) {
                Some((Order::Begin, since_ns)) => self.stamp.since_ns = since_ns.max(1),
                Some((Order::Save, _)) => {
                    self.tables.iter_mut().for_each(|table| table.due_ms = 0);
                }
                Some((Order::Finish, _)) => return Next::Finish,
                Some((Order::Quit, _)) | None => return Next::Quit,
            }
        }
        Next::GoOn
    }

    /// Saves one table that is due, so that orders are heard between two.
    fn save_next(&mut self, now_ms: u64) {
        let mut tables = self.tables.iter_mut();
        if let Some(table) = tables.find(|table| table.due_ms <= now_ms) {
            table.save(&self.socket, self.names.as_ref(), self.stamp);
        }
    }

    fn save_due(&mut self, now_ms: u64) {
        for table in self.tables.iter_mut().filter(|table| table.due_ms <= now_ms) {
            table.save(&self.socket, self.names.as_ref(), self.stamp);
        }
    }
}

impl Table {
    fn save(&mut self, socket: &UnixStream, names: Option<&File>, stamp: Stamp) {
        let began_ms = clock::now_ms();
        let stamp = Stamp { wall_ms: clock::unix_ms(), tick_ms: began_ms, ..stamp };
        let saved = self.place.file.replace(
            |old| may_replace(&stamp, old),
            |out| write_table(&self.rows, names, &stamp, out),
        );
        let took_ms = clock::now_ms() - began_ms;
        // A save that takes longer than the time between two leaves the disk to others as long.
        self.due_ms = began_ms + self.place.every_ms.max(2 * took_ms);
        let result: Result<Written, String> = saved.map_err(|error| error.to_string());
        tell(socket, self.number, &SaveReport { took_ms, result });
    }
}

/// Whether a table with this stamp may replace the file that begins with these bytes.
fn may_replace(stamp: &Stamp, old: &[u8]) -> io::Result<()> {
    let refused = |why: &str| Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
    match stamp.standing(old) {
        Standing::Older => Ok(()),
        Standing::Newer => refused("a process that serves since later saves there"),
        Standing::Foreign => refused("the file is no table: it is left alone"),
    }
}
