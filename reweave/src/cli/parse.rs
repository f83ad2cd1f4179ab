//! Values of options. Each message is a whole sentence that names the option, the mistake and what is allowed, since it
//! is printed as it stands.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A whole number within a range.
pub fn whole<T: FromStr + PartialOrd + Display>(
    option: &str,
    text: &str,
    range: &RangeInclusive<T>,
) -> Result<T, String> {
    within("a whole number", option, text, range)
}

/// A number, with a point or without, within a range.
pub fn decimal(option: &str, text: &str, range: &RangeInclusive<f64>) -> Result<f64, String> {
    within("a number", option, text, range)
}

fn within<T: FromStr + PartialOrd + Display>(
    kind: &str,
    option: &str,
    text: &str,
    range: &RangeInclusive<T>,
) -> Result<T, String> {
    // People write 1_000; they also write 1,000, but there the comma separates values.
    match text.replace('_', "").parse() {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => Err(format!("{option} is `{text}`: {kind} from {} to {} is needed", range.start(), range.end())),
    }
}

/// One of the known names of this kind.
pub fn one_of(kind: &str, text: &str, known: impl IntoIterator<Item = &'static str>) -> Result<&'static str, String> {
    let known: Vec<&'static str> = known.into_iter().collect();
    known
        .iter()
        .find(|name| **name == text)
        .copied()
        .ok_or_else(|| format!("unknown {kind} `{text}`: choose from {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(whole("--n", "1_000", &(1..=2000)), Ok(1000));
        assert_eq!(decimal("--x", "0.5", &(0.0..=2.0)), Ok(0.5));
        let refused = |text| whole::<u32>("--n", text, &(1..=9)).unwrap_err();
        assert_eq!(refused("10"), "--n is `10`: a whole number from 1 to 9 is needed");
        for text in ["", "-1", "1.5", "99999999999999999999", "x"] {
            assert!(refused(text).ends_with("from 1 to 9 is needed"), "{text}");
        }
        for text in ["NaN", "inf", "-0.1", ""] {
            assert!(decimal("--x", text, &(0.0..=2.0)).is_err(), "{text}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(one_of("system", "b", ["a", "b"]), Ok("b"));
        assert_eq!(one_of("system", "c", ["a", "b"]), Err("unknown system `c`: choose from a, b".to_owned()));
    }
}
