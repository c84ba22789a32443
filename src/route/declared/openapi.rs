//! `--openapi FILE`: the paths of an OpenAPI 3 or Swagger 2 document, JSON or YAML, as patterns for their methods.
//!
//! Only what names paths is read: `servers` or `basePath`, `paths` and the methods below them. References to other
//! files are not followed: a path item behind one counts for every method.

use super::DeclaredRoutes;
use anyhow::{Context, anyhow, bail};
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
    let Some(servers) = object.get("servers").and_then(Value::as_array).filter(|servers| !servers.is_empty()) else {
        return Ok(None);
    };
    let mut prefixes = Vec::new();
    for server in servers {
        let Some(url) = server.get("url").and_then(Value::as_str) else { continue };
        let mut urls = vec![url.to_owned()];
        for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
            let placeholder = format!("{{{name}}}");
            if url.contains(&placeholder) {
                let values = values(variable);
                urls = urls
                    .iter()
                    .flat_map(|url| values.iter().map(|value| url.replace(&placeholder, value)))
                    .take(MAX_PREFIXES + 1)
                    .collect();
            }
        }
        prefixes.extend(urls.iter().map(|url| prefix(path_of_url(url))));
        prefixes.sort();
        prefixes.dedup();
        if prefixes.len() > MAX_PREFIXES {
            bail!("servers: found more than {MAX_PREFIXES} addresses, expected fewer")
        }
    }
    Ok(Some(prefixes))
}

/// The values that a server's variable may take.
fn values(variable: &Value) -> Vec<&str> {
    let choices = variable.get("enum").and_then(Value::as_array);
    let choices: Vec<&str> = choices.into_iter().flatten().filter_map(Value::as_str).collect();
    let default = variable.get("default").and_then(Value::as_str);
    if choices.is_empty() { default.into_iter().collect() } else { choices }
}

/// The path of an address, which may have neither scheme nor host.
fn path_of_url(url: &str) -> &str {
    let url = url.split(['?', '#']).next().unwrap_or_default();
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
