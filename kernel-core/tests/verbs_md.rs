//! `VERBS.md` is the verb table, word for word.
//!
//! To write it anew after a change of the table: `WEFT_UPDATE=1 cargo test -p kernel-core --test verbs_md`.
#![allow(clippy::disallowed_methods)] // A test may read the file that it compares, and the switch that rewrites it.

#[test]
fn the_page_is_the_table() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/VERBS.md");
    let rendered = kernel_core::kernel::verb::table::render();
    if std::env::var_os("WEFT_UPDATE").is_some() {
        std::fs::write(page, &rendered).expect("VERBS.md cannot be written");
    }
    let written = std::fs::read_to_string(page).unwrap_or_default();
    let differs = rendered.lines().zip(written.lines()).position(|(a, b)| a != b);
    assert!(
        rendered == written,
        "VERBS.md is not what the verb table says (first in line {}). If the table is right, write the page anew:\n\n    \
         WEFT_UPDATE=1 cargo test -p kernel-core --test verbs_md\n",
        differs.unwrap_or(rendered.lines().count().min(written.lines().count())) + 1
    );
}
