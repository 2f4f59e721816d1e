//! One module a suite, one public function a clause.

pub mod identity;
pub mod labels;
pub mod paths;
pub mod refusals;
pub mod time;
pub mod wire;
