//! A build without the sandbox for components refuses them by name of the feature.

use super::*;

#[tokio::test]
async fn a_component_is_refused_by_name_of_the_feature() {
    let sandbox =
        NativeSandbox::new(WasmSandbox::new(None, tokio::runtime::Handle::current()), NativePrograms::new());
    let port = Port::new(Arc::new(Scripted::default()), PID);
    let started = sandbox
        .start(
            request(Program::Wasm { hash: [0; 32] }, Limits::default()),
            || Box::pin(async { panic!("nothing is to be loaded") }),
            port,
        )
        .await;
    assert!(fault(started, FaultKind::Start).contains("`wasm-sandbox`"));
    assert!(WASM_MISSING.unwrap().contains("`wasm-sandbox`"));
    assert!(sandbox.wasm().allocation().is_err());
}
