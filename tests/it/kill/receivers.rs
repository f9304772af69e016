//! The push receivers on a bad day: late, failing, taking without answering, refusing; and later words about what they
//! took, said twice.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;

use super::world::World;
use crate::harness::Reply;
use crate::harness::receiver::Push;

/// Deliveries about which a receiver will say more: (system, delivery).
pub type Inbox = mpsc::UnboundedReceiver<(&'static str, String)>;

/// How a receiver is for a while: one of `SKIES`.
pub type Weather = Arc<AtomicUsize>;

/// As ever; hanging until the gateway gives up; hanging up at once; asking for half an hour, in seconds or as a date; failing.
pub const SKIES: usize = 5;

/// How one receiver answers.
pub fn script(
    seed: u64,
    system: &'static str,
    calm: Arc<AtomicBool>,
    weather: Weather,
    later: mpsc::UnboundedSender<(&'static str, String)>,
) -> impl Fn(&Push) -> Reply + Send + Sync + 'static {
    let rng = Mutex::new(fastrand::Rng::with_seed(seed));
    move |push| {
        let draw = rng.lock().unwrap().u64(0..1000);
        if calm.load(Ordering::SeqCst) {
            return Reply::status(200);
        }
        match weather.load(Ordering::SeqCst) {
            1 => return Reply::status(200).after(Duration::from_millis(2_500)),
            2 => return Reply::hang_up(),
            3 => return busy(draw),
            4 => return Reply::status(500),
            _ => {}
        }
        match draw {
            0..40 => Reply::status(500),
            40..60 => Reply::status(503),
            60..100 => Reply::hang_up().after(Duration::from_millis(draw % 50)),
            100..110 => Reply::status(422),
            110..180 => Reply::status(200).after(Duration::from_millis(draw)),
            180..260 => {
                // The receiver's clerk answers by the API what its machine has taken already.
                let _ = later.send((system, push.id()));
                Reply::status(200)
            }
            _ => Reply::status(200),
        }
    }
}

fn busy(draw: u64) -> Reply {
    let mut reply = Reply::status(429);
    let when = if draw.is_multiple_of(2) { "1800" } else { "Sun, 06 Nov 2044 08:49:37 GMT" };
    reply.headers.push(("retry-after".to_owned(), when.to_owned()));
    reply
}

/// Says `accepted` about what was taken, and then again.
pub async fn speak(world: Arc<World>, mut inbox: Inbox) {
    loop {
        let next = tokio::time::timeout(Duration::from_millis(300), inbox.recv()).await;
        let Ok(Some((system, delivery))) = next else {
            if world.over() {
                return;
            }
            continue;
        };
        let body = json!({"outcome": "accepted", "reference": {"scheme": "sr", "value": format!("SR-{delivery}")}});
        let headers = [("content-type", "application/json")];
        for _ in 0..2 {
            let target = format!("/v1/messages/{delivery}/outcomes");
            let answer = world.call(system, "POST", &target, &headers, body.to_string().as_bytes()).await;
            if answer.status != 200 {
                world.surprise(format!("`accepted` about {delivery}: {} {}", answer.status, answer.text()));
            }
        }
        world.books.lock().unwrap().said.insert((delivery, "accepted".to_owned()));
    }
}
