//! Connections over TCP, with TLS and without, to a server that asks for the one or the other.

use super::server::Server;
use crate::binary::{LEARN, feed, isolated};
use std::net::TcpListener;

/// An authority, a certificate of it for `localhost` alone, and an authority that has nothing to do with either.
const CERTIFICATES: &str = "
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj \"/CN=$1\" \\
    -addext basicConstraints=critical,CA:TRUE -keyout \"$1.key\" -out \"$1.pem\"
}
authority right
authority wrong
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server -keyout server.key -out server.csr
printf 'subjectAltName=DNS:localhost\\n' >server.ext
openssl x509 -req -in server.csr -CA right.pem -CAkey right.key -CAcreateserial -days 2 -extfile server.ext -out server.pem
chmod 600 server.key
cp right.pem wrong.pem ..
chmod 644 ../right.pem ../wrong.pem
";

/// `over_tls` may not come in without TLS, `plain` not with it.
const LOGINS: &str = "local all all trust
hostssl all over_tls 127.0.0.1/32 scram-sha-256
hostnossl all plain 127.0.0.1/32 trust
";

struct Tcp {
    server: Server,
    port: u16,
}

impl Tcp {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let port_setting = format!("port={port}");
        let tls = ["listen_addresses=127.0.0.1", "ssl=on", "ssl_cert_file=server.pem", "ssl_key_file=server.key"];
        let settings: Vec<&str> = tls.into_iter().chain([port_setting.as_str()]).collect();
        let server = Server::start(CERTIFICATES, LOGINS, &settings);
        let sql = "CREATE TABLE usage_events (developer_id text, created_at timestamptz);
                   INSERT INTO usage_events SELECT 'dev', '2026-06-01T12:01:00Z' FROM generate_series(1, 20);
                   CREATE ROLE over_tls LOGIN PASSWORD 'hunter2'; CREATE ROLE plain LOGIN;
                   GRANT SELECT ON usage_events TO over_tls, plain;";
        server.run_psql("postgres", sql).unwrap();
        Tcp { server, port }
    }

    /// Scans as `user`, a password behind a colon; the exit code, how many events came out, and what was said.
    fn scan(&self, host: &str, user: &str, options: &str) -> (Option<i32>, usize, String) {
        let url = format!("postgres://{user}@{host}:{}/postgres?{options}", self.port);
        scan(&[("DATABASE_URL", &url)])
    }

    fn certificate(&self, name: &str) -> String {
        self.server.folder.join(name).display().to_string()
    }
}

fn scan(variables: &[(&str, &str)]) -> (Option<i32>, usize, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = isolated(LEARN, folder.path());
    command.args(["scan-usage", "--as-of", "2026-06-01T12:05:00Z", "-f", "ndjson"]).envs(variables.iter().copied());
    let output = feed(command, b"");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!error.contains("hunter2"), "{error}");
    (output.status.code(), String::from_utf8(output.stdout).unwrap().lines().count(), error)
}

#[test]
fn a_connection_is_as_safe_as_was_asked_for() {
    let tcp = Tcp::start();
    let works = |host: &str, user: &str, options: &str| {
        let (code, events, error) = tcp.scan(host, user, options);
        assert_eq!((code, events), (Some(0), 1), "{host} {user} {options}: {error}");
    };
    let fails = |host: &str, user: &str, options: &str, expected: &[&str]| {
        let (code, events, error) = tcp.scan(host, user, options);
        assert_eq!((code, events), (Some(2), 0), "{host} {user} {options}: {error}");
        expected.iter().for_each(|part| assert!(error.contains(part), "{host} {options}: no {part:?} in {error}"));
    };
    let safe = "over_tls:hunter2";
    works("127.0.0.1", "plain", "sslmode=disable");
    fails("127.0.0.1", "plain", "sslmode=require", &["SSL encryption", "pg_hba.conf"]);
    fails("127.0.0.1", safe, "sslmode=disable", &["no encryption", "pg_hba.conf"]);
    works("127.0.0.1", safe, "");
    works("127.0.0.1", safe, "sslmode=require");
    fails("127.0.0.1", "over_tls:wrong", "sslmode=require", &["password authentication failed"]);
    let [right, wrong] = ["right.pem", "wrong.pem"].map(|name| format!("sslrootcert={}", tcp.certificate(name)));
    // The certificate is for localhost alone.
    works("localhost", safe, &format!("sslmode=verify-full&{right}"));
    fails("127.0.0.1", safe, &format!("sslmode=verify-full&{right}"), &["certificate", "sslmode"]);
    works("127.0.0.1", safe, &format!("sslmode=verify-ca&{right}"));
    for mode in ["sslmode=verify-full", "sslmode=verify-ca"] {
        fails("localhost", safe, &format!("{mode}&{wrong}"), &["certificate", "sslrootcert or PGSSLROOTCERT"]);
        fails("localhost", safe, mode, &["certificate", "sslrootcert or PGSSLROOTCERT"]);
    }
    fails("localhost", safe, "sslmode=verify-full&sslrootcert=/nowhere/ca.pem", &["No such file", "sslrootcert"]);
}

#[test]
fn the_variables_of_psql_ask_for_the_same() {
    let tcp = Tcp::start();
    let port = tcp.port.to_string();
    let with_root = |name: &str| {
        scan(&[
            ("PGHOST", "localhost"),
            ("PGPORT", &port),
            ("PGUSER", "over_tls"),
            ("PGPASSWORD", "hunter2"),
            ("PGDATABASE", "postgres"),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", &tcp.certificate(name)),
        ])
    };
    let (code, events, error) = with_root("right.pem");
    assert_eq!((code, events), (Some(0), 1), "{error}");
    let (code, events, error) = with_root("wrong.pem");
    assert_eq!((code, events), (Some(2), 0), "{error}");
}
