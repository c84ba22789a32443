//! One POST and what its answer means for a delivery.
//!
//! An address may hold secrets in its user part, path and query: nothing here shows more of it than scheme, host and
//! port, and no text of an answer reaches a message.

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;
use ureq::http::{Response, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// Bytes of an answer that are read so that its connection can be used again.
const ANSWER_BYTES: u64 = 4096;

/// How long those bytes are waited for: the answer's status has said everything by then.
const ANSWER_WAIT: Duration = Duration::from_secs(1);

/// Where to post.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Without user and fragment.
    url: String,
    /// Scheme, host and port.
    origin: String,
    /// `Basic …`, when the URL names a user.
    authorization: Option<String>,
}

/// Shows no more than [`Address::origin`].
impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.origin)
    }
}

impl Address {
    /// Reads an `http` or `https` URL.
    ///
    /// # Errors
    /// Anything else; the message does not repeat it.
    pub(super) fn parse(text: &str) -> anyhow::Result<Address> {
        // What the parser says may quote the URL.
        let uri: Uri = text.parse().ok().context("not a URL; expected for example https://host/path")?;
        let scheme = match uri.scheme_str() {
            Some(scheme @ ("http" | "https")) => scheme,
            _ => bail!("not a URL that begins with http:// or https://"),
        };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if host.is_empty() {
            bail!("the URL names no host");
        }
        let origin = format!("{scheme}://{host}");
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Ok(Address { url: format!("{origin}{target}"), origin, authorization: user.map(basic_authorization) })
    }

    /// The address with a path added to its own.
    pub(super) fn join(mut self, path: &str) -> Address {
        let (base, query) = match self.url.split_once('?') {
            Some((base, query)) => (base, format!("?{query}")),
            None => (self.url.as_str(), String::new()),
        };
        let base = base.trim_end_matches('/');
        let base = base.strip_suffix(path).unwrap_or(base);
        self.url = format!("{base}{path}{query}");
        self
    }

    /// The URL without its user.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What may be shown.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }
}

fn basic_authorization(user: &str) -> String {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let mut decoded: Vec<u8> = percent_decode_str(name).collect();
    decoded.push(b':');
    decoded.extend(percent_decode_str(password));
    format!("Basic {}", STANDARD.encode(decoded))
}

/// What an answer, or its absence, means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The receiver has it.
    Taken,
    /// It may work later; not before `wait`, if the receiver said so.
    Later {
        /// What happened.
        reason: String,
        /// The receiver's `Retry-After`.
        wait: Option<Duration>,
    },
    /// It will not work before someone changes something.
    Refused(String),
    /// The receiver wants nothing any more.
    Gone,
}

/// An agent that waits `timeout` for a whole exchange, follows no redirect and trusts what the system trusts.
pub(super) fn agent(timeout: Duration) -> Agent {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(timeout))
        .timeout_recv_body(Some(ANSWER_WAIT.min(timeout)));
    config.build().new_agent()
}

/// Posts a JSON body.
pub(super) fn post(agent: &Agent, address: &Address, headers: &[(&'static str, String)], body: &str) -> Answer {
    let mut request = agent.post(&address.url).content_type("application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    if let Some(authorization) = &address.authorization {
        request = request.header("authorization", authorization);
    }
    match request.send(body) {
        Ok(response) => answer(response),
        Err(error) => failure(&error),
    }
}

fn answer(response: Response<Body>) -> Answer {
    let status = response.status().as_u16();
    match status {
        200..=299 => {
            // Taken is taken, whatever becomes of the rest.
            let _ = response.into_body().into_with_config().limit(ANSWER_BYTES).read_to_vec();
            Answer::Taken
        }
        300..=399 => Answer::Refused(format!("it answered {status}, a redirect; give the URL that it leads to")),
        410 => Answer::Gone,
        408 | 425 | 429 | 500..=599 => {
            Answer::Later { reason: format!("it answered {status}"), wait: retry_after(&response) }
        }
        _ => Answer::Refused(format!("it answered {status}")),
    }
}

/// `Retry-After` in seconds; its other form, a date, is left to the usual waits.
fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn failure(error: &ureq::Error) -> Answer {
    use ureq::Error;
    let reason = match error {
        Error::Timeout(_) => "it did not answer in time".to_owned(),
        Error::HostNotFound => "its host name is unknown".to_owned(),
        // How the TLS layer says that it does not trust the receiver, or that the receiver speaks no TLS.
        Error::Io(error) if error.kind() == ErrorKind::InvalidData => return Answer::Refused(error.to_string()),
        Error::Io(error) => error.to_string(),
        Error::Protocol(_) => "its answer is not HTTP".to_owned(),
        Error::ConnectionFailed => "it cannot be connected to".to_owned(),
        Error::Rustls(error) => return Answer::Refused(format!("TLS: {error}")),
        Error::Tls(reason) => return Answer::Refused(format!("TLS: {reason}")),
        Error::InvalidProxyUrl => return Answer::Refused("the proxy in the environment is not a URL".to_owned()),
        Error::Http(_) | Error::BadUri(_) => return Answer::Refused("the request cannot be made".to_owned()),
        // The text of the others may quote the URL.
        _ => "the request failed".to_owned(),
    };
    Answer::Later { reason, wait: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_hides_its_secrets_and_sends_them() {
        let address = Address::parse("https://us%40er:pa%3Ass@host:8443/hook/T0KEN?key=value").unwrap();
        assert_eq!(address.url(), "https://host:8443/hook/T0KEN?key=value");
        assert_eq!(address.origin(), "https://host:8443");
        // printf 'us@er:pa:ss' | base64
        assert_eq!(address.authorization.as_deref(), Some("Basic dXNAZXI6cGE6c3M="));
        assert_eq!(format!("{address:?}"), "https://host:8443");
        assert_eq!(Address::parse("http://[::1]").unwrap().url(), "http://[::1]/");
    }

    #[test]
    fn what_is_no_url_is_not_repeated() {
        for text in [
            "",
            "host/secret",
            "ftp://secret@host/",
            "https://",
            "http://secret host/",
            "/secret",
            "http://user:secret@/",
        ] {
            let message = format!("{:#}", Address::parse(text).unwrap_err());
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn a_path_is_added_once_and_before_the_query() {
        for (url, expected) in [
            ("http://am:9093", "http://am:9093/api/v2/alerts"),
            ("http://am:9093/", "http://am:9093/api/v2/alerts"),
            ("http://am/prefix/?a=b", "http://am/prefix/api/v2/alerts?a=b"),
            ("http://am/api/v2/alerts", "http://am/api/v2/alerts"),
        ] {
            assert_eq!(Address::parse(url).unwrap().join("/api/v2/alerts").url(), expected);
        }
    }
}
