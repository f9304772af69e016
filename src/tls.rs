//! TLS of the exchange: this node's certificate, whose clients' certificates are good, and which of those were revoked. The
//! one door to rustls. A client without a good certificate is refused in the handshake; since resumption and keep-alive
//! outlive a revocation, a certificate is judged again at requests (`Client::is_good`). Files that change are taken up while
//! it runs; broken ones leave what was good before. TLS 1.2 and 1.3 (RFC 5246, RFC 8446), nothing older.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::crypto::{CryptoProvider, aws_lc_rs as library};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig, version};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use crate::clock::{Clock, Timestamp};
use crate::seal;

/// A certificate that was good is believed for so long, unless the files of this node change meanwhile.
const BELIEVED: Duration = Duration::from_secs(10);

/// The PEM files that it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// This node's certificate, and those between it and its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Roots of the clients' certificates: a centre's own, a State's, or both.
    pub clients: PathBuf,
    /// Revocation lists (RFC 5280 section 5) of those roots and of what stands below them.
    pub revoked: Vec<PathBuf>,
}

/// A connection in TLS.
pub type Stream = TlsStream<TcpStream>;

/// The other end of one.
pub type Dialled = tokio_rustls::client::TlsStream<TcpStream>;

/// Calls an exchange as a system of its does, with a certificate of its own: what measures it shares its cores, and has no
/// room for a whole HTTP client.
#[derive(Clone)]
pub struct Dialer(TlsConnector);

/// Why it cannot be had. The words name the file and what to do.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {what}", file.display())]
pub struct TlsError {
    file: PathBuf,
    what: String,
}

/// TLS as the files say at present.
#[derive(Debug)]
pub struct Tls {
    files: Files,
    clock: Arc<dyn Clock>,
    now: RwLock<Arc<Loaded>>,
}

/// What one state of the files made.
#[derive(Debug)]
struct Loaded {
    number: u64,
    digest: [u8; 32],
    server: Arc<ServerConfig>,
    clients: Arc<dyn ClientCertVerifier>,
    ends: Timestamp,
    /// When the first of the revocation lists is out of date.
    lists_end: Option<Timestamp>,
}

/// The client of one connection.
#[derive(Debug)]
pub struct Client {
    tls: Arc<Tls>,
    chain: Vec<CertificateDer<'static>>,
    thumbprint: Arc<str>,
    /// Under which state of the files it was last found good, and when by the steady clock.
    found: Mutex<(u64, Duration)>,
}

impl Tls {
    /// Reads the files.
    pub fn open(files: Files, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        let contents = Contents::read(&files)?;
        let loaded = contents.load(&files, &clock, 1)?;
        Ok(Self { files, clock, now: RwLock::new(Arc::new(loaded)) })
    }

    /// Reads the files again and takes up what changed; whether anything did. On an error all stays as it was.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let contents = Contents::read(&self.files)?;
        let before = self.loaded();
        if contents.digest == before.digest {
            return Ok(false);
        }
        let loaded = contents.load(&self.files, &self.clock, before.number + 1)?;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        Ok(true)
    }

    /// When this node's own certificate ends.
    pub fn ends(&self) -> Timestamp {
        self.loaded().ends
    }

    /// When the first of the revocation lists is out of date: nobody under its root is let in from then on.
    pub fn lists_end(&self) -> Option<Timestamp> {
        self.loaded().lists_end
    }

    /// The handshake. An error is the client's affair: an alert has told it.
    pub async fn accept(self: &Arc<Self>, stream: TcpStream) -> std::io::Result<(Stream, Client)> {
        let loaded = self.loaded();
        let stream = TlsAcceptor::from(Arc::clone(&loaded.server)).accept(stream).await?;
        let chain: Vec<CertificateDer<'static>> = stream
            .get_ref()
            .1
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .map(|one| one.clone().into_owned())
            .collect();
        let thumbprint = thumbprint(chain.first().map_or(&[], |own| own.as_ref()));
        // Nothing is believed yet: a resumed session brings what was good when it began.
        Ok((stream, Client { tls: Arc::clone(self), chain, thumbprint, found: Mutex::new((0, Duration::ZERO)) }))
    }

    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Dialer {
    /// With the PEM files of a certificate and its key, for gateways whose certificate stands under one of `roots`.
    pub fn open(roots: &Path, certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let read = |file: &Path| std::fs::read(file).map_err(|error| TlsError::at(file, error));
        let mut known = RootCertStore::empty();
        for root in all::<CertificateDer<'static>>(&read(roots)?, roots, "certificate")? {
            known.add(root).map_err(|error| TlsError::at(roots, format!("cannot be a root: {error}")))?;
        }
        let chain = all(&read(certificate)?, certificate, "certificate")?;
        let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| TlsError::at(key, error))?;
        let config = ClientConfig::builder_with_provider(Arc::new(library::default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|error| TlsError::at(certificate, error))?
            .with_root_certificates(known)
            .with_client_auth_cert(chain, secret)
            .map_err(|error| TlsError::at(certificate, error))?;
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// The handshake.
    pub async fn connect(&self, stream: TcpStream) -> std::io::Result<Dialled> {
        let name = ServerName::from(stream.peer_addr()?.ip());
        self.0.connect(name, stream).await
    }
}

impl Client {
    /// The base64url SHA-256 of its certificate (`x5t#S256`, RFC 8705 section 3.1).
    pub fn thumbprint(&self) -> &Arc<str> {
        &self.thumbprint
    }

