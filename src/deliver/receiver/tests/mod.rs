mod faults;
mod killed;
mod server;

use super::*;
use crate::deliver::store::Opened;
use crate::usage::state::Run;
use server::{Reply, Server, free_port};
use std::path::Path;

const HOUR_MS: i64 = 3_600_000;
const NOW_MS: i64 = 1_780_315_500_000;

const QUICK: Pace = Pace {
    attempts: 3,
    attempt_timeout: Duration::from_millis(400),
    first_wait: Duration::from_millis(5),
    budget: Duration::from_secs(20),
};

fn event(developer: &str) -> Event {
    let body = format!(r#"{{"event":"usage.anomaly.detected","developerId":"{developer}"}}"#);
    Event::new("", "mean5x", developer, 0..300_000, "usage.anomaly.detected", "2026-06-01T12:05:00.000Z", body)
}

fn id(developer: &str) -> String {
    event(developer).id
}

fn webhook(url: &str) -> Receiver {
    let secrets = vec![Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()];
    Receiver::webhook(url, WebhookStyle::Standard, secrets).unwrap().with_pace(QUICK)
}

fn ready(path: &Path) -> Store {
    match Store::open(path, Duration::ZERO) {
        Opened::Ready(store) => *store,
        Opened::Held => panic!("{} is held", path.display()),
    }
}

/// One run of a scan that finds these developers' events.
fn run(path: &Path, receivers: &[Receiver], developers: &[&str], now_ms: i64) -> (Vec<Delivery>, Vec<String>) {
    let mut store = ready(path);
    let events: Vec<Event> = developers.iter().map(|developer| event(developer)).collect();
    let keys: Vec<&str> = receivers.iter().map(Receiver::key).collect();
    let catch_up_ms = 24 * HOUR_MS;
    store.note_run(&Run { events: &events, receivers: &keys, watermark_ms: Some(now_ms), catch_up_ms, now_ms });
    let deliveries = deliver_pending(&mut store, receivers, now_ms);
    (deliveries, store.troubles().to_vec())
}

/// Delivered and pending of a run's only receiver, for a run without troubles.
fn counts((deliveries, troubles): &(Vec<Delivery>, Vec<String>)) -> (u64, u64) {
    assert_eq!(*troubles, [""; 0]);
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].pending > 0, !deliveries[0].messages.is_empty(), "{:?}", deliveries[0].messages);
    (deliveries[0].delivered, deliveries[0].pending)
}

fn state_file() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.json");
    (folder, path)
}

#[test]
fn an_event_is_sent_once_however_often_it_is_found() {
    let (_folder, path) = state_file();
    let server = Server::start(|_, _| Reply::Status(200));
    let receivers = [webhook(&server.url())];
    assert_eq!(counts(&run(&path, &receivers, &["a", "b"], NOW_MS)), (2, 0));
    assert_eq!(counts(&run(&path, &receivers, &["a", "b", "c"], NOW_MS + 300_000)), (1, 0));
    assert_eq!(server.ids(), [id("a"), id("b"), id("c")]);
    let request = &server.requests()[0];
    assert_eq!(request.body, event("a").body);
    assert_eq!(request.path, "/hook");
    assert_eq!(request.header("content-type"), Some("application/json"));
}

#[test]
fn a_standard_signature_fits_the_bytes_that_arrive() {
    let (_folder, path) = state_file();
    let server = Server::start(|_, _| Reply::Status(204));
    run(&path, &[webhook(&server.url())], &["a"], NOW_MS);
    let request = &server.requests()[0];
    let timestamp = request.header("webhook-timestamp").unwrap();
    let age_s = clock::now_ms() / 1000 - timestamp.parse::<i64>().unwrap();
    assert!((0..60).contains(&age_s), "{age_s}");
    let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let signed = secret.sign(&[request.id(), ".", timestamp, ".", &request.body]);
    use base64::Engine;
    let expected = format!("v1,{}", base64::engine::general_purpose::STANDARD.encode(signed));
    assert_eq!(request.header("webhook-signature"), Some(expected.as_str()));
}

