//! Arithmetic.

use crate::config::rules::Operation;

pub(super) fn calculate(operation: Operation, number: i64, by: i64) -> i64 {
    match operation {
        Operation::Add => number.saturating_add(by),
        Operation::Subtract => number.saturating_sub(by),
        Operation::Multiply => number.saturating_mul(by),
        Operation::Divide => match by {
            0 => i64::MAX,
            by => number.saturating_div(by),
        },
        Operation::Modulo => number.checked_rem(by).unwrap_or(0),
        Operation::And => number & by,
        Operation::Or => number | by,
        Operation::Xor => number ^ by,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stops_at_its_limits() {
        assert_eq!(calculate(Operation::Add, i64::MAX, 1), i64::MAX);
        assert_eq!(calculate(Operation::Divide, 7, 0), i64::MAX);
        assert_eq!(calculate(Operation::Modulo, 7, 0), 0);
        assert_eq!(calculate(Operation::Divide, i64::MIN, -1), i64::MAX);
        assert_eq!(calculate(Operation::Modulo, 7, 4), 3);
    }
}
