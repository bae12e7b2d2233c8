//! Sends signals to the processes of `-sf` and `-st`, which are to stop when this process serves. A
//! process that has given up its privileges by then may not send signals to them any more. So a
//! child keeps the privileges, and does nothing but send the signals that it is told to send.
#![expect(unsafe_code, reason = "fork(2)")]

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, Pid, fork};

use super::child::{Child, close_all_but};

/// The length of an order to the child: a process id and a signal, in bytes.
const ORDER_LEN: usize = 8;

/// The processes of `-sf` and `-st`, and what each of them is told.
#[derive(Debug, Default)]
pub struct StopOthers {
    sender: SignalSender,
    /// Processes that are told to stop when this process serves, and the signals.
    when_serving: Vec<(i32, Signal)>,
    /// The stickd that hands over. It stops by itself, unless the handover fails.
    handing_over: Option<(i32, Signal)>,
    /// Processes that teach over the address of the local peer when they are told to stop.
    teachers: Vec<(i32, Signal)>,
}

impl StopOthers {
    /// Processes that are all told to stop with `signal`.
    pub fn new(
        signal: Signal,
        when_serving: &[i32],
        handing_over: Option<i32>,
        teachers: &[i32],
    ) -> Self {
        let with_signal = |pids: &[i32]| pids.iter().map(|pid| (*pid, signal)).collect();
        Self {
            sender: SignalSender::default(),
            when_serving: with_signal(when_serving),
            handing_over: handing_over.map(|pid| (pid, signal)),
            teachers: with_signal(teachers),
        }
    }

    /// Makes sure that signals can be sent when this process has given up its privileges. To be
    /// called by a process of one thread that still has them. Returns a child, if there is one now.
    /// It has to be waited for.
    ///
    /// # Errors
    /// What socketpair(2) or fork(2) report.
    pub fn keep_privileges(&mut self) -> io::Result<Option<Child>> {
        if self.when_serving.is_empty() && self.teachers.is_empty() && self.handing_over.is_none() {
            return Ok(None);
        }
        let (sender, child) = SignalSender::start()?;
        self.sender = sender;
        Ok(Some(child))
    }

    /// Tells processes of another kind to stop and to teach. This process has to listen by then,
    /// and nothing may be left that could keep it from serving.
    pub fn ask_to_teach(&mut self) {
        for (pid, signal) in self.teachers.drain(..) {
            self.sender.send(pid, signal);
        }
    }

    /// The handover has failed: the stickd that handed over is told to stop, too.
    pub fn handover_failed(&mut self) {
        self.when_serving.extend(self.handing_over.take());
    }

    /// Tells the processes to stop, as this process serves. The child, if there is one, ends.
    pub fn stop(mut self) {
        for (pid, signal) in self.when_serving.drain(..) {
            self.sender.send(pid, signal);
        }
    }
}

/// Sends signals to other processes.
#[derive(Debug, Default)]
struct SignalSender {
    /// The socket to the child, if there is a child. The child ends when the socket is closed.
    child: Option<UnixStream>,
}

impl SignalSender {
    /// A sender that may still send signals when this process may not. Also returns its child,
    /// which has to be waited for. This process must have one thread.
    ///
    /// # Errors
    /// What socketpair(2) or fork(2) report.
    fn start() -> io::Result<(Self, Child)> {
        let (ours, theirs) = UnixStream::pair()?;
        // SAFETY: this process has one thread, so the child may do everything that it could do
        // itself, allocation included.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                let sender = Self { child: Some(ours) };
                Ok((sender, Child::of_child(child.as_raw())))
            }
            ForkResult::Child => {
                close_all_but(&[theirs.as_fd()]);
                obey(theirs);
                // SAFETY: _exit takes any status and does not return; it runs no destructor that
                // belongs to the parent.
                unsafe { libc::_exit(0) }
            }
        }
    }

    /// Sends `signal` to process `pid`.
    fn send(&mut self, pid: i32, signal: Signal) {
        let sent = match &mut self.child {
            None => kill(Pid::from_raw(pid), signal).map_err(io::Error::from),
            Some(child) => child.write_all(&order(pid, signal)),
        };
        if let Err(error) = sent {
            log::warn!("send {signal} to process {pid}: {error}");
        }
    }
}

fn order(pid: i32, signal: Signal) -> [u8; ORDER_LEN] {
    let mut order = [0; ORDER_LEN];
    let bytes = pid.to_ne_bytes().into_iter().chain((signal as i32).to_ne_bytes());
    order.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    order
}

/// Sends the signals that the parent orders, until the parent closes its end.
fn obey(mut orders: UnixStream) {
    let mut order = [0; ORDER_LEN];
    while orders.read_exact(&mut order).is_ok() {
        let [a, b, c, d, e, f, g, h] = order;
        let pid = Pid::from_raw(i32::from_ne_bytes([a, b, c, d]));
        let Ok(signal) = Signal::try_from(i32::from_ne_bytes([e, f, g, h])) else { continue };
        if let Err(errno) = kill(pid, signal) {
            log::warn!("send {signal} to process {pid}: {errno}");
        }
    }
}
