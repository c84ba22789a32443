//! Writes an access log as a shop's nginx would: the same seed and the same number of events give the same requests, as text
//! and as JSON.
//!
//!     rustc -O --edition 2021 genlog.rs
//!     ./genlog --seed 42 --bytes 1073741824 --events 4971000 [--json] [--no-rt] [--start EPOCH] [--hours H] > access.log
//!
//! It belongs to the comparison, not to the crate: nothing here is held to the crate's rules on panics.

use std::io::Write;

struct Rng(u64, u64, u64, u64);
impl Rng {
    fn new(seed: u64) -> Self {
        let mut s = seed;
        let mut sm = || {
            s = s.wrapping_add(0x9E3779B97F4A7C15);
            let mut z = s;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58476D1CE4E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D049BB133111EB);
            z ^ (z >> 31)
        };
        Rng(sm(), sm(), sm(), sm())
    }
    fn next(&mut self) -> u64 {
        // xoshiro256**
        let r = self.1.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = self.1 << 17;
        self.2 ^= self.0;
        self.3 ^= self.1;
        self.1 ^= self.2;
        self.0 ^= self.3;
        self.2 ^= t;
        self.3 = self.3.rotate_left(45);
        r
    }
    fn f(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn n(&mut self, n: u64) -> u64 {
        ((self.next() as u128 * n as u128) >> 64) as u64
    }
    fn norm(&mut self) -> f64 {
        let u = 1.0 - self.f();
        let v = self.f();
        (-2.0 * u.ln()).sqrt() * (6.283185307179586 * v).cos()
    }
}

