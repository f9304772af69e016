//! Who may ask what of the admin API, by the folder's socket and by tokens over TCP: roles, names, refusals, and how somebody
//! comes and goes.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use icjs::config::Role;
use icjs::seal;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::harness::http::{Answer, read_answer, request, written};
use crate::harness::{Folder, Gateway, Party};

pub const FILE: &str = "config/administrators.toml";

/// The token of somebody in these tests.
pub fn token(name: &str) -> String {
    format!("icjs-admin-of-{name}-in-a-test")
}

/// Somebody in the file, until then.
pub fn person(name: &str, role: &str, until: &str) -> String {
    let digest = seal::hex(&seal::sha256(token(name).as_bytes()));
    format!(
        "\n[[administrator]]\nname = \"{name}\"\nrole = \"{role}\"\ntoken_sha256 = \"{digest}\"\nuntil = \"{until}\"\n"
    )
}

/// The file: what needs two persons, and who there is, in good time.
pub fn administrators(two: &[&str], people: &[(&str, &str)]) -> String {
    let people: String = people.iter().map(|(name, role)| person(name, role, "2099-12-31")).collect();
    format!("two_persons = {two:?}\n{people}")
}

/// A running gateway with somebody of each role.
pub struct Centre {
    pub folder: Folder,
    pub gateway: Gateway,
}

impl Centre {
    pub async fn with(text: &str) -> Self {
        let folder = Folder::with(&[Party::pulling("police", "police", &["ps:38101004"])]);
        folder.file(FILE, text);
        let gateway = Gateway::start(&folder).await;
        Self { folder, gateway }
    }

    /// With a header of authorization as it is given, or none.
    async fn bare(&self, authorization: Option<&str>, method: &str, target: &str, body: &Value) -> Answer {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(authorization.map(|value| ("authorization", value)));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        request(self.gateway.admin, method, target, &headers, body.as_bytes()).await.unwrap()
    }

    /// As somebody, with his token.
    pub async fn by(&self, name: &str, method: &str, target: &str, body: &Value) -> Answer {
        self.bare(Some(&format!("Bearer {}", token(name))), method, target, body).await
    }

    /// By the socket: the owner's.
    pub async fn owner(&self, method: &str, target: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("connection", "close"), ("content-type", "application/json")];
        let mut socket = UnixStream::connect(self.folder.path("data/admin.sock")).await.unwrap();
        let bytes = written(self.gateway.admin, method, target, &headers, body.as_bytes());
        socket.write_all(&bytes).await.unwrap();
        read_answer(&mut BufReader::new(socket), false).await.unwrap()
    }

    /// The folder's configuration with another file of administrators, as a call carries it.
    pub fn revision(&self, text: &str, reason: &str) -> Value {
        self.folder.file(FILE, text);
        let folder = icjs::config::Folder::read(self.folder.root()).unwrap();
        let files: Value =
            folder.files.iter().map(|(path, bytes)| (path.clone(), json!(STANDARD.encode(bytes)))).collect();
        json!({"author": "somebody else", "reason": reason, "files": files})
    }

    /// The command line, as somebody or as the owner.
    pub fn icjs(&self, name: Option<&str>, arguments: &[&str]) -> Output {
        let mut command = Gateway::command(&self.folder);
        if let Some(name) = name {
            let file = self.folder.path(&format!("{name}.token"));
            std::fs::write(&file, token(name)).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
            command.env("ICJS_ADMIN_TOKEN_FILE", file);
        }
        command.args(arguments).output().unwrap()
    }
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

const ALL: [(&str, &str); 3] = [("asha", "administrator"), ("om", "operator"), ("audit", "auditor")];

