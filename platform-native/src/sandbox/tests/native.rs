//! Handlers of the host.

use super::*;
use futures::FutureExt;

struct Counter(u64);

impl Handler for Counter {
    fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Result<Bytes, String>> {
        self.0 += 1;
        async move {
            match &message.body[..] {
                b"panic" => panic!("planted"),
                b"never" => std::future::pending().await,
                b"fail" => Err("on purpose".to_owned()),
                _ => Ok(self.0.to_string().into()),
            }
        }
        .boxed()
    }
}

fn programs() -> NativePrograms {
    let name = |text: &str| Name::parse(text).unwrap();
    NativePrograms::new()
        .with(name("counter"), |_| Counter(0))
        .with(name("broken"), |_| -> Counter { panic!("no instance today") })
        .with(name("caller"), |port: Port| {
            move |message: Envelope| -> BoxFuture<'static, Result<Bytes, String>> {
                let port = port.clone();
                async move { port.act("call", "/svc/later", message.body).await.map_err(|r| r.reason) }.boxed()
            }
        })
}

async fn start(name: &str) -> Result<NativeGuest, Fault> {
    let sandbox = NativeSandbox::new(WasmSandbox::new(None, tokio::runtime::Handle::current()), programs());
    let program = Program::Native { name: Name::parse(name).unwrap() };
    let port = Port::new(Arc::new(Scripted::default()), PID);
    sandbox
        .start(request(program, Limits::default()), || Box::pin(async { panic!("a handler has no bytes") }), port)
        .await
}

#[tokio::test]
async fn a_handler_keeps_its_state_and_is_polled_inline() {
    let mut guest = start("counter").await.unwrap();
    assert!(guest.inline());
    assert_eq!(guest.handle(envelope("")).await.result, Ok(Ok(Bytes::from_static(b"1"))));
    assert_eq!(guest.handle(envelope("fail")).await.result, Ok(Err("on purpose".to_owned())));
    assert_eq!(guest.handle(envelope("")).await.result, Ok(Ok(Bytes::from_static(b"3"))));
}

#[tokio::test]
async fn a_handler_reaches_the_kernel_by_its_port() {
    let mut guest = start("caller").await.unwrap();
    assert_eq!(guest.handle(envelope("hello")).await.result, Ok(Ok(Bytes::from_static(b"hello"))));
}

#[tokio::test]
async fn a_panic_ends_the_instance_and_nothing_else() {
    let mut guest = start("counter").await.unwrap();
    let reason = fault(guest.handle(envelope("panic")).await.result, FaultKind::Trap);
    assert_eq!(reason, "the handler panicked: planted");
    fault(guest.handle(envelope("")).await.result, FaultKind::Trap);
    assert!(fault(start("broken").await, FaultKind::Start).contains("no instance today"));
}

#[tokio::test]
async fn a_dropped_activation_ends_the_instance() {
    let mut guest = start("counter").await.unwrap();
    assert!(guest.handle(envelope("never")).now_or_never().is_none());
    fault(guest.handle(envelope("")).await.result, FaultKind::Trap);
}

#[tokio::test]
async fn a_name_that_is_not_registered_is_refused() {
    assert!(fault(start("unheard-of").await, FaultKind::Start).contains("`unheard-of`"));
    assert_eq!(programs().names().map(Name::as_str).collect::<Vec<_>>(), ["broken", "caller", "counter"]);
}
