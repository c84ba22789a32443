//! `learn advise` on the committed shop, whose incidents are planted, and on generated logs: what it says, that it says
//! the same whatever the threads, and that the programs it writes for take what it writes.

use crate::binary::{LEARN, feed, isolated, learn, stdout_of};
use crate::rng::Rng;
use crate::schema::{assert_valid, validator as validator_of};
use crate::shop_fixture::shop_json;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// Every analysis by its name on the command line.
const ANALYSES: [&str; 6] = ["forecast", "balance", "scale", "allocate", "cache", "healing"];

fn json(args: &[&str], log: &str) -> Value {
    let args = [&["advise"], args, &["-", "-f", "json"]].concat();
    serde_json::from_str(&stdout_of(&args, log.as_bytes())).unwrap()
}

#[test]
fn every_document_is_valid() {
    let validator = validator_of("advise");
    let combined = stdout_of(&["advise", "-", "-f", "json"], crate::fixture::access_log().as_bytes());
    assert_valid(&validator, &combined);
    for analysis in ANALYSES {
        assert_valid(&validator, &json(&[analysis], &shop_json()).to_string());
    }
    let validator_of_lines = validator_of("advise-line");
    let lines = stdout_of(&["advise", "-", "-f", "ndjson", "--concurrency-per-replica", "1"], shop_json().as_bytes());
    lines.lines().for_each(|line| assert_valid(&validator_of_lines, line));
    let types: BTreeSet<&str> = lines.lines().filter_map(|line| line.split('"').nth(3)).collect();
    assert_eq!(types.len(), 11, "{types:?}");
    let without_latency = b"192.0.2.1 - - [01/Jun/2026:12:00:00 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"-\"\n";
    let document = stdout_of(&["advise", "-", "-f", "json"], without_latency);
    assert_valid(&validator, &document);
    let document: Value = serde_json::from_str(&document).unwrap();
    let left_out: Vec<&str> =
        document["leftOut"].as_array().unwrap().iter().filter_map(|left| left["analysis"].as_str()).collect();
    assert_eq!(left_out, ["forecast", "scale", "allocate", "score"]);
}

/// Chunks of a few lines, on one thread and on eight, of one file and of the same lines in three.
#[test]
fn threads_chunks_and_files_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = shop_json();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    for (number, part) in lines.chunks(lines.len().div_ceil(3)).enumerate() {
        std::fs::write(folder.path().join(format!("part{number}.json")), part.concat()).unwrap();
    }
    std::fs::write(folder.path().join("whole.json"), &log).unwrap();
    let told = |files: &[&str], threads: &str| {
        let mut command = isolated(LEARN, folder.path());
        command.args(["advise", "-f", "ndjson", "--threads", threads]).args(files);
        let output = feed(command, b"");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter(|line| !line.starts_with("{\"type\":\"summary\"")).collect::<Vec<_>>().join("\n")
    };
    let once = told(&["whole.json"], "1");
    assert_eq!(told(&["whole.json"], "8"), once);
    assert_eq!(told(&["part2.json", "part0.json", "part1.json"], "8"), once);
}

#[test]
fn rows_are_those_of_the_document() {
    let rows = |analysis: &str| {
        let text = stdout_of(&["advise", analysis, "-", "-f", "csv"], shop_json().as_bytes());
        csv::Reader::from_reader(text.as_bytes()).records().map(|record| record.unwrap().len()).collect::<Vec<_>>()
    };
    let document = json(&[], &shop_json());
    let lists = [
        ("forecast", "endpoints"),
        ("balance", "upstreams"),
        ("scale", "windows"),
        ("allocate", "states"),
        ("cache", "routes"),
        ("healing", "anomalies"),
    ];
    for (analysis, list) in lists {
        assert_eq!(rows(analysis).len(), document[analysis][list].as_array().unwrap().len(), "{analysis}");
    }
}

