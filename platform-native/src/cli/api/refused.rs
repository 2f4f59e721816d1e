//! What is answered instead of a reply: one shape for everything that goes wrong, with the kernel's own codes.

use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use hyper::StatusCode;
use kernel_core::refusal::{Code, Refusal};
use serde_json::{Value, json};

/// A request that was not done.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(super) status: StatusCode,
    // Apart, because what is refused is handed up often and looked at once.
    said: Box<Said>,
}

/// What is said of it.
#[derive(Debug)]
struct Said {
    refusal: Refusal,
    detail: Option<Value>,
    help: Option<String>,
    allow: Option<String>,
}

impl Refused {
    /// One that did not come to the gate.
    pub(super) fn new(code: Code, reason: impl Into<String>) -> Refused {
        Refusal::new(code, reason).into()
    }

    /// The same with another status than its code has.
    #[must_use]
    pub(super) fn status(self, status: StatusCode) -> Refused {
        Refused { status, ..self }
    }

    /// The same with what to do.
    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Refused {
        self.said.help = Some(help.into());
        self
    }

    /// The same with the methods that the path takes.
    #[must_use]
    pub(super) fn allow(mut self, methods: String) -> Refused {
        self.said.allow = Some(methods);
        self
    }

    /// The methods of a path that was asked with another one.
    pub(super) fn allowed(&self) -> Option<&str> {
        self.said.allow.as_deref()
    }

    /// Why, in a sentence.
    pub(crate) fn reason(&self) -> &str {
        &self.said.refusal.reason
    }

    /// The document, of the same shape whatever went wrong.
    pub(super) fn document(&self) -> Value {
        let Said { refusal, detail, help, .. } = &*self.said;
        let Refusal { code, reason, action, ticket, detail: facts, .. } = refusal;
        let detail = detail.clone().or_else(|| serde_json::from_str(facts).ok());
        json!({
            "weft": VERSION,
            "error": {
                "code": code,
                "reason": reason,
                "help": help,
                "action": action,
                "ticket": ticket,
                "detail": detail.filter(Value::is_object).unwrap_or_else(|| json!({})),
            },
        })
    }
}

/// The status of a code; the document says the code itself.
pub(super) fn status_of(code: Code) -> StatusCode {
    match code {
        Code::Denied | Code::Pending => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Full | Code::Exhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        Code::Deadlock | Code::Conflict => StatusCode::CONFLICT,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::Invalid => StatusCode::BAD_REQUEST,
        Code::Unsupported => StatusCode::NOT_IMPLEMENTED,
        Code::Cancelled | Code::NotDurable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        let status = status_of(refusal.code);
        Refused { status, said: Box::new(Said { refusal, detail: None, help: None, allow: None }) }
    }
}

/// What a command would have ended with is refused in the same words.
impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        let code = match failure.exit {
            Exit::Denied => Code::Denied,
            Exit::Unsupported => Code::Unsupported,
            Exit::Usage => Code::Invalid,
            Exit::Integrity => Code::NotDurable,
            Exit::Done | Exit::Failed => Code::Failed,
        };
        let mut detail = failure.more;
        detail.insert("problem".to_owned(), json!(failure.code));
        let reason = [failure.listing, vec![failure.message]].concat().join("\n");
        let mut refused = Refused::new(code, reason);
        refused.said.detail = Some(Value::Object(detail));
        refused.said.help = failure.help;
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_status_and_one_shape() {
        for code in Code::ALL {
            let refused = Refused::new(*code, "why");
            assert!(refused.status.is_client_error() || refused.status.is_server_error(), "{code}");
            let document = refused.document();
            let error = document["error"].as_object().unwrap();
            let members: Vec<&str> = error.keys().map(String::as_str).collect();
            assert_eq!(members, ["action", "code", "detail", "help", "reason", "ticket"]);
            assert_eq!(error["code"], code.as_str());
        }
        let failure = Failure::usage("no").help("yes").with("flags", ["--x"]);
        let document = Refused::from(failure).document();
        assert_eq!(document["error"]["help"], "yes");
        assert_eq!(document["error"]["detail"]["flags"][0], "--x");
    }
}
