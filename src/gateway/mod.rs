//! The gateway as a process: everything built once, in order, and taken down again in order. One `Gateway` value holds it;
//! nothing here is global. What any part does is that part's business; what is here is who knows whom, and how it ends.
//! Exit codes are those of `sysexits`: 69 an address in use, 70 a bug, 74 storage, 78 configuration.

mod guard;
mod alarms;
mod certificates;
mod chores;
mod ended;
mod issuers;
mod newest;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use ended::Ended;
use guard::Guarded;

use crate::accept::Desk;
use crate::admin::{self, Admin};
use crate::clock::{Clock, WallClock};
use crate::config::Settings;
use crate::dispatch::Post;
use crate::dispatch::breaker::Patience;
use crate::dispatch::files::Files;
use crate::dispatch::push::{Door, DoorError};
use crate::dispatch::retry::Pauses;
use crate::dispatch::standing::Standings;
use crate::dispatch::worker::{self, Pace};
use crate::exchange::ops::Ops;
use crate::exchange::{self, Exchange};
use crate::faults;
use crate::http_edge::{self, EdgeLimits, Local};
use crate::journal::Journal;
use crate::journal::sqlite::{Options, SqliteJournal};
use crate::journal::uploads::Uploads;
use crate::keys::{Keys, write_secret};
use crate::live::Live;
use crate::readers::Readers;
use crate::rerouting::Rerouting;
use crate::revisions::Revisions;
use crate::telemetry::{self, Telemetry};
use crate::tls::Tls;

/// Connections to the listeners of this centre: people and machines that have places of their own, whatever the exchange's do.
const FEW: usize = 256;
/// Longer than this no drain takes, whatever the settings say: a supervisor's patience ends at 30 s.
const DRAIN_CAP: Duration = Duration::from_secs(25);

/// Where the running gateway listens; the content of `data/listen.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Addresses {
    /// For other systems.
    pub exchange: SocketAddr,
    /// For people of this centre.
    pub admin: SocketAddr,
    /// For machines of this centre.
    pub ops: SocketAddr,
    /// Whether the exchange speaks TLS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls: bool,
}

/// A running gateway.
pub struct Gateway {
    addresses: Addresses,
    listen_file: PathBuf,
    journal: Arc<dyn Journal>,
    stop: watch::Sender<bool>,
    parts: JoinSet<&'static str>,
    doom: watch::Receiver<Option<String>>,
    drain: Duration,
}

/// Runs the gateway of the folder `dir` until SIGTERM or SIGINT has drained it. `apply`: first make the folder's
/// configuration the newest revision. Called by `icjs serve`; builds its own runtime.
pub fn serve(dir: &Path, apply: bool) -> Result<(), Ended> {
    let settings = Settings::load(dir).map_err(|errors| Ended::configuration(&errors))?;
    telemetry::log::start(&settings.log.level, settings.log.json);
    faults::begin();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| Ended::bug(&error))?;
    runtime.block_on(async {
        let mut signals = Signals::listen();
        let mut gateway = Gateway::start(dir, settings, apply).await?;
        crate::memory::give_back();
        for (name, address) in gateway.addresses.named() {
            // Nobody has to read it: `println!` would end the gateway where standard output is closed or full.
            let _ = writeln!(std::io::stdout(), "{name} listens on {address}");
        }
        let ended = tokio::select! {
            signal = signals.next() => { tracing::info!(signal, "draining"); None }
            ended = gateway.broke() => Some(ended),
        };
        match ended {
            Some(ended) => {
                // Nobody listens any more; everything else is left as it is, to be found so at the next start.
                let _ = remove(&gateway.listen_file);
                Err(ended)
            }
            None => gateway.shutdown().await,
        }
    })
}

