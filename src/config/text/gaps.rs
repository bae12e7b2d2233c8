//! Lines that could not be read. Each is reported once, at its place. What follows from the missing
//! line, such as a name that is not found, is not reported again.

use std::collections::HashSet;

/// The lines of a section, or the sections of a configuration, that could not be read.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Gaps {
    /// The keyword of each line, and the name after the keyword if the name could be read.
    lines: HashSet<(&'static str, Option<String>)>,
    keywords: HashSet<&'static str>,
    /// A line could not be read at all: the line may have said anything.
    anything: bool,
}

impl Gaps {
    /// Adds a line with this keyword.
    pub(in crate::config) fn add(&mut self, keyword: &'static str, name: Option<&str>) {
        self.keywords.insert(keyword);
        self.lines.insert((keyword, name.map(str::to_owned)));
    }

    /// Adds a line with an unknown keyword.
    pub(in crate::config) fn add_anything(&mut self) {
        self.anything = true;
    }

    pub(in crate::config) fn is_empty(&self) -> bool {
        self.lines.is_empty() && !self.anything
    }

    /// Whether a line with an unknown keyword is among the lines.
    pub(in crate::config) fn may_say_anything(&self) -> bool {
        self.anything
    }

    /// Whether a line with this keyword may be among the lines.
    pub(in crate::config) fn may_say(&self, keyword: &str) -> bool {
        self.anything || self.keywords.contains(keyword)
    }

    /// Whether a line with one of these keywords may be among the lines and may define this name.
    pub(in crate::config) fn may_name(&self, keywords: &[&'static str], name: &str) -> bool {
        let has = |keyword: &&'static str| {
            let is_unnamed = || self.lines.contains(&(*keyword, None));
            self.keywords.contains(keyword)
                && (is_unnamed() || self.lines.contains(&(*keyword, Some(name.to_owned()))))
        };
        self.anything || keywords.iter().any(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_names_what_it_names_or_anything_if_its_name_is_unknown() {
        let mut gaps = Gaps::default();
        assert!(gaps.is_empty() && !gaps.may_say("bind"));
        gaps.add("acl", Some("a"));
        assert!(gaps.may_name(&["acl"], "a") && !gaps.may_name(&["acl"], "b"));
        assert!(!gaps.may_name(&["server"], "a") && gaps.may_say("acl"));
        gaps.add("server", None);
        assert!(gaps.may_name(&["server", "server-template"], "x"));
        gaps.add_anything();
        assert!(gaps.may_say("bind") && gaps.may_name(&["acl"], "b"));
    }
}
