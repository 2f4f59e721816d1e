//! Acts as guests and sessions ask for them: a line with the verb, a line with the resource, the body.

use bytes::Bytes;
use kernel_core::id::Pid;
use kernel_core::ipc::body::{MAX_HEADER, MAX_PAYLOAD};
use kernel_core::kernel::request::Request;
use kernel_core::refusal::Code;

/// What parses is within every limit, what does not is refused by name, and the journal keeps both.
pub fn body(data: &[u8]) -> bool {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (verb, resource) = (text(), text());
    let body = Bytes::copy_from_slice(parts.next().unwrap_or_default());
    let request = Request::parse(Pid(7), &verb, &resource, body.clone());
    match request.parsed() {
        Ok(parsed) => {
            assert_eq!(parsed.verb.as_str(), verb);
            assert!(body.len() <= MAX_HEADER + 1 + MAX_PAYLOAD);
            assert_eq!(parsed.row.verb, parsed.verb);
            let audited: Vec<&str> = parsed.row.audited().collect();
            assert!(parsed.audit.keys().all(|field| audited.contains(&&**field)));
        }
        Err(refusal) => {
            let expected = [Code::Invalid, Code::TooLarge, Code::Unsupported];
            assert!(expected.contains(&refusal.code), "{refusal}");
            assert!(!refusal.reason.is_empty());
        }
    }
    let kept = serde_json::to_vec(&request).expect("the journal keeps every request");
    let back: Request = serde_json::from_slice(&kept).expect("and reads it");
    assert_eq!(format!("{:?}", back.parsed()), format!("{:?}", request.parsed()));
    request.parsed().is_ok()
}
