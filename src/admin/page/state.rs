//! The state of a server, which gives its row a colour.

/// The state of a server, as far as a reader has to tell states apart at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Up,
    /// Up, and some checks have failed.
    GoingDown,
    /// Down, and some checks have succeeded.
    GoingUp,
    Down,
    /// Up, and only for clients that have an entry.
    Draining,
    /// Up, and about to stop.
    NoBalance,
    Maintenance,
    NoCheck,
}

impl State {
    /// The state that stands in the column `status`. A server without weight takes no new clients.
    pub(super) fn of(status: &str, has_weight: bool) -> Self {
        let is_changing = status.contains('/') && !status.contains('(');
        match status.split([' ', '/']).next().unwrap_or_default() {
            "UP" if is_changing => Self::GoingDown,
            "UP" if !has_weight => Self::Draining,
            "UP" => Self::Up,
            "DOWN" if is_changing => Self::GoingUp,
            "DRAIN" => Self::Draining,
            "NOLB" => Self::NoBalance,
            "MAINT" => Self::Maintenance,
            "no" => Self::NoCheck,
            _ => Self::Down,
        }
    }

    /// The class of a row, with HAProxy's names.
    pub(super) fn class(self, is_backup: bool) -> &'static str {
        match (self, is_backup) {
            (Self::Up, false) => "active_up",
            (Self::Up, true) => "backup_up",
            (Self::GoingDown, false) => "active_going_down",
            (Self::GoingDown, true) => "backup_going_down",
            (Self::GoingUp, false) => "active_going_up",
            (Self::GoingUp, true) => "backup_going_up",
            (Self::Down, false) => "active_down",
            (Self::Down, true) => "backup_down",
            (Self::Draining, false) => "active_draining",
            (Self::Draining, true) => "backup_draining",
            (Self::NoBalance, false) => "active_nolb",
            (Self::NoBalance, true) => "backup_nolb",
            (Self::NoCheck, false) => "active_no_check",
            (Self::NoCheck, true) => "backup_no_check",
            (Self::Maintenance, _) => "maintain",
        }
    }

    /// The direction in which the state is about to change.
    pub(super) fn arrow(self) -> &'static str {
        match self {
            Self::GoingDown => " ↓",
            Self::GoingUp => " ↑",
            Self::Up
            | Self::Down
            | Self::Draining
            | Self::NoBalance
            | Self::Maintenance
            | Self::NoCheck => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_class_that_the_style_knows() {
        let style = include_str!("style.css");
        let states = [
            ("UP", "active_up"),
            ("UP 2/3", "active_going_down"),
            ("DOWN", "active_down"),
            ("DOWN (agent)", "active_down"),
            ("DOWN 1/2", "active_going_up"),
            ("DRAIN", "active_draining"),
            ("DRAIN (agent)", "active_draining"),
            ("NOLB", "active_nolb"),
            ("NOLB 1/3", "active_nolb"),
            ("MAINT", "maintain"),
            ("MAINT (via web/s1)", "maintain"),
            ("no check", "active_no_check"),
        ];
        for (status, class) in states {
            let state = State::of(status, true);
            assert_eq!(state.class(false), class, "{status}");
            for class in [class, state.class(true)] {
                assert!(style.contains(&format!(".{class}")), "{class}");
            }
        }
        assert_eq!(State::of("UP", false).class(true), "backup_draining");
        assert_eq!(State::of("no check", false).class(true), "backup_no_check");
    }
}