/// Three hundred pages under one parent, which are folded, and what a scanner asked for in vain.
#[test]
fn endpoints_have_the_names_that_replay_gives_them() {
    let line = |n: i64| {
        let (path, status) = match n % 3 {
            0 => (format!("/pages/page-{}-of-many", n / 3), 200),
            1 => (format!("/admin{n}.php"), 404),
            _ => ("/login".to_owned(), 200),
        };
        let at_ms = 1_780_272_000_000 + n * 1000;
        format!(
            "{{\"timestamp\":{at_ms},\"method\":\"GET\",\"path\":\"{path}\",\"statusCode\":{status},\"durationMs\":5}}\n"
        )
    };
    let log: String = (0..900).map(line).collect();
    let counts = |rows: &Value, count: &str| -> BTreeSet<(String, u64)> {
        let row = |row: &Value| (row["path"].as_str().unwrap().to_owned(), row[count].as_u64().unwrap());
        rows.as_array().unwrap().iter().map(row).collect()
    };
    let replayed: Value =
        serde_json::from_str(&stdout_of(&["replay", "-", "-f", "json", "--no-backtest"], log.as_bytes())).unwrap();
    let expected = counts(&replayed["endpoints"], "count");
    assert_eq!(expected.len(), 3, "{expected:?}");
    assert_eq!(counts(&json(&["forecast"], &log)["forecast"]["endpoints"], "requests"), expected);
    assert_eq!(counts(&json(&["cache"], &log)["cache"]["routes"], "requests"), expected);
}

/// The third upstream answers nothing from 12:20 to 12:22, the second one is slow.
#[test]
fn the_planted_upstreams_are_found() {
    let balance = &json(&["balance"], &shop_json())["balance"];
    let upstreams = balance["upstreams"].as_array().unwrap();
    let names: Vec<&str> = upstreams.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]);
    let figure = |place: usize, key: &str| upstreams[place][key].as_f64().unwrap();
    assert!(figure(1, "averageMs") > 3.0 * figure(0, "averageMs"));
    let weights: Vec<f64> = (0..3).map(|place| figure(place, "weight")).collect();
    let healths: Vec<f64> = (0..3).map(|place| figure(place, "health")).collect();
    assert_eq!(weights.iter().sum::<f64>(), 100.0);
    assert!(healths[0] > healths[2] && healths[2] > healths[1], "{healths:?}");
    assert!(weights[0] >= weights[2] && weights[2] > weights[1], "{weights:?}");
    let retried = balance["retriedRequests"].as_u64().unwrap();
    assert_eq!(balance["tries"].as_u64().unwrap(), balance["basis"]["requests"].as_u64().unwrap() + retried);
    for ejection in balance["ejections"].as_array().unwrap() {
        assert_eq!(ejection["upstream"], "10.0.0.13:8080");
        let from = ejection["from"].as_str().unwrap();
        assert!(("2026-06-01T12:20".."2026-06-01T12:22").contains(&from), "{from}");
    }
    assert!(!balance["ejections"].as_array().unwrap().is_empty());
}

/// A list with two groups, a socket, a try without an answer, and a line without any upstream.
#[test]
fn lists_of_tries_are_taken_apart() {
    let line = |address: &str, status: &str, time: &str| {
        format!(
            "{{\"msec\":\"1780315200.000\",\"request_method\":\"GET\",\"request_uri\":\"/\",\"status\":\"200\",\
             \"request_time\":\"0.1\",\"upstream_addr\":\"{address}\",\"upstream_status\":\"{status}\",\
             \"upstream_response_time\":\"{time}\"}}\n"
        )
    };
    let log = [
        line("10.0.0.1:80, unix:/run/b.sock : [2001:db8::1]:80", "502, - : 200", "0.100, - : 0.200"),
        line("10.0.0.1:80", "200", "0.100"),
        line("-", "-", "-"),
        line("backend", "502", "0.000"),
    ]
    .concat();
    let balance = &json(&["balance"], &log)["balance"];
    let row = |row: &Value| {
        let text = row["name"].as_str().unwrap().to_owned();
        let figure = |key: &str| row[key].as_f64();
        (text, figure("tries").unwrap(), figure("failures").unwrap(), figure("averageMs"), figure("weight"))
    };
    let rows: Vec<_> = balance["upstreams"].as_array().unwrap().iter().map(row).collect();
    // 0.2 x 100 ms, then 0.2 x 100 + 0.8 x 20; healths 0.7 x 0.5 + 0.3 x 0.964, 0.7 + 0.3 x 0.96, 0.3: of 1.9272 in all.
    let expected = [
        ("10.0.0.1:80".to_owned(), 2.0, 1.0, Some(36.0), Some(33.0)),
        ("[2001:db8::1]:80".to_owned(), 1.0, 0.0, Some(40.0), Some(51.0)),
        ("backend".to_owned(), 1.0, 1.0, Some(0.0), None),
        ("unix:/run/b.sock".to_owned(), 1.0, 1.0, None, Some(16.0)),
    ];
    assert_eq!(rows, expected);
    assert_eq!(balance["retriedRequests"], 1);
}

