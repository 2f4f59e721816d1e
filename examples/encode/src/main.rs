//! `encode MODULE COMPONENT`: makes a component of a core module that wit-bindgen's bindings were compiled into.
//!
//! The module carries its world in a custom section; the component that results is validated before it is written.

use std::error::Error;
use std::process::ExitCode;
use wit_component::ComponentEncoder;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, component] = &arguments[..] else {
        eprintln!("usage: encode MODULE COMPONENT");
        return ExitCode::from(2);
    };
    match encode(module, component) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("encode: {module}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn encode(module: &str, component: &str) -> Result<(), Box<dyn Error>> {
    let module = std::fs::read(module)?;
    let bytes = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    std::fs::write(component, bytes)?;
    Ok(())
}
