//! Configurations of a kernel that stays.

use crate::manifest::named;
use kernel_core::app::{MAX_MANIFEST, parse_config};

/// Every mistake is named with its place, and whatever is read has one.
pub fn body(data: &[u8]) -> bool {
    let config = match parse_config("up.toml", data) {
        Ok(config) => config,
        Err(problems) => {
            named(data, &problems);
            return false;
        }
    };
    assert!(data.len() <= MAX_MANIFEST);
    for app in &config.apps {
        assert!(!app.path.is_empty() && app.mounts.values().all(|folder| !folder.is_empty()));
        let places = app.allow.iter().map(|right| right.at).chain(app.mounts.values().map(|folder| folder.at));
        for at in places.chain([app.at, app.path.at]) {
            named(data, &[config.problem(at, &app.key, "a problem", None)]);
        }
    }
    true
}
