//! A copy of the environment variables for the configuration. `setenv` and similar keywords change
//! the copy only.

use std::collections::BTreeMap;

/// Environment variables by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// A copy of the environment of this process, without the variables that are not UTF-8.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Gives a variable a value (`setenv`).
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Gives a variable a value unless it has one (`presetenv`).
    pub fn preset(&mut self, name: &str, value: &str) {
        self.variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }

    /// Forgets a variable (`unsetenv`).
    pub fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// Forgets every variable but these (`resetenv`).
    pub fn keep_only(&mut self, names: &[&str]) {
        self.variables.retain(|name, _| names.contains(&name.as_str()));
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_words_change_the_copy() {
        let mut environment = Environment::default();
        environment.set("A", "1");
        environment.preset("A", "2");
        environment.preset("B", "3");
        assert_eq!(environment.get("A"), Some("1"));
        assert_eq!(environment.get("B"), Some("3"));
        environment.set("C", "");
        environment.keep_only(&["A", "C"]);
        assert_eq!(environment.get("B"), None);
        assert_eq!(environment.get("C"), Some(""));
        environment.unset("A");
        assert_eq!(environment.get("A"), None);
    }
}
