//! What the configuration says about a statistics page.

/// The options of a statistics page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsPageOptions {
    /// What the paths of requests for the page begin with (`stats uri`).
    pub uri: String,
    /// After how many seconds a browser loads the page again (`stats refresh`); never when absent.
    pub refresh_s: Option<u32>,
    /// Whether the page leaves the version out (`stats hide-version`).
    pub hide_version: bool,
    /// Whether the page says more of each row where the pointer rests (`stats show-legends`).
    pub show_legends: bool,
    /// Whether the page shows the counters of HAProxy's modules (`stats show-modules`).
    pub show_modules: bool,
    /// The name of the node (`stats show-node`).
    pub node: ShownText,
    /// The description (`stats show-desc`).
    pub description: ShownText,
    /// The proxies that the page shows (`stats scope`); all of them where there is no scope.
    pub scopes: Vec<StatsScope>,
}

impl Default for StatsPageOptions {
    fn default() -> Self {
        Self {
            uri: "/haproxy?stats".to_owned(),
            refresh_s: None,
            hide_version: false,
            show_legends: false,
            show_modules: false,
            node: ShownText::Hidden,
            description: ShownText::Hidden,
            scopes: Vec::new(),
        }
    }
}

impl StatsPageOptions {
    /// Whether the page is about everything in the process.
    pub fn shows_all(&self) -> bool {
        self.scopes.is_empty()
    }

    /// Whether the page is about the stick table with this name.
    pub fn shows_table(&self, name: &str) -> bool {
        let is_named = |scope: &StatsScope| matches!(scope, StatsScope::Named(own) if own == name);
        self.shows_all() || self.scopes.iter().any(is_named)
    }
}

/// A text that a page may show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ShownText {
    /// The page does not show the text.
    #[default]
    Hidden,
    /// The page shows the text of the `global` section.
    Global,
    /// The page shows this text.
    Own(String),
}

/// A proxy that a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatsScope {
    /// The proxy that the page belongs to (`.`).
    Itself,
    /// The proxies with this name.
    Named(String),
}