/// `nginx -t` on a configuration that includes what `balance` wrote.
fn assert_nginx_takes(block: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(folder.path().join("upstream.conf"), block).unwrap();
    let config = format!(
        "pid {};\nerror_log stderr;\nevents {{}}\nhttp {{\n    access_log off;\n    client_body_temp_path {body};\n    \
         proxy_temp_path {body};\n    fastcgi_temp_path {body};\n    uwsgi_temp_path {body};\n    scgi_temp_path {body};\n    \
         include {};\n    server {{\n        listen 127.0.0.1:8;\n        location / {{\n            \
         proxy_pass http://shop;\n        }}\n    }}\n}}\n",
        path("nginx.pid"),
        path("upstream.conf"),
        body = path("temp")
    );
    std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
    let mut command = Command::new("nginx");
    // Debian keeps the server out of PATH.
    command.env("PATH", format!("{}:/usr/sbin:/usr/local/sbin", std::env::var("PATH").unwrap_or_default()));
    let output = command.args(["-t", "-q", "-c", &path("nginx.conf")]).output().expect("nginx is installed");
    assert!(output.status.success(), "{}\n{block}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn nginx_takes_the_weights() {
    let write =
        |log: &str| stdout_of(&["advise", "balance", "-", "-f", "config", "--upstream-name", "shop"], log.as_bytes());
    assert_nginx_takes(&write(&shop_json()));
    let hostile = shop_json().replace("10.0.0.12:8080", "unix:/run/a.sock").replace("10.0.0.13:8080", "x;}");
    let block = write(&hostile);
    assert!(block.contains("unix:/run/a.sock") && !block.contains("x;"), "{block}");
    assert_nginx_takes(&block);
    // An upstream that never answers has no health, so no weight.
    let down = shop_json().replace("\"upstream_status\":\"20", "\"upstream_status\":\"50");
    let slow = down.replace("\"upstream_response_time\":\"0.", "\"upstream_response_time\":\"9.");
    assert_nginx_takes(&write(&slow));
}

/// What Kubernetes' own types make of the manifest is the manifest, so there is nothing in it that they do not know.
#[test]
fn kubernetes_takes_the_autoscaler() {
    let args = ["advise", "scale", "-", "-f", "config", "--deployment", "shop", "--concurrency-per-replica", "1"];
    let manifest: Value = serde_json::from_str(&stdout_of(&args, shop_json().as_bytes())).unwrap();
    let typed: HorizontalPodAutoscaler = serde_json::from_value(manifest.clone()).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), manifest);
    let spec = typed.spec.unwrap();
    assert_eq!((spec.min_replicas, spec.max_replicas, spec.scale_target_ref.name.as_str()), (Some(1), 5, "shop"));
    let mut wrong = manifest.clone();
    wrong["spec"]["stabilisation"] = 1.into();
    let typed: HorizontalPodAutoscaler = serde_json::from_value(wrong.clone()).unwrap();
    assert_ne!(serde_json::to_value(&typed).unwrap(), wrong);
}

/// From 12:25 to 12:30 there are four times as many visitors.
#[test]
fn the_planted_rush_is_found() {
    let scale = &json(&["scale", "--concurrency-per-replica", "1"], &shop_json())["scale"];
    let peak_at = scale["replicas"]["peakAt"].as_str().unwrap();
    assert!(("2026-06-01T12:25".."2026-06-01T12:30").contains(&peak_at), "{peak_at}");
    let ups = scale["moves"].as_array().unwrap().iter().filter(|one| one["to"].as_u64() > one["from"].as_u64());
    assert!(ups.count() > 0);
    let windows = scale["windows"].as_array().unwrap();
    let sum = |key: &str| windows.iter().map(|row| row[key].as_f64().unwrap()).sum::<f64>();
    let (little, exact) = (sum("littleInFlight"), sum("meanInFlight"));
    assert!((little - exact).abs() < 1e-6 * exact, "{little} {exact}");
}

