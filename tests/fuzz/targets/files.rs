//! Files of maps and of patterns: every mistake has a place, and what is taken can be asked, shown
//! and added again.

use std::fs;

use stickd::admin::link::command_session::CommandSession;
use stickd::admin::link::session::Session as _;
use stickd::config::{Level, Request, load_text_with};

use super::config::{check_in, try_clients};
use super::process::TestProcess;
use super::scratch::Scratch;
use super::{NOW_MS, Target};
use crate::input::{Input, seed};

pub(super) const TARGET: Target = Target { name: "files", run, seeds, words };

/// How the file is used. `FILE` stands for its path.
const USES: [&str; 24] = [
    "acl a src -f FILE",
    "acl a dst_port -f FILE",
    "acl a req.ssl_sni -f FILE",
    "acl a req.ssl_sni -i -f FILE",
    "acl a req.ssl_sni -m beg -f FILE",
    "acl a req.ssl_sni -m end -f FILE",
    "acl a req.ssl_sni -m sub -f FILE",
    "acl a req.ssl_sni -m dir -f FILE",
    "acl a req.ssl_sni -m dom -f FILE",
    "acl a req.ssl_sni -m reg -f FILE",
    "acl a req.ssl_sni -m len -f FILE",
    "acl a req.payload(0,4) -m bin -f FILE",
    "acl a src,map_ip(FILE) -m found",
    "acl a src,map_ip_int(FILE,7) -m int 7",
    "acl a src,map_ip_ip(FILE) -m found",
    "acl a dst_port,map_int(FILE) -m found",
    "acl a dst_port,map_int_int(FILE) gt 0",
    "acl a req.ssl_sni,map(FILE) -m found",
    "acl a req.ssl_sni,map_beg(FILE,x) -m str x",
    "acl a req.ssl_sni,map_end_ip(FILE) -m found",
    "acl a req.ssl_sni,map_sub_int(FILE) gt 0",
    "acl a req.ssl_sni,map_dom(FILE) -m found",
    "acl a req.ssl_sni,map_reg(FILE) -m found",
    "acl a req.ssl_sni,map_regm(FILE) -m found",
];

thread_local! {
    static FILE: Scratch = Scratch::new("fuzz");
}

fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let choice = usize::from(input.byte());
    let Some(uses) = USES.get(choice % USES.len()) else { return };
    FILE.with(|file| try_file(uses, input.0, file));
}

fn try_file(uses: &str, text: &[u8], file: &Scratch) {
    fs::write(&file.0, text).expect("there is room");
    let path = file.0.display().to_string();
    let own = format!(
        "defaults\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n\
         frontend in\n bind 127.0.0.1:3\n {}\n use_backend other if a\n default_backend web\n\
         backend web\n server s1 127.0.0.1:81\nbackend other\n server s1 127.0.0.1:82\n",
        uses.replace("FILE", &path)
    );
    let request = Request { hostname: "a".to_owned(), ..Request::default() };
    let loaded = match load_text_with("x.cfg", &own, &request, |_| Vec::new()) {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            let text = String::from_utf8_lossy(text);
            for found in mistakes {
                let of_file = found.file == path;
                check_in(&found, if of_file { &text } else { &own });
            }
            return;
        }
    };
    try_clients(&mut loaded.config.clone());
    let mut process = TestProcess::of(loaded);
    let mut session = CommandSession::new(Level::Admin, 10_000, NOW_MS);
    let commands = format!(
        "show acl;show map;show acl {path};show map {path};get acl {path} 192.0.2.1;\
         add acl {path} 192.0.2.9;add map {path} a b;del acl {path} a;clear map {path}\n"
    );
    session.handle_received(commands.as_bytes(), NOW_MS);
    session.handle_end_of_input();
    assert!(!process.drain(&mut session).is_empty());
}

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "192.0.2.1\n# a comment\n\n 192.0.2.0/24  \r\n2001:db8::/32\n::1\n",
        "192.0.2.1 s1\n10.0.0.0/8 7\n2001:db8::/32 192.0.2.9\n",
        "80\n1:1024\nge 5\nlt 7\n",
        "80 5\n1:1024 6\n",
        "example.org\n.example.net\nwww.*\n^a+(b|c)$\n",
        "example.org s1\n.example.net 7 # no comment\n^a+(b|c)$ \\1x\n",
        "16030101\n00ff\n",
        "\u{feff}a\n",
        "\tkey\tvalue with words\t\n",
    ];
    let each = (0..24_u8).flat_map(|uses| texts.map(|text| seed(&[uses], text)));
    each.collect()
}

fn words() -> Vec<String> {
    let words =
        ["192.0.2.0/24", "2001:db8::/32", "::ffff:192.0.2.1", "1:65535", "\r\n", "# ", "a+"];
    words.map(str::to_owned).to_vec()
}
