//! One module a suite, one public function a clause.

pub mod identity;
pub mod labels;
pub mod refusals;
pub mod time;
