//! An application is installed with what it is given, and started with that.

use super::error::{Failure, Fallible};
use super::values::from_js;
use super::{WebKernel, application, mounting, operator};
use crate::spawn::WebSpawn;
use kernel_core::ipc::body;
use kernel_core::platform::Spawn;
use serde_json::json;
use wasm_bindgen::JsValue;

/// See [`WebKernel::install`].
pub(super) async fn install(
    kernel: &WebKernel,
    manifest: &str,
    files: &JsValue,
    allow: &JsValue,
    mounts: &JsValue,
) -> Fallible<()> {
    let running = kernel.running()?;
    // Whoever binds or starts something waits: what was checked below is so until it is bound.
    let _turn = kernel.devices.turn().await;
    let allow: Vec<String> = if allow.is_undefined() { Vec::new() } else { from_js("what is given", allow)? };
    let mut mounts = mounting::opened(&kernel.name, mounts).await?;
    let names = mounts.iter().map(|(name, _)| name.clone()).collect();
    let given = application::Given::new(allow, names)?;
    let (checked, plan) = application::agree(manifest, files, &given, &kernel.profile)?;
    mounts.retain(|(name, _)| plan.mounts.iter().any(|mount| mount.name == *name));
    mounting::check(&kernel.devices, &running, &plan, &mounts).await?;
    for program in checked.programs().values() {
        running.kernel.0.keep_component(program.bytes.clone()).await?;
    }
    let session = operator::of_app(&running.kernel.0, &plan).await?;
    let payload =
        serde_json::to_vec(&plan).map_err(|e| Failure::new("failed", format!("the plan cannot be written: {e}")))?;
    let installed = session.act("install", &format!("/app/{}", plan.app), body::join(&json!({}), &payload)).await;
    operator::leave(&session).await;
    installed?;
    mounting::give(&kernel.devices, &plan.app, mounts).await?;
    kernel.folders.keep(&kernel.devices).await;
    // The plan is read back from what is stored, so it is stored when this returns.
    running.kernel.0.checkpoint().await?;
    Ok(())
}

/// See [`WebKernel::start`].
pub(super) async fn start(kernel: &WebKernel, app: &str, until: &str) -> Fallible<()> {
    let running = kernel.running()?;
    let plan = {
        let _turn = kernel.devices.turn().await;
        let plan = operator::installed(&running.rows, app).await?;
        mounting::hold(&kernel.devices, &plan)?;
        kernel.folders.keep(&kernel.devices).await;
        plan
    };
    let session = operator::of_app(&running.kernel.0, &plan).await?;
    let start = body::json(&json!({ "until": until }));
    match session.act("start", &format!("/app/{}", plan.app), start).await {
        Ok(_) => {
            WebSpawn.spawn("application", operator::stay(session, plan.app));
            Ok(())
        }
        Err(refusal) => {
            operator::leave(&session).await;
            Err(refusal.into())
        }
    }
}
