//! Which folder a name of a mount stands for, and to whom it was given.
//!
//! A process says `/fs/repo/..`, and nothing in its rights says which folder that is: so what a name stands for does
//! not change as long as an application is installed that was given it. Another application gets the same name for the
//! same folder, or is refused. A name that was given to nobody is the page's user's, who binds it as he likes. And an
//! application is started only with what it was given: a name that is bound for another one is not its own.
//!
//! Bindings end with this kernel. Those that can be kept are bound again by the next one (`folders`); the others its user binds
//! anew, and until then an application that was installed before has no claim to such a name.

use super::error::{Failure, Fallible};
use super::{Running, operator, source};
use crate::devices::{Mount, MountError, WebDevices};
use js_sys::{Array, Object};
use kernel_core::app::Plan;
use kernel_core::path::Name;
use kernel_core::platform::Storage;
use wasm_bindgen::{JsCast, JsValue};

/// Folders and lists of files by the names for which they were given, opened and not yet bound.
pub(super) type Mounts = Vec<(Name, Mount)>;

/// What JavaScript gives: sources by the names of their mounts.
pub(super) async fn opened(kernel: &Name, given: &JsValue) -> Fallible<Mounts> {
    if given.is_undefined() {
        return Ok(Mounts::new());
    }
    let Some(given) = given.dyn_ref::<Object>() else {
        return Err(Failure::new("invalid", "the mounts are no folders by their names".to_owned()));
    };
    let mut opened = Mounts::new();
    for pair in Object::entries(given).iter().map(|pair| Array::from(&pair)) {
        let name = parse(&pair.get(0).as_string().unwrap_or_default())?;
        let mount = source::opened(kernel, &name, pair.get(1)).await?;
        opened.push((name, mount));
    }
    Ok(opened)
}

/// The name of a mount.
pub(super) fn parse(text: &str) -> Fallible<Name> {
    Name::parse(text).map_err(|e| Failure::new("invalid", format!("`{text}` is no name of a mount: {e}")))
}

/// Binds `mount` to `name` for the page's user.
pub(super) async fn bind(devices: &WebDevices, running: &Running, name: Name, mount: Mount) -> Fallible<()> {
    if !may_bind(devices, running, &name, &mount, None).await? {
        devices.put(&name, mount).await?;
    }
    Ok(())
}

/// Whether all of `mounts` could be bound for the application of `plan`, which is not yet installed.
pub(super) async fn check(
    devices: &WebDevices,
    running: &Running,
    plan: &Plan,
    mounts: &[(Name, Mount)],
) -> Fallible<()> {
    for (i, (name, mount)) in mounts.iter().enumerate() {
        for (other, earlier) in &mounts[..i] {
            if mount.is_same(earlier).await {
                return Err(MountError::Twice { name: name.clone(), other: other.clone() }.into());
            }
        }
        may_bind(devices, running, name, mount, Some(&plan.app)).await?;
    }
    Ok(())
}

/// Binds all of `mounts`, which were checked, for the application `app`, which is installed now. It has nothing else.
pub(super) async fn give(devices: &WebDevices, app: &Name, mounts: Mounts) -> Fallible<()> {
    devices.take_back(app);
    for (name, mount) in mounts {
        if !devices.is_bound_to(&name, &mount).await {
            // Where this fails nothing is left that it had before: it is not started with another folder.
            devices.unbind(&name);
            devices.put(&name, mount).await?;
        }
        devices.give(&name, app);
    }
    Ok(())
}

/// Refuses to start the application of `plan` with other folders than those that it was given, and holds these for it.
pub(super) fn hold(devices: &WebDevices, plan: &Plan) -> Fallible<()> {
    let app = &plan.app;
    for name in plan.mounts.iter().map(|mount| &mount.name) {
        let Some(given) = devices.given(name) else {
            let message = format!(
                "`{app}` was given a folder as `{name}`, and nothing is mounted there; install it again, or mount its \
                 folder again"
            );
            return Err(Failure::new("not_found", message));
        };
        if let Some(other) = given.first()
            && !given.contains(app)
        {
            let message = format!(
                "what is mounted as `{name}` was given to `{other}` and not to `{app}`; install `{app}` again with its own folder"
            );
            return Err(Failure::new("conflict", message));
        }
    }
    plan.mounts.iter().for_each(|mount| devices.give(&mount.name, app));
    Ok(())
}

/// Refuses to bind `mount` to `name` where that would give it to somebody else than `app`; whether it is bound so already.
async fn may_bind(
    devices: &WebDevices,
    running: &Running,
    name: &Name,
    mount: &Mount,
    app: Option<&Name>,
) -> Fallible<bool> {
    if devices.is_bound_to(name, mount).await {
        return Ok(true);
    }
    devices.fits(name, mount).await?;
    let others: Vec<Name> =
        devices.given(name).unwrap_or_default().into_iter().filter(|one| Some(one) != app).collect();
    if !others.is_empty() {
        // One that was removed a moment ago is in the rows until that is stored.
        running.kernel.0.checkpoint().await?;
    }
    for other in others {
        if running.rows.get(&operator::app_key(other.as_str())).await?.is_some() {
            let message = format!(
                "`{name}` is the mount of another folder, which was given to `{other}`; remove `{other}` first (`remove \
                 /app/{other}`), or give the same folder"
            );
            return Err(Failure::new("conflict", message));
        }
        devices.take_back(&other);
    }
    Ok(false)
}
