//! `--openapi FILE`: the paths of an OpenAPI 3 or Swagger 2 document, JSON or YAML, as patterns for their methods.
//!
//! Only what names paths is read: `servers` or `basePath`, `paths` and the methods below them. References to other
//! files are not followed: a path item behind one counts for every method.

use super::DeclaredRoutes;
use anyhow::{Context, anyhow, bail, ensure};
use serde_json::Value;

/// The methods that a path item may hold (OpenAPI 3.2, 4.8.9.1).
const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

/// Prefixes that one document may have, with all values of all variables.
const MAX_PREFIXES: usize = 100;

/// Adds the paths of a document to the patterns there are; where two stand for the same requests, the earlier counts.
///
/// # Errors
/// Text that is neither JSON nor YAML, a document that is not of OpenAPI or names no path, a path that is no pattern.
pub(crate) fn read(text: &str, file: &str, routes: &mut DeclaredRoutes) -> anyhow::Result<()> {
    let document = parse(text).with_context(|| file.to_owned())?;
    let own = prefixes(&document).with_context(|| file.to_owned())?;
    let paths = document.get("paths").and_then(Value::as_object);
    let paths = paths.map(|paths| paths.iter().filter(|(path, _)| path.starts_with('/')));
    let mut has_paths = false;
    for (path, item) in paths.into_iter().flatten() {
        has_paths = true;
        for (method, prefixes) in operations(item, &own).with_context(|| format!("{file}: paths: {path}"))? {
            for prefix in prefixes {
                let pattern = format!("{prefix}{}", with_colons(path));
                routes.add(method, &pattern).map_err(|error| anyhow!("{file}: paths: {path}: {error}"))?;
            }
        }
    }
    if !has_paths {
        bail!("{file}: no path in it, expected `paths` with members such as /users/{{id}}")
    }
    Ok(())
}

fn parse(text: &str) -> anyhow::Result<Value> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document: Value = if text.trim_ascii_start().starts_with('{') {
        serde_json::from_str(text).context("no JSON")?
    } else {
        let options = serde_saphyr::options! { with_snippet: false };
        serde_saphyr::from_str_with_options(text, options).map_err(|error| anyhow!("no YAML: {error}"))?
    };
    let version = ["openapi", "swagger"].iter().find_map(|key| document.get(key));
    // YAML takes an unquoted 2.0 for a number.
    let version = version.map(|version| version.as_str().map_or_else(|| version.to_string(), str::to_owned));
    match version {
        Some(version) if version.starts_with("3.") || version.starts_with('2') => Ok(document),
        Some(version) => bail!("found version {version}, expected OpenAPI 3 or Swagger 2.0"),
        None => bail!("found neither `openapi` nor `swagger` at its top, expected an OpenAPI document"),
    }
}

/// The methods of a path item, each with the prefixes that are in force for it.
fn operations<'i>(item: &'i Value, document: &[String]) -> anyhow::Result<Vec<(Option<&'i str>, Vec<String>)>> {
    let own = servers(item)?.unwrap_or_else(|| document.to_vec());
    let mut operations = Vec::new();
    for (name, operation) in item.as_object().into_iter().flatten() {
        if METHODS.contains(&name.as_str()) {
            operations.push((Some(name.as_str()), servers(operation)?.unwrap_or_else(|| own.clone())));
        }
    }
    if operations.is_empty() {
        operations.push((None, own));
    }
    Ok(operations)
}

/// What stands before every path of the document.
fn prefixes(document: &Value) -> anyhow::Result<Vec<String>> {
    if let Some(base) = document.get("basePath").and_then(Value::as_str) {
        return Ok(vec![prefix(base)]);
    }
    Ok(servers(document)?.unwrap_or_else(|| vec![String::new()]))
}

/// The paths of an object's own `servers`; `None` when it has none.
fn servers(object: &Value) -> anyhow::Result<Option<Vec<String>>> {
    let servers = match object.get("servers") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(servers)) if servers.is_empty() => return Ok(None),
        Some(Value::Array(servers)) => servers,
        Some(_) => bail!("servers: expected a list, such as [{{\"url\": \"/v1\"}}]"),
    };
    let mut prefixes = Vec::new();
    for (number, server) in (1..).zip(servers) {
        let url = server.get("url").and_then(Value::as_str);
        let url = url.with_context(|| format!("servers: number {number} has no `url`, expected one, such as /v1"))?;
        prefixes.extend(addresses(url, server.get("variables"))?.iter().map(|url| prefix(path_of_url(url))));
        prefixes.sort();
        prefixes.dedup();
        ensure!(prefixes.len() <= MAX_PREFIXES, "servers: found more than {MAX_PREFIXES} paths, expected fewer");
    }
    Ok(Some(prefixes))
}

