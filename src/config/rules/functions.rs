//! Splits the text of an expression into names with their arguments. The text has lost the quotes
//! and backslashes of its line already; within parentheses there may be more of them.

/// A sample or a converter as it was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function<'a> {
    /// The name.
    pub(super) name: &'a str,
    /// The arguments in the parentheses, without quotes and backslashes.
    pub(super) arguments: Vec<String>,
}

/// Splits `a(b,c),d`.
///
/// # Errors
///
/// A parenthesis or a quote is not closed, or something other than a comma follows a parenthesis.
pub(super) fn split(text: &str) -> Result<Vec<Function<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['(', ',']).unwrap_or(rest.len());
        let (name, tail) = rest.split_at(end);
        let (arguments, tail) = match tail.strip_prefix('(') {
            Some(inside) => arguments(name, inside)?,
            None => (Vec::new(), tail),
        };
        found.push(Function { name, arguments });
        match tail.strip_prefix(',') {
            Some(next) => rest = next,
            None if tail.is_empty() => return Ok(found),
            None => return Err(format!("unexpected '{tail}' after '{name}(…)'")),
        }
    }
}

/// The arguments up to the closing parenthesis, and the text behind it. A comma or a parenthesis
/// that belongs to an argument stands in quotes; a backslash does not protect it, as with HAProxy.
fn arguments<'a>(name: &str, inside: &'a str) -> Result<(Vec<String>, &'a str), String> {
    let mut list = Vec::new();
    let mut argument = String::new();
    let mut quote = None;
    let mut letters = inside.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match (letter, quote) {
            (')', None) => {
                // `name()` has no arguments.
                if !argument.is_empty() || !list.is_empty() {
                    list.push(argument);
                }
                return Ok((list, inside.get(at + 1..).unwrap_or_default()));
            }
            (',', None) => list.push(std::mem::take(&mut argument)),
            ('"' | '\'', None) => quote = Some(letter),
            ('"' | '\'', Some(open)) if open == letter => quote = None,
            ('\\', None | Some('"')) => match letters.peek().and_then(|(_, next)| escaped(*next)) {
                Some(meant) => {
                    argument.push(meant);
                    letters.next();
                }
                None => argument.push('\\'),
            },
            (other, _) => argument.push(other),
        }
    }
    match quote {
        Some(quote) => Err(format!("no closing {quote} in the parentheses after '{name}'")),
        None => Err(format!("no closing parenthesis after '{name}'")),
    }
}

/// What a letter means behind a backslash; nothing if the backslash stands for itself.
fn escaped(letter: char) -> Option<char> {
    match letter {
        '\\' | ' ' | '"' | '\'' => Some(letter),
        'r' => Some('\r'),
        'n' => Some('\n'),
        't' => Some('\t'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments_of(text: &str) -> Result<Vec<String>, String> {
        split(text).map(|mut found| found.pop().unwrap().arguments)
    }

    #[test]
    fn names_and_arguments_are_told_apart() {
        let found = split("src,ipmask(24,64),hex").unwrap();
        let names: Vec<_> = found.iter().map(|function| function.name).collect();
        assert_eq!(names, ["src", "ipmask", "hex"]);
        assert_eq!(found[1].arguments, ["24", "64"]);
        assert!(found[0].arguments.is_empty());
    }

    #[test]
    fn quotes_and_backslashes_have_haproxys_meaning_in_parentheses() {
        for (typed, meant) in [
            ("f()", &[][..]),
            ("f(a b)", &["a b"]),
            ("f( a , b)", &[" a ", " b"]),
            ("f(,)", &["", ""]),
            ("f('a,b')", &["a,b"]),
            ("f(\"a)b\",c)", &["a)b", "c"]),
            ("f(a'b'c)", &["abc"]),
            ("f(\"'a,b'\")", &["'a,b'"]),
            ("f(a\\tb)", &["a\tb"]),
            ("f(\"a\\tb\")", &["a\tb"]),
            ("f('a\\tb')", &["a\\tb"]),
            ("f(a\\\\b)", &["a\\b"]),
            ("f(a\\qb)", &["a\\qb"]),
            ("f(a\\\"b\\ c)", &["a\"b c"]),
            ("f(a(b)", &["a(b"]),
            ("f(a\\,b)", &["a\\", "b"]),
        ] {
            assert_eq!(arguments_of(typed).unwrap(), meant, "{typed}");
        }
    }

    #[test]
    fn what_is_not_closed_is_told() {
        for (typed, said) in [
            ("f(a", "no closing parenthesis after 'f'"),
            ("f('a)", "no closing ' in the parentheses after 'f'"),
            ("f(a)b", "unexpected 'b' after 'f(…)'"),
        ] {
            assert_eq!(arguments_of(typed).unwrap_err(), said);
        }
    }
}
