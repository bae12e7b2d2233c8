//! Start-up order, nothing else.

fn main() {}
