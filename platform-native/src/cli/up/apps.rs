//! The applications of a configuration: put in place before what should run is started again, and started if they do not
//! run then. What is in place already, given the same, is left alone.

use super::config::Wanted;
use crate::cli::api::{AgreedApp, Api, InPlace, begin, in_place, put};
use kernel_core::kernel::{Revived, Tombstones, Until};
use kernel_core::path::Name;
use kernel_core::platform::{Storage, StorageError};
use serde_json::{Value, json};
use std::sync::Arc;

/// What was done with one application.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) app: Name,
    pub(super) version: String,
    /// What was there before: nothing, another one of this version, or the same; `None` where it was not put in place.
    pub(super) before: Option<InPlace>,
    /// Those of it that were killed and are left out, where it runs.
    pub(super) without: Vec<Name>,
    /// Its process, or why it does not run.
    pub(super) result: Result<u64, String>,
}

impl Applied {
    /// One word for programs; none where nothing was done.
    fn word(&self) -> Option<&'static str> {
        self.before.as_ref().map(|before| match before {
            InPlace::Nothing => "installed",
            InPlace::Other(_) => "replaced",
            InPlace::Same => "kept",
        })
    }

    /// For a program.
    pub(super) fn document(&self) -> Value {
        let from = match &self.before {
            Some(InPlace::Other(version)) => Some(version),
            _ => None,
        };
        json!({
            "app": self.app, "version": self.version, "did": self.word(), "from": from, "pid": self.result.as_ref().ok(),
            "reason": self.result.as_ref().err(), "without": self.without,
        })
    }
}

/// An application that is in place, or why it is not.
pub(super) struct Put<'w> {
    wanted: &'w Wanted,
    /// What was there before.
    result: Result<InPlace, String>,
}

/// Puts all of them in place. To be done before anything runs: what is replaced must not run. Whoever no longer waits
/// for it leaves no application half in place: what has begun goes on to its end.
pub(super) async fn put_all<'w>(api: &Arc<Api>, wanted: &'w [Wanted]) -> Vec<Put<'w>> {
    let mut before = Vec::new();
    for Wanted { plan, mounts, .. } in wanted {
        before.push(in_place(api, plan, mounts).await.map_err(|refusal| refusal.reason));
    }
    let changes = |before: &Result<InPlace, String>| matches!(before, Ok(InPlace::Nothing | InPlace::Other(_)));
    let changed = wanted.iter().zip(&before).filter(|(_, before)| changes(before));
    let apps: Vec<AgreedApp> = changed.map(|(wanted, _)| wanted.agreed()).collect();
    let mut put = put(api, apps).await.map(Vec::into_iter);
    let mut of_next = || match &mut put {
        Ok(results) => match results.next() {
            Some(result) => result.map_err(|refused| refused.reason().to_owned()),
            None => Err("nothing is known of it".to_owned()),
        },
        Err(refused) => Err(refused.reason().to_owned()),
    };
    let results = before.into_iter().map(|before| if changes(&before) { of_next().and(before) } else { before });
    wanted.iter().zip(results).map(|(wanted, result)| Put { wanted, result }).collect()
}

/// Starts those that do not run, but for what was killed: only an operator starts that again. Nor is one started anew that
/// should have been `revived` and was not: it would have a new budget, and what was taken from it or suspended in it would
/// be again as if it had not been.
pub(super) async fn start_all(api: &Arc<Api>, put: Vec<Put<'_>>, revived: &[Revived]) -> Vec<Applied> {
    let mut all = Vec::new();
    for Put { wanted, result } in put {
        let app = wanted.plan.app.clone();
        let running = api.kernel.apps().into_iter().find(|row| row.name == app).map(|row| row.pid.0);
        let (before, started) = match result {
            Err(reason) => (None, Err(reason)),
            Ok(before) => {
                let tried = revived.iter().find(|revived| revived.app == app.as_str());
                let started = match tried.and_then(|revived| revived.result.as_ref().err()) {
                    Some(refusal) => Err(refusal.reason.clone()),
                    None => start(api, wanted, running).await,
                };
                (Some(before), started)
            }
        };
        let (result, without) = match started {
            Ok((pid, without)) => (Ok(pid), without),
            Err(reason) => (Err(reason), Vec::new()),
        };
        all.push(Applied { app, version: wanted.plan.version.to_string(), before, without, result });
    }
    all
}

/// Starts one, where it is not `running`; its process, and who of it is left out.
async fn start(api: &Arc<Api>, wanted: &Wanted, running: Option<u64>) -> Result<(u64, Vec<Name>), String> {
    let app = &wanted.plan.app;
    // Somebody may be killed while this starts.
    api.kernel.flushed().await.map_err(|refusal| refusal.reason)?;
    let Tombstones { whole, agents } = tombstones(&api.rows, wanted).await.map_err(|e| e.to_string())?;
    match running {
        Some(pid) => Ok((pid, agents)),
        None if whole => Err(format!("it was killed; weft app start {app} starts it again")),
        None => {
            let begun = begin(api, app, Until::Stopped, &agents).await;
            begun.map(|pid| (pid, agents)).map_err(|e| e.reason().to_owned())
        }
    }
}

