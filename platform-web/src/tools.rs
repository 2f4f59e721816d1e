//! JavaScript functions of the embedding page as tools.
//!
//! Each is a process of its own: a session of the page's user spawns the handler in this file, which registers
//! `/tool/NAME` and answers the calls that the kernel hands it by calling the function. The page is part of the trusted
//! base, as every handler that is compiled into a host; what it says of its tool is held against each call by the
//! kernel. A fresh instance handles each call, so that no label of one reaches the next.
//!
//! A call is over when the function has answered, when its deadline has passed, or when whoever called has ended. In
//! the last two cases, and when the tool's own process ends, the function's signal is aborted; what it answers then
//! reaches nobody.

use crate::clock::WebClock;
use crate::js::wait;
use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{Either, select};
use js_sys::{Function, Object, Promise, Reflect, Uint8Array};
use kernel_core::id::Pid;
use kernel_core::ipc::{Envelope, EnvelopeKind};
use kernel_core::kernel::Session;
use kernel_core::path::{Name, Resource};
use kernel_core::platform::{BoxFuture, Clock, Port};
use kernel_core::refusal::Refusal;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::AbortController;

/// What the handler is spawned as: `/agent/page-tool`.
pub(crate) const PROGRAM: &str = "page-tool";

/// How long after its deadline a call is given up here: the kernel is to tell its caller first.
const GRACE: Duration = Duration::from_millis(100);

/// The longest text of an error that is passed on, in characters.
const ERROR: usize = 1_000;

/// All functions that are offered. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tools(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    last: u64,
    offered: BTreeMap<u64, Offered>,
    /// Callers whose calls are under way, each with what ends its call here.
    calling: BTreeMap<u64, (Resource, oneshot::Sender<()>)>,
}

/// One function that is a tool, or is about to be.
#[derive(Debug)]
struct Offered {
    name: Name,
    run: Function,
    /// The body of its `register`, and who waits for what the kernel says to that.
    to_register: Option<(Bytes, oneshot::Sender<Result<Pid, Refusal>>)>,
    /// Its process, once that has begun.
    pid: Option<Pid>,
    /// What spawned it: with this session it ends.
    session: Option<Session>,
}

impl Tools {
    /// Offers `run` as the tool `name`: the number by which its process finds it, and what the kernel says when that
    /// registers with `body`. `run` is called with `{tool, arguments, caller}` and an `AbortSignal`, and answers a promise
    /// of bytes.
    pub(crate) fn offer(
        &self,
        name: Name,
        body: Bytes,
        run: Function,
    ) -> (u64, oneshot::Receiver<Result<Pid, Refusal>>) {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.0.borrow_mut();
        state.last += 1;
        let number = state.last;
        let offered = Offered { name, run, to_register: Some((body, sender)), pid: None, session: None };
        state.offered.insert(number, offered);
        (number, receiver)
    }

    /// The tool `number` is there as long as `session`.
    pub(crate) fn keep(&self, number: u64, session: Session) {
        if let Some(offered) = self.0.borrow_mut().offered.get_mut(&number) {
            offered.session = Some(session);
        }
    }

    /// Takes an offer back; the session that its process ends with.
    pub(crate) fn withdraw(&self, number: u64) -> Option<Session> {
        self.0.borrow_mut().offered.remove(&number).and_then(|offered| offered.session)
    }

    /// A process has ended: calls of it are given up, and so is an offer that was its own, with its session.
    pub(crate) fn exited(&self, pid: Pid) -> Option<Session> {
        let gone = Resource::Proc(pid);
        let mut state = self.0.borrow_mut();
        // Whoever waits at the other end sees that this one is dropped.
        state.calling.retain(|_, (caller, _)| *caller != gone);
        let number = state.offered.iter().find(|(_, offered)| offered.pid == Some(pid)).map(|(number, _)| *number)?;
        state.offered.remove(&number)?.session
    }

