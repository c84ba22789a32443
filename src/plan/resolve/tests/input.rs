//! What is read, and which requests of it.

use super::*;
use crate::plan::{LineTemplate, Role};
use crate::source::preset;

fn templates(expected: &[(&str, &str)]) -> FormatChoice {
    let template = |&(title, log_format): &(&str, &str)| LineTemplate {
        title: title.to_owned(),
        log_format: log_format.to_owned(),
        companion: None,
    };
    FormatChoice::Templates(expected.iter().map(template).collect())
}

#[test]
fn log_formats_are_strings_presets_or_families() {
    let format = |text: &str| resolve(&["-", "--log-format", text]).input.format;
    let own = "$remote_addr $status";
    assert_eq!(format(own), templates(&[("nginx log_format", own)]));
    assert_eq!(format("%h %>s"), templates(&[("Apache LogFormat", "${remote_addr} ${status}")]));
    for (name, _, choice) in crate::source::preset::FAMILIES {
        assert_eq!(format(name), choice, "{name}");
    }
    for preset in preset::all() {
        let companion = preset.companion().map(|companion| Box::new(companion.template()));
        let template = LineTemplate { companion, ..preset.template() };
        assert_eq!(format(preset.name), FormatChoice::Templates(vec![template]));
    }
    let FormatChoice::Templates(both) = format("nginx-proxy-manager") else { panic!("a template") };
    let companion = both[0].companion.as_ref().unwrap();
    assert_eq!((companion.title.as_str(), &companion.companion), ("nginx-proxy-manager standard", &None));
    let unknown = error(&["-", "--log-format", "combind"]);
    assert!(unknown.ends_with("the nearest one is combined"), "{unknown}");
}

#[test]
fn an_nginx_conf_gives_its_formats_or_the_one_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nginx#1.conf");
    fs::write(&path, "http { log_format a '$status'; log_format b '$msec'; }").unwrap();
    let path = path.display().to_string();
    let format = |given: &str| resolve(&["-", "--nginx-conf", given]).input.format;
    let (a, b) = (("nginx a", "log_format a '$status'"), ("nginx b", "log_format b '$msec'"));
    assert_eq!(format(&path), templates(&[a, b]));
    assert_eq!(format(&format!("{path}#b")), templates(&[b]));
    let combined = preset::by_name("combined").unwrap();
    assert_eq!(format(&format!("{path}#combined")), templates(&[(combined.title, combined.log_format)]));

    let refused = |given: &str| error(&["-", "--nginx-conf", given]);
    assert_eq!(refused(&format!("{path}#c")), format!("--nginx-conf: {path}: has no log_format `c`; it has a, b"));
    assert!(refused("missing.conf").starts_with("--nginx-conf: missing.conf: cannot be read"));
    let empty = folder.path().join("empty.conf");
    fs::write(&empty, "http { }").unwrap();
    assert!(refused(&empty.display().to_string()).contains("has no log_format directive; give the file"));
}

#[test]
fn a_role_is_given_once() {
    let fields = resolve(&["-", "--field", "duration=a,path=b", "--field", "method=c"]).input.wanted.fields;
    assert_eq!(fields.iter().map(|field| field.role).collect::<Vec<_>>(), [Role::Duration, Role::Path, Role::Method]);
    assert_eq!(error(&["-", "--field", "path=a", "--field", "path=b"]), "--field: `path` is given more than once");
}

#[test]
fn time_bounds_take_the_zone_and_must_leave_some_time() {
    let typed = ["-", "--since", "2026-06-01", "--until=2026-06-01T00:00:00.001+02:00", "--timezone", "+02:00"];
    let input = resolve(&typed).input;
    let midnight = 1_780_264_800_000;
    assert_eq!((input.since, input.until), (Some(TimeBound::At(midnight)), Some(TimeBound::At(midnight + 1))));
    assert_eq!(input.as_given.since.as_deref(), Some("2026-05-31T22:00:00.000Z"));

    let empty = "no time lies between --since and --until; --since must be the earlier one";
    assert_eq!(error(&["-", "--since", "2026-06-01", "--until", "2026-06-01"]), empty);
    assert_eq!(error(&["-", "--since", "1h", "--until", "1h"]), empty);
}

#[test]
fn relative_bounds_need_regular_files() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let input = resolve(&[path, "--since", "-2h", "--until", "90m"]).input;
    assert_eq!(input.since, Some(TimeBound::BeforeEnd(7_200_000)));
    assert_eq!(input.until, Some(TimeBound::BeforeEnd(5_400_000)));
    assert_eq!(input.as_given.since, None);
    assert!(error(&[path, "-", "--since", "2h"]).contains("standard input is none"));
    assert!(error(&["/dev/null", "--until", "2h"]).starts_with("--until relative to the log's end"));
}

#[test]
fn filters_keep_their_values_and_share_the_fields_they_read() {
    let typed = [
        "-",
        "--method",
        "GET,PUT",
        "--method",
        "POST",
        "--status=5xx,200-299",
        "--route",
        "/a",
        "--exclude-route",
        "/b",
        "--where",
        "region=eu",
        "--where",
        "tier=a=b",
        "--where",
        "region=us",
        "--group-by",
        "tier",
    ];
    let input = resolve(&typed).input;
    let strings = |values: &[&str]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = [
        Filter::Method(strings(&["GET", "PUT", "POST"])),
        Filter::Route(strings(&["/a"])),
        Filter::ExcludeRoute(strings(&["/b"])),
        Filter::Status(vec![(500, 599), (200, 299)]),
        Filter::Equals(0, "eu".to_owned()),
        Filter::Equals(1, "a=b".to_owned()),
        Filter::Equals(0, "us".to_owned()),
    ];
    assert_eq!(input.filters, expected);
    assert_eq!((input.wanted.extras, input.group_by), (strings(&["region", "tier"]), Some(1)));
    let given = ["method=GET,PUT,POST", "status=5xx,200-299", "route=/a", "exclude-route=/b"];
    let given = [&given[..], &["region=eu", "tier=a=b", "region=us"]].concat();
    assert_eq!(input.as_given.filters, given);
}

#[test]
fn four_fields_can_be_read_and_no_more() {
    let four = ["-", "--where", "a=", "--where", "b=", "--where", "c=", "--group-by", "d"];
    assert_eq!(resolve(&four).input.wanted.extras.len(), MAX_EXTRA_FIELDS);
    let message = error(&[&four[..], &["--where", "e="]].concat());
    assert_eq!(
        message,
        "--where, --group-by and --breaker-by name 5 different fields (a, b, c, e, d); at most 4 can be read"
    );
}
