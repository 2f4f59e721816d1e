//! What fits a schema and what does not, by example; and schemas that are none.

use super::Schema;
use serde_json::{Value, json};

fn check(schema: &Value, value: Value) -> Result<(), String> {
    Schema::parse(schema).unwrap().check(value.to_string().as_bytes())
}

#[test]
fn every_keyword_holds_as_the_standard_has_it() {
    let cases = [
        (json!({}), json!({ "any": [1] }), json!(null), None),
        (json!({ "type": "object" }), json!({}), json!([]), Some("the whole has to be of type object")),
        (
            json!({ "type": ["string", "null"] }),
            json!(null),
            json!(1),
            Some("the whole has to be of type string or null"),
        ),
        (json!({ "type": "integer" }), json!(1.0), json!(1.5), Some("the whole has to be of type integer")),
        (json!({ "type": "number" }), json!(1.5), json!("1.5"), Some("the whole has to be of type number")),
        (json!({ "type": "boolean" }), json!(false), json!(0), Some("the whole has to be of type boolean")),
        (json!({ "enum": ["a", 1] }), json!(1.0), json!("b"), Some("the whole has to be one of \"a\", 1")),
        (
            json!({ "const": { "x": [1, 2] } }),
            json!({ "x": [1.0, 2] }),
            json!({ "x": [2, 1] }),
            Some("the whole has to be {\"x\":[1,2]}"),
        ),
        (json!({ "minimum": 2 }), json!(2), json!(1.9), Some("the whole has to be at least 2")),
        (json!({ "maximum": 2.5 }), json!("no number"), json!(3), Some("the whole has to be at most 2.5")),
        (
            json!({ "maximum": 9007199254740993u64 }),
            json!(9007199254740993u64),
            json!(9007199254740994u64),
            Some("the whole has to be at most 9007199254740993"),
        ),
        (json!({ "minLength": 2 }), json!("äö"), json!("ä"), Some("the whole has to have at least 2 characters")),
        (json!({ "maxLength": 1 }), json!("ä"), json!("ab"), Some("the whole has to have at most 1 characters")),
        (
            json!({ "minItems": 1, "items": { "type": "string" } }),
            json!(["a"]),
            json!(["a", 1]),
            Some("/1 has to be of type string"),
        ),
        (json!({ "maxItems": 1 }), json!([1]), json!([1, 2]), Some("the whole has to have at most 1 items")),
        (json!({ "required": ["a/b"] }), json!({ "a/b": null }), json!({}), Some("/a~1b is missing")),
        (
            json!({ "properties": { "a": { "type": "string" } } }),
            json!({ "b": 1 }),
            json!({ "a": 1 }),
            Some("/a has to be of type string"),
        ),
        (
            json!({ "properties": { "a": true }, "additionalProperties": false }),
            json!({ "a": 1 }),
            json!({ "b": 1 }),
            Some("/b may not be given"),
        ),
        (
            json!({ "additionalProperties": { "minimum": 1 } }),
            json!({ "a": 1 }),
            json!({ "a": 0 }),
            Some("/a has to be at least 1"),
        ),
    ];
    for (schema, fits, other, says) in cases {
        assert_eq!(check(&schema, fits), Ok(()), "{schema}");
        assert_eq!(check(&schema, other).err().as_deref(), says, "{schema}");
    }
    assert_eq!(check(&json!(true), json!(1)), Ok(()));
    assert!(check(&json!(false), json!(1)).is_err());
}

#[test]
fn what_is_no_schema_here_is_refused_by_its_place() {
    for (schema, says) in [
        (json!(1), "the whole has to be an object, `true` or `false`"),
        (json!({ "pattern": "^a" }), "the whole has the keyword `pattern`, which is not known here"),
        (json!({ "properties": { "a": { "$ref": "#" } } }), "/a has the keyword `$ref`, which is not known here"),
        (json!({ "items": { "oneOf": [] } }), "/items has the keyword `oneOf`, which is not known here"),
        (json!({ "type": "text" }), "`type` of the whole has to be a type of JSON, or a list of them"),
        (json!({ "required": "a" }), "`required` of the whole has to be a list of names"),
        (json!({ "enum": {} }), "`enum` of the whole has to be a list of values"),
        (json!({ "minLength": -1 }), "`minLength` of the whole has to be a whole number"),
        (json!({ "maximum": "9" }), "`maximum` of the whole has to be a number"),
    ] {
        assert_eq!(Schema::parse(&schema).err().as_deref(), Some(says), "{schema}");
    }
    let long = json!({ "x".repeat(10_000): 1 });
    assert!(Schema::parse(&long).unwrap_err().len() < 200, "an error quotes only so much");
}

