//! Arithmetic that Python repeats bit for bit: IEEE doubles and one way to round.

/// Rounded to four decimals, as Python's `round(x, 4)` does: the nearest decimal, ties to even of the exact value.
pub(crate) fn rounded(value: f64) -> f64 {
    // Formatting rounds the exact binary value, as Python's `round` does for floats.
    format!("{value:.4}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn rounds_the_exact_binary_value() {
        assert_eq!(rounded(0.000_05), 0.0001);
        assert_eq!(rounded(2.675_05), 2.6751);
        assert_eq!(rounded(-0.000_01).to_string(), "-0");
        assert_eq!(rounded(1.0 / 3.0), 0.3333);
    }
}
