//! Who may do what: no right, no act; and no road on which a right grows.

use crate::world::{Host, World, agent, app};
use kernel_core::environment::Environment;
use kernel_core::kernel::event::Content;

/// Without a right an act is refused in every environment, nothing is asked of the host, and the refusal says
/// which right is missing and is recorded.
pub async fn what_lacks_a_grant_is_denied_and_not_performed<H: Host>(host: H) {
    host.put("in", "secret.txt", b"the secret");
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("theft", [agent("thief").uses(&["read /fs/in/public/**"])])).await;
    for act in [
        "read /fs/in/secret.txt",
        "list /fs/in",
        "write /fs/out/x {\"replace\":true} mine",
        "remove /fs/in/secret.txt",
        "connect /net/example.com:443",
        "publish /topic/any",
        "register /svc/any",
        "spawn /agent/thief",
        "read /tree/x",
    ] {
        let told = world.act("thief", act).await;
        assert!(told.starts_with("denied: ") && told.contains("holds no right"), "{act}: {told}");
    }
    assert!(world.hand.asked().is_empty(), "{:?}", world.hand.asked());
    assert_eq!(world.host.get("in", "secret.txt").as_deref(), Some(&b"the secret"[..]));
    let log = world.log().await;
    let refused = log.iter().filter(|e| matches!(&e.content, Content::Refused(r) if r.code == "denied")).count();
    assert_eq!(refused, 9);
    world.finish().await;
}
