//! Regular expressions of PCRE2, because users of HAProxy write that dialect. The work of a search
//! is limited, because the searched text comes from strangers.
#![expect(unsafe_code, reason = "PCRE2 is a library in C")]

use std::ffi::{c_int, c_void};
use std::fmt;
use std::ptr::{self, NonNull};

use pcre2_sys as sys;

/// A compiled expression. It takes text as bytes, unless the expression begins with `(*UTF)`. Plain
/// parentheses group without capturing, as in HAProxy.
pub struct Regex {
    code: NonNull<sys::pcre2_code_8>,
    pattern: String,
    ignores_case: bool,
}

/// Why an expression cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexError {
    /// PCRE2's message.
    pub message: String,
    /// The place of the error in the expression, in bytes.
    pub offset: usize,
}

impl fmt::Display for RegexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at byte {}", self.message, self.offset)
    }
}

impl std::error::Error for RegexError {}

/// The work that searches may still do. Each item of the expression that is tried costs 1, and
/// every eight bytes of text that are passed cost 1. A work of 100,000 takes one to four
/// milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    left: u32,
    position: usize,
}

/// A search was given up, because it needed more work than it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuchWork;

/// The most memory of a search in KiB. A search with much work needs much memory.
const HEAP_KIB_MAX: u32 = 16 * 1024;

impl Work {
    /// The work that one search, or several searches together, may do.
    pub const fn new(amount: u32) -> Self {
        Self { left: amount, position: 0 }
    }

    /// Counts an item that is tried at `position`. Returns false when no work is left.
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
    /// PCRE2's error, if the expression is not valid.
    pub fn new(pattern: &str, ignores_case: bool) -> Result<Self, RegexError> {
        Self::compile(pattern, ignores_case, sys::PCRE2_NO_AUTO_CAPTURE)
    }

    /// Compiles an expression whose plain parentheses capture, for [`Regex::find`].
    ///
    /// # Errors
    /// PCRE2's error, if the expression is not valid.
    pub fn with_groups(pattern: &str, ignores_case: bool) -> Result<Self, RegexError> {
        Self::compile(pattern, ignores_case, 0)
    }

    fn compile(pattern: &str, ignores_case: bool, captures: u32) -> Result<Self, RegexError> {
        let case = if ignores_case { sys::PCRE2_CASELESS } else { 0 };
        // PCRE2 then calls a function before each item of the expression; the function counts the
        // work.
        let options = sys::PCRE2_AUTO_CALLOUT | captures | case;
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
            NonNull::new(code).ok_or_else(|| RegexError { message: message(error), offset })?;
        Ok(Self { code, pattern, ignores_case })
    }

    /// The expression as it was configured.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether a part of `text` matches. An expression with `(*UTF)` never matches text that is not
    /// UTF-8.
    ///
    /// # Errors
    /// When no work is left, which also ends all later searches with `work`, or when memory is
    /// short.
    pub fn is_match(&self, text: &[u8], work: &mut Work) -> Result<bool, TooMuchWork> {
        self.search(text, 0, 1, work).map(|groups| groups.is_some())
    }

    /// The first match from the byte `start` on, with its groups.
    ///
    /// # Errors
    /// As for [`Regex::is_match`].
    pub fn find(
        &self,
        text: &[u8],
        start: usize,
        work: &mut Work,
    ) -> Result<Option<Groups>, TooMuchWork> {
        self.search(text, start, GROUPS_MAX, work)
    }

    /// Searches, and keeps so many groups of what is found.
    fn search(
        &self,
        text: &[u8],
        start: usize,
        groups: u32,
        work: &mut Work,
    ) -> Result<Option<Groups>, TooMuchWork> {
        if work.left == 0 {
            return Err(TooMuchWork);
        }
        if start > text.len() {
            return Ok(None);
        }
        work.position = 0;
        // SAFETY: both calls take no memory of ours; each result is checked and freed below.
        let (data, context) = unsafe {
            (
                sys::pcre2_match_data_create_8(groups, ptr::null_mut()),
                sys::pcre2_match_context_create_8(ptr::null_mut()),
            )
        };
        let mut result = sys::PCRE2_ERROR_NOMEMORY;
        let mut found = Groups::default();
        if !data.is_null() && !context.is_null() {
            // SAFETY: `data` and `context` were made above and are freed below only. `work` and
            // `text` are borrowed for longer than the call, and nobody else uses `work` during it.
            // `start` is not behind the end of `text`.
            result = unsafe {
                sys::pcre2_set_heap_limit_8(context, HEAP_KIB_MAX);
                pcre2_set_callout_8(context, Some(count), (&raw mut *work).cast());
                let (code, text_start) = (self.code.as_ptr(), text.as_ptr());
                sys::pcre2_match_8(code, text_start, text.len(), start, 0, data, context)
            };
            if groups > 1
                && let Some(set) = pairs_set(result, groups)
            {
                // SAFETY: `data` has room for `groups` pairs of offsets, and a successful search
                // has set as many as its result says; the vector lives as long as `data`.
                let offsets = unsafe {
                    let first = sys::pcre2_get_ovector_pointer_8(data);
                    std::slice::from_raw_parts(first, 2 * set)
                };
                found.read(offsets);
            }
        }
        // SAFETY: both are null, which is allowed, or were made above, and nothing else frees them.
        unsafe {
            sys::pcre2_match_data_free_8(data);
            sys::pcre2_match_context_free_8(context);
        }
        match result {
            // PCRE2's own limits have the same effect as the limit of `work`.
            sys::PCRE2_ERROR_CALLOUT
            | sys::PCRE2_ERROR_HEAPLIMIT
            | sys::PCRE2_ERROR_MATCHLIMIT
            | sys::PCRE2_ERROR_DEPTHLIMIT
            | sys::PCRE2_ERROR_NOMEMORY => {
                work.left = 0;
                Err(TooMuchWork)
            }
            // 0 means a match with more groups than `data` has room for.
            matched => Ok((matched >= 0).then_some(found)),
        }
    }
}

