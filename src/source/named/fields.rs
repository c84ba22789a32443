//! Which field of a log means what: by the names that common loggers use, and by what is written there.
//!
//! Sample lines and the user's wishes in, field names and the unit of the duration out.

use super::no_fields::NoFields;
use super::sample::{Logged, Sample};
use super::w3c;
use crate::plan::{Latency, Role, Timezone, Unit, Wanted};
use crate::source::time::TimeParser;
use crate::source::{are_most, value};

/// Stamps of a request's start, each with the field that leads from there to its end: in Envoy, and in Traefik, whose
/// `time` is cut to seconds.
const STARTS: [(&str, &str, Unit); 2] =
    [("StartUTC", "Duration", Unit::Nanos), ("start_time", "duration", Unit::Millis)];

const TIMESTAMPS: [&str; 15] = [
    "timestamp",
    "time_iso8601",
    "time_local",
    "@timestamp",
    "time",
    "msec",
    "ts",
    "datetime",
    "date",
    "dateTime",
    "requestTime",
    "StartUTC",
    "start_time",
    w3c::DATE_TIME,
    w3c::LOCAL_DATE_TIME,
];

const METHODS: [&str; 11] = [
    "method",
    "request_method",
    "req.method",
    "request.method",
    "http_method",
    "httpMethod",
    "http.method",
    "http.request.method",
    "RequestMethod",
    ":method",
    "cs-method",
];

const PATHS: [&str; 20] = [
    "path",
    "request_uri",
    "uri",
    "url",
    "req.url",
    "request.uri",
    "request.url",
    "request.path",
    "http_path",
    "http.path",
    "http.url",
    "url.original",
    "url.path",
    "originalUrl",
    "RequestPath",
    "x-envoy-original-path",
    "x-envoy-origin-path",
    ":path",
    "cs-uri-stem",
    w3c::URI,
];

const REQUEST_LINES: [&str; 4] = ["request", "request_line", "requestLine", "req"];

const STATUSES: [&str; 13] = [
    "statusCode",
    "status",
    "status_code",
    "res.statusCode",
    "response.status",
    "response.statusCode",
    "response.status_code",
    "http_status",
    "http.status_code",
    "http.response.status_code",
    "DownstreamStatus",
    "response_code",
    "sc-status",
];

/// Durations, with the unit where it goes with the name: nginx counts in seconds, pino in milliseconds, Traefik and the
/// Elastic schema in nanoseconds. In Traefik the origin's part comes first, for the rest is the proxy's own. For names
/// without a unit see [`unit_by_sample`].
const DURATIONS: [(&str, Option<Unit>); 32] = [
    ("durationMs", Some(Unit::Millis)),
    ("duration_ms", Some(Unit::Millis)),
    ("responseTimeMs", Some(Unit::Millis)),
    ("response_time_ms", Some(Unit::Millis)),
    ("latencyMs", Some(Unit::Millis)),
    ("latency_ms", Some(Unit::Millis)),
    ("responseTime", Some(Unit::Millis)),
    ("response-time", Some(Unit::Millis)),
    ("request_time", Some(Unit::Seconds)),
    ("request_time_ms", Some(Unit::Millis)),
    ("OriginDuration", Some(Unit::Nanos)),
    ("Duration", Some(Unit::Nanos)),
    ("duration_us", Some(Unit::Micros)),
    ("durationUs", Some(Unit::Micros)),
    ("latency_us", Some(Unit::Micros)),
    ("duration_ns", Some(Unit::Nanos)),
    ("durationNs", Some(Unit::Nanos)),
    ("elapsed_ms", Some(Unit::Millis)),
    ("elapsedMs", Some(Unit::Millis)),
    ("took_ms", Some(Unit::Millis)),
    ("time_taken_ms", Some(Unit::Millis)),
    ("event.duration", Some(Unit::Nanos)),
    ("response_time", None),
    ("duration", None),
    ("latency", None),
    ("elapsed", None),
    ("took", None),
    ("reqtime", None),
    ("reqtime_microsec", Some(Unit::Micros)),
    ("time-taken", None),
    ("TimeTakenMS", Some(Unit::Millis)),
    ("runtime", None),
];

