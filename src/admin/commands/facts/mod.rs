//! The commands that HAProxy has not: `show mesh`, `show tables`, `show stick`, `show reloads`,
//! `save tables`, and `drain server`.

mod drain;
pub(super) mod rows;

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::typed::command_line::CommandLine;
use crate::admin::context::Context;
use crate::admin::json::Object;
use crate::admin::slice::SLICE_LEN_MAX;
use crate::admin::status::dump::{Form, MeshDump, TablesDump};
use crate::admin::status::history::{reload_json, write_reload};
use crate::admin::status::stuck;
use crate::config::TableId;

/// `show mesh [json]`.
fn show_mesh(line: &CommandLine, _: &mut ClientSettings, _: &mut Context<'_>) -> Answer {
    match form(line, 2) {
        Ok(form) => Answer::job(MeshDump::new(form)),
        Err(error) => error,
    }
}

/// `show tables [json]`.
fn show_tables(line: &CommandLine, _: &mut ClientSettings, _: &mut Context<'_>) -> Answer {
    match form(line, 2) {
        Ok(form) => Answer::job(TablesDump::new(form)),
        Err(error) => error,
    }
}

/// `save tables`.
fn save_tables(_: &CommandLine, _: &mut ClientSettings, context: &mut Context<'_>) -> Answer {
    if context.process.has_handed_over {
        return Answer::error("A new process serves: connect anew to reach it.");
    }
    let tables = &mut context.shared.tables;
    if !tables.ids().any(|id| tables.get(id).last_save().is_some()) {
        return Answer::error("No table has 'save', and there is no 'tables-dir'.");
    }
    tables.request_save();
    Answer::text("")
}

/// `show stick <key> [<table>] [json]`.
fn show_stick(line: &CommandLine, _: &mut ClientSettings, context: &mut Context<'_>) -> Answer {
    let Some(key) = line.word(2) else {
        return Answer::error("Required arguments: <key> [<table>] [json]");
    };
    let (table, form_at) = match line.text(3) {
        None => (None, 3),
        Some(word) if word == "json" && line.word(4).is_none() => (None, 3),
        Some(name) => match context.shared.tables.by_name(&name) {
            Some(id) => (Some(id), 4),
            None => return Answer::error("No such table"),
        },
    };
    let form = match form(line, form_at) {
        Ok(form) => form,
        Err(error) => return error,
    };
    let tables: Vec<TableId> =
        table.map_or_else(|| stuck::tables(context).collect(), |id| vec![id]);
    let found = tables.into_iter().filter_map(|id| stuck::find(key, id, context));
    let mut out = Vec::new();
    match form {
        Form::Json => {
            Object::write(&mut out, |object| {
                object.list("entries", found, |object, stuck| stuck.write_json(object));
            });
            out.push(b'\n');
        }
        Form::Text => {
            found.for_each(|stuck| stuck.write(&mut out));
            if out.is_empty() {
                out.extend_from_slice(b"No entry has this key.\n");
            }
        }
    }
    Answer::text(String::from_utf8_lossy(&out))
}

/// `show reloads [json]`: the last ones, so the answer is short.
fn show_reloads(line: &CommandLine, _: &mut ClientSettings, context: &mut Context<'_>) -> Answer {
    let past = &context.reloads.past;
    let mut out = Vec::new();
    match form(line, 2) {
        Ok(Form::Text) => past.iter().for_each(|reload| write_reload(reload, &mut out)),
        Ok(Form::Json) => {
            Object::write(&mut out, |object| object.list("reloads", past.iter(), reload_json));
            out.push(b'\n');
        }
        Err(error) => return error,
    }
    Answer::text(String::from_utf8_lossy(&out))
}

/// The form that the word at a position asks for; no word may follow.
fn form(line: &CommandLine, at: usize) -> Result<Form, Answer> {
    match line.from(at) {
        [] => Ok(Form::Text),
        [word] if word == b"json" => Ok(Form::Json),
        _ => Err(Answer::error("Only 'json' may follow.")),
    }
}