impl Gateway {
    /// Starts everything. When it returns, the listeners answer and `data/listen.json` says where.
    pub async fn start(dir: &Path, settings: Settings, apply: bool) -> Result<Self, Ended> {
        let settings = Arc::new(settings);
        let clock: Arc<dyn Clock> = faults::clock(Arc::new(WallClock));
        let data = dir.join("data");
        let listen_file = data.join("listen.json");
        crate::journal::durable::make_folder(&data).map_err(|error| Ended::storage(&data, &error))?;
        // Addresses first: a port in use is the usual mistake, and nothing has been touched yet.
        let listeners = Listeners::bind(dir, &settings, &clock).await?;
        let keys = Arc::new(Keys::open(dir).map_err(|error| Ended::keys(&error))?);
        let store = open_store(dir, &settings, &keys, &clock).await?;
        // Only now is it certain that no other gateway runs on this folder, and that the file is a dead one's.
        remove(&listen_file).map_err(|error| Ended::storage(&listen_file, &error))?;
        let (guarded, doom) = Guarded::new(store);
        let journal: Arc<dyn Journal> = Arc::new(guarded);
        let revisions = Arc::new(Revisions::new(Arc::clone(&journal), Arc::clone(&clock), dir, &keys.store));
        let live = Arc::new(Live::new(newest::newest(&revisions, dir, apply).await?));
        let telemetry = Telemetry::start();
        let (stop, stopping) = watch::channel(false);
        let addresses = listeners.addresses;
        let files = dir.join(&settings.store.attachments).join("uploads");
        let uploads = Arc::new(Uploads::new(files, Arc::clone(&keys)));
        let standings = Arc::default();
        let core = Core { settings, clock, keys, journal, uploads, live, revisions, standings, stopping, addresses };
        let mut gateway = Self {
            addresses,
            listen_file,
            journal: Arc::clone(&core.journal),
            stop,
            parts: JoinSet::new(),
            doom,
            drain: core.settings.drain.min(DRAIN_CAP),
        };
        let readers = gateway.listen(&core, listeners, &data, telemetry)?;
        gateway.work(&core)?;
        gateway.watch(&core, readers, dir)?;
        let text = serde_json::to_string(&addresses).map_err(|error| Ended::bug(&error))?;
        write_secret(&gateway.listen_file, &text).map_err(|error| Ended::storage(&gateway.listen_file, &error))?;
        Ok(gateway)
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Waits until it cannot go on: the store's fate is unknown, or a part of it has ended by itself.
    pub async fn broke(&mut self) -> Ended {
        tokio::select! {
            Some(ended) = self.parts.join_next() => match ended {
                Ok(part) => Ended::bug(&format!("`{part}` ended by itself")),
                Err(error) => Ended::bug(&error),
            },
            Ok(doom) = self.doom.wait_for(Option::is_some) => Ended::doomed(doom.as_deref().unwrap_or_default()),
        }
    }

    /// Takes no more work, lets what is under way end, and gives up the store. Bounded by `[shutdown] drain`.
    pub async fn shutdown(mut self) -> Result<(), Ended> {
        self.stop.send_replace(true);
        let drained = tokio::time::timeout(self.drain, async {
            while let Some(part) = self.parts.join_next().await {
                part.map_err(|error| Ended::bug(&error))?;
            }
            Ok(())
        });
        let result = drained.await;
        if result.is_err() {
            // Not lost: leases end by themselves, and clients that got no answer ask again with the same key.
            tracing::warn!("some work was still under way when the time to drain was over");
            self.parts.shutdown().await;
        }
        // The file says where a gateway listens: none does any more. Failing to remove it misleads nobody for long.
        let _ = remove(&self.listen_file);
        drop(self.journal);
        result.unwrap_or(Ok(()))
    }

    fn listen(&mut self, core: &Core, on: Listeners, data: &Path, telemetry: Telemetry) -> Result<Arc<Readers>, Ended> {
        let desk = Arc::new(core.desk());
        let admin = Admin::new(desk, Arc::clone(&core.revisions));
        let admin = Arc::new(admin.map_err(|error| Ended::bug(&error))?);
        let token = data.join("admin.token");
        admin.write_token(&token).map_err(|error| Ended::storage(&token, &error))?;
        let (limits, few) = (core.edge_limits(core.places()), core.edge_limits(FEW));
        let stop = |mut stopping: watch::Receiver<bool>| async move { _ = stopping.wait_for(|stop| *stop).await };
        let stopping = || stop(core.stopping.clone());
        let exchange = Exchange::new(core.exchange());
        let pages = admin::router(admin).merge(exchange::published(Arc::clone(&exchange)));
        // The owner's own way in. Where the folder's name is too long for one, `data/admin.token` is left to him.
        match Local::bind(&data.join("admin.sock")) {
            Ok(local) => self.part("admin socket", local.serve(admin::at_socket(pages.clone()), few, stopping())),
            Err(error) => tracing::warn!(%error, "there is no socket for the owner, data/admin.sock"),
        }
        let (journal, clock) = (Arc::clone(&core.journal), Arc::clone(&core.clock));
        let ring = self.look_at_keys(core, exchange.tokens.ring(), data)?;
        let ops = Ops { journal, telemetry: telemetry.clone(), stopping: core.stopping.clone(), ring, clock };
        let root = data.parent().unwrap_or(data).to_owned();
        self.part("folders", exchange::folder::run(Arc::clone(&exchange), root, core.stopping.clone()));
        if let Some(tls) = on.tls.clone() {
            self.part("certificates", certificates::run(tls, core.terms_of_tls(), core.stopping.clone()));
        }
        let readers = Arc::clone(&exchange.readers);
        let router = exchange::router(exchange);
        self.part("exchange listener", http_edge::serve(on.exchange, router, on.tls, limits, stopping()));
        self.part("admin listener", http_edge::serve(on.admin, pages, None, few, stopping()));
        self.part("ops listener", http_edge::serve(on.ops, exchange::ops::router(ops), None, few, stopping()));
        let chores = chores::run(Arc::clone(&core.journal), core.chores(data), telemetry, core.stopping.clone());
        self.part("chores", chores);
        Ok(readers)
    }

    fn work(&mut self, core: &Core) -> Result<(), Ended> {
        let settings = core.settings.dispatch;
        let post = core.post().map_err(|error| Ended::bug(&error))?;
        let pace = Pace { poll: settings.poll, lease: settings.lease };
        let again = Arc::new(core.rerouting());
        self.part("rerouting", crate::rerouting::work::run(again, core.stopping.clone()));
        self.part("dispatch", worker::run(Arc::new(post), pace, core.stopping.clone()));
        Ok(())
    }

    fn part(&mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.parts.spawn(async move {
            work.await;
            name
        });
    }
}

/// What several parts are built from. Lives only while they are being built. Public for tests that hold the parts in their own
/// hands, without sockets and loops: every step is theirs, and time too.
pub struct Core {
    /// This node's options.
    pub settings: Arc<Settings>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The gateway's keys.
    pub keys: Arc<Keys>,
    /// The store.
    pub journal: Arc<dyn Journal>,
    /// The files of attachments.
    pub uploads: Arc<Uploads>,
    /// The live revision.
    pub live: Arc<Live>,
    /// The store's revisions.
    pub revisions: Arc<Revisions>,
    /// Which systems answer.
    pub standings: Arc<Standings>,
    /// Turns true when the gateway stops.
    pub stopping: watch::Receiver<bool>,
    /// Where it listens.
    pub addresses: Addresses,
}

impl Core {
    /// Where records are accepted.
    pub fn desk(&self) -> Desk {
        Desk::new(
            Arc::clone(&self.journal),
            Arc::clone(&self.live),
            Arc::clone(&self.clock),
            Arc::clone(&self.keys),
            Arc::clone(&self.settings),
            Arc::clone(&self.uploads),
        )
    }

