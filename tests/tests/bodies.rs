//! What of a log cannot be compared with the kept bodies is told, and not passed over.
#![cfg(not(target_arch = "wasm32"))]

use kernel_core::chain::{ChainError, Header, Log, Opening, Origin, Trust};
use kernel_core::id::ActionId;
use kernel_core::kernel::event::kind;
use kernel_core::kernel::{BootError, verify};
use kernel_core::sim::{Sim, SimStorage};
use kernel_core::time::WallTime;

#[test]
fn an_intent_that_cannot_be_read_is_told() {
    // Nothing at all, and a map that says nothing.
    for content in [[0xf6], [0xa0]] {
        let sim = Sim::new(1);
        let storage = SimStorage::new(&sim.platform());
        let origin = Origin::parse("weft.example/log").expect("an origin");
        let mut log = Log::new(origin.clone());
        let header = Header { wall: WallTime(1), action: ActionId(1), kind: kind::INTENT };
        log.append(header, &content).expect("a content");
        let sealed = log.seal();
        storage.tamper(|rows| rows.extend(sealed.into_iter().filter_map(|(key, value)| Some((key, value?)))));
        let opening = Opening::new(origin, Trust::Unsigned);
        let found = sim.run(async move { verify(&storage, opening, |_, _| {}).await });
        let Err(BootError::Chain(error)) = found else { panic!("{found:?}") };
        assert_eq!(error, ChainError::Content { seq: 0 });
        assert_eq!((error.code(), error.seq()), ("version", Some(0)));
    }
}
