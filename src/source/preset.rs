//! The text formats known by name.
//!
//! Names and titles in, `log_format` strings out; in those of other servers, variables are what the server calls its
//! values. Which of them a log is written in is for `detect`.

use crate::plan::{FormatChoice, LineTemplate};

/// A format known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name on the command line.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The nginx `log_format` string, or the same for another server.
    pub log_format: &'static str,
    /// What detection makes of it.
    pub detection: Detection,
    /// The name of the product's other layout, which its logs may hold, too. Both write the latency and the developer
    /// alike, and no line is in both.
    pub companion: Option<&'static str>,
}

impl Preset {
    /// The companion itself.
    pub fn companion(&self) -> Option<&'static Preset> {
        self.companion.and_then(by_name)
    }

    /// The layout alone.
    pub fn template(&self) -> LineTemplate {
        LineTemplate { title: self.title.to_owned(), log_format: self.log_format.to_owned(), companion: None }
    }
}

/// Formats that no template describes: the names that people may look for, what they call them, and the family.
pub(crate) const FAMILIES: [(&str, &str, FormatChoice); 9] = [
    ("json", "JSON lines, whatever their field names", FormatChoice::Json),
    ("caddy", "Caddy", FormatChoice::Json),
    ("traefik-json", "Traefik, JSON", FormatChoice::Json),
    ("envoy-json", "Envoy, JSON", FormatChoice::Json),
    ("pino", "pino, as of Express and Nest", FormatChoice::Json),
    ("ltsv", "LTSV", FormatChoice::Ltsv),
    ("w3c", "W3C extended", FormatChoice::W3c),
    ("iis", "IIS", FormatChoice::W3c),
    ("cloudfront", "CloudFront", FormatChoice::W3c),
];

/// What detection makes of a preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    /// It is tried.
    Tried,
    /// It is tried, and its latency is in seconds with a point, as nginx writes them: a whole number there is Apache's.
    TriedWithPoint,
    /// It is tried, and whole numbers must be large enough to be no seconds.
    TriedWithLarge,
    /// Only its name calls it.
    ByName,
}

macro_rules! preset {
    ($name:literal, $title:expr, $format:expr) => {
        preset!($name, $title, $format, Tried)
    };
    ($name:literal, $title:expr, $format:expr, $detection:ident) => {
        Preset { name: $name, title: $title, log_format: $format, detection: Detection::$detection, companion: None }
    };
}

/// A preset of nginx's that is its `base` and more behind it.
macro_rules! nginx {
    ($name:literal, $base:ident) => {
        preset!($name, concat!("nginx ", $name), $base!())
    };
    ($name:literal, $base:ident, $tail:literal) => {
        preset!($name, concat!("nginx ", $name), concat!($base!(), $tail), TriedWithPoint)
    };
}

macro_rules! common {
    () => {
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#
    };
}

macro_rules! agents {
    () => {
        r#" "$http_referer" "$http_user_agent""#
    };
}

macro_rules! combined {
    () => {
        concat!(common!(), agents!())
    };
}

