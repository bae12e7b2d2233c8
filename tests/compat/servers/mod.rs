//! Where clients come in, and how servers are reached.

mod client_native;
mod client_ports;
mod dispatch;
mod ends;
mod listeners;
mod membership;
mod source;
