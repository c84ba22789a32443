//! The key in Redis that running services read when they start.
//!
//! `RedisStorageAdapter` of `@backendkit-labs/auto-learning` 0.3.1 reads a string, JSON, at its prefix and `config`, and
//! writes it with SETEX. No message here holds a password: only the server's host, port and database are shown.

use anyhow::{Context, anyhow, bail};
use redis::{Connection, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError, TypedCommands};
use std::fmt;
use std::time::Duration;

const SCHEMES: [&str; 4] = ["redis://", "rediss://", "unix://", "redis+unix://"];

/// Whether a text names a Redis and no file.
pub(crate) fn is_redis_url(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.starts_with(scheme))
}

/// A password; shows that there is one, never what it is.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisPassword(String);

impl From<String> for RedisPassword {
    fn from(text: String) -> Self {
        RedisPassword(text)
    }
}

impl fmt::Debug for RedisPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RedisPassword")
    }
}

/// A key on a server.
pub struct RedisPlan {
    info: ConnectionInfo,
    server: String,
    key: String,
    timeout: Duration,
}

/// Shows what messages may show.
impl fmt::Debug for RedisPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name())
    }
}

/// What is wrong with a URL, in words that do not repeat it: a password may be anywhere in a broken one.
fn unlike_redis_url(url: &str) -> Option<&'static str> {
    if url.trim().is_empty() {
        return Some("is empty");
    }
    let Some((_, rest)) = url.split_once("://") else { return Some("has no scheme") };
    if !is_redis_url(url) {
        return Some("has a scheme that is not Redis's");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let is_network = url.starts_with("redis://") || url.starts_with("rediss://");
    (is_network && (host.is_empty() || host.starts_with(':'))).then_some("has no host")
}

impl RedisPlan {
    /// The key at a URL; `password` is for a URL that has none.
    ///
    /// # Errors
    /// A text that is no such URL; the message does not repeat it.
    pub fn new(
        url: &str,
        password: Option<&RedisPassword>,
        key: String,
        timeout: Duration,
    ) -> anyhow::Result<RedisPlan> {
        const EXPECTED: &str = "expected for example redis://host:6379/0, rediss://host or unix:///run/redis.sock";
        if let Some(reason) = unlike_redis_url(url) {
            bail!("the Redis URL {reason}; {EXPECTED}");
        }
        // What the parser says may quote the URL.
        let info =
            url.into_connection_info().ok().with_context(|| format!("the Redis URL cannot be read; {EXPECTED}"))?;
        let server = shown(&info);
        let settings = info.redis_settings().clone();
        let info = match password.filter(|_| settings.password().is_none()) {
            Some(password) => info.set_redis_settings(settings.set_password(&password.0)),
            None => info,
        };
        Ok(RedisPlan { info, server, key, timeout })
    }

    /// Server and key, as messages show them.
    pub fn name(&self) -> String {
        format!("{} {}", self.server, self.key)
    }

    /// Connects and logs in.
    ///
    /// # Errors
    /// No server there, no answer in time, a refused password, a broken TLS.
    pub fn connect(&self) -> anyhow::Result<RedisKey<'_>> {
        let connect = || {
            let client = redis::Client::open(self.info.clone())?;
            let connection = client.get_connection_with_timeout(self.timeout)?;
            connection.set_read_timeout(Some(self.timeout))?;
            connection.set_write_timeout(Some(self.timeout))?;
            Ok(connection)
        };
        let connection = connect().map_err(|error| self.explain("cannot connect to", &error))?;
        Ok(RedisKey { plan: self, connection })
    }

    fn explain(&self, doing: &str, error: &RedisError) -> anyhow::Error {
        let (server, seconds) = (&self.server, self.timeout.as_secs_f64());
        let is_tls = matches!(self.info.addr(), ConnectionAddr::TcpTls { .. });
        let reason = match (error.kind(), error.code()) {
            _ if error.is_timeout() => {
                format!("no answer within {seconds} s; check the network, or give it more time with --redis-timeout")
            }
            (_, Some("WRONGTYPE")) => {
                format!("the key {} holds no string; give the services' --prefix, or delete the key", self.key)
            }
            (_, Some("NOAUTH" | "WRONGPASS")) | (ErrorKind::AuthenticationFailed, _) => {
                "it wants another user or password; give them in the URL (LEARN_REDIS_URL), or the password in \
                 REDISCLI_AUTH"
                    .to_owned()
            }
            (_, Some("NOPERM")) => format!("its user may not use the key {}; grant it GET and SETEX", self.key),
            (_, Some("READONLY")) => "it is a replica; give the primary".to_owned(),
            (_, Some(code)) => format!("it answered {code}"),
            _ if error.is_connection_refusal() => "connection refused; is Redis running there?".to_owned(),
            _ if is_tls => {
                "no TLS connection; check the certificate, or use redis:// for a server without TLS".to_owned()
            }
            (ErrorKind::Io, _) => "the connection broke off or cannot be made; check host and port, and use rediss:// \
                                   for a server with TLS"
                .to_owned(),
            _ => "its answer cannot be understood; is it a Redis?".to_owned(),
        };
        anyhow!("{doing} {server}: {reason}")
    }
}