/// How many pairs of offsets a search with this result has set, where there is room for `groups`:
/// up to the last group that has matched, and 0 stands for all. Those behind keep what was in the
/// memory before.
fn pairs_set(result: c_int, groups: u32) -> Option<usize> {
    let set = u32::try_from(result).ok()?;
    Some(if set == 0 { groups } else { set.min(groups) } as usize)
}

/// The most groups of a match that are kept, the whole match included.
const GROUPS_MAX: u32 = 10;

/// What a match and its groups cover: first byte, and the byte behind the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Groups([Option<(usize, usize)>; GROUPS_MAX as usize]);

impl Groups {
    /// What a group covers, if the group has matched; 0 is the whole match.
    pub fn get(&self, number: usize) -> Option<(usize, usize)> {
        self.0.get(number).copied().flatten()
    }

    /// Takes PCRE2's pairs of offsets.
    fn read(&mut self, offsets: &[usize]) {
        let (pairs, _) = offsets.as_chunks::<2>();
        for (group, [start, end]) in self.0.iter_mut().zip(pairs) {
            // A group that has not matched has the largest offset; `\K` can swap the ends.
            *group = (start <= end && *end != usize::MAX).then_some((*start, *end));
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

/// PCRE2's message for an error.
fn message(error: c_int) -> String {
    let mut text = [0_u8; 256];
    // SAFETY: the buffer has the given length, and PCRE2 ends the text with a zero inside it.
    let len = unsafe { sys::pcre2_get_error_message_8(error, text.as_mut_ptr(), text.len()) };
    let len = usize::try_from(len).unwrap_or_default();
    String::from_utf8_lossy(text.get(..len).unwrap_or_default()).into_owned()
}

/// The first fields of the block that PCRE2 gives a callout. Version 0 of the block has these
/// fields; later versions add fields at the end.
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
    /// Makes each search with this context call `callout` with `data`. `pcre2-sys` lacks this
    /// function.
    fn pcre2_set_callout_8(
        context: *mut sys::pcre2_match_context_8,
        callout: Option<Callout>,
        data: *mut c_void,
    ) -> c_int;
}

/// Counts the work of a search, and ends the search when nothing is left.
///
/// # Safety
/// `block` comes from PCRE2, and `work` is the pointer that [`Regex::is_match`] has set.
unsafe extern "C" fn count(block: *const CalloutBlock, work: *mut c_void) -> c_int {
    // SAFETY: PCRE2 gives a valid block and does not change it during this call.
    let position = unsafe { (*block).current_position };
    // SAFETY: `is_match` has borrowed the work mutably for the whole search and does not use it.
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
    fn usual_expressions_match_as_in_haproxy() {
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
    fn a_group_that_the_expression_does_not_have_has_not_matched() {
        let groups = |pattern: &str, text: &[u8]| {
            let regex = Regex::with_groups(pattern, false).unwrap();
            regex.find(text, 0, &mut Work::new(ENOUGH)).unwrap().unwrap()
        };
        // The next search gets the memory of this one, with all its groups.
        let many = groups(&"(a)".repeat(9), &[b'a'; 9]);
        assert!((0..10).all(|number| many.get(number).is_some()));
        for (pattern, wanted) in [("a+", 1), ("(a)+", 2), ("(a)(b)?(c)?", 2), ("(b)?(a)", 3)] {
            let found = groups(pattern, b"aaaa");
            assert_eq!(found.get(0).map(|(start, _)| start), Some(0), "{pattern}");
            let behind = (wanted..10).filter_map(|number| found.get(number)).count();
            assert_eq!(behind, 0, "{pattern}");
        }
    }

    #[test]
    fn an_invalid_expression_is_refused_with_the_place() {
        let error = |pattern| Regex::new(pattern, false).unwrap_err().to_string();
        assert_eq!(error("(a"), "missing closing parenthesis, at byte 2");
        // Plain parentheses do not capture.
        assert_eq!(error("(a)\\1"), "reference to non-existent subpattern, at byte 4");
    }

    /// Each of these expressions takes seconds or more on a text that is made for it.
    #[test]
    fn a_search_that_costs_too_much_is_given_up() {
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
    fn a_search_in_an_ordinary_long_text_costs_little() {
        let text = [&b"a word and another\r\n".repeat(800)[..], b"READY"].concat();
        for pattern in ["READY", "(?s)^a.*READY$", "(.|\\n)*READY", "^([^\\n]*\\n)*READY", "R\\w+Y"]
        {
            let mut work = Work::new(100_000);
            let regex = Regex::new(pattern, false).unwrap();
            assert_eq!(regex.is_match(&text, &mut work), Ok(true), "{pattern}");
        }
    }
}
