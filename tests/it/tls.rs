//! TLS on the exchange: who is let in, whose token is worth something, and what becomes of open connections when a
//! certificate ends or is revoked. The certificates are made by the `openssl` program, as a centre's own would be.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::folder::{Party, paper};
use crate::harness::http::{Answer, read_answer, written};
use crate::harness::{Folder, Gateway, keys};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLND01";
/// Files are looked at as often as this.
const RELOAD: &str = "200ms";
/// What a change of files may take to be seen, wide for a busy machine.
const SEEN_WITHIN: Duration = Duration::from_secs(30);

/// A centre's own certificates, in a folder of the gateway's.
struct Centre {
    folder: Folder,
}

impl Centre {
    /// A root, a certificate for the gateway and one for each of two systems.
    fn new() -> Self {
        let parties = [Party::pulling("police-a", "police", &[POLICE]), Party::pulling("court-a", "courts", &[COURT])];
        let centre = Self { folder: Folder::with(&parties) };
        std::fs::create_dir_all(centre.at("")).unwrap();
        centre.folder.file("keys/tls/authority.cnf", AUTHORITY);
        centre.folder.file("keys/tls/index.txt", "");
        centre.folder.file("keys/tls/crlnumber", "01\n");
        centre.root("ca");
        centre.leaf("gateway", "ca", "serverAuth", 3650);
        centre.leaf("police-a", "ca", "clientAuth", 3650);
        centre.leaf("court-a", "ca", "clientAuth", 1);
        centre.list();
        let settings = std::fs::read_to_string(centre.folder.path("config/gateway.toml")).unwrap();
        let tls = format!(
            "{settings}\n[tls]\ncertificate = \"keys/tls/gateway.pem\"\nkey = \"keys/tls/gateway.key\"\n\
             clients = \"keys/tls/ca.pem\"\nrevoked = [\"keys/tls/ca.crl\"]\nreload = \"{RELOAD}\"\n"
        );
        centre.folder.file("config/gateway.toml", &tls);
        centre
    }

    fn at(&self, file: &str) -> PathBuf {
        self.folder.path("keys/tls").join(file)
    }

    fn openssl(&self, words: &[&str]) {
        let done = Command::new("openssl").args(words).current_dir(self.at("")).output().unwrap();
        assert!(done.status.success(), "openssl {words:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn root(&self, name: &str) {
        let (key, pem, subject) = (format!("{name}.key"), format!("{name}.pem"), format!("/CN={name}"));
        let make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"];
        let about = ["-keyout", &key, "-out", &pem, "-subj", &subject];
        let uses = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"];
        self.openssl(&[&make[..], &about[..], &uses[..]].concat());
    }

    fn leaf(&self, name: &str, root: &str, usage: &str, days: u32) {
        let (key, request, pem) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
        let make = ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        self.openssl(&[&make[..], &["-keyout", &key, "-out", &request, "-subj", &format!("/CN={name}")]].concat());
        let uses = format!("subjectAltName=IP:127.0.0.1,DNS:{name}\nextendedKeyUsage={usage}\n");
        std::fs::write(self.at("uses.cnf"), uses).unwrap();
        let (by, with, days) = (format!("{root}.pem"), format!("{root}.key"), days.to_string());
        let sign = ["x509", "-req", "-in", &request, "-CA", &by, "-CAkey", &with, "-CAcreateserial"];
        self.openssl(&[&sign[..], &["-days", &days, "-extfile", "uses.cnf", "-out", &pem]].concat());
    }

    /// The revocation list as it is now.
    fn list(&self) {
        let by = ["-config", "authority.cnf", "-keyfile", "ca.key", "-cert", "ca.pem"];
        self.openssl(&[&["ca", "-gencrl"][..], &by[..], &["-out", "next.crl"]].concat());
        std::fs::rename(self.at("next.crl"), self.at("ca.crl")).unwrap();
    }

    fn revoke(&self, name: &str) {
        let pem = format!("{name}.pem");
        let by = ["-config", "authority.cnf", "-keyfile", "ca.key", "-cert", "ca.pem"];
        self.openssl(&[&["ca", "-revoke", &pem][..], &by[..]].concat());
        self.list();
    }

    /// Other people's client, with whatever certificate; what it says.
    fn curl(&self, url: &str, certificate: Option<&str>, more: &[&str]) -> Output {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "20", "--cacert", "ca.pem"]).current_dir(self.at(""));
        if let Some(name) = certificate {
            curl.args(["--cert", &format!("{name}.pem"), "--key", &format!("{name}.key")]);
        }
        curl.args(more).arg(url).output().unwrap()
    }
}

