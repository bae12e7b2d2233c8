//! The checks of servers that are added and deleted while the process runs.

use super::checks::{Check, Checks};
use super::{CheckKind, program::Run};
use crate::config::{BackendId, ServerIndex};
use crate::proxy::backend::servers::ServerChange;
use crate::proxy::shared::Shared;

impl Checks {
    /// Begins to check servers that were added, and ends the checks of servers that were deleted.
    pub fn follow_servers(&mut self, shared: &mut Shared, now_ms: u64) {
        for change in std::mem::take(&mut shared.server_changes) {
            match change {
                ServerChange::Added(backend, server) => self.add(backend, server, shared, now_ms),
                ServerChange::Deleted(backend, server) => self.delete(backend, server),
            }
        }
    }

    fn add(&mut self, backend: BackendId, server: ServerIndex, shared: &Shared, now_ms: u64) {
        let section = shared.backend(backend);
        let health = &section.server(server).config.health;
        let asked = [
            health.check.as_ref().map(|_| CheckKind::Health),
            health.agent.as_ref().map(|_| CheckKind::Agent),
        ];
        for kind in asked.into_iter().flatten().filter(|_| !section.config.disabled) {
            let check = Check::new(kind, backend, server, self.generation);
            let key = self.checks.insert(check);
            if let (true, Ok(index)) = (self.is_running, u32::try_from(key))
                && let Some(check) = self.checks.get_mut(key)
            {
                check.timer = Some(self.wheel.insert(index, now_ms));
            }
        }
    }

    fn delete(&mut self, backend: BackendId, server: ServerIndex) {
        let own = |check: &Check| (check.backend, check.server) == (backend, server);
        let keys: Vec<usize> =
            self.checks.iter().filter(|(_, check)| own(check)).map(|(key, _)| key).collect();
        for key in keys {
            let mut check = self.checks.remove(key);
            self.generation = self.generation.max(check.generation.wrapping_add(1));
            self.ending.extend(check.program.take().and_then(Run::end));
            if let Some(timer) = check.timer {
                self.wheel.remove(timer);
            }
            self.queue.retain(|index| usize::try_from(*index) != Ok(key));
        }
    }
}