    /// Who carries deliveries.
    pub fn post(&self) -> Result<Post, DoorError> {
        let settings = self.settings.dispatch;
        Ok(Post {
            journal: Arc::clone(&self.journal),
            live: Arc::clone(&self.live),
            clock: Arc::clone(&self.clock),
            door: self.door()?,
            files: Files::new(Arc::clone(&self.uploads), &self.keys),
            rerouting: self.rerouting(),
            pauses: self.pauses(),
            patience: Patience { failures: settings.breaker_failures, pause: settings.breaker_pause },
            standings: Arc::clone(&self.standings),
        })
    }

    /// Where a record goes when more is known.
    pub fn rerouting(&self) -> Rerouting {
        let (journal, live, clock) = (Arc::clone(&self.journal), Arc::clone(&self.live), Arc::clone(&self.clock));
        Rerouting::new(journal, live, clock, &self.keys)
    }

    /// What the exchange is built from.
    pub fn exchange(&self) -> exchange::Parts {
        let here = self.addresses.exchange_url();
        exchange::Parts {
            journal: Arc::clone(&self.journal),
            live: Arc::clone(&self.live),
            clock: Arc::clone(&self.clock),
            keys: Arc::clone(&self.keys),
            settings: Arc::clone(&self.settings),
            uploads: Arc::clone(&self.uploads),
            urls: self.settings.exchange.url.iter().cloned().chain([here]).collect(),
            stopping: self.stopping.clone(),
        }
    }

    fn pauses(&self) -> Pauses {
        let settings = self.settings.dispatch;
        Pauses {
            first: settings.retry_base,
            cap: settings.retry_cap,
            asked_cap: settings.retry_after_cap,
            liberty_cap: settings.liberty_retry_cap,
        }
    }

    /// What a listener with so many places allows.
    fn edge_limits(&self, places: usize) -> EdgeLimits {
        let connections = self.settings.connections;
        EdgeLimits {
            connections: places,
            per_address: connections.per_address,
            header_timeout: self.settings.exchange.header_timeout,
            idle: connections.idle,
            answer_idle: connections.answer_idle,
            slowest: connections.slowest,
            headers: connections.headers,
            header_bytes: u32::try_from(connections.head).unwrap_or(u32::MAX),
            streams: connections.streams,
            drain: self.settings.drain.min(DRAIN_CAP),
        }
    }

