//! Arithmetic that Python repeats bit for bit: IEEE doubles and one way to round.

/// Rounded to four decimals, as Python's `round(x, 4)` does: the nearest decimal, ties to even of the exact value.
pub(crate) fn rounded(value: f64) -> f64 {
    // Formatting rounds the exact binary value, as Python's `round` does for floats.
    format!("{value:.4}").parse().unwrap_or(value)
}

/// The sum, rounded once, as Python's `math.fsum` gives it (Shewchuk's partials).
pub(crate) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut partials: Vec<f64> = Vec::new();
    for mut value in values {
        let mut kept = 0;
        for at in 0..partials.len() {
            let mut other = partials[at];
            if value.abs() < other.abs() {
                std::mem::swap(&mut value, &mut other);
            }
            let high = value + other;
            let low = other - (high - value);
            if low != 0.0 {
                partials[kept] = low;
                kept += 1;
            }
            value = high;
        }
        partials.truncate(kept);
        partials.push(value);
    }
    // Partials do not overlap, so adding from the largest down rounds correctly but for a tie, which is looked at.
    let Some(mut high) = partials.pop() else { return 0.0 };
    while let Some(next) = partials.pop() {
        let before = high;
        high = before + next;
        let low = next - (high - before);
        if low != 0.0 {
            if partials.last().is_some_and(|rest| (low < 0.0) == (*rest < 0.0)) {
                let doubled = low * 2.0;
                let candidate = high + doubled;
                #[expect(clippy::float_cmp, reason = "whether the addition was exact is the question")]
                if doubled == candidate - high {
                    high = candidate;
                }
            }
            break;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::{rounded, sum};

    #[test]
    fn sums_round_once() {
        assert_eq!(sum([0.1; 10]).to_bits(), f64::to_bits(1.0));
        assert_eq!(sum([1e16, 1.0, 1.0, -1e16]).to_bits(), f64::to_bits(2.0));
        assert_eq!(sum([1e100, 1.0, -1e100, 1e-100, 1e50, -1.0, -1e50]).to_bits(), f64::to_bits(1e-100));
        assert_eq!(sum([]).to_bits(), f64::to_bits(0.0));
    }

    #[test]
    fn rounds_the_exact_binary_value() {
        assert_eq!(rounded(0.000_05).to_bits(), f64::to_bits(0.0001));
        assert_eq!(rounded(2.675_05).to_bits(), f64::to_bits(2.6751));
        assert_eq!(rounded(-0.000_01).to_string(), "-0");
        assert_eq!(rounded(1.0 / 3.0).to_bits(), f64::to_bits(0.3333));
    }
}
