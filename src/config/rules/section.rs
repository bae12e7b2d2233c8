//! Reads the kept rules of one section, when the names of all sections are known.

use std::collections::HashMap;

use super::acl::Acls;
use super::actions;
use super::actions::ActionRow;
use super::captures::CaptureSlot;
use super::condition::{Condition, Test};
use super::expression::{Expression, Fetch, Needs};
use super::format;
use super::haste::Haste;
use super::read_expression;
use super::rule::{Choice, Persist, Rule, RuleAction, Rules};
use crate::config::Direction;
use crate::config::drafts::names;
use crate::config::drafts::names::Names;
use crate::config::drafts::{ProxyKind, RuleKind, RuleLine, RuleStage};
use crate::config::text::diagnostic::{Mistake, Parsed, Place, Placed, TOLD, both};
use crate::config::text::nearest::hint;
use crate::config::text::report::Report;
use crate::config::text::units;
use crate::config::{FormatString, ServerIndex};

/// Reads a section's rules: the rules themselves, and the keys of its stick rules in their order.
pub(in crate::config) fn resolve(
    names: Names<'_>,
    acls: &mut Vec<Vec<Test>>,
    report: &mut Report,
) -> (Rules, Vec<Option<StickCondition>>) {
    let mut reader = Reader {
        names,
        acls: Acls::new(acls),
        rules: Rules::default(),
        haste: Haste::default(),
        stick: Vec::new(),
        servers: None,
        direction: Direction::Request,
        tests_other_side: false,
    };
    for line in &names.current.settings.rules {
        reader.read_or_report(line, report);
    }
    reader.acls.forget_names();
    for line in &names.current.rules {
        reader.read_or_report(line, report);
    }
    reader.acls.warn_of_unused(report);
    reader.haste.report(&reader.rules, &reader.acls, names, report);
    reader.warn_of_delay(report);
    (reader.rules, reader.stick)
}

/// The key of a stick rule, and when it applies.
#[derive(Debug)]
pub(in crate::config) struct StickCondition {
    pub(in crate::config) key: Expression,
    pub(in crate::config) word: Placed<String>,
    pub(in crate::config) condition: Option<Condition>,
}

struct Reader<'a> {
    names: Names<'a>,
    acls: Acls<'a>,
    rules: Rules,
    haste: Haste,
    /// For each stick rule its key; none where the line is wrong.
    stick: Vec<Option<StickCondition>>,
    /// The side that the rule is about.
    direction: Direction,
    /// Whether the rule tests what the other side sends.
    tests_other_side: bool,
    /// The section's own servers, after the first rule that names a server.
    servers: Option<HashMap<&'a str, ServerIndex>>,
}