/// A server's addresses with all values of its variables, or their paths alone. A variable that says no value stays: in
/// the path it then stands for any segment.
fn addresses(url: &str, variables: Option<&Value>) -> anyhow::Result<Vec<String>> {
    let mut used: Vec<(String, Vec<String>)> = Vec::new();
    for (name, variable) in variables.and_then(Value::as_object).into_iter().flatten() {
        let values = values(variable).with_context(|| format!("servers: {url}: the variable {name}"))?;
        let placeholder = format!("{{{name}}}");
        if url.contains(&placeholder) && !values.is_empty() {
            used.push((placeholder, values));
        }
    }
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let path = path_of_url(url);
    let host = &url[..url.len() - path.len()];
    let has_path = |values: &[String]| values.iter().any(|value| value.contains('/'));
    // What is in a host makes no path, unless it says where the path begins.
    for (placeholder, values) in &mut used {
        if !path.contains(&*placeholder) && !has_path(values) {
            values.truncate(1);
        }
    }
    let is_in_host = |placeholder: &str, values: &[String]| host.contains(placeholder) && has_path(values);
    let url = if used.iter().any(|(name, values)| is_in_host(name, values)) { url } else { path };
    let mut urls = vec![url.to_owned()];
    for (placeholder, values) in used.iter().filter(|(placeholder, _)| url.contains(placeholder)) {
        let count = urls.len().saturating_mul(values.len());
        ensure!(
            count <= MAX_PREFIXES,
            "servers: {url}: found more than {MAX_PREFIXES} values of its variables, expected fewer; give the patterns \
             with --routes"
        );
        urls = urls.iter().flat_map(|url| values.iter().map(|value| url.replace(placeholder, value))).collect();
    }
    Ok(urls)
}

/// The values that a server's variable may take.
fn values(variable: &Value) -> anyhow::Result<Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        // YAML takes an unquoted 2 for a number.
        Value::Number(number) => Ok(number.to_string()),
        other => bail!("found the value {other}, expected text; put it in quotes"),
    };
    match variable.get("enum").and_then(Value::as_array) {
        Some(choices) if !choices.is_empty() => choices.iter().map(text).collect(),
        _ => variable.get("default").into_iter().map(text).collect(),
    }
}

/// The path of an address, which may have neither scheme nor host and has no query.
fn path_of_url(url: &str) -> &str {
    let after_scheme = url.split_once("://").map(|(_, rest)| rest).or_else(|| url.strip_prefix("//"));
    match after_scheme {
        Some(rest) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => url,
    }
}

/// `/v1/`, `v1` and `/v1` as `/v1`; `/` as nothing.
fn prefix(path: &str) -> String {
    let path = path.trim_matches('/');
    if path.is_empty() { String::new() } else { with_colons(&format!("/{path}")) }
}

