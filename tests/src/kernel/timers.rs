//! Timers of processes.

use crate::world::{Host, World, agent, app};
use kernel_core::environment::Environment;
use std::time::Duration;

/// A timer fires once, or again and again until it is stopped, and not before its time.
pub async fn a_timer_fires_when_it_is_due<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let script = "act start /timer/once {\"after_ms\":5000}\nact start /timer/tick {\"every_ms\":5000}";
    world.run(app("clock", [agent("a").does(script)])).await;
    let fired = async |seconds: u64| {
        world.hand.advance(Duration::from_secs(seconds));
        world.pause().await;
        let heard = world.heard("a").await;
        (heard.matches("timer /timer/once").count(), heard.matches("timer /timer/tick").count())
    };
    assert_eq!(fired(4).await, (0, 0));
    assert_eq!(fired(2).await, (1, 1));
    assert_eq!(fired(5).await, (0, 1));
    assert_eq!(world.act("a", "stop /timer/tick").await, "ok {}");
    assert_eq!(fired(20).await, (0, 0));
    world.finish().await;
}
