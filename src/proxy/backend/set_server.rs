//! What operators and agents set of a server: its weight and its limit, in the words of `set
//! server` and of the agent's protocol; and taking back what an agent has set.

use super::server::{Author, Health};
use crate::config::{BackendId, ServerIndex};
use crate::proxy::health::notice::Why;
use crate::proxy::shared::Shared;

const WEIGHT_MAX: u32 = 256;
const STATIC_WEIGHTS: &str =
    "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.";

impl Shared {
    /// Sets a server's weight to what `word` says: a number, or a percentage of the configured
    /// weight.
    ///
    /// # Errors
    /// The reason, in HAProxy's words, when `word` is no weight or the balance algorithm cannot use
    /// that weight.
    pub fn set_server_weight(
        &mut self,
        id: BackendId,
        index: ServerIndex,
        word: &str,
        author: Author,
        now_ms: u64,
    ) -> Result<(), &'static str> {
        let backend = self.backend_mut(id);
        let weight = parse_weight(word, backend.server(index).config.settings.weight)?;
        let had_servers = backend.has_servers();
        let is_new = backend.set_weight(index, weight).map_err(|_| STATIC_WEIGHTS)?;
        author.sign(&mut backend.server_mut(index).by_agent.weight, is_new);
        if is_new {
            self.log_if_drained(id, index, now_ms);
            self.record_backend_change(id, had_servers, now_ms);
        }
        Ok(())
    }

    /// Sets a server's `maxconn` to what its agent says in `word`; 0 stands for no limit.
    ///
    /// # Errors
    /// The reason, in HAProxy's words, when `word` is no number.
    pub fn set_agent_maxconn(
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

    /// Sets the most connections of a server; 0 stands for no limit.
    pub fn set_server_maxconn(&mut self, backend: BackendId, server: ServerIndex, maxconn: u32) {
        let backend = self.backend_mut(backend);
        backend.server_mut(server).maxconn = maxconn;
        backend.server_changed();
        self.has_queues |= maxconn > 0;
    }

    /// Takes back what an agent has set of a server that has no agent any more. `was_down` says
    /// whether the agent said last that the server is down.
    pub fn forget_agent(&mut self, id: BackendId, index: ServerIndex, was_down: bool, now_ms: u64) {
        let backend = self.backend_mut(id);
        let had_servers = backend.has_servers();
        let server = backend.server_mut(index);
        let (is_set, admin) = (server.by_agent, server.configured_admin());
        if is_set.weight {
            let configured = server.config.settings.weight;
            server.by_agent.weight = false;
            // Every algorithm takes the configured weight.
            if backend.set_weight(index, configured).is_ok() {
                self.record_backend_change(id, had_servers, now_ms);
            }
        }
        if is_set.admin {
            self.set_admin_state(id, index, admin, Author::Operator, now_ms);
        }
        let health = self.found_health(id, index);
        if was_down && health != Health::Down {
            self.change_health(id, index, health, Why::Check(None), now_ms);
        }
    }
}

/// A weight, or a percentage of the configured weight, `initial`.
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
