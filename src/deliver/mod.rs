//! Bytes out. Nothing here knows what the bytes mean.

pub mod file;