macro_rules! forwarded {
    () => {
        concat!(combined!(), r#" "$http_x_forwarded_for""#)
    };
}

/// `common` with the stamp of the request's start, as Apache and Traefik write it.
macro_rules! started {
    () => {
        r#"$remote_addr - $remote_user [$start_local] "$request" $status_code $body_bytes_sent"#
    };
}

macro_rules! envoy {
    () => {
        r#"[$start_time] "$request" $response_code $response_flags"#
    };
}

macro_rules! envoy_tail {
    () => {
        concat!(
            r#" $bytes_received $bytes_sent $duration_ms $upstream_service_time "$http_x_forwarded_for""#,
            r#" "$http_user_agent" "$request_id" "$authority" "$upstream_host""#
        )
    };
}

/// Every preset. Of two that read a log equally well the earlier is taken, so those with more fields come first: to a
/// format without `$host` it looks like a part of the address, to one without `$http_x_forwarded_for` that is a part of
/// the user agent.
static PRESETS: [Preset; 34] = [
    preset!("apache-vhost-combined", "Apache vhost_combined", concat!("$server_name:$server_port ", combined!())),
    preset!("host-combined-xff", "nginx host-combined-xff", concat!("$host ", forwarded!())),
    preset!(
        "bunkerweb",
        "BunkerWeb",
        concat!(
            r#"$host $remote_addr - $request_id $remote_user [$time_local] "$request" $status $body_bytes_sent"#,
            agents!()
        )
    ),
    preset!("host-combined", "nginx host-combined", concat!("$host ", combined!())),
    nginx!("combined-xff", forwarded),
    nginx!("combined-xff-time", forwarded, " $request_time"),
    nginx!("combined-xff-rt", forwarded, " rt=$request_time uct=$upstream_connect_time urt=$upstream_response_time"),
    nginx!("combined-xff-rt-only", forwarded, " rt=$request_time"),
    nginx!("combined-xff-rt-urt", forwarded, " rt=$request_time urt=$upstream_response_time"),
    nginx!("combined", combined),
    nginx!("combined-rt", combined, " rt=$request_time uct=$upstream_connect_time urt=$upstream_response_time"),
    nginx!("combined-rt-only", combined, " rt=$request_time"),
    nginx!("combined-rt-urt", combined, " rt=$request_time urt=$upstream_response_time"),
    nginx!(
        "combined-rt-quoted",
        combined,
        r#" rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time""#
    ),
    nginx!("combined-time", combined, " $request_time"),
    nginx!("combined-times", combined, " $request_time $upstream_response_time"),
    nginx!("common", common),
    nginx!("common-time", common, " $request_time"),
    // https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/log-format/
    nginx!(
        "ingress-nginx",
        combined,
        " $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr \
         $upstream_response_length $upstream_response_time $upstream_status $req_id"
    ),
    Preset {
        companion: Some("nginx-proxy-manager-standard"),
        ..preset!(
            "nginx-proxy-manager",
            "nginx-proxy-manager",
            concat!(
                "[$time_local] $upstream_cache_status $upstream_status $status - $request_method $scheme $host ",
                r#""$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio]"#,
                r#" [Sent-to $server] "$http_user_agent" "$http_referer""#
            )
        )
    },
    preset!(
        "nginx-proxy-manager-standard",
        "nginx-proxy-manager standard",
        concat!(
            r#"[$time_local] $status - $request_method $scheme $host "$request_uri" [Client $remote_addr]"#,
            r#" [Length $body_bytes_sent] [Gzip $gzip_ratio] "$http_user_agent" "$http_referer""#
        )
    ),
    // https://httpd.apache.org/docs/2.4/mod/mod_log_config.html: `%D` is in microseconds, `%T` in seconds.
    preset!(
        "apache-combined-us",
        "Apache combined %D",
        concat!(started!(), agents!(), " $request_time_us"),
        TriedWithLarge
    ),
    preset!("apache-common-us", "Apache common %D", concat!(started!(), " $request_time_us"), TriedWithLarge),
    preset!("apache-combined-s", "Apache combined %T", concat!(combined!(), " $request_time"), ByName),
    preset!("apache-common-s", "Apache common %T", concat!(common!(), " $request_time"), ByName),
    // https://github.com/expressjs/morgan: a dash for the status where the client left before the answer.
    preset!(
        "morgan-combined-ms",
        "morgan combined :response-time ms",
        concat!(
            r#"$remote_addr - $remote_user [$time_local] "$request" $status_code $body_bytes_sent"#,
            agents!(),
            " $response_time_ms ms"
        )
    ),
    // https://doc.traefik.io/traefik/observability/access-logs/
    preset!(
        "traefik",
        "Traefik CLF",
        concat!(started!(), agents!(), r#" $request_count "$router_name" "$service_url" ${duration_ms}ms"#)
    ),
    // https://docs.haproxy.org/3.0/configuration.html#8.2.3; captured headers stay with the queue before them.
    preset!(
        "haproxy",
        "HAProxy httplog",
        concat!(
            "$client [$accept_date] $frontend $backend/$server $TR/$Tw/$Tc/$Tr/$Ta $status_code $bytes_read ",
            "$captured_request_cookie $captured_response_cookie $termination_state ",
            r#"$actconn/$feconn/$beconn/$srv_conn/$retries $srv_queue/$backend_queue "$request""#
        )
    ),
    // https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
    preset!(
        "alb",
        "AWS ALB",
        concat!(
            "$type $time $elb $client $target $request_processing_time $target_processing_time ",
            "$response_processing_time $elb_status_code $target_status_code $received_bytes $sent_bytes ",
            r#""$request" "$user_agent" $ssl_cipher $ssl_protocol $target_group_arn "$trace_id" "$domain_name" $rest"#
        )
    ),
    // https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html
    preset!(
        "elb",
        "AWS classic ELB",
        concat!(
            "$time $elb $client $backend $request_processing_time $backend_processing_time ",
            "$response_processing_time $elb_status_code $backend_status_code $received_bytes $sent_bytes ",
            r#""$request" "$user_agent" $ssl_cipher $ssl_protocol"#
        )
    ),
    // https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#default-format-string
    preset!("envoy", "Envoy", concat!(envoy!(), envoy_tail!())),
    // https://istio.io/latest/docs/tasks/observability/logs/access-log/
    preset!(
        "istio",
        "Envoy of Istio",
        concat!(
            envoy!(),
            r#" $response_code_details $connection_termination_details "$upstream_transport_failure_reason""#,
            envoy_tail!(),
            " $upstream_cluster $upstream_local_address $downstream_local_address $downstream_remote_address ",
            "$requested_server_name $route_name"
        )
    ),
    // https://wiki.squid-cache.org/Features/LogFormat
    preset!(
        "squid",
        "Squid",
        "$msec $elapsed_ms $client $result_code/$status_code $bytes $request_method $request_uri $remote_user \
         $hierarchy_code $content_type"
    ),
    preset!(
        "zoraxy",
        "Zoraxy",
        "$logged_date $logged_time [$time] [router:$router] [origin:$origin] [client: $remote_addr] \
         [useragent: $http_user_agent] $request_method $request_uri $status"
    ),
];

/// Every preset, in the order in which detection tries them.
pub fn all() -> &'static [Preset] {
    &PRESETS
}

/// The preset of this name.
pub fn by_name(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Wanted;
    use crate::source::FormatInfo;
    use crate::source::nginx::LogFormat;

    #[test]
    fn names_are_unique_and_every_preset_compiles() {
        for (index, preset) in all().iter().enumerate() {
            assert_eq!(all().iter().position(|other| other.name == preset.name), Some(index));
            LogFormat::compile(preset.title, preset.log_format, &Wanted::default()).unwrap();
        }
        assert_eq!(by_name("combined").map(|preset| preset.log_format), Some(combined!()));
        assert_eq!(by_name("nothing"), None);
    }

    /// What the first of a pair tells of its log is true of the second's lines.
    #[test]
    fn companions_deliver_what_their_presets_do() {
        let delivered = |preset: &Preset| {
            let format = LogFormat::compile(preset.title, preset.log_format, &Wanted::default()).unwrap();
            (FormatInfo { name: String::new(), ..format.info() }, format.stamps())
        };
        let companions = |preset: &'static Preset| Some((preset, preset.companion?));
        let pairs: Vec<_> = all().iter().filter_map(companions).collect();
        assert!(!pairs.is_empty());
        for (preset, name) in pairs {
            let companion = by_name(name).unwrap();
            assert_eq!(companion.companion, None, "{name}");
            assert_eq!((preset.detection, companion.detection), (Detection::Tried, Detection::Tried), "{name}");
            assert_eq!(delivered(preset), delivered(companion), "{name}");
        }
    }
}
