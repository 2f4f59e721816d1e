//! Evidence of a kernel that runs, under a checkpoint that it signs for each.

use super::Api;
use super::refused::Refused;
use crate::cli::VERSION;
use bytes::Bytes;
use kernel_core::chain::{Evidence, EvidenceError, VerifierKey};
use kernel_core::id::ActionId;
use kernel_core::kernel::{ReceiptError, prove, prove_consistency, receipt as receipt_of};
use kernel_core::refusal::Code;
use serde_json::{Value, json};

/// The receipt of `action`, as the file that it is.
pub(super) async fn receipt(api: &Api, action: ActionId, with_body: bool) -> Result<Bytes, Refused> {
    let full = |_| Refused::new(Code::Full, "other receipts are being made; try again");
    let _large = api.room.large.try_acquire().map_err(full)?;
    let (_, note) = api.kernel.checkpoint().await?;
    let made = receipt_of(&api.rows, action, &note, with_body).await.map_err(unmade)?;
    Ok(Evidence::Receipt(made).to_json().into())
}

/// The checkpoint over all so far.
pub(super) async fn checkpoint(api: &Api) -> Result<Value, Refused> {
    let (checkpoint, note) = api.kernel.checkpoint().await?;
    Ok(json!({
        "weft": VERSION,
        "origin": checkpoint.origin.as_str(),
        "size": checkpoint.size,
        "root": checkpoint.root.to_base64(),
        "key": key(api).await?.to_string(),
        "note": note,
    }))
}

/// The proof that the log has event `seq`.
pub(super) async fn inclusion(api: &Api, seq: u64) -> Result<Bytes, Refused> {
    let (_, note) = api.kernel.checkpoint().await?;
    let made = prove(&api.rows, seq, &note).await.map_err(unmade)?;
    // What a start does not read may have been changed before it.
    made.verify(Some(&key(api).await?)).map_err(changed)?;
    Ok(Evidence::Inclusion(made).to_json().into())
}

/// The proof that the log begins with its first `old` events.
pub(super) async fn consistency(api: &Api, old: u64) -> Result<Bytes, Refused> {
    let (_, note) = api.kernel.checkpoint().await?;
    let made = prove_consistency(&api.rows, old, &note).await.map_err(unmade)?;
    made.verify(Some(&key(api).await?)).map_err(changed)?;
    Ok(Evidence::Consistency(made).to_json().into())
}

async fn key(api: &Api) -> Result<VerifierKey, Refused> {
    api.kernel.key().await.map_err(|e| Refused::new(Code::Failed, format!("the key cannot be read: {e}")))
}

fn unmade(error: ReceiptError) -> Refused {
    let code = match error {
        ReceiptError::NotFound(_) | ReceiptError::NoBody { .. } => Code::NotFound,
        _ => Code::Failed,
    };
    Refused::new(code, error.to_string())
}

fn changed(error: EvidenceError) -> Refused {
    Refused::new(Code::Failed, format!("the log does not give such a proof: {error}"))
        .help("stop the kernel: `weft chain verify` says what was changed")
}