    /// Whether its certificate is good still: neither ended nor revoked, and of a root that is trusted still.
    pub fn is_good(&self) -> bool {
        let loaded = self.tls.loaded();
        let steady = self.tls.clock.steady();
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.0 == loaded.number && steady.saturating_sub(found.1) < BELIEVED {
            return true;
        }
        let Some((own, between)) = self.chain.split_first() else { return false };
        let now = moment(self.tls.clock.as_ref());
        let good = loaded.clients.verify_client_cert(own, between, now).is_ok();
        *found = if good { (loaded.number, steady) } else { (0, Duration::ZERO) };
        good
    }

    /// When its certificate ends.
    pub fn ends(&self) -> Option<Timestamp> {
        self.chain.first().and_then(|own| ends(own))
    }
}

/// The bytes of all files, read at one time.
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    clients: Vec<u8>,
    revoked: Vec<Vec<u8>>,
    digest: [u8; 32],
}

impl Contents {
    fn read(files: &Files) -> Result<Self, TlsError> {
        let read = |file: &PathBuf| std::fs::read(file).map_err(|error| TlsError::at(file, error));
        let (certificate, key, clients) = (read(&files.certificate)?, read(&files.key)?, read(&files.clients)?);
        let revoked = files.revoked.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut digest = seal::Sha256::new();
        for part in [&certificate, &key, &clients].into_iter().chain(&revoked) {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Ok(Self { certificate, key, clients, revoked, digest: digest.finish() })
    }

    fn load(&self, files: &Files, clock: &Arc<dyn Clock>, number: u64) -> Result<Loaded, TlsError> {
        let provider = Arc::new(library::default_provider());
        let chain: Vec<CertificateDer<'static>> = all(&self.certificate, &files.certificate, "certificate")?;
        let ends = chain.first().and_then(|own| ends(own));
        let ends = ends.ok_or_else(|| TlsError::at(&files.certificate, "is no X.509 certificate"))?;
        if ends <= clock.now() {
            return Err(TlsError::at(&files.certificate, format!("the certificate ended {ends}; put a new one there")));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| {
            TlsError::at(&files.key, format!("no private key (PEM: PKCS #8, PKCS #1 or SEC 1): {error}"))
        })?;
        let lists = self.lists(files)?;
        let lists_end = lists.iter().filter_map(|list| outdated(list)).min();
        let clients = self.verifier(files, &provider, lists)?;
        let mut server = ServerConfig::builder_with_details(provider, Arc::new(ByClock(Arc::clone(clock))))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(|error| TlsError::at(&files.certificate, error))?
            .with_client_cert_verifier(Arc::clone(&clients))
            .with_single_cert(chain, key)
            .map_err(|error| {
                TlsError::at(&files.certificate, format!("does not go with the key beside it: {error}"))
            })?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Loaded { number, digest: self.digest, server: Arc::new(server), clients, ends, lists_end })
    }

    fn lists(&self, files: &Files) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
        let mut lists = Vec::new();
        for (contents, file) in self.revoked.iter().zip(&files.revoked) {
            lists.extend(all(contents, file, "revocation list")?);
        }
        Ok(lists)
    }

    fn verifier(
        &self,
        files: &Files,
        provider: &Arc<CryptoProvider>,
        lists: Vec<CertificateRevocationListDer<'static>>,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let mut roots = RootCertStore::empty();
        for root in all::<CertificateDer<'static>>(&self.clients, &files.clients, "certificate")? {
            roots.add(root).map_err(|error| TlsError::at(&files.clients, format!("cannot be a root: {error}")))?;
        }
        let some = !lists.is_empty();
        let mut builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).with_crls(lists);
        if some {
            // A root without a list of its own revokes nobody; a list that is out of date says nothing any more.
            builder = builder.allow_unknown_revocation_status().enforce_revocation_expiration();
        }
        let file = files.revoked.first().unwrap_or(&files.clients);
        builder.build().map_err(|error| TlsError::at(file, error))
    }
}

impl TlsError {
    fn at(file: &Path, what: impl std::fmt::Display) -> Self {
        Self { file: file.to_owned(), what: what.to_string() }
    }
}

/// Every item of a PEM file; none is a mistake.
fn all<T: PemObject>(contents: &[u8], file: &Path, what: &str) -> Result<Vec<T>, TlsError> {
    let items: Result<Vec<T>, pem::Error> = T::pem_slice_iter(contents).collect();
    let items = items.map_err(|error| TlsError::at(file, format!("is no PEM: {error}")))?;
    if items.is_empty() {
        return Err(TlsError::at(file, format!("has no {what} in it (PEM)")));
    }
    Ok(items)
}

/// When a certificate ends.
fn ends(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(Timestamp::from_millis(certificate.validity().not_after.timestamp().saturating_mul(1000)))
}

/// When a revocation list should have been followed by the next.
fn outdated(list: &CertificateRevocationListDer<'_>) -> Option<Timestamp> {
    let (_, list) = CertificateRevocationList::from_der(list).ok()?;
    Some(Timestamp::from_millis(list.next_update()?.timestamp().saturating_mul(1000)))
}

fn thumbprint(certificate: &[u8]) -> Arc<str> {
    Arc::from(URL_SAFE_NO_PAD.encode(seal::sha256(certificate)))
}

fn moment(clock: &dyn Clock) -> UnixTime {
    UnixTime::since_unix_epoch(clock.now().since(Timestamp::from_millis(0)))
}

/// The library's question for the time, answered by the one clock.
#[derive(Debug)]
struct ByClock(Arc<dyn Clock>);

impl TimeProvider for ByClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(moment(self.0.as_ref()))
    }
}
