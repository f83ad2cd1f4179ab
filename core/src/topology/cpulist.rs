//! Lists of cpus as Linux writes them: `0-3,8,10-11`.

use std::fmt;

/// The number of a cpu is below this; a file with a larger one is broken.
///
/// Linux is built for 8,192 cpus at most on the machines of today.
pub const LIMIT: usize = 1 << 16;

/// What is wrong with a list of cpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    part: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is neither a number below {LIMIT} nor a range of such, as `0-3,8` has them", self.part)
    }
}

impl std::error::Error for Malformed {}

/// The numbers of a list such as `0-3,8,10-11`, in ascending order and each once. An empty list is one.
///
/// Takes time and memory for the numbers named, at most [`LIMIT`], however often the text repeats them.
///
/// # Errors
/// When a part is neither a number nor an ascending range, or a number is not below [`LIMIT`]. A list that is only half
/// understood is not a list: who reads it should rather ask elsewhere.
///
/// # Examples
/// ```
/// use reweave_core::topology::cpulist;
///
/// assert_eq!(cpulist::parse("0-3,8,10-11\n")?, [0, 1, 2, 3, 8, 10, 11]);
/// assert_eq!(cpulist::parse("")?, []);
/// assert!(cpulist::parse("3-1").is_err());
/// # Ok::<(), cpulist::Malformed>(())
/// ```
pub fn parse(text: &str) -> Result<Vec<usize>, Malformed> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let mut ranges = text.split(',').map(range).collect::<Result<Vec<_>, _>>()?;
    ranges.sort_unstable();
    let mut numbers: Vec<usize> = Vec::new();
    for (first, last) in ranges {
        // The ranges ascend: what a new one shares with those before it is at its beginning.
        let first = numbers.last().map_or(first, |&seen| first.max(seen + 1));
        numbers.extend(first..=last);
    }
    Ok(numbers)
}

fn range(part: &str) -> Result<(usize, usize), Malformed> {
    // `parse` alone would accept a sign.
    let number = |text: &str| {
        let text = text.trim();
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|&number: &usize| digits && number < LIMIT)
    };
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        // A broken file may be long, and what is said about it should not be.
        _ => Err(Malformed { part: part.chars().take(40).collect() }),
    }
}

/// Ascending numbers as a list such as `0-3,8`: what [`parse`] reads.
///
/// # Examples
/// ```
/// use reweave_core::topology::cpulist;
///
/// assert_eq!(cpulist::print(&[0, 1, 2, 3, 8, 10, 11]), "0-3,8,10-11");
/// ```
pub fn print(numbers: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let part = |&(first, last): &(usize, usize)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    ranges.iter().map(part).collect::<Vec<_>>().join(",")
}
