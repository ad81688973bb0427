//! What the public listener answers, as `OpenAPI` 3.1 describes it.

use super::examples;
use super::intake::Call;
use super::refusal::RefusalKind;
use serde_json::{Map, Value, json};

/// A text that can be an id: no control characters, and not only blanks.
const ID: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*\
[^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]\
[^\\u0000-\\u001f\\u007f-\\u009f]*$";
/// A text that can be the name of a page.
const NAME: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
/// A text without NUL.
const PLAIN: &str = "^[^\\u0000]*$";
/// A time from 1970 to 2099 as RFC 3339 has it, or without a zone: on a day that there is. More forms are understood.
const TIME: &str = "^(\
(19[7-9][0-9]|20[0-9][0-9])-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)\
|(19(7[26]|8[048]|9[26])|20([02468][048]|[13579][26]))-02-29\
)T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?$";

/// The largest number that is an id: all of its digits are sure.
const LARGEST: i64 = 9_007_199_254_740_991;

/// The document.
pub(super) fn document() -> Value {
    let mut paths = Map::new();
    for call in Call::ALL {
        paths.insert(format!("/v1/{}", call.word()), json!({"post": operation(call)}));
    }
    paths.insert(
        "/livez".into(),
        json!({"get": open("Whether it answers.", "livez", &json!({"$ref": "#/components/schemas/Alive"}))}),
    );
    paths.insert("/openapi.json".into(), json!({"get": open("This document.", "openapi", &json!({"type": "object"}))}));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "retaind",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What customers do comes in here, in the form of the Segment HTTP tracking API. 200 means that it is on disk.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"write_key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"write_key": {
                "type": "http", "scheme": "basic",
                "description": "The write key is the user name; the password is empty.",
            }},
            "schemas": schemas(),
            "responses": refusals(),
        },
    })
}

fn open(summary: &str, id: &str, schema: &Value) -> Value {
    json!({
        "summary": summary, "operationId": id, "security": [],
        "responses": {
            "200": {"description": "It does.", "content": {"application/json": {"schema": schema}}},
        },
    })
}

fn operation(call: Call) -> Value {
    let mut responses = Map::new();
    responses.insert("200".into(), taken());
    for kind in RefusalKind::ALL.into_iter().filter(|kind| can_meet(*kind)) {
        let name = name(kind);
        responses.insert(kind.status().as_str().into(), json!({"$ref": format!("#/components/responses/{name}")}));
    }
    json!({
        "summary": summary(call),
        "operationId": call.word(),
        "requestBody": {
            "required": true,
            "description": "At most 500 kB, also when unpacked; `Content-Encoding: gzip` is understood.",
            "content": {"application/json": {
                "schema": {"$ref": format!("#/components/schemas/{}", body(call))},
                "examples": {"shop": {"summary": "As a shop sends it.", "value": examples::body(call)}},
            }},
        },
        "responses": responses,
    })
}

/// What an operation that is there can answer.
fn can_meet(kind: RefusalKind) -> bool {
    !matches!(kind, RefusalKind::NotFound | RefusalKind::WrongMethod)
}

const fn summary(call: Call) -> &'static str {
    match call {
        Call::Identify => "Who a customer is: attributes and consent.",
        Call::Track => "What a customer did.",
        Call::Page => "A page that a customer looked at: the event `Viewed NAME Page`.",
        Call::Screen => "The same in an app: the event `Viewed NAME Screen`.",
        Call::Group => "What a customer belongs to: the event `Joined a Group`.",
        Call::Alias => "Two ids of one customer.",
        Call::Batch => "Messages of all kinds, each with its own verdict.",
        Call::Import => "As batch.",
    }
}

const fn body(call: Call) -> &'static str {
    match call {
        Call::Identify => "Identify",
        Call::Track => "Track",
        Call::Page => "Page",
        Call::Screen => "Screen",
        Call::Group => "Group",
        Call::Alias => "Alias",
        Call::Batch | Call::Import => "Batch",
    }
}

