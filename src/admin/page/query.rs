//! What a client asks for after the path of a statistics page, in HAProxy's words.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The longest part of a proxy's name that a client may ask for.
const SCOPE_LEN_MAX: usize = 20;

/// The form of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::admin) enum Body {
    /// The page.
    #[default]
    Html,
    /// Comma-separated values.
    Csv,
    /// One line for each figure.
    Typed,
    /// All figures as JSON.
    Json,
    /// What the JSON form looks like.
    JsonSchema,
    /// What the script of the page asks for once a second.
    Live,
    /// The script of the page.
    Script,
    /// The style of the page.
    Style,
}

impl Body {
    /// The words for each form. A word that begins like another one stands before it.
    const WORDS: [(Self, &'static str); 7] = [
        (Self::Csv, ";csv"),
        (Self::Typed, ";typed"),
        (Self::JsonSchema, ";json-schema"),
        (Self::Json, ";json"),
        (Self::Live, ";live"),
        (Self::Script, ";script"),
        (Self::Style, ";style"),
    ];

    /// The word that asks for this form.
    pub(super) fn word(self) -> &'static str {
        let found = Self::WORDS.into_iter().find(|(body, _)| *body == self);
        found.map_or("", |(_, word)| word)
    }
}

/// The part of the page that its script wants to know anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::admin) struct LivePart {
    /// The first row of the services that a reader sees, counted from 0.
    pub(super) first_row: usize,
    /// How many rows the reader sees.
    pub(super) rows: usize,
    /// The row that the pointer rests on.
    pub(super) pointed_row: Option<usize>,
    /// The reader sees how each table stands with each peer.
    pub(super) has_links: bool,
    /// The reader sees the entries of each server.
    pub(super) has_shares: bool,
    /// When the last reload was that the page shows, in milliseconds since 1970.
    pub(super) last_reload_ms: u64,
    /// When the last event was that the page shows.
    pub(super) last_event_ms: u64,
}

impl LivePart {
    /// The most rows of services in an answer.
    const ROWS_MAX: usize = 128;

    fn read(rest: &str) -> Self {
        let number = |word: &str| {
            let (_, text) = rest.split_once(word)?;
            let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
            text.get(..end)?.parse::<u64>().ok()
        };
        let position = |word| number(word).and_then(|number| usize::try_from(number).ok());
        Self {
            first_row: position(";from=").unwrap_or_default(),
            rows: position(";rows=").unwrap_or_default().min(Self::ROWS_MAX),
            pointed_row: position(";at="),
            has_links: rest.contains(";links"),
            has_shares: rest.contains(";shares"),
            last_reload_ms: number(";reload=").unwrap_or_default(),
            last_event_ms: number(";event=").unwrap_or_default(),
        }
    }
}

/// A key of a stick table that the client asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Lookup {
    /// The name of the table.
    pub(in crate::admin) table: String,
    /// The key, as `show table` prints it.
    pub(in crate::admin) key: String,
}

impl Lookup {
    /// The longest text in the query, in bytes.
    const LEN_MAX: usize = 512;

    /// What a form has put behind the question mark.
    fn read(rest: &str) -> Option<Self> {
        let pairs = rest.split(['?', '&', ';']).filter_map(|pair| pair.split_once('='));
        let value = |wanted: &str| {
            let (_, text) = pairs.clone().find(|(name, _)| *name == wanted)?;
            let text = text.get(..Self::LEN_MAX).unwrap_or(text).replace('+', " ");
            Some(percent_decode_str(&text).decode_utf8().ok()?.trim().to_owned())
        };
        let key = value("key").filter(|key| !key.is_empty())?;
        Some(Self { table: value("table").unwrap_or_default(), key })
    }

    /// The words that ask for the same key again.
    fn words(&self) -> String {
        let text = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        format!("table={}&key={}", text(&self.table), text(&self.key))
    }
}

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::admin) struct StatsQuery {
    /// The form of the answer.
    pub(in crate::admin) body: Body,
    /// Only servers that are up (`;up`).
    pub(in crate::admin) up: bool,
    /// No servers in maintenance (`;no-maint`).
    pub(in crate::admin) no_maint: bool,
    /// The page is not loaded again (`;norefresh`).
    pub(in crate::admin) norefresh: bool,
    /// A part of the proxies' names (`scope=`).
    pub(in crate::admin) scope: Option<String>,
    /// The result of the action that led to this request (`;st=`).
    pub(in crate::admin) result: Option<ActionResult>,
    /// A key that the client asks about (`key=`, `table=`).
    pub(in crate::admin) lookup: Option<Lookup>,
    /// What the script wants to know (`;live`).
    pub(in crate::admin) live: LivePart,
    /// The version of the script or style that the client wants (`;v=`).
    pub(in crate::admin) version: Option<u32>,
}

impl StatsQuery {
    /// Reads what stands behind the configured uri. As with HAProxy, the words may stand anywhere.
    pub(in crate::admin) fn read(rest: &str) -> Self {
        let has = |word| rest.contains(word);
        let body = Body::WORDS.into_iter().find(|(_, word)| rest.contains(word));
        Self {
            body: body.map_or(Body::Html, |(body, _)| body),
            up: has(";up"),
            no_maint: has(";no-maint"),
            norefresh: has(";norefresh"),
            scope: scope(rest),
            result: ActionResult::in_query(rest),
            lookup: Lookup::read(rest),
            live: LivePart::read(rest),
            version: version(rest),
        }
    }

    /// The part of the proxies' names in small letters: HAProxy does not mind their case.
    pub(super) fn lowercase_scope(&self) -> Option<String> {
        self.scope.as_deref().map(str::to_lowercase)
    }

