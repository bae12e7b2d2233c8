//! What operators and agents adjust of a server: its weight and its limit, in their words.

use super::by_agent::Author;
use crate::config::{BackendId, ServerIndex};
use crate::proxy::shared::Shared;

const WEIGHT_MAX: u32 = 256;
const STATIC_WEIGHTS: &str =
    "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.";

impl Shared {
    /// Changes a server's weight to what `word` says: a number, or a percentage of the configured
    /// one.
    ///
    /// # Errors
    /// When that is no weight, or none that the balance algorithm can follow, with the reason.
    pub fn adjust_weight(
        &mut self,
        id: BackendId,
        index: ServerIndex,
        word: &str,
        author: Author,
        now_ms: u64,
    ) -> Result<(), &'static str> {
        let backend = self.backend_mut(id);
        let weight = parse_weight(word, backend.server(index).config.weight)?;
        let had_servers = backend.has_servers();
        let is_news = backend.set_weight(index, weight).map_err(|_| STATIC_WEIGHTS)?;
        author.sign(&mut backend.server_mut(index).by_agent.weight, is_news);
        if is_news {
            self.say_if_drained(id, index, now_ms);
            self.note_backend(id, had_servers, now_ms);
        }
        Ok(())
    }

    /// Changes the most connections of a server to what `word` says; 0 stands for no limit.
    ///
    /// # Errors
    /// When that is no number, with the reason.
    pub fn adjust_maxconn(
        &mut self,
        id: BackendId,
        index: ServerIndex,
        word: &str,
    ) -> Result<(), &'static str> {
        let maxconn = parse_maxconn(word)?;
        if maxconn != self.backend(id).server(index).maxconn {
            self.set_server_maxconn(id, index, maxconn);
        }
        Ok(())
    }
}

/// A weight, or a percentage of the configured one.
fn parse_weight(word: &str, initial: u32) -> Result<u32, &'static str> {
    let signs = usize::from(word.starts_with(['-', '+']));
    let digits = word.bytes().skip(signs).take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err("Empty weight string empty or preceded by garbage");
    }
    let (number, rest) = word.split_at(signs + digits);
    let number: i64 = number.parse().unwrap_or(i64::MAX);
    match (rest, u64::try_from(number)) {
        ("%", Err(_)) => Err("Relative weight must be positive."),
        ("%", Ok(percent)) => {
            let weight = u64::from(initial).saturating_mul(percent) / 100;
            Ok(u32::try_from(weight).unwrap_or(WEIGHT_MAX).min(WEIGHT_MAX))
        }
        (_, number) => match number.ok().and_then(|number| u32::try_from(number).ok()) {
            Some(number) if number <= WEIGHT_MAX && rest.is_empty() => Ok(number),
            Some(number) if number <= WEIGHT_MAX => Err("Trailing garbage in weight string"),
            _ => Err("Absolute weight can only be between 0 and 256 inclusive."),
        },
    }
}

fn parse_maxconn(word: &str) -> Result<u32, &'static str> {
    if word.is_empty() {
        return Err("Require <maxconn>.");
    }
    let digits = word.strip_prefix('+').unwrap_or(word);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return Err("maxconn string empty or preceded by garbage");
    }
    digits.parse().map_err(|_| "Trailing garbage in maxconn string")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_absolute_or_relative() {
        assert_eq!(parse_weight("0", 10), Ok(0));
        assert_eq!(parse_weight("256", 10), Ok(256));
        assert_eq!(parse_weight("50%", 10), Ok(5));
        assert_eq!(parse_weight("100000%", 10), Ok(256));
        assert_eq!(parse_weight("99999999999999999999%", 10), Ok(256));
        for (word, why) in [
            ("", "Empty weight string empty or preceded by garbage"),
            ("%", "Empty weight string empty or preceded by garbage"),
            ("foo", "Empty weight string empty or preceded by garbage"),
            ("300", "Absolute weight can only be between 0 and 256 inclusive."),
            ("-1", "Absolute weight can only be between 0 and 256 inclusive."),
            ("-1%", "Relative weight must be positive."),
            ("1a", "Trailing garbage in weight string"),
            ("1.5%", "Trailing garbage in weight string"),
        ] {
            assert_eq!(parse_weight(word, 10), Err(why), "{word}");
        }
    }

    #[test]
    fn limits_are_numbers() {
        assert_eq!((parse_maxconn("0"), parse_maxconn("+3")), (Ok(0), Ok(3)));
        assert_eq!(parse_maxconn(""), Err("Require <maxconn>."));
        assert_eq!(parse_maxconn("-1"), Err("maxconn string empty or preceded by garbage"));
        assert_eq!(parse_maxconn("5x"), Err("Trailing garbage in maxconn string"));
    }
}
