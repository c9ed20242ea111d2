//! The `OpenAPI` 3.1 document.

use serde_json::{Map, Value, json};

use super::operations::OPERATIONS;
use super::{Field, Kind, Operation, may};

/// What every operation may answer beside 200: status, name, meaning, schema. 405 is for other verbs.
const REFUSALS: &[(&str, &str, &str, &str)] = &[
    ("400", "NoRequest", "No JSON object, a field is missing, or a value is of another kind", "BadRequest"),
    ("403", "Refused", "Refused; `sub_status` says why", "Refused"),
    ("408", "TooSlow", "The body came too slowly", "BadRequest"),
    ("413", "TooLong", "The body is too long", "BadRequest"),
    ("429", "TooMany", "Too many tries; the header Retry-After says in how many seconds to come again", "Refused"),
    ("500", "Fault", "A fault of the server", "Refused"),
];
/// What every operation may be asked with, beside `current_app`.
const COMMON: &[Field] = &[
    may("cid", Kind::Text, "A correlation id of the caller's, which the audit trail keeps"),
    may(
        "remote_addr",
        Kind::Text,
        "The address of the caller's user; kept as claimed from who may not speak for others",
    ),
    may("user_agent", Kind::Text, "What that user's program calls itself; the same holds"),
];
/// What 200 means.
const DONE: &str = "Done; or `status` is `error` with `E004001`, because the application is not known";

/// The name of the security scheme.
const KEY: &str = "actFor";

/// The document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(format!("/sso{}", operation.path)).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.verb.to_owned(), described(operation));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Countersign sign-on API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
            "description": "Requests are JSON objects in the body, whichever the verb is, or fields of the query string, \
                which win on a clash. The same operations are under `/zato/sso`. Codes in `sub_status` are listed in \
                docs/sign-on.md.",
        },
        // Both are complete: most applications ask without a key.
        "security": [{}, { (KEY): [] }],
        "paths": paths,
        "components": { "securitySchemes": { (KEY): key() }, "responses": refusals(), "schemas": {
            "Refused": envelope(&[], "error"),
            "BadRequest": {
                "type": "object",
                "required": ["result", "details"],
                "properties": {
                    "result": { "const": "Error" },
                    "cid": { "type": "string" },
                    "details": { "type": "string" },
                },
            },
        } },
    })
}

/// With what an application is believed for whom it asks.
fn key() -> Value {
    json!({
        "type": "http",
        "scheme": "basic",
        "description": "The login and the API key of an application, with the right `sso:act-for`: `remote_addr` and \
            `user_agent` count then. A request with any other credentials is refused.",
    })
}

fn described(operation: &Operation) -> Value {
    let mut properties = Map::new();
    let mut required = vec![Value::from("current_app")];
    properties.insert("current_app".into(), json!({ "type": "string", "description": "The name of the application" }));
    for field in COMMON.iter().chain(operation.asks) {
        properties.insert(field.name.into(), asked(field));
        if field.is_required {
            required.push(field.name.into());
        }
    }
    let schema = json!({ "type": "object", "required": required, "properties": properties });
    let mut answers = Map::new();
    answers.insert("200".to_owned(), answer(DONE, &envelope(operation.answers, "ok")));
    answers.extend(
        REFUSALS.iter().map(|(status, name, ..)| {
            ((*status).to_owned(), json!({ "$ref": format!("#/components/responses/{name}") }))
        }),
    );
    json!({
        "operationId": format!("{}{}", operation.verb, operation.path.replace('/', "_")),
        "summary": operation.summary,
        "description": format!("For {}.", operation.who.words()),
        "requestBody": { "required": true, "content": { "application/json": { "schema": schema } } },
        "responses": answers,
    })
}

fn refusals() -> Map<String, Value> {
    let refusal = |(_, name, about, schema): &(&str, &str, &str, &str)| {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        ((*name).to_owned(), answer(about, &schema))
    };
    REFUSALS.iter().map(refusal).collect()
}

fn answer(about: &str, schema: &Value) -> Value {
    json!({ "description": about, "content": { "application/json": { "schema": schema } } })
}

/// An answer with these fields. Only what an `ok` one always has is required, because other answers share the status.
fn envelope(fields: &[Field], word: &str) -> Value {
    let words = if word == "ok" { json!(["ok", "warning", "error"]) } else { json!(["error"]) };
    let mut properties = Map::new();
    properties.insert("cid".into(), json!({ "type": "string" }));
    properties.insert("status".into(), json!({ "enum": words }));
    properties.insert("sub_status".into(), json!({ "type": "array", "items": { "type": "string" } }));
    properties.extend(fields.iter().map(|field| (field.name.to_owned(), answered(field))));
    json!({ "type": "object", "required": ["cid", "status", "sub_status"], "properties": properties })
}

fn asked(field: &Field) -> Value {
    let types = match field.kind {
        Kind::Text => json!({ "type": ["string", "number", "null"] }),
        Kind::Truth => json!({ "type": ["boolean", "string", "null"] }),
        Kind::Number => json!({ "type": ["integer", "string", "null"] }),
        kind => schema(kind),
    };
    with_description(types, field.about)
}

fn answered(field: &Field) -> Value {
    with_description(schema(field.kind), field.about)
}

fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": ["string", "null"] }),
        Kind::Truth => json!({ "type": ["boolean", "null"] }),
        Kind::Number => json!({ "type": ["integer", "null"] }),
        Kind::Any => json!({}),
        Kind::Texts => json!({ "type": ["array", "null"], "items": { "type": "string" } }),
        Kind::Rows(fields) => {
            let properties: Map<_, _> = fields.iter().map(|field| (field.name.to_owned(), answered(field))).collect();
            json!({ "type": ["array", "null"], "items": { "type": "object", "properties": properties } })
        }
    }
}

fn with_description(mut schema: Value, about: &str) -> Value {
    if let Some(schema) = schema.as_object_mut().filter(|_| !about.is_empty()) {
        schema.insert("description".into(), about.into());
    }
    schema
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    /// The document in the repository.
    const KEPT: &str = include_str!("../../../../../../docs/openapi.json");

    #[test]
    fn the_document_in_the_repository_is_fresh() {
        let fresh = format!("{:#}\n", document());
        assert!(KEPT == fresh, "docs/openapi.json is not fresh; write it with `countersign openapi`");
    }

    #[test]
    fn every_operation_stands_once() {
        let document = document();
        let written = document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len());
        assert_eq!(written.sum::<usize>(), OPERATIONS.len());
    }
}
