//! Errors in arguments, on one line.

/// What was wrong and what is allowed, without clap's usage and hints.
pub fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let mut line = String::new();
    for part in text.lines().map(str::trim) {
        if part.starts_with("Usage:") || part.starts_with("For more information") {
            break;
        }
        if !part.is_empty() && !part.starts_with("tip:") {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(part);
        }
    }
    line.trim_start_matches("error:").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::one_line;

    fn refusal(arguments: &[&str]) -> String {
        let only = Arg::new("only").long("only").value_parser(["loom", "shuttle"]);
        let command = Command::new("program").arg(only);
        one_line(&command.try_get_matches_from(arguments).unwrap_err())
    }

    #[test]
    fn a_wrong_value_comes_with_the_allowed_ones() {
        let line = refusal(&["program", "--only", "both"]);
        assert!(line.starts_with("invalid value 'both'"), "{line}");
        assert!(line.ends_with("[possible values: loom, shuttle]"), "{line}");
        assert!(!line.contains('\n'));
    }

    #[test]
    fn an_unknown_option_is_named() {
        assert_eq!(refusal(&["program", "--frobnicate"]), "unexpected argument '--frobnicate' found");
    }
}