impl Reader<'_> {
    fn read_or_report(&mut self, line: &RuleLine, report: &mut Report) {
        if let Err(mistake) = self.read(line, report) {
            report.mistake(mistake);
        }
    }

    fn read(&mut self, line: &RuleLine, report: &mut Report) -> Parsed {
        let words = line.placed();
        self.direction = line.kind.direction();
        let read = self.read_line(line, &words, report);
        if std::mem::take(&mut self.tests_other_side) && read.is_ok() {
            let (here, there) = match self.direction {
                Direction::Request => (Direction::Request, Direction::Response),
                Direction::Response => (Direction::Response, Direction::Request),
            };
            let message = format!(
                "the condition is about what the {} sends: never known in a rule about the {}",
                there.sender(),
                here.sender()
            );
            report.warning(line.place, message);
        }
        read
    }

    /// Warns of rules that look at what the server sends and wait for nothing of it.
    fn warn_of_delay(&self, report: &mut Report) {
        let response = &self.rules.response;
        let waits = response.inspect_delay_ms.is_some() && !response.content.is_empty();
        let current = self.names.current;
        let mut lines = current.settings.rules.iter().chain(&current.rules);
        let first = lines.find(|line| line.kind.direction() == Direction::Response);
        if let Some(first) = first
            && response.needs_payload
            && !waits
        {
            let message = "this is looked at before the server has sent anything: 'tcp-response \
                           inspect-delay' and a 'tcp-response content' rule have to wait for that";
            report.warning(first.place, message);
        }
    }

    fn read_line(
        &mut self,
        line: &RuleLine,
        words: &[Placed<&str>],
        report: &mut Report,
    ) -> Parsed {
        match line.kind {
            RuleKind::Acl => self.acls.define(words, self.names),
            RuleKind::Action(stage) => self.action(stage, line, words, report),
            RuleKind::InspectDelay(_) => self.inspect_delay(line, words, report),
            RuleKind::DeclareCapture => self.declare_capture(line, words),
            RuleKind::UseBackend => self.use_backend(line, words),
            RuleKind::UseServer => self.use_server(line, words),
            RuleKind::ForcePersist => self.persist(Persist::Force, line, words),
            RuleKind::IgnorePersist => self.persist(Persist::Ignore, line, words),
            RuleKind::Stick(_) => {
                let rule = self.stick_condition(line, words);
                rule.map(|rule| self.stick.push(Some(rule))).inspect_err(|_| self.stick.push(None))
            }
            // These lines have no effect in `mode tcp`, which is reported elsewhere.
            RuleKind::HttpRequest
            | RuleKind::StatsRequest
            | RuleKind::StatsAdmin
            | RuleKind::MonitorFail => Ok(()),
        }
    }

    fn action(
        &mut self,
        stage: RuleStage,
        line: &RuleLine,
        words: &[Placed<&str>],
        report: &mut Report,
    ) -> Parsed {
        let mut read = match actions::read(words, self.names) {
            Ok(read) => read,
            Err(mistake) => return Err(self.with_condition(mistake, words)),
        };
        let ActionRow { name, stages, .. } = read.row;
        if !stages.has(stage) {
            let message = format!("'{name}' can stand in {} only", stages.keywords());
            return Err(Mistake::new(line.place, message));
        }
        self.place_capture(line, &mut read.action)?;
        let condition = self.condition(read.rest)?;
        if matches!(stage, RuleStage::Connection | RuleStage::Session) {
            self.acls.warn_of_payload(condition.as_ref(), line.place, report);
        }
        if stage == RuleStage::Connection {
            self.check_handshake(line, read.action.samples(), condition.as_ref(), report)?;
        }
        self.refuse_backend(line, read.action.samples(), condition.as_ref())?;
        for sample in read.action.samples() {
            self.add_needs_of(sample, line.place)?;
        }
        if let RuleAction::SetEnd { end, .. } = &read.action {
            self.rules.needs_destination |= end.is_destination();
        }
        if let RuleAction::SetVariable { variable, .. } = &read.action
            && stage.is_before_content()
            && !variable.scope.is_known_at_once()
        {
            let message = "the rule changes nothing: content rules alone set such a variable; \
                           write 'proc.' or 'sess.'";
            report.warning(line.place, message);
        }
        let rule = Rule { action: read.action, condition, place: line.place.into() };
        match stage {
            RuleStage::Connection => self.rules.connection.push(rule),
            RuleStage::Session => self.rules.session.push(rule),
            RuleStage::Content => self.rules.content.push(rule),
            RuleStage::Response => self.rules.response.content.push(rule),
        }
        Ok(())
    }

    /// Gives a text that is kept for the log its slot.
    fn place_capture(&mut self, line: &RuleLine, action: &mut RuleAction) -> Parsed {
        let RuleAction::Capture { slot, len, .. } = action else { return Ok(()) };
        if !self.names.current.kind.is_frontend() {
            let message = "'capture' is for the rules of a frontend";
            return Err(Mistake::new(line.place, message));
        }
        *slot = self.add_capture(line, Direction::Request, *len)?;
        Ok(())
    }

    fn add_capture(&mut self, line: &RuleLine, side: Direction, len: u32) -> Parsed<CaptureSlot> {
        let slot = self.rules.captures.add(side, len);
        slot.ok_or_else(|| Mistake::new(line.place, "too many captured texts"))
    }

    /// Reads `declare capture request|response len <bytes>`.
    fn declare_capture(&mut self, line: &RuleLine, words: &[Placed<&str>]) -> Parsed {
        let keyword = line.keyword;
        let wrong = |place| {
            Mistake::new(place, format!("'{keyword}' wants 'request' or 'response', 'len' <bytes>"))
        };
        let [side, word, len] = words else { return Err(wrong(line.place)) };
        let direction = match side.value {
            "request" => Direction::Request,
            "response" => Direction::Response,
            _ => return Err(wrong(side.place)),
        };
        if word.value != "len" {
            return Err(wrong(word.place));
        }
        let len = units::number(len.value, 1..=u16::MAX.into()).map_err(|error| {
            Mistake::new(len.place, format!("'{keyword}': '{}' {error}", len.value))
        })?;
        self.add_capture(line, direction, len)?;
        Ok(())
    }

    fn inspect_delay(
        &mut self,
        line: &RuleLine,
        words: &[Placed<&str>],
        report: &mut Report,
    ) -> Parsed {
        let keyword = line.keyword;
        let [word] = words else {
            let place = words.get(1).map_or(line.place, |word| word.place);
            return Err(Mistake::new(place, format!("'{keyword}' wants one time")));
        };
        let ms = units::time_ms(word.value).map_err(|error| {
            Mistake::new(word.place, format!("'{keyword}': '{}' {error}", word.value))
        })?;
        let delay_ms = match self.direction {
            Direction::Request => &mut self.rules.inspect_delay_ms,
            Direction::Response => &mut self.rules.response.inspect_delay_ms,
        };
        if delay_ms.is_some() {
            report.warning(line.place, format!("'{keyword}' is ignored: the first line counts"));
            return Ok(());
        }
        *delay_ms = Some(ms).filter(|ms| *ms > 0);
        Ok(())
    }

    fn use_backend(&mut self, line: &RuleLine, words: &[Placed<&str>]) -> Parsed {
        let (name, condition) = self.target(line, words)?;
        let backend = match self.named(line, name) {
            Some(format) => format.map(Choice::Named),
            None => {
                let found = self.names.backend(name.value).map(Choice::Known);
                found.map_err(|message| Mistake::new(name.place, message))
            }
        };
        let (action, condition) = both(backend, condition)?;
        self.refuse_backend(line, action.samples(), condition.as_ref())?;
        let content = action.samples().find(|sample| sample.needs.is_content());
        self.note_haste(line, content, condition.as_ref());
        if matches!(action, Choice::Named(_)) && self.rules.backend_names.is_empty() {
            self.rules.backend_names = self.names.index.backends_by_name();
        }
        self.rules.backends.push(Rule { action, condition, place: line.place.into() });
        Ok(())
    }

    fn use_server(&mut self, line: &RuleLine, words: &[Placed<&str>]) -> Parsed {
        let (name, condition) = self.target(line, words)?;
        let server = match self.named(line, name) {
            Some(format) => format.map(Choice::Named),
            None => self.server(name).map(Choice::Known),
        };
        let (action, condition) = both(server, condition)?;
        let content = action.samples().find(|sample| sample.needs.is_content());
        self.note_haste(line, content, condition.as_ref());
        if matches!(action, Choice::Named(_)) && self.rules.server_names.is_empty() {
            let servers = names::servers(self.names.current).into_iter();
            self.rules.server_names = servers.map(|(name, id)| (name.to_owned(), id)).collect();
        }
        self.rules.servers.push(Rule { action, condition, place: line.place.into() });
        Ok(())
    }

    fn persist(&mut self, action: Persist, line: &RuleLine, words: &[Placed<&str>]) -> Parsed {
        let condition = self.condition(words)?;
        if condition.is_none() {
            let message = format!("'{}' wants 'if' or 'unless' and a condition", line.keyword);
            return Err(Mistake::new(line.place, message));
        }
        self.rules.persist.push(Rule { action, condition, place: line.place.into() });
        Ok(())
    }

    fn stick_condition(
        &mut self,
        line: &RuleLine,
        words: &[Placed<&str>],
    ) -> Parsed<StickCondition> {
        let Some((key, rest)) = words.split_first() else {
            return Err(Mistake::new(line.place, "a stick rule wants a sample"));
        };
        let word = Placed { value: key.value.to_owned(), place: key.place };
        let key = read_expression::read(key, self.names);
        let (key, condition) = both(key, self.condition(rest))?;
        self.note_haste(line, Some(&key), condition.as_ref());
        self.add_needs_of(&key, word.place)?;
        Ok(StickCondition { key, word, condition })
    }

    /// Notes a rule that does not wait for what the client sends.
    fn note_haste(
        &mut self,
        line: &RuleLine,
        key: Option<&Expression>,
        condition: Option<&Condition>,
    ) {
        if self.direction == Direction::Request {
            self.haste.note((line.place, line.keyword), key, condition, &self.acls);
        }
    }

    /// Remembers what a sample needs. A sample of what the other side sends is a mistake.
    fn add_needs_of(&mut self, sample: &Expression, place: Place) -> Parsed {
        if sample.needs.is_of_other_side(self.direction) {
            let message = format!(
                "this rule is about what the {} sends, and the sample is not",
                self.direction.sender()
            );
            return Err(Mistake::new(place, message));
        }
        self.rules.add_needs_of(sample, self.direction);
        Ok(())
    }

    /// Refuses samples of TLS sessions in rules that run before the handshake, and warns of
    /// conditions about them.
    fn check_handshake<'s>(
        &self,
        line: &RuleLine,
        mut samples: impl Iterator<Item = &'s Expression>,
        condition: Option<&Condition>,
        report: &mut Report,
    ) -> Parsed {
        let is_of_tls = |sample: &Expression| matches!(sample.fetch, Fetch::Tls(..));
        if samples.any(is_of_tls) {
            let message = "TLS is not known before the handshake: use 'tcp-request session'";
            return Err(Mistake::new(line.place, message));
        }
        if self.acls.tests(condition).any(|test| is_of_tls(&test.sample)) {
            let message = "the condition is about TLS, which is not known before the handshake: \
                           use 'tcp-request session'";
            report.warning(line.place, message);
        }
        Ok(())
    }

    /// Refuses samples that need the backend in a frontend, where rules run before there is one.
    fn refuse_backend<'s>(
        &self,
        line: &RuleLine,
        samples: impl Iterator<Item = &'s Expression>,
        condition: Option<&Condition>,
    ) -> Parsed {
        let mut tested = self.acls.tests(condition).map(|test| &test.sample);
        let mut samples = samples;
        let is_frontend =
            self.names.current.kind.is_frontend() && self.direction == Direction::Request;
        let needs_backend = |sample: &Expression| sample.needs == Needs::Backend;
        if is_frontend && (samples.any(needs_backend) || tested.any(needs_backend)) {
            let message = "'be_name', 'be_id', 'be_server_timeout' and 'be_tunnel_timeout' are not \
                           known in the rules of a frontend";
            return Err(Mistake::new(line.place, message));
        }
        Ok(())
    }

    /// The format string that makes the name, if the name is made of samples.
    fn named(&mut self, line: &RuleLine, name: &Placed<&str>) -> Option<Parsed<FormatString>> {
        if !name.value.contains('%') {
            return None;
        }
        let format = format::of_rule(line.keyword, name, self.names);
        for sample in format.iter().flat_map(FormatString::samples) {
            self.rules.add_needs_of(sample, self.direction);
        }
        Some(format)
    }

    /// The name that is the first word, and the condition behind the name.
    fn target<'r, 'w>(
        &mut self,
        line: &RuleLine,
        words: &'r [Placed<&'w str>],
    ) -> Parsed<(&'r Placed<&'w str>, Parsed<Option<Condition>>)> {
        let Some((name, rest)) = words.split_first() else {
            return Err(Mistake::new(line.place, "a name is missing"));
        };
        Ok((name, self.condition(rest)))
    }

    /// The mistake in a rule's action, together with those in the condition behind the action.
    fn with_condition(&mut self, mistake: Mistake, words: &[Placed<&str>]) -> Mistake {
        let begin = words.iter().position(|word| matches!(word.value, "if" | "unless"));
        let condition = begin.and_then(|begin| words.get(begin..)).unwrap_or_default();
        match self.condition(condition) {
            Ok(_) => mistake,
            Err(other) => mistake.and(other),
        }
    }

    fn server(&mut self, name: &Placed<&str>) -> Parsed<ServerIndex> {
        let current = self.names.current;
        let servers = self.servers.get_or_insert_with(|| names::servers(current));
        let known = servers.get(name.value).copied();
        if let (Some(server), Some(id)) = (known, self.names.index.backend(&current.name)) {
            self.names.index.note_named(id, server);
        }
        known.ok_or_else(|| {
            if current.may_miss_server(name.value) {
                return Mistake::new(name.place, TOLD);
            }
            let known = current.servers.iter().map(|server| server.name.value.as_str());
            let hint = hint(name.value, known);
            Mistake::new(name.place, format!("there is no server '{}' here{hint}", name.value))
        })
    }

    fn condition(&mut self, words: &[Placed<&str>]) -> Parsed<Option<Condition>> {
        let condition = self.acls.condition(words, self.names)?;
        for test in self.acls.tests(condition.as_ref()) {
            self.rules.add_needs_of(&test.sample, self.direction);
            self.tests_other_side |= test.sample.needs.is_of_other_side(self.direction);
        }
        Ok(condition)
    }
}

impl RuleLine {
    /// The words with their places.
    pub(super) fn placed(&self) -> Vec<Placed<&str>> {
        let place = |column| Place { column, ..self.place };
        let words = self.words.iter();
        words.map(|word| Placed { value: word.text.as_str(), place: place(word.column) }).collect()
    }
}

impl Rules {
    /// The rules that the backend of a section runs. In a `listen` section the frontend has run
    /// the content rules.
    pub(in crate::config) fn of_backend(self, kind: ProxyKind) -> Self {
        if kind.is_frontend() { Self { content: Vec::new(), ..self } } else { self }
    }
}
