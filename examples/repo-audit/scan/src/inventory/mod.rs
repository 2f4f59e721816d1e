//! Counts what a repository is made of: languages, lines, licences, dependencies.

#[cfg(feature = "inventory")]
mod dependencies;
pub mod languages;
#[cfg(feature = "inventory")]
mod licences;
#[cfg(feature = "inventory")]
mod survey;

#[cfg(feature = "inventory")]
pub use survey::Inventory;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much of something there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Files.
    pub files: u64,
    /// Lines of text; a last line without a newline counts.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Where a licence was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licence {
    /// Files whose header names it (`SPDX-License-Identifier:`).
    pub headers: u64,
    /// Licence texts, by path, at most [`MOST_PATHS`].
    pub texts: Vec<String>,
    /// Manifests that declare it, by path, at most [`MOST_PATHS`].
    pub manifests: Vec<String>,
}

/// A dependency of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    /// Its name in its ecosystem.
    pub name: String,
    /// The versions asked for, as written; or where it comes from ("path ../x", "git https://…"); "*" if nothing is said.
    pub requirement: String,
    /// "normal", "dev", "build", "peer", "optional", "indirect", "workspace", or the name of a group.
    pub scope: String,
}

/// A dependency manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Manifest {
    /// Its path.
    pub path: String,
    /// "cargo", "npm", "requirements", "pyproject" or "go".
    pub kind: String,
    /// The name that the package gives itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// The version that it gives itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// Why it could not be read, if so; nothing of what stands in it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
    /// In order of scope and name.
    pub dependencies: Vec<Dependency>,
}

/// All that was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// Text files by language; "other" for those of no known one.
    pub languages: BTreeMap<String, Tally>,
    /// Files that are not text; their lines are not counted.
    pub binary: Tally,
    /// By SPDX identifier or expression.
    pub licences: BTreeMap<String, Licence>,
    /// In order of their paths.
    pub manifests: Vec<Manifest>,
    /// Manifests and dependencies that were beyond what is kept ([`MOST_DEPENDENCIES`], [`MOST_BYTES`]).
    pub omitted: u64,
    /// How often a licence was named that is beyond those that are kept ([`MOST_LICENCES`]).
    #[serde(default)]
    pub omitted_licences: u64,
}

/// The most licences that are kept.
pub const MOST_LICENCES: usize = 1000;
/// The most paths that are kept for a licence.
pub const MOST_PATHS: usize = 100;
/// The most bytes of paths that are kept for one licence, and for all.
pub const MOST_PATH_BYTES: (usize, usize) = (32 << 10, 4 << 20);
/// The most bytes of text that are kept of all manifests.
pub const MOST_BYTES: usize = 12 << 20;
/// The most dependencies that are kept in all; a manifest counts as one more.
pub const MOST_DEPENDENCIES: usize = 50_000;
/// The largest manifest that is read, in bytes.
pub const LARGEST_MANIFEST: usize = 1 << 20;

#[cfg(all(test, feature = "inventory"))]
mod tests;
