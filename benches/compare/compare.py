#!/usr/bin/env python3
"""Times `learn replay --no-backtest` beside DuckDB, Polars and rhit on this machine, on logs that it writes itself.

    cargo build --release
    python3 benches/compare/compare.py [--mib 1024] [--runs 5] [--kinds text,json,gz] [--peers duckdb,polars,rhit]

Needs rustc (for the log generator); DuckDB and Polars come from `pip install duckdb polars`, rhit from `cargo install rhit`;
a peer that is not there is left out and named. The tools run in turn, so that what else the machine does hits them alike. What
counts is the ratio of the medians in one run; peak memory is the highest of the runs. Linux and macOS.
"""
import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LEARN = os.path.join(HERE, "..", "..", "target", "release", "learn")
BYTES_PER_EVENT = 216


def main():
    options = arguments()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for kind in options.kinds.split(","):
            log = write_log(folder, kind, options.mib)
            read_back(log)
            commands = {"learn": learn(options.learn, log)} | peers(options.peers, kind, log)
            show(kind, log, run_in_turn(commands, options.runs))
            os.remove(log)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=1024, help="size of each log before packing [default: 1024]")
    parser.add_argument("--runs", type=int, default=5, help="runs of each tool [default: 5]")
    parser.add_argument("--kinds", default="text,json,gz", help="of text, json, gz [default: all]")
    parser.add_argument("--peers", default="duckdb,polars,rhit", help="of duckdb, polars, rhit [default: all]; empty: none")
    parser.add_argument("--learn", default=LEARN, help="the binary [default: target/release/learn]")
    parser.add_argument("--folder", help="where the logs go for the time being [default: the system's temporary folder]")
    options = parser.parse_args()
    if not os.access(options.learn, os.X_OK):
        parser.error(f"{options.learn} is not there; `cargo build --release` makes it")
    return options


def write_log(folder, kind, mib):
    generator = os.path.join(folder, "genlog")
    if not os.path.exists(generator):
        subprocess.run(["rustc", "-O", "--edition", "2021", "-o", generator, os.path.join(HERE, "genlog.rs")], check=True)
    size = mib << 20
    command = [generator, "--seed", "42", "--bytes", str(size), "--events", str(size // BYTES_PER_EVENT)]
    log = os.path.join(folder, "access." + ("json" if kind == "json" else "log"))
    with open(log, "wb") as out:
        subprocess.run(command + ["--json"] * (kind == "json"), stdout=out, stderr=subprocess.DEVNULL, check=True)
    if kind != "gz":
        return log
    with open(log, "rb") as plain, gzip.open(log + ".gz", "wb", compresslevel=6) as packed:
        shutil.copyfileobj(plain, packed, 1 << 20)
    os.remove(log)
    return log + ".gz"


def read_back(log):
    """Leaves the log in memory as reading it from the disk does: a log that was just written lies there in single pages,
    which slows every tool down, and nobody analyses a log right after writing a gigabyte of it."""
    # Or the first tools would run while it is still being written.
    os.sync()
    with open(log, "rb", buffering=0) as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while file.read(1 << 20):
            pass


def learn(binary, log):
    return [binary, "replay", "--no-backtest", "-q", "-f", "json", log]


def peers(names, kind, log):
    commands = {}
    for name in filter(None, names.split(",")):
        if name == "rhit":
            command = ["rhit", "--no-name-check", "--silent-load", "-a", "-f", "date,time,method,status,path", "-l", "3", "--color", "no", log]
            is_there = shutil.which("rhit") is not None and kind != "json"
        else:
            command = [sys.executable, os.path.join(HERE, "peer.py"), name, "json" if kind == "json" else "text", log]
            is_there = subprocess.run([sys.executable, "-c", f"import {name}"], stderr=subprocess.DEVNULL).returncode == 0
        if is_there:
            commands[name] = command
        else:
            print(f"{name} is left out of {kind}: not installed, or it does not read this", file=sys.stderr)
    return commands


def run_in_turn(commands, runs):
    results = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            results[name].append(run(name, command))
    return results


def run(name, command):
    """Seconds, peak memory in MiB, and what was printed."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{name} failed: {' '.join(command)}")
    # Linux counts KiB, macOS bytes.
    peak = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return seconds, peak, printed


def requests(name, printed):
    if name == "learn":
        return json.loads(printed)["summary"]["requests"]
    return int(printed.split()[1]) if name in ("duckdb", "polars") else None


def show(kind, log, results):
    size = os.path.getsize(log) / (1 << 20)
    own = statistics.median(seconds for seconds, _, _ in results["learn"])
    print(f"\n{kind}, {size:.0f} MiB on disk")
    print(f"{'':8} {'seconds':>9} {'of learn':>9} {'MiB':>7} {'requests':>10}")
    for name, runs in results.items():
        seconds = statistics.median(seconds for seconds, _, _ in runs)
        peak = max(peak for _, peak, _ in runs)
        count = requests(name, runs[0][2])
        print(f"{name:8} {seconds:9.2f} {seconds / own:8.2f}x {peak:7.0f} {count if count is not None else '-':>10}")


if __name__ == "__main__":
    main()
