//! From a data directory to a kernel that runs, each step timed.

use crate::cli::database::Database;
use crate::cli::exit::Failure;
use crate::cli::place::DATABASE;
use crate::cli::stored;
use crate::cli::text::{shown, verified};
use crate::devices::NativeDevices;
use crate::shared::{SharedPlatform, SharedRows};
use crate::{Host, HostOptions};
use futures::channel::mpsc;
use kernel_core::chain::VerifierKey;
use kernel_core::environment::Environment;
use kernel_core::kernel::effects::Notice;
use kernel_core::kernel::{BootError, BootOptions, Kernel, Parts, Told};
use kernel_core::platform::{Platform, Profile};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How many notices may wait until they are put into the ring. What is over it is counted.
const NOTICES: usize = 8_192;

/// A kernel that runs, and what is needed beside it.
pub(super) struct Booted {
    pub(super) kernel: Kernel<SharedPlatform>,
    pub(super) told: mpsc::Receiver<Told>,
    pub(super) rows: SharedRows,
    pub(super) key: VerifierKey,
    /// The event with which its start begins.
    pub(super) from: u64,
    /// Absolute and without links.
    pub(super) data_dir: PathBuf,
    pub(super) database: Database,
    /// Those that the kernel uses: folders can be bound to them.
    pub(super) devices: NativeDevices,
    pub(super) profile: Profile,
    pub(super) steps: Vec<Step>,
    /// What it has told already.
    pub(super) phases: Vec<Notice>,
}

/// One step of the boot.
pub(super) struct Step {
    pub(super) name: String,
    pub(super) took: Duration,
    pub(super) more: String,
}

/// Opens the host in `data_dir` and boots a kernel on it.
///
/// # Errors
/// A data directory that cannot be used or that another process has, a log that does not verify. The log is as it was.
pub(super) async fn boot(environment: Environment, data_dir: &Path) -> Result<Booted, Failure> {
    let at = Instant::now();
    let host = Host::open(HostOptions::new(data_dir)).await?;
    let mut steps = vec![Step { name: "host".to_owned(), took: at.elapsed(), more: shown(&host.data_dir) }];
    let at = Instant::now();
    let rows = SharedRows::new(host.storage);
    let from = stored::head(&rows).await?.map_or(0, |head| head.size);
    let platform = SharedPlatform(host.platform);
    let (profile, devices) = (platform.profile().clone(), host.devices.clone());
    let (tell, mut told) = mpsc::channel(NOTICES);
    let parts =
        Parts { platform, storage: rows.clone(), sandbox: host.sandbox, devices: host.devices, keys: host.keys };
    let options = BootOptions { observer: Some(tell), ..BootOptions::new(environment) };
    let kernel = Kernel::boot(parts, options).await?;
    // Asked for only now: whether one may be made is for the kernel to know.
    let key = kernel.key().await.map_err(BootError::Keys)?;
    // Nobody acts yet: what is told already are the phases of the boot.
    let mut phases = Vec::new();
    while let Ok(Told::Notice(phase)) = told.try_recv() {
        if let Notice::Phase { name, micros } = &phase {
            steps.push(Step { name: name.clone(), took: Duration::from_micros(*micros), more: String::new() });
        }
        phases.push(phase);
    }
    let verified = verified(from, kernel.found().verified_from);
    steps.push(Step { name: "kernel".to_owned(), took: at.elapsed(), more: verified });
    let database = Database::at(host.data_dir.join(DATABASE));
    Ok(Booted { kernel, told, rows, key, from, data_dir: host.data_dir, database, devices, profile, steps, phases })
}