// (method, template, median ms, sigma, id kind is by placeholder: {n}=int id, {u}=uuid, {s}=slug)
const ROUTES: &[(&str, &str, f64, f64)] = &[
    ("GET", "/api/products", 18.0, 0.6),
    ("GET", "/api/products/{n}", 9.0, 0.5),
    ("GET", "/", 4.0, 0.4),
    ("GET", "/api/orders/{n}", 22.0, 0.7),
    ("GET", "/static/js/app.{h}.js", 1.0, 0.3),
    ("GET", "/static/css/main.{h}.css", 1.0, 0.3),
    ("GET", "/api/cart", 12.0, 0.5),
    ("POST", "/api/cart/items", 25.0, 0.6),
    ("GET", "/api/search", 85.0, 0.9),
    ("GET", "/api/users/{n}", 11.0, 0.5),
    ("POST", "/api/login", 140.0, 0.4),
    ("GET", "/images/{s}.jpg", 2.0, 0.5),
    ("POST", "/api/orders", 110.0, 0.7),
    ("GET", "/api/orders", 35.0, 0.7),
    ("GET", "/healthz", 0.6, 0.2),
    ("GET", "/api/users/{n}/orders", 42.0, 0.8),
    ("PUT", "/api/cart/items/{n}", 20.0, 0.5),
    ("DELETE", "/api/cart/items/{n}", 17.0, 0.5),
    ("GET", "/api/categories", 7.0, 0.4),
    ("GET", "/api/categories/{s}", 14.0, 0.5),
    ("GET", "/api/products/{n}/reviews", 31.0, 0.7),
    ("POST", "/api/products/{n}/reviews", 48.0, 0.6),
    ("GET", "/api/recommendations", 120.0, 0.8),
    ("POST", "/api/payments", 320.0, 0.6),
    ("GET", "/api/payments/{u}", 28.0, 0.6),
    ("POST", "/api/checkout", 210.0, 0.7),
    ("GET", "/api/inventory/{n}", 15.0, 0.5),
    ("PATCH", "/api/users/{n}", 33.0, 0.5),
    ("GET", "/api/notifications", 16.0, 0.6),
    ("POST", "/api/events", 3.0, 0.5),
    ("GET", "/blog/{s}", 24.0, 0.6),
    ("GET", "/api/sessions/{u}", 6.0, 0.4),
    ("DELETE", "/api/sessions/{u}", 8.0, 0.4),
    ("GET", "/api/reports/daily", 900.0, 0.8),
    ("POST", "/api/uploads", 450.0, 0.9),
    ("GET", "/api/shipping/{n}/track", 65.0, 0.8),
    ("POST", "/graphql", 55.0, 1.0),
    ("GET", "/api/coupons/{s}", 10.0, 0.4),
    ("GET", "/favicon.ico", 0.8, 0.2),
    ("OPTIONS", "/api/orders", 1.0, 0.2),
    ("GET", "/metrics", 12.0, 0.2),
    ("POST", "/api/webhooks/stripe", 40.0, 0.6),
];
const UAS: &[&str] = &[
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Mobile Safari/537.36",
    "okhttp/4.12.0",
    "axios/1.6.8",
    "python-requests/2.31.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "kube-probe/1.29",
    "ShopApp/5.12.1 (iOS 17.4; iPhone15,2)",
    "Go-http-client/2.0",
    "curl/8.5.0",
];
const UAW: &[f64] = &[26.0, 16.0, 9.0, 14.0, 6.0, 5.0, 4.0, 3.0, 3.0, 10.0, 2.0, 2.0];
const REFS: &[&str] = &[
    "-",
    "https://shop.example.com/",
    "https://shop.example.com/products",
    "https://shop.example.com/cart",
    "https://www.google.com/",
    "https://m.shop.example.com/",
];
const SLUGS: &[&str] = &[
    "red-running-shoes",
    "winter-jacket",
    "usb-c-cable",
    "coffee-grinder",
    "garden-chair",
    "mens-watch",
    "kids-bike",
    "desk-lamp",
    "noise-cancelling-headphones",
    "yoga-mat",
];
const QS: &[&str] = &["?page=", "?limit=50&offset=", "?utm_source=newsletter&c=", "?sort=price&page=", "?v="];
const TERMS: &[&str] = &["shoes", "laptop+stand", "coffee%20mug", "iphone+case", "winter%20coat", "hdmi"];
const MON: &[&str] = &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn civil(days: i64) -> (i64, u32, u32) {
    let z = days + 719468;
    let era = z.div_euclid(146097);
    let doe = z.rem_euclid(146097);
    let yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let d = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let m = if mp < 10 { mp + 3 } else { mp - 9 } as i64;
    (yoe + era * 400 + if m <= 2 { 1 } else { 0 }, m as u32, d)
}
struct Ev {
    ip: [u8; 4],
    ts: i64,
    method: &'static str,
    uri: String,
    status: u16,
    bytes: u64,
    rf: &'static str,
    ua: &'static str,
    rt: u64,
    uct: u64,
    urt: u64,
    up: bool,
}

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let get = |k: &str, d: u64| a.iter().position(|x| x == k).map(|i| a[i + 1].parse().unwrap()).unwrap_or(d);
    let seed = get("--seed", 42);
    let limit = get("--bytes", 1 << 30);
    let start = get("--start", 1_746_057_600) as i64; // 2025-05-01T00:00Z
    let hours = get("--hours", 24) as f64;
    let json = a.iter().any(|x| x == "--json");
    let nort = a.iter().any(|x| x == "--no-rt");
    // events are spread over `hours`; expected events from an average line size so one file spans the period
    let nev = get("--events", limit / if json { 279 } else { 216 });
    let mut r = Rng::new(seed);
    let nr = ROUTES.len();
    let mut cum = vec![0.0; nr];
    let mut s = 0.0;
    for i in 0..nr {
        s += 1.0 / ((i + 1) as f64).powf(1.05);
        cum[i] = s;
    }
    let mut uc = vec![];
    let mut us = 0.0;
    for w in UAW {
        us += w;
        uc.push(us);
    }
    // client pool, zipf-ish by squaring a uniform
    let ips: Vec<[u8; 4]> = (0..20000)
        .map(|_| {
            let x = r.next();
            [((x & 0x7f) + 20) as u8, (x >> 8) as u8, (x >> 16) as u8, ((x >> 24) % 254 + 1) as u8]
        })
        .collect();
    let base = nev as f64 / (hours * 3600.0);
    let out = std::io::stdout();
    let mut out = std::io::BufWriter::with_capacity(1 << 20, out.lock());
    let mut written = 0u64;
    let mut t = start as f64;
    let mut line = Vec::with_capacity(1024);
    let (mut lines, end) = (0u64, start as f64 + hours * 3600.0);
    while written < limit {
        let day = ((t - start as f64) / 86400.0).fract();
        let rate = base * (1.0 + 0.6 * (6.283185307179586 * (day - 0.35)).sin());
        t += -(1.0 - r.f()).ln() / rate;
        if t > end + 86400.0 {
            break;
        }
        let x = r.f() * s;
        let ri = cum.partition_point(|c| *c < x).min(nr - 1);
        let (m, tpl, med, sig) = ROUTES[ri];
        let mut uri = String::with_capacity(96);
        let mut it = tpl.split('{');
        uri.push_str(it.next().unwrap());
        for seg in it {
            let (k, rest) = seg.split_once('}').unwrap();
            match k {
                "n" => {
                    let z = r.f();
                    uri.push_str(&((z * z * 200_000.0) as u64 + 1).to_string())
                } // ~200k ids, skewed
                "u" => {
                    let (p, q) = (r.next(), r.next());
                    uri.push_str(&format!(
                        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
                        p as u32,
                        (p >> 32) as u16,
                        (p >> 48) & 0xfff,
                        q & 0xfff,
                        (q >> 16) & 0xffff_ffff_ffff
                    ))
                }
                "h" => uri.push_str(["3f9a1c", "b771e0", "09dd42"][r.n(3) as usize]),
                _ => {
                    uri.push_str(SLUGS[r.n(SLUGS.len() as u64) as usize]);
                    if r.n(3) == 0 {
                        uri.push('-');
                        uri.push_str(&r.n(400).to_string())
                    }
                }
            }
            uri.push_str(rest);
        }
        if tpl == "/api/search" {
            uri.push_str("?q=");
            uri.push_str(TERMS[r.n(TERMS.len() as u64) as usize]);
            if r.n(4) == 0 {
                uri.push_str("&page=");
                uri.push_str(&r.n(30).to_string())
            }
        } else if r.n(100) < 12 {
            uri.push_str(QS[r.n(QS.len() as u64) as usize]);
            uri.push_str(&r.n(500).to_string())
        }
        let st = r.f();
        let status: u16 = if st < 0.01 {
            [500, 502, 503, 504][r.n(4) as usize]
        } else if st < 0.04 {
            [404, 404, 404, 401, 403, 429, 400, 499][r.n(8) as usize]
        } else if m == "POST" && r.n(3) == 0 {
            201
        } else if m == "DELETE" || m == "OPTIONS" {
            204
        } else if m == "GET" && r.n(100) < 6 {
            304
        } else {
            200
        };
        let mut ms = med * (sig * r.norm()).exp();
        if status == 504 {
            ms = 60_000.0 + r.n(20) as f64
        } else if status == 502 {
            ms *= 0.3
        }
        let rt = (ms.round() as u64).min(120_000);
        let up = !(tpl.starts_with("/static") || tpl.starts_with("/images") || tpl.starts_with("/fav"));
        let z = r.f();
        let ip = ips[(z * z * 20000.0) as usize];
        let bytes = match status {
            304 | 204 => 0,
            400..=599 => 150 + r.n(200),
            _ => (600.0 * (1.1 * r.norm() + 0.9).exp()) as u64,
        };
        let ux = r.f() * us;
        let ua = UAS[uc.partition_point(|c| *c < ux).min(UAS.len() - 1)];
        let rf = if ua.starts_with("Mozilla") { REFS[r.n(REFS.len() as u64) as usize] } else { "-" };
        // small jitter: nginx logs at completion; log time may go 0-1 s back between workers
        let ts = (t - if r.n(50) == 0 { r.f() * 1.5 } else { 0.0 }).max(start as f64) as i64;
        let e = Ev {
            ip,
            ts,
            method: m,
            uri,
            status,
            bytes,
            rf,
            ua,
            rt,
            uct: if rt > 2 { r.n(3) } else { 0 },
            urt: rt.saturating_sub(r.n(2)),
            up,
        };
        line.clear();
        let (y, mo, d) = civil(e.ts.div_euclid(86400));
        let sod = e.ts.rem_euclid(86400);
        let (hh, mm, ss) = (sod / 3600, sod / 60 % 60, sod % 60);
        if json {
            write!(line, "{{\"time_iso8601\":\"{y:04}-{mo:02}-{d:02}T{hh:02}:{mm:02}:{ss:02}+00:00\",\"remote_addr\":\"{}.{}.{}.{}\",\"request_method\":\"{}\",\"uri\":\"{}\",\"status\":{},\"request_time\":{}.{:03},\"body_bytes_sent\":{},\"http_user_agent\":\"{}\"}}\n", e.ip[0], e.ip[1], e.ip[2], e.ip[3], e.method, e.uri, e.status, e.rt / 1000, e.rt % 1000, e.bytes, e.ua).unwrap();
        } else {
            write!(line, "{}.{}.{}.{} - - [{d:02}/{}/{y:04}:{hh:02}:{mm:02}:{ss:02} +0000] \"{} {} HTTP/1.1\" {} {} \"{}\" \"{}\"", e.ip[0], e.ip[1], e.ip[2], e.ip[3], MON[mo as usize - 1], e.method, e.uri, e.status, e.bytes, e.rf, e.ua).unwrap();
            if !nort {
                if e.up {
                    write!(
                        line,
                        " rt={}.{:03} uct={}.{:03} urt={}.{:03}",
                        e.rt / 1000,
                        e.rt % 1000,
                        e.uct / 1000,
                        e.uct % 1000,
                        e.urt / 1000,
                        e.urt % 1000
                    )
                    .unwrap()
                } else {
                    write!(line, " rt={}.{:03} uct=- urt=-", e.rt / 1000, e.rt % 1000).unwrap()
                }
            }
            line.push(b'\n');
        }
        out.write_all(&line).unwrap();
        written += line.len() as u64;
        lines += 1;
    }
    out.flush().unwrap();
    eprintln!("lines={lines} bytes={written} last_ts={}", t as i64);
}
