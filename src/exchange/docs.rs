//! `/openapi.json` and `/docs`: the description of the API for machines and for people, made once from one document.
//! The page stands alone: no script, no font, nothing fetched from anywhere, so it works where there is no internet.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::{Exchange, json, problem};
use crate::accept::refuse::CODES;

/// The two documents, written once.
#[derive(Debug)]
pub struct Pages {
    openapi: String,
    html: String,
}

impl Pages {
    /// From the calls' own description.
    pub fn new(document: &OpenApi) -> Self {
        let openapi = document.to_json().unwrap_or_default();
        let tree = serde_json::from_str(&openapi).unwrap_or_default();
        Self { html: html(&tree), openapi }
    }

    /// The OpenAPI document as text.
    pub fn openapi(&self) -> &str {
        &self.openapi
    }
}

/// This description, for machines (OpenAPI 3.1).
#[utoipa::path(get, path = "/openapi.json", tag = "documents", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Value)))]
pub async fn openapi_json(State(exchange): State<Arc<Exchange>>) -> Response {
    json(StatusCode::OK, exchange.pages.openapi.clone())
}

/// This description, for people.
#[utoipa::path(get, path = "/docs", tag = "documents", security(()),
    responses((status = 200, description = "One page, without scripts", body = String, content_type = "text/html")))]
pub async fn page(State(exchange): State<Arc<Exchange>>) -> Response {
    let mut response = Response::new(exchange.pages.html.clone().into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8886;--soft:#8881}\
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:0 auto;padding:1rem 1.5rem}\
h1{font-size:1.6rem}h2{border-bottom:1px solid var(--line);margin-top:2.5rem}h3{font-size:1.05rem;margin:2rem 0 .3rem}\
code,pre{font:.875rem/1.5 ui-monospace,monospace;background:var(--soft);border-radius:.25rem}code{padding:.1rem .3rem}\
pre{padding:.75rem 1rem;overflow-x:auto}table{border-collapse:collapse;width:100%;margin:.5rem 0}\
td,th{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top}\
.verb{display:inline-block;min-width:4rem;font-weight:700}nav a{margin-right:1rem}a{color:inherit}";

const BEGIN: &str = r#"
# 1. a token: client.jwt is signed with your key (iss = sub = your name, aud = the gateway's URL, new jti)
TOKEN=$(curl -s $GATEWAY/oauth2/token -d grant_type=client_credentials \
  -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \
  -d client_assertion=$(cat client.jwt) | sed 's/.*"access_token":"\([^"]*\)".*/\1/')

# 2. who am I, and what may I send?
curl -s $GATEWAY/v1/me -H "Authorization: Bearer $TOKEN"

# 3. send a record in your own format; the same bytes again give the same answer
curl -s $GATEWAY/v1/records/charge-sheet -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/xml" -H "Idempotency-Key: CS-2026-17" --data-binary @charge-sheet.xml

# 4. pull what is addressed to you, store it, then say so
curl -s "$GATEWAY/v1/feed?wait=30" -H "Authorization: Bearer $TOKEN"
curl -s $GATEWAY/v1/feed/ack -H "Authorization: Bearer $TOKEN" -d '{"upto": "<next of the page>"}'

# 5. say what became of one: executed, not-executed, returned with defects, rejected, ... (its id is the item's)
curl -s $GATEWAY/v1/messages/<id>/outcomes -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/json" -d '{"outcome": "not-executed", "code": "other-case", "reason": "held in FIR 412/2025"}'
"#;

fn html(document: &Value) -> String {
    let text = |pointer: &str| escape(document.pointer(pointer).and_then(Value::as_str).unwrap_or(""));
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{0}</title><style>{STYLE}</style><h1>{0} <small>{1}</small></h1>",
        text("/info/title"),
        text("/info/version"),
    );
    for paragraph in text("/info/description").split("\n\n") {
        page.push_str(&format!("<p>{}</p>", inline(paragraph)));
    }
    let tags: Vec<(String, String)> = list(document, "/tags")
        .map(|tag| (member(tag, "name").to_owned(), member(tag, "description").to_owned()))
        .collect();
    page.push_str("<nav>");
    for (name, _) in &tags {
        page.push_str(&format!("<a href=\"#{0}\">{0}</a>", escape(name)));
    }
    page.push_str("<a href=\"#errors\">errors</a><a href=\"/openapi.json\">openapi.json</a></nav>");
    page.push_str(&format!("<h2 id=\"begin\">Begin</h2><pre>{}</pre>", escape(BEGIN.trim_start())));
    for (name, words) in &tags {
        page.push_str(&format!("<h2 id=\"{0}\">{0}</h2><p>{1}.</p>", escape(name), escape(words)));
        calls(&mut page, document, name);
    }
    errors(&mut page);
    page.push_str("</html>");
    page
}

fn calls(page: &mut String, document: &Value, tag: &str) {
    let paths = document.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        for (verb, call) in item.as_object().into_iter().flatten() {
            if list(call, "/tags").any(|one| one.as_str() == Some(tag)) {
                one_call(page, path, verb, call);
            }
        }
    }
}

fn one_call(page: &mut String, path: &str, verb: &str, call: &Value) {
    page.push_str(&format!(
        "<h3><span class=\"verb\">{}</span> <code>{}</code></h3><p>{} {}</p>",
        escape(&verb.to_uppercase()),
        escape(path),
        inline(&escape(member(call, "summary"))),
        inline(&escape(member(call, "description"))),
    ));
    let parameters: Vec<&Value> = list(call, "/parameters").collect();
    if !parameters.is_empty() {
        page.push_str("<table><tr><th>Parameter<th>In<th>Meaning");
        for parameter in parameters {
            page.push_str(&format!(
                "<tr><td><code>{}</code><td>{}<td>{}",
                escape(member(parameter, "name")),
                escape(member(parameter, "in")),
                inline(&escape(member(parameter, "description"))),
            ));
        }
        page.push_str("</table>");
    }
    page.push_str("<table><tr><th>Status<th>Meaning");
    for (status, response) in call.get("responses").and_then(Value::as_object).into_iter().flatten() {
        let words = inline(&escape(member(response, "description")));
        page.push_str(&format!("<tr><td><code>{}</code><td>{words}", escape(status)));
    }
    page.push_str("</table>");
}

fn errors(page: &mut String) {
    page.push_str("<h2 id=\"errors\">errors</h2><table><tr><th>Code<th>Status<th>Meaning");
    for code in CODES {
        let (status, title) = problem::status(code);
        let word = code.as_str();
        let row = format!("<tr id=\"{word}\"><td><code>{word}</code><td>{}<td>{}", status.as_u16(), escape(title));
        page.push_str(&row);
    }
    page.push_str("</table>");
}

fn member<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Words between back-ticks as code; the text is escaped already.
fn inline(escaped: &str) -> String {
    let mut out = String::with_capacity(escaped.len());
    for (place, part) in escaped.split('`').enumerate() {
        match place % 2 {
            0 => out.push_str(part),
            _ => out.push_str(&format!("<code>{part}</code>")),
        }
    }
    out
}
