//! The gateway in a test's own hands: its parts without sockets and loops, over a folder of its own and a clock that stands
//! still. Calls go through the same routers as a socket's; deliveries are carried when the test says so; a kill is a copy of
//! the files as they are at that moment, on which a new gateway starts while nothing of the old one is told to end well.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use icjs::admin::{self, Admin};
use icjs::clock::{Clock, ManualClock, Timestamp, WallClock};
use icjs::config::{Revision, Settings};
use icjs::dispatch::{Post, Reach, dispatch};
use icjs::exchange::{self, Exchange};
use icjs::gateway::{Addresses, Core};
use icjs::journal::sqlite::{Options, SqliteJournal};
use icjs::journal::uploads::Uploads;
use icjs::journal::{ClaimAsk, Journal, NewRevision, RevisionVerb};
use icjs::keys::Keys;
use icjs::live::Live;
use icjs::rerouting::Rerouting;
use icjs::revisions::{self, Revisions};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::harness::{Folder, Party, Receiver, Reply};

pub const STATIONS: [&str; 2] = ["ps:38101004", "ps:38101005"];
pub const COURTS: [&str; 2] = ["court:DLCT01", "court:DLCT02"];
pub const PRISON: &str = "prison:DL01";
const HERE: &str = "127.0.0.1:1";

const ROUTES: &str = r#"
[[route]]
name = "paper-by-link"
kind = "paper"
to = "courts"
office = ["cnr"]
when = "size(to) == 0"
"#;

/// How the prison answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mood {
    Takes,
    Fails,
    HangsUp,
    Rejects,
    /// 429 with `Retry-After: 60`.
    Busy,
}

/// What all seeds of a run share: systems, keys, compiled revisions (odd numbers are as the folder says, in even ones courts
/// do not get `filler`), and the prison's server.
pub struct Ground {
    folder: Folder,
    settings: Arc<Settings>,
    keys: Arc<Keys>,
    revisions: Mutex<BTreeMap<u64, Arc<Revision>>>,
    pub prison: Receiver,
    pub mood: Arc<Mutex<Mood>>,
}

impl Ground {
    pub async fn new() -> Self {
        let mood = Arc::new(Mutex::new(Mood::Takes));
        let now = mood.clone();
        let prison = Receiver::start(move |_| match *now.lock().unwrap() {
            Mood::Takes => Reply::status(200),
            Mood::Fails => Reply::status(500),
            Mood::HangsUp => Reply::hang_up(),
            Mood::Rejects => Reply::status(422),
            Mood::Busy => {
                let headers = vec![("retry-after".to_owned(), "60".to_owned())];
                Reply { headers, ..Reply::status(429) }
            }
        })
        .await;
        let folder = Folder::with(&[
            Party::pulling("police", "police", &STATIONS),
            Party::pulling("court", "courts", &COURTS),
            Party::pushed("prison", "prisons", &[PRISON], &prison.url()),
            Party::pulling("stranger", "prosecution", &["pp:DLCT01"]),
        ]);
        let routes = std::fs::read_to_string(folder.path("config/routes.toml")).unwrap();
        folder.file("config/routes.toml", &format!("{routes}{ROUTES}"));
        let settings = Arc::new(Settings::load(folder.root()).unwrap());
        let keys = Arc::new(Keys::open(folder.root()).unwrap());
        Self { folder, settings, keys, revisions: Mutex::default(), prison, mood }
    }

    /// The revision of a number.
    pub fn revision(&self, number: u64) -> Arc<Revision> {
        let mut known = self.revisions.lock().unwrap();
        let compiled = known.entry(number).or_insert_with(|| {
            let path = "config/sharing.toml";
            let plain = std::fs::read_to_string(self.folder.path(path)).unwrap();
            if number.is_multiple_of(2) {
                let narrow = "to = \"courts\"\ngive = \"whole\"\nwithhold = [\"filler\"]\n";
                self.folder.file(path, &plain.replace("to = \"courts\"\ngive = \"whole\"\n", narrow));
            }
            let files = revisions::read(self.folder.root()).unwrap();
            self.folder.file(path, &plain);
            Arc::new(Revision::compile(number, files).unwrap())
        });
        compiled.clone()
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

/// One gateway on one folder.
pub struct Node<'g> {
    ground: &'g Ground,
    data: TempDir,
    pub clock: Arc<ManualClock>,
    journal: Arc<dyn Journal>,
    live: Arc<Live>,
    exchange: Router,
    admin: Router,
    admin_token: String,
    post: Post,
    rerouting: Arc<Rerouting>,
    reach: BTreeMap<String, Reach>,
    tokens: Mutex<BTreeMap<String, (Timestamp, String)>>,
    _stop: watch::Sender<bool>,
}

impl<'g> Node<'g> {
    /// Starts on a folder's files, which may be none.
    pub async fn open(ground: &'g Ground, data: TempDir, clock: Arc<ManualClock>) -> Self {
        let time: Arc<dyn Clock> = clock.clone();
        let options = Options::new(ground.keys.store.clone(), ground.keys.receipts.id(), time.clone());
        let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(data.path(), options).unwrap());
        let newest = journal.revise(RevisionVerb::History).await.unwrap().first().map_or(0, |row| row.number);
        if newest == 0 {
            journal.revise(RevisionVerb::Add(added(&time), None)).await.unwrap();
        }
        let live = Arc::new(Live::new(ground.revision(newest.max(1))));
        let uploads = Arc::new(Uploads::new(data.path().join("uploads"), ground.keys.clone()));
        let here = HERE.parse().unwrap();
        let (stop, stopping) = watch::channel(false);
        let core = Core {
            settings: ground.settings.clone(),
            clock: time.clone(),
            keys: ground.keys.clone(),
            journal: journal.clone(),
            uploads,
            live: live.clone(),
            revisions: Arc::new(Revisions::new(journal.clone(), time, ground.folder.root(), &ground.keys.store)),
            standings: Arc::default(),
            stopping,
            addresses: Addresses { exchange: here, admin: here, ops: here, tls: false },
        };
        let admin = Admin::new(Arc::new(core.desk()), core.revisions.clone()).unwrap();
        let file = data.path().join("admin.token");
        admin.write_token(&file).unwrap();
        let post = core.post().unwrap();
        let systems = live.newest().systems.keys().map(ToString::to_string).collect::<Vec<_>>();
        let reach = systems.into_iter().map(|system| (system, Reach::new(&post))).collect();
        Self {
            ground,
            clock,
            exchange: exchange::router(Exchange::new(core.exchange())),
            admin: admin::router(Arc::new(admin)),
            admin_token: std::fs::read_to_string(file).unwrap().trim().to_owned(),
            rerouting: Arc::new(core.rerouting()),
            post,
            journal,
            live,
            data,
            reach,
            tokens: Mutex::default(),
            _stop: stop,
        }
    }

