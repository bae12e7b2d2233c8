//! The condition of an `.if` line.
//!
//! ```text
//! any   = all { "||" all }
//! all   = one { "&&" one }
//! one   = "!" one | "(" any ")" | number | name "(" [argument { "," argument }] ")"
//! ```
//!
//! A number other than 0 is true. White space in an argument is part of the argument.

use std::fmt;

use crate::config::text::environment::Environment;

/// The branch of HAProxy that defines the language.
const VERSION: (u32, u32) = (2, 6);

/// The build options of HAProxy that stickd has, too. `OPENSSL` stands for TLS, which is rustls's
/// here.
const FEATURES: [&str; 10] = [
    "ACCEPT4",
    "EPOLL",
    "GETADDRINFO",
    "LINUX_SPLICE",
    "OPENSSL",
    "PCRE2",
    "PRCTL",
    "PROMEX",
    "SYSTEMD",
    "TFO",
];

/// The build options that HAProxy 2.6 lists on Linux and that stickd does not have.
const ABSENT: [&str; 30] = [
    "51DEGREES",
    "BACKTRACE",
    "CLOSEFROM",
    "CPU_AFFINITY",
    "CRYPT_H",
    "DEVICEATLAS",
    "DL",
    "ENGINE",
    "EVPORTS",
    "KQUEUE",
    "LIBCRYPT",
    "LINUX_TPROXY",
    "LUA",
    "MEMORY_PROFILING",
    "NETFILTER",
    "NS",
    "OBSOLETE_LINKER",
    "OT",
    "PCRE",
    "PCRE2_JIT",
    "PCRE_JIT",
    "POLL",
    "PROCCTL",
    "QUIC",
    "RT",
    "SLZ",
    "THREAD",
    "THREAD_DUMP",
    "TPROXY",
    "ZLIB",
];

/// The build options of HAProxy in the order of their names, and whether stickd has each.
pub fn features() -> impl Iterator<Item = (&'static str, bool)> {
    let mut names: Vec<_> = FEATURES.iter().chain(&ABSENT).copied().collect();
    names.sort_unstable();
    names.into_iter().map(|name| (name, FEATURES.contains(&name)))
}

/// The most nested parentheses and negations.
const DEPTH_MAX: u32 = 64;

/// Why a condition cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::config) enum ConditionError {
    /// The rest of the line is not a condition.
    Unreadable(String),
    /// A parenthesis is not closed.
    Unclosed,
    /// The name of an unknown predicate.
    UnknownPredicate(String),
    /// The predicate takes another number of arguments.
    Arguments(&'static str, usize),
    /// Too many parentheses and negations.
    TooDeep,
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(rest) if rest.is_empty() => {
                write!(f, "something is missing at its end")
            }
            Self::Unreadable(rest) => write!(f, "cannot be read from '{rest}' on"),
            Self::Unclosed => write!(f, "a parenthesis is not closed"),
            Self::UnknownPredicate(name) => write!(f, "unknown predicate '{name}'"),
            Self::Arguments(name, 1) => write!(f, "'{name}' takes one argument"),
            Self::Arguments(name, count) => write!(f, "'{name}' takes {count} arguments"),
            Self::TooDeep => write!(f, "too many parentheses"),
        }
    }
}

/// Whether a condition holds; an empty one does not.
pub(in crate::config) fn holds(
    text: &str,
    environment: &Environment,
) -> Result<bool, ConditionError> {
    let mut parser = Parser { rest: text.trim(), environment, depth: 0 };
    if parser.rest.is_empty() {
        return Ok(false);
    }
    let holds = parser.any()?;
    if parser.rest.is_empty() {
        Ok(holds)
    } else {
        Err(ConditionError::Unreadable(parser.rest.to_owned()))
    }
}

