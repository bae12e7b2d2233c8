//! Maps: files of keys with values.

use crate::rules::samples::{Row, Setting, compare};
use crate::support::Place;

const FILES: &[(&str, &str)] = &[
    ("text", "ab one\nabc two\nab dup\n# c\n  lead  x   y  \nkeyonly\nzz #no\n"),
    ("ip", "10.0.0.0/8 a\n10.1.0.0/16 b\n10.1.2.3 c\n2001:db8::/32 d\n"),
    ("int", "1 a\n5:9 b\n7 c\n"),
    ("reg", "^a(.)c$ x\\1y\\\\1\\0\nb+ second\n"),
    ("dom", "example.com 1\norg 2\n.net. 3\n"),
    ("dir", "foo 1\nfoo/bar 2\n"),
    ("number", "a 5\nb 10\n"),
    ("address", "a 1.2.3.4\nb ::1\n"),
];

/// In each row, `@` stands for the folder of the files.
const ROWS: &[Row<&str>] = &[
    ("str(ab),map(@text) -m str one", "yes"),
    ("str(abc),map_str(@text) -m str two", "yes"),
    ("str(AB),map(@text) -m found", "-"),
    ("str(lead),map(@text),length", "5"),
    ("str(keyonly),map(@text,def),length", "0"),
    ("str(zz),map(@text) -m end no", "yes"),
    ("str(nope),map(@text) -m found", "-"),
    ("str(nope),map(@text,def) -m str def", "yes"),
    ("str(abcx),map_beg(@text) -m str two", "yes"),
    ("str(abx),map_beg(@text) -m str one", "yes"),
    ("str(xxab),map_end(@text) -m str one", "yes"),
    ("str(xxabc),map_end(@text) -m str two", "yes"),
    ("str(xxabxx),map_sub(@text) -m str one", "yes"),
    ("str(xxabcxx),map_sub(@text) -m str one", "yes"),
    ("ipv4(10.1.2.3),map_ip(@ip) -m str c", "yes"),
    ("ipv4(10.1.2.4),map_ip(@ip) -m str b", "yes"),
    ("ipv4(10.9.2.4),map_ip(@ip) -m str a", "yes"),
    ("ipv4(11.9.2.4),map_ip(@ip,no) -m str no", "yes"),
    ("str(10.1.9.9),map_ip(@ip) -m str b", "yes"),
    ("ipv6(2001:db8::7),map_ip(@ip) -m str d", "yes"),
    ("ipv6(::ffff:10.1.2.3),map_ip(@ip) -m str c", "yes"),
    ("int(1),map_int(@int) -m str a", "yes"),
    ("int(7),map_int(@int) -m str b", "yes"),
    ("str(5),map_int(@int) -m str b", "yes"),
    ("str(x),map_int(@int) -m found", "-"),
    ("str(abc),map_reg(@reg),length", "9"),
    ("str(abc),map_regm(@reg),hex -m str 7862795C31616263", "yes"),
    ("str(xbbx),map_reg(@reg) -m str second", "yes"),
    ("str(xbbx),map_regm(@reg) -m str second", "yes"),
    ("str(www.example.com),map_dom(@dom)", "1"),
    ("str(wwwexample.com),map_dom(@dom) -m found", "-"),
    ("str(example.com.au),map_dom(@dom)", "1"),
    ("str(a.org.b),map_dom(@dom)", "2"),
    ("str(a.net),map_dom(@dom)", "3"),
    ("str(/foo/x),map_dir(@dir)", "1"),
    ("str(/foo/bar/x),map_dir(@dir)", "1"),
    ("str(/xfoo/x),map_dir(@dir) -m found", "-"),
    ("str(a),map_str_int(@number),add(1)", "6"),
    ("str(z),map_str_int(@number,7),add(1)", "8"),
    ("str(a),map_str_ip(@address) 1.2.3.0/24", "yes"),
    ("str(b),map_str_ip(@address) ::1", "yes"),
    ("str(z),map_str_ip(@address,9.9.9.9) 9.9.9.9", "yes"),
    ("str(www.example.com) -m dom example", "yes"),
    ("str(www.example.com) -m dom exam", "no"),
    ("str(/a/b/c) -m dir a/b", "yes"),
    ("str(/a/b/c) -m dir b/", "yes"),
    ("str(/a/bb/c) -m dir b", "no"),
];

#[test]
fn maps_give_the_same_values() {
    let place = Place::new();
    for (name, text) in FILES {
        place.write(name, text);
    }
    let folder = format!("{}/", place.dir().display());
    let rows = ROWS.iter().map(|(row, value)| (row.replace('@', &folder), *value));
    compare(&Setting::default(), &rows.collect::<Vec<_>>());
}
