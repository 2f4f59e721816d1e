//! Reading what was sent: whole, of the right type, within its bounds.

use super::refused::Refused;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{HeaderMap, StatusCode};
use kernel_core::refusal::Code;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long a body may take, and how long each MiB that it may have besides.
const PATIENCE: Duration = Duration::from_secs(5);
const MORE: Duration = Duration::from_secs(1);

/// The body of a request as the value that it has to be; at most `most` bytes.
pub(super) async fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Incoming, most: usize) -> Result<T, Refused> {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // What a page may send without asking is never of this type.
    if !media.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json")) {
        let refused = Refused::new(Code::Invalid, "the body has to be JSON, and its Content-Type application/json");
        return Err(refused.status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let too_large = || Refused::new(Code::TooLarge, format!("the body may have {most} bytes, and this one has more"));
    let length =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    if length.is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let patience = PATIENCE + MORE * u32::try_from(most >> 20).unwrap_or(u32::MAX);
    let collected = tokio::time::timeout(patience, Limited::new(body, most).collect()).await;
    let bytes: Bytes = match collected {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(e)) if e.is::<http_body_util::LengthLimitError>() => return Err(too_large()),
        Ok(Err(_)) => return Err(Refused::new(Code::Invalid, "the body broke off")),
        Err(_) => {
            let refused =
                Refused::new(Code::TimedOut, format!("the body was not sent within {} s", patience.as_secs()));
            return Err(refused.status(StatusCode::REQUEST_TIMEOUT));
        }
    };
    serde_json::from_slice(&bytes).map_err(|e| {
        Refused::new(Code::Invalid, format!("the body is not what this path takes: {e}"))
            .help("GET /v1/openapi.json says what it is")
    })
}
