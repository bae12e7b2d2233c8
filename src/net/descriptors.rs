//! Descriptors beside the bytes on a unix socket. Whoever receives these bytes in another way drops
//! the descriptors.
#![expect(
    unsafe_code,
    reason = "descriptors that the kernel installs have to be adopted by number"
)]

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg, sendmsg,
};

/// The most descriptors that one message carries (Linux's limit is 253).
pub const FDS_PER_MESSAGE: usize = 128;

/// Sends bytes with these descriptors beside the first of them. Does not wait. Returns how many
/// bytes were taken.
///
/// # Errors
/// What sendmsg(2) reports; `WouldBlock` if the kernel takes nothing at present.
pub fn send<'f>(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    fds: impl IntoIterator<Item = BorrowedFd<'f>>,
) -> io::Result<usize> {
    let fds: Vec<RawFd> = fds.into_iter().map(|fd| fd.as_raw_fd()).collect();
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    let rights = [ControlMessage::ScmRights(&fds)];
    let control = if fds.is_empty() { &[][..] } else { &rights[..] };
    Ok(sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], control, flags, None)?)
}

/// What one message has brought.
#[derive(Debug)]
pub struct Received {
    /// How many bytes.
    pub bytes: usize,
    /// The descriptors beside them; close-on-exec.
    pub fds: Vec<OwnedFd>,
    /// Descriptors were sent that this process has no room for.
    pub is_cut: bool,
    /// The process that has sent it, if the kernel was asked to name the sender.
    pub sender: Option<u32>,
}

/// Receives bytes and the descriptors beside them.
///
/// # Errors
/// What recvmsg(2) reports.
pub fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8], flags: MsgFlags) -> io::Result<Received> {
    let mut space = nix::cmsg_space!([RawFd; FDS_PER_MESSAGE], UnixCredentials);
    let mut parts = [IoSliceMut::new(bytes)];
    let flags = flags | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    let (mut fds, mut sender) = (Vec::new(), None);
    let len = message.bytes;
    if message.flags.contains(MsgFlags::MSG_CTRUNC) {
        drop(take_cut(&space));
        return Ok(Received { bytes: len, fds, is_cut: true, sender });
    }
    for control in message.cmsgs()? {
        match control {
            ControlMessageOwned::ScmRights(numbers) => {
                // SAFETY: the kernel has just installed these descriptors in this process for us;
                // nothing else knows their numbers.
                fds.extend(numbers.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
            }
            ControlMessageOwned::ScmCredentials(process) => {
                sender = u32::try_from(process.pid()).ok();
            }
            _ => {}
        }
    }
    Ok(Received { bytes: len, fds, is_cut: false, sender })
}

/// Takes the descriptors that the kernel has installed of a message for which there was no room.
/// nix does not read such messages, and nobody would ever close the descriptors.
fn take_cut(space: &[u8]) -> Vec<OwnedFd> {
    let head_len = size_of::<libc::cmsghdr>().next_multiple_of(size_of::<usize>());
    let mut fds = Vec::new();
    let mut rest = space;
    while rest.len() > head_len {
        // SAFETY: `rest` holds more bytes than the head of a control message, which is numbers
        // alone; reading needs no alignment.
        let head = unsafe { rest.as_ptr().cast::<libc::cmsghdr>().read_unaligned() };
        // The C libraries do not agree about the type of the length.
        let len = usize::try_from(head.cmsg_len as u64).unwrap_or(usize::MAX);
        let Some(data) = rest.get(head_len..len) else { break };
        if (head.cmsg_level, head.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            let (numbers, _) = data.as_chunks();
            // SAFETY: as for the descriptors of a message that is whole: the kernel has put their
            // numbers here when it installed them. Behind them are the zeros that we put there.
            fds.extend(
                numbers.iter().map(|fd| unsafe { OwnedFd::from_raw_fd(RawFd::from_ne_bytes(*fd)) }),
            );
        }
        let next = len.next_multiple_of(size_of::<usize>());
        rest = rest.get(next..).unwrap_or_default();
    }
    fds
}
