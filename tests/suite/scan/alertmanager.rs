//! A real Alertmanager takes what is sent.

use super::delivery::spiking;
use super::server::Database;
use crate::binary::feed;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Stopped when the test ends, however it does.
struct Alertmanager(Child, u16);

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Alertmanager {
    fn start(folder: &std::path::Path) -> Self {
        let config = folder.join("alertmanager.yml");
        std::fs::write(&config, "route:\n  receiver: none\nreceivers:\n  - name: none\n").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let names = ["prometheus-alertmanager", "alertmanager"];
        let spawned = names.iter().find_map(|name| {
            let mut command = Command::new(name);
            command.arg(format!("--config.file={}", config.display()));
            command.arg(format!("--storage.path={}", folder.join("alerts").display()));
            command.args([format!("--web.listen-address=127.0.0.1:{port}"), "--cluster.listen-address=".to_owned()]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
        });
        let alertmanager = Alertmanager(spawned.expect("no Alertmanager; tests/run.sh installs it"), port);
        for _ in 0..400 {
            if alertmanager.get("/-/ready").is_some_and(|answer| answer.starts_with("HTTP/1.0 200")) {
                return alertmanager;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the Alertmanager does not come up");
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.1)).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

#[test]
fn an_alertmanager_has_the_alert() {
    let database = Database::new("alertmanager");
    spiking(&database);
    let folder = tempfile::tempdir().unwrap();
    let alertmanager = Alertmanager::start(folder.path());
    let url = format!("http://127.0.0.1:{}", alertmanager.1);
    let scan = database.scan(folder.path(), &["--as-of", "2026-06-01T12:05:00Z", "--alertmanager", &url]);
    let output = feed(scan, b"");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let alerts = alertmanager.get("/api/v2/alerts").unwrap();
    assert!(alerts.contains("dev_1"), "{alerts}");
}
