//! Lines for the log of this process.

use crate::Refusal;
use crate::acts::Said;
use crate::bindings::weft::guest::kernel;
use crate::bindings::weft::guest::types::Level;

/// What a reader of the log may want to know.
pub fn info(text: &str) {
    kernel::log(Level::Info, text);
}

/// What went wrong without ending the work.
pub fn warn(text: &str) {
    kernel::log(Level::Warn, text);
}

/// What ended it.
pub fn error(text: &str) {
    kernel::log(Level::Error, text);
}

/// Says what was refused while doing what; also answers it as a text.
pub fn refused(doing: &str, refusal: &Refusal) -> String {
    let text = format!("{doing}: {}", Said(refusal));
    warn(&text);
    text
}

/// From now on a panic leaves its message in the log before it traps.
pub fn panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|info| error(&info.to_string()))));
}
