//! Clauses about a whole kernel, one module a part of it, one public function a clause.

pub mod accounts;
pub mod agency;
pub mod applications;
pub mod authority;
pub mod budgets;
pub mod ends;
pub mod evidence;
pub mod files;
pub mod floods;
pub mod inboxes;
pub mod labels;
pub mod letters;
pub mod links;
pub mod log;
pub mod messages;
pub mod processes;
pub mod signals;
pub mod supervision;
pub mod supervisors;
pub mod suspension;
pub mod timers;
pub mod tools;
pub mod topics;
pub mod traces;
pub mod tree;
pub mod verdicts;
