//! What a client of the Runtime API may do and how it wants to be answered, and the commands that
//! change that.

use std::fmt::Write;

use super::answer::Answer;
use super::typed::command_line::CommandLine;
use crate::admin::context::Context;
use crate::config::text::units;
use crate::config::text::units::BareTime;
use crate::config::{BindAddress, Level};
use crate::logging::Severity;

/// The settings of one client of the Runtime API.
#[derive(Clone, Debug)]
pub(in crate::admin) struct ClientSettings {
    /// The commands that the client may use.
    pub(in crate::admin) level: Level,
    /// What happens after an answer.
    after_answer: AfterAnswer,
    /// Whether the prompt shows how long the process runs.
    is_timed: bool,
    /// How long the client may be silent, in milliseconds.
    pub(in crate::admin) timeout_ms: u32,
    /// Whether the client may use experimental commands.
    pub(in crate::admin) is_experimental: bool,
    /// Whether messages begin with their severity.
    severity_output: SeverityOutput,
}

/// What happens after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterAnswer {
    /// The connection ends.
    Leave,
    /// The connection stays open.
    Stay,
    /// The same, and there is a prompt.
    Prompt,
}

/// How the severity of a message is shown.
#[derive(Clone, Copy, Debug)]
enum SeverityOutput {
    None,
    Number,
    Word,
}

impl ClientSettings {
    pub(in crate::admin) fn new(level: Level, timeout_ms: u32) -> Self {
        Self {
            level,
            after_answer: AfterAnswer::Leave,
            is_timed: false,
            timeout_ms,
            is_experimental: false,
            severity_output: SeverityOutput::None,
        }
    }

    /// Whether the connection stays open after an answer.
    pub(in crate::admin) fn stays(&self) -> bool {
        self.after_answer != AfterAnswer::Leave
    }

    /// The prompt of a process that runs for so many seconds, if there is one.
    pub(in crate::admin) fn prompt(&self, uptime_s: u64) -> Option<String> {
        let is_timed = self.is_timed;
        let shown = (self.after_answer == AfterAnswer::Prompt).then_some(uptime_s)?;
        let (days, hours, minutes) = (shown / 86_400, shown / 3600 % 24, shown / 60 % 60);
        let time = format!("[{days}:{hours:02}:{minutes:02}:{:02}]", shown % 60);
        Some(if is_timed { format!("{time}> ") } else { "> ".to_owned() })
    }

    /// What a client is shown that is to send more lines of one command.
    pub(in crate::admin) fn continuation(&self) -> &'static [u8] {
        if self.after_answer == AfterAnswer::Prompt { b"+ " } else { b"" }
    }

    /// What stands before a message of this severity.
    pub(in crate::admin) fn severity_prefix(&self, severity: Severity) -> String {
        let word = match severity {
            Severity::Emerg => "emerg",
            Severity::Alert => "alert",
            Severity::Crit => "crit",
            Severity::Err => "err",
            Severity::Warning => "warning",
            Severity::Notice => "notice",
            Severity::Info => "info",
            Severity::Debug => "debug",
        };
        match self.severity_output {
            SeverityOutput::None => String::new(),
            SeverityOutput::Number => format!("[{}]: ", severity.number()),
            SeverityOutput::Word => format!("[{word}]: "),
        }
    }
}

/// `prompt [n|i|p|timed]*`.
pub(super) fn set_prompt(
    line: &CommandLine,
    client: &mut ClientSettings,
    _: &mut Context<'_>,
) -> Answer {
    let mut wanted = client.clone();
    if line.word(1).is_none() {
        wanted.after_answer = match client.after_answer {
            AfterAnswer::Prompt => AfterAnswer::Leave,
            AfterAnswer::Leave | AfterAnswer::Stay => AfterAnswer::Prompt,
        };
    }
    for word in line.from(1) {
        match word.as_slice() {
            b"n" => wanted.after_answer = AfterAnswer::Leave,
            b"i" => wanted.after_answer = AfterAnswer::Stay,
            b"p" => wanted.after_answer = AfterAnswer::Prompt,
            b"timed" => {
                wanted.after_answer = AfterAnswer::Prompt;
                wanted.is_timed = !wanted.is_timed;
            }
            _ => return Answer::error("'prompt' takes 'n', 'i', 'p' and 'timed'."),
        }
    }
    *client = wanted;
    Answer::text("")
}

/// `quit`.
pub(super) fn quit(_: &CommandLine, _: &mut ClientSettings, _: &mut Context<'_>) -> Answer {
    Answer::Goodbye
}

