//! The samples, converters, actions and predefined acls of HAProxy that stickd refuses, with the
//! reason.

use super::form::Refusal;
use super::form::Refusal::{Because, HttpOnly, NotYet};

/// Words with the same reason.
pub(in crate::config) type Rows = &'static [(Refusal, &'static [&'static str])];

macro_rules! refused {
    ($(#[$doc:meta])* $table:ident: $($refusal:expr => $($name:literal)+;)*) => {
        $(#[$doc])*
        pub(in crate::config) const $table: Rows = &[$(($refusal, &[$($name),+])),*];
    };
}

/// Why a word is refused; `None` if HAProxy does not know the word.
pub(in crate::config) fn find(table: Rows, name: &str) -> Option<Refusal> {
    table.iter().find(|(_, names)| names.contains(&name)).map(|(refusal, _)| *refusal)
}

/// Every word with its reason.
pub(in crate::config) fn all(table: Rows) -> impl Iterator<Item = (&'static str, &'static str)> {
    let names = |(refusal, names): &'static (Refusal, &'static [&'static str])| {
        names.iter().map(|name| (refusal.reason(), *name))
    };
    table.iter().flat_map(names)
}

const FILTERS: Refusal = Because("there are no filters: bytes are passed on as they come");
const NOT_TOLD: Refusal =
    Because("the TLS library does not tell ids, secrets and OpenSSL's numbers of errors");
const NOT_KEPT: Refusal = Because("what the hello of a client of the listener lists is not kept");
const NOT_MEASURED: Refusal = Because("the time that single connections take is not measured");

refused! {
    /// Samples, and the names that only an `acl` line knows.
    SAMPLES:
    NOT_TOLD =>
        "ssl_bc_client_random" "ssl_bc_err" "ssl_bc_err_str" "ssl_bc_server_random"
        "ssl_bc_session_id" "ssl_bc_session_key" "ssl_bc_unique_id" "ssl_fc_client_random"
        "ssl_fc_client_early_traffic_secret" "ssl_fc_client_handshake_traffic_secret"
        "ssl_fc_client_traffic_secret_0" "ssl_fc_early_exporter_secret" "ssl_fc_err"
        "ssl_fc_err_str" "ssl_fc_exporter_secret" "ssl_fc_server_handshake_traffic_secret"
        "ssl_fc_server_random" "ssl_fc_server_traffic_secret_0" "ssl_fc_session_id"
        "ssl_fc_session_key" "ssl_fc_unique_id";
    NOT_KEPT =>
        "ssl_fc_cipherlist_bin" "ssl_fc_cipherlist_hex" "ssl_fc_cipherlist_str"
        "ssl_fc_cipherlist_xxh" "ssl_fc_ecformats_bin" "ssl_fc_eclist_bin" "ssl_fc_extlist_bin"
        "ssl_fc_protocol_hello_id";
    NotYet =>
        "ssl_c_chain_der" "ssl_s_chain_der";
    HttpOnly =>
        "base32" "base32+src" "bc_http_major" "capture.req.method" "capture.req.uri"
        "capture.req.ver" "capture.res.ver" "fc_http_major" "fcgi.docroot" "fcgi.index"
        "fe_req_rate" "http_auth_bearer" "http_auth_pass" "http_auth_type" "http_auth_user"
        "http_first_req" "internal.htx.data" "internal.htx.free" "internal.htx.free_data"
        "internal.htx.has_eom" "internal.htx.nbblks" "internal.htx.size" "internal.htx.used"
        "internal.htx_blk.data" "internal.htx_blk.hdrname" "internal.htx_blk.hdrval"
        "internal.htx_blk.size" "internal.htx_blk.start_line" "internal.htx_blk.type"
        "internal.strm.is_htx" "meth" "req.body" "req.body_len" "req.body_param" "req.body_size"
        "req.hdrs" "req.hdrs_bin" "res.body" "res.body_len" "res.body_size" "res.cache_hit"
        "res.cache_name" "res.comp" "res.comp_algo" "res.cook" "res.cook_cnt" "res.cook_val"
        "res.fhdr" "res.fhdr_cnt" "res.hdr" "res.hdr_cnt" "res.hdr_ip" "res.hdr_names"
        "res.hdr_val" "res.hdrs" "res.hdrs_bin" "res.ver" "resp_ver" "scook" "scook_beg"
        "scook_cnt" "scook_dir" "scook_dom" "scook_end" "scook_len" "scook_reg" "scook_sub"
        "scook_val" "shdr" "shdr_beg" "shdr_cnt" "shdr_dir" "shdr_dom" "shdr_end" "shdr_ip"
        "shdr_len" "shdr_reg" "shdr_sub" "shdr_val" "status" "url32" "url32+src";
    NOT_MEASURED => "cpu_calls" "cpu_ns_avg" "cpu_ns_tot" "lat_ns_avg" "lat_ns_tot";
    Because("'be_server_timeout' and 'be_tunnel_timeout' tell the same: no rule changes them") =>
        "cur_server_timeout" "cur_tunnel_timeout";
    Because("the protocol of distcc is not looked at") => "distcc_body" "distcc_param";
    NotYet => "dst_conn";
}

refused! {
    /// Converters.
    CONVERTERS:
    HttpOnly =>
        "jwt_header_query" "jwt_payload_query" "jwt_verify" "language"
        "ungrpc";
    Because("values are not decrypted") => "aes_gcm_dec";
    Because("messages of Protocol Buffers are not looked at") => "protobuf";
    Because("texts in JSON are not taken apart") => "json_query";
    Because("only HAProxy has this hash; 'xxh32' and 'xxh64' are hashes for the same purpose") =>
        "wt6";
}

refused! {
    /// Actions of `tcp-request` rules.
    ACTIONS:
    HttpOnly => "switch-mode";
    FILTERS => "send-spoe-group" "ot-group" "set-bandwidth-limit";
    Because("a connection has no priority: every one gets the same share of a turn") =>
        "set-nice";
    Because("only 'http-request' has a service: the exporter") => "use-service";
    Because("'expect-proxy layer4' is the header that is understood") => "expect-netscaler-cip";
    NotYet =>
        "do-resolve" "set-fc-mark" "set-fc-tos";
}

refused! {
    /// Predefined acls.
    ACLS:
    HttpOnly => "HTTP_3.0" "HTTP_CONTENT";
}