fn taken() -> Value {
    json!({
        "description": "All that could be stored is on disk.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Taken"}}},
    })
}

const fn name(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::Invalid => "Invalid",
        RefusalKind::Unauthorized => "Unauthorized",
        RefusalKind::NotFound => "NotFound",
        RefusalKind::WrongMethod => "WrongMethod",
        RefusalKind::TooSlow => "TooSlow",
        RefusalKind::TooLarge => "TooLarge",
        RefusalKind::WrongType => "WrongType",
        RefusalKind::TooMany => "TooMany",
        RefusalKind::Unavailable => "Unavailable",
    }
}

const fn meaning(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::Invalid => "It cannot be stored, now or ever; the message says why.",
        RefusalKind::Unauthorized => "The write key is missing or wrong.",
        RefusalKind::NotFound => "There is nothing of that name.",
        RefusalKind::WrongMethod => "Not with that method.",
        RefusalKind::TooSlow => "The body did not arrive in time; send it again.",
        RefusalKind::TooLarge => "The body is longer than 500 kB, as it comes or unpacked.",
        RefusalKind::WrongType => "The body is not said to be JSON, or is packed otherwise than by gzip.",
        RefusalKind::TooMany => "More calls than this write key may make; send it again later.",
        RefusalKind::Unavailable => "Not now; send it again later.",
    }
}

fn refusals() -> Value {
    let one = |kind: RefusalKind| {
        let mut response = json!({
            "description": meaning(kind),
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        });
        let header = match kind {
            RefusalKind::TooMany | RefusalKind::Unavailable => Some((
                "Retry-After",
                json!({
                    "description": "Seconds.", "required": true, "schema": {"type": "integer", "minimum": 1},
                }),
            )),
            RefusalKind::Unauthorized => Some((
                "WWW-Authenticate",
                json!({
                    "required": true, "schema": {"type": "string"},
                }),
            )),
            _ => None,
        };
        if let Some((name, header)) = header {
            response["headers"] = json!({name: header});
        }
        (name(kind).to_owned(), response)
    };
    RefusalKind::ALL.into_iter().filter(|kind| can_meet(*kind)).map(one).collect::<Map<_, _>>().into()
}

