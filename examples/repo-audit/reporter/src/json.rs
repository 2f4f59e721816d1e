//! The report for a program. Its shape is documented in this example's README.

use crate::gathered::Gathered;
use guest::message::{Published, Tried, Walked};
use scan::hygiene::Defect;
use scan::inventory::Survey;
use scan::secrets::Secret;
use serde::Serialize;

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

/// The report as JSON, with a newline at its end.
pub(crate) fn render(gathered: &Gathered) -> Result<Vec<u8>, String> {
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
    let mut json = serde_json::to_vec_pretty(&report).map_err(|e| e.to_string())?;
    json.push(b'\n');
    Ok(json)
}

fn findings<'a, T>(gathered: &Gathered, scanner: &str, findings: &'a [T]) -> Findings<'a, T> {
    let scanned = gathered.scanned.get(scanner);
    let found = scanned.map_or(findings.len() as u64, |scanned| scanned.found);
    Findings { found, unlisted: scanned.map_or(0, |scanned| scanned.unlisted), findings }
}
