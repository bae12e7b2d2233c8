//! Which system calls the process may make from now on (seccomp(2)). What the filter refuses fails
//! with EPERM, as what permissions refuse does: a call that was forgotten here then spoils one
//! thing, and is said in the log, where it could have ended the process with all its connections.
#![expect(unsafe_code, reason = "prctl(2), and the handler of SIGSYS, which gets registers")]

use std::ffi::{c_int, c_void};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::call_lists::{DENIED, NAMESPACE_FLAGS, SAVING, SERVING, STARTING, X32};

/// What becomes of a call that the filter does not let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It fails.
    Fails,
    /// It is made, and the kernel writes it to its log.
    IsLogged,
}

/// Lets this process make only the calls that serving takes: it can start no program any more.
/// Returns how many calls are left.
///
/// # Errors
/// What seccomp(2) reports, or that there is no filter for this kind of machine.
pub fn allow_serving(refusal: Refusal) -> io::Result<usize> {
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    let family = |family: c_int| rule(0, SeccompCmpOp::Eq, u64::from(family.unsigned_abs()));
    let sockets = families.into_iter().map(family).collect::<io::Result<_>>()?;
    allow(SERVING, vec![(libc::SYS_socket, sockets)], refusal)
}

/// Lets this process make only the calls that it takes to write tables to files. Returns how many
/// calls are left.
///
/// # Errors
/// What seccomp(2) reports, or that there is no filter for this kind of machine.
pub fn allow_saving(refusal: Refusal) -> io::Result<usize> {
    allow(SAVING, Vec::new(), refusal)
}

/// Lets this process make only these calls, and those of `rules` with some arguments.
fn allow(
    calls: &[i64],
    mut rules: Vec<(i64, Vec<SeccompRule>)>,
    refusal: Refusal,
) -> io::Result<usize> {
    let otherwise = match refusal {
        Refusal::Fails if HANDLES_REFUSED => {
            handle_refused()?;
            SeccompAction::Trap
        }
        Refusal::Fails => SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        Refusal::IsLogged => SeccompAction::Log,
    };
    rules.extend(calls.iter().map(|number| (*number, Vec::new())));
    // No memory becomes code.
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    for number in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.push((number, vec![rule(2, SeccompCmpOp::MaskedEq(executable), 0)?]));
    }
    let options = [libc::PR_SET_PDEATHSIG, libc::PR_GET_NO_NEW_PRIVS, PR_SET_VMA];
    let option = |option: c_int| rule(0, SeccompCmpOp::Eq, u64::from(option.unsigned_abs()));
    rules.push((libc::SYS_prctl, options.into_iter().map(option).collect::<io::Result<_>>()?));
    let count = rules.len();
    if refusal == Refusal::Fails {
        // The library blocks all signals around these calls, and a trap that is blocked kills. So
        // they pass the filter with the traps, and another one refuses them.
        let starting = || STARTING.iter().map(|number| (*number, Vec::new()));
        rules.extend(starting());
        let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        apply(starting().collect(), SeccompAction::Allow, refused)?;
    }
    apply(rules, otherwise, SeccompAction::Allow)?;
    Ok(count)
}

/// Refuses this process, and every program that it starts, what none of them needs. Returns how
/// many calls are refused.
///
/// # Errors
/// What seccomp(2) reports, or that there is no filter for this kind of machine.
pub fn deny_dangerous(refusal: Refusal) -> io::Result<usize> {
    let refused = |errno: c_int| match refusal {
        Refusal::Fails => SeccompAction::Errno(errno.unsigned_abs()),
        Refusal::IsLogged => SeccompAction::Log,
    };
    let mut rules: Vec<(i64, Vec<SeccompRule>)> = Vec::new();
    for number in DENIED {
        rules.push((*number, Vec::new()));
        rules.extend(X32.map(|bit| (bit | *number, Vec::new())));
    }
    for flag in NAMESPACE_FLAGS {
        let flag = u64::from(flag.unsigned_abs());
        rules.push((libc::SYS_clone, vec![rule(0, SeccompCmpOp::MaskedEq(flag), flag)?]));
    }
    apply(rules, SeccompAction::Allow, refused(libc::EPERM))?;
    // The flags of clone3 lie in memory, where no filter looks. The libraries use clone instead.
    let clone3 = vec![(libc::SYS_clone3, Vec::new())];
    if refusal == Refusal::Fails {
        apply(clone3, SeccompAction::Allow, refused(libc::ENOSYS))?;
    }
    Ok(denied_count())
}