    /// Places of the exchange: as many as are wanted and there are descriptors for.
    fn places(&self) -> usize {
        let wanted = self.settings.exchange.max_connections;
        let places = http_edge::room(wanted);
        if places < wanted {
            tracing::warn!(
                places,
                wanted,
                "there are descriptors for fewer connections than `max_connections`: raise the limit of open files"
            );
        }
        places
    }

    /// The way to other systems' servers.
    fn door(&self) -> Result<Door, DoorError> {
        Door::open(Arc::clone(&self.keys), self.settings.dispatch.answer, self.settings.outbound.clone())
    }

    fn terms_of_tls(&self) -> certificates::Terms {
        certificates::Terms { clock: Arc::clone(&self.clock), reload: self.settings.tls.reload }
    }

    fn chores(&self, data: &Path) -> chores::Terms {
        chores::Terms {
            clock: Arc::clone(&self.clock),
            unbound_uploads: self.settings.store.unbound_uploads,
            uploads: Arc::clone(&self.uploads),
            retention: self.settings.retention,
            data: data.to_owned(),
        }
    }
}

struct Listeners {
    exchange: TcpListener,
    admin: TcpListener,
    ops: TcpListener,
    tls: Option<Arc<Tls>>,
    addresses: Addresses,
}

impl Listeners {
    async fn bind(dir: &Path, settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Self, Ended> {
        let tls = if settings.tls.is_on() {
            let tls = Tls::open(settings.tls.files(dir), Arc::clone(clock)).map_err(|error| Ended::tls(&error))?;
            Some(Arc::new(tls))
        } else {
            None
        };
        let (exchange, exchange_at) = bind("exchange", settings.exchange.listen).await?;
        let (admin, admin_at) = bind("admin", settings.admin_listen).await?;
        let (ops, ops_at) = bind("ops", settings.ops_listen).await?;
        let addresses = Addresses { exchange: exchange_at, admin: admin_at, ops: ops_at, tls: settings.tls.is_on() };
        Ok(Self { exchange, admin, ops, tls, addresses })
    }
}

impl Addresses {
    /// The URL of the exchange.
    pub fn exchange_url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.exchange)
    }

    fn named(&self) -> [(&'static str, String); 3] {
        let plain = |address: SocketAddr| format!("http://{address}");
        [("exchange", self.exchange_url()), ("admin", plain(self.admin)), ("ops", plain(self.ops))]
    }
}

async fn bind(table: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Ended> {
    http_edge::bind(address).await.map_err(|error| Ended::address(table, address, &error))
}

/// How long the first attempt at an earlier liberty delivery may hold a later one up: the usual `timeout` of `[push]`.
const FIRST_ATTEMPT: Duration = Duration::from_secs(10);

/// Opens the folder's store; only one process may have it open. Reading what is open takes a while after a long outage, so
/// it is not done on a thread that serves.
pub async fn open_store(
    dir: &Path,
    settings: &Settings,
    keys: &Arc<Keys>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Journal>, Ended> {
    let pauses = settings.dispatch;
    let options = Options {
        store_key: keys.store.clone(),
        receipt_key_id: keys.receipts.id(),
        clock: Arc::clone(clock),
        max_open_deliveries: settings.store.max_open_deliveries,
        push_timeout: FIRST_ATTEMPT,
        longest_pauses: [pauses.liberty_retry_cap, pauses.retry_cap.max(pauses.retry_after_cap)],
    };
    let data = dir.join("data");
    let opened = tokio::task::spawn_blocking(move || SqliteJournal::open(&data, options)).await;
    match opened {
        Ok(Ok(store)) => Ok(Arc::new(store)),
        Ok(Err(error)) => Err(Ended::store(&error)),
        Err(error) => Err(Ended::bug(&error)),
    }
}

/// Removes a file that may not be there.
fn remove(file: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The signals that ask the gateway to stop. Listened for before anything starts: one that comes while it starts is kept,
/// and must not end a gateway that others see listening already.
struct Signals(Option<(Signal, Signal)>);

impl Signals {
    fn listen() -> Self {
        let both = signal(SignalKind::terminate()).and_then(|term| Ok((term, signal(SignalKind::interrupt())?)));
        if let Err(error) = &both {
            // Without signals only SIGKILL ends it, which the journal survives.
            tracing::error!(%error, "signals cannot be listened for");
        }
        Self(both.ok())
    }

    /// The name of the next one.
    async fn next(&mut self) -> &'static str {
        let Some((term, interrupt)) = &mut self.0 else { return std::future::pending().await };
        tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    }
}
