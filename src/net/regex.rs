//! Regular expressions in the dialect of PCRE2, which is what users of HAProxy write, and with a
//! bound on the work of a search: the text comes from strangers.
#![expect(unsafe_code, reason = "PCRE2 is a library in C")]

use std::ffi::{c_int, c_void};
use std::fmt;
use std::ptr::{self, NonNull};

use pcre2_sys as sys;

/// A compiled expression. Text is a row of bytes to it, unless the expression begins with
/// `(*UTF)`. Plain parentheses group without capturing, as in HAProxy.
pub struct Regex {
    code: NonNull<sys::pcre2_code_8>,
    pattern: String,
    ignores_case: bool,
}

/// Why an expression cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexError {
    /// PCRE2's words.
    pub message: String,
    /// Where in the expression it is, in bytes.
    pub offset: usize,
}

impl fmt::Display for RegexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at byte {}", self.message, self.offset)
    }
}

impl std::error::Error for RegexError {}

/// What searches may still cost: one for each item of the expression that is tried, and one for
/// every eight bytes that are passed over. A hundred thousand take one to four milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    left: u32,
    position: usize,
}

/// A search was given up: it would have cost more than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuchWork;

/// The most memory of one search in KiB: it grows with the work.
const HEAP_KIB_MAX: u32 = 16 * 1024;

impl Work {
    /// The amount for one search or several.
    pub const fn new(amount: u32) -> Self {
        Self { left: amount, position: 0 }
    }

    /// Counts an item that is tried at `position`. False once nothing is left.
    fn spend(&mut self, position: usize) -> bool {
        let passed = u32::try_from(position.abs_diff(self.position) / 8).unwrap_or(u32::MAX);
        self.position = position;
        self.left = self.left.saturating_sub(passed.saturating_add(1));
        self.left > 0
    }
}

impl Regex {
    /// Compiles an expression.
    ///
    /// # Errors
    /// What PCRE2 says of it.
    pub fn new(pattern: &str, ignores_case: bool) -> Result<Self, RegexError> {
        let case = if ignores_case { sys::PCRE2_CASELESS } else { 0 };
        // PCRE2 calls back before each item: that is where work is counted.
        let options = sys::PCRE2_AUTO_CALLOUT | sys::PCRE2_NO_AUTO_CAPTURE | case;
        let (mut error, mut offset) = (0, 0);
        // SAFETY: the pattern is readable for its length; both results outlive the call.
        let code = unsafe {
            sys::pcre2_compile_8(
                pattern.as_ptr(),
                pattern.len(),
                options,
                &raw mut error,
                &raw mut offset,
                ptr::null_mut(),
            )
        };
        let pattern = pattern.to_owned();
        let code =
            NonNull::new(code).ok_or_else(|| RegexError { message: words(error), offset })?;
        Ok(Self { code, pattern, ignores_case })
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether a part of `text` matches. Text that is not UTF-8 matches no `(*UTF)`.
    ///
    /// # Errors
    /// When nothing is left of `work`, which is then over for good, or memory is short.
    pub fn is_match(&self, text: &[u8], work: &mut Work) -> Result<bool, TooMuchWork> {
        if work.left == 0 {
            return Err(TooMuchWork);
        }
        work.position = 0;
        // SAFETY: both calls take no memory of ours; each result is checked and freed below.
        let (data, context) = unsafe {
            (
                sys::pcre2_match_data_create_8(1, ptr::null_mut()),
                sys::pcre2_match_context_create_8(ptr::null_mut()),
            )
        };
        let mut result = sys::PCRE2_ERROR_NOMEMORY;
        if !data.is_null() && !context.is_null() {
            // SAFETY: `data` and `context` were made above and are freed below only. `work` and
            // `text` are borrowed for longer than the call, and nobody else uses `work` during it.
            result = unsafe {
                sys::pcre2_set_heap_limit_8(context, HEAP_KIB_MAX);
                pcre2_set_callout_8(context, Some(count), (&raw mut *work).cast());
                let (start, options) = (0, 0);
                let (code, text_start) = (self.code.as_ptr(), text.as_ptr());
                sys::pcre2_match_8(code, text_start, text.len(), start, options, data, context)
            };
        }
        // SAFETY: both are null, which is allowed, or were made above, and nothing else frees them.
        unsafe {
            sys::pcre2_match_data_free_8(data);
            sys::pcre2_match_context_free_8(context);
        }
        match result {
            // What is too much for PCRE2's own limits counts like what is too much for ours.
            sys::PCRE2_ERROR_CALLOUT
            | sys::PCRE2_ERROR_HEAPLIMIT
            | sys::PCRE2_ERROR_MATCHLIMIT
            | sys::PCRE2_ERROR_DEPTHLIMIT
            | sys::PCRE2_ERROR_NOMEMORY => {
                work.left = 0;
                Err(TooMuchWork)
            }
            // 0 says that there were more captures than room, of which there is little.
            found => Ok(found >= 0),
        }
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: the code was compiled or copied for this value alone.
        unsafe { sys::pcre2_code_free_8(self.code.as_ptr()) };
    }
}

impl Clone for Regex {
    fn clone(&self) -> Self {
        // SAFETY: the code stays as it is for as long as `self` is borrowed.
        let copy = unsafe { sys::pcre2_code_copy_8(self.code.as_ptr()) };
        let code = NonNull::new(copy).expect("memory for a copy, without which Rust ends too");
        Self { code, pattern: self.pattern.clone(), ignores_case: self.ignores_case }
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        (&self.pattern, self.ignores_case) == (&other.pattern, other.ignores_case)
    }
}

impl Eq for Regex {}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let case = if self.ignores_case { "i" } else { "" };
        write!(f, "/{}/{case}", self.pattern)
    }
}

