//! A kernel that is served by what `weft up` serves with, and has handlers of the caller's to spawn: for benches. Nobody
//! observes it, so no event is made, kept or read, and its environment is the caller's.

use crate::cli::api::{self, AgreedPlans, Api, Listener, Mounts, Ring, Room, Stop};
use crate::cli::space::Space;
use crate::shared::{SharedPlatform, SharedRows};
use crate::{Host, HostOptions};
use kernel_core::agency::Role;
use kernel_core::capability::Capabilities;
use kernel_core::environment::Environment;
use kernel_core::kernel::{BootOptions, Kernel, Parts, Session};
use kernel_core::path::Name;
use kernel_core::platform::{Platform, Programs};
use kernel_core::process::InstanceKind;
use kernel_core::refusal::Refusal;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// A kernel, and what serves it for as long as this lives.
pub struct Measured {
    /// A session of it.
    pub session: Session,
    _end: watch::Sender<bool>,
    kernel: Kernel<SharedPlatform>,
}

impl Measured {
    /// Boots one in `folder/data` that listens on the socket `folder/run/api.sock`, with the handlers `names` of
    /// `programs`; its session holds `held`.
    ///
    /// # Panics
    /// When it cannot.
    pub async fn start(
        folder: &Path,
        environment: Environment,
        names: &[Name],
        programs: Programs,
        held: Capabilities,
    ) -> Measured {
        let mut options = HostOptions::new(folder.join("data"));
        options.natives = programs;
        let host = Host::open(options).await.expect("a host");
        let rows = SharedRows::new(host.storage);
        let (platform, devices) = (SharedPlatform(host.platform), host.devices.clone());
        let (profile, output_commit) = (platform.profile().clone(), environment.output_commit());
        let parts =
            Parts { platform, storage: rows.clone(), sandbox: host.sandbox, devices: host.devices, keys: host.keys };
        let mut boot = BootOptions::new(environment);
        boot.natives = names.iter().map(|name| (name.clone(), InstanceKind::Kept)).collect();
        let kernel = Kernel::boot(parts, boot).await.expect("a kernel");
        let api = Api {
            kernel: kernel.clone(),
            rows,
            profile,
            mounts: Mounts::open(&host.data_dir, devices, &BTreeSet::new()).expect("no mounts"),
            agreed: AgreedPlans::open(&host.data_dir).expect("no plans"),
            events: Arc::new(Ring::new(0)),
            stop: Stop::new(),
            data_dir: host.data_dir.clone(),
            output_commit,
            room: Room::default(),
            space: Space::new(&host.data_dir, 0),
        };
        let listener = Listener::unix(&folder.join("run/api.sock")).await.expect("a socket");
        let (end, over) = watch::channel(false);
        tokio::spawn(api::serve(Arc::new(api), listener, over));
        let name = Name::parse("bench").expect("a name");
        let session = kernel.attach(name, Role::User, held).await.expect("a session");
        Measured { session, _end: end, kernel }
    }

    /// Waits until the log has all that has happened.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn flushed(&self) -> Result<(), Refusal> {
        self.kernel.flushed().await
    }
}
