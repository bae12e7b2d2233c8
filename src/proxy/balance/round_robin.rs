//! In turns, in proportion to the weights, spread as evenly as the weights allow.

/// One candidate's place in the rotation.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    /// What it is owed: grows by its weight at each choice, and the chosen one pays for all.
    credit: i64,
}

/// The rotation over a backend's servers.
#[derive(Clone, Debug)]
pub struct RoundRobin {
    turns: Vec<Turn>,
}

impl RoundRobin {
    /// A rotation over so many servers.
    pub fn new(servers: usize) -> Self {
        Self { turns: vec![Turn::default(); servers] }
    }

    /// The next server. `weight` gives each one's share, 0 for one that must not be chosen.
    pub fn choose(&mut self, weight: impl Fn(usize) -> u32) -> Option<usize> {
        let mut total = 0;
        let mut best: Option<(usize, i64)> = None;
        for (index, turn) in self.turns.iter_mut().enumerate() {
            let share = i64::from(weight(index));
            if share == 0 {
                continue;
            }
            turn.credit += share;
            total += share;
            if best.is_none_or(|(_, credit)| turn.credit > credit) {
                best = Some((index, turn.credit));
            }
        }
        let (index, _) = best?;
        self.turns[index].credit -= total;
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(weights: &[u32], count: usize) -> Vec<usize> {
        let mut rotation = RoundRobin::new(weights.len());
        (0..count).map(|_| rotation.choose(|index| weights[index]).unwrap()).collect()
    }

    #[test]
    fn equal_weights_take_turns() {
        assert_eq!(sequence(&[1, 1, 1], 6), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_heavy_server_is_spread_between_the_others() {
        assert_eq!(sequence(&[5, 1, 1], 7), [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn shares_follow_the_weights() {
        let chosen = sequence(&[10, 0, 30, 60], 1000);
        let count = |wanted| chosen.iter().filter(|index| **index == wanted).count();
        assert_eq!([count(0), count(1), count(2), count(3)], [100, 0, 300, 600]);
    }

    #[test]
    fn nobody_is_chosen_when_nobody_may_be() {
        assert_eq!(RoundRobin::new(3).choose(|_| 0), None);
    }
}
