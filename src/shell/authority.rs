//! Certificates for a folder that is tried out: an authority of its own, a certificate for the gateway, one for each system,
//! and the list of those that were revoked. A centre that works has an authority elsewhere, whose key no gateway ever sees.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};

use super::exit::{Exit, Failure, file_failure};
use crate::clock::{Clock, Timestamp, WallClock};
use crate::keys::write_secret;

/// Where the systems' certificates and keys lie.
const CLIENTS: &str = "keys/dev/tls";
/// How long the authority and its list are good, and how long what it signs.
const YEARS: [i32; 2] = [10, 1];

/// `[tls]` of `config/gateway.toml` for a folder with such certificates.
pub const SETTINGS: &str = "\
[tls]
certificate = \"keys/tls/gateway.pem\"
key = \"keys/tls/gateway.key\"
clients = \"keys/tls/authority.pem\"
revoked = [\"keys/tls/revoked.pem\"]
";

/// The file of a system's certificate, and that of its private key.
pub fn files_of(dir: &Path, system: &str) -> [PathBuf; 2] {
    ["pem", "key"].map(|ending| dir.join(CLIENTS).join(format!("{system}.{ending}")))
}

/// The authority of one folder.
#[derive(Debug)]
pub struct Authority {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    began: (i32, u8),
}

impl Authority {
    /// Makes it, with its list and the gateway's certificate, in the folder `dir`.
    pub fn begin(dir: &Path) -> Result<Self, Failure> {
        let began = month(WallClock.now());
        let key = KeyPair::generate().map_err(|error| impossible(&error))?;
        let mut about = params("icjs development authority", Vec::new(), began, YEARS[0])?;
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        about.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root = about.self_signed(&key).map_err(|error| impossible(&error))?;
        let authority = Self { dir: dir.to_owned(), issuer: Issuer::new(about, key), began };
        authority.public("keys/tls/authority.pem", &root.pem())?;
        authority.secret(&dir.join(CLIENTS).join("authority.key"), &authority.issuer.key().serialize_pem())?;
        let revoked = authority.list()?;
        authority.public("keys/tls/revoked.pem", &revoked)?;
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        let files = [dir.join("keys/tls/gateway.pem"), dir.join("keys/tls/gateway.key")];
        authority.sign("gateway", names, ExtendedKeyUsagePurpose::ServerAuth, &files)?;
        Ok(authority)
    }

    /// Makes a system's certificate.
    pub fn system(&self, system: &str) -> Result<(), Failure> {
        self.sign(system, Vec::new(), ExtendedKeyUsagePurpose::ClientAuth, &files_of(&self.dir, system))
    }

    fn sign(
        &self,
        name: &str,
        addresses: Vec<String>,
        usage: ExtendedKeyUsagePurpose,
        [certificate, secret]: &[PathBuf; 2],
    ) -> Result<(), Failure> {
        let key = KeyPair::generate().map_err(|error| impossible(&error))?;
        let mut about = params(name, addresses, self.began, YEARS[1])?;
        about.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        about.extended_key_usages = vec![usage];
        let signed = about.signed_by(&key, &self.issuer).map_err(|error| impossible(&error))?;
        std::fs::write(certificate, signed.pem()).map_err(|error| file_failure(certificate, &error))?;
        self.secret(secret, &key.serialize_pem())
    }

    /// A list of nobody, so that whoever tries revocation finds its place.
    fn list(&self) -> Result<String, Failure> {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(self.began.0, self.began.1, 1),
            next_update: date_time_ymd(self.began.0 + YEARS[0], self.began.1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).and_then(|list| list.pem()).map_err(|error| impossible(&error))
    }

    fn public(&self, name: &str, pem: &str) -> Result<(), Failure> {
        let path = self.dir.join(name);
        let folders = [path.parent().map(Path::to_path_buf), Some(self.dir.join(CLIENTS))];
        for folder in folders.into_iter().flatten() {
            std::fs::create_dir_all(&folder).map_err(|error| file_failure(&folder, &error))?;
        }
        std::fs::write(&path, pem).map_err(|error| file_failure(&path, &error))
    }

    fn secret(&self, path: &Path, pem: &str) -> Result<(), Failure> {
        debug_assert!(path.starts_with(&self.dir));
        write_secret(path, pem).map_err(|error| file_failure(path, &error))
    }
}

fn params(
    name: &str,
    addresses: Vec<String>,
    (year, month): (i32, u8),
    years: i32,
) -> Result<CertificateParams, Failure> {
    let mut about = CertificateParams::new(addresses).map_err(|error| impossible(&error))?;
    about.distinguished_name = rcgen::DistinguishedName::new();
    about.distinguished_name.push(DnType::CommonName, name);
    about.not_before = date_time_ymd(year, month, 1);
    about.not_after = date_time_ymd(year + years, month, 1);
    Ok(about)
}

/// The day on which the month of yesterday began: a clock that is a little behind finds a new certificate good.
fn month(now: Timestamp) -> (i32, u8) {
    let text = now.before(Duration::from_secs(86_400)).to_string();
    let mut parts = text.split('-');
    let year = parts.next().and_then(|part| part.parse().ok());
    let month = parts.next().and_then(|part| part.parse().ok());
    (year.unwrap_or(2026), month.unwrap_or(1))
}

fn impossible(error: &rcgen::Error) -> Failure {
    Failure::new(Exit::Bug, format!("no certificate could be made: {error}"), "report this")
}
