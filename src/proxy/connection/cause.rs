//! Why a connection ended, and the two letters that HAProxy logs for it.

/// Who or what ended a connection: the first letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// `-`: both sides finished.
    Normally,
    /// `C`: the client aborted.
    ClientAbort,
    /// `S`: the server aborted or refused.
    ServerAbort,
    /// `c`: the client was silent too long.
    ClientTimeout,
    /// `s`: the server was silent too long, or did not answer.
    ServerTimeout,
    /// `P`: this program refused, by a limit or a rule.
    Refused,
    /// `R`: a resource ran out.
    Resource,
    /// `I`: an error in this program.
    Internal,
    /// `D`: the server went down.
    ServerDown,
    /// `U`: a better server came up.
    ServerUp,
    /// `K`: an operator ended it.
    Killed,
}

impl Ended {
    /// Whether a server's health or an operator ended it; HAProxy logs no phase of data then.
    pub fn is_shutdown(self) -> bool {
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
    /// `Q`: waiting for a free place at a server.
    Queue,
    /// `C`: connecting to the server.
    Connect,
    /// `D`: passing data.
    Data,
    /// `L`: the server had finished, the client was still being sent the last data.
    LastData,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Who or what ended it.
    pub ended: Ended,
    /// What it was doing.
    pub phase: Phase,
}

impl Cause {
    /// Both sides finished.
    pub const NORMAL: Self = Self { ended: Ended::Normally, phase: Phase::Done };

    /// `ended` while doing `phase`.
    pub const fn new(ended: Ended, phase: Phase) -> Self {
        Self { ended, phase }
    }

    /// The two letters, as in HAProxy's TCP log format.
    pub const fn code(self) -> [u8; 2] {
        let ended = match self.ended {
            Ended::Normally => b'-',
            Ended::ClientAbort => b'C',
            Ended::ServerAbort => b'S',
            Ended::ClientTimeout => b'c',
            Ended::ServerTimeout => b's',
            Ended::Refused => b'P',
            Ended::Resource => b'R',
            Ended::Internal => b'I',
            Ended::ServerDown => b'D',
            Ended::ServerUp => b'U',
            Ended::Killed => b'K',
        };
        let phase = match self.phase {
            Phase::Done => b'-',
            Phase::Request => b'R',
            Phase::Queue => b'Q',
            Phase::Connect => b'C',
            Phase::Data => b'D',
            Phase::LastData => b'L',
        };
        [ended, phase]
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [ended, phase] = self.code();
        write!(f, "{}{}", char::from(ended), char::from(phase))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_are_those_of_haproxy() {
        assert_eq!(Cause::NORMAL.to_string(), "--");
        assert_eq!(Cause::new(Ended::ServerTimeout, Phase::Connect).to_string(), "sC");
        assert_eq!(Cause::new(Ended::ClientAbort, Phase::LastData).to_string(), "CL");
    }
}