    /// Ends it without a word, and starts another on what was on its disk.
    pub async fn killed(self) -> Self {
        let copy = TempDir::with_prefix("icjs-model-").unwrap();
        // The log of writes first: what is taken over from it into the database meanwhile is in both.
        let wal = "journal.db-wal";
        if self.data.path().join(wal).exists() {
            std::fs::copy(self.data.path().join(wal), copy.path().join(wal)).unwrap();
        }
        copied(self.data.path(), copy.path(), wal);
        let (ground, clock) = (self.ground, self.clock.clone());
        drop(self);
        Self::open(ground, copy, clock).await
    }

    /// A request of a system, with a token that is good now.
    pub async fn call(&self, system: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let token = self.token(system).await;
        let mut request = Request::builder().method(method).uri(target).header("authorization", token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(&self.exchange, request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// A call of the admin API.
    pub async fn admin(&self, method: &str, target: &str, body: &Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header("authorization", format!("Bearer {}", self.admin_token))
            .header("content-type", "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        answer(&self.admin, request.body(Body::from(body)).unwrap()).await
    }

    async fn token(&self, system: &str) -> String {
        let now = self.clock.now();
        let known = self.tokens.lock().unwrap().get(system).cloned();
        if let Some((until, token)) = known
            && now < until
            && until.since(now) <= Duration::from_secs(300)
        {
            return token;
        }
        let ahead = now.millis() - WallClock.now().millis();
        let assertion =
            self.ground.folder.key(system).assertion_at(system, &format!("http://{HERE}/oauth2/token"), ahead);
        let form = format!(
            "grant_type=client_credentials&client_id={system}&client_assertion_type=\
             urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={assertion}"
        );
        let request = Request::builder()
            .method("POST")
            .uri("/oauth2/token")
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = answer(&self.exchange, request.body(Body::from(form)).unwrap()).await;
        let token = answer.json()["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer:?}")).to_owned();
        let token = format!("Bearer {token}");
        let until = now.after(Duration::from_secs(300));
        self.tokens.lock().unwrap().insert(system.to_owned(), (until, token.clone()));
        token
    }

    /// Whether courts get everything by the revision that is live.
    pub fn is_wide(&self) -> bool {
        !self.live.newest().number.is_multiple_of(2)
    }

    /// Makes the next revision live.
    pub async fn revise(&self) {
        let time: Arc<dyn Clock> = self.clock.clone();
        self.journal.revise(RevisionVerb::Add(added(&time), None)).await.unwrap();
        self.live.publish(self.ground.revision(self.live.newest().number + 1));
    }

    /// Carries whatever is due now, until nothing is.
    pub async fn work(&self) {
        loop {
            let mut did = false;
            while self.rerouting.step().await.unwrap() {
                did = true;
            }
            for (system, reach) in &self.reach {
                let (system, now) = (system.clone(), self.clock.moment());
                let ask = ClaimAsk { system, limit: 8, lease: Duration::from_secs(60), now, liberty_only: false };
                for lease in self.journal.claim(ask).await.unwrap() {
                    dispatch(&self.post, reach, &lease).await.unwrap();
                    did = true;
                }
            }
            if !did {
                return;
            }
        }
    }
}

async fn answer(router: &Router, request: Request<Body>) -> Answer {
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    Answer { status, text: String::from_utf8(body.to_vec()).unwrap() }
}

fn added(clock: &Arc<dyn Clock>) -> NewRevision {
    NewRevision {
        author: "model".to_owned(),
        reason: "an act".to_owned(),
        difference: String::new(),
        oldest_binary: "0.1.0".to_owned(),
        at: clock.now(),
        files: bytes::Bytes::from(icjs::config::Folder::default().to_bytes()),
    }
}

fn copied(from: &Path, to: &Path, but: &str) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copied(&entry.path(), &target, but);
        } else if entry.file_name() != but && !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