/// The words for an error of PCRE2.
fn words(error: c_int) -> String {
    let mut text = [0_u8; 256];
    // SAFETY: the buffer is as long as is said; PCRE2 ends the text with a zero within it.
    let len = unsafe { sys::pcre2_get_error_message_8(error, text.as_mut_ptr(), text.len()) };
    let len = usize::try_from(len).unwrap_or_default();
    String::from_utf8_lossy(text.get(..len).unwrap_or_default()).into_owned()
}

/// The beginning of what PCRE2 tells a callout: its version 0, to which later ones only add.
#[repr(C)]
struct CalloutBlock {
    version: u32,
    callout_number: u32,
    capture_top: u32,
    capture_last: u32,
    offset_vector: *const usize,
    mark: *const u8,
    subject: *const u8,
    subject_length: usize,
    start_match: usize,
    current_position: usize,
}

type Callout = unsafe extern "C" fn(*const CalloutBlock, *mut c_void) -> c_int;

unsafe extern "C" {
    /// Has `callout` called with `data` in each search with this context. `pcre2-sys` leaves this
    /// function out.
    fn pcre2_set_callout_8(
        context: *mut sys::pcre2_match_context_8,
        callout: Option<Callout>,
        data: *mut c_void,
    ) -> c_int;
}

/// Counts the work of a search, and ends the search when nothing is left.
///
/// # Safety
/// `block` is PCRE2's, and `work` the one that [`Regex::is_match`] has set.
unsafe extern "C" fn count(block: *const CalloutBlock, work: *mut c_void) -> c_int {
    // SAFETY: PCRE2 calls this with a block of its own that it does not change meanwhile.
    let position = unsafe { (*block).current_position };
    // SAFETY: `is_match` has borrowed it mutably for the whole search and does not touch it.
    let work = unsafe { &mut *work.cast::<Work>() };
    if work.spend(position) { 0 } else { sys::PCRE2_ERROR_CALLOUT }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENOUGH: u32 = 1_000_000;

    fn is_match(pattern: &str, text: &[u8]) -> bool {
        let regex = Regex::new(pattern, false).unwrap();
        regex.is_match(text, &mut Work::new(ENOUGH)).unwrap()
    }

    #[test]
    fn what_users_write_means_what_it_means_in_haproxy() {
        for (pattern, text, wanted) in [
            ("^220.*$", &b"220 x\r\n"[..], true),
            ("^UP$", b"UP\n", true),
            ("^UP$", b"UP\r\n", false),
            ("^UP\\R?$", b"UP\r\n", true),
            ("^2", b"x\n2", false),
            ("(?m)^2", b"x\n2", true),
            ("a.c", b"a\nc", false),
            ("(?s)a.c", b"a\nc", true),
            ("{\"status\"", b"{\"status\":1}", true),
            ("\"status\":\\s*\"(green|yellow)\"", b"{\"status\": \"green\"}", true),
            ("^(?!.*(error|fail)).*$", b"all is well\n", true),
            ("^(?!.*(error|fail)).*$", b"a failure\n", false),
            ("(?<=role:)master", b"role:master", true),
            ("(?i)role:MASTER", b"role:master", true),
            ("^\\+(OK|PONG)", b"+PONG\r\n", true),
            ("^SSH-2\\.0-\\w++", b"SSH-2.0-OpenSSH_9\r\n", true),
            ("^\\* OK.*IMAP4rev1", b"* OK [CAPABILITY IMAP4rev1] x", true),
            ("[[:digit:]]{3}", b"a200", true),
            ("^a.c", b"a\0c", true),
            ("^a.$", b"a\xc3\xa9\n", false),
            ("(*UTF)^a.$", b"a\xc3\xa9\n", true),
            ("(*UTF)a", b"a\xff", false),
            ("\\x00\\xff", b"\0\xff", true),
            ("\\Qa.b\\E$", b"a.b", true),
            ("(?<c>a)\\k<c>", b"xaa", true),
            ("(?>a+)ab", b"aaab", false),
            ("", b"", true),
        ] {
            assert_eq!(is_match(pattern, text), wanted, "{pattern}");
        }
        let regex = Regex::new("^ready", true).unwrap();
        assert_eq!(regex.is_match(b"READY", &mut Work::new(ENOUGH)), Ok(true));
        assert_eq!(regex.clone(), regex);
        assert_ne!(Some(regex), Regex::new("^ready", false).ok());
    }

    #[test]
    fn what_is_no_expression_is_refused_with_the_place() {
        let error = |pattern| Regex::new(pattern, false).unwrap_err().to_string();
        assert_eq!(error("(a"), "missing closing parenthesis, at byte 2");
        // Plain parentheses do not capture.
        assert_eq!(error("(a)\\1"), "reference to non-existent subpattern, at byte 4");
    }

    /// Each of these takes seconds or more on a text that is made for it.
    #[test]
    fn a_text_that_is_made_to_cost_much_is_given_up() {
        const LEN: usize = 16_384;
        for (pattern, unit) in [
            ("(a+)+$", "a"),
            ("a.*[bc]", "a"),
            ("\\d+[ms]", "1"),
            ("(.*)x(.*)[yz]", "x"),
            ("(a|aa)*[bc]", "a"),
            ("(?<c>a*)\\k<c>[bc]", "a"),
            ("(?:x+x+)+[yz]", "x"),
            ("\\s+$", " "),
        ] {
            let mut text = unit.repeat(LEN - 1).into_bytes();
            text.push(b'!');
            let mut work = Work::new(ENOUGH);
            let regex = Regex::new(pattern, false).unwrap();
            assert_eq!(regex.is_match(&text, &mut work), Err(TooMuchWork), "{pattern}");
            assert_eq!(regex.is_match(b"a", &mut work), Err(TooMuchWork), "{pattern}");
        }
    }

    #[test]
    fn a_long_text_that_is_not_made_so_costs_little() {
        let text = [&b"a word and another\r\n".repeat(800)[..], b"READY"].concat();
        for pattern in ["READY", "(?s)^a.*READY$", "(.|\\n)*READY", "^([^\\n]*\\n)*READY", "R\\w+Y"]
        {
            let mut work = Work::new(100_000);
            let regex = Regex::new(pattern, false).unwrap();
            assert_eq!(regex.is_match(&text, &mut work), Ok(true), "{pattern}");
        }
    }
}
