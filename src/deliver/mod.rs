//! Bytes out: files, standard output, and the receivers of events with the state that keeps them from getting one twice.
//!
//! The only module that may look at the clock, for what a delivery needs of it; no result depends on it.

mod alertmanager;
mod clock;
pub mod file;
mod http;
pub mod receiver;
pub mod redis;
pub mod secret;
pub mod store;
pub mod textfile;
pub mod webhook;