impl Job for MeshDump {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        while out.len() < SLICE_LEN_MAX {
            if !self.step(context, out) {
                return JobState::Finished;
            }
        }
        JobState::Unfinished
    }
}

impl Job for TablesDump {
    fn advance(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> JobState {
        while out.len() < SLICE_LEN_MAX {
            if !self.step(context, out) {
                return JobState::Finished;
            }
        }
        JobState::Unfinished
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::admin::context::peers_status::{LinkState, PeersStatus};
    use crate::admin::fixture::{Fixture, NOW_MS, connecting_peers};
    use crate::config::data_type::DataType;
    use crate::config::{Level, ServerIndex, TableId};
    use crate::logging::history::{PastReload, ReloadEnd};
    use crate::peers::{Caller, Counters, Lesson, Taught, Version};
    use crate::proxy::Shared;
    use crate::proxy::backend::server::AdminState;
    use crate::proxy::backend::stick::{ClientKeys, MadeEntries};
    use crate::table::{SaveReport, Written};

    fn json(fixture: &mut Fixture, command: &str) -> Value {
        serde_json::from_str(&fixture.ask(command)).unwrap()
    }

    fn mesh() -> Fixture {
        let mut fixture = Fixture::new();
        let mut status = connecting_peers();
        let remote = status.peers.get_mut(1).unwrap();
        let version = Version::V2_1;
        remote.link = LinkState::Connected { for_ms: 65_000, version, caller: Caller::Peer };
        remote.counters = Counters { sessions: 3, bytes_received: 7, ..Counters::default() };
        let (peer, taught) = ("h2".to_owned(), Taught::ThisNode);
        let lesson = Lesson { at_ms: NOW_MS, peer, taught, entries: 12, is_partial: true };
        fixture.peers.0 = PeersStatus { lessons: vec![lesson], is_up_to_date: true, ..status };
        fixture.process.peers = (1, 1);
        fixture.ask("set table web key 1.0.0.1");
        fixture
    }

    #[test]
    fn the_mesh_is_shown_to_people_and_to_programs() {
        let mut fixture = mesh();
        let text = fixture.ask("show mesh");
        for part in [
            "Serving, whole: 1 of 1 peers connected, 2 of 3 servers up, 1 in maintenance, ",
            "\nnode n1\npeers mypeers: this node is h1, up to date\n",
            " h2 taught this node: 12 entries, all that it had learned so far\n",
            "  h2 at 127.0.0.1:21025: connected for 1m5s, called by the peer, version 2.1\n",
            "    reconnects=2 failed_calls=0 errors=0 bytes_in=7 bytes_out=0\n",
            "    table web: 1 update behind, 0 updates learned\n",
            "    table li: in step, 0 updates learned\n",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        let mesh = json(&mut fixture, "show mesh json");
        assert_eq!(mesh["summary"]["peers_connected"], 1);
        let section = &mesh["sections"][0];
        assert_eq!(section["lessons"][0]["entries"], 12);
        let link = &section["links"][0];
        assert_eq!((&link["peer"], &link["state"]), (&"h2".into(), &"connected".into()));
        assert_eq!((&link["version"], &link["caller"]), (&"2.1".into(), &"peer".into()));
        assert_eq!(link["tables"][0]["behind"], 1);
        assert_eq!(section["links"].as_array().unwrap().len(), 1, "not the local peer");
        assert_eq!(fixture.ask("show mesh xml"), "Only 'json' may follow.\n\n");
        fixture.peers.0 = connecting_peers();
        let text = fixture.ask("show mesh");
        assert!(text.contains("still learning") && text.contains(": never connected\n"), "{text}");
    }

    #[test]
    fn tables_are_shown_with_the_entries_of_each_server() {
        let mut fixture = Fixture::new();
        for (key, server) in [("1.0.0.1", "s1"), ("1.0.0.2", "s1"), ("1.0.0.3", "s3")] {
            fixture.ask(&format!("set table web key {key} data.server_key {server}"));
        }
        let cell = fixture.shared.tables.get(TableId(0)).cell(DataType::ServerId).unwrap();
        let row = fixture.insert(0, &[1, 0, 0, 4]);
        fixture.shared.tables.get_mut(TableId(0)).set_u32(row, cell, 0, 1);
        let text = fixture.ask("show tables");
        assert!(text.starts_with("table web: used=4 size=20480 fill=0.02 % forgotten_"), "{text}");
        let tables = json(&mut fixture, "show tables json");
        assert_eq!(tables["tables"].as_array().unwrap().len(), 6);
        assert_eq!(tables["tables"][0]["used"], 4);
        assert_eq!(tables["tables"][0]["servers"].as_array().unwrap().len(), 0, "no stick rule");
        assert!(tables["tables"][0]["saved"].is_null());
        let name = fixture.shared.tables.names().find(b"s1").unwrap();
        assert_eq!(fixture.shared.tables.get(TableId(0)).entries_of(name, 1), 3);
    }

    #[test]
    fn the_last_save_of_a_table_is_shown() {
        let mut fixture = Fixture::with_saved_table();
        let text = fixture.ask("show tables");
        assert!(text.contains("\n  saved to /v/web.table: saves=0 failures=0\n"), "{text}");
        fixture.ask("save tables");
        assert!(fixture.shared.tables.take_wanted_save());
        assert!(!fixture.shared.tables.take_wanted_save());
        assert!(Fixture::new().ask("save tables").contains("No table has 'save'"));
        let table = fixture.shared.tables.get_mut(TableId(0));
        let written = Written { entries: 4, skipped: 1, bytes: 4096 };
        table.note_save(SaveReport { took_ms: 7, result: Ok(written) }, 1_000);
        let full = Err("No space left on device".to_owned());
        table.note_save(SaveReport { took_ms: 1, result: full }, 2_000);
        let text = fixture.ask("show tables");
        let save = "entries=4 skipped=1 bytes=4096 took=7ms error=\"No space left on device\"\n";
        assert!(text.contains(save), "{text}");
        let saved = &json(&mut fixture, "show tables json")["tables"][0]["saved"];
        assert_eq!((&saved["saves"], &saved["failures"]), (&1.into(), &1.into()));
        assert_eq!((&saved["bytes"], &saved["took_ms"]), (&4096.into(), &7.into()));
        assert!(saved["age_ms"].is_u64(), "{saved}");
    }

    #[test]
    fn a_key_leads_to_its_server_and_to_who_has_said_so() {
        let mut fixture = Fixture::with_stick_rule();
        let client = ClientKeys::Address("1.0.0.1".parse().unwrap());
        let Shared { backends, tables, .. } = &mut fixture.shared;
        let mut made = MadeEntries::default();
        backends[0].stick.store(client, ServerIndex::configured(2), &mut made, tables, NOW_MS);
        fixture.ask("set table web key 1.0.0.2 data.server_key s1");
        fixture.ask("set table t_str key 1.0.0.2 data.server_id 1");
        let stick = json(&mut fixture, "show stick 1.0.0.2 json");
        let entries = stick["entries"].as_array().unwrap();
        let by: Vec<_> = entries.iter().map(|entry| entry["by"].as_str().unwrap()).collect();
        assert_eq!(by, ["command", "not_kept"]);
        assert_eq!(entries[1]["stored_id"], 1);
        fixture.now_ms += 65_000;
        let text = fixture.ask("show stick 1.0.0.1");
        let head = "table web: 1.0.0.1 is stuck to web/s3, ends in 8m55s, used 1m5s ago\n  since ";
        assert!(text.starts_with(head) && text.ends_with("  by 'stick on src' (a.cfg:7)\n\n"));
        assert_eq!(json(&mut fixture, "show stick x json")["entries"].as_array().unwrap().len(), 0);
        fixture.converse(&[
            ("show stick", "Required arguments: <key> [<table>] [json]"),
            ("show stick 1.0.0.1 nothing", "No such table"),
            ("show stick 1.0.0.1 web xml", "Only 'json' may follow."),
            ("show stick 1.0.0.9 web", "No entry has this key."),
        ]);
        assert_eq!(fixture.ask_as(Level::User, "show stick 1.0.0.1"), "Permission denied\n\n");
    }

    #[test]
    fn a_server_is_drained_as_fast_as_it_is_said_and_never_much_at_a_time() {
        let mut fixture = Fixture::with_stick_rule();
        for host in 0..1000u32 {
            let server = if host < 900 { "s1" } else { "s3" };
            let key = format!("1.0.{}.{}", host / 250, host % 250);
            fixture.ask(&format!("set table web key {key} data.server_key {server}"));
        }
        fixture.converse(&[
            ("drain server web/s9", "No such server."),
            ("drain server web/s1 1000000", "Require a number from 0 to 100000."),
            ("drain server web/s1 1 2", "Only the number of entries per second may follow."),
            ("drain server web/s1 50", "web/s1: 900 entries are left, 50 go in a second"),
        ]);
        let first = fixture.shared.backends[0].server(ServerIndex::configured(0));
        assert_eq!(first.admin, AdminState::Drain);
        let run = |fixture: &mut Fixture, ms: u64| {
            let Shared { drains, backends, tables, .. } = &mut fixture.shared;
            let mut ended = Vec::new();
            for _ in 0..ms {
                fixture.now_ms += 1;
                let before = backends[0].stick.entries_left(ServerIndex::configured(0), tables);
                ended.extend(drains.run(backends, tables, fixture.now_ms));
                assert!(
                    before - backends[0].stick.entries_left(ServerIndex::configured(0), tables)
                        <= 256
                );
            }
            (backends[0].stick.entries_left(ServerIndex::configured(0), tables), ended)
        };
        let (left, ended) = run(&mut fixture, 2000);
        assert!((798..=802).contains(&left) && ended.is_empty(), "{left}");
        assert!(fixture.ask("show tables").contains(" drained_per_second=50\n"));
        let answer = fixture.ask("drain server web/s1 0");
        assert!(answer.starts_with("web/s1: not drained any more, "), "{answer}");
        assert_eq!(run(&mut fixture, 1000).0, left);
        fixture.ask("drain server web/s1 100000");
        let (left, ended) = run(&mut fixture, 200);
        assert_eq!((left, ended.len()), (0, 1));
        fixture.shared.tables.get_mut(TableId(0)).expire(fixture.now_ms + 2000, 10_000);
        assert_eq!(fixture.shared.tables.get(TableId(0)).used(), 100, "those of others stay");
        assert_eq!(fixture.ask_as(Level::Operator, "drain server web/s1"), "Permission denied\n\n");
    }

    #[test]
    fn reloads_are_shown_with_their_end() {
        let mut fixture = Fixture::new();
        assert_eq!(fixture.ask("show reloads"), "\n");
        let reload = |end| PastReload {
            at_ms: 5,
            generation: 2,
            version: Some("0.5.0".to_owned()),
            took_ms: 52,
            end,
        };
        let failed = reload(ReloadEnd::Failed { reason: "no \"x\"".to_owned() });
        let served = reload(ReloadEnd::Served {
            version: "0.5.1".to_owned(),
            pid: 7,
            entries: 100,
            waited: 3,
            is_incomplete: false,
        });
        fixture.reloads.past.push(failed);
        fixture.reloads.past.push(served);
        let text = fixture.ask("show reloads");
        for part in [
            " generation 2 goes on, version 0.5.0, failed after 52 ms: no \"x\"\n",
            " generation 2 to 3, version 0.5.0 to 0.5.1, 52 ms, 100 entries, 3 clients waited, \
             pid 7\n",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let reloads = json(&mut fixture, "show reloads json");
        assert_eq!(reloads["reloads"][0]["reason"], "no \"x\"");
        assert_eq!(reloads["reloads"][1]["waited"], 3);
    }
}
