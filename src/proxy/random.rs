//! Random numbers that nobody's safety depends on.

/// Makes random numbers.
#[derive(Clone, Debug)]
pub struct RandomNumbers(u64);

impl RandomNumbers {
    /// Starts from a number that differs from one start of the process to the next.
    pub fn new(start: u64) -> Self {
        Self(start ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// A number below `range`.
    pub fn below(&mut self, range: u32) -> u32 {
        let mut state = self.0 | 1;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0 = state;
        u32::try_from(((state >> 33) * u64::from(range)) >> 31).unwrap_or(0)
    }
}
