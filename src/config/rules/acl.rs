//! `acl` lines and the conditions behind `if` and `unless`.

use std::collections::{HashMap, HashSet};

use super::condition::{AclId, Condition, Term, Test};
use super::{matcher, read_expression, samples};
use crate::config::drafts::keyword_names;
use crate::config::drafts::names::Names;
use crate::config::keywords::{Refusal, refused_samples};
use crate::config::text::diagnostic::{Mistake, Parsed, Place, Placed, TOLD, both};
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;

/// The access lists that the lines of one section can name.
#[derive(Debug)]
pub(super) struct Acls<'a> {
    /// Every access list of the configuration.
    all: &'a mut Vec<Vec<Test>>,
    named: HashMap<String, AclId>,
    /// The names of access lists that could not be read.
    missed: HashSet<String>,
    /// The access lists with a sample that is refused because stickd knows nothing of HTTP.
    /// Old files define more lists than their rules use, so that only a use is a mistake.
    foreign: HashMap<String, Foreign>,
}

/// An access list with a sample of HTTP.
#[derive(Debug)]
struct Foreign {
    /// The place of the sample.
    place: Place,
    /// Why the sample is refused.
    message: String,
    is_used: bool,
}

/// The access lists that every section has unless it defines its own.
pub(super) const PREDEFINED: [(&str, &[&str]); 21] = [
    ("TRUE", &["always_true"]),
    ("FALSE", &["always_false"]),
    ("LOCALHOST", &["src", "127.0.0.1/8", "::1"]),
    ("REQ_CONTENT", &["req.len", "gt", "0"]),
    ("WAIT_END", &["wait_end"]),
    ("RDP_COOKIE", &["req.rdp_cookie_cnt", "gt", "0"]),
    ("HTTP", &["req.proto_http"]),
    ("HTTP_1.0", &["req.ver", "1.0"]),
    ("HTTP_1.1", &["req.ver", "1.1"]),
    ("HTTP_2.0", &["req.ver", "2.0"]),
    ("HTTP_URL_ABS", &["url", "-m", "reg", "^[^/:]*://"]),
    ("HTTP_URL_SLASH", &["url", "-m", "beg", "/"]),
    ("HTTP_URL_STAR", &["url", "*"]),
    ("METH_CONNECT", &["method", "CONNECT"]),
    ("METH_DELETE", &["method", "DELETE"]),
    ("METH_GET", &["method", "GET", "HEAD"]),
    ("METH_HEAD", &["method", "HEAD"]),
    ("METH_OPTIONS", &["method", "OPTIONS"]),
    ("METH_POST", &["method", "POST"]),
    ("METH_PUT", &["method", "PUT"]),
    ("METH_TRACE", &["method", "TRACE"]),
];

impl<'a> Acls<'a> {
    /// The access lists of a section. Every list that it uses is added to `all`.
    pub(super) fn new(all: &'a mut Vec<Vec<Test>>) -> Self {
        Self { all, named: HashMap::new(), missed: HashSet::new(), foreign: HashMap::new() }
    }

    /// Forgets the names, which the lines that follow may give to other access lists.
    pub(super) fn forget_names(&mut self) {
        self.named.clear();
        self.missed.clear();
    }

    /// Every test that a condition names.
    pub(super) fn tests(&self, condition: Option<&Condition>) -> impl Iterator<Item = &Test> {
        let terms = condition.into_iter().flat_map(|condition| condition.alternatives.iter());
        terms.flatten().filter_map(|term| self.all.get(term.acl.0 as usize)).flatten()
    }

    /// Reads the words of an `acl` line. When a name has several lines, one of them has to hold.
    ///
    /// # Errors
    ///
    /// The name or the test is wrong.
    pub(super) fn define(&mut self, words: &[Placed<&str>], names: Names<'_>) -> Parsed {
        let [name, ..] = words else { return Ok(()) };
        self.define_named(name, words.get(1..).unwrap_or_default(), names).inspect_err(|_| {
            self.missed.insert(name.value.to_owned());
        })
    }

