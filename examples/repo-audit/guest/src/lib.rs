//! What the guests of repo-audit share.
//!
//! [`act`] and what wraps it are of use to any guest; [`batch`] and [`message`] are this application's own
//! protocol. A guest implements [`Agent`] and names itself with [`agent!`]; there is nothing else to it.

mod acts;
pub mod batch;
#[allow(missing_docs, reason = "generated from weft.wit, which documents it")]
pub mod bindings;
pub mod fs;
pub mod ipc;
pub mod log;
pub mod message;
pub mod parts;
pub mod path;
pub mod process;
pub mod scanner;
pub mod stream;

pub use acts::{act, act_with, code_name};
pub use bindings::exports::weft::guest::guest::Envelope;
pub use bindings::weft::guest::types::{Code, Kind, Refusal};

/// A guest. Its value lives as long as its instance does.
pub trait Agent: Default {
    /// Handles one envelope. For a request what is returned is the reply; an error ends up in the log of
    /// the process.
    fn handle(&mut self, message: Envelope) -> Result<Vec<u8>, String>;
}

/// Exports a type that implements [`Agent`] as the component's guest.
#[macro_export]
macro_rules! agent {
    ($agent:ty) => {
        struct Component;

        ::std::thread_local! {
            static AGENT: ::std::cell::RefCell<$agent> = ::std::cell::RefCell::new(<$agent as ::std::default::Default>::default());
        }

        impl $crate::bindings::exports::weft::guest::guest::Guest for Component {
            fn handle(message: $crate::Envelope) -> ::std::result::Result<::std::vec::Vec<u8>, ::std::string::String> {
                $crate::log::panics();
                // Components are never re-entered, so this borrow is the only one.
                AGENT.with_borrow_mut(|agent| $crate::Agent::handle(agent, message))
            }
        }

        $crate::bindings::export!(Component with_types_in $crate::bindings);
    };
}