#[test]
fn a_check_costs_only_so_much() {
    let list = |item: &str, n: usize| vec![item; n].join(",");
    let check = |schema: &str, arguments: &str| {
        let schema: Value = serde_json::from_str(schema).unwrap();
        Schema::parse(&schema).unwrap().check(arguments.as_bytes())
    };
    // Each alone is little, and together they are not.
    let text = "x".repeat(6_000);
    let zeros = list("0", 4_000);
    for (rule, item, n) in [
        (format!("\"enum\":[{},0]", list("1", 8_000)), "0".to_owned(), 100),
        (format!("\"enum\":[{},[{zeros},1]]", list(&format!("[{zeros},0]"), 4)), format!("[{zeros},1]"), 14),
        (format!("\"enum\":[{},\"{text}z\"]", list(&format!("\"{text}y\""), 9)), format!("\"{text}z\""), 170),
        (format!("\"required\":[{}]", list("\"a\"", 8_000)), "{\"a\":0}".to_owned(), 100),
        (format!("\"type\":[{}]", list("\"null\"", 8_000)), "null".to_owned(), 100),
    ] {
        let schema = format!("{{\"items\":{{{rule}}}}}");
        assert_eq!(check(&schema, &format!("[{item}]")), Ok(()));
        let unfit = check(&schema, &format!("[{}]", list(&item, n))).unwrap_err();
        assert_eq!(unfit, "to hold them against it takes more than 262144 steps");
    }
    // So are arguments of too many parts.
    for part in ["0", "{}", "[]", "{\"a\":[]}", "\"\""] {
        let unfit = check("{}", &format!("[{}]", list(part, 80_000))).unwrap_err();
        assert!(unfit.starts_with("to hold them"), "{unfit}");
    }
    // A text may be as long as a payload, and a list is no small one.
    assert_eq!(check("{\"maxLength\":1048576}", &format!("\"{}\"", "x".repeat((1 << 20) - 2))), Ok(()));
    let words = "{\"items\":{\"enum\":[\"a\",\"b\",\"c\"]}}";
    assert_eq!(check(words, &format!("[{}]", list("\"c\"", 20_000))), Ok(()));
}

#[test]
fn a_key_stands_once() {
    let schema = Schema::parse(&json!({ "properties": { "path": { "const": "ok" } } })).unwrap();
    for twice in [r#"{"path":"/etc","path":"ok"}"#, r#"{"path":"ok","pa\u0074h":"ok"}"#, r#"[{"a":{"b":1,"b":1}}]"#] {
        let unfit = schema.check(twice.as_bytes()).unwrap_err();
        assert!(unfit.contains("stands there twice"), "{unfit}");
    }
    assert_eq!(schema.check(br#"{"path":"ok","a":{"path":1},"b":{"path":1}}"#), Ok(()));
    assert!(schema.check(b"{} {}").unwrap_err().contains("not JSON"));
    assert_eq!(schema.check(b""), Ok(()));
}

#[test]
fn what_a_schema_takes_is_known() {
    let many = |n: usize| (0..n).map(|n| (n.to_string(), json!({}))).collect::<serde_json::Map<String, Value>>();
    let weight = |schema: Value| Schema::parse(&schema).unwrap().weight();
    let least = size_of::<super::Rules>();
    assert!(weight(json!({ "properties": many(1_000) })) > 1_000 * least);
    assert!(weight(json!({ "additionalProperties": { "items": {} } })) >= 3 * least);
    assert!(weight(json!({ "enum": [many(1_000)] })) > 1_000 * size_of::<Value>());
    assert!(weight(json!({ "const": "x".repeat(1_000) })) > 1_000 + least);
    assert!(weight(json!({ "required": ["x".repeat(1_000)] })) > 1_000 + least);
    assert!(weight(json!(true)) < least);
}
