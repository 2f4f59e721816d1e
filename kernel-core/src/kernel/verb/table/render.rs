//! `VERBS.md` from the table.

use super::{Field, ROWS, Row};
use crate::governance::Dimension;
use std::fmt::Write;

/// The whole of `kernel-core/VERBS.md`.
pub fn render() -> String {
    let mut page = String::from(HEAD);
    let (later, now): (Vec<&Row>, Vec<&Row>) = ROWS.iter().partition(|row| row.missing.is_some());
    page.push_str(
        "| verb | resources | class | labels weigh | risk fairness privacy novelty security | waits | payload |\n",
    );
    page.push_str("|---|---|---|---|---|---|---|\n");
    for row in &now {
        let (weighs, waits, payload) = (yes(row.weighs), yes(row.blocking), yes(row.payload));
        let (verb, kinds, class, base) = (verb(row), kinds(row), class(row), base(row));
        let line = format!("| {verb} | {kinds} | {class} | {weighs} | {base} | {waits} | {payload} |");
        put(&mut page, &line);
    }
    for row in now {
        section(&mut page, row);
    }
    page.push_str(LATER);
    for row in later {
        let what = row.missing.unwrap_or_default();
        let (verb, kinds, class, base, doc) = (verb(row), kinds(row), class(row), base(row), row.doc);
        let line = format!("| {verb} | {kinds} | {class} | {} | {base} | {doc} | {what} |", yes(row.weighs));
        put(&mut page, &line);
    }
    page
}

const HEAD: &str = "\
# Verbs

What can be asked of the kernel: a verb, a resource, a body. This page is generated from `src/kernel/verb/table/rows.rs`;
a test compares the two and says how to write it anew.

A **body** is one line of JSON (nothing at all is `{}`); where the verb takes a payload, a newline and raw bytes may
follow, at most 1 MiB: more is `too_large`. A field that is null counts as left out; one that is not listed, and a value
that is not what the field takes, is `invalid`.
**Outward** acts are recorded before and after, **observing** acts once, **inner** acts once when their route opens and
then counted. Where **labels weigh**, those that the target is not cleared for raise the effect: `untrusted` to security
6000, every other label to privacy 9000. Everywhere else what an act carries is kept with its labels, or comes along
with them. N is the novelty: 1000 for the first use of a verb on a kind of resource by an agent, halved whenever the
number of uses doubles. A verb that **waits** takes a deadline.
Fields marked *audited* are kept with the facts, so that rules can speak about them.

";

const LATER: &str = "
## Not in this version

These belong to the design. They are refused as `unsupported`, naming what is missing.

| verb | resources | class | labels weigh | risk fairness privacy novelty security | what it will do | what is missing |
|---|---|---|---|---|---|---|
";

fn section(page: &mut String, row: &Row) {
    put(page, &format!("\n## {} {}\n\n{}\n", row.verb, kinds(row), row.doc));
    if !row.fields.is_empty() {
        page.push_str("| field | takes | meaning |\n|---|---|---|\n");
        for field in row.fields {
            put(page, &format!("| `{}` | {} | {} |", field.name, field.ty.wanted(), meaning(field)));
        }
        page.push('\n');
    }
    put(page, &format!("Reply: {}.", row.reply));
}

fn meaning(field: &Field) -> String {
    let mut meaning = field.doc.to_owned();
    if field.audit {
        meaning.push_str("; *audited*");
    }
    meaning
}

fn verb(row: &Row) -> String {
    format!("`{}`", row.verb)
}

fn kinds(row: &Row) -> String {
    let kinds = row.kinds.iter().map(|kind| match kind {
        crate::path::Kind::Inbox => "`/proc/N/inbox`".to_owned(),
        kind => format!("`/{kind}`"),
    });
    kinds.collect::<Vec<_>>().join(" ")
}

fn class(row: &Row) -> &'static str {
    row.class.as_str()
}

fn base(row: &Row) -> String {
    let parts = Dimension::ALL.map(|dimension| match dimension {
        Dimension::Novelty => "N".to_owned(),
        _ => row.base.get(dimension).to_string(),
    });
    parts.join(" ")
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "" }
}

fn put(page: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(page, "{line}");
}
