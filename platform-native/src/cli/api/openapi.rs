//! The OpenAPI document, made of the same table that serves.

use super::routes::{ALWAYS, ROUTES, Route};
use super::schema;
use crate::cli::VERSION;
use hyper::StatusCode;
use serde_json::{Map, Value, json};

/// The document.
pub(super) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let entry = paths.entry(route.path).or_insert_with(|| json!({}));
        entry[route.method.as_str().to_ascii_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Weft",
            "version": VERSION,
            "description": "The API of a kernel that stays. On a Unix socket whoever runs the kernel may use it; on TCP \
                            it takes the token that lies in api.token of the data directory. Bodies are JSON of type \
                            application/json. Members may be added in later versions; none changes its meaning.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "security": [{ "token": [] }, {}],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schema::all(),
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = Vec::new();
    if route.path.contains("{name}") {
        parameters.push(json!({ "name": "name", "in": "path", "required": true, "schema": { "type": "string" } }));
    }
    for name in ["action", "event"] {
        if route.path.contains(&format!("{{{name}}}")) {
            let number = json!({ "type": "integer", "minimum": 0 });
            parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": number }));
        }
    }
    for query in route.query {
        let schema = match query.values {
            [] => json!({ "type": "string", "maxLength": 0 }),
            values => json!({ "type": "string", "enum": values }),
        };
        parameters.push(json!({
            "name": query.name, "in": "query", "required": false, "allowEmptyValue": query.values.is_empty(),
            "description": query.about, "schema": schema,
        }));
    }
    let is_events = route.reply == "Event";
    if is_events {
        parameters.push(json!({
            "name": "Last-Event-ID", "in": "header", "required": false,
            "description": "The id of the last event that was read", "schema": { "type": "string" },
        }));
    }
    let kind = match route.reply {
        "Event" => "text/event-stream",
        "Backup" => "application/octet-stream",
        _ => "application/json",
    };
    let mut responses = Map::new();
    let reply = match route.reply {
        "OpenApi" => json!({ "type": "object" }),
        "Backup" => json!({ "type": "string", "format": "binary" }),
        reply => reference(reply),
    };
    responses
        .insert("200".to_owned(), json!({ "description": "It is done", "content": { kind: { "schema": reply } } }));
    for status in ALWAYS.iter().chain(route.errors) {
        let words = StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
        let content = json!({ "application/json": { "schema": reference("Error") } });
        responses.insert(status.to_string(), json!({ "description": words, "content": content }));
    }
    let mut operation = json!({
        "operationId": format!("{:?}", route.op).to_ascii_lowercase(),
        "summary": route.summary,
        "description": route.about,
        "parameters": parameters,
        "responses": responses,
    });
    if let Some((schema, most)) = route.body {
        operation["requestBody"] = json!({
            "required": true,
            "description": format!("At most {most} bytes"),
            "content": { "application/json": { "schema": reference(schema) } },
        });
    }
    operation
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every schema that is referred to somewhere below `value`.
    fn referred(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(name)) = members.get("$ref") {
                    found.insert(name.trim_start_matches("#/components/schemas/").to_owned());
                }
                members.values().for_each(|value| referred(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| referred(value, found)),
            _ => {}
        }
    }

    #[test]
    fn the_document_has_every_route_once_and_every_schema() {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let methods: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(methods, ROUTES.len());
        let ids: BTreeSet<String> = ROUTES.iter().map(|route| format!("{:?}", route.op)).collect();
        assert_eq!(ids.len(), ROUTES.len(), "an operation is served twice");
        for route in ROUTES {
            let operation = &paths[route.path][route.method.as_str().to_ascii_lowercase()];
            assert_eq!(operation["summary"], route.summary);
            assert_eq!(operation["requestBody"].is_object(), route.body.is_some());
            for status in ALWAYS.iter().chain(route.errors) {
                assert!(operation["responses"][status.to_string()].is_object());
            }
        }
        let mut found = BTreeSet::new();
        referred(&document, &mut found);
        let schemas = document["components"]["schemas"].as_object().unwrap();
        assert_eq!(found, schemas.keys().cloned().collect());
    }
}
