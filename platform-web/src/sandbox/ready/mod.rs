//! What is done to a component before it runs: asked for by the transpiler's worker, which has this crate's code in an
//! instance of its own, so that whatever a hostile component does to a parser, it does it where nothing else is.

use kernel_core::meter::{self as fuel, Metered};
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

mod meter;
mod names;

/// The contract's names in a component: what the glue is made for.
#[wasm_bindgen]
#[derive(Debug)]
pub struct GuestWorld {
    world: names::World,
    metered: Vec<u8>,
}

#[wasm_bindgen]
impl GuestWorld {
    /// Holds the component against the contract, and its names against what may be written into glue, and builds the
    /// fuel meter in.
    ///
    /// # Errors
    ///
    /// One sentence that says what is wrong with it, and what to do.
    #[wasm_bindgen(constructor)]
    pub fn new(component: &[u8]) -> Result<GuestWorld, JsError> {
        kernel_core::app::inspect(component).map_err(|e| JsError::new(&e.to_string()))?;
        let world = names::world(component).map_err(|e| JsError::new(&e.to_string()))?;
        let Metered { component, .. } = fuel::meter(component).map_err(|e| JsError::new(&e.to_string()))?;
        Ok(GuestWorld { world, metered: component })
    }

    /// The imports of the kernel's functions, with their versions; none if the component needs none of them.
    #[wasm_bindgen(getter)]
    pub fn kernel(&self) -> Vec<String> {
        self.world.kernel.clone()
    }

    /// The component with the fuel meter in it: what glue and core modules are made from. Answered once.
    pub fn metered(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.metered)
    }

    /// The export that has `handle`, with its version.
    #[wasm_bindgen(getter)]
    pub fn guest(&self) -> String {
        self.world.guest.clone()
    }
}

/// Whether a core module of a metered component is the fuel meter's own.
#[wasm_bindgen]
pub fn is_fuel_meter(module: &[u8]) -> bool {
    *fuel::MODULE == module
}

/// A core module of a checked component, with the memory meter built in.
///
/// # Errors
///
/// One sentence, for a module that cannot be written anew.
#[wasm_bindgen]
pub fn meter_guest_module(module: &[u8]) -> Result<Vec<u8>, JsError> {
    meter::meter(module).map_err(|e| JsError::new(&format!("a core module cannot be metered: {e}")))
}
