//! `unix-bind`: the path, mode and owner of unix sockets whose `bind` lines do not say them.

use super::bind;
use crate::config::drafts::GlobalDraft;
use crate::config::text::diagnostic::{Mistake, Parsed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;
use crate::config::text::units;

/// Reads the words of the line, each with its value.
pub(in crate::config) fn read(draft: &mut GlobalDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    for pair in line.arguments.chunks(2) {
        let part = Line { arguments: pair.get(1..).unwrap_or_default(), ..*line };
        let Some(word) = pair.first().map(|word| line.placed(word)) else { continue };
        let number = || {
            let value = part.argument(0)?;
            units::number(value.value, 0..=u32::MAX - 1)
                .map_err(|error| Mistake::new(value.place, format!("'{}' {error}", value.value)))
        };
        let settings = &mut draft.unix_bind;
        match word.value {
            "prefix" => part.argument(0)?.value.clone_into(&mut settings.prefix),
            "mode" => settings.mode = Some(bind::octal_mode(&part.argument(0)?)?),
            "user" => settings.uid = Some(bind::user(&part)?),
            "uid" => settings.uid = Some(number()?),
            "group" => settings.gid = Some(bind::group(&part)?),
            "gid" => settings.gid = Some(number()?),
            other => {
                let message = format!(
                    "'unix-bind' knows 'prefix', 'mode', 'user', 'uid', 'group' and 'gid', not \
                     '{other}'"
                );
                return Err(Mistake::new(word.place, message));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::config::{Request, load_text_with};

    #[test]
    fn paths_get_the_prefix_and_lines_keep_their_own_words() {
        let text = "global\n unix-bind prefix /run/x mode 770 uid 5\n\
                    listen l\n bind /a,:1 mode 600\n bind unix@b\n bind :2\n";
        let loaded = load_text_with("a", text, &Request::default(), |_| Vec::new()).unwrap();
        let binds = &loaded.config.frontends[0].binds;
        let shown: Vec<String> = binds
            .iter()
            .map(|bind| {
                format!("{:?} {:?} {:?}", bind.address, bind.settings.mode, bind.settings.uid)
            })
            .collect();
        assert!(
            shown[0].contains("/run/x/a") && shown[0].ends_with("Some(384) Some(5)"),
            "{shown:?}"
        );
        assert!(
            shown[2].contains("/run/xb") && shown[2].ends_with("Some(504) Some(5)"),
            "{shown:?}"
        );
        assert!(shown[3].ends_with("None None"), "{shown:?}");
    }
}
