//! How fast each stage is: lines to requests, paths to routes, and a whole replay.
//!
//!     cargo bench --manifest-path benches/Cargo.toml
//!
//! Throughput counts bytes of log. A figure alone says little: compare two commits on a machine that does nothing else.

use clap::Parser;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use learn::cli::Cli;
use learn::plan::Wanted;
use learn::route::route_of;
use learn::source::ParseLine;
use learn::source::named::JsonMap;
use learn::source::nginx::LogFormat;
use learn::source::preset;
use std::hint::black_box;

const TEXT: &str = include_str!("../fixtures/access.log");
const JSON: &str = include_str!("../fixtures/access.json");

/// How often the fixture is repeated for a whole replay: some 6 MiB.
const REPEATS: usize = 20;

fn lines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lines");
    let preset = preset::by_name("combined-rt-urt").expect("a preset");
    let format = LogFormat::compile(preset.title, preset.log_format, &Wanted::default()).expect("a preset compiles");
    group.throughput(Throughput::Bytes(TEXT.len() as u64));
    group.bench_function("nginx", |bencher| {
        let mut parser = format.parser();
        bencher.iter(|| TEXT.lines().for_each(|line| drop(black_box(parser.parse_line(line.as_bytes())))));
    });
    let sample: Vec<&[u8]> = JSON.lines().map(str::as_bytes).collect();
    let map = JsonMap::detect(&sample, &Wanted::default()).expect("the fixture is a log");
    group.throughput(Throughput::Bytes(JSON.len() as u64));
    group.bench_function("json", |bencher| {
        let mut parser = map.parser();
        bencher.iter(|| sample.iter().for_each(|line| drop(black_box(parser.parse_line(line)))));
    });
    group.finish();
}

fn routes(criterion: &mut Criterion) {
    let paths =
        ["/api/orders", "/api/orders/1017?page=2", "/api/users/7d444840-9dc0-11d1-b245-5ffdce74fad2/x", "/a/b/c"];
    let mut group = criterion.benchmark_group("routes");
    group.throughput(Throughput::Bytes(paths.iter().map(|path| path.len() as u64).sum()));
    group.bench_function("route_of", |bencher| {
        let mut buffer = Vec::new();
        bencher.iter(|| {
            for path in paths {
                black_box(route_of(black_box(path.as_bytes()), &mut buffer));
            }
        });
    });
    group.finish();
}

fn replay(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (log, out) = (folder.path().join("access.log"), folder.path().join("out"));
    std::fs::write(&log, TEXT.repeat(REPEATS)).expect("the folder can be written");
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10).throughput(Throughput::Bytes((TEXT.len() * REPEATS) as u64));
    for (name, flag) in [("rules", "--no-backtest"), ("rules and backtest", "--quiet")] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut typed =
                    vec!["learn".as_ref(), "replay".as_ref(), log.as_os_str(), "-o".as_ref(), out.as_os_str()];
                typed.push(flag.as_ref());
                learn::run(Cli::try_parse_from(typed).expect("the flags are right")).expect("the log can be read")
            });
        });
    }
    group.finish();
}

criterion_group!(stages, lines, routes, replay);
criterion_main!(stages);
