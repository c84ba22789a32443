//! Handing a config over: the published package loads what `learn` wrote, from a file and from a real Redis of the suite's
//! own, and a shell script decides by the exit codes of `learn diff` as CI would.

use crate::binary::{LEARN, feed, isolated};
use crate::fixture;
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A Redis server on a port that was free, gone with this process.
struct Redis {
    url: String,
    port: String,
    /// Its standard input keeps the server alive: when this process ends, however it ends, the pipe closes and the shell
    /// that waits for that stops the server.
    _keeper: Child,
    _folder: tempfile::TempDir,
}

const KEEPER: &str = r#"
redis-server --port "$1" --bind 127.0.0.1 --save '' --dir "$2" --requirepass secret-of-the-suite >"$2/log" 2>&1 </dev/null &
for _ in $(seq 200); do
  if redis-cli -p "$1" -a secret-of-the-suite --no-auth-warning ping 2>/dev/null | grep -q PONG; then break; fi
  sleep 0.05
done
echo started
cat >/dev/null
kill $! && wait $!
"#;

impl Redis {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper", &port.to_string()]).arg(folder.path());
        let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut word = [0; 8];
        keeper.stdout.as_mut().unwrap().read_exact(&mut word).unwrap();
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        let url = format!("redis://:secret-of-the-suite@127.0.0.1:{port}");
        let redis = Redis { url, port: port.to_string(), _keeper: keeper, _folder: folder };
        assert_eq!(redis.ask(&["ping"]), "PONG", "no Redis (`bash tests/run.sh` installs it):\n{log}");
        redis
    }

    fn ask(&self, command: &[&str]) -> String {
        let login = ["--no-auth-warning", "-a", "secret-of-the-suite", "-p", &self.port];
        let output = Command::new("redis-cli").args(login).args(command).output();
        String::from_utf8(output.unwrap().stdout).unwrap().trim_end().to_owned()
    }
}

/// `learn` in a folder.
fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = isolated(LEARN, folder);
    command.args(args);
    feed(command, b"")
}

fn succeed(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with the fixture's log and the config that it supports.
fn folder_with_config() -> (tempfile::TempDir, Value) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("access.log"), fixture::access_log()).unwrap();
    succeed(folder.path(), &["replay", "access.log", "-f", "config", "-o", "tunable.json", "--rules", "evidence"]);
    let config = serde_json::from_slice(&std::fs::read(folder.path().join("tunable.json")).unwrap()).unwrap();
    (folder, config)
}

/// What the published package loads.
fn package_loads(args: &[&str]) -> Value {
    package_says("storage.mjs", args)
}