const AUTHORITY: &str = "\
[ca]
default_ca = here
[here]
database = index.txt
crlnumber = crlnumber
default_md = sha256
default_crl_days = 3650
crl_extensions = list
[list]
authorityKeyIdentifier = keyid
";

/// A connection of a system, kept open over several requests.
struct Line {
    stream: BufReader<TlsStream<TcpStream>>,
    to: std::net::SocketAddr,
}

impl Line {
    async fn open(centre: &Centre, gateway: &Gateway, name: &str) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(centre.at("ca.pem")).unwrap()).unwrap();
        let own = CertificateDer::from_pem_file(centre.at(&format!("{name}.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(centre.at(&format!("{name}.key"))).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_client_auth_cert(vec![own], key).unwrap();
        let socket = TcpStream::connect(gateway.exchange).await?;
        let host = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(host, socket).await?;
        Ok(Self { stream: BufReader::new(stream), to: gateway.exchange })
    }

    async fn call(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let bytes = written(self.to, method, target, headers, body);
        self.stream.get_mut().write_all(&bytes).await?;
        read_answer(&mut self.stream, false).await
    }

    /// A token for `system`, asked for on this connection.
    async fn token(&mut self, centre: &Centre, system: &str) -> String {
        self.ask(centre, system).await.expect(200).json()["access_token"].as_str().unwrap().to_owned()
    }

    /// What is answered to one who asks for a token for `system` on this connection.
    async fn ask(&mut self, centre: &Centre, system: &str) -> Answer {
        let assertion = centre.folder.key(system).assertion(system, &format!("https://{}/oauth2/token", self.to));
        let form = format!(
            "grant_type=client_credentials&client_assertion_type=\
             urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={assertion}"
        );
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.call("POST", "/oauth2/token", &headers, form.as_bytes()).await.unwrap()
    }

    async fn me(&mut self, token: &str) -> std::io::Result<Answer> {
        self.call("GET", "/v1/me", &[("authorization", &format!("Bearer {token}"))], b"").await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_client_with_a_good_certificate_is_spoken_with() {
    let centre = Centre::new();
    centre.root("other");
    centre.leaf("stranger", "other", "clientAuth", 3650);
    centre.leaf("server-only", "ca", "serverAuth", 3650);
    centre.leaf("gone", "ca", "clientAuth", 3650);
    centre.revoke("gone");
    let gateway = Gateway::start(&centre.folder).await;
    let url = format!("https://{}/openapi.json", gateway.exchange);
    let good = centre.curl(&url, Some("police-a"), &[]);
    assert!(good.status.success() && good.stdout.starts_with(b"{"), "{}", String::from_utf8_lossy(&good.stderr));
    let old = ["--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0"];
    let wrong: [(&str, Option<&str>, &[&str]); 6] = [
        ("no certificate", None, &[]),
        ("of another root", Some("stranger"), &[]),
        ("its own root", Some("other"), &[]),
        ("for servers only", Some("server-only"), &[]),
        ("revoked", Some("gone"), &[]),
        ("TLS 1.1", Some("police-a"), &old),
    ];
    for (what, certificate, more) in wrong {
        let refused = centre.curl(&url, certificate, more);
        assert!(
            !refused.status.success() && refused.stdout.is_empty(),
            "{what}: {}",
            String::from_utf8_lossy(&refused.stdout)
        );
    }
    let plain = centre.curl(&format!("http://{}/openapi.json", gateway.exchange), None, &["--http0.9"]);
    assert!(!plain.stdout.windows(7).any(|word| word == b"openapi"), "{}", String::from_utf8_lossy(&plain.stdout));
    for version in ["1.2", "1.3"] {
        let good = centre.curl(&url, Some("police-a"), &["--tls-max", version, "--http2"]);
        assert!(good.status.success(), "{version}: {}", String::from_utf8_lossy(&good.stderr));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_worth_nothing_with_another_certificate() {
    let centre = Centre::new();
    let gateway = Gateway::start(&centre.folder).await;
    let mut police = Line::open(&centre, &gateway, "police-a").await.unwrap();
    let mut court = Line::open(&centre, &gateway, "court-a").await.unwrap();
    let token = police.token(&centre, "police-a").await;
    assert!(keys::claims(&token)["cnf"]["x5t#S256"].as_str().is_some_and(|thumbprint| thumbprint.len() == 43));
    police.me(&token).await.unwrap().expect(200);
    let body = paper(POLICE, &[COURT], 1, "over TLS").to_string();
    let bearer = format!("Bearer {token}");
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/json"), ("idempotency-key", "one")];
    police.call("POST", "/v1/records/paper", &headers, body.as_bytes()).await.unwrap().expect(202);

    let stolen = court.me(&token).await.unwrap().expect(401);
    let forged = court.me("e30.e30.e30").await.unwrap().expect(401);
    assert_eq!(stolen.json()["detail"], forged.json()["detail"], "all wrong tokens are answered alike");
    // A header of a proxy that is none here changes nothing.
    let thumbprint = keys::claims(&token)["cnf"]["x5t#S256"].as_str().unwrap().to_owned();
    let spoofed = [("authorization", bearer.as_str()), ("x-client-cert", thumbprint.as_str())];
    court.call("GET", "/v1/me", &spoofed, b"").await.unwrap().expect(401);
    let own = court.token(&centre, "court-a").await;
    court.me(&own).await.unwrap().expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_whose_certificates_are_named_is_nobody_with_another() {
    let centre = Centre::new();
    centre.leaf("police-next", "ca", "clientAuth", 3650);
    let thumbprint = |name: &str| {
        let pem = format!("{name}.pem");
        let words = ["x509", "-in", &pem, "-noout", "-fingerprint", "-sha256"];
        let shown = Command::new("openssl").args(words).current_dir(centre.at("")).output().unwrap();
        String::from_utf8(shown.stdout).unwrap().trim().rsplit('=').next().unwrap().to_owned()
    };
    let file = std::fs::read_to_string(centre.folder.path("config/systems/police-a.toml")).unwrap();
    let named = |names: &[&str]| {
        let all: Vec<String> = names.iter().map(|name| thumbprint(name)).collect();
        let text = file.replace("[keys]\n", &format!("[keys]\ncertificates = {all:?}\n"));
        centre.folder.file("config/systems/police-a.toml", &text);
    };
    let gateway = Gateway::start(&centre.folder).await;
    let apply = || {
        let applied = Gateway::command(&centre.folder).args(["apply", "--reason", "a certificate"]).output().unwrap();
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    };
    let mut own = Line::open(&centre, &gateway, "police-a").await.unwrap();
    let mut next = Line::open(&centre, &gateway, "police-next").await.unwrap();
    // Nothing is named: any certificate of the centre will do, and a token is good with the one it was given to.
    let before = next.token(&centre, "police-a").await;
    next.me(&before).await.unwrap().expect(200);
    named(&["police-a"]);
    apply();
    let token = own.token(&centre, "police-a").await;
    own.me(&token).await.unwrap().expect(200);
    let refused = next.me(&before).await.unwrap().expect(401);
    assert_eq!(refused.json()["detail"], next.me("e30.e30.e30").await.unwrap().expect(401).json()["detail"]);
    assert_eq!(next.ask(&centre, "police-a").await.expect(401).json()["error"], "invalid_client");
    // Two at once while one follows the other; then the first is nothing any more.
    named(&["police-a", "police-next"]);
    apply();
    own.me(&token).await.unwrap().expect(200);
    let after = next.token(&centre, "police-a").await;
    named(&["police-next"]);
    apply();
    own.me(&token).await.unwrap().expect(401);
    next.me(&after).await.unwrap().expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_connection_ends_with_its_certificate() {
    let centre = Centre::new();
    centre.folder.file("clock", "0");
    let clock = centre.folder.path("clock").display().to_string();
    let gateway = Gateway::start_with(&centre.folder, &[("ICJS_TEST_CLOCK", &clock)]).await;
    let mut police = Line::open(&centre, &gateway, "police-a").await.unwrap();
    let token = police.token(&centre, "police-a").await;
    police.me(&token).await.unwrap().expect(200);
    // A page that was waited for meanwhile is not given either.
    let mut waiting = Line::open(&centre, &gateway, "police-a").await.unwrap();
    let bearer = format!("Bearer {token}");
    let waited = tokio::spawn(async move {
        waiting.call("GET", "/v1/feed?wait=8", &[("authorization", &bearer)], b"").await.unwrap()
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    centre.revoke("police-a");
    let refused = until_refused(&mut police, &token).await;
    assert_eq!((refused.code().as_str(), refused.header("connection")), ("unauthenticated", Some("close")));
    waited.await.unwrap().expect(401);
    let again = Line::open(&centre, &gateway, "police-a").await;
    let refused = match again {
        // With TLS 1.3 the client is done before it hears that it was refused.
        Ok(mut line) => line.me(&token).await.is_err(),
        Err(_) => true,
    };
    assert!(refused, "a revoked certificate opens no connection");

    // The court's certificate is good for a day, the gateway's for ten years.
    let mut court = Line::open(&centre, &gateway, "court-a").await.unwrap();
    let token = court.token(&centre, "court-a").await;
    court.me(&token).await.unwrap().expect(200);
    move_clock(&centre, Duration::from_secs(2 * 86_400));
    assert_eq!(until_refused(&mut court, &token).await.code(), "unauthenticated");
}

fn move_clock(centre: &Centre, ahead: Duration) {
    centre.folder.file("clock.next", &ahead.as_millis().to_string());
    std::fs::rename(centre.folder.path("clock.next"), centre.folder.path("clock")).unwrap();
}

/// The first answer that refuses the certificate itself: its connection ends with it.
async fn until_refused(line: &mut Line, token: &str) -> Answer {
    let end = tokio::time::Instant::now() + SEEN_WITHIN;
    loop {
        let answer = line.me(token).await.unwrap();
        if answer.header("connection") == Some("close") {
            return answer.expect(401);
        }
        assert!(tokio::time::Instant::now() < end, "still {}", answer.status);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_renewed_without_a_restart_and_broken_files_change_nothing() {
    let centre = Centre::new();
    let gateway = Gateway::start(&centre.folder).await;
    let shown = |centre: &Centre| {
        let to = gateway.exchange.to_string();
        let words = ["s_client", "-connect", &to, "-cert", "police-a.pem", "-key", "police-a.key"];
        let words = [&words[..], &["-showcerts"]].concat();
        let done =
            Command::new("openssl").args(words).stdin(std::process::Stdio::null()).current_dir(centre.at("")).output();
        let text = String::from_utf8_lossy(&done.unwrap().stdout).into_owned();
        text.lines().find(|line| line.contains("s:CN")).unwrap_or_default().to_owned()
    };
    assert!(shown(&centre).contains("gateway"), "{}", shown(&centre));
    let mut open = Line::open(&centre, &gateway, "police-a").await.unwrap();
    let token = open.token(&centre, "police-a").await;
    centre.folder.file("keys/tls/gateway.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n");
    let log = || crate::harness::gateway::tail(&centre.folder);
    until(|| log().contains("stay as they were") && log().contains("gateway.pem")).await;
    open.me(&token).await.unwrap().expect(200);
    Line::open(&centre, &gateway, "police-a").await.unwrap().me(&token).await.unwrap().expect(200);

    // Whole files, key and certificate, under the names that the settings know.
    centre.leaf("renewed", "ca", "serverAuth", 3650);
    std::fs::rename(centre.at("renewed.key"), centre.at("gateway.key")).unwrap();
    std::fs::rename(centre.at("renewed.pem"), centre.at("gateway.pem")).unwrap();
    until(|| shown(&centre).contains("renewed")).await;
    open.me(&token).await.unwrap().expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_stops_is_let_go() {
    let centre = Centre::new();
    let gateway = Gateway::start_with(&centre.folder, &[("ICJS_EXCHANGE__HEADER_TIMEOUT", "1s")]).await;
    for begun in [&b""[..], b"\x16\x03\x01"] {
        let mut socket = TcpStream::connect(gateway.exchange).await.unwrap();
        socket.write_all(begun).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(SEEN_WITHIN, socket.read_to_end(&mut rest)).await;
        assert!(ended.is_ok() && rest.is_empty(), "{begun:?}: still open, or an answer");
    }
}

async fn until(come: impl Fn() -> bool) {
    let end = tokio::time::Instant::now() + SEEN_WITHIN;
    while !come() {
        assert!(tokio::time::Instant::now() < end, "it has not come to this");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_files_is_said_at_the_start() {
    let centre = Centre::new();
    centre.root("other");
    let other = std::fs::read(centre.at("other.key")).unwrap();
    let mistakes = [
        ("gateway.key", Some(&other[..]), "does not go with the key"),
        ("gateway.pem", Some(b"no PEM"), "has no certificate in it"),
        ("ca.pem", None, "No such file"),
        ("ca.crl", Some(b""), "has no revocation list in it"),
    ];
    for (name, mistake, says) in mistakes {
        let whole = std::fs::read(centre.at(name)).unwrap();
        match mistake {
            Some(contents) => std::fs::write(centre.at(name), contents).unwrap(),
            None => std::fs::remove_file(centre.at(name)).unwrap(),
        }
        let done = Gateway::command(&centre.folder).arg("serve").output().unwrap();
        let words = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(78), "{words}");
        assert!(words.contains(says), "{name}: {words}");
        std::fs::write(centre.at(name), whole).unwrap();
    }
    let settings = std::fs::read_to_string(centre.folder.path("config/gateway.toml")).unwrap();
    centre.folder.file("config/gateway.toml", &settings.replace("key = \"keys/tls/gateway.key\"\n", ""));
    let done = Gateway::command(&centre.folder).arg("serve").output().unwrap();
    let words = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(words.contains("must all be named, or none"), "{words}");
}
