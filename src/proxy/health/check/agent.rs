//! The answer of an agent: a line of words about its server.

use super::result::CheckResult;
use crate::config::CheckStatus;
use crate::proxy::backend::server::AdminState;

/// The words of an agent's line. If words contradict each other, the last word counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report<'a> {
    /// The server's share as a percentage of the configured one, `%` included.
    pub weight: Option<&'a str>,
    /// The most connections of the server.
    pub maxconn: Option<&'a str>,
    /// The administrative state that the agent wants for the server.
    pub admin: Option<AdminState>,
    health: Option<(CheckStatus, &'a str)>,
    unknown: Option<&'a str>,
    description: &'a str,
}

/// The first line of `input` without its line end; none until the line end has come.
pub fn line(input: &[u8]) -> Option<&[u8]> {
    let end = input.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    input.get(..end)
}

impl<'a> Report<'a> {
    /// Reads a line.
    pub fn read(line: &'a str) -> Self {
        let mut report = Self::default();
        let mut rest = line;
        loop {
            rest = rest.trim_start_matches(is_between);
            if let Some(description) = rest.strip_prefix('#') {
                report.description = description.trim_start_matches([' ', '\t']);
                return report;
            }
            let end = rest.find(is_between).unwrap_or(rest.len());
            let Some((word, after)) = rest.split_at_checked(end).filter(|_| end > 0) else {
                return report;
            };
            report.read_word(word);
            rest = after;
        }
    }

    fn read_word(&mut self, word: &'a str) {
        if word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('%') {
            self.weight = Some(word);
            return;
        }
        match word.to_ascii_lowercase().as_str() {
            "up" => self.health = Some((CheckStatus::Layer7Passed, word)),
            "down" | "fail" | "stopped" => {
                self.health = Some((CheckStatus::Layer7WrongStatus, word));
            }
            "ready" => self.admin = Some(AdminState::Ready),
            "drain" => self.admin = Some(AdminState::Drain),
            "maint" => self.admin = Some(AdminState::Maint),
            lower if lower.starts_with("maxconn:") => {
                self.maxconn = word.split_once(':').map(|(_, value)| value);
            }
            _ => self.unknown = self.unknown.or(Some(word)),
        }
    }

    /// The result of asking the agent. `warning` names a wish of the agent that could not be
    /// fulfilled.
    pub fn result(&self, warning: Option<&str>) -> CheckResult {
        if let Some((status, word)) = self.health {
            let said = Some(self.description).filter(|text| !text.is_empty());
            let more = said.or(self.unknown).or(warning);
            let more = more.map(|more| format!(" ({more})")).unwrap_or_default();
            let result = CheckResult::new(status).with_info(format!("via agent : {word}{more}"));
            return CheckResult { code: Some(0), ..result };
        }
        let info = match (self.unknown, warning) {
            (Some(word), _) => format!("agent reports an error : {word}"),
            (None, Some(warning)) => format!("agent warns : {warning}"),
            (None, None) => String::new(),
        };
        CheckResult::new(CheckStatus::Checked).with_info(info)
    }
}

fn is_between(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> (&'static str, String) {
        let result = Report::read(line).result(None);
        (result.status.name(), result.info)
    }

    #[test]
    fn a_line_ends_at_its_first_line_end() {
        assert_eq!(line(b"up"), None);
        assert_eq!(line(b"up\r\ndown\n"), Some(&b"up"[..]));
        assert_eq!(line(b"\nup\n"), Some(&b""[..]));
    }

    #[test]
    fn words_are_separated_by_blanks_and_commas() {
        let report = Report::read("50%,up\t, maxconn:30 drain");
        assert_eq!((report.weight, report.maxconn), (Some("50%"), Some("30")));
        assert_eq!(report.admin, Some(AdminState::Drain));
        assert_eq!(report.result(None).info, "via agent : up");
    }

    #[test]
    fn the_last_word_about_health_counts() {
        assert_eq!(found("up down").0, "L7STS");
        assert_eq!(found("down UP"), ("L7OK", "via agent : UP".to_owned()));
        assert_eq!(found("ready"), ("CHECKED", String::new()));
    }

    #[test]
    fn the_reason_is_the_description_or_the_first_unknown_word() {
        let told = |line: &str| found(line).1;
        assert_eq!(told("down # a,b ;c"), "via agent : down (a,b ;c)");
        assert_eq!(told("fail"), "via agent : fail");
        assert_eq!(told("up garbage more"), "via agent : up (garbage)");
        assert_eq!(told("down#oops you"), "agent reports an error : down#oops");
        assert_eq!(told("50"), "agent reports an error : 50");
        assert_eq!(found("failed # x"), ("CHECKED", "agent reports an error : failed".to_owned()));
        assert_eq!(told("#only"), "");
        assert_eq!(Report::read("10%").result(Some("no")).info, "agent warns : no");
    }
}
