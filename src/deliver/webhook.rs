//! An event as a webhook: the headers around the body, which both styles share.
//!
//! Sources: Standard Webhooks 1.0.0, and the delivery of the original usage detector (CalloraOrg).

use super::secret::Secret;
use crate::usage::state::{Event, hex};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Whose headers a webhook carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookStyle {
    /// Standard Webhooks 1.0.0.
    Standard,
    /// The original usage detector's.
    Callora,
}

impl WebhookStyle {
    /// The name of the style, as the user gives it.
    pub fn name(self) -> &'static str {
        match self {
            WebhookStyle::Standard => "standard",
            WebhookStyle::Callora => "callora",
        }
    }

    /// The headers of an attempt at `now_s`, seconds since the epoch. Without a secret it goes unsigned; the Callora
    /// style has room for one signature, that of the first secret.
    pub(super) fn headers(self, secrets: &[Secret], event: &Event, now_s: i64) -> Vec<(&'static str, String)> {
        match self {
            WebhookStyle::Standard => standard_headers(secrets, event, &now_s.to_string()),
            WebhookStyle::Callora => callora_headers(secrets.first(), event),
        }
    }
}

fn standard_headers(secrets: &[Secret], event: &Event, now_s: &str) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("webhook-id", event.id.clone()),
        ("webhook-timestamp", now_s.to_owned()),
        ("user-agent", concat!("learn/", env!("CARGO_PKG_VERSION")).to_owned()),
    ];
    let signed = [event.id.as_str(), ".", now_s, ".", &event.body];
    let signatures = secrets.iter().map(|secret| format!("v1,{}", STANDARD.encode(secret.sign(&signed))));
    let signatures: Vec<String> = signatures.collect();
    if !signatures.is_empty() {
        headers.push(("webhook-signature", signatures.join(" ")));
    }
    headers
}

fn callora_headers(secret: Option<&Secret>, event: &Event) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("x-callora-event", event.name.clone()),
        ("x-callora-timestamp", event.timestamp.clone()),
        ("x-callora-delivery", event.id.clone()),
        ("user-agent", "Callora-Webhook/1.0".to_owned()),
    ];
    if let Some(secret) = secret {
        let signature = hex(&secret.sign_as_text(&[&event.body]));
        headers.push(("x-callora-signature", format!("sha256={signature}")));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, body: &str) -> Event {
        let mut event =
            Event::new("", "mean5x", "dev", 0..300_000, "usage.anomaly.detected", "the time", body.to_owned());
        event.id = id.to_owned();
        event
    }

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().map(|text| Secret::parse(text).unwrap()).collect()
    }

    fn header<'a>(headers: &'a [(&str, String)], name: &str) -> Option<&'a str> {
        headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
    }

    /// The vector that the libraries of standardwebhooks.com test with. The same by another way:
    /// `printf '<id>.<timestamp>.<body>' | openssl dgst -sha256 -mac HMAC -macopt hexkey:<key> -binary | base64`.
    #[test]
    fn standard_signatures_are_those_of_the_specification() {
        let event = event("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#);
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

        let headers = WebhookStyle::Standard.headers(&secrets(&[secret]), &event, 1_614_265_330);
        assert_eq!(header(&headers, "webhook-id"), Some("msg_p5jXN8AQM9LWM0D4loKWxJek"));
        assert_eq!(header(&headers, "webhook-timestamp"), Some("1614265330"));
        assert_eq!(header(&headers, "webhook-signature"), Some(signature));

        // printf … | openssl dgst -sha256 -hmac old -binary | base64
        let rotated = WebhookStyle::Standard.headers(&secrets(&[secret, "old"]), &event, 1_614_265_330);
        assert_eq!(
            header(&rotated, "webhook-signature"),
            Some(format!("{signature} v1,CcMrCYxu2nGkW3RMERBdyXGTc/4IIfNEPUPNJdo5PWg=").as_str())
        );

        let unsigned = WebhookStyle::Standard.headers(&[], &event, 1_614_265_330);
        assert_eq!(header(&unsigned, "webhook-signature"), None);
    }

    #[test]
    fn callora_headers_are_those_of_the_original() {
        let event = event("evt_1", "{}");
        let headers = WebhookStyle::Callora.headers(&secrets(&["whsec_AQID", "second"]), &event, 1);
        assert_eq!(
            headers,
            [
                ("x-callora-event", "usage.anomaly.detected".to_owned()),
                ("x-callora-timestamp", "the time".to_owned()),
                ("x-callora-delivery", "evt_1".to_owned()),
                ("user-agent", "Callora-Webhook/1.0".to_owned()),
                // printf '{}' | openssl dgst -sha256 -hmac whsec_AQID
                (
                    "x-callora-signature",
                    "sha256=ec29f31ce35a4c8e1c5e81fb9fb1b5e4d7e239f3367c2fd684068bfc43d45518".to_owned()
                ),
            ]
        );
    }
}