/// Every call with the least role that may make it. Written down a second time on purpose: a call that is added, or opened
/// wider, must be added or opened here too.
const MATRIX: &[(&str, &str, Role)] = &[
    ("GET", "/admin/v1/alerts", Role::Auditor),
    ("GET", "/admin/v1/approvals", Role::Auditor),
    ("GET", "/admin/v1/approvals/{number}", Role::Auditor),
    ("GET", "/admin/v1/cases/{scheme}/{identifier}", Role::Operator),
    ("GET", "/admin/v1/counts", Role::Auditor),
    ("GET", "/admin/v1/deliveries", Role::Auditor),
    ("GET", "/admin/v1/links", Role::Operator),
    ("GET", "/admin/v1/me", Role::Auditor),
    ("GET", "/admin/v1/messages/{id}", Role::Operator),
    ("GET", "/admin/v1/quality", Role::Auditor),
    ("GET", "/admin/v1/quality/{rule}", Role::Operator),
    ("GET", "/admin/v1/readings", Role::Auditor),
    ("GET", "/admin/v1/reconciliation/{system}/{day}", Role::Operator),
    ("GET", "/admin/v1/revisions", Role::Auditor),
    ("GET", "/admin/v1/revisions/{number}", Role::Auditor),
    ("GET", "/evidence/checkpoint", Role::Auditor),
    ("GET", "/evidence/tile/{*path}", Role::Auditor),
    ("POST", "/admin/v1/alerts/{number}/ack", Role::Operator),
    ("POST", "/admin/v1/approvals/{number}/approve", Role::Operator),
    ("POST", "/admin/v1/approvals/{number}/reject", Role::Operator),
    ("POST", "/admin/v1/deliveries/{id}/{verb}", Role::Operator),
    ("POST", "/admin/v1/links", Role::Operator),
    ("POST", "/admin/v1/links/end", Role::Operator),
    ("POST", "/admin/v1/recalls", Role::Administrator),
    ("POST", "/admin/v1/revisions", Role::Administrator),
    ("POST", "/admin/v1/rollback", Role::Administrator),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_of_the_admin_api_has_a_row_and_lets_in_the_roles_of_its_row_only() {
    let mut table: Vec<(&str, &str, Role)> =
        icjs::admin::table().iter().map(|call| (call.method, call.path, call.least)).collect();
    table.sort_by_key(|(method, path, _)| (*method, *path));
    assert_eq!(table, MATRIX, "what the gateway serves on the left, the rows of this test on the right");
    let centre = Centre::with(&administrators(&[], &ALL)).await;
    for (method, path, least) in MATRIX {
        let target = path.replace("{scheme}/{identifier}", "fir/38101004-2026-9");
        let target = target.replace("{number}", "77").replace("{id}", "nothing").replace("{verb}", "retry");
        for (name, role) in [("audit", Role::Auditor), ("om", Role::Operator), ("asha", Role::Administrator)] {
            let answer = centre.by(name, method, &target, &Value::Null).await;
            let shut = answer.status == 403;
            assert_eq!(shut, role < *least, "{method} {path} as {name}: {}", answer.text());
            if shut {
                let (code, text) = (answer.code(), answer.text());
                let needed = format!("this needs the role `{}`; {name} is `{}`", least.as_str(), role.as_str());
                assert!(code == "not-allowed" && text.contains(&needed), "{text}");
            }
        }
        let stranger = centre.bare(None, method, &target, &Value::Null).await;
        assert_eq!(stranger.status, 401, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_with_a_token_is_refused_in_the_same_words() {
    let text = administrators(&[], &ALL) + &person("late", "administrator", "2020-01-01");
    let centre = Centre::with(&text).await;
    let good = format!("Bearer {}", token("asha"));
    let digest = seal::hex(&seal::sha256(token("asha").as_bytes()));
    let get = async |value: Option<&str>| centre.bare(value, "GET", "/admin/v1/counts", &Value::Null).await;
    get(Some(&good)).await.expect(200);
    let wrong = [
        String::new(),
        "Bearer ".to_owned(),
        "Bearer x".to_owned(),
        format!("Bearer {}", token("nobody")),
        format!("Bearer {}", token("late")),
        format!("Bearer {digest}"),
        format!("Bearer {}x", token("asha")),
        format!("Basic {}", token("asha")),
        token("asha"),
        good.to_ascii_uppercase(),
    ];
    let first = get(None).await.expect(401).body;
    for value in wrong {
        let answer = get(Some(&value)).await.expect(401);
        assert_eq!(answer.body, first, "{value}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_taken_out_of_the_configuration_is_shut_out_with_his_next_call() {
    let centre = Centre::with(&administrators(&[], &ALL)).await;
    centre.by("om", "GET", "/admin/v1/counts", &Value::Null).await.expect(200);
    let without = administrators(&[], &ALL[..1]);
    let gone = centre.revision(&without, "om has left");
    centre.by("asha", "POST", "/admin/v1/revisions", &gone).await.expect(200);
    centre.by("om", "GET", "/admin/v1/counts", &Value::Null).await.expect(401);
    // What he called himself is nowhere: his name is.
    let history = centre.by("asha", "GET", "/admin/v1/revisions", &Value::Null).await.expect(200).json();
    assert_eq!(history["revisions"][0]["author"], "asha", "{history}");
    assert!(!history.to_string().contains("somebody else"), "{history}");
    let back = centre.revision(&administrators(&[], &ALL), "he is back");
    centre.owner("POST", "/admin/v1/revisions", &back).await.expect(200);
    let history = centre.by("om", "GET", "/admin/v1/revisions", &Value::Null).await.expect(200).json();
    assert_eq!(history["revisions"][0]["author"], "somebody else (owner)", "the owner's word stands as his word");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_calls_by_the_socket_without_a_token_and_a_wrong_one_does_not_become_him() {
    let mut centre = Centre::with(&administrators(&[], &ALL)).await;
    let path = centre.folder.path("data/admin.sock");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let me = centre.owner("GET", "/admin/v1/me", &Value::Null).await.expect(200).json();
    assert_eq!(me, json!({"name": "owner", "role": "owner"}));
    let with = async |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("connection", "close"), ("authorization", bearer.as_str())];
        let mut socket = UnixStream::connect(&path).await.unwrap();
        socket.write_all(&written(centre.gateway.admin, "GET", "/admin/v1/me", &headers, b"")).await.unwrap();
        read_answer(&mut BufReader::new(socket), false).await.unwrap()
    };
    with("wrong").await.expect(401);
    assert_eq!(with(&token("om")).await.expect(200).json(), json!({"name": "om", "role": "operator"}));
    // A socket that a killed gateway left behind is no gateway, and the next start takes its place.
    centre.gateway.kill();
    assert!(path.exists());
    let none = centre.icjs(None, &["administrator", "me"]);
    assert_eq!(none.status.code(), Some(69), "{}", said(&none));
    centre.gateway = Gateway::start(&centre.folder).await;
    let me = centre.icjs(None, &["administrator", "me"]);
    assert!(me.status.success() && said(&me).contains("owner"), "{}", said(&me));
    assert!(centre.gateway.stop().await.success());
    assert!(!path.exists(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_user_of_the_machine_is_not_heard_by_the_socket_even_where_the_folder_is_wide_open() {
    let centre = Centre::with(&administrators(&[], &ALL)).await;
    let open = |path: &str, mode| {
        std::fs::set_permissions(centre.folder.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    std::fs::copy(env!("CARGO_BIN_EXE_icjs"), centre.folder.path("icjs")).unwrap();
    for (path, mode) in
        [("", 0o755), ("data", 0o755), ("data/listen.json", 0o644), ("data/admin.sock", 0o777), ("icjs", 0o755)]
    {
        open(path, mode);
    }
    let mut other = Command::new("setpriv");
    other.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(centre.folder.path("icjs"));
    other.arg("--dir").arg(centre.folder.root()).args(["administrator", "me"]);
    let Ok(output) = other.output() else { return println!("skipped: there is no `setpriv` here") };
    if said(&output).contains("setpriv") {
        return println!("skipped: only root can call as another user: {}", said(&output));
    }
    assert_eq!(output.status.code(), Some(69), "{}", said(&output));
    let log = std::fs::read_to_string(centre.folder.path("gateway.log")).unwrap();
    assert!(log.contains("another user of this machine called"), "{log}");
    centre.owner("GET", "/admin/v1/counts", &Value::Null).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_is_added_with_the_digest_of_a_token_that_he_alone_has() {
    let centre = Centre::with("two_persons = []\n").await;
    let file = centre.folder.path("meera.token");
    let made = centre.icjs(None, &["administrator", "token", "--to", file.to_str().unwrap(), "--json"]);
    assert!(made.status.success(), "{}", said(&made));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = std::fs::read_to_string(&file).unwrap();
    assert!(!said(&made).contains(&secret), "what is printed is no secret");
    let again = centre.icjs(None, &["administrator", "token", "--to", file.to_str().unwrap()]);
    assert!(!again.status.success(), "a token is never written over another");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let digest = made["token_sha256"].as_str().unwrap();
    let add = |name: &str, until: &str| {
        let role = ["--role", "auditor", "--digest", digest, "--until", until];
        centre.icjs(None, &[&["administrator", "add", name], &role[..]].concat())
    };
    let wrong = add("Meera", "soon");
    assert_eq!(wrong.status.code(), Some(78), "{}", said(&wrong));
    assert!(said(&wrong).contains("administrators.toml:4") && said(&wrong).contains("`until`"), "{}", said(&wrong));
    assert!(add("meera", "2099-12-31").status.success());
    let applied = centre.icjs(None, &["apply", "--reason", "Meera audits", "--author", "root"]);
    assert!(applied.status.success(), "{}", said(&applied));
    let as_her = |arguments: &[&str]| {
        let mut command = Gateway::command(&centre.folder);
        command.args(["--token-file", file.to_str().unwrap()]).args(arguments).output().unwrap()
    };
    assert!(said(&as_her(&["administrator", "me"])).contains("meera (auditor)"));
    assert!(said(&as_her(&["history"])).contains("root (owner)"), "{}", said(&as_her(&["history"])));
    let refused = as_her(&["rollback", "1"]);
    assert_eq!(refused.status.code(), Some(77), "{}", said(&refused));
    assert!(said(&refused).contains("this needs the role `administrator`; meera is `auditor`"), "{}", said(&refused));
    let url = format!("http://{}", centre.gateway.admin);
    let elsewhere = Gateway::command(&Folder::with(&[]))
        .env("ICJS_ADMIN_TOKEN_FILE", &file)
        .args(["--admin", &url, "administrator", "me"])
        .output()
        .unwrap();
    assert!(said(&elsewhere).contains("meera (auditor)"), "{}", said(&elsewhere));
    let far = as_her(&["--admin", "http://gateway.example:8081", "administrator", "me"]);
    assert!(far.status.code() == Some(64) && said(&far).contains("this machine only"), "{}", said(&far));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let read_by_all = as_her(&["administrator", "me"]);
    assert!(
        read_by_all.status.code() == Some(77) && said(&read_by_all).contains("chmod 600"),
        "{}",
        said(&read_by_all)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_of_an_administrator_at_a_message_or_case_is_a_reading_under_his_own_name() {
    let court = crate::harness::Receiver::friendly().await;
    let scene =
        crate::harness::scene::Scene::with(&court, |folder| folder.file(FILE, &administrators(&[], &ALL))).await;
    let id = scene.paper("court:DLCT01", 1, "one").await;
    scene.until(&id, "delivered").await;
    let centre = Centre { folder: scene.folder, gateway: scene.gateway };
    centre.by("om", "GET", &format!("/admin/v1/messages/{id}"), &Value::Null).await.expect(200);
    centre.by("asha", "GET", "/admin/v1/cases/fir/38101004-2026-1", &Value::Null).await.expect(200);
    let list = centre.by("audit", "GET", "/admin/v1/deliveries?state=delivered", &Value::Null).await.expect(200).json();
    assert!(list["deliveries"][0].get("outcomes").is_none(), "a list says nothing that receivers wrote: {list}");
    let found = centre.by("audit", "GET", "/admin/v1/readings?limit=2", &Value::Null).await.expect(200).json();
    let told: Vec<[&Value; 3]> = found["readings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| [&one["officer"], &one["call"], &one["messages"][0]])
        .collect();
    let message = list["deliveries"][0]["message"].clone();
    assert_eq!(told, [[&json!("asha"), &json!("case"), &message], [&json!("om"), &json!("message"), &message]]);
    let mine = centre.icjs(Some("audit"), &["reads", "--officer", "om"]);
    assert!(said(&mine).contains("message") && !said(&mine).contains("asha"), "{}", said(&mine));
}