const UPSTREAM_DURATIONS: [(&str, Option<Unit>); 5] = [
    ("upstream_response_time", Some(Unit::Seconds)),
    ("OriginDuration", Some(Unit::Nanos)),
    ("upstream_service_time", Some(Unit::Millis)),
    ("x-envoy-upstream-service-time", Some(Unit::Millis)),
    ("apptime", None),
];

/// The names that durations are known by, in the order in which they are looked for.
pub(super) fn duration_names() -> impl Iterator<Item = &'static str> {
    DURATIONS.iter().chain(&UPSTREAM_DURATIONS).map(|(name, _)| *name)
}

/// Whether a field of this name holds the upstream's part of a request.
pub(in crate::source) fn is_upstream_duration(name: &str) -> bool {
    UPSTREAM_DURATIONS.iter().any(|(known, _)| *known == name)
}

const DEVELOPERS: [&str; 11] = [
    "developerId",
    "userId",
    "apiKey",
    "user",
    "sub",
    "developer_id",
    "user_id",
    "api_key",
    "remote_user",
    "cs-username",
    "ClientUsername",
];

const CONTENT_TYPES: [&str; 4] = ["sent_http_content_type", "content_type", "contentType", "downstream_Content-Type"];

/// Stamps before 1973 in a field of numbers are rather durations or counters.
const EARLIEST_LIKELY_MS: i64 = 100_000_000_000;

/// The name of the field for each role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) timestamp: String,
    /// From the stamp to the request's end, where its start is stamped.
    pub(super) until_end: Option<(String, Unit)>,
    pub(super) status: String,
    /// `None`: in the request line.
    pub(super) method: Option<String>,
    /// `None`: in the request line.
    pub(super) path: Option<String>,
    /// Whether a host stands before the paths.
    pub(super) is_hosted: bool,
    pub(super) request_line: Option<String>,
    pub(super) duration: Option<(String, Unit)>,
    pub(super) developer: Option<String>,
    pub(super) content_type: Option<String>,
}

impl Fields {
    /// Chooses by `wanted`; else, of the known names, the one that makes sense in most lines, then the first.
    pub(super) fn choose(sample: &Sample, wanted: &Wanted) -> Result<Self, NoFields> {
        let chooser = Chooser { sample, wanted };
        let is_stamp = |logged: &Logged| is_stamp(logged, wanted.timezone);
        let start = STARTS.iter().find(|(stamp, until_end, _)| {
            sample.values(stamp).iter().any(is_stamp) && sample.values(until_end).iter().any(is_duration)
        });
        // A start of which the end is known is as good as an end, and finer in Traefik.
        let finer = start.map(|(stamp, ..)| *stamp);
        let timestamp = chooser.required(Role::Timestamp, finer.as_slice(), is_stamp).or_else(|error| match error {
            NoFields::Missing { .. } => chooser.required(Role::Timestamp, &TIMESTAMPS, is_stamp),
            named => Err(named),
        })?;
        let until_end =
            start.filter(|(stamp, ..)| *stamp == timestamp).map(|(_, name, unit)| ((*name).to_owned(), *unit));
        let RequestNames { method, path, is_hosted, line: request_line } = chooser.request()?;
        Ok(Fields {
            timestamp,
            until_end,
            status: chooser
                .required(Role::Status, &STATUSES, |logged| value::status_number(logged.text.as_bytes()).is_ok())?,
            method,
            path,
            is_hosted,
            request_line,
            duration: chooser.duration()?,
            developer: chooser.developer(),
            content_type: sample.best(CONTENT_TYPES, |_| true).map(str::to_owned),
        })
    }
}

