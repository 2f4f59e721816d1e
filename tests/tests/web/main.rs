//! Every clause, run in a worker of a real browser, which is where the kernel lives there: those about values, and
//! those about a kernel, in the simulation and on the tab's own host. What is pinned is the same as on other machines.
//!
//! Empty on other targets. `tests/ci.sh web` builds it and finds the browser.
#![cfg(target_arch = "wasm32")]

mod host;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

kernel_tests::each_clause!(#[wasm_bindgen_test::wasm_bindgen_test]);

/// A few seeds each: that a seed gives the same run everywhere is a clause of its own.
macro_rules! simulated {
    ($clause:path) => {
        for (seed, kind) in [(1, kernel_tests::world::Kind::Handler), (2, kernel_tests::world::Kind::Component)] {
            let host = kernel_tests::world::SimHost::new(seed, kind);
            host.sim().run($clause(host));
        }
    };
}

mod sim {
    kernel_tests::each_kernel_clause!(
        #[wasm_bindgen_test::wasm_bindgen_test]
        simulated
    );
}

/// With handlers, which are compiled in.
macro_rules! in_the_tab {
    ($clause:path) => {
        $clause(crate::host::WebHost::new().await).await
    };
}

mod handlers {
    kernel_tests::each_kernel_clause!(
        #[wasm_bindgen_test::wasm_bindgen_test]
        async in_the_tab
    );
}

/// With the component, as applications bring it. `pkg/build/suite.mjs` provides what makes its workers, so these run
/// after the package is built; the others need nothing of it.
macro_rules! with_components {
    ($clause:path) => {
        $clause(crate::host::WebHost::with_components().await).await
    };
}

mod components {
    kernel_tests::each_kernel_clause!(
        #[wasm_bindgen_test::wasm_bindgen_test]
        async with_components
    );
}
