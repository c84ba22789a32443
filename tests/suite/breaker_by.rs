//! `learn backtest --breaker-by`: breakers kept by a logged field instead of the endpoint.

use crate::binary::stdout_of;
use serde_json::{Value, json};

/// A minute of requests to one endpoint, ten a second, answered in turn by a healthy upstream and one that always fails.
fn two_upstreams() -> String {
    let line = |i: i64| {
        // The healthy one also answers for a third that was tried before it.
        let (upstream, status) = [("10.0.0.9:80, 10.0.0.1:80", 200), ("10.0.0.2:80", 502)][i as usize % 2];
        let time = 1_780_315_200_000 + i * 100;
        format!(
            "{{\"timestamp\":{time},\"method\":\"GET\",\"path\":\"/\",\"statusCode\":{status},\"durationMs\":20,\
             \"upstream_addr\":\"{upstream}\",\"endpoint\":\"GET /\",\"service\":\"10.0.0.{},x\"}}\n",
            i % 2
        )
    };
    (0..600).map(line).collect()
}

fn backtest(flags: &[&str]) -> Value {
    let args = [&["backtest", "-", "--log-format", "json", "-f", "json"], flags].concat();
    let document: Value = serde_json::from_str(&stdout_of(&args, two_upstreams().as_bytes())).unwrap();
    document["backtest"].clone()
}

fn current(backtest: &Value) -> &Value {
    let configs = backtest["configs"].as_array().unwrap();
    &configs.iter().find(|config| config["name"] == "current").unwrap()["breaker"]
}

/// The default breaker opens at five failures of ten; half of the endpoint's calls fail, and all of one upstream's.
#[test]
fn an_upstreams_breaker_keeps_its_failures_out_and_no_others() {
    let by_endpoint = backtest(&[]);
    assert_eq!(by_endpoint["breakerBy"], json!(null));
    assert_ne!(current(&by_endpoint)["goodRejected"], 0, "{by_endpoint:#}");

    let by_upstream = backtest(&["--breaker-by", "upstream_addr"]);
    assert_eq!(by_upstream["breakerBy"], "upstream_addr");
    let breaker = current(&by_upstream);
    assert_eq!(breaker["goodRejected"], 0, "{breaker:#}");
    // Five calls open it after a second; then it is open for 30 s, lets a probe through, and is open again.
    assert_eq!((&breaker["openings"], &breaker["reopenings"]), (&json!(2), &json!(1)), "{breaker:#}");
    assert_eq!(breaker["badKeptOut"], 300 - 5 - 1, "{breaker:#}");
}

#[test]
fn a_field_that_says_the_endpoint_changes_nothing() {
    let (by_endpoint, mut by_field) = (backtest(&[]), backtest(&["--breaker-by=endpoint"]));
    by_field["breakerBy"] = json!(null);
    assert_eq!(by_field, by_endpoint);
}

#[test]
fn only_upstream_fields_are_lists_and_absent_values_share_a_breaker() {
    // Two values with a comma in them, which is no list of tries.
    assert_eq!(current(&backtest(&["--breaker-by=service"]))["goodRejected"], 0);
    let (by_endpoint, mut absent) = (backtest(&[]), backtest(&["--breaker-by=nothing"]));
    absent["breakerBy"] = json!(null);
    assert_eq!(absent, by_endpoint);
}

#[test]
fn threads_and_chunks_change_nothing() {
    let one = backtest(&["--breaker-by=upstream_addr", "--threads=1"]);
    assert_eq!(backtest(&["--breaker-by=upstream_addr", "--threads=8"]), one);
}
