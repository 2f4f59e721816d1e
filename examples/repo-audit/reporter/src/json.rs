//! The report for a program. Its shape is documented in this example's README.

use crate::gathered::{self, Gathered};
use guest::message::{Published, Tried, Walked};
use scan::hygiene::Defect;
use scan::inventory::Survey;
use scan::secrets::Secret;
use serde::Serialize;
#[cfg(test)]
use serde_json::json;
use std::io::Write;

/// Grows when a field changes its meaning or goes away.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    complete: bool,
    problems: &'a [String],
    scanned: Option<&'a Walked>,
    secrets: Findings<'a, Secret>,
    hygiene: Findings<'a, Defect>,
    inventory: &'a Survey,
    refusals: Vec<Refusal<'a>>,
    publisher: Option<&'a Published>,
}

#[derive(Serialize)]
struct Findings<'a, T> {
    found: u64,
    unlisted: u64,
    findings: &'a [T],
}

#[derive(Serialize)]
struct Refusal<'a> {
    agent: &'static str,
    #[serde(flatten)]
    tried: &'a Tried,
}

/// Writes the report as JSON, with a newline at its end, piece by piece as it is rendered.
pub(crate) fn render(gathered: &Gathered, out: &mut dyn Write) -> Result<(), String> {
    let report = Report {
        version: VERSION,
        complete: gathered.problems.is_empty(),
        problems: &gathered.problems,
        scanned: gathered.walked.as_ref(),
        secrets: findings(gathered, "secrets", &gathered.secrets),
        hygiene: findings(gathered, "hygiene", &gathered.defects),
        inventory: &gathered.survey,
        refusals: gathered.tried.iter().map(|tried| Refusal { agent: "courier", tried }).collect(),
        publisher: gathered.published.as_ref(),
    };
    serde_json::to_writer_pretty(&mut *out, &report).map_err(|e| e.to_string())?;
    out.write_all(b"\n").map_err(|e| e.to_string())
}

fn findings<'a, T>(gathered: &Gathered, scanner: &str, told: &'a gathered::Findings<T>) -> Findings<'a, T> {
    let (found, unlisted) = gathered.counted(scanner, told);
    Findings { found, unlisted, findings: &told.kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 21,000 secrets and 21,000 conflicts under a path of 3,000 bytes would take more memory than there is.
    #[test]
    fn the_report_is_small_whatever_the_tree_holds() {
        let mut gathered = Gathered::default();
        let deep = "n".repeat(3000);
        for n in 0..21_000 {
            let secret = json!({ "path": deep, "line": n, "column": 1, "kind": "k", "length": 40, "excerpt": "e" });
            let defect = json!({ "path": deep, "line": n, "kind": "merge-conflict", "detail": "d" });
            for (about, item) in [("secrets", secret), ("hygiene", defect)] {
                gathered.take(json!({ "about": about, "part": [item] }).to_string().as_bytes()).unwrap();
            }
        }
        for name in ["secrets", "hygiene"] {
            let totals = json!({ "from": name, "files": 1, "bytes": 1, "found": 22_000, "unlisted": 1000, "lost_batches": 0, "kinds": {} });
            gathered.totals(totals.to_string().as_bytes()).unwrap();
        }
        gathered.settle();
        let mut out = Vec::new();
        render(&gathered, &mut out).unwrap();
        assert!(out.len() < 36 << 20, "{}", out.len());
        let report: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let markdown = crate::markdown::render(&gathered);
        for name in ["secrets", "hygiene"] {
            let listed = report[name]["findings"].as_array().unwrap().len() as u64;
            let unlisted = report[name]["unlisted"].as_u64().unwrap();
            assert!(listed > 5000 && unlisted > 1000, "{listed} {unlisted}");
            assert_eq!((report[name]["found"].as_u64(), listed + unlisted), (Some(22_000), 22_000));
            assert!(markdown.contains("were counted, but not kept."));
        }
    }

    /// Its beginning is not the file.
    #[test]
    fn an_audit_is_not_complete_where_a_file_was_scanned_in_part() {
        let walked = Walked { files: 3, partly_scanned: 2, ..Walked::default() };
        let mut gathered = Gathered { walked: Some(walked), ..Gathered::default() };
        gathered.settle();
        let mut out = Vec::new();
        render(&gathered, &mut out).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(report["complete"], false);
        assert_eq!(report["problems"], json!(["2 files were scanned only in part, see `partly-scanned`."]));
        assert!(crate::markdown::render(&gathered).contains("This audit is not complete"));
    }
}
