//! What a client asks for after the path of a statistics page, in HAProxy's words.

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
}

impl StatsQuery {
    /// Reads what stands behind the configured uri. As with HAProxy, the words may stand anywhere.
    pub(in crate::admin) fn read(rest: &str) -> Self {
        let has = |word| rest.contains(word);
        let body = match () {
            () if has(";csv") => Body::Csv,
            () if has(";typed") => Body::Typed,
            () if has(";json-schema") => Body::JsonSchema,
            () if has(";json") => Body::Json,
            () => Body::Html,
        };
        Self {
            body,
            up: has(";up"),
            no_maint: has(";no-maint"),
            norefresh: has(";norefresh"),
            scope: scope(rest),
            result: ActionResult::in_query(rest),
        }
    }

    /// The part of the proxies' names in small letters: HAProxy does not mind their case.
    pub(super) fn lowercase_scope(&self) -> Option<String> {
        self.scope.as_deref().map(str::to_lowercase)
    }

    /// The text behind the uri that asks for the same page again. The text needs no escapes.
    pub(in crate::admin) fn words(&self) -> String {
        let mut words = String::new();
        match self.body {
            Body::Html => {}
            Body::Csv => words.push_str(";csv"),
            Body::Typed => words.push_str(";typed"),
            Body::Json => words.push_str(";json"),
            Body::JsonSchema => words.push_str(";json-schema"),
        }
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
        if let Some(scope) = &self.scope {
            words.push_str("?scope=");
            words.push_str(scope);
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
            let text = format!(";json;up;no-maint;norefresh;st={}?scope=a.b", result.code());
            let query = StatsQuery::read(&text);
            assert_eq!(query.result, Some(result));
            assert_eq!(query.words(), text);
        }
        assert_eq!(StatsQuery::read(";st=WHAT").result, None);
    }
}
