//! Receipts of a kernel that runs, under a checkpoint that it signs for each.

use super::Api;
use super::refused::Refused;
use bytes::Bytes;
use kernel_core::chain::Evidence;
use kernel_core::id::ActionId;
use kernel_core::kernel::{ReceiptError, receipt as receipt_of};
use kernel_core::refusal::Code;

/// The receipt of `action`, as the file that it is.
pub(super) async fn receipt(api: &Api, action: ActionId, with_body: bool) -> Result<Bytes, Refused> {
    let full = |_| Refused::new(Code::Full, "other receipts are being made; try again");
    let _large = api.room.large.try_acquire().map_err(full)?;
    let (_, note) = api.kernel.checkpoint().await?;
    let made = receipt_of(&api.rows, action, &note, with_body).await.map_err(|e| {
        let code = match e {
            ReceiptError::NotFound(_) | ReceiptError::NoBody { .. } => Code::NotFound,
            _ => Code::Failed,
        };
        Refused::new(code, e.to_string())
    })?;
    Ok(Evidence::Receipt(made).to_json().into())
}
