//! The rules of a section: `acl`, `tcp-request`, `use_backend`, `use-server` and their like, and
//! the keys and conditions of stick rules. The lines are kept as they were typed until every name
//! of the configuration is known. Then they are read, in their order.
//!
//! ```text
//!  keywords ──> section ──> actions ──> read_expression ──> samples, converters, entry_samples
//!                  └──────> acl ──> matcher                      └──> functions, arguments
//!
//!  What comes out:  rule, condition, expression
//! ```
//!
//! `reference` tells the reference what there is, `haste` warns of rules that do not wait.
//!
//! Where to add:
//!
//! - a sample: a row in the file of its subject in `samples/`, a variant of [`NumberFetch`],
//!   [`ContentFetch`] or [`Fetch`], its arm in `proxy/rules/fetch/`;
//! - a converter: a row in the file of its subject in `converters/`, a variant of [`Converter`],
//!   its arm in `proxy/rules/convert/`;
//! - an action: a row in the file of its subject in `actions/`, a variant of [`RuleAction`], its
//!   arm in `proxy/rules/actions.rs`;
//! - a data type: a row in `data_type.rs`, from which its samples, converters and actions follow.

mod acl;
mod actions;
mod arguments;
mod captures;
mod condition;
mod constant;
mod converter;
mod converters;
mod entry_samples;
mod expression;
mod format;
mod functions;
mod haste;
mod keywords;
mod matcher;
mod pages;
mod patterns;
mod read_expression;
pub mod reference;
mod rule;
mod samples;
mod section;
mod set_condition;

pub use actions::read_for_command;
pub use captures::{CaptureSlot, CaptureSlots};
pub use condition::{AclId, Condition, Matcher, Term, Test};
pub use constant::Constant;
pub use converter::{
    Base, Characters, DateConverter, Digest, HashConverter, HmacKey, MqttField, MqttPacket,
    Notation, Parts, Replacement, Substitution, TextConverter, TimeUnit, VariableConverter,
    read_replacement,
};
pub use entry_samples::SLOTS;
pub use expression::{
    BackendFact, ContentFetch, Converter, CountedPart, EntryFact, EntryTime, Expression, Fetch,
    FrontendFact, HelloPart, HttpFetch, HttpList, HttpPart, Measurement, Needs, Nth, NumberFetch,
    Operand, Operation, ServerFact, ValueType,
};
pub use patterns::{
    ChangeError, Entry, EntryId, Found, Kind, ListForm, ListId, Method, Output, PatternList,
    PatternLists, PatternsId, SEARCH_WORK_MAX, Selection, Subject, TextPart, VersionError,
    WrongEntry, WrongPattern,
};
pub use rule::{
    Amount, Choice, ConnectionEnd, Decision, InitialVariable, NewValue, Persist, PriorityPart,
    ResponseRules, Rule, RuleAction, RulePlace, Rules,
};
pub use set_condition::SetCondition;

pub(super) use actions::process_variables;
pub(super) use format::{
    compile_line as line_draft, compile_text as text_draft, of_id as id_format,
    of_log as log_format,
};
pub(super) use keywords::KEYWORDS;
pub(super) use matcher::regex;
pub(super) use pages::{PageRules, read as read_pages};
pub(super) use patterns::PatternDrafts;
pub(super) use read_expression::read as read_expression;
pub(super) use read_expression::{chain_len, check_key, joined};
pub(super) use samples::asks_of_request;
pub(super) use section::{StickCondition, resolve};
