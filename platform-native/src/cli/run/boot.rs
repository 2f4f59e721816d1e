//! From folders and flags to a kernel that runs: the host first, then the kernel, each step timed.

use super::screen::Screen;
use crate::cli::database::Database;
use crate::cli::exit::{Exit, Failure};
use crate::cli::place::{DATABASE, keep_apart};
use crate::cli::stored;
use crate::cli::text::{shell, shown, unsigned, verified};
use crate::shared::{SharedPlatform, SharedRows};
use crate::{Host, HostOptions};
use futures::channel::mpsc;
use kernel_core::app::{MountMode, Plan, ProgramPlan};
use kernel_core::chain::VerifierKey;
use kernel_core::environment::Environment;
use kernel_core::kernel::{BootError, BootOptions, Kernel, Parts, Told};
use kernel_core::path::Name;
use kernel_core::platform::{Clock, Platform, Profile, ProgramKind};
use kernel_core::time::WallTime;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How many notices may wait for the screen. What is over it is not shown as it happens; the report is
/// read from the log and misses nothing.
const NOTICES: usize = 4_096;

/// A kernel that runs, and what its log is read by afterwards.
pub(super) struct Booted {
    pub(super) kernel: Kernel<SharedPlatform>,
    /// What the kernel tells from its first step on.
    pub(super) told: mpsc::Receiver<Told>,
    pub(super) rows: SharedRows,
    /// Whose log it is.
    pub(super) key: VerifierKey,
    /// The first event of this run.
    pub(super) from: u64,
    pub(super) started: WallTime,
    /// Absolute and without links.
    pub(super) data_dir: PathBuf,
    /// What has to be there still when the run is over.
    pub(super) database: Database,
}

/// Opens the host in `data_dir` with `mounts`, and boots a kernel on it that can run `plan`.
///
/// # Errors
/// A folder or data directory that cannot be used, a log that does not verify, a program that this host
/// cannot run. The log is as it was.
pub(super) async fn boot(
    environment: Environment,
    plan: &Plan,
    data_dir: &Path,
    mounts: &[(Name, PathBuf)],
    screen: &mut Screen,
) -> Result<Booted, Failure> {
    keep_apart(data_dir, mounts.iter().map(|(name, path)| (name, path.as_path())))?;
    can_be_written(plan, mounts)?;
    let at = Instant::now();
    let mut options = HostOptions::new(data_dir);
    options.mounts = mounts.to_vec();
    let host = Host::open(options).await?;
    runs_here(plan, host.platform.profile())?;
    if plan.agents.iter().any(|agent| matches!(agent.program, ProgramPlan::Wasm(_))) {
        // Made while the kernel boots.
        host.sandbox.wasm().prepare();
    }
    screen.step("host", at.elapsed(), &shown(&host.data_dir));

    let at = Instant::now();
    let rows = SharedRows::new(host.storage);
    let from = stored::head(&rows).await?.map_or(0, |head| head.size);
    let platform = SharedPlatform(host.platform);
    let started = platform.wall();
    let (tell, mut told) = mpsc::channel(NOTICES);
    let parts =
        Parts { platform, storage: rows.clone(), sandbox: host.sandbox, devices: host.devices, keys: host.keys };
    let options = BootOptions { observer: Some(tell), ..BootOptions::new(environment) };
    let kernel = Kernel::boot(parts, options).await?;
    // Asked for only now: whether one may be made is for the kernel to know.
    let key = kernel.key().await.map_err(BootError::Keys)?;
    // Nobody acts yet: what is told already are the phases of the boot.
    while let Ok(Told::Notice(phase)) = told.try_recv() {
        screen.notice(&phase);
    }
    screen.step("kernel", at.elapsed(), &verified(from, kernel.found().verified_from));
    let found = kernel.found();
    if found.unsigned > 0 {
        screen.warning(&unsigned(found.unsigned));
    }
    for app in found.cut_short {
        screen.warning(&format!("{app} was cut short before: the kernel that ran it did not stop in order"));
    }
    Ok(Booted {
        kernel,
        told,
        rows,
        key,
        from,
        started,
        database: Database::at(host.data_dir.join(DATABASE)),
        data_dir: host.data_dir.clone(),
    })
}

/// Refuses a folder for writing that is not there or that this user may not write to: whoever needs it would find
/// out when all else is done. What else may be wrong with a folder is told by the host.
pub(in crate::cli) fn can_be_written(plan: &Plan, mounts: &[(Name, PathBuf)]) -> Result<(), Failure> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    for (name, folder) in mounts {
        if !plan.mounts.iter().any(|mount| mount.name == *name && mount.mode == MountMode::Write) {
            continue;
        }
        let refused = |what: &str, help: String| {
            let message = format!("the folder {} for mount `{name}` {what}", folder.display());
            Err(Failure::new(Exit::Usage, "mount", message).help(help))
        };
        if folder.symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
            return refused("does not exist", format!("make it first: mkdir -p {}", shell(folder)));
        }
        if !folder.is_dir() {
            continue;
        }
        if let Err(e) = accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
            let e = std::io::Error::from(e);
            let help = format!("name a folder that you may write to: --mount {name}=PATH");
            return refused(&format!("cannot be written to: {e}"), help);
        }
    }
    Ok(())
}

/// Refuses a plan with programs of a kind that this host does not run.
pub(in crate::cli) fn runs_here(plan: &Plan, profile: &Profile) -> Result<(), Failure> {
    for agent in &plan.agents {
        let (kind, name) = match agent.program {
            ProgramPlan::Wasm(_) => (ProgramKind::Wasm, "wasm"),
            ProgramPlan::Native(_) => (ProgramKind::Native, "native"),
        };
        if !profile.programs.contains(&kind) {
            let why = profile.missing.iter().find(|(what, _)| what == name).map_or("", |(_, why)| why.as_str());
            let message = format!("agent `{}` is a {name} program, which this host does not run: {why}", agent.name);
            return Err(Failure::new(Exit::Unsupported, "unsupported", message));
        }
    }
    Ok(())
}