struct Parser<'a> {
    rest: &'a str,
    environment: &'a Environment,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn any(&mut self) -> Result<bool, ConditionError> {
        let mut holds = self.all()?;
        while self.take("||") {
            holds |= self.all()?;
        }
        Ok(holds)
    }

    fn all(&mut self) -> Result<bool, ConditionError> {
        let mut holds = self.one()?;
        while self.take("&&") {
            holds &= self.one()?;
        }
        Ok(holds)
    }

    fn one(&mut self) -> Result<bool, ConditionError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(ConditionError::TooDeep);
        }
        let holds = if self.take("!") {
            !self.one()?
        } else if self.take("(") {
            let holds = self.any()?;
            if !self.take(")") {
                return Err(ConditionError::Unclosed);
            }
            holds
        } else if let Some(number) = self.number() {
            number.bytes().any(|digit| (b'1'..=b'9').contains(&digit))
        } else {
            self.predicate()?
        };
        self.depth -= 1;
        self.rest = self.rest.trim_start();
        Ok(holds)
    }

    /// Skips `token` and the white space around `token`, if `token` comes next.
    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(token);
        self.rest = rest.map_or(self.rest, str::trim_start);
        rest.is_some()
    }

    fn number(&mut self) -> Option<&'a str> {
        let bare = self.rest.strip_prefix('-').unwrap_or(self.rest);
        let digits = bare.bytes().take_while(u8::is_ascii_digit).count();
        let end = self.rest.len() - bare.len() + digits;
        let (number, rest) = self.rest.split_at_checked(end).filter(|_| digits > 0)?;
        self.rest = rest;
        Some(number)
    }

    fn predicate(&mut self) -> Result<bool, ConditionError> {
        let unreadable = || ConditionError::Unreadable(self.rest.to_owned());
        let (name, rest) = self.rest.split_once('(').ok_or_else(unreadable)?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(unreadable());
        }
        let (arguments, rest) = rest.split_once(')').ok_or(ConditionError::Unclosed)?;
        self.rest = rest;
        let arguments: Vec<&str> = arguments.split(',').collect();
        match (name, arguments.as_slice()) {
            ("defined", [variable]) => Ok(self.environment.get(variable).is_some()),
            ("feature", [feature]) => Ok(FEATURES.contains(feature)),
            ("streq", [one, other]) => Ok(one == other),
            ("strneq", [one, other]) => Ok(one != other),
            ("version_atleast", [version]) => Ok(VERSION >= branch(version)),
            ("version_before", [version]) => Ok(VERSION < branch(version)),
            // stickd uses no OpenSSL.
            (
                "openssl_version_atleast" | "openssl_version_before" | "ssllib_name_startswith",
                [_],
            ) => Ok(false),
            ("defined", _) => Err(ConditionError::Arguments("defined", 1)),
            ("feature", _) => Err(ConditionError::Arguments("feature", 1)),
            ("streq", _) => Err(ConditionError::Arguments("streq", 2)),
            ("strneq", _) => Err(ConditionError::Arguments("strneq", 2)),
            ("version_atleast", _) => Err(ConditionError::Arguments("version_atleast", 1)),
            ("version_before", _) => Err(ConditionError::Arguments("version_before", 1)),
            (other, _) => Err(ConditionError::UnknownPredicate(other.to_owned())),
        }
    }
}

/// The first numbers of a version: `2.6` of `2.6-dev3` or `2.6.12`. A missing number is 0.
fn branch(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map(|part| {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        part.get(..digits).and_then(|digits| digits.parse().ok()).unwrap_or(0)
    });
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Result<bool, ConditionError> {
        let environment = [("SET".to_owned(), "abc".to_owned())].into_iter().collect();
        holds(text, &environment)
    }

    #[test]
    fn conditions_hold_as_in_haproxy() {
        for (text, expected) in [
            ("", false),
            ("1", true),
            ("2", true),
            ("-1", true),
            ("0", false),
            ("! 1", false),
            ("!!1", true),
            ("1&&1", true),
            ("1 || 1 && 0", true),
            ("0 && 0 || 1", true),
            ("!(1 && 0)", true),
            ("!(1) || 1", true),
            ("((1))", true),
            ("defined(SET)", true),
            ("defined( SET )", false),
            ("!defined(NOPE) && defined(SET)", true),
            ("streq(a b,a b)", true),
            ("streq(a, a)", false),
            ("strneq(a,b)", true),
            ("version_atleast(2.6)", true),
            ("version_atleast(2.6.12)", true),
            ("version_atleast(2.7-dev0)", false),
            ("version_before(2.7)", true),
            ("version_before(2.6)", false),
            ("feature(EPOLL)", true),
            ("feature(PROMEX) && feature(PCRE2) && feature(PRCTL)", true),
            ("feature(OPENSSL)", true),
        ] {
            assert_eq!(ask(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_says_why() {
        for text in ["a", "1x", "1 1", "(1)(1)", "1 &&", "&& 1", "1 & 1", "!", "1)", "defined SET"]
        {
            assert!(matches!(ask(text), Err(ConditionError::Unreadable(_))), "{text}");
        }
        assert_eq!(ask("(1"), Err(ConditionError::Unclosed));
        assert_eq!(ask("defined(SET"), Err(ConditionError::Unclosed));
        assert_eq!(ask("streq(a)"), Err(ConditionError::Arguments("streq", 2)));
        assert_eq!(ask("nope(1)"), Err(ConditionError::UnknownPredicate("nope".to_owned())));
        assert_eq!(ask(&"(".repeat(100_000)), Err(ConditionError::TooDeep));
    }
}
