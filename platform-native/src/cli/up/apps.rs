//! The applications of a configuration: put in place before what should run is started again, and started if they do not
//! run then. What is in place already, given the same, is left alone.

use super::config::Wanted;
use crate::cli::api::{Api, InPlace, begin, hand_over, in_place, put};
use kernel_core::path::Name;
use serde_json::{Value, json};
use std::sync::Arc;

/// What was done with one application.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) app: Name,
    pub(super) version: String,
    /// What was there before: nothing, another one of this version, or the same; `None` where it was not put in place.
    pub(super) before: Option<InPlace>,
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
            "reason": self.result.as_ref().err(),
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
    // Together, so that what one had can become another's.
    let changed = wanted.iter().zip(&before).filter(|(_, before)| matches!(before, Ok(InPlace::Other(_))));
    hand_over(api, changed.map(|(wanted, _)| (wanted.plan.app.clone(), wanted.mounts.clone())).collect()).await;
    let mut done = Vec::new();
    for (wanted, before) in wanted.iter().zip(before) {
        let result = match before {
            Ok(InPlace::Same) | Err(_) => before,
            Ok(before) => {
                let put = put(api, wanted.checked.clone(), wanted.plan.clone(), wanted.mounts.clone()).await;
                put.map(|()| before).map_err(|e| e.reason().to_owned())
            }
        };
        done.push(Put { wanted, result });
    }
    done
}

/// Starts those that do not run.
pub(super) async fn start_all(api: &Arc<Api>, put: Vec<Put<'_>>) -> Vec<Applied> {
    let mut all = Vec::new();
    for Put { wanted, result } in put {
        let app = wanted.plan.app.clone();
        let running = api.kernel.apps().into_iter().find(|row| row.name == app).map(|row| row.pid.0);
        let (before, result) = match (result, running) {
            (Err(reason), _) => (None, Err(reason)),
            (Ok(before), Some(pid)) => (Some(before), Ok(pid)),
            (Ok(before), None) => {
                let begun = begin(api, &app, Default::default()).await.map_err(|e| e.reason().to_owned());
                (Some(before), begun)
            }
        };
        all.push(Applied { app, version: wanted.plan.version.to_string(), before, result });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::boot::{Booted, boot};
    use super::super::config::Settings;
    use super::super::prepare;
    use super::*;
    use crate::cli::api::{Ring, Room, Stop};
    use kernel_core::environment::Environment;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;
    use std::time::Duration;

    /// Whoever gives up waiting, wherever that is, leaves nothing half in place.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_being_put_in_place_when_the_end_comes_is_there_or_is_not() {
        let guest = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/guests/echo.wasm");
        let mut whole = 0;
        for polls in 1..12 {
            let tmp = tempfile::tempdir().unwrap();
            let place = |name: &str| tmp.path().join(name);
            for folder in ["app", "repo"] {
                std::fs::create_dir(place(folder)).unwrap();
            }
            std::fs::copy(guest, place("app/echo.wasm")).unwrap();
            let text = "[app]\nname = \"one\"\nversion = \"0.1.0\"\n[[mount]]\nname = \"repo\"\n[[agent]]\nname = \"x\"\n\
                        program = { wasm = \"echo.wasm\" }\nuse = [\"read /fs/repo/**\"]\n";
            std::fs::write(place("app/weft.toml"), text).unwrap();
            std::fs::write(place("up.toml"), "[[app]]\npath = \"app\"\nmounts.repo = \"repo\"\n").unwrap();
            let wanted = Settings::load(&place("up.toml")).unwrap().apps;
            let Booted { kernel, rows, data_dir, devices, profile, .. } =
                boot(Environment::dev(), &place("data")).await.unwrap();
            let (mounts, agreed, _) = prepare(&[], &data_dir, devices).await.unwrap();
            let api = Arc::new(Api {
                kernel,
                rows,
                profile,
                mounts,
                agreed,
                events: Arc::new(Ring::new(0)),
                stop: Stop::new(),
                data_dir,
                output_commit: false,
                room: Room::default(),
            });
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
            let is_given = api.mounts.is_bound(&kernel_core::path::Name::parse("repo").unwrap());
            assert_eq!(there, if is_given { InPlace::Same } else { InPlace::Nothing }, "after {polls}");
            whole += usize::from(is_given);
        }
        assert!(whole > 0, "nothing was ever put in place");
    }
}
