//! Rules over facts, tables and time.
