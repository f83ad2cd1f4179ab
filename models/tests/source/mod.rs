//! Rust source reduced to the paths it names, each with its line.
//!
//! A lexer drops comments (doc examples with them), strings, characters and lifetimes; what is left is read for paths: in
//! expressions, types and attributes (`std::sync::Arc`), and in imports, where groups are spread out (`use std::{fmt,
//! sync::Arc}` names `std::fmt` and `std::sync::Arc`). Macros are not expanded and renamed crates are not followed; an
//! import of a bare crate is a path of its own, so whoever searches can refuse that.

use std::iter::Peekable;
use std::str::Chars;

/// A path as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The line of its last part, from 1.
    pub line: usize,
    /// Its parts; the last may be `*`.
    pub parts: Vec<String>,
    /// What it is.
    pub kind: Kind,
}

/// Where a path stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In an import.
    Import,
    /// Before the `!` of a macro call.
    Macro,
    /// Anywhere else.
    Mention,
}

/// All paths in a source text, in order.
pub fn paths(text: &str) -> Vec<Path> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let next_is = |what: &str| tokens.get(at + 1).is_some_and(|token| token.text == what);
        match tokens[at].text.as_str() {
            // `use <` is the capture list of an opaque type.
            "use" if !next_is("<") => at = import(&tokens, at + 1, &[], &mut found),
            "extern" if next_is("crate") => at = import(&tokens, at + 2, &[], &mut found),
            _ if tokens[at].is_name() => at = mention(&tokens, at, &mut found),
            _ => at += 1,
        }
    }
    found
}

/// Reads the path that begins at `at`; returns the position behind it.
fn mention(tokens: &[Token], mut at: usize, found: &mut Vec<Path>) -> usize {
    let mut parts = vec![tokens[at].text.clone()];
    while let [separator, name, ..] = &tokens[at + 1..]
        && separator.text == "::"
        && name.is_name()
    {
        parts.push(name.text.clone());
        at += 2;
    }
    let called = matches!(&tokens[at + 1..], [mark, open, ..] if mark.text == "!" && "({[".contains(&open.text));
    let kind = if called { Kind::Macro } else { Kind::Mention };
    found.push(Path { line: tokens[at].line, parts, kind });
    at + 1
}

/// Reads the tree of an import below `prefix`; returns the position of what ends it.
fn import(tokens: &[Token], mut at: usize, prefix: &[String], found: &mut Vec<Path>) -> usize {
    let mut parts = prefix.to_vec();
    let mut line = tokens.get(at).map_or(0, |token| token.line);
    let mut ends_here = false;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" => {
                ends_here = false;
                loop {
                    at = import(tokens, at + 1, &parts, found);
                    if tokens.get(at).is_none_or(|token| token.text != ",") {
                        break;
                    }
                }
            }
            "as" => at += 1, // The new name is no path.
            "," | ";" | "}" => break,
            // `a::{self}` names `a`.
            "self" if !parts.is_empty() => ends_here = true,
            _ if token.is_name() || token.text == "*" => {
                (line, ends_here) = (token.line, true);
                parts.push(token.text.clone());
            }
            _ => {}
        }
        at += 1;
    }
    // Neither a group, whose members are found by now, nor what follows its last comma.
    if ends_here {
        found.push(Path { line, parts, kind: Kind::Import });
    }
    at
}

struct Token {
    line: usize,
    text: String,
}

impl Token {
    fn is_name(&self) -> bool {
        self.text.starts_with(is_start)
    }
}

fn is_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: text.chars().peekable(), line: 1 };
    let mut tokens = Vec::new();
    while let Some(c) = lexer.next() {
        let line = lexer.line;
        match c {
            '/' if lexer.rest.peek() == Some(&'/') => lexer.skip_until('\n'),
            '/' if lexer.rest.peek() == Some(&'*') => lexer.skip_block(),
            '"' => lexer.skip_string(),
            '\'' => lexer.skip_character(),
            ':' if lexer.rest.peek() == Some(&':') => {
                lexer.next();
                tokens.push(Token { line, text: "::".into() });
            }
            c if is_part(c) => {
                let mut text = lexer.word(c);
                match lexer.rest.peek() {
                    Some('"') if ["r", "br", "cr"].contains(&text.as_str()) => lexer.skip_raw(0),
                    Some('"') if ["b", "c"].contains(&text.as_str()) => {}
                    Some('\'') if text == "b" => {}
                    Some('#') if ["r", "br", "cr"].contains(&text.as_str()) => {
                        let hashes = lexer.hashes();
                        if lexer.rest.peek() == Some(&'"') {
                            lexer.skip_raw(hashes);
                        } else if let Some(first) = lexer.next() {
                            text = lexer.word(first); // A raw identifier.
                            tokens.push(Token { line, text });
                        }
                    }
                    _ => tokens.push(Token { line, text }),
                }
            }
            c if c.is_whitespace() => {}
            c => tokens.push(Token { line, text: c.into() }),
        }
    }
    tokens
}

struct Lexer<'t> {
    rest: Peekable<Chars<'t>>,
    line: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    fn word(&mut self, first: char) -> String {
        let mut word = String::from(first);
        while let Some(c) = self.rest.next_if(|c| is_part(*c)) {
            word.push(c);
        }
        word
    }

    fn hashes(&mut self) -> usize {
        let mut count = 0;
        while self.rest.next_if_eq(&'#').is_some() {
            count += 1;
        }
        count
    }

    fn skip_until(&mut self, end: char) {
        while self.next().is_some_and(|c| c != end) {}
    }

    /// Block comments nest.
    fn skip_block(&mut self) {
        let (mut depth, mut before) = (0, '/');
        while let Some(c) = self.next() {
            match (before, c) {
                ('/', '*') => (depth, before) = (depth + 1, ' '),
                ('*', '/') => (depth, before) = (depth - 1, ' '),
                _ => before = c,
            }
            if depth == 0 {
                break;
            }
        }
    }

    fn skip_string(&mut self) {
        while let Some(c) = self.next() {
            match c {
                '\\' => drop(self.next()),
                '"' => break,
                _ => {}
            }
        }
    }

    fn skip_raw(&mut self, hashes: usize) {
        self.next();
        loop {
            self.skip_until('"');
            if self.rest.peek().is_none() || self.hashes() >= hashes {
                break;
            }
        }
    }

    /// A character, or the name of a lifetime or label.
    fn skip_character(&mut self) {
        match self.next() {
            Some('\\') => {
                self.next();
                self.skip_until('\'');
            }
            Some(c) if is_start(c) => {
                self.word(c);
                self.rest.next_if_eq(&'\'');
            }
            _ => drop(self.rest.next_if_eq(&'\'')),
        }
    }
}
