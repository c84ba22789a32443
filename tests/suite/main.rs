//! The integration suite: the built binary against the npm package, against a second implementation of its rules,
//! against its own promises (properties, commands, schemas, README).
//!
//! `bash tests/run.sh` installs what the suite needs and runs it. A missing tool is a failure, never a skipped test.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test says what failed by panicking")]

mod advise;
mod binary;
mod breaker_by;
mod cases;
mod commands;
mod compare;
mod cycle;
mod documented;
mod evidence;
mod fixture;
mod formats;
mod handover;
mod hostile;
mod interrupt;
mod oracle;
mod properties;
mod queries;
mod readme;
mod record;
mod reference;
mod rng;
mod routes;
mod scan;
mod schema;
mod shop_fixture;
mod thresholds;
mod traffic;
mod w3c;
mod windows;
mod zscore;