/// A product page that takes five seconds, carts that fail, a cart that takes 600 MB.
#[test]
fn the_planted_anomalies_are_healed() {
    let healing = &json(&["healing"], &shop_json())["healing"];
    let told = |one: &Value| {
        let text = |key: &str| one[key].as_str().unwrap().to_owned();
        (text("metric"), text("from")[..16].to_owned(), text("path"), one["actions"][0].as_str().unwrap().to_owned())
    };
    let told: Vec<_> = healing["anomalies"].as_array().unwrap().iter().map(told).collect();
    let expected = [
        ("latency", "2026-06-01T12:10", "/products/:id", "Raise the timeout of this route to 6000 ms"),
        ("error_rate", "2026-06-01T12:27", "/cart", "Open the circuit breaker of this route."),
        ("memory", "2026-06-01T12:35", "/cart", "Raise the heap, and --max-memory, above 600 MB"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    let more = learn(&["advise", "healing", "-", "-f", "json", "--max-memory", "700"], shop_json().as_bytes());
    let document: Value = serde_json::from_slice(&more.stdout).unwrap();
    assert_eq!((document["healing"]["anomalies"].as_array().unwrap().len(), more.stderr), (2, Vec::new()));
    for ((metric, from, path, action), expected) in told.iter().zip(expected) {
        assert_eq!((metric.as_str(), from.as_str(), path.as_str()), (expected.0, expected.1, expected.2));
        assert!(action.starts_with(expected.3), "{action}");
    }
}

/// The catalogue has three pages, visitors go from it to a product, and what follows a product is mostly no GET.
#[test]
fn what_visitors_ask_for_again_and_next_is_found() {
    let cache = &json(&["cache"], &shop_json())["cache"];
    let row = |path: &str| cache["routes"].as_array().unwrap().iter().find(|row| row["path"] == path).unwrap().clone();
    let catalog = row("/catalog");
    assert_eq!((&catalog["cache"], &catalog["prefetch"]), (&true.into(), &true.into()));
    assert_eq!(catalog["next"], "GET /products/:id");
    assert!(catalog["nextHitRate"].as_f64().unwrap() > 0.95);
    let saved = catalog["hits"].as_f64().unwrap() * catalog["missMs"].as_f64().unwrap();
    assert!((catalog["savedMs"].as_f64().unwrap() - saved).abs() < 1e-6);
    let product = row("/products/:id");
    assert_eq!((&product["cache"], &product["prefetch"]), (&false.into(), &false.into()));
    assert_eq!(product["prefetchReason"], "what follows is no GET");
    let cart = row("/cart");
    assert_eq!((&cart["hits"], &cart["cacheReason"]), (&Value::Null, &"not a GET".into()));
    // Nothing is kept for no time.
    let short = &json(&["cache", "--ttl", "1ms"], &shop_json())["cache"];
    assert!(short["routes"].as_array().unwrap().iter().all(|row| row["cache"] == false));
}

#[test]
fn the_table_follows_from_the_seed_and_names_states_never_visited() {
    let allocate = |seed: &str| {
        json(&["allocate", "--concurrency-per-replica", "1", "--seed", seed], &shop_json())["allocate"].clone()
    };
    let (one, again, other) = (allocate("1"), allocate("1"), allocate("2"));
    assert_eq!(one, again);
    assert_ne!(one["states"], other["states"]);
    for state in one["states"].as_array().unwrap() {
        assert_eq!(state["policy"].is_null(), state["visits"] == 0, "{state}");
    }
    assert!(one["states"].as_array().unwrap().iter().any(|state| state["policy"].is_null()));
    let minutes = one["learntMinutes"].as_u64().unwrap() + one["heldOutMinutes"].as_u64().unwrap();
    assert_eq!(minutes, 40);
}

/// A line for each request, with the plugin's headers; the page that took five seconds stands out.
#[test]
fn every_request_gets_its_headers() {
    let validator = validator_of("score-line");
    let text = stdout_of(&["advise", "score", "-"], shop_json().as_bytes());
    assert_eq!(text.lines().count(), shop_json().lines().count());
    let mut highest: Option<Value> = None;
    for line in text.lines() {
        assert_valid(&validator, line);
        let line: Value = serde_json::from_str(line).unwrap();
        let score = |line: &Value| line["x-anomaly-score"].as_f64().unwrap();
        if highest.as_ref().is_none_or(|highest| score(&line) > score(highest)) {
            highest = Some(line);
        }
    }
    let highest = highest.unwrap();
    assert_eq!((&highest["x-anomaly-score"], &highest["path"]), (&1.into(), &"/products/:id".into()));
    assert!(highest["timestamp"].as_str().unwrap().starts_with("2026-06-01T12:10"));
}

/// Two halves with a model between them say what the whole log says, to the last bit.
#[test]
fn a_model_goes_on_where_the_last_log_ended() {
    let folder = tempfile::tempdir().unwrap();
    let log = shop_json();
    let half = log.match_indices('\n').nth(1_000).unwrap().0 + 1;
    let run = |args: &[&str], log: &str| {
        let mut command = isolated(LEARN, folder.path());
        command.args(["advise"]).args(args);
        let output = feed(command, log.as_bytes());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let halves = [&log[..half], &log[half..]].map(|part| run(&["score", "-", "--model", "halves.json"], part));
    assert_eq!(halves.concat(), run(&["score", "-", "--model", "whole.json"], &log));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("halves.json"), read("whole.json"));
    assert_valid(&validator_of("advise-model"), &read("whole.json"));
    // The levels are those that a forecast ends with; the table of allocate is added, and the rest stays.
    let forecast: Value = serde_json::from_str(&run(&["forecast", "-", "-f", "json"], &log)).unwrap();
    let model: Value = serde_json::from_str(&read("whole.json")).unwrap();
    for endpoint in model["endpoints"].as_array().unwrap() {
        let rows = forecast["forecast"]["endpoints"].as_array().unwrap();
        let row = rows.iter().find(|row| row["path"] == endpoint["path"]).unwrap();
        let level: f64 = endpoint["smooth"]["levelMs"].as_str().unwrap().parse().unwrap();
        assert_eq!(row["forecastMs"].as_f64(), Some(level));
    }
    run(&["allocate", "-", "--model", "whole.json"], &log);
    let learnt: Value = serde_json::from_str(&read("whole.json")).unwrap();
    assert_valid(&validator_of("advise-model"), &learnt.to_string());
    assert_eq!((&learnt["endpoints"], learnt["qTable"].is_null()), (&model["endpoints"], false));
    std::fs::write(folder.path().join("none.json"), "{}").unwrap();
    let output =
        learn(&["advise", "score", "-", "--model", &folder.path().join("none.json").display().to_string()], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("this is no model"));
}

/// Three days of 50 requests in each 5 minutes, their duration by the part of the day, 0 to 999, and by chance.
fn three_days(duration_us: impl Fn(i64, &mut Rng) -> i64) -> String {
    let mut rng = Rng::new(3);
    let mut log = String::new();
    for request in 0..3 * 288 * 50 {
        let at_ms = 1_780_272_000_000 + request * 6000;
        let took_us = duration_us(request % (288 * 50) * 1000 / (288 * 50), &mut rng);
        log += &format!(
            "{{\"timestamp\":{at_ms},\"method\":\"GET\",\"path\":\"/\",\"statusCode\":200,\"durationMs\":{}.{:03}}}\n",
            took_us / 1000,
            took_us % 1000
        );
    }
    log
}

#[test]
fn a_forecast_is_better_on_a_season_and_no_better_on_noise() {
    // From 100 ms up to 900 ms at noon and down again.
    let season = three_days(|part, rng| 100_000 + 1600 * part.min(999 - part) + rng.range(0, 2000));
    let forecast = &json(&["forecast"], &season)["forecast"];
    assert_eq!(forecast["overall"]["verdict"], "better", "{}", forecast["verdict"]);
    assert_eq!(forecast["overall"]["seasonalWindows"], 288);
    let figure = |key: &str| forecast["overall"][key].as_f64().unwrap();
    assert!(figure("maeMs") < figure("naiveMaeMs") && figure("holtWintersMaeMs") < figure("seasonalMaeMs"));
    let noise = three_days(|_, rng| 50_000 + rng.range(0, 100_000));
    let forecast = &json(&["forecast"], &noise)["forecast"];
    assert_eq!(forecast["overall"]["verdict"], "noBetter");
    assert!(forecast["verdict"].as_str().unwrap().starts_with("The forecast is no better"));
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |args: &[&str], input: &str, expected: &str| {
        let output = learn(&[&["advise"], args].concat(), input.as_bytes());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    };
    refused(&["-", "-f", "csv"], "", "csv and config are for one analysis");
    refused(&["scale", "-", "--cpu-threshold", "0"], "", "a percentage above 0");
    refused(&["score", "-", "-f", "table"], "", "ndjson alone");
    refused(&["forecast", "-", "-f", "config"], "", "has nothing that another program reads");
    refused(&["scale", "-", "--deployment", "A"], "", "the name of a Kubernetes object");
    let plain = "192.0.2.1 - - [01/Jun/2026:12:00:00 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"-\"\n";
    refused(&["scale", "-"], plain, "scale: no request has a duration");
    refused(&["balance", "-", "-f", "config"], plain, "no upstream is logged with an address");
}