fn schemas() -> Value {
    json!({
        "Alive": {
            "type": "object", "required": ["status"], "additionalProperties": false,
            "properties": {"status": {"const": "ok"}},
        },
        "Taken": {
            "type": "object", "required": ["stored", "duplicates", "refused", "verdicts"], "additionalProperties": false,
            "properties": {
                "stored": {"type": "integer", "minimum": 0},
                "duplicates": {"type": "integer", "minimum": 0},
                "refused": {"type": "integer", "minimum": 0},
                "verdicts": {
                    "type": "array", "description": "One for each message, in their order.",
                    "items": {"$ref": "#/components/schemas/Verdict"},
                },
            },
        },
        "Verdict": {
            "type": "object", "required": ["result"], "additionalProperties": false,
            "properties": {
                "result": {"enum": ["stored", "duplicate", "refused"]},
                "message_id": {"type": "string"},
                "reason": {"type": "string", "description": "Why it was refused."},
            },
        },
        "Error": {
            "type": "object", "required": ["error"], "additionalProperties": false,
            "properties": {"error": {
                "type": "object", "required": ["kind", "message"], "additionalProperties": false,
                "properties": {
                    "kind": {"enum": RefusalKind::ALL},
                    "message": {"type": "string"},
                },
            }},
        },
        "Batch": {
            "type": "object", "required": ["batch"],
            "properties": {
                "batch": {
                    "type": "array", "maxItems": 2500,
                    "description": "Each is an object with `type` and what a call of that name takes. One that is none, or lacks something, gets the verdict `refused`, and the others are stored.",
                    "items": {},
                },
                "sentAt": sent_at(),
            },
        },
        "Id": {
            "description": "The customer's own id. Text, or a whole number, which is read as text.",
            "anyOf": [{"type": "string", "maxLength": 256, "pattern": ID, "not": {"pattern": "^anonymous:"}}, whole()],
        },
        "OtherId": {
            "description": "Text, or a whole number, which is read as text.",
            "anyOf": [{"type": "string", "maxLength": 256, "pattern": ID}, whole()],
        },
        "Value": {"anyOf": [
            {"type": ["null", "boolean", "number"]},
            {"type": "string", "pattern": PLAIN},
            {"type": "array", "items": {"$ref": "#/components/schemas/Value"}},
            {"$ref": "#/components/schemas/Values"},
        ]},
        "Values": {
            "type": "object", "propertyNames": {"pattern": PLAIN},
            "description": "At most 32 KiB, at most 32 levels deep. What schema.yaml declares must be of its type.",
            "additionalProperties": {"$ref": "#/components/schemas/Value"},
        },
        "Identify": message("from 1970 to at most one hour from now", &[("traits", values())]),
        "Track": {"allOf": [
            {"type": "object", "required": ["event"], "properties": {
                "event": {"type": "string", "maxLength": 256, "pattern": ID},
            }},
            event(&[("properties", values())]),
        ]},
        "Page": view(256 - "Viewed  Page".len()),
        "Screen": view(256 - "Viewed  Screen".len()),
        "Group": {"allOf": [
            {"type": "object", "required": ["groupId"], "properties": {"groupId": other_id()}},
            event(&[("traits", values())]),
        ]},
        "Alias": {
            "type": "object", "required": ["userId", "previousId"],
            "properties": {"userId": id(), "previousId": id()},
        },
    })
}

fn id() -> Value {
    json!({"$ref": "#/components/schemas/Id"})
}

fn other_id() -> Value {
    json!({"$ref": "#/components/schemas/OtherId"})
}

fn whole() -> Value {
    json!({"type": "integer", "minimum": -LARGEST, "maximum": LARGEST})
}

fn sent_at() -> Value {
    json!({"description": "When the call was sent, by the clock that `timestamp` is of. What is no time says nothing."})
}

/// Traits or properties.
fn values() -> Value {
    json!({"anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/Values"}]})
}

fn view(longest: usize) -> Value {
    let name = json!({"type": ["string", "null"], "maxLength": longest, "pattern": NAME});
    let category = json!({"type": ["string", "null"], "pattern": PLAIN});
    event(&[("name", name), ("category", category), ("properties", values())])
}

/// A message that says what happened.
fn event(more: &[(&str, Value)]) -> Value {
    message("1970 to 2099", more)
}

/// A message of somebody, known or not. Members that it does not know are passed over.
fn message(when: &str, more: &[(&str, Value)]) -> Value {
    let none = json!({"enum": [null, ""]});
    let mut properties = Map::new();
    properties.insert("userId".into(), json!({"anyOf": [none, id()]}));
    properties.insert("anonymousId".into(), json!({"anyOf": [none, other_id()]}));
    properties.insert(
        "messageId".into(),
        json!({
            "description": "What is sent again under the same id is stored once.", "anyOf": [none, other_id()],
        }),
    );
    properties.insert(
        "timestamp".into(),
        json!({
            "description": format!("When it happened, {when}; now if it is missing. Without a zone it is UTC."),
            "anyOf": [{"type": "null"}, {"type": "string", "pattern": TIME}],
        }),
    );
    properties.insert("sentAt".into(), sent_at());
    for (name, schema) in more {
        properties.insert((*name).to_owned(), schema.clone());
    }
    json!({
        "type": "object", "properties": properties,
        "anyOf": [
            {"required": ["userId"], "properties": {"userId": id()}},
            {"required": ["anonymousId"], "properties": {"anonymousId": other_id()}},
        ],
    })
}
