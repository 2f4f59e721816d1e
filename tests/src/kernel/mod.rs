//! Clauses about a whole kernel, one module a part of it, one public function a clause.

pub mod authority;
