//! Facts about a process, from the kernel.

use std::fs;
use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process that a test has started. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Sends a signal to a process that a test has started.
pub fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).ok();
}

/// Whether the process exists and has not ended yet.
pub fn is_alive(pid: i32) -> bool {
    stat(pid).is_some_and(|fields| fields[0] != "Z")
}

/// The state of the process, as `ps` shows it.
pub fn process_state(pid: i32) -> Option<char> {
    stat(pid)?.first()?.chars().next()
}

/// The resident memory in bytes.
pub fn resident_bytes(pid: i32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// The user and system time in clock ticks.
pub fn cpu_ticks(pid: i32) -> (u64, u64) {
    let fields = stat(pid).unwrap();
    (fields[11].parse().unwrap(), fields[12].parse().unwrap())
}

/// A process of a group.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its process id.
    pub pid: i32,
    /// Its CPU time in clock ticks.
    pub ticks: u64,
    /// Its resident memory in bytes.
    pub resident: u64,
}

/// The processes of a group that have not ended.
pub fn group(leader: i32) -> Vec<Member> {
    let all = fs::read_dir("/proc").unwrap();
    let pids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let member = |pid: i32| {
        let fields = stat(pid).filter(|fields| fields[0] != "Z")?;
        (fields[2] == leader.to_string()).then_some(())?;
        let number = |at: usize| fields[at].parse::<u64>().ok();
        let (ticks, pages) = (number(11)? + number(12)?, number(21)?);
        Some(Member { pid, ticks, resident: pages * 4096 })
    };
    pids.filter_map(member).collect()
}

/// How many descriptors the process has open.
pub fn open_descriptors(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// The children of a process, including children that have ended and were not waited for.
pub fn children(pid: i32) -> Vec<i32> {
    let all = fs::read_dir("/proc").unwrap();
    let pids = all.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let parent = pid.to_string();
    pids.filter(|child| stat(*child).is_some_and(|fields| fields[1] == parent)).collect()
}

/// The fields of `/proc/<pid>/stat`, from the state on.
fn stat(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}