    fn define_named(
        &mut self,
        name: &Placed<&str>,
        test: &[Placed<&str>],
        names: Names<'_>,
    ) -> Parsed {
        check_name(name)?;
        let Some(sample) = test.first() else {
            return Err(Mistake::new(name.place, "'acl' wants a name and a sample"));
        };
        if let Some(message) = foreign(sample.value, names) {
            let foreign = Foreign { place: sample.place, message, is_used: false };
            self.foreign.entry(name.value.to_owned()).or_insert(foreign);
            return Ok(());
        }
        let test = read_test(sample, test.get(1..).unwrap_or_default(), names)?;
        match self.named.get(name.value) {
            Some(id) => {
                if let Some(tests) = self.all.get_mut(id.0 as usize) {
                    tests.push(test);
                }
            }
            None => {
                let id = self.add(test);
                self.named.insert(name.value.to_owned(), id);
            }
        }
        Ok(())
    }

    fn add(&mut self, test: Test) -> AclId {
        let id = AclId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(vec![test]);
        id
    }

    /// Reads `if …` or `unless …`. No words are no condition.
    ///
    /// # Errors
    ///
    /// The words are no condition, or name an access list that does not exist.
    pub(super) fn condition(
        &mut self,
        words: &[Placed<&str>],
        names: Names<'_>,
    ) -> Parsed<Option<Condition>> {
        let Some((first, rest)) = words.split_first() else { return Ok(None) };
        let negated = match first.value {
            "if" => false,
            "unless" => true,
            other => {
                let message =
                    format!("unexpected word '{other}': 'if' or 'unless' may follow here");
                return Err(Mistake::new(first.place, message));
            }
        };
        let alternatives = self.alternatives(first.place, rest, names)?;
        Ok(Some(Condition { negated, alternatives }))
    }

    fn alternatives(
        &mut self,
        place: Place,
        words: &[Placed<&str>],
        names: Names<'_>,
    ) -> Parsed<Vec<Vec<Term>>> {
        let mut alternatives = vec![Vec::new()];
        let mut negated = false;
        let mut last = place;
        let mut words = words;
        // Every wrong name is reported, not only the first one.
        let mut read = Ok(());
        while let Some((word, mut rest)) = words.split_first() {
            last = word.place;
            let bare = word.value.trim_start_matches('!');
            negated ^= (word.value.len() - bare.len()) % 2 == 1;
            match bare {
                "" => {}
                "or" | "||" => {
                    if alternatives.last().is_none_or(Vec::is_empty) || negated {
                        return Err(Mistake::new(word.place, "nothing stands before this 'or'"));
                    }
                    alternatives.push(Vec::new());
                }
                name => {
                    let acl;
                    (acl, rest) = if name == "{" {
                        self.inline(word.place, rest, names)?
                    } else {
                        let name = Placed { value: name, place: word.place };
                        (self.find(&name, names), rest)
                    };
                    if let Some(terms) = alternatives.last_mut() {
                        let acl = *acl.as_ref().unwrap_or(&AclId(0));
                        terms.push(Term { acl, negated });
                    }
                    read = both(read, acl).map(|_| ());
                    negated = false;
                }
            }
            words = rest;
        }
        read?;
        if negated || alternatives.last().is_none_or(Vec::is_empty) {
            return Err(Mistake::new(last, "the condition ends too early"));
        }
        Ok(alternatives)
    }

