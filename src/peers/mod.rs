//! HAProxy's peers protocol as a sans-IO engine.

pub mod wire;