/// How many calls [`deny_dangerous`] refuses.
pub const fn denied_count() -> usize {
    DENIED.len()
}

/// Whether a filter of any kind is in force.
pub fn is_filtered() -> bool {
    const FILTERED: c_int = 2;
    // SAFETY: the option takes no argument and changes nothing.
    unsafe { libc::prctl(libc::PR_GET_SECCOMP) == FILTERED }
}

/// The option by which allocators name their memory; libc knows it for some systems only.
const PR_SET_VMA: c_int = 0x5356_4d41;

fn rule(argument: u8, comparison: SeccompCmpOp, value: u64) -> io::Result<SeccompRule> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, comparison, value)
        .map_err(error)?;
    SeccompRule::new(vec![condition]).map_err(error)
}

/// Applies a filter: calls of `rules` meet `within`, others `otherwise`. Several rules of one call
/// are alternatives.
fn apply(
    rules: Vec<(i64, Vec<SeccompRule>)>,
    otherwise: SeccompAction,
    within: SeccompAction,
) -> io::Result<()> {
    let mut by_number = std::collections::BTreeMap::<i64, Vec<SeccompRule>>::new();
    for (number, rules) in rules {
        by_number.entry(number).or_default().extend(rules);
    }
    let machine = TargetArch::try_from(std::env::consts::ARCH).map_err(error)?;
    let filter = SeccompFilter::new(by_number, otherwise, within, machine).map_err(error)?;
    let program = BpfProgram::try_from(filter).map_err(error)?;
    seccompiler::apply_filter(&program).map_err(error)
}

fn error(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

/// The calls that were refused, a bit for each number below 1024, and those that were taken.
static REFUSED: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];
static TAKEN: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];

/// Whether a call was refused since somebody looked.
static HAS_REFUSED: AtomicBool = AtomicBool::new(false);

/// The numbers of the calls that were refused for the first time since this was asked before.
pub fn take_refused() -> Vec<usize> {
    if !HAS_REFUSED.load(Ordering::Relaxed) || !HAS_REFUSED.swap(false, Ordering::Acquire) {
        return Vec::new();
    }
    let pairs = REFUSED.iter().zip(&TAKEN).enumerate();
    let numbers = pairs.flat_map(|(index, (refused, taken))| {
        let refused = refused.load(Ordering::Relaxed);
        let new = refused & !taken.fetch_or(refused, Ordering::Relaxed);
        (0..64).filter(move |bit| new & (1 << bit) != 0).map(move |bit| index * 64 + bit)
    });
    numbers.collect()
}

/// Whether the registers of a refused call are known on this kind of machine.
const HANDLES_REFUSED: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

fn handle_refused() -> io::Result<()> {
    let handler = SigHandler::SigAction(note_refused);
    let action = SigAction::new(handler, SaFlags::SA_SIGINFO, SigSet::empty());
    // SAFETY: the handler changes atomic numbers and the registers that it is given, nothing else.
    unsafe { sigaction(Signal::SIGSYS, &action) }?;
    Ok(())
}

/// Runs in place of a call that is refused, and makes it fail.
extern "C" fn note_refused(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel hands the saved registers to a handler with SA_SIGINFO, and puts them back
    // when the handler returns; nothing else refers to them meanwhile.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let number = usize::try_from(refuse(&mut context.uc_mcontext)).unwrap_or(usize::MAX);
    if let Some(bits) = REFUSED.get(number / 64) {
        bits.fetch_or(1 << (number % 64), Ordering::Relaxed);
        HAS_REFUSED.store(true, Ordering::Release);
    }
}

/// The number of the call that the registers belong to. Its result is an error from now on.
#[cfg(target_arch = "x86_64")]
fn refuse(registers: &mut libc::mcontext_t) -> i64 {
    let Some(result) = registers.gregs.get_mut(libc::REG_RAX as usize) else { return -1 };
    std::mem::replace(result, i64::from(-libc::EPERM))
}

/// The number of the call that the registers belong to. Its result is an error from now on.
#[cfg(target_arch = "aarch64")]
fn refuse(registers: &mut libc::mcontext_t) -> i64 {
    let [result, .., number] = &mut registers.regs[..9] else { return -1 };
    *result = i64::from(-libc::EPERM).cast_unsigned();
    number.cast_signed()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn refuse(_: &mut libc::mcontext_t) -> i64 {
    -1
}