/// `operator`.
pub(super) fn lower_to_operator(
    _: &CommandLine,
    client: &mut ClientSettings,
    _: &mut Context<'_>,
) -> Answer {
    client.level = Level::Operator;
    Answer::text("")
}

/// `user`.
pub(super) fn lower_to_user(
    _: &CommandLine,
    client: &mut ClientSettings,
    _: &mut Context<'_>,
) -> Answer {
    client.level = Level::User;
    Answer::text("")
}

/// `show cli level`.
pub(super) fn show_level(
    _: &CommandLine,
    client: &mut ClientSettings,
    _: &mut Context<'_>,
) -> Answer {
    Answer::message(Severity::Info, client.level.name())
}

/// `show cli sockets`.
pub(super) fn show_sockets(
    _: &CommandLine,
    _: &mut ClientSettings,
    context: &mut Context<'_>,
) -> Answer {
    let mut text = "# socket lvl processes\n".to_owned();
    for socket in &context.config.global.stats_sockets {
        let level = socket.level.name();
        // Writing to a string cannot fail.
        let _ = match &socket.bind.address {
            BindAddress::Address(address) => writeln!(text, "{address} {level} all"),
            BindAddress::Fd(number) => writeln!(text, "fd@{number} {level} all"),
        };
    }
    Answer::Text(text)
}

/// `set severity-output none|number|string`.
pub(super) fn set_severity_output(
    line: &CommandLine,
    client: &mut ClientSettings,
    _: &mut Context<'_>,
) -> Answer {
    client.severity_output = match line.word(2) {
        Some(b"none") => SeverityOutput::None,
        Some(b"number") => SeverityOutput::Number,
        Some(b"string") => SeverityOutput::Word,
        _ => {
            return Answer::error("one of 'none', 'number', 'string' is a required argument");
        }
    };
    Answer::text("")
}

/// `set timeout cli <delay>`.
pub(super) fn set_timeout(
    line: &CommandLine,
    client: &mut ClientSettings,
    _: &mut Context<'_>,
) -> Answer {
    match (line.word(2), line.text(3)) {
        (Some(b"cli"), Some(delay)) => match units::time_ms_in(&delay, BareTime::Seconds) {
            Ok(delay_ms @ 1..) => {
                client.timeout_ms = delay_ms;
                Answer::text("")
            }
            Ok(0) | Err(_) => Answer::error("Invalid timeout value."),
        },
        (Some(b"cli"), None) => Answer::error("Expects an integer value."),
        _ => Answer::error("'set timeout' only supports 'cli'."),
    }
}

#[cfg(test)]
mod tests {
    use crate::admin::fixture::Fixture;
    use crate::admin::link::command_session::CommandSession;
    use crate::admin::link::session::Session as _;
    use crate::config::Level;

    #[test]
    fn messages_tell_how_grave_they_are_where_that_is_wanted() {
        let mut fixture = Fixture::new();
        let said = fixture.ask(
            "set severity-output number;show cli level;get weight web/s1;set weight web/nope 2;set \
             severity-output string;set weight web/nope 2;set severity-output none;get weight web",
        );
        assert_eq!(
            said,
            "\n[6]: admin\n\n1 (initial 1)\n\n[3]: No such server.\n\n\n[err]: No such server.\n\n\
             \nRequire 'backend/server'.\n\n"
        );
    }

    #[test]
    fn a_client_says_how_its_connection_goes_on() {
        let mut fixture = Fixture::new();
        let mut said = |line| {
            let mut session = CommandSession::new(Level::Admin, 10_000, fixture.now_ms);
            session.handle_received(format!("{line}\n").as_bytes(), fixture.now_ms);
            (fixture.drain(&mut session, usize::MAX), session.is_finished())
        };
        for (line, answer, ends) in [
            ("prompt;show cli level", "\n> admin\n\n> ", false),
            ("prompt i;show cli level", "\nadmin\n\n", false),
            ("prompt p;prompt n;show cli level", "\n> \nadmin\n\n", true),
            ("prompt timed;prompt timed", "\n[0:00:00:02]> \n> ", false),
        ] {
            assert_eq!(said(line), (answer.to_owned(), ends), "{line}");
        }
        assert!(said("prompt x").0.starts_with("'prompt' takes"));
    }

    #[test]
    fn mistakes_are_answered_with_the_words_of_haproxy() {
        let mut fixture = Fixture::new();
        fixture.converse(&[
            ("set timeout cli", "Expects an integer value."),
            ("set timeout cli 3x", "Invalid timeout value."),
            ("set timeout", "'set timeout' only supports 'cli'."),
        ]);
    }
}