/// `{id}` as `:id`. A segment that is a placeholder in part stands for whatever is in its place.
fn with_colons(path: &str) -> String {
    let segment = |text: &str| match (text.find('{'), text.find('}')) {
        (Some(start), Some(end)) if start + 1 < end => format!(":{}", &text[start + 1..end]),
        _ => text.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(document: &str, expected: &[(&str, &str)]) {
        let mut routes = DeclaredRoutes::default();
        read(document, "api", &mut routes).unwrap();
        for (request, pattern) in expected {
            let (method, path) = request.split_once(' ').unwrap();
            let found = routes.find(method.as_bytes(), path.as_bytes()).map(String::from_utf8_lossy);
            assert_eq!(found.as_deref().unwrap_or("none"), *pattern, "{request}");
        }
    }

    const YAML: &str = "\
openapi: 3.1.0
info: {title: Shop, version: 1.0}
servers:
  - url: https://{region}.example.com/{version}/
    variables:
      region: {default: eu}
      version: {default: v1, enum: [v1, v2]}
paths:
  x-note: kept apart
  /users/{userId}:
    parameters: []
    get:
      responses:
        200: {description: fine}
        '404': {description: gone}
    delete: {servers: [{url: /admin}]}
  /users/me:
    get: {responses: {}}
  /reports/{year}-{month}.pdf:
    $ref: 'reports.yaml'
";

    #[test]
    fn yaml_of_version_3() {
        check(
            YAML,
            &[
                ("GET /v1/users/7", "/v1/users/:userId"),
                ("GET /v2/users/7", "/v2/users/:userId"),
                ("GET /v1/users/me", "/v1/users/me"),
                ("POST /v1/users/7", "none"),
                ("DELETE /v1/users/7", "none"),
                ("DELETE /admin/users/7", "/admin/users/:userId"),
                ("PUT /v1/reports/2026-06.pdf", "/v1/reports/:year"),
                ("GET /users/7", "none"),
            ],
        );
    }

    #[test]
    fn json_and_swagger_2() {
        check(
            r#"{"swagger":"2.0","host":"example.com","basePath":"/api","paths":{"/":{"get":{}},"/a/{b}":{"post":{}}}}"#,
            &[("GET /api", "/api/"), ("GET /api/", "/api/"), ("POST /api/a/1", "/api/a/:b"), ("GET /api/a/1", "none")],
        );
        check("swagger: 2.0\npaths:\n  /a: {get: }\n", &[("GET /a", "/a")]);
        check(
            r#"{"openapi":"3.0.3","servers":[{"url":"https://example.com"}],"paths":{"/a":{}}}"#,
            &[("PUT /a", "/a")],
        );
    }

    #[test]
    fn servers_keep_every_path() {
        let document = |servers: &str| format!("openapi: 3.0.0\npaths: {{/a: {{get: }}}}\nservers: {servers}\n");
        let regions = (0..150).map(|n| format!("r{n}")).collect::<Vec<_>>().join(",");
        let hosts = format!(
            "[{{url: 'https://{{z}}.x/{{a}}', variables: {{a: {{enum: [v1, 2]}}, z: {{enum: [{regions}], default: r0}}}}}}]"
        );
        check(&document(&hosts), &[("GET /v1/a", "/v1/a"), ("GET /2/a", "/2/a")]);
        let valueless = "[{url: '/{tenant}/{x}', variables: {tenant: {description: any}}}]";
        check(&document(valueless), &[("GET /acme/7/a", "/:tenant/:x/a")]);
        let whole = "[{url: '{base}/v1', variables: {base: {default: 'https://x.example/api'}}}]";
        check(&document(whole), &[("GET /api/v1/a", "/api/v1/a")]);
        let beside = "[{url: 'https://{host}/v1', variables: {host: {enum: ['x/api', 'y']}}}]";
        check(&document(beside), &[("GET /api/v1/a", "/api/v1/a"), ("GET /v1/a", "/v1/a")]);
        check(
            &document("[{url: 'https://x/?q=ü'}, {url: 'https://x/v1#é'}]"),
            &[("GET /a", "/a"), ("GET /v1/a", "/v1/a")],
        );
        let based = format!(
            "[{{url: 'https://{{z}}.x{{base}}/v1', variables: {{base: {{default: /api}}, z: {{enum: [{regions}]}}}}}}]"
        );
        check(&document(&based), &[("GET /api/v1/a", "/api/v1/a")]);
        let refused = |servers: &str, expected: &str| {
            let error = read(&document(servers), "api.yaml", &mut DeclaredRoutes::default()).unwrap_err();
            assert!(format!("{error:#}").starts_with(expected), "{error:#}");
        };
        let values = |count: usize| (0..count).map(|n| format!("v{n}")).collect::<Vec<_>>().join(",");
        let many = |count| format!("[{{url: '/{{v}}', variables: {{v: {{enum: [{}]}}}}}}]", values(count));
        check(&document(&many(100)), &[("GET /v99/a", "/v99/a")]);
        refused(&many(101), "api.yaml: servers: /{v}: found more than 100 values of its variables");
        let listed = (0..101).map(|n| format!("{{url: /{n}}}")).collect::<Vec<_>>().join(",");
        refused(&format!("[{listed}]"), "api.yaml: servers: found more than 100 paths");
        refused("[{url: /v1}, {uri: /v2}]", "api.yaml: servers: number 2 has no `url`");
        refused(
            "[{url: '/{v}', variables: {v: {enum: [true]}}}]",
            "api.yaml: servers: /{v}: the variable v: found the value true, expected text",
        );
        refused("{url: /v1}", "api.yaml: servers: expected a list");
    }

    #[test]
    fn what_is_no_document_is_told() {
        let check = |text: &str, expected: &str| {
            let error = read(text, "api.yaml", &mut DeclaredRoutes::default()).unwrap_err();
            let told = format!("{error:#}");
            assert!(told.starts_with(expected), "{told}");
        };
        check("{\"openapi\": ", "api.yaml: no JSON: EOF while parsing a value at line 1 column 12");
        check("a: [", "api.yaml: no YAML: ");
        check("a: 1", "api.yaml: found neither `openapi` nor `swagger` at its top");
        check("openapi: 4.0.0", "api.yaml: found version 4.0.0, expected OpenAPI 3 or Swagger 2.0");
        check("openapi: 3.0.0\npaths: {}", "api.yaml: no path in it");
        check("openapi: 3.0.0\npaths: {'/a b': {get: {}}}", "api.yaml: paths: /a b: found ' '");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(openapi: 3.0.0\npaths:\n)?[a-z{}/:\\[\\]&*'\" \n-]{0,60}|\\PC{0,40}") {
            let _ = read(&text, "api", &mut DeclaredRoutes::default());
        }
    }
}