/// Who was killed of an application, as far as it has them still.
pub(super) async fn tombstones<S: Storage>(rows: &S, wanted: &Wanted) -> Result<Tombstones, StorageError> {
    let mut tombstones = Tombstones::of(rows, &wanted.plan.app).await?;
    let names = wanted.plan.names();
    tombstones.agents.retain(|name| names.contains(name));
    Ok(tombstones)
}

#[cfg(test)]
mod tests {
    use super::super::boot::{Booted, boot};
    use super::super::config::Settings;
    use super::super::prepare;
    use super::*;
    use crate::cli::api::{Ring, Room, Stop};
    use crate::cli::space::Space;
    use kernel_core::environment::Environment;
    use std::future::poll_fn;
    use std::path::Path;
    use std::pin::pin;
    use std::task::Poll;
    use std::time::Duration;

    /// An application that reads a mount, which is given the folder `repo`.
    fn wanted(place: &Path) -> Vec<Wanted> {
        let guest = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/guests/echo.wasm");
        for folder in ["app", "repo", "other"] {
            std::fs::create_dir(place.join(folder)).unwrap();
        }
        std::fs::copy(guest, place.join("app/echo.wasm")).unwrap();
        let text = "[app]\nname = \"one\"\nversion = \"0.1.0\"\n[[mount]]\nname = \"repo\"\n[[agent]]\nname = \"x\"\n\
                    program = { wasm = \"echo.wasm\" }\nuse = [\"read /fs/repo/**\"]\n";
        std::fs::write(place.join("app/weft.toml"), text).unwrap();
        std::fs::write(place.join("up.toml"), "[[app]]\npath = \"app\"\nmounts.repo = \"repo\"\n").unwrap();
        Settings::load(&place.join("up.toml")).unwrap().apps
    }

    async fn api(place: &Path, wanted: &[Wanted]) -> Arc<Api> {
        let Booted { kernel, rows, data_dir, devices, profile, .. } =
            boot(Environment::dev(), &place.join("data")).await.unwrap();
        let (mounts, agreed, _) = prepare(&[], &data_dir, devices, &rows, wanted).await.unwrap();
        Arc::new(Api {
            kernel,
            rows,
            profile,
            mounts,
            agreed,
            events: Arc::new(Ring::new(0)),
            stop: Stop::new(),
            space: Space::new(&data_dir, 0),
            data_dir,
            output_commit: false,
            room: Room::default(),
        })
    }

    /// Whoever gives up waiting, wherever that is, leaves nothing half in place.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_being_put_in_place_when_the_end_comes_is_there_or_is_not() {
        let mut whole = 0;
        for polls in 1..12 {
            let tmp = tempfile::tempdir().unwrap();
            let wanted = wanted(tmp.path());
            let api = api(tmp.path(), &wanted).await;
            {
                let mut putting = pin!(put_all(&api, &wanted));
                let mut left = polls;
                poll_fn(|context| match putting.as_mut().poll(context) {
                    Poll::Pending if left > 1 => {
                        left -= 1;
                        Poll::Pending
                    }
                    _ => Poll::Ready(()),
                })
                .await;
            }
            api.settled(Duration::from_secs(30)).await;
            let there = in_place(&api, &wanted[0].plan, &wanted[0].mounts).await.unwrap();
            let is_given = api.mounts.has(&wanted[0].plan.app, &Name::parse("repo").unwrap());
            assert_eq!(there, if is_given { InPlace::Same } else { InPlace::Nothing }, "after {polls}");
            whole += usize::from(is_given);
        }
        assert!(whole > 0, "nothing was ever put in place");
    }

    /// What the kernel does not install has neither the folders that it was to have nor anybody's consent.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_there_keeps_its_folders_where_nothing_is_put_in_its_place() {
        let tmp = tempfile::tempdir().unwrap();
        let mut wanted = wanted(tmp.path());
        let api = api(tmp.path(), &wanted).await;
        let (plan, mounts) = (wanted[0].plan.clone(), wanted[0].mounts.clone());
        assert_eq!(put_all(&api, &wanted).await[0].result, Ok(InPlace::Nothing));
        // Nobody can follow that.
        wanted[0].plan.ends_with = Some(Name::parse("nobody").unwrap());
        wanted[0].mounts.insert(Name::parse("repo").unwrap(), tmp.path().join("other"));
        let result = &put_all(&api, &wanted).await[0].result;
        assert!(result.as_ref().is_err_and(|reason| reason.contains("cannot be followed")), "{result:?}");
        assert_eq!(in_place(&api, &plan, &mounts).await, Ok(InPlace::Same));
    }
}
