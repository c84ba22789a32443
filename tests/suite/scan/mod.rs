//! `learn scan-usage` against a real PostgreSQL, real receivers and every fault that cron will meet.

mod alertmanager;
mod database;
mod delivery;
mod disk;
mod faults;
mod files;
mod judged;
mod learning;
mod receiver;
mod recipes;
mod schema;
pub mod server;
mod tls;
mod truth;
