//! Converters, each with the result in both programs.

use crate::rules::samples::{Row, Setting, compare};

/// Values of which the text is compared.
const VALUES: &[Row<&str>] = &[
    ("str(foo.bar.baz),word(2,.) -m str bar", "yes"),
    ("str(..foo..bar),word(2,.) -m str bar", "yes"),
    ("str(foo.bar.baz),word(-1,.) -m str baz", "yes"),
    ("str(foo.bar.baz),word(1,.,2) -m str foo.bar", "yes"),
    ("str(foo.bar.baz),word(-2,.,2) -m str foo.bar", "yes"),
    ("str(foo.bar.baz),word(2,.,0) -m str bar.baz", "yes"),
    ("str(abc),base64 -m str YWJj", "yes"),
    ("str(ab),base64 -m str YWI=", "yes"),
    ("str(YWI=),b64dec -m str ab", "yes"),
    ("str(YWI_),ub64dec -m str ab?", "yes"),
    ("str(a~?>),ub64enc -m str YX4_Pg", "yes"),
    ("str(7f),hex2i -m str 127", "yes"),
    ("str(abc),sha1,hex -m str A9993E364706816ABA3E25717850C26C9CD0D89D", "yes"),
    (
        "str(abc),sha2,hex -m str BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
        "yes",
    ),
    ("str(abc),sha2(512),hex,bytes(0,16) -m str DDAF35A193617ABA", "yes"),
    ("str(abc),digest(md5),hex -m str 900150983CD24FB0D6963F7D28E17F72", "yes"),
    ("str(abc),digest(sha256),hex,bytes(0,16) -m str BA7816BF8F01CFEA", "yes"),
    ("str(abc),hmac(sha256,a2V5),hex,bytes(0,16) -m str 9C196E32DC0175F8", "yes"),
    ("str(a2V5),set-var(txn.key) -m str a2V5", "yes"),
    ("str(abc),hmac(sha256,txn.key),hex,bytes(0,16) -m str 9C196E32DC0175F8", "yes"),
    ("str(@@@),set-var(txn.no_key) -m str @@@", "yes"),
    ("str(abc),hmac(sha256,txn.no_key) -m found", "-"),
    ("str(abc),hmac(sha256,txn.unset) -m found", "-"),
    ("str(abc),xxh32 -m str 852579327", "yes"),
    ("str(abc),xxh32(1) -m str 2856167679", "yes"),
    ("str(abc),xxh64 -m str 4952883123889572249", "yes"),
    ("str(abc),xxh3 -m str 8696274497037089104", "yes"),
    ("str(abc),xxh3(7) -m str 5260018501835528466", "yes"),
    ("str(abc),crc32 -m str 891568578", "yes"),
    ("str(abc),crc32c -m str 910901175", "yes"),
    ("str(abc),crc32c(1) -m str 1285784220", "yes"),
    ("str(abc),be2dec(-,1) -m str 97-98-99", "yes"),
    ("str(abcdef),be2dec(-,2) -m str 24930-25444-25958", "yes"),
    ("str(abcde),be2dec(-,2) -m str 24930-25444-101", "yes"),
    ("str(abcde),be2dec(-,2,1) -m str 24930-25444", "yes"),
    ("str(abcdef),be2hex(:,2) -m str 6162:6364:6566", "yes"),
    ("str(abcde),be2hex(:,2,1) -m str 6162:6364", "yes"),
    ("int(258),htonl,hex -m str 00000102", "yes"),
    ("str(xxabxx),rtrim(x) -m str xxab", "yes"),
    ("bin(6120622f633f642665),url_enc -m str a%20b%2Fc%3Fd%26e", "yes"),
    ("int(0),ltime(%Y) -m str 1970", "yes"),
    ("int(86400),utime(%Y-%m-%d) -m str 1970-01-02", "yes"),
    ("int(1),iif(a,b) -m str a", "yes"),
    ("int(0),iif(a,b) -m str b", "yes"),
    ("str(x),iif(a,b) -m str b", "yes"),
    ("bool(true),iif(a,) -m str a", "yes"),
    (r#"str(\"ab\\r\\ncd\"),cut_crlf -m str ab"#, "yes"),
    ("str(example.org:80),host_only -m str example.org", "yes"),
    ("str(example.org:80),port_only -m str 80", "yes"),
    ("str([::1]:80),host_only -m str [::1]", "yes"),
    ("str([::1]:80),port_only -m str 80", "yes"),
    ("str(::1),host_only -m str :", "yes"),
    ("str(example.org),port_only -m str 0", "yes"),
    ("str(abc),debug -m str abc", "yes"),
    ("str(a1b2),regsub([0-9],x) -m str axb2", "yes"),
    ("str(a1b2),regsub([0-9],x,g) -m str axbx", "yes"),
    ("str(ABa),regsub(a,x,ig) -m str xBx", "yes"),
    (r#"str(a1b2),regsub(\"([a-z])([0-9])\",\\2\\1,g) -m str 1a2b"#, "yes"),
    ("str(abcdef),bytes(1,2) -m str bc", "yes"),
    ("str(abcdef),bytes(2,99) -m str cdef", "yes"),
    ("int(5),bytes(7,1) -m str ", "yes"),
    ("str(12),hex -m str 3132", "yes"),
    ("int(255),hex -m str 00000000000000FF", "yes"),
    ("ipv4(127.0.0.1),hex -m str 7F000001", "yes"),
    ("ipv4(127.0.0.1) -m str 127.0.0.1", "yes"),
    ("ipv4(127.0.0.1),bytes(0,1),hex -m str 7F", "yes"),
    ("str(10.0.0.1),ipmask(8) -m str 10.0.0.0", "yes"),
    ("str(::ffff:192.0.2.77),ipmask(24) -m str 192.0.2.0", "yes"),
    ("str(::ffff:192.0.2.77),ipmask(24,64) -m str 192.0.2.0", "yes"),
    ("str(64:ff9b::192.0.2.77),ipmask(24,64) -m str 64:ff9b::", "yes"),
    ("str(abc),mod(2) -m str 0", "yes"),
    ("bin(616263) -m str abc", "yes"),
    ("nbproc -m str 1", "yes"),
    ("proc -m str 1", "yes"),
    ("thread -m str 0", "yes"),
    ("always_true -m str 1", "yes"),
    ("str(abc),upper,lower -m str abc", "yes"),
    ("str(abc),djb2(1) -m str 2235766107", "yes"),
    ("str(abc),sdbm -m str 807794786", "yes"),
    ("str(a.b.c..),word(1,.,9) -m str a.b.c..", "yes"),
    ("str(a.b.c..),word(1,.,0) -m str a.b.c..", "yes"),
    ("str(..a.b.c..),word(2,.,0) -m str b.c..", "yes"),
    ("str(..a.b.c..),word(2,.,2) -m str b.c", "yes"),
    ("str(..a..b..c..),word(-1,.,2) -m str b..c", "yes"),
    ("str(..a..b..c..),word(-1,.,0) -m str ..a..b..c", "yes"),
    ("str(..a..b..c..),word(-2,.,9) -m str ..a..b", "yes"),
    ("str(..a..b..c..),word(-3,.) -m str a", "yes"),
    (r#"str(\"a,b;c\"),word(2,\",;\") -m str b"#, "yes"),
    ("str(ab),be2hex -m str 6162", "yes"),
    ("str(abcdefgh),be2dec(-,8) -m str 7017280452245743464", "yes"),
    ("ipv4(127.0.0.1),base64 -m str fwAAAQ==", "yes"),
    ("int(97),base64 -m str AAAAAAAAAGE=", "yes"),
    ("str(ABCDEF),ltrim(CBA) -m str DEF", "yes"),
    ("ipv4(127.0.0.1),regsub([0-9]+,x) -m str x.0.0.1", "yes"),
    ("str(aXbX),regsub(X,) -m str abX", "yes"),
    ("int(1),sha1,hex -m str CB473678976F425D6EC1339838F11011007AD27D", "yes"),
    ("ipv4(127.0.0.1),sha1,hex -m str 11D1DEF534EA1BE07CF4E4CED4B128798AFF7599", "yes"),
    ("int(1),crc32 -m str 304476159", "yes"),
    ("ipv4(127.0.0.1),crc32 -m str 1696554816", "yes"),
    ("ipv4(127.0.0.1),xxh32 -m str 20952046", "yes"),
    ("bool(true),crc32 -m str 304476159", "yes"),
    ("str(abc),digest(SHA256),hex,bytes(0,16) -m str BA7816BF8F01CFEA", "yes"),
    ("str(%00ab),url_dec,hex -m str 006162", "yes"),
    ("str(abc),url_enc(query) -m str abc", "yes"),
    ("int(5),iif(a,b) -m str a", "yes"),
    ("int(-1),iif(a,b) -m str a", "yes"),
    ("str(true),iif(a,b) -m str b", "yes"),
    ("str(1),iif(a,b) -m str a", "yes"),
    (r#"str(\"a\\rb\"),cut_crlf -m str a"#, "yes"),
    (r#"str(\"a\\nb\"),cut_crlf -m str a"#, "yes"),
    ("str(a:80:9),host_only -m str a:80", "yes"),
    ("str(a:80:9),port_only -m str 9", "yes"),
    ("str([::1]),port_only -m str 0", "yes"),
    ("str([::1),host_only -m str [:", "yes"),
    ("str(a:),host_only -m str a", "yes"),
    ("str(a:),port_only -m str 0", "yes"),
    ("int(0),utime(%s%j%a%b%Z%z) -m str 0001ThuJanGMT+0000", "yes"),
    ("int(0),utime(x) -m str x", "yes"),
    ("str(0),utime(%Y) -m str 1970", "yes"),
    ("str(258),htonl,hex -m str 00000102", "yes"),
    ("str(999999999999),htonl,hex -m str D4A50FFF", "yes"),
    ("str(abc),hex,length -m str 6", "yes"),
    ("str(abc),length,hex -m str 0000000000000003", "yes"),
    ("ipv4(127.0.0.1),length -m str 9", "yes"),
    ("int(77),length -m str 2", "yes"),
    ("str(abc),debug(x) -m str abc", "yes"),
    ("str(foo.bar.baz),word(9,.) -m found", "yes"),
    ("str(YWI),b64dec -m found", "-"),
    ("str(zz),hex2i -m found", "-"),
    ("str(-1f),hex2i -m found", "-"),
    ("int(258),htonl -m found", "yes"),
    ("str(abcdef),bytes(9) -m found", "yes"),
    ("str(..a..b..c..),word(-4,.) -m found", "yes"),
    ("str(..a..b..c..),word(4,.) -m found", "yes"),
    ("str(...),word(1,.) -m found", "yes"),
    ("str(0x10),hex2i -m found", "-"),
    ("str(abc),ltrim(abc) -m found", "yes"),
    ("int(7),ltrim(7) -m found", "yes"),
    ("str(%zz%4),url_dec -m found", "-"),
    ("env(NOPE) -m found", "-"),
];

#[test]
fn converters_give_the_same_values() {
    for rows in VALUES.chunks(100) {
        compare(&Setting::default(), rows);
    }
}

/// Variables for the rows below.
const VARIABLES: [&str; 11] = [
    "tcp-request content set-var(txn.number) int(5)",
    "tcp-request content set-var(txn.least) int(-3)",
    "tcp-request content set-var(txn.abc) str(abc)",
    "tcp-request content set-var(txn.c) str(c)",
    "tcp-request content set-var(txn.empty) str()",
    "tcp-request content set-var(txn.bytes) bin(610062)",
    "tcp-request content set-var(txn.seven) str(7x)",
    "tcp-request content set-var(txn.address) ipv4(127.0.0.1)",
    "tcp-request content set-var(txn.true) bool(true)",
    "tcp-request content track-sc0 src table kept",
    "tcp-request content track-sc1 src table bare",
];

/// Tables for the rows below.
const TABLES: &str = "backend kept
    stick-table type ip size 1k expire 10m store gpc(3),conn_cnt
backend bare
    stick-table type ip size 1k store gpc(2)
";

/// What a value and a variable make.
const WITH_VARIABLES: &[Row<&str>] = &[
    ("str(x),concat(<,,>) -m str x<>", "yes"),
    ("str(x),concat(<) -m str x<", "yes"),
    ("str(x),concat -m str x", "yes"),
    ("str(x),concat() -m str x", "yes"),
    ("int(5),concat(a) -m str 5a", "yes"),
    ("src,concat(a) -m str 127.1.0.1a", "yes"),
    ("str(x),concat(<,txn.missing,>) -m str x<>", "yes"),
    ("str(x),concat(<,txn.number,>) -m str x<5>", "yes"),
    ("str(x),concat(<,txn.bytes,>) -m str x<a>", "yes"),
    ("str(x),concat(<,txn.address,>) -m str x<127.0.0.1>", "yes"),
    ("str(x),concat(<,txn.true,>) -m str x<1>", "yes"),
    ("bin(610062),concat(<),hex -m str 613C", "yes"),
    ("str(x),add_item(;,txn.missing) -m str x", "yes"),
    ("str(x),add_item(;,txn.missing,y) -m str x;y", "yes"),
    ("str(x),add_item(;,,y) -m str x;y", "yes"),
    ("str(),add_item(;,,y) -m str y", "yes"),
    ("str(x;),add_item(;,,y) -m str x;;y", "yes"),
    ("str(x),add_item(,,y) -m str xy", "yes"),
    ("str(x),add_item(;;,,y) -m str x;;y", "yes"),
    ("str(x),add_item(;,txn.number) -m str x;5", "yes"),
    ("str(x),add_item(;,txn.empty) -m str x", "yes"),
    ("str(x),add_item(;,txn.abc,y) -m str x;abcy", "yes"),
    ("str(),add_item(;,txn.abc,y) -m str abcy", "yes"),
    ("str(abc),strcmp(txn.abc)", "0"),
    ("str(ab),strcmp(txn.abc),neg", "1"),
    ("str(abcd),strcmp(txn.abc)", "1"),
    ("str(a),strcmp(txn.c) lt 0", "yes"),
    ("str(e),strcmp(txn.c) gt 0", "yes"),
    ("str(5),strcmp(txn.number)", "0"),
    ("int(5),strcmp(txn.number)", "0"),
    ("str(x),strcmp(txn.empty)", "1"),
    ("str(a),strcmp(txn.bytes)", "0"),
    ("str(127.0.0.1),strcmp(txn.address)", "0"),
    ("str(x),strcmp(txn.missing)", "-"),
    ("str(abc),secure_memcmp(txn.abc)", "1"),
    ("str(abd),secure_memcmp(txn.abc)", "0"),
    ("str(ab),secure_memcmp(txn.abc)", "0"),
    ("bin(610062),secure_memcmp(txn.bytes)", "1"),
    ("int(5),secure_memcmp(txn.number)", "1"),
    ("str(5),secure_memcmp(txn.number)", "0"),
    ("ipv4(127.0.0.1),secure_memcmp(txn.address)", "1"),
    ("str(),secure_memcmp(txn.empty)", "1"),
    ("str(x),secure_memcmp(txn.missing)", "-"),
    ("int(5),add(txn.number)", "10"),
    ("int(5),add(txn.seven)", "12"),
    ("int(5),add(txn.abc)", "5"),
    ("int(5),add(txn.empty)", "-"),
    ("int(5),add(txn.true)", "6"),
    ("int(5),add(txn.missing)", "-"),
    ("int(17),mod(txn.number)", "2"),
    ("int(17),div(txn.number)", "3"),
    ("int(17),sub(txn.number)", "12"),
    ("int(17),mul(txn.least),neg", "51"),
    ("int(17),and(txn.number)", "1"),
    ("int(17),or(txn.number)", "21"),
    ("int(17),xor(txn.number)", "20"),
];

/// Names and keys, and what is told of the process and of the frontend.
const OBJECTS: &[Row<&str>] = &[
    ("str(out),nbsrv", "1"),
    ("str(kept),nbsrv", "0"),
    ("str(in),nbsrv", "-"),
    ("str(none),nbsrv", "-"),
    ("str(held/h1),srv_queue", "0"),
    ("str(out/none),srv_queue", "-"),
    ("str(none/s1),srv_queue", "-"),
    ("str(s1),srv_queue", "-"),
    ("src,table_expire(kept) 590000:600000", "yes"),
    ("src,table_idle(kept) lt 10000", "yes"),
    ("src,table_expire(bare)", "0"),
    ("src,table_expire(bare,7)", "0"),
    ("src,table_idle(bare,7)", "0"),
    ("str(192.0.2.1),table_expire(kept)", "-"),
    ("str(192.0.2.1),table_expire(kept,55)", "55"),
    ("str(192.0.2.1),table_idle(kept,55)", "55"),
    ("sc_inc_gpc(1,1)", "1"),
    ("sc1_clr_gpc(1)", "1"),
    ("sc1_clr_gpc(1)", "0"),
    ("sc1_clr_gpc(1,kept)", "0"),
    ("stopping", "0"),
    ("fe_defbe out", "yes"),
    ("fe_client_timeout gt 0", "yes"),
];

/// The bytes of a text, the modes of `json`, and the string of JSON, in hexadecimal digits.
const JSON: [(&str, &str, &str); 19] = [
    ("0108090a0d0c1b7f2f225c", "ascii utf8", r#"\u0001\b\t\n\r\f\u001b\u007f\/\"\\"#),
    ("41c3a942", "ascii", r"A\u00c3\u00a9B"),
    ("41c3a942", "utf8 utf8s utf8p utf8ps", r"A\u00e9B"),
    ("e282ac", "utf8", r"\u20ac"),
    ("ed9fbfee8080efbfbdefb790", "utf8", r"\ud7ff\ue000\ufffd\ufdd0"),
    ("41f09f988042", "utf8 utf8p", ""),
    ("41f09f988042", "utf8s utf8ps", "AB"),
    ("41c042", "utf8 utf8p", ""),
    ("41c0ff42", "utf8s utf8ps", "AB"),
    ("41e242", "utf8s utf8ps", "AB"),
    ("41ff", "utf8s", "A"),
    ("41c08042", "utf8", ""),
    ("41c08042", "utf8s", "AB"),
    ("c181c0a2", "utf8p utf8ps", r#"A\""#),
    ("f0808080fc8080808080", "utf8p", r"\u0000\u0000"),
    ("41eda080efbfbeefbfbf", "utf8s utf8ps", "A"),
    ("fcbfbfbfbfbf41", "utf8ps", "A"),
    ("f88880808041", "utf8s", "A"),
    ("410042", "ascii utf8", "A"),
];

#[test]
fn a_value_and_a_variable_make_the_same_values() {
    let setting = Setting { sections: TABLES, rules: &VARIABLES, ..Setting::default() };
    compare(&setting, WITH_VARIABLES);
}

#[test]
fn names_and_keys_give_the_same_numbers() {
    let setting = Setting { sections: TABLES, rules: &VARIABLES[9..], ..Setting::default() };
    compare(&setting, OBJECTS);
}

#[test]
fn the_queue_of_a_server_is_found_by_its_name() {
    let rows = [("str(held/h1),srv_queue", "0"), ("str(held),nbsrv", "1")];
    compare(&Setting { held: 3, ..Setting::default() }, &rows);
}

#[test]
fn strings_of_json_have_the_same_escapes() {
    let mut rows = Vec::new();
    for (bytes, modes, string) in JSON {
        for mode in modes.split_whitespace() {
            let sample = format!("bin({bytes}),json({mode}),hex");
            let digits: String = string.bytes().map(|byte| format!("{byte:02X}")).collect();
            rows.push(match digits.is_empty() {
                true => (format!("{sample} -m found"), "-"),
                false => (format!("{sample} -m str {digits}"), "yes"),
            });
        }
    }
    compare(&Setting::default(), &rows);
}