fn shown(info: &ConnectionInfo) -> String {
    let database = info.redis_settings().db();
    match info.addr() {
        ConnectionAddr::Tcp(host, port) => format!("redis://{host}:{port}/{database}"),
        ConnectionAddr::TcpTls { host, port, .. } => format!("rediss://{host}:{port}/{database}"),
        ConnectionAddr::Unix(path) => format!("unix://{}?db={database}", path.display()),
        _ => "Redis".to_owned(),
    }
}

/// A key on a server that is connected to.
pub struct RedisKey<'a> {
    plan: &'a RedisPlan,
    connection: Connection,
}

impl RedisKey<'_> {
    /// What the key holds; `None`: there is no key.
    ///
    /// # Errors
    /// A key of another type, a lost connection.
    pub fn read(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let value = redis::cmd("GET").arg(&self.plan.key).query(&mut self.connection);
        value.map_err(|error| self.plan.explain("cannot read from", &error))
    }

    /// Replaces what the key holds, as the package does.
    ///
    /// # Errors
    /// A user or server that does not write, a lost connection.
    pub fn write(&mut self, value: &[u8], ttl_s: u64) -> anyhow::Result<()> {
        let written = self.connection.set_ex(&self.plan.key, value, ttl_s);
        written.map_err(|error| self.plan.explain("cannot write to", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(url: &str) -> anyhow::Result<RedisPlan> {
        RedisPlan::new(url, None, "auto-learning:config".to_owned(), Duration::from_secs(1))
    }

    #[test]
    fn a_name_has_no_password() {
        for (url, name) in [
            ("redis://host", "redis://host:6379/0"),
            ("rediss://user:secret@host:7000/3", "rediss://host:7000/3"),
            ("redis://:secret@host", "redis://host:6379/0"),
            ("unix:///run/redis.sock?db=2&pass=secret", "unix:///run/redis.sock?db=2"),
        ] {
            assert_eq!(format!("{:?}", plan(url).unwrap()), format!("{name} auto-learning:config"));
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_named() {
        for (url, reason) in [
            (" ", "is empty"),
            ("host:6379", "has no scheme"),
            ("http://host", "has a scheme that is not Redis's"),
            ("redis://", "has no host"),
            ("redis:///0", "has no host"),
            ("rediss://user:x@:6379/0", "has no host"),
            ("redis://host:port", "cannot be read"),
        ] {
            let message = format!("{:#}", plan(url).unwrap_err());
            assert!(message.starts_with(&format!("the Redis URL {reason}; expected for example")), "{message}");
        }
        assert!(plan("redis://[::1]:6379").is_ok() && plan("unix:///x").is_ok());
    }

    #[test]
    fn what_is_no_url_is_not_repeated() {
        for text in
            ["redis://secret@/x/y", "redis://", "http://secret@host", "secret", "redis://h:secret", "redis://h/secret"]
        {
            let message = format!("{:#}", plan(text).unwrap_err());
            assert!(message.contains("redis://host") && !message.contains("secret"), "{message}");
        }
    }
}