fn package_says(driver: &str, args: &[&str]) -> Value {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle").join(driver);
    let output = Command::new("node").arg(driver).args(args).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the driver failed (`bash tests/run.sh` installs what it needs):\n{stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_package_loads_the_config_from_a_file() {
    let (folder, config) = folder_with_config();
    assert_eq!(package_loads(&["file", folder.path().join("tunable.json").to_str().unwrap()]), config);
}

/// A config with this value of the breaker or the bulkhead.
fn config_with(pointer: &str, value: f64) -> String {
    let mut config = json!({
        "circuitBreaker": { "failureThreshold": 50, "openTimeoutMs": 30_000 },
        "bulkhead": { "maxConcurrentCalls": 10 },
        "httpClient": { "timeoutMs": 10_000, "maxRetries": 3 }
    });
    *config.pointer_mut(pointer).unwrap() = json!(value);
    config.to_string()
}

/// `learn` takes the values that the packages can run with, and no others.
#[test]
fn bounds_are_those_of_the_packages() {
    let folder = tempfile::tempdir().unwrap();
    for (pointer, values) in [
        ("/circuitBreaker/failureThreshold", [-1.0, -0.001, 0.0, 100.0, 100.001, 1e300]),
        ("/circuitBreaker/openTimeoutMs", [-1.0, 0.0, 0.999, 1.0, 1.5, 1e300]),
        ("/bulkhead/maxConcurrentCalls", [-1.0, -0.5, 0.0, 1.0, 1.5, 1e300]),
    ] {
        for value in values {
            let config = config_with(pointer, value);
            std::fs::write(folder.path().join("config.json"), &config).unwrap();
            let taken = run(folder.path(), &["diff", "config.json", "config.json"]).status.code();
            let runs = package_says("bounds.mjs", &[&config]);
            assert_eq!(taken == Some(0), runs == json!(true), "{pointer} = {value}: {taken:?}, {runs}");
        }
    }
}

#[test]
fn the_package_loads_the_config_from_redis() {
    let (folder, config) = folder_with_config();
    let redis = Redis::start();
    let said = succeed(folder.path(), &["publish", "tunable.json", &redis.url, "--dry-run"]);
    assert!(said.contains("httpClient.timeoutMs") && !said.contains("secret-of-the-suite"), "{said}");
    assert_eq!(redis.ask(&["keys", "*"]), "");

    succeed(folder.path(), &["publish", "tunable.json", &redis.url]);
    assert_eq!(package_loads(&["redis", &redis.url]), config);
    let ttl: i64 = redis.ask(&["ttl", "auto-learning:config"]).parse().unwrap();
    assert!((2_591_900..=2_592_000).contains(&ttl), "{ttl}");

    succeed(folder.path(), &["publish", "tunable.json", &redis.url, "--prefix", "shop:", "--ttl", "1h"]);
    assert_eq!(package_loads(&["redis", &redis.url, "shop:"]), config);
    let ttl: i64 = redis.ask(&["ttl", "shop:config"]).parse().unwrap();
    assert!((3_500..=3_600).contains(&ttl), "{ttl}");

    // What services read is what a diff reads, and a publication shows what it replaces.
    succeed(folder.path(), &["diff", &redis.url, "tunable.json"]);
    let mut other = config.clone();
    other["httpClient"]["timeoutMs"] = json!(1234);
    std::fs::write(folder.path().join("other.json"), other.to_string()).unwrap();
    assert_eq!(run(folder.path(), &["diff", &redis.url, "other.json"]).status.code(), Some(1));
    let said = succeed(folder.path(), &["publish", "other.json", &redis.url]);
    assert!(said.contains("1 234") && said.contains("4 220"), "{said}");
    assert_eq!(package_loads(&["redis", &redis.url])["httpClient"]["timeoutMs"], 1234);
}

#[test]
fn what_redis_refuses_is_told_without_the_password() {
    let (folder, _) = folder_with_config();
    let redis = Redis::start();
    let wrong = redis.url.replace("secret-of-the-suite", "a-wrong-secret");
    redis.ask(&["lpush", "list:config", "x"]);
    for args in [
        vec!["publish", "tunable.json", &wrong],
        vec!["publish", "tunable.json", &redis.url, "--prefix", "list:"],
        vec!["diff", &redis.url, "tunable.json", "--prefix", "absent:"],
        vec!["publish", "tunable.json", "redis://127.0.0.1:1"],
    ] {
        let output = run(folder.path(), &args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.starts_with("learn: ") && !said.contains("secret"), "{args:?}: {said}");
    }
    assert_eq!(redis.ask(&["type", "list:config"]), "list");
}

/// What a pipeline would do: go on, or stop with the exit code of the step.
const PIPELINE: &str = r#"
code() { "$@" >/dev/null 2>&1; echo $?; }
sed 's/"timeoutMs": [0-9.]*/"timeoutMs": 4400/' tunable.json >near.json
sed 's/"timeoutMs": [0-9.]*/"timeoutMs": 9000/' tunable.json >far.json
sed 's/"timeoutMs"/"timeoutMS"/' tunable.json >odd.json
head -c 20 tunable.json >broken.json
code "$LEARN" diff tunable.json tunable.json
code "$LEARN" diff tunable.json near.json --tolerance 10%
code "$LEARN" diff tunable.json far.json --tolerance 10%
code "$LEARN" diff tunable.json none.json
code "$LEARN" diff tunable.json broken.json
code "$LEARN" diff tunable.json odd.json
code "$LEARN" diff tunable.json access.log --rules evidence
"#;

#[test]
fn a_pipeline_goes_by_the_exit_codes_of_diff() {
    let (folder, _) = folder_with_config();
    let mut command = isolated("sh", folder.path());
    command.args(["-c", PIPELINE]).env("LEARN", LEARN);
    let codes = String::from_utf8(feed(command, b"").stdout).unwrap();
    assert_eq!(codes.lines().collect::<Vec<_>>(), ["0", "0", "1", "2", "2", "2", "0"]);
}