    /// The handler of one instance.
    pub(crate) fn handler(
        &self,
        port: Port,
    ) -> impl FnMut(Envelope) -> BoxFuture<'static, Result<Bytes, String>> + use<> {
        let tools = self.clone();
        move |message| Box::pin(tools.clone().handle(port.clone(), message))
    }

    async fn handle(self, port: Port, message: Envelope) -> Result<Bytes, String> {
        match message.kind {
            EnvelopeKind::Start => self.register(&port, &message.body).await.map(|()| Bytes::new()),
            EnvelopeKind::Request => self.call(port.pid(), message).await,
            _ => Ok(Bytes::new()),
        }
    }

    async fn register(&self, port: &Port, args: &[u8]) -> Result<(), String> {
        let (body, name, told) = {
            let mut state = self.0.borrow_mut();
            let number: Option<u64> = serde_json::from_slice(args).ok();
            let offered = number.and_then(|number| state.offered.get_mut(&number));
            let Some((offered, (body, told))) = offered.and_then(|it| it.to_register.take().map(|told| (it, told)))
            else {
                return Err("no function of a page waits to become a tool".to_owned());
            };
            offered.pid = Some(port.pid());
            (body, offered.name.clone(), told)
        };
        let registered = port.act("register", &format!("/tool/{name}"), body).await;
        let reason = registered.as_ref().err().map(|refusal| refusal.reason.clone());
        // Whoever offered it may have gone.
        let _ = told.send(registered.map(|_| port.pid()));
        reason.map_or(Ok(()), Err)
    }

    async fn call(&self, pid: Pid, message: Envelope) -> Result<Bytes, String> {
        let Resource::Tool(name) = &message.target else {
            return Err("this process answers for a tool, and only as that: call /tool/NAME".to_owned());
        };
        let run = {
            let state = self.0.borrow();
            let of_it = |offered: &&Offered| offered.pid == Some(pid) && offered.name == *name;
            state.offered.values().find(of_it).map(|offered| offered.run.clone())
        };
        let run = run.ok_or("the page has taken the tool away")?;
        let controller = AbortController::new().map_err(|_| "the browser gives no signal to abort a call by")?;
        let mut unanswered = Unanswered(Some(controller.clone()));
        let given = |key: &str, value: &JsValue, to: &Object| Reflect::set(to, &key.into(), value).is_ok();
        let call = Object::new();
        given("tool", &name.as_str().into(), &call);
        given("arguments", &Uint8Array::from(&message.body[..]).into(), &call);
        given("caller", &message.sender.to_string().into(), &call);
        let promise = run.call2(&JsValue::NULL, &call, &controller.signal()).map_err(|e| sentence(&e))?;
        let answer = pin!(wait::<JsValue>(Promise::resolve(&promise)));
        let given_up = pin!(self.given_up(&message));
        match select(answer, given_up).await {
            Either::Left((answer, _)) => {
                unanswered.0 = None;
                let bytes = answer.map_err(|e| sentence(&e))?.dyn_into::<Uint8Array>();
                bytes.map(|bytes| Bytes::from(bytes.to_vec())).map_err(|_| "the page answered no bytes".to_owned())
            }
            Either::Right(_) => Err(format!("{} waits for it no longer", message.sender)),
        }
    }

    /// Waits until nobody waits for the answer to `message`: its deadline has passed, or its sender has ended.
    async fn given_up(&self, message: &Envelope) {
        let (sender, ended) = oneshot::channel::<()>();
        self.0.borrow_mut().calling.insert(message.id.0, (message.sender.clone(), sender));
        let _calling = Calling(self, message.id.0);
        match message.deadline {
            Some(at) => drop(select(pin!(WebClock::new().sleep_until(at.after(GRACE))), ended).await),
            None => drop(ended.await),
        }
    }
}

/// A call under way, until this is dropped.
struct Calling<'a>(&'a Tools, u64);

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.0.0.borrow_mut().calling.remove(&self.1);
    }
}

/// Aborts a call that is dropped before it was answered.
struct Unanswered(Option<AbortController>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(controller) = self.0.take() {
            controller.abort();
        }
    }
}

/// What a function threw, in one text.
fn sentence(error: &JsValue) -> String {
    let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    let text = message.or_else(|| error.as_string()).filter(|text| !text.is_empty());
    let text = text.unwrap_or_else(|| "the page's function failed without a message".to_owned());
    text.chars().take(ERROR).collect()
}
