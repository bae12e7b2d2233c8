//! Checks the users and passwords that clients of pages send, at a bounded cost.
//!
//! The hash of a password takes long on purpose, and nothing else is done meanwhile. So a user who
//! was found is remembered, by a hash that costs nothing, and all other checks share a budget: a
//! stranger who tries passwords takes a twentieth of the time at most. A single check takes at most
//! what [`crate::net::password::COST_MAX_US`] says.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::config::{Password, Userlist, UserlistId};
use crate::net::password::{COST_MAX_US, is_equal};

/// The most time, in microseconds, that checks may take without a break.
const BUDGET_MAX_US: u64 = 2 * COST_MAX_US as u64;
/// How many microseconds of checks each millisecond allows.
const BUDGET_US_PER_MS: u64 = 50;

/// A user: the list, and the position there.
pub type UserPosition = (UserlistId, usize);

/// What was checked so far.
#[derive(Debug)]
pub struct Credentials {
    /// The keyed hash of the last password of each user that was right.
    known: HashMap<UserPosition, u64>,
    /// The key: what was remembered tells nothing to those who read the memory of another process.
    hasher: RandomState,
    budget_us: u64,
    refilled_ms: u64,
}

/// Too many passwords were checked of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

impl Default for Credentials {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            hasher: RandomState::new(),
            budget_us: BUDGET_MAX_US,
            refilled_ms: 0,
        }
    }
}

impl Credentials {
    /// The users with this name and password in some lists.
    ///
    /// # Errors
    /// The budget is exhausted, and a user has to be checked.
    pub fn users(
        &mut self,
        wanted: &[UserlistId],
        lists: &[Userlist],
        (name, password): (&[u8], &[u8]),
        now_ms: u64,
    ) -> Result<Vec<UserPosition>, Exhausted> {
        let mut found = Vec::new();
        for id in wanted {
            let Some(list) = lists.get(id.index()) else { continue };
            let named = list.users.iter().position(|user| user.name.as_bytes() == name);
            let Some(at) = named else { continue };
            let is_user = match list.users.get(at).and_then(|user| user.password.as_ref()) {
                None => false,
                Some(Password::Plain(plain)) => is_equal(plain.as_bytes(), password),
                Some(Password::Hashed(hash)) => {
                    let digest = self.hasher.hash_one((id, at, password));
                    if self.known.get(&(*id, at)) == Some(&digest) {
                        true
                    } else {
                        self.spend(hash.cost_us(), now_ms)?;
                        let is_user = hash.verifies(password);
                        if is_user {
                            self.known.insert((*id, at), digest);
                        }
                        is_user
                    }
                }
            };
            if is_user {
                found.push((*id, at));
            }
        }
        Ok(found)
    }

    fn spend(&mut self, cost_us: u32, now_ms: u64) -> Result<(), Exhausted> {
        let passed_ms = now_ms.saturating_sub(self.refilled_ms);
        let refill_us = passed_ms.saturating_mul(BUDGET_US_PER_MS);
        self.budget_us = self.budget_us.saturating_add(refill_us).min(BUDGET_MAX_US);
        self.refilled_ms = now_ms;
        self.budget_us = self.budget_us.checked_sub(cost_us.into()).ok_or(Exhausted)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::User;
    use crate::net::password::PasswordHash;

    const NOW_MS: u64 = 1_000_000;

    fn lists() -> Vec<Userlist> {
        let user = |name: &str, password| User {
            name: name.to_owned(),
            password: Some(password),
            groups: Vec::new(),
        };
        let hash = "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1";
        let hashed = Password::Hashed(PasswordHash::read(hash).unwrap());
        let users = vec![user("a", hashed), user("b", Password::Plain("plain".to_owned()))];
        vec![Userlist { name: "u".to_owned(), users }]
    }

    #[test]
    fn users_are_found_by_name_and_password() {
        let (lists, id) = (lists(), UserlistId(0));
        let mut credentials = Credentials::default();
        let mut users = |name: &str, password: &str| {
            credentials.users(&[id], &lists, (name.as_bytes(), password.as_bytes()), NOW_MS)
        };
        assert_eq!(users("a", "secret"), Ok(vec![(id, 0)]));
        assert_eq!(users("a", "wrong"), Ok(vec![]));
        assert_eq!(users("b", "plain"), Ok(vec![(id, 1)]));
        assert_eq!(users("c", ""), Ok(vec![]));
    }

    #[test]
    fn strangers_cannot_take_all_the_time_and_known_users_do_not_notice() {
        let (lists, id) = (lists(), UserlistId(0));
        let mut credentials = Credentials::default();
        let mut users = |password: &str, now_ms| {
            credentials.users(&[id], &lists, (b"a", password.as_bytes()), now_ms)
        };
        assert_eq!(users("secret", NOW_MS), Ok(vec![(id, 0)]));
        let tries = (0..100_000).take_while(|_| users("guess", NOW_MS).is_ok()).count();
        assert!((100..1000).contains(&tries), "{tries}");
        assert_eq!(users("guess", NOW_MS), Err(Exhausted));
        assert_eq!(users("secret", NOW_MS), Ok(vec![(id, 0)]));
        assert_eq!(users("guess", NOW_MS + 1000), Ok(vec![]));
    }
}
