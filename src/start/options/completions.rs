//! Completions of the command line for shells, made from the table of options.

use std::fmt::Write as _;

use super::table::{OptionRow, TABLE};
use super::usage_error::UsageError;

/// What a shell can offer behind an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    /// The option takes no word.
    Nothing,
    /// Names of files.
    Files,
    /// Names of folders.
    Folders,
    /// The shells that completions exist for.
    Shells,
    /// A word that the shell cannot know.
    Unknown,
}

/// The shells that completions exist for.
const SHELLS: &str = "bash fish zsh";

/// The script with which the shell of this name completes options of stickd.
///
/// # Errors
/// When there are no completions for the shell.
pub(super) fn script(shell: &str) -> Result<String, UsageError> {
    match shell {
        "bash" => Ok(bash()),
        "fish" => Ok(fish()),
        "zsh" => Ok(zsh()),
        _ => Err(UsageError::Value {
            option: "--completions",
            value: shell.to_owned(),
            expected: "bash, fish or zsh",
        }),
    }
}

/// The options that have an effect.
fn rows() -> impl Iterator<Item = &'static OptionRow> {
    TABLE.iter().filter(|row| row.has_effect())
}

fn offer(row: &OptionRow) -> Offer {
    match row.value {
        value if value.is_empty() || value.starts_with('[') => Offer::Nothing,
        "FILE" | "FILE..." | "FILE WORD..." | "SOCKET" => Offer::Files,
        "DIR" => Offer::Folders,
        "SHELL" => Offer::Shells,
        _ => Offer::Unknown,
    }
}

/// The words of the options behind which `wanted` is offered, joined with `between`.
fn words(wanted: impl Fn(Offer) -> bool, between: &str) -> String {
    let words: Vec<_> = rows().filter(|row| wanted(offer(row))).map(|row| row.word).collect();
    words.join(between)
}

fn bash() -> String {
    let behind = |wanted| words(move |offer| offer == wanted, " | ");
    format!(
        "# Completes options of stickd in bash.\n\
         _stickd() {{\n    \
             local word=${{COMP_WORDS[COMP_CWORD]}}\n    \
             COMPREPLY=()\n    \
             case ${{COMP_WORDS[COMP_CWORD - 1]}} in\n    \
             {}) compopt -o default; return ;;\n    \
             {}) compopt -o dirnames; return ;;\n    \
             {}) mapfile -t COMPREPLY < <(compgen -W '{SHELLS}' -- \"$word\"); return ;;\n    \
             {}) return ;;\n    \
             esac\n    \
             mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")\n\
         }}\n\
         complete -F _stickd stickd\n",
        behind(Offer::Files),
        behind(Offer::Folders),
        behind(Offer::Shells),
        behind(Offer::Unknown),
        words(|_| true, " "),
    )
}

fn fish() -> String {
    let mut script = "# Completes options of stickd in fish.\ncomplete -c stickd -f\n".to_owned();
    for row in rows() {
        let kind = match (row.word.starts_with("--"), row.name().len()) {
            (true, _) => 'l',
            (false, 1) => 's',
            (false, _) => 'o',
        };
        let value = match offer(row) {
            Offer::Nothing => String::new(),
            Offer::Files => " -r -F".to_owned(),
            Offer::Folders => " -x -a '(__fish_complete_directories)'".to_owned(),
            Offer::Shells => format!(" -x -a '{SHELLS}'"),
            Offer::Unknown => " -x".to_owned(),
        };
        let help = row.help().replace('\\', "\\\\").replace('\'', "\\'");
        // Writing to a String cannot fail.
        let _ = writeln!(script, "complete -c stickd -{kind} {} -d '{help}'{value}", row.name());
    }
    script
}

fn zsh() -> String {
    let mut script =
        "#compdef stickd\n# Completes options of stickd in zsh.\n_arguments \\\n".to_owned();
    for row in rows() {
        let value = match offer(row) {
            Offer::Nothing => String::new(),
            Offer::Files => format!(":{}:_files", row.value),
            Offer::Folders => format!(":{}:_files -/", row.value),
            Offer::Shells => format!(":{}:({SHELLS})", row.value),
            Offer::Unknown => format!(":{}: ", row.value),
        };
        let help = row.help().replace('\'', "'\\''").replace('[', "\\[").replace(']', "\\]");
        let help = help.replace(':', "\\:");
        let _ = writeln!(script, "    '*{}[{help}]{value}' \\", row.word);
    }
    script.push_str("    '*:FILE:_files'\n");
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_with_an_effect_is_completed() {
        for shell in SHELLS.split(' ') {
            let script = script(shell).unwrap();
            for row in rows() {
                let word = if shell == "fish" { row.name() } else { row.word };
                let is_there = script.split([' ', '*', '[', '\'', '\n']).any(|found| found == word);
                assert!(is_there, "{shell}: {}", row.word);
            }
        }
    }

    #[test]
    fn files_are_offered_where_an_option_takes_a_file() {
        assert!(bash().contains("-f | -p | --explain | --where) compopt -o default"), "{}", bash());
        assert!(zsh().contains("'*-f[") && zsh().contains("]:FILE:_files'"), "{}", zsh());
        assert!(fish().contains("-s f -d") && fish().contains(" -r -F\n"), "{}", fish());
    }

    #[test]
    fn another_shell_is_refused() {
        let refused = script("tcsh").unwrap_err().to_string();
        assert_eq!(refused, "--completions takes bash, fish or zsh, not 'tcsh'");
    }
}
