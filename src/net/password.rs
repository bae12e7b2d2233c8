//! Hashes of passwords in the forms of crypt(3).

use pwhash::unix;

/// The hash of a password in a form of crypt(3), which is checked when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordHash {
    text: String,
    cost_us: u32,
}

/// Why a text is not the hash of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashError {
    /// The text has none of the forms that are known.
    Unknown,
    /// To check one password would take longer than [`COST_MAX_US`].
    TooCostly,
}

/// The longest time, in microseconds, that a check of one password may take. Nothing else is done
/// meanwhile: more would be felt by every client of the process.
pub const COST_MAX_US: u32 = 300_000;

/// The estimated times of one round, in nanoseconds, measured on a slow machine.
const SHA256_ROUND_NS: u64 = 600;
const SHA512_ROUND_NS: u64 = 800;
const SHA1_ROUND_NS: u64 = 500;
const BCRYPT_ROUND_NS: u64 = 60_000;
const BSDI_ROUND_NS: u64 = 200;
/// The estimated times of the forms without rounds, in microseconds.
const MD5_US: u32 = 1000;
const DES_US: u32 = 100;
/// The rounds of the SHA forms that name none.
const SHA_ROUNDS: u64 = 5000;

impl PasswordHash {
    /// Reads a hash: `$1$` (MD5), `$5$` and `$6$` (SHA-256, SHA-512), `$2a$` and its like
    /// (bcrypt), `$sha1$`, `_` (BSDi), and DES.
    ///
    /// # Errors
    /// The text is no such hash, or checking a password would take too long.
    pub fn read(text: &str) -> Result<Self, HashError> {
        let cost_us = cost_us(text).ok_or(HashError::Unknown)?;
        if cost_us > COST_MAX_US {
            return Err(HashError::TooCostly);
        }
        // A salt that the library does not take is found out now, not when a user logs in.
        unix::crypt("", text).map_err(|_| HashError::Unknown)?;
        Ok(Self { text: text.to_owned(), cost_us })
    }

    /// The estimated time, in microseconds, that [`PasswordHash::verifies`] takes.
    pub fn cost_us(&self) -> u32 {
        self.cost_us
    }

    /// Whether this is the hash of the password.
    pub fn verifies(&self, password: &[u8]) -> bool {
        unix::crypt(password, &self.text)
            .is_ok_and(|hash| is_equal(hash.as_bytes(), self.text.as_bytes()))
    }
}

/// Whether two texts are equal. The time does not tell where they differ.
pub fn is_equal(left: &[u8], right: &[u8]) -> bool {
    let differing = left.iter().zip(right).fold(0, |differing, (l, r)| differing | (l ^ r));
    left.len() == right.len() && std::hint::black_box(differing) == 0
}

/// The estimated time of a hash of this form, in microseconds.
fn cost_us(text: &str) -> Option<u32> {
    let rounds = |count: u64, each_ns: u64| {
        Some(u32::try_from(count.saturating_mul(each_ns) / 1000).unwrap_or(u32::MAX))
    };
    let Some((form, rest)) = text.strip_prefix('$').and_then(|text| text.split_once('$')) else {
        return if let Some(rest) = text.strip_prefix('_') {
            // Four digits of 6 bits, the lowest first.
            let count = rest
                .bytes()
                .take(4)
                .rev()
                .try_fold(0, |sum, byte| Some(sum << 6 | u64::from(des_digit(byte)?)))?;
            rounds(count, BSDI_ROUND_NS)
        } else {
            let is_des = text.len() == 13 && text.bytes().all(|byte| des_digit(byte).is_some());
            is_des.then_some(DES_US)
        };
    };
    let sha_rounds = || {
        let named = rest.split('$').next().and_then(|part| part.strip_prefix("rounds="));
        named.map_or(Some(SHA_ROUNDS), |count| count.parse().ok())
    };
    match form {
        "1" => Some(MD5_US),
        "5" => rounds(sha_rounds()?, SHA256_ROUND_NS),
        "6" => rounds(sha_rounds()?, SHA512_ROUND_NS),
        "sha1" => rounds(rest.split('$').next()?.parse().ok()?, SHA1_ROUND_NS),
        "2" | "2a" | "2b" | "2x" | "2y" => {
            let log: u32 = rest.split('$').next()?.parse().ok()?;
            rounds(1_u64.checked_shl(log)?, BCRYPT_ROUND_NS)
        }
        _ => None,
    }
}

/// The value of a digit of the alphabet of crypt(3).
fn des_digit(byte: u8) -> Option<u8> {
    const DIGITS: &[u8] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let place = DIGITS.iter().position(|digit| *digit == byte)?;
    u8::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_verifies_its_password_and_no_other() {
        for text in [
            "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1",
            "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.",
            "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip\
             /cZ/1GM/O6IND4WQhG.",
            "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
            "$sha1$100$abcdefgh$PDbaHBCBtu/8IoQflE4F3u0HOeIM",
            "_J9..abcd/H6HLCcf7nw",
            "abNANd1rDfiNc",
        ] {
            let hash = PasswordHash::read(text).unwrap();
            assert!(hash.verifies(b"secret") && !hash.verifies(b"Secret"), "{text}");
        }
    }

    #[test]
    fn what_would_stop_the_process_is_refused() {
        let read = |text: &str| PasswordHash::read(text).map(|_| ());
        assert_eq!(read("$6$rounds=999999999$abc$x"), Err(HashError::TooCostly));
        assert_eq!(read("$2y$31$abcdefghijklmnopqrstuu"), Err(HashError::TooCostly));
        assert_eq!(read("$2y$99$abcdefghijklmnopqrstuu"), Err(HashError::Unknown));
        assert_eq!(read("secret"), Err(HashError::Unknown));
        assert_eq!(read(""), Err(HashError::Unknown));
        assert_eq!(read("$"), Err(HashError::Unknown));
    }

    #[test]
    fn equal_texts_are_equal() {
        assert!(is_equal(b"abc", b"abc") && is_equal(b"", b""));
        assert!(!is_equal(b"abc", b"abd") && !is_equal(b"abc", b"ab") && !is_equal(b"", b"a"));
    }
}