    /// Reads `{ … }` from the word behind the opening brace on. A wrong test between the braces is
    /// an inner error, so that the rest of the condition is read all the same.
    fn inline<'w>(
        &mut self,
        place: Place,
        words: &'w [Placed<&'w str>],
        names: Names<'_>,
    ) -> Parsed<(Parsed<AclId>, &'w [Placed<&'w str>])> {
        let missing = || Mistake::new(place, "no closing brace: ' }' with spaces around it");
        let end = words.iter().position(|word| word.value == "}").ok_or_else(missing)?;
        let (inside, rest) = words.split_at(end);
        let Some((sample, patterns)) = inside.split_first() else {
            return Err(Mistake::new(place, "nothing stands between the braces"));
        };
        let acl = read_test(sample, patterns, names).map(|test| self.add(test));
        Ok((acl, rest.get(1..).unwrap_or_default()))
    }

    fn find(&mut self, name: &Placed<&str>, names: Names<'_>) -> Parsed<AclId> {
        if let Some(foreign) = self.foreign.get_mut(name.value) {
            let was_used = std::mem::replace(&mut foreign.is_used, true);
            let message = if was_used { TOLD } else { &foreign.message };
            return Err(Mistake::new(foreign.place, message));
        }
        if let Some(id) = self.named.get(name.value) {
            return Ok(*id);
        }
        if let Some((_, words)) = PREDEFINED.iter().find(|(other, _)| *other == name.value) {
            let mut words = words.iter().map(|value| Placed { value: *value, place: name.place });
            let Some(sample) = words.next() else { return Ok(AclId(0)) };
            let test = read_test(&sample, &words.collect::<Vec<_>>(), names)?;
            let id = self.add(test);
            self.named.insert(name.value.to_owned(), id);
            return Ok(id);
        }
        if let Some(refusal) = refused_samples::find(refused_samples::ACLS, name.value) {
            let message = format!("'{}' is refused: {}", name.value, refusal.reason());
            return Err(Mistake::new(name.place, message));
        }
        if self.missed.contains(name.value)
            || names.current.gaps.may_name(&[keyword_names::ACL], name.value)
        {
            return Err(Mistake::new(name.place, TOLD));
        }
        let predefined = PREDEFINED.iter().map(|(name, _)| *name);
        let known = self.named.keys().map(String::as_str).chain(predefined);
        let hint = hint(name.value, known);
        let message = format!("there is no acl '{}' before this{hint}", name.value);
        Err(Mistake::new(name.place, message))
    }

    /// Warns of access lists that could not be told, if a rule used them.
    pub(super) fn warn_of_unused(&self, report: &mut Report) {
        for foreign in self.foreign.values().filter(|foreign| !foreign.is_used) {
            report.warning(foreign.place, format!("no rule uses this acl: {}", foreign.message));
        }
    }

    /// Warns of samples that need what the client sends, in rules that run before anything is read.
    pub(super) fn warn_of_payload(
        &self,
        condition: Option<&Condition>,
        place: Place,
        report: &mut Report,
    ) {
        if self.tests(condition).any(|test| test.sample.needs.is_content()) {
            report.warning(place, "the condition is about what the client sends: never known here");
        }
    }
}

/// Why a sample is refused that is about HTTP.
fn foreign(sample: &str, names: Names<'_>) -> Option<String> {
    let name = sample.split(['(', ',']).next().unwrap_or_default();
    let refusal = read_expression::refusal(name, names.current.settings.http.is_some())?;
    (refusal == Refusal::HttpOnly).then(|| format!("'{name}' is refused: {}", refusal.reason()))
}

fn check_name(name: &Placed<&str>) -> Parsed {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    if let Some(byte) = name.value.bytes().find(|byte| !is_fine(*byte)) {
        let (name, place) = (name.value, name.place);
        let message =
            format!("the acl's name '{name}' has the character '{}'", byte.escape_ascii());
        return Err(Mistake::new(place, message));
    }
    if matches!(name.value, "or" | "||") {
        return Err(Mistake::new(name.place, format!("'{}' is no name for an acl", name.value)));
    }
    Ok(())
}

fn read_test(sample: &Placed<&str>, patterns: &[Placed<&str>], names: Names<'_>) -> Parsed<Test> {
    // `path_beg` is `path` with another method than that of its type.
    let end = sample.value.find(['(', ',']).unwrap_or(sample.value.len());
    let (head, rest) = sample.value.split_at(end);
    let is_of_http = names.current.settings.http.is_some();
    let named = samples::with_method(head);
    if let Some((base, method)) = named.filter(|(base, _)| is_of_http || !samples::needs_page(base))
    {
        let value = format!("{base}{rest}");
        let bare = Placed { value: value.as_str(), place: sample.place };
        let word = |value| Placed { value, place: sample.place };
        let patterns = [&[word("-m"), word(method)], patterns].concat();
        return read_test(&bare, &patterns, names);
    }
    let expression = read_expression::read(sample, names)?;
    let matcher = matcher::read(patterns, sample, &expression, &names.index.patterns)?;
    Ok(Test { sample: expression, matcher, text: text_of(sample, patterns) })
}

/// The most letters of a test that are kept for people.
const TEXT_MAX: usize = 120;

/// The words of a test, as far as people want to read them.
fn text_of(sample: &Placed<&str>, patterns: &[Placed<&str>]) -> Box<str> {
    let mut text = String::new();
    for word in [sample].into_iter().chain(patterns) {
        if text.chars().count() + word.value.chars().count() > TEXT_MAX {
            text.push_str(" …");
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word.value);
    }
    text.into()
}
