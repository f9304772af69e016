//! The kill test: the gateway dies at random moments (SIGKILL) and at named places (`icjs::faults`) while clients submit (with
//! retries, twins, corrections and withdrawals), push receivers answer (also late, with 500, or not at all after taking it) and
//! pullers acknowledge (or crash before, or come back with an old cursor). Then the independent checker reads everybody's
//! books. `ICJS_KILL_ROUNDS` makes it longer, `ICJS_SEED` repeats the choices of a run.

mod world;
mod senders;
mod receivers;
mod pullers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::checker::check;
use crate::faults::report;
use crate::harness::gateway::tail;
use crate::harness::{Gateway, tick};
use world::World;

/// Rounds of the short form: deaths at any moment and at named places (fifty in all), steps of the clock, thirds of a day,
/// restarts.
const ROUNDS: [u64; 5] = [20, 30, 12, 16, 6];
/// `ICJS_KILL_SENDERS` makes them more, where the machine can serve them.
const SENDERS: u64 = 8;
/// After the last kill everything must come to rest, with never so long a time without any progress.
const REST: Duration = Duration::from_secs(60);
/// Seconds after which the world is at its end, or is never so: a gateway that has lost something may show it for ever. In a
/// short run and in a long one.
const LONGEST_END: [u64; 2] = [150, 1_500];
/// A place that is not passed within this time is not waited for: the gateway is killed as it stands.
const UNVISITED: Duration = Duration::from_secs(4);
/// Pass line of the promise: no restart takes longer.
const LONGEST_START: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_when_nothing_is_lost_doubled_or_out_of_order() {
    kill_again_and_again(Trouble::AnyMoment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_at_a_named_place_nothing_is_lost_doubled_or_out_of_order() {
    kill_again_and_again(Trouble::NamedPlace).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_clock_does_nothing_is_lost_doubled_or_out_of_order() {
    kill_again_and_again(Trouble::Clock).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receivers_that_hang_reset_and_refuse_for_days_lose_nothing_double_nothing_and_keep_the_order() {
    kill_again_and_again(Trouble::Days).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_one_after_another_under_load_leave_nothing_open() {
    kill_again_and_again(Trouble::Restarts).await;
}

/// What befalls the gateway.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    /// It is killed at any moment.
    AnyMoment,
    /// It dies at a named place.
    NamedPlace,
    /// Its clock is set forward and back, sometimes while it is killed.
    Clock,
    /// Its receivers are away, hang or refuse, for days by its clock.
    Days,
    /// It is asked to stop, again and again.
    Restarts,
}

impl Trouble {
    /// Its name, and what its rounds are.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::AnyMoment => ("killed at any moment", "kills"),
            Self::NamedPlace => ("killed at named places", "kills"),
            Self::Clock => ("the clock is set under load", "steps"),
            Self::Days => ("receivers that misbehave", "thirds of a simulated day"),
            Self::Restarts => ("restarts under load", "restarts"),
        }
    }
}

/// What came of the rounds.
#[derive(Default)]
struct Toll {
    slowest: Duration,
    /// Deaths at each place, and of gateways that were killed from outside.
    places: BTreeMap<String, u32>,
}

async fn kill_again_and_again(trouble: Trouble) {
    let rounds = report::number("ICJS_KILL_ROUNDS").unwrap_or(ROUNDS[trouble as usize]);
    let seed = report::seed();
    let (world, inbox) = World::new(seed).await;
    let gateway = start(&world, None).await;
    pullers::begin(&world).await;
    let parties = parties(&world, inbox);
    let (toll, gateway) = match trouble {
        Trouble::Clock => steps(&world, gateway, rounds).await,
        Trouble::Days => days(&world, gateway, rounds).await,
        Trouble::Restarts => restarts(&world, gateway, rounds).await,
        _ => deaths(&world, gateway, trouble, rounds).await,
    };
    world.stopping.store(true, Ordering::SeqCst);
    let end = async {
        for party in parties {
            party.await.expect("a party of the test has failed");
        }
        rest(&world).await;
        pullers::finish(&world).await;
    };
    let longest = Duration::from_secs(report::either(LONGEST_END[0], LONGEST_END[1]));
    if tokio::time::timeout(longest, end).await.is_err() {
        world.surprise(format!("the world has not come to its end within {longest:?}"));
    }
    drop(gateway);
    judge(world, trouble, rounds, &toll);
}

/// A gateway on the world's folder, by the world's clock, perhaps with points at which it fails.
async fn start(world: &World, points: Option<&str>) -> Gateway {
    let clock = world.clock_file();
    let mut variables = vec![("ICJS_TEST_CLOCK", clock.as_str())];
    variables.extend(points.map(|points| ("FAILPOINTS", points)));
    let gateway = Gateway::start_with(&world.folder, &variables).await;
    world.address.send_replace(gateway.exchange);
    gateway
}

async fn deaths(world: &World, mut gateway: Gateway, trouble: Trouble, rounds: u64) -> (Toll, Gateway) {
    let mut rng = fastrand::Rng::with_seed(world.seed);
    let mut toll = Toll::default();
    let mut armed: Option<String> = None;
    for round in 0..=rounds {
        if let Some(place) = armed.take() {
            let died = gateway.dies_within(UNVISITED).await;
            let place = if died { place } else { format!("{place} (not passed)") };
            *toll.places.entry(place).or_default() += 1;
        } else if round > 0 {
            tokio::time::sleep(Duration::from_millis(rng.u64(5..900))).await;
            *toll.places.entry("any moment".to_owned()).or_default() += 1;
        }
        gateway.kill();
        let mut points = None;
        if trouble == Trouble::NamedPlace && round < rounds {
            let place = place(&mut rng);
            points = Some(format!("{place}={}*off->return(abort)", passes(&mut rng, &place)));
            armed = Some(place);
        }
        gateway = start(world, points.as_deref()).await;
        toll.slowest = toll.slowest.max(gateway.started_in);
    }
    (toll, gateway)
}

const HOUR: i64 = 3_600_000;
/// Where the clock is set, from the true time. Header keys are kept for 30 days, so that no two of these are further apart.
const STEPS: [i64; 7] = [0, HOUR, -HOUR, 24 * HOUR, -24 * HOUR, 14 * 24 * HOUR, -14 * 24 * HOUR];

/// The clock ends where it was at first: most of its steps were back from where it stood.
async fn steps(world: &World, mut gateway: Gateway, rounds: u64) -> (Toll, Gateway) {
    let mut rng = fastrand::Rng::with_seed(world.seed);
    let mut toll = Toll::default();
    for round in 1..=rounds {
        tokio::time::sleep(Duration::from_millis(rng.u64(100..900))).await;
        let ahead = if round == rounds { 0 } else { STEPS[rng.usize(0..STEPS.len())] };
        let killed = rng.u32(0..4) == 0;
        if killed {
            gateway.kill();
        }
        let way = if ahead < world.ahead() { "back" } else { "forward" };
        let how = if killed { "while no gateway ran" } else { "under way" };
        *toll.places.entry(format!("{way} {how}")).or_default() += 1;
        world.set_clocks(ahead);
        if killed {
            gateway = start(world, None).await;
            toll.slowest = toll.slowest.max(gateway.started_in);
        }
    }
    (toll, gateway)
}

/// Hours pass in a moment, and each receiver has its weather.
async fn days(world: &World, gateway: Gateway, rounds: u64) -> (Toll, Gateway) {
    let mut rng = fastrand::Rng::with_seed(world.seed);
    let mut toll = Toll::default();
    for _ in 0..rounds {
        for (receiver, weather) in ["court", "prison"].into_iter().zip(&world.weather) {
            let sky = rng.usize(0..receivers::SKIES);
            weather.store(sky, Ordering::SeqCst);
            *toll.places.entry(format!("{receiver} {sky}")).or_default() += 1;
        }
        world.set_clocks(world.ahead() + 8 * HOUR);
        tokio::time::sleep(Duration::from_millis(rng.u64(300..1_000))).await;
    }
    // Fair weather, and time for the longest pause that the last sky has asked for: what it was told is honoured, by a clock
    // that nobody would set any more. First what is under way is answered (2.5 s at most).
    world.weather.iter().for_each(|weather| weather.store(0, Ordering::SeqCst));
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.set_clocks(world.ahead() + 8 * HOUR);
    (toll, gateway)
}

async fn restarts(world: &World, mut gateway: Gateway, rounds: u64) -> (Toll, Gateway) {
    let mut rng = fastrand::Rng::with_seed(world.seed);
    let mut toll = Toll::default();
    for _ in 0..rounds {
        tokio::time::sleep(Duration::from_millis(rng.u64(100..1_500))).await;
        let began = tick();
        let ended = gateway.stop().await;
        assert!(ended.success(), "{ended}: {}", tail(&world.folder));
        let took = (tick() - began) / 1_000_000;
        *toll.places.entry(format!("ended within {} s", took + 1)).or_default() += 1;
        gateway = start(world, None).await;
        toll.slowest = toll.slowest.max(gateway.started_in);
    }
    (toll, gateway)
}

/// A place that this world passes.
fn place(rng: &mut fastrand::Rng) -> String {
    let here: Vec<&str> = icjs::faults::PLACES.iter().copied().filter(|place| !ELSEWHERE.contains(place)).collect();
    format!("{}::{}", here[rng.usize(0..here.len())], ["before", "after"][rng.usize(0..2)])
}

/// Places that nothing here passes: no attachment is sent, nothing waits for its case or its person (`faults::places`), and
/// nobody approves what another one asked for (`faults::approving`).
const ELSEWHERE: [&str; 3] = ["upload", "reroute", "approve"];

/// How often a place is passed before the gateway dies there: now and then at once, which is while it starts up.
fn passes(rng: &mut fastrand::Rng, place: &str) -> u32 {
    match place.split_once("::").map_or("", |(place, _)| place) {
        "checkpoint" => rng.u32(0..12),
        "rename" => rng.u32(0..2),
        _ => rng.u32(0..60),
    }
}

fn judge(world: Arc<World>, trouble: Trouble, rounds: u64, toll: &Toll) {
    let (seed, (test, unit)) = (world.seed, trouble.words());
    let books = world.close();
    let mut found = world.surprises.lock().unwrap().clone();
    found.extend(check(&books));
    let (acts, pushes) = (books.sent.len(), books.pushes.len());
    let slowest = toll.slowest.as_millis();
    println!("{rounds} {unit}, {acts} acts, {pushes} pushes, slowest start {slowest} ms, {} s", tick() / 1_000_000);
    println!("{trouble:?}: {:?}", toll.places);
    if !found.is_empty() {
        let shown = found.iter().take(40).cloned().collect::<Vec<_>>().join("\n  ");
        let words = tail(&world.folder);
        let kept = world.folder.root().display().to_string();
        // Leaked on purpose: the folder stays for whoever looks into the failure.
        std::mem::forget(world);
        panic!("ICJS_SEED={seed}, {} findings:\n  {shown}\nfolder kept at {kept}\n{words}", found.len());
    }
    assert!(acts > 100 && pushes > 100, "too little happened to prove anything: {acts} acts, {pushes} pushes");
    assert!(toll.slowest < LONGEST_START, "a restart took {slowest} ms");
    let said =
        format!("0 lost, 0 doubled, 0 out of order of {acts} accepted; {pushes} pushes; slowest restart {slowest} ms");
    report::done(test, rounds, unit, seed, &said);
}
fn parties(world: &Arc<World>, inbox: receivers::Inbox) -> Vec<tokio::task::JoinHandle<()>> {
    let mut parties = Vec::new();
    for number in 0..report::number("ICJS_KILL_SENDERS").unwrap_or(SENDERS) {
        parties.push(tokio::spawn(senders::live(Arc::clone(world), number)));
    }
    parties.push(tokio::spawn(pullers::follow(Arc::clone(world), pullers::COURT)));
    parties.push(tokio::spawn(pullers::follow(Arc::clone(world), pullers::SENDER)));
    for number in 0..2 {
        parties.push(tokio::spawn(pullers::settle(Arc::clone(world), number)));
    }
    parties.push(tokio::spawn(receivers::speak(Arc::clone(world), inbox)));
    parties
}

/// Everyone behaves now: waits until every delivery has come to its end (pullers go on acknowledging), or until nothing
/// has come to its end for `REST`.
async fn rest(world: &Arc<World>) {
    world.calm.store(true, Ordering::SeqCst);
    let rest = u64::try_from(REST.as_micros()).unwrap();
    let (mut least, mut end) = (usize::MAX, tick() + rest);
    loop {
        pullers::drain(world).await;
        let open = world.read_states().await;
        if open < least {
            (least, end) = (open, tick() + rest);
        }
        if open == 0 || tick() > end {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