#[test]
fn the_callora_style_sends_the_same_body_under_its_own_headers() {
    let (_folder, path) = state_file();
    let server = Server::start(|_, _| Reply::Status(200));
    let receiver = Receiver::webhook(&server.url(), WebhookStyle::Callora, vec![Secret::parse("s").unwrap()]).unwrap();
    run(&path, &[receiver], &["a"], NOW_MS);
    let request = &server.requests()[0];
    assert_eq!(request.body, event("a").body);
    assert_eq!(request.header("x-callora-event"), Some("usage.anomaly.detected"));
    assert_eq!(request.header("x-callora-timestamp"), Some("2026-06-01T12:05:00.000Z"));
    assert_eq!(request.header("x-callora-delivery"), Some(id("a").as_str()));
    assert_eq!(request.header("user-agent"), Some("Callora-Webhook/1.0"));
    let signature = request.header("x-callora-signature").unwrap();
    assert_eq!(signature, format!("sha256={}", hex(&Secret::parse("s").unwrap().sign_as_text(&[&request.body]))));
    assert_eq!(request.header("webhook-id"), None);
}

#[test]
fn an_alert_is_posted_to_the_api_under_the_given_url() {
    let (_folder, path) = state_file();
    let server = Server::start(|_, _| Reply::Status(200));
    let receiver = Receiver::alertmanager(&format!("http://127.0.0.1:{}/am/", server.port)).unwrap();
    assert_eq!(counts(&run(&path, &[receiver], &["a"], NOW_MS)), (1, 0));
    let request = &server.requests()[0];
    assert_eq!(request.path, "/am/api/v2/alerts");
    assert!(
        request.body.starts_with(r#"[{"labels":{"alertname":"LearnUsageSpike","developer":"a""#),
        "{}",
        request.body
    );
}

#[test]
fn a_url_s_user_is_sent_and_its_secrets_stand_in_no_message() {
    let (_folder, path) = state_file();
    let server = Server::start(|_, _| Reply::Status(403));
    let url = format!("http://user:pass0@127.0.0.1:{}/path0?token=query0", server.port);
    let receivers = [webhook(&url)];
    let (deliveries, troubles) = run(&path, &receivers, &["a"], NOW_MS);
    let request = &server.requests()[0];
    // printf user:pass0 | base64
    assert_eq!(request.header("authorization"), Some("Basic dXNlcjpwYXNzMA=="));
    assert_eq!(request.path, "/path0?token=query0");
    let said = format!("{deliveries:?} {troubles:?} {receivers:?} {}", std::fs::read_to_string(&path).unwrap());
    assert!(
        said.contains(&format!("webhook http://127.0.0.1:{}: 1 event not delivered: it answered 403", server.port))
    );
    for secret in ["pass0", "path0", "query0", "MfKQ"] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}

#[test]
fn a_key_tells_receivers_apart_and_outlives_a_change_of_password() {
    let key = |url: &str| webhook(url).key().to_owned();
    assert_eq!(key("https://a:b@host/x?y"), key("https://c@host/x?y"));
    let callora = Receiver::webhook("https://host/x?y", WebhookStyle::Callora, Vec::new()).unwrap().key().to_owned();
    let mut keys = vec![key("https://host/x?y"), key("https://host/x?z"), key("https://host/x"), callora];
    keys.push(Receiver::alertmanager("https://host/x").unwrap().key().to_owned());
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 5);
}

#[test]
fn a_receiver_that_is_named_twice_is_told_once() {
    let (_folder, path) = state_file();
    let server = Server::start(|_, _| Reply::Status(200));
    let (deliveries, _) = run(&path, &[webhook(&server.url()), webhook(&server.url())], &["a"], NOW_MS);
    assert_eq!(deliveries.len(), 1);
    assert_eq!(server.ids(), [id("a")]);
}
