//! The rows of the table of commands.

use super::{change, show, versions};
use crate::admin::commands::command::Change::Lost;
use crate::admin::commands::command::{Command, command};
use crate::config::Level::User;

pub(in crate::admin::commands) const ADD_ACL: Command =
    command("add acl", "[@<ver>] <acl> <pattern>", User, change::add_acl)
        .changes(Lost)
        .help("add an acl entry")
        .manual(
            "Adds a pattern to the acl with this file or with this number behind `#`. With a \
             version behind `@`, adds it to that version, which `commit acl` puts into effect. A \
             reload forgets the change: the new process reads the file and the configuration.",
            "add acl #2 192.0.2.0/24",
        );

pub(in crate::admin::commands) const ADD_MAP: Command =
    command("add map", "[@<ver>] <map> <key> <val>", User, change::add_map)
        .syntax("[@<version>] <map> <key> <value> | [@<version>] <map> <<")
        .changes(Lost)
        .help("add a map entry (payload supported instead of key/val)")
        .manual(
            "Adds a key with a value to the map with this file or with this number behind `#`. \
             With `<<` at the end of the line, the lines that follow have a key and a value each, \
             up to an empty line. With a version behind `@`, adds to that version, which `commit \
             map` puts into effect. What commands add to all maps and acls may take 256 MiB. A \
             reload forgets the change: the new process reads the file.",
            "add map /etc/stickd/keys.map 192.0.2.7 web2",
        );

pub(in crate::admin::commands) const CLEAR_ACL: Command =
    command("clear acl", "[@<ver>] <acl>", User, versions::clear)
        .changes(Lost)
        .help("clear the contents of this acl")
        .manual(
            "Removes all patterns of an acl, or those of a version. A reload forgets the change.",
            "clear acl #2",
        );

pub(in crate::admin::commands) const CLEAR_MAP: Command =
    command("clear map", "[@<ver>] <map>", User, versions::clear)
        .changes(Lost)
        .help("clear the contents of this map")
        .manual(
            "Removes all entries of a map, or those of a version. A reload forgets the change.",
            "clear map /etc/stickd/keys.map",
        );

pub(in crate::admin::commands) const COMMIT_ACL: Command =
    command("commit acl", "@<ver> <acl>", User, versions::commit)
        .changes(Lost)
        .help("commit the ACL at this version")
        .manual(
            "Puts a version of an acl into effect at once, and removes the older ones.",
            "commit acl @1 #2",
        );

pub(in crate::admin::commands) const COMMIT_MAP: Command =
    command("commit map", "@<ver> <map>", User, versions::commit)
        .changes(Lost)
        .help("commit the map at this version")
        .manual(
            "Puts a version of a map into effect at once, and removes the older ones.",
            "commit map @1 /etc/stickd/keys.map",
        );

pub(in crate::admin::commands) const DEL_ACL: Command =
    command("del acl", "<acl> [<key>|#<ref>]", User, change::delete)
        .changes(Lost)
        .help("delete acl entries matching <key>")
        .manual(
            "Removes a pattern of an acl, or the one with the number that `show acl` prints before \
             it. A reload forgets the change.",
            "del acl #2 192.0.2.0/24",
        );

pub(in crate::admin::commands) const DEL_MAP: Command =
    command("del map", "<map> [<key>|#<ref>]", User, change::delete)
        .changes(Lost)
        .help("delete map entries matching <key>")
        .manual(
            "Removes the entries of a map that have a key, or the one with the number that `show \
             map` prints before it. A reload forgets the change.",
            "del map /etc/stickd/keys.map 192.0.2.7",
        );

pub(in crate::admin::commands) const GET_ACL: Command =
    command("get acl", "<acl> <value>", User, show::get)
        .help("report the patterns matching a sample for an ACL")
        .manual(
            "Prints the pattern of an acl that a value matches, for each way in which the acl is \
             compared.",
            "get acl #2 192.0.2.7",
        );

pub(in crate::admin::commands) const GET_MAP: Command =
    command("get map", "<acl> <value>", User, show::get)
        .syntax("<map> <value>")
        .help("report the keys and values matching a sample for a map")
        .manual(
            "Prints the key and the value that a map has for a value, for each way in which the \
             map is searched.",
            "get map /etc/stickd/keys.map 192.0.2.7",
        );

pub(in crate::admin::commands) const PREPARE_ACL: Command =
    command("prepare acl", "<acl>", User, versions::prepare)
        .changes(Lost)
        .help("prepare a new version for atomic ACL replacement")
        .manual(
            "Prints the number of a new version of an acl, which `add acl` fills and `commit acl` \
             puts into effect.",
            "prepare acl #2",
        );

pub(in crate::admin::commands) const PREPARE_MAP: Command =
    command("prepare map", "<acl>", User, versions::prepare)
        .syntax("<map>")
        .changes(Lost)
        .help("prepare a new version for atomic map replacement")
        .manual(
            "Prints the number of a new version of a map, which `add map` fills and `commit map` \
             puts into effect.",
            "prepare map /etc/stickd/keys.map",
        );

pub(in crate::admin::commands) const SET_MAP: Command =
    command("set map", "<map> [<key>|#<ref>] <value>", User, change::set_map)
        .changes(Lost)
        .help("modify a map entry")
        .manual(
            "Changes the value of the entries of a map that have a key, or of the one with the \
             number that `show map` prints before it. A value that the map cannot have is refused. \
             A reload forgets the change.",
            "set map /etc/stickd/keys.map 192.0.2.7 web3",
        );

pub(in crate::admin::commands) const SHOW_ACL: Command =
    command("show acl", "[@<ver>] <acl>]", User, show::show)
        .syntax("[[@<version>] <acl>]")
        .help("report available acls or dump an acl's contents")
        .manual(
            "Lists the acls with the numbers by which commands name them, or the patterns of one \
             acl. `entry_cnt` is the number of its patterns.",
            "show acl #2",
        );

pub(in crate::admin::commands) const SHOW_MAP: Command =
    command("show map", "[@ver] [map]", User, show::show)
        .syntax("[[@<version>] <map>]")
        .help("report available maps or dump a map's contents")
        .manual(
            "Lists the maps with the numbers by which commands name them, or the entries of one \
             map. `entry_cnt` is the number of its entries.",
            "show map /etc/stickd/keys.map",
        );
