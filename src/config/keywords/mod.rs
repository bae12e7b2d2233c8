//! The form of the keyword tables, and the search in them: one row per keyword, whether it is
//! understood, without effect here, or known to HAProxy and refused.

pub(super) mod inert;
pub(super) mod refused;
pub(super) mod refused_samples;
pub(super) mod words;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use super::rules;
use super::rules::sample;
use super::sections::bind::BindDraft;
use super::sections::health::{agent, check_script, http_check, observe, services};
use super::sections::{bind, global, health, limits, metrics, peers, proxy, server, stick, tcp};
use super::text::diagnostic::{Mistake, Parsed, Placed, Report};
use super::text::draft::{Draft, GlobalDraft, PeersDraft, ProxyDraft, ServerSettings};
use super::text::line::Line;

/// The places in a configuration where a keyword can stand, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope(u16);

impl Scope {
    /// No place.
    pub(super) const NOWHERE: Self = Self(0);
    /// The `global` section.
    pub const GLOBAL: Self = Self(1);
    /// A `defaults` section.
    pub const DEFAULTS: Self = Self(1 << 1);
    /// A `frontend` section, or a `listen` section.
    pub const FRONTEND: Self = Self(1 << 2);
    /// A `backend` section, or a `listen` section.
    pub const BACKEND: Self = Self(1 << 3);
    /// A `peers` section.
    pub const PEERS: Self = Self(1 << 4);
    /// A word after the address of a `bind` line.
    pub const BIND: Self = Self(1 << 5);
    /// A word after the address of a `stats socket` line.
    pub const STATS_SOCKET: Self = Self(1 << 6);
    /// A word after the address of a `server` line, or on a `default-server` line.
    pub const SERVER: Self = Self(1 << 7);
    /// A word of a `stick-table` line.
    pub const STICK_TABLE: Self = Self(1 << 8);

    /// Every proxy section, `defaults` included.
    pub const PROXY: Self = Self(Self::DEFAULTS.0 | Self::FRONTEND.0 | Self::BACKEND.0);
    /// Every section.
    pub(super) const LINES: Self = Self(Self::GLOBAL.0 | Self::PROXY.0 | Self::PEERS.0);
    /// What can be listened on.
    pub const LISTENER: Self = Self(Self::BIND.0 | Self::STATS_SOCKET.0);

    const NAMED: [(Self, &str); 9] = [
        (Self::GLOBAL, "global"),
        (Self::DEFAULTS, "defaults"),
        (Self::FRONTEND, "frontend, listen"),
        (Self::BACKEND, "backend, listen"),
        (Self::PEERS, "peers"),
        (Self::BIND, "words of `bind`"),
        (Self::STATS_SOCKET, "words of `stats socket`"),
        (Self::SERVER, "words of `server` and `default-server`"),
        (Self::STICK_TABLE, "words of `stick-table` and `table`"),
    ];

    /// Whether the two sets have a place in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets together.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// How many words a keyword takes after itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arity {
    /// The fewest.
    pub min: usize,
    /// The most.
    pub max: usize,
}

/// Shorthand for the rows: exactly `count` words.
pub(super) const fn exactly(count: usize) -> Arity {
    Arity { min: count, max: count }
}

/// Shorthand for the rows: at least `min` words.
pub(super) const fn at_least(min: usize) -> Arity {
    Arity { min, max: usize::MAX }
}

/// Why a keyword of HAProxy is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It will be supported.
    NotYet,
    /// It is about HTTP.
    HttpOnly,
    /// It is about TLS.
    NeedsTls,
    /// It is about scripts or external programs.
    NeedsScripts,
    /// It makes no sense here, for this reason.
    Because(&'static str),
}

impl Refusal {
    /// The reason as the end of a sentence.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotYet => "not supported yet",
            Self::HttpOnly => {
                "HTTP only: stickd is a TCP balancer, and 'mode http' serves only its exporter"
            }
            Self::NeedsTls => "needs TLS, which is not supported yet",
            Self::NeedsScripts => "stickd runs no scripts and no external programs",
            Self::Because(reason) => reason,
        }
    }
}

