//! The engine against captured streams, against itself, and against garbage.
