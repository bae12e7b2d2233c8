//! The keywords of `userlist` sections.

use crate::config::Password;
use crate::config::drafts::{GroupDraft, UserDraft, UserlistDraft};
use crate::config::keywords::{Handling, Keyword, Scope, at_least};
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::{Line, WordReader};
use crate::config::text::report::Report;
use crate::net::password::{HashError, PasswordHash};

pub(in crate::config) const KEYWORDS: &[Keyword] = &[
    Keyword::new(
        "user",
        Scope::USERLIST,
        at_least(1),
        "<name> [password <hash> | insecure-password <password>] [groups <group>[,...]]",
        "Adds a user. `password` takes a hash as crypt(3) makes them: `$5$`, `$6$` (SHA), `$2y$` \
         (bcrypt), `$1$` (MD5) or DES.",
        Handling::Userlist(read_user),
    )
    .example("user admin insecure-password secret")
    .differs(
        "a hash that takes longer than 0.3 seconds to check is refused, as it would stop the \
         process; the hashes `$y$` and `$7$` are not known",
    ),
    Keyword::new(
        "group",
        Scope::USERLIST,
        at_least(1),
        "<name> [users <user>[,...]]",
        "Adds a group, and the users that belong to it.",
        Handling::Userlist(read_group),
    )
    .example("group operators users admin"),
];

fn read_user(list: &mut UserlistDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let name = owned(line.argument(0)?);
    let mut user = UserDraft { name, password: None, groups: Vec::new() };
    let mut words = WordReader { line, at: 1 };
    while let Some(word) = words.next() {
        match word.value {
            "password" => {
                let hash = words.after(word.value, "a hash")?;
                user.password = Some(Password::Hashed(read_hash(&hash)?));
            }
            "insecure-password" => {
                let password = words.after(word.value, "a password")?.value.to_owned();
                user.password = Some(Password::Plain(password));
            }
            "groups" => {
                user.groups.extend(names(&words.after(word.value, "the names of groups")?));
            }
            other => {
                let message = format!(
                    "'user' does not know '{other}': there are 'password', 'insecure-password' \
                     and 'groups'"
                );
                return Err(Mistake::new(word.place, message));
            }
        }
    }
    if list.users.iter().any(|other| other.name.value == user.name.value) {
        // As in HAProxy, the first line counts.
        let message = format!("the line is ignored: there is a user '{}' already", user.name.value);
        report.warning(user.name.place, message);
    } else {
        list.users.push(user);
    }
    Ok(())
}

fn read_hash(word: &Placed<&str>) -> Parsed<PasswordHash> {
    PasswordHash::read(word.value).map_err(|error| {
        let message = match error {
            HashError::Unknown => {
                "this is not a hash that is known: write one of crypt(3) that begins with $5$, \
                 $6$, $2y$ or $1$, or 'insecure-password' and the password itself"
            }
            HashError::TooCostly => {
                "this hash is refused: a check would stop the process for more than 0.3 seconds; \
                 make a hash with fewer rounds"
            }
        };
        Mistake::new(word.place, message)
    })
}

fn read_group(list: &mut UserlistDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let name = owned(line.argument(0)?);
    let users = match line.get(1) {
        None => Vec::new(),
        Some(word) if word.value == "users" => names(&line.argument(2)?),
        Some(word) => {
            let message = format!("'group' does not know '{}': there is 'users'", word.value);
            return Err(Mistake::new(word.place, message));
        }
    };
    line.no_more(3)?;
    if list.groups.iter().any(|other| other.name.value == name.value) {
        // As in HAProxy, the first line counts.
        let message = format!("the line is ignored: there is a group '{}' already", name.value);
        report.warning(name.place, message);
    } else {
        list.groups.push(GroupDraft { name, users });
    }
    Ok(())
}

/// The names that commas separate.
fn names(word: &Placed<&str>) -> Vec<Placed<String>> {
    let names = word.value.split(',').filter(|name| !name.is_empty());
    names.map(|name| Placed { value: name.to_owned(), place: word.place }).collect()
}

fn owned(word: Placed<&str>) -> Placed<String> {
    Placed { value: word.value.to_owned(), place: word.place }
}