/// What reads a keyword's line, by the kind of section; or what becomes of it unread.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Environment(fn(&mut Draft, &Line<'_>) -> Parsed),
    Global(fn(&mut GlobalDraft, &Line<'_>, &mut Report) -> Parsed),
    Proxy(fn(&mut ProxyDraft, &Line<'_>, &mut Report) -> Parsed),
    Peers(fn(&mut PeersDraft, &Line<'_>, &mut Report) -> Parsed),
    Bind(fn(&mut BindDraft, &Line<'_>, &mut Report) -> Parsed),
    Server(fn(&mut ServerSettings, &Line<'_>, &mut Report) -> Parsed),
    /// Read by `stick.rs` itself; the row is there for its name, help and arity.
    StickTable,
    /// Its arguments are checked, and it has no effect.
    Inert(fn(&Line<'_>) -> Parsed),
    Refused(Refusal),
}

/// One row of the tables.
#[derive(Clone, Copy, Debug)]
pub struct Keyword {
    /// The keyword, of one word or two (`timeout client`).
    pub name: &'static str,
    /// Where it can stand.
    pub scope: Scope,
    /// How many words follow it.
    pub arity: Arity,
    /// What follows it, for the reference.
    pub arguments: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    pub(super) action: Action,
}

impl Keyword {
    /// Why it is refused; none for a keyword that is understood.
    pub const fn refusal(&self) -> Option<Refusal> {
        match self.action {
            Action::Refused(refusal) => Some(refusal),
            Action::Environment(_)
            | Action::Global(_)
            | Action::Proxy(_)
            | Action::Peers(_)
            | Action::Bind(_)
            | Action::Server(_)
            | Action::StickTable
            | Action::Inert(_) => None,
        }
    }

    /// Whether it is taken without effect.
    pub fn is_inert(&self) -> bool {
        matches!(self.action, Action::Inert(_))
    }

    /// How many words its name has.
    pub(super) fn name_words(&self) -> usize {
        self.name.split(' ').count()
    }
}

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

/// The words that open a section.
pub(super) const SECTIONS: [&str; 6] =
    ["global", "defaults", "frontend", "backend", "listen", "peers"];

/// A name's first word, and its second one if it has two.
type Words<'a> = (&'a str, Option<&'a str>);

/// The rows by the words of their names.
static BY_NAME: LazyLock<HashMap<Words<'static>, Vec<&'static Keyword>>> = LazyLock::new(|| {
    let mut rows: HashMap<_, Vec<_>> = HashMap::new();
    for row in keywords() {
        let name = match row.name.split_once(' ') {
            Some((first, second)) => (first, Some(second)),
            None => (row.name, None),
        };
        rows.entry(name).or_default().push(row);
    }
    rows
});

/// The row for the words `first second`, else for `first` alone, in `scope`.
pub(super) fn find(scope: Scope, first: &str, second: Option<&str>) -> Option<&'static Keyword> {
    let row = |name: Words<'_>| {
        let rows = BY_NAME.get(&name)?;
        rows.iter().copied().rfind(|row| row.scope.meets(scope))
    };
    row((first, second)).or_else(|| row((first, None)))
}

/// What to say of a keyword that has no row in `scope`.
pub(super) fn unknown(scope: Scope, first: &Placed<&str>, second: Option<&str>) -> Mistake {
    let head = format!("{} ", first.value);
    let is_family =
        keywords().any(|row| row.scope.meets(scope) && row.name.starts_with(head.as_str()));
    let meant = meant(scope, first.value, second);
    let typed = match second {
        Some(second) if is_family || meant.is_some_and(|name| name.contains(' ')) => {
            format!("{head}{second}")
        }
        _ => first.value.to_owned(),
    };
    let mut message = format!("unknown keyword '{typed}'");
    if let Some(name) = meant {
        // Writing to a string does not fail.
        let _ = write!(message, "; did you mean '{name}'?");
    }
    Mistake::new(first.place, message)
}

/// The name of a row, or the word of a section, that is near enough to what was typed to be meant.
pub(super) fn meant(scope: Scope, first: &str, second: Option<&str>) -> Option<&'static str> {
    let names = || keywords().filter(|row| row.scope.meets(scope)).map(|row| row.name);
    let heads = || names().map(|name| name.split(' ').next().unwrap_or(name));
    if heads().any(|head| head == first) {
        // The first word is right, so the second one was mistyped.
        let family = || names().filter_map(|name| Some((name, name.split_once(' ')?)));
        let family = || family().filter(|(_, (head, _))| *head == first);
        let near = nearest_of(second?, family().map(|(_, (_, tail))| tail))?;
        return family().find(|(_, (_, tail))| *tail == near).map(|(name, _)| name);
    }
    let longer = second.and_then(|second| {
        let typed = format!("{first} {second}");
        nearest_of(&typed, names().filter(|name| name.contains(' ')))
    });
    let is_line = Scope::LINES.meets(scope);
    let sections = || SECTIONS.into_iter().filter(|_| is_line);
    longer.or_else(|| nearest_of(first, heads().chain(sections())))
}

/// The candidate that is nearest to what was typed, if one is near enough to be meant.
pub(super) fn nearest_of<'a>(
    typed: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    // Of one or two letters one is too much to be mistyped.
    let limit = if typed.len() < 3 { 0 } else { (typed.len() / 3).clamp(1, 3) };
    candidates
        .filter(|name| name.len().abs_diff(typed.len()) <= limit)
        .map(|name| (distance(name.as_bytes(), typed.as_bytes()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters must be put in, taken out, changed or swapped with the next one.
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let at =
                |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX);
            let change = at(&above, column) + usize::from(letter != other);
            let put_or_take = at(&above, column + 1).min(at(&line, column)) + 1;
            let swapped = row > 0
                && column > 0
                && from.get(row - 1) == Some(other)
                && to.get(column - 1) == Some(letter);
            let swap = if swapped { at(&before, column - 1) + 1 } else { usize::MAX };
            line.push(change.min(put_or_take).min(swap));
        }
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or(from.len())
}

/// Every keyword as Markdown: for each kind of section a table of what is understood, then what
/// has no effect and what is refused, and why.
pub fn reference() -> String {
    let mut text = String::new();
    for (scope, name) in Scope::NAMED {
        let rows = || keywords().filter(|row| row.scope.meets(scope));
        text.push_str(&format!("### {name}\n\n| Keyword | Meaning |\n|---|---|\n"));
        for row in rows().filter(|row| row.refusal().is_none() && !row.is_inert()) {
            let space = if row.arguments.is_empty() { "" } else { " " };
            let arguments = row.arguments.replace('|', "\\|");
            text.push_str(&format!("| `{}{space}{arguments}` | {} |\n", row.name, row.help));
        }
        let inert = rows().filter(|row| row.is_inert()).map(|row| (row.help, row.name));
        push_reasons(&mut text, "No effect", inert);
        let refused = rows().filter_map(|row| Some((row.refusal()?.reason(), row.name)));
        push_reasons(&mut text, "Refused", refused);
        text.push('\n');
    }
    text.push_str(&sample::reference());
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// A table of keywords, those with the same reason in one line.
pub(super) fn push_reasons<'a>(
    text: &mut String,
    title: &str,
    rows: impl Iterator<Item = (&'a str, &'a str)>,
) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (reason, name) in rows {
        match reasons.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, names)) => names.push(name),
            None => reasons.push((reason, vec![name])),
        }
    }
    if !reasons.is_empty() {
        text.push_str(&format!("\n| {title} | Why |\n|---|---|\n"));
    }
    for (reason, names) in reasons {
        text.push_str(&format!("| `{}` | {reason} |\n", names.join("`, `")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let name = |first, second| find(Scope::BACKEND, first, second).map(|row| row.name);
        assert_eq!(name("timeout", Some("connect")), Some("timeout connect"));
        assert_eq!(name("timeout", Some("foo")), None);
        assert_eq!(name("server", Some("s1")), Some("server"));
        assert_eq!(name("balence", None), None);
    }

    #[test]
    fn the_nearest_name_is_found() {
        assert_eq!(distance(b"balance", b"balence"), 1);
        assert_eq!(distance(b"bidn", b"bind"), 1);
        assert_eq!(distance(b"", b"abc"), 3);
        let meant = |first, second| meant(Scope::BACKEND, first, second);
        assert_eq!(meant("balence", Some("roundrobin")), Some("balance"));
        assert_eq!(meant("timeout", Some("conect")), Some("timeout connect"));
        assert_eq!(meant("timout", Some("connect")), Some("timeout connect"));
        assert_eq!(meant("timout", Some("nothing")), Some("timeout"));
        assert_eq!(meant("timeout", Some("nothing")), None);
        assert_eq!(meant("bakend", Some("web")), Some("backend"));
        assert_eq!(meant("xyzzy", None), None);
    }

    #[test]
    fn the_reference_names_every_keyword() {
        let reference = reference();
        for row in keywords() {
            assert!(reference.contains(&format!("`{}", row.name)), "{}", row.name);
        }
    }
}
