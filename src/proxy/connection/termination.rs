//! How a connection ended: the termination state of HAProxy's log, which is two letters.

/// Who or what ended a connection: the first letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// `-`: both sides finished.
    Normal,
    /// `C`: the client aborted.
    ClientAbort,
    /// `S`: the server aborted or refused.
    ServerAbort,
    /// `c`: the client was silent too long.
    ClientTimeout,
    /// `s`: the server was silent too long, or did not answer.
    ServerTimeout,
    /// `P`: this program refused, because of a limit or a rule.
    Refused,
    /// `R`: this machine had no descriptor, port or memory left.
    Resource,
    /// `D`: the server went down.
    ServerDown,
    /// `U`: a better server came up.
    ServerUp,
    /// `K`: an operator ended it.
    Killed,
}

impl Cause {
    /// Whether a server's health or an operator ended it. HAProxy logs no data phase then.
    pub(super) fn is_shutdown(self) -> bool {
        matches!(self, Self::ServerDown | Self::ServerUp | Self::Killed)
    }
}

/// What the connection was doing when it ended: the second letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `-`: nothing, it was over.
    Done,
    /// `R`: waiting for what decides where it goes.
    Request,
    /// `Q`: waiting in a queue.
    Queue,
    /// `C`: connecting to the server.
    Connect,
    /// `D`: passing data.
    Data,
    /// `L`: the server had finished, and the client was still being sent the last data.
    LastData,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termination {
    /// Who or what ended it.
    pub cause: Cause,
    /// What it was doing.
    pub phase: Phase,
}

impl Termination {
    /// Both sides finished.
    pub const NORMAL: Self = Self { cause: Cause::Normal, phase: Phase::Done };

    /// Ended by `cause` while doing `phase`.
    pub const fn new(cause: Cause, phase: Phase) -> Self {
        Self { cause, phase }
    }

    /// The two letters, as in HAProxy's TCP log format.
    pub const fn code(self) -> [u8; 2] {
        let cause = match self.cause {
            Cause::Normal => b'-',
            Cause::ClientAbort => b'C',
            Cause::ServerAbort => b'S',
            Cause::ClientTimeout => b'c',
            Cause::ServerTimeout => b's',
            Cause::Refused => b'P',
            Cause::Resource => b'R',
            Cause::ServerDown => b'D',
            Cause::ServerUp => b'U',
            Cause::Killed => b'K',
        };
        let phase = match self.phase {
            Phase::Done => b'-',
            Phase::Request => b'R',
            Phase::Queue => b'Q',
            Phase::Connect => b'C',
            Phase::Data => b'D',
            Phase::LastData => b'L',
        };
        [cause, phase]
    }
}

impl std::fmt::Display for Termination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [cause, phase] = self.code();
        write!(f, "{}{}", char::from(cause), char::from(phase))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_are_those_of_haproxy() {
        assert_eq!(Termination::NORMAL.to_string(), "--");
        assert_eq!(Termination::new(Cause::ServerTimeout, Phase::Connect).to_string(), "sC");
        assert_eq!(Termination::new(Cause::ClientAbort, Phase::LastData).to_string(), "CL");
    }
}
