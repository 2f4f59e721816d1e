//! Every clause about a kernel, in the simulation and on this machine, with handlers and with a component.
#![cfg(not(target_arch = "wasm32"))]

mod native;

use kernel_tests::world::Kind;
use native::NativeHost;
use std::time::Duration;

/// How long a clause may take on this machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many seeds each clause is simulated with; `WEFT_SEEDS` asks for more.
const SEEDS: u64 = 8;

macro_rules! simulated {
    ($clause:path) => {
        kernel_tests::each_seed(crate::SEEDS, |host, _| $clause(host))
    };
}

macro_rules! with_handlers {
    ($clause:path) => {
        crate::natively(crate::Kind::Handler, |host| $clause(host))
    };
}

macro_rules! with_components {
    ($clause:path) => {
        crate::natively(crate::Kind::Component, |host| $clause(host))
    };
}

fn natively<F: Future<Output = ()>>(kind: Kind, clause: impl FnOnce(NativeHost) -> F) {
    let runtime = platform_native::runtime().expect("a runtime");
    let run = async { tokio::time::timeout(PATIENCE, clause(NativeHost::new(kind))).await };
    runtime.block_on(run).expect("the clause is over in time");
}

mod sim {
    kernel_tests::each_kernel_clause!(
        #[test]
        simulated
    );
}

mod handlers {
    kernel_tests::each_kernel_clause!(
        #[test]
        with_handlers
    );
}

mod components {
    kernel_tests::each_kernel_clause!(
        #[test]
        with_components
    );
}
