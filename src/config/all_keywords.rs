//! The list of all keyword tables.

use std::sync::LazyLock;

use super::keywords::table::Table;
use super::keywords::{Keyword, inert, refused};
use super::rules;
use super::sections::health::{self, agent, check_script, http_check, observe, services};
use super::sections::{bind, global, limits, metrics, peers, proxy, server, stick, tcp};

/// Every row: what is understood first, then what has no effect, then what is refused.
pub fn keywords() -> impl Iterator<Item = &'static Keyword> {
    let understood = [
        global::KEYWORDS,
        proxy::KEYWORDS,
        peers::KEYWORDS,
        bind::KEYWORDS,
        server::KEYWORDS,
        health::SERVER_KEYWORDS,
        agent::KEYWORDS,
        observe::KEYWORDS,
        check_script::KEYWORDS,
        http_check::KEYWORDS,
        services::KEYWORDS,
        stick::KEYWORDS,
        rules::KEYWORDS,
        tcp::KEYWORDS,
        limits::KEYWORDS,
        metrics::KEYWORDS,
    ];
    understood.into_iter().flatten().chain(inert::keywords()).chain(refused::keywords())
}

/// Every row by its name.
pub(super) static TABLE: LazyLock<Table> = LazyLock::new(|| Table::new(keywords()));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Scope;

    #[test]
    fn no_keyword_has_two_rows_in_one_section() {
        let rows: Vec<&Keyword> = keywords().collect();
        for (index, row) in rows.iter().enumerate() {
            assert!(row.name_words() <= 2, "{}", row.name);
            assert!(!row.help.is_empty() || row.refusal().is_some(), "{}", row.name);
            for other in rows.iter().skip(index + 1) {
                assert!(row.name != other.name || !row.scope.meets(other.scope), "{}", row.name);
            }
        }
    }

    #[test]
    fn the_longer_name_wins() {
        let name = |first, second| TABLE.find(Scope::BACKEND, first, second).map(|row| row.name);
        assert_eq!(name("timeout", Some("connect")), Some("timeout connect"));
        assert_eq!(name("timeout", Some("foo")), None);
        assert_eq!(name("server", Some("s1")), Some("server"));
        assert_eq!(name("balence", None), None);
    }

    #[test]
    fn the_nearest_name_is_found() {
        let meant = |first, second| TABLE.meant(Scope::BACKEND, first, second);
        assert_eq!(meant("balence", Some("roundrobin")), Some("balance"));
        assert_eq!(meant("timeout", Some("conect")), Some("timeout connect"));
        assert_eq!(meant("timout", Some("connect")), Some("timeout connect"));
        assert_eq!(meant("timout", Some("nothing")), Some("timeout"));
        assert_eq!(meant("timeout", Some("nothing")), None);
        assert_eq!(meant("bakend", Some("web")), Some("backend"));
        assert_eq!(meant("xyzzy", None), None);
    }
}
