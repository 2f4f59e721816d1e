//! The host of a tab: rows in memory, mounts in the origin private file system.

use bytes::Bytes;
use js_sys::Function;
use kernel_core::ipc::Envelope;
use kernel_core::kernel::Parts;
use kernel_core::platform::{
    BoxFuture, Clock, DeviceRequest, Devices, Entropy, Fault, FaultKind, Gauge, Guest, Handled, HostError, Platform,
    Port, Profile, Sandbox, Spawn, StartRequest, WriteMode,
};
use kernel_core::time::{Instant, Now, WallTime};
use kernel_tests::world::{Host, Kind, MOUNTS, name, programs};
use platform_web::devices::WebDevices;
use platform_web::keys::WebKeys;
use platform_web::sandbox::{WebGuest, WebSandbox, use_guests};
use platform_web::storage::RedbStorage;
use platform_web::{HostOptions, StorageKind, WebPlatform};
use std::cell::Cell;
use std::future::Future;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{FileSystemDirectoryHandle, FileSystemGetDirectoryOptions, FileSystemRemoveOptions, WorkerGlobalScope};

/// What a handler returns that is told to trap: WebAssembly does not unwind, so a panic would be the kernel's.
const TRAP: &str = "trap: told to";

thread_local! {
    /// How many hosts were made; each has folders of its own.
    static MADE: Cell<u32> = const { Cell::new(0) };
    /// Whether it is known what makes workers for guests.
    static GUESTS: Cell<bool> = const { Cell::new(false) };
}

/// Rows and the folders of the mounts.
pub(crate) struct WebHost {
    storage: RedbStorage,
    keys: WebKeys,
    devices: WebDevices,
    kind: Kind,
}

impl WebHost {
    /// Empty, with the folders that are bound, for puppets that are handlers.
    pub(crate) async fn new() -> WebHost {
        WebHost::of(Kind::Handler).await
    }

    /// The same for puppets that are components, each in a worker of its own.
    pub(crate) async fn with_components() -> WebHost {
        if !GUESTS.with(Cell::get) {
            let import =
                Function::new_no_args("return import('/tests/web/dist/suite.js').then((suite) => suite.guests())");
            let promise: js_sys::Promise = import.call0(&JsValue::NULL).expect("a promise").unchecked_into();
            let guests: Result<JsValue, JsValue> = JsFuture::from(promise).await;
            use_guests(guests.expect("what makes workers: run `node build/suite.mjs` in pkg/").unchecked_into());
            GUESTS.with(|known| known.set(true));
        }
        WebHost::of(Kind::Component).await
    }

    async fn of(kind: Kind) -> WebHost {
        let number = MADE.with(|made| made.replace(made.get() + 1));
        let root: FileSystemDirectoryHandle = wait(scope().navigator().storage().get_directory()).await;
        let whole = FileSystemRemoveOptions::new();
        whole.set_recursive(true);
        // What an earlier run left.
        let _ = JsFuture::from(root.remove_entry_with_options(&format!("suite-{number}"), &whole)).await;
        let folder = make(&root, &format!("suite-{number}")).await;
        let devices = WebDevices::default();
        for mount in MOUNTS {
            devices.bind(&name(mount), make(&folder, mount).await).await.expect("a folder that can be mounted");
        }
        let storage = RedbStorage::in_memory().expect("rows in memory");
        WebHost { storage, keys: WebKeys::in_memory().await.expect("a key"), devices, kind }
    }
}

impl Host for WebHost {
    type Platform = SuitePlatform;

    async fn open(&self) -> Parts<SuitePlatform> {
        let mut options = HostOptions::new(name("suite"), StorageKind::Memory);
        options.natives = programs(|| TRAP.to_owned());
        let host = platform_web::Host::open(options).await.expect("a host");
        Parts {
            platform: SuitePlatform(host.platform),
            storage: self.storage.clone(),
            sandbox: SuiteSandbox(host.sandbox),
            devices: self.devices.clone(),
            keys: self.keys.clone(),
        }
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    async fn put(&self, mount: &str, path: &str, body: &[u8]) {
        let request = DeviceRequest::Write {
            mount: mount.to_owned(),
            path: path.to_owned(),
            mode: WriteMode::Replace,
            body: Bytes::copy_from_slice(body),
            expect: None,
        };
        self.devices.perform(request).await.expect("a file that is written");
    }

    async fn get(&self, mount: &str, path: &str) -> Option<Bytes> {
        self.devices.read_whole(mount, path).await.ok().map(Bytes::from)
    }

    /// A turn of the event loop: what a guest's worker says is heard only in between.
    async fn turn(&self) {
        let next = Function::new_no_args("return new Promise((resolve) => setTimeout(resolve))");
        let turn: js_sys::Promise = next.call0(&JsValue::NULL).expect("a promise").unchecked_into();
        JsFuture::from(turn).await.expect("a turn");
    }
}

/// The tab's platform, whose handlers end as they are told to.
#[derive(Clone, Debug)]
pub(crate) struct SuitePlatform(WebPlatform);

impl Clock for SuitePlatform {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn wall(&self) -> WallTime {
        self.0.wall()
    }

    fn stamp(&self) -> Now {
        self.0.stamp()
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + 'static {
        self.0.sleep_until(at)
    }
}

impl Entropy for SuitePlatform {
    fn fill(&self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

impl Spawn for SuitePlatform {
    fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + 'static) {
        self.0.spawn(name, future);
    }
}

impl Platform for SuitePlatform {
    type Storage = RedbStorage;
    type Sandbox = SuiteSandbox;
    type Devices = WebDevices;
    type Keys = WebKeys;

    fn profile(&self) -> &Profile {
        self.0.profile()
    }
}

/// The tab's sandbox.
#[derive(Debug)]
pub(crate) struct SuiteSandbox(WebSandbox);

/// One of its guests; what returns [`TRAP`] has trapped.
#[derive(Debug)]
pub(crate) struct SuiteGuest(WebGuest);

impl Sandbox for SuiteSandbox {
    type Guest = SuiteGuest;

    async fn start(
        &self,
        request: StartRequest,
        component: impl FnOnce() -> BoxFuture<'static, Result<Bytes, HostError>>,
        port: Port,
    ) -> Result<SuiteGuest, Fault> {
        self.0.start(request, component, port).await.map(SuiteGuest)
    }
}

impl Guest for SuiteGuest {
    fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Handled> {
        let handled = self.0.handle(message);
        Box::pin(async move {
            let mut handled = handled.await;
            if matches!(&handled.result, Ok(Err(text)) if text == TRAP) {
                handled.result = Err(Fault { kind: FaultKind::Trap, reason: "told to".to_owned() });
            }
            handled
        })
    }

    fn inline(&self) -> bool {
        self.0.inline()
    }

    fn gauge(&self) -> Option<Gauge> {
        self.0.gauge()
    }
}

fn scope() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

async fn wait<T: JsCast>(promise: js_sys::Promise) -> T {
    JsFuture::from(promise).await.expect("the browser does it").unchecked_into()
}

async fn make(folder: &FileSystemDirectoryHandle, name: &str) -> FileSystemDirectoryHandle {
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(true);
    wait(folder.get_directory_handle_with_options(name, &options)).await
}
