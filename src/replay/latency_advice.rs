//! How a log that has no latency would get one: what to add to which format.
//!
//! What was read goes in, a sentence out. It must not know how anything is tuned.

use crate::report::{Input, LatencyHint};

const NGINX: &str = "add it to nginx's format, for example log_format timed '$remote_addr - $remote_user [$time_local] \
                     \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\" rt=$request_time \
                     urt=$upstream_response_time';";
const NGINX_JSON: &str = "add it to nginx's format, for example \"request_time\":\"$request_time\"";
const APACHE: &str = "add %D (microseconds) to the end of Apache's LogFormat";
const JSON: &str =
    "have it logged, for example as `durationMs`, or name the field that holds it: --field duration=NAME@ms";
const LTSV: &str = "have it logged, for example as reqtime:0.057 (in nginx reqtime:$request_time), or name the label that \
                    holds it: --field duration=NAME@s";
const W3C: &str = "add the column time-taken (in IIS under Logging, Select Fields)";
const OTHER: &str = "have the server log how long each request took; learn formats lists the formats that hold it";

/// Why there is no latency in what was read, by the first input with a request, and what to do.
pub(super) fn no_latency(inputs: &[Input]) -> String {
    let Some(input) = inputs.iter().find(|input| input.requests > 0) else {
        return format!("the log has no latency; {OTHER}");
    };
    if let Some(field) = &input.latency_field {
        let field = field.escape_debug();
        return format!(
            "no request has a latency: `{field}` is empty in all of them, or they are long connections; name another field \
             with --field duration=NAME"
        );
    }
    let format = input.format.as_str();
    if let Some(hint @ LatencyHint::NoNumber { .. }) = &input.latency_hint {
        return format!("the log has no latency that can be read: {hint}; have the number logged without its unit");
    }
    let remedy = match format {
        _ if format.contains("JSON lines") => {
            if format.starts_with("nginx") {
                NGINX_JSON
            } else {
                JSON
            }
        }
        // Apache writes these two as well.
        _ if format.starts_with("nginx combined") || format.starts_with("nginx common") => {
            return format!("the log has no latency; {NGINX} or {APACHE}");
        }
        _ if format.starts_with("nginx") => NGINX,
        _ if format.starts_with("Apache") => APACHE,
        _ if format.starts_with("LTSV") => LTSV,
        _ if format.starts_with("W3C") || format.starts_with("IIS") => W3C,
        _ => OTHER,
    };
    match &input.latency_hint {
        Some(hint) if [JSON, LTSV].contains(&remedy) => format!("the log has no latency; {remedy} ({hint})"),
        _ => format!("the log has no latency; {remedy}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_is_for_the_format_of_the_log() {
        let input = |format: &str, latency_field: Option<&str>, requests| Input {
            format: format.to_owned(),
            latency_field: latency_field.map(str::to_owned),
            requests,
            ..Input::default()
        };
        for (format, expected) in [
            ("nginx combined", "or add %D (microseconds)"),
            ("nginx host-combined", "log_format timed"),
            ("nginx main, JSON lines", "\"request_time\":\"$request_time\""),
            ("JSON lines in CRI", "--field duration=NAME@ms"),
            ("Apache vhost_combined", "add %D (microseconds) to the end of Apache's LogFormat"),
            ("LTSV", "reqtime:0.057"),
            ("IIS", "time-taken"),
            ("BunkerWeb", "learn formats lists"),
        ] {
            let advice = no_latency(&[input("HAProxy httplog", None, 0), input(format, None, 1)]);
            assert!(advice.starts_with("the log has no latency; ") && advice.contains(expected), "{advice}");
        }
        let hinted =
            |format, latency_hint| no_latency(&[Input { latency_hint: Some(latency_hint), ..input(format, None, 1) }]);
        let numbers = || LatencyHint::Numbers(vec!["took".to_owned()]);
        let advice = hinted("JSON lines", numbers());
        assert!(advice.ends_with("--field duration=NAME@ms (numbers are in `took`)"), "{advice}");
        assert!(!hinted("IIS", numbers()).contains("took"));
        let no_number = LatencyHint::NoNumber { field: "latency".to_owned(), found: "387ms".to_owned() };
        let advice = hinted("LTSV", no_number);
        assert!(advice.contains("`latency` holds \"387ms\", which is no number; have the number"), "{advice}");
        let advice = no_latency(&[input("LTSV", Some("rt"), 3)]);
        assert!(advice.starts_with("no request has a latency: `rt` is empty in all of them"), "{advice}");
    }
}
