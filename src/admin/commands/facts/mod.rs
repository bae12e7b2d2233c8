//! The commands that show what HAProxy has not: `show mesh`, `show tables`, `show reloads`.

pub(super) mod rows;

use super::answer::{Answer, Job, JobState};
use super::client_settings::ClientSettings;
use super::typed::command_line::CommandLine;
use crate::admin::context::Context;
use crate::admin::json::Object;
use crate::admin::slice::SLICE_LEN_MAX;
use crate::admin::status::dump::{Form, MeshDump, TablesDump};
use crate::admin::status::history::{reload_json, write_reload};

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
    use crate::config::TableId;
    use crate::config::data_type::DataType;
    use crate::logging::history::{PastReload, ReloadEnd};
    use crate::peers::{Caller, Counters, Lesson, Taught, Version};

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
        let name = fixture.shared.tables.names().find(b"s1").unwrap();
        assert_eq!(fixture.shared.tables.get(TableId(0)).entries_of(name, 1), 3);
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
            version: "0.6.0".to_owned(),
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
            " generation 2 to 3, version 0.5.0 to 0.6.0, 52 ms, 100 entries, 3 clients waited, \
             pid 7\n",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let reloads = json(&mut fixture, "show reloads json");
        assert_eq!(reloads["reloads"][0]["reason"], "no \"x\"");
        assert_eq!(reloads["reloads"][1]["waited"], 3);
    }
}