    /// The text behind the uri that asks for the same page again. The text needs no escapes.
    pub(in crate::admin) fn words(&self) -> String {
        let mut words = self.body.word().to_owned();
        for (is_set, word) in
            [(self.up, ";up"), (self.no_maint, ";no-maint"), (self.norefresh, ";norefresh")]
        {
            if is_set {
                words.push_str(word);
            }
        }
        if let Some(result) = self.result {
            words.push_str(";st=");
            words.push_str(result.code());
        }
        let scope = self.scope.as_ref().map(|scope| format!("scope={scope}"));
        let lookup = self.lookup.as_ref().map(Lookup::words);
        let pairs: Vec<String> = scope.into_iter().chain(lookup).collect();
        if !pairs.is_empty() {
            words.push('?');
            words.push_str(&pairs.join("&"));
        }
        words
    }
}

/// The part of a name after `scope=`. HAProxy ignores a text with letters that names do not have.
fn scope(rest: &str) -> Option<String> {
    let (_, text) = rest.split_once("scope=")?;
    let text = text.split(['&', ';', ' ']).next().unwrap_or_default();
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || "_-.:".contains(letter);
    let is_valid = !text.is_empty() && text.chars().all(is_of_name);
    is_valid.then(|| text.chars().take(SCOPE_LEN_MAX).collect())
}

fn version(rest: &str) -> Option<u32> {
    let (_, text) = rest.split_once(";v=")?;
    u32::from_str_radix(text.get(..8)?, 16).ok()
}

/// The result of an action on servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) enum ActionResult {
    /// The action was done.
    Done,
    /// The servers were in the wanted state before.
    None,
    /// Some of the servers are not known.
    Partial,
    /// The request was not understood.
    Invalid,
    /// The request was too long.
    TooLong,
    /// The client may not do this.
    Denied,
    /// The result is not known.
    Unknown,
}

impl ActionResult {
    const ALL: [Self; 7] = [
        Self::Done,
        Self::None,
        Self::Partial,
        Self::Invalid,
        Self::TooLong,
        Self::Denied,
        Self::Unknown,
    ];

    /// HAProxy's letters for the result, which stand behind `;st=`.
    pub(in crate::admin) fn code(self) -> &'static str {
        match self {
            Self::Done => "DONE",
            Self::None => "NONE",
            Self::Partial => "PART",
            Self::Invalid => "ERRP",
            Self::TooLong => "EXCD",
            Self::Denied => "DENY",
            Self::Unknown => "UNKN",
        }
    }

    fn in_query(rest: &str) -> Option<Self> {
        let (_, code) = rest.split_once(";st=")?;
        Self::ALL.into_iter().find(|result| code.starts_with(result.code()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_may_stand_anywhere() {
        let query = StatsQuery::read("?a;up&;norefresh;no-maint");
        assert!(query.up && query.norefresh && query.no_maint);
        assert_eq!(StatsQuery::read("/x"), StatsQuery::default());
        let bodies = [";csv", ";typed;json", ";json-schema", "?;json", ";up"];
        let bodies = bodies.map(|rest| StatsQuery::read(rest).body);
        assert_eq!(bodies, [Body::Csv, Body::Typed, Body::JsonSchema, Body::Json, Body::Html]);
    }

    #[test]
    fn the_script_says_what_its_reader_sees() {
        let query = StatsQuery::read(";live;up;from=7;rows=9999;at=8;links;event=12?scope=a");
        assert_eq!(query.body, Body::Live);
        let expected = LivePart {
            first_row: 7,
            rows: LivePart::ROWS_MAX,
            pointed_row: Some(8),
            has_links: true,
            has_shares: false,
            last_reload_ms: 0,
            last_event_ms: 12,
        };
        assert_eq!(query.live, expected);
        let wrong = StatsQuery::read(";live;from=;rows=-1;at=99999999999999999999999").live;
        assert_eq!(wrong, LivePart::default());
    }

    #[test]
    fn a_key_is_asked_for_as_a_form_sends_it() {
        let lookup = |rest: &str| StatsQuery::read(rest).lookup;
        let found = lookup("?table=we%62&key=a+%26b%20").unwrap();
        assert_eq!((found.table.as_str(), found.key.as_str()), ("web", "a &b"));
        for rest in ["", "?key=", "?key=%20", "?table=web", "?monkey=1", "?key=%ff"] {
            assert_eq!(lookup(rest), None, "{rest}");
        }
    }

    #[test]
    fn a_scope_has_the_letters_of_names() {
        let scope = |rest: &str| StatsQuery::read(rest).scope;
        assert_eq!(scope("?scope=we_b-1.x:2&y").as_deref(), Some("we_b-1.x:2"));
        assert_eq!(scope(";scope=web;up").as_deref(), Some("web"));
        assert_eq!(scope("?scope=abcdefghijklmnopqrstuvwxyz").as_deref().map(str::len), Some(20));
        for rest in ["?scope=", "?scope=%41", "?scope=<b>", "?scope=a?b", "?scope=a\"b"] {
            assert_eq!(scope(rest), None, "{rest}");
        }
    }

    #[test]
    fn the_words_of_a_query_ask_for_the_same() {
        for result in ActionResult::ALL {
            let end = "?scope=a.b&table=web&key=1%2E2%3B%3C";
            let text = format!(";json;up;no-maint;norefresh;st={}{end}", result.code());
            let query = StatsQuery::read(&text);
            assert_eq!(query.result, Some(result));
            let key = query.lookup.as_ref().map(|lookup| lookup.key.as_str());
            assert_eq!(key, Some("1.2;<"));
            assert_eq!(query.words(), text);
        }
        assert_eq!(StatsQuery::read(";st=WHAT").result, None);
    }
}