/// The names of the fields that a request is in.
#[derive(Default)]
struct RequestNames {
    method: Option<String>,
    path: Option<String>,
    is_hosted: bool,
    line: Option<String>,
}

struct Chooser<'s> {
    sample: &'s Sample,
    wanted: &'s Wanted,
}

impl Chooser<'_> {
    /// The field that the user named for a role, and the unit that came with it.
    fn named(&self, role: Role) -> Result<Option<(String, Option<Unit>)>, NoFields> {
        let Some(field) = self.wanted.fields.iter().rev().find(|field| field.role == role) else { return Ok(None) };
        if !self.sample.has(&field.name) {
            let name = field.name.escape_debug().to_string();
            return Err(NoFields::Unknown { role, name, known: known(self.sample) });
        }
        Ok(Some((field.name.clone(), field.unit)))
    }

    fn optional(
        &self,
        role: Role,
        names: &[&str],
        makes_sense: impl Fn(&Logged) -> bool,
    ) -> Result<Option<String>, NoFields> {
        let named = self.named(role)?.map(|(name, _)| name);
        Ok(named.or_else(|| self.sample.best(names.iter().copied(), makes_sense).map(str::to_owned)))
    }

    fn required(&self, role: Role, names: &[&str], makes_sense: impl Fn(&Logged) -> bool) -> Result<String, NoFields> {
        self.optional(role, names, makes_sense)?.ok_or_else(|| NoFields::Missing { role, known: known(self.sample) })
    }

    /// Two fields of their own before one request line, unless the user names the line.
    fn request(&self) -> Result<RequestNames, NoFields> {
        let (own_method, own_path) = (self.named(Role::Method)?, self.named(Role::Path)?);
        let own_line = self.named(Role::Request)?;
        if own_line.is_none() {
            let method = self.optional(Role::Method, &METHODS, is_method)?;
            let path = self.optional(Role::Path, &PATHS, is_target)?;
            if method.is_some() && path.is_some() {
                return Ok(RequestNames { method, path, ..RequestNames::default() });
            }
        }
        let own_name = |named: Option<(String, Option<Unit>)>| named.map(|(name, _)| name);
        let line = self.optional(Role::Request, &REQUEST_LINES, is_request_line)?;
        if line.is_none() {
            let method = self.optional(Role::Method, &METHODS, is_method)?;
            let path = self.hosted_path();
            return match (&method, &path) {
                (Some(_), Some(_)) => Ok(RequestNames { method, path, is_hosted: true, line: None }),
                (Some(_), None) => Err(NoFields::Missing { role: Role::Path, known: known(self.sample) }),
                (None, _) => Err(NoFields::Missing { role: Role::Method, known: known(self.sample) }),
            };
        }
        Ok(RequestNames { method: own_name(own_method), path: own_name(own_path), line, ..RequestNames::default() })
    }

    /// The field whose targets begin with a host, most of those that there are: where no field holds a target as it should be.
    fn hosted_path(&self) -> Option<String> {
        let name = self.sample.hosted?;
        let targets = self.sample.values(name).iter().filter_map(|logged| value::present(logged.text.as_bytes()));
        let targets: Vec<&[u8]> = targets.collect();
        are_most(&targets, |target| value::behind_host(target).is_some()).then(|| name.to_owned())
    }

    fn duration(&self) -> Result<Option<(String, Unit)>, NoFields> {
        if let Some((name, unit)) = self.named(Role::Duration)? {
            let unit = unit.unwrap_or_else(|| unit_of(self.sample, &name));
            return Ok(Some((name, unit)));
        }
        let best_of =
            |table: &[(&'static str, Option<Unit>)]| self.sample.best(table.iter().map(|(name, _)| *name), is_duration);
        let lines = |name: &str| self.sample.values(name).iter().filter(|logged| is_duration(logged)).count();
        let name = match (self.wanted.latency, best_of(&DURATIONS), best_of(&UPSTREAM_DURATIONS)) {
            // A field that most of the lines with the upstream's part do without is no latency of the log.
            (Latency::Request, Some(whole), Some(part)) if 2 * lines(whole) < lines(part) => Some(part),
            (Latency::Request, whole, part) => whole.or(part),
            (Latency::Upstream, whole, part) => part.or(whole),
        };
        Ok(name.map(|name| (name.to_owned(), unit_of(self.sample, name))))
    }

    fn developer(&self) -> Option<String> {
        if let Some(name) = &self.wanted.developer {
            return Some(name.clone());
        }
        let mut names = DEVELOPERS.iter().flat_map(|name| [(*name).to_owned(), format!("metadata.{name}")]);
        names.find(|name| self.sample.values(name).iter().any(|logged| logged.is_text_or_number))
    }
}

/// Whether any of the known names holds a method or a request line.
pub(super) fn names_request(sample: &Sample) -> bool {
    sample.best(METHODS, is_method).is_some() || sample.best(REQUEST_LINES, is_request_line).is_some()
}

/// At most this many names are listed in a message.
const MAX_LISTED_NAMES: usize = 30;

fn known(sample: &Sample) -> String {
    let mut names: Vec<String> = sample.names().map(|name| format!("`{}`", name.escape_debug())).collect();
    let more = names.len().saturating_sub(MAX_LISTED_NAMES);
    names.truncate(MAX_LISTED_NAMES);
    match (names.is_empty(), more) {
        (true, _) => "no fields".to_owned(),
        (false, 0) => names.join(", "),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    }
}

fn is_stamp(logged: &Logged, zone: Timezone) -> bool {
    let epoch_ms = TimeParser::new(zone).any(logged.text.as_bytes());
    logged.is_text_or_number && epoch_ms.is_some_and(|epoch_ms| epoch_ms >= EARLIEST_LIKELY_MS)
}

fn is_method(logged: &Logged) -> bool {
    let text = &logged.text;
    logged.is_string && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

fn is_target(logged: &Logged) -> bool {
    logged.is_string && (logged.text.starts_with('/') || logged.text.contains("://"))
}

fn is_request_line(logged: &Logged) -> bool {
    logged.is_string && value::request_line(logged.text.as_bytes()).is_some()
}

pub(super) fn is_duration(logged: &Logged) -> bool {
    logged.is_text_or_number && matches!(value::upstream_duration(logged.text.as_bytes(), 0), Ok(Some(_)))
}

fn unit_of(sample: &Sample, name: &str) -> Unit {
    let mut known = DURATIONS.iter().chain(&UPSTREAM_DURATIONS);
    match known.find(|(known, _)| *known == name) {
        Some((_, Some(unit))) => *unit,
        Some((_, None)) => unit_by_sample(sample, name),
        None => unit_by_ending(name).unwrap_or_else(|| unit_by_sample(sample, name)),
    }
}

fn unit_by_ending(name: &str) -> Option<Unit> {
    let endings = [
        (&["_ms", "Ms", "millis", "Millis"][..], Unit::Millis),
        (&["_us", "Us", "micros", "Micros"], Unit::Micros),
        (&["_ns", "Ns", "nanos", "Nanos"], Unit::Nanos),
        (&["_s", "_sec", "_secs", "seconds", "Seconds"], Unit::Seconds),
    ];
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    endings.iter().find(|(endings, _)| ends(endings)).map(|(_, unit)| *unit)
}

/// Seconds, if some value in the sample has a decimal point or the log is Caddy's; milliseconds otherwise. Those who
/// count in seconds need the point, those who count in milliseconds seldom bother.
fn unit_by_sample(sample: &Sample, name: &str) -> Unit {
    let is_caddy = name == "duration" && sample.has("request.uri");
    let has_point = sample.values(name).iter().any(|logged| logged.is_decimal);
    if is_caddy || has_point { Unit::Seconds } else { Unit::Millis }
}
