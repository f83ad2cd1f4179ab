//! Numbers as people like them: three digits that matter, and a unit.

/// A large number with a unit: `12.3 M`, `981`, `4.56 k`.
pub fn si(value: f64) -> String {
    for (unit, size) in [(" G", 1e9), (" M", 1e6), (" k", 1e3)] {
        // What would be rounded up to 1,000 belongs to the next unit.
        if value >= size * 0.9995 {
            return digits(value / size) + unit;
        }
    }
    digits(value)
}

/// Nanoseconds, with the unit that suits them: `120 ns`, `34.5 us`, `1.20 ms`.
pub fn ns(value: f64) -> String {
    for (unit, size) in [(" s", 1e9), (" ms", 1e6), (" us", 1e3)] {
        if value >= size * 0.9995 {
            return digits(value / size) + unit;
        }
    }
    digits(value) + " ns"
}

/// A number with three digits that matter: `1.23`, `12.3`, `123`, `1234`.
pub fn digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 9.995 => format!("{value:.2}"),
        size if size < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A whole number in groups of three: `1,048,576`.
pub fn grouped(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share of a whole, in percent: `12.3%`, `0.45%`, `<0.01%`.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0%".to_owned(),
        tiny if tiny < 0.01 => "<0.01%".to_owned(),
        percent => format!("{}%", digits(percent)),
    }
}

/// A size in KiB, in the largest unit that keeps it whole: `48 KiB`, `1 MiB`.
pub fn kib(size: u64) -> String {
    match size {
        0 => "0 KiB".to_owned(),
        size if size.is_multiple_of(1 << 20) => format!("{} GiB", size >> 20),
        size if size.is_multiple_of(1 << 10) => format!("{} MiB", size >> 10),
        size => format!("{size} KiB"),
    }
}

/// A number of things: `1 run`, `5 runs`.
pub fn count(number: usize, thing: &str) -> String {
    format!("{} {thing}{}", grouped(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let cases = [(0.0, "0"), (1.0, "1.00"), (12.34, "12.3"), (981.2, "981"), (999.7, "1.00 k")];
        for (value, text) in cases {
            assert_eq!(si(value), text);
        }
        assert_eq!((&*si(12_345_678.0), &*si(4_560.0), &*si(1.5e9)), ("12.3 M", "4.56 k", "1.50 G"));
        assert_eq!((&*ns(7.0), &*ns(999.7), &*ns(34_500.0), &*ns(2e9)), ("7.00 ns", "1.00 us", "34.5 us", "2.00 s"));
        assert_eq!((&*grouped(7), &*grouped(1024), &*grouped(1_048_576)), ("7", "1,024", "1,048,576"));
        assert_eq!((&*percent(0.0), &*percent(0.123), &*percent(0.00001)), ("0%", "12.3%", "<0.01%"));
        assert_eq!((&*kib(48), &*kib(1024), &*kib(1536), &*kib(1 << 20)), ("48 KiB", "1 MiB", "1536 KiB", "1 GiB"));
        assert_eq!((&*count(1, "run"), &*count(1024, "account")), ("1 run", "1,024 accounts"));
    }
}
