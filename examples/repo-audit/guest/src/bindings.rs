//! The bindings to the kernel's contract, `kernel-core/wit/weft.wit`.

wit_bindgen::generate!({
    path: "../../../kernel-core/wit",
    world: "agent",
    pub_export_macro: true,
    default_bindings_module: "guest::bindings",
});
