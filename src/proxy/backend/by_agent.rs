//! What of a server its agent has set, so that it can be taken back once there is no agent.

use super::server::Health;
use crate::config::{BackendId, ServerIndex};
use crate::proxy::health::Why;
use crate::proxy::shared::Shared;

/// Who wants something of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// An operator, through the Runtime API.
    Operator,
    /// The agent of the server.
    Agent,
}

/// What an agent has set, and no operator after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByAgent {
    /// The weight.
    pub weight: bool,
    /// The administrative state.
    pub admin: bool,
}

impl Author {
    /// Notes in a field of [`ByAgent`] that this one has set it. Agents say the same again and
    /// again: what was so before is not theirs by that.
    pub(crate) fn sign(self, is_by_agent: &mut bool, is_news: bool) {
        match self {
            Self::Operator => *is_by_agent = false,
            Self::Agent => *is_by_agent |= is_news,
        }
    }
}

impl Shared {
    /// Takes back what an agent has set of a server that has none any more; `was_down` is what it
    /// said last. Nobody else would.
    pub fn forget_agent(&mut self, id: BackendId, index: ServerIndex, was_down: bool, now_ms: u64) {
        let backend = self.backend_mut(id);
        let had_servers = backend.has_servers();
        let server = backend.server_mut(index);
        let (is_set, admin) = (server.by_agent, server.configured_admin());
        if is_set.weight {
            let configured = server.config.weight;
            server.by_agent.weight = false;
            // Every algorithm takes the configured weight.
            if backend.set_weight(index, configured).is_ok() {
                self.note_backend(id, had_servers, now_ms);
            }
        }
        if is_set.admin {
            self.set_admin_state(id, index, admin, Author::Operator, now_ms);
        }
        let health = self.found_health(id, index);
        if was_down && health != Health::Down {
            self.change_health(id, index, health, Why::Check(None), now_ms);
        }
    }
}
