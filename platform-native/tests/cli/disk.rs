//! A small disk that fills: a tmpfs, mounted for one test and gone with it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted tmpfs.
pub(crate) struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts one with room for `size`, as in "64k" or "1m", at `path`, which is made.
    pub(crate) fn mount(path: PathBuf, size: &str) -> Disk {
        std::fs::create_dir_all(&path).unwrap();
        let options = format!("size={size},mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).status();
        assert!(
            mounted.is_ok_and(|status| status.success()),
            "this test mounts a tmpfs: run it as root, or by `tests/ci.sh native`, which says what it takes for others"
        );
        Disk { path }
    }

    /// Changes how it is mounted, as in "size=64m" or "ro".
    pub(crate) fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(Command::new("mount").args(["-o", &options]).arg(&self.path).status().unwrap().success());
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: something may still close its last file.
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}
