//! How long the gateway takes to accept a fingerprint transaction of 600 KB: read, checked record by record, hashed, sealed,
//! written beside the store and synced. One sender, one after the other; each has a control number of its own and images that
//! no compressor makes smaller. Receivers are switched off.

use std::path::Path;
use std::time::Instant;

use super::histogram::Histogram;
use super::process::gateway;
use super::rounds::{stuck, token};
use super::{Options, stage};
use crate::shell::client::{Call, Client};
use crate::shell::exit::{Exit, Failure};
use crate::shell::starter::{NewSystem, Reached, Starter};

const KIND: &str = "fingerprint-search";
const MEDIA_TYPE: &str = "application/x-ansi-nist";
const POLICE: &str = "bench-prints";
const BUREAU: &str = "bench-bureau";
const BUREAU_OFFICE: &str = "nafis:BENCH1";
/// Ten rolled fingers and four plain impressions, as on a card.
const IMAGES: u8 = 14;
/// Bytes of each image: the transaction has 600 KB.
const IMAGE: usize = 43_850;

/// What was measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// Bytes of a transaction.
    pub bytes: usize,
    /// Milliseconds from the request to its answer, the median.
    pub p50_ms: f64,
    /// Milliseconds.
    pub p99_ms: f64,
    /// How much more memory the gateway has after the last than after the first few, MB.
    pub growth_mb: f64,
}

/// Starts a gateway of its own and sends transactions.
pub async fn measure(options: &Options, dir: &Path, tell: &dyn Fn(&str)) -> Result<Measured, Failure> {
    let (warm, count) = if options.quick { (10, 60) } else { (20, 400) };
    make(dir)?;
    let (process, addresses, _) = gateway(dir, true).map_err(stuck)?;
    tell(&format!("prints: {count} fingerprint transactions"));
    let token = token(dir, POLICE).await?;
    let client = Client::new()?;
    let mut histogram = Histogram::default();
    let mut before = 0.0;
    let mut bytes = 0;
    for number in 0..warm + count {
        let body = transaction(number);
        bytes = body.len();
        let call = Call {
            method: "POST",
            url: format!("http://{}/v1/records/{KIND}", addresses.exchange),
            token: Some(token.clone()),
            headers: vec![("content-type".to_owned(), MEDIA_TYPE.to_owned())],
            body: body.into(),
            timeout: None,
        };
        let began = Instant::now();
        let answer = client.call(call).await.map_err(|error| stuck(std::io::Error::other(error.0)))?;
        if answer.status != 202 {
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(Failure::new(Exit::Bug, format!("{} {said}", answer.status), "report this"));
        }
        if number >= warm {
            histogram.record(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        } else {
            before = process.rss_mb();
        }
    }
    let growth_mb = process.rss_mb() - before;
    process.stop().map_err(stuck)?;
    Ok(Measured { bytes, p50_ms: histogram.percentile(0.5), p99_ms: histogram.percentile(0.99), growth_mb })
}

fn make(dir: &Path) -> Result<(), Failure> {
    let starter = Starter::begin(dir)?;
    starter.file("config/gateway.toml", stage::SETTINGS.as_bytes())?;
    starter.file("config/routes.toml", ROUTES.as_bytes())?;
    starter.file("config/sharing.toml", SHARING.as_bytes())?;
    let system = |name: &str, adapter, pillar, office: &str, send, receive, reached| NewSystem {
        name: name.to_owned(),
        adapter,
        pillar,
        offices: vec![office.to_owned()],
        send,
        receive,
        reached,
        per_second: stage::PER_SECOND,
    };
    starter.system(&system(POLICE, "cctns", "police", stage::XML_STATION, &[KIND], &[], Reached::Feed))?;
    let away = Reached::Push(stage::NOWHERE.to_owned(), "10s");
    starter.system(&system(BUREAU, "nafis", "fingerprints", BUREAU_OFFICE, &[], &[KIND], away))
}

const ROUTES: &str = "\
[[route]]
name = \"search-to-bureau\"
kind = \"fingerprint-search\"
to = \"fingerprints\"
office = [\"desk\"]
desk = \"nafis:BENCH1\"
";

const SHARING: &str = "\
[[share]]
kind = \"fingerprint-search\"
to = \"fingerprints\"
give = \"whole\"
";

/// A card of ten fingers and four plain impressions, under a control number of its own.
fn transaction(number: u64) -> Vec<u8> {
    let listed: String = (1..=IMAGES).map(|idc| format!("\u{1e}4\u{1f}{idc:02}")).collect();
    let head = format!(
        "\u{1d}1.002:0502\u{1d}1.003:1\u{1f}{}\u{1e}2\u{1f}00{listed}\u{1d}1.004:CAR\u{1d}1.005:20261122\u{1d}1.007:NAFIS0000\u{1d}\
         1.008:DLPS01004\u{1d}1.009:BENCH-{number:08}\u{1d}1.011:19.69\u{1d}1.012:19.69\u{1c}",
        IMAGES + 1
    );
    let mut bytes = counted("1.001:", &head);
    bytes.extend(counted("2.001:", "\u{1d}2.002:00\u{1d}2.018:SOMEBODY\u{1d}2.024:M\u{1c}"));
    let mut random = fastrand::Rng::with_seed(number);
    for idc in 1..=IMAGES {
        let length = u32::try_from(18 + IMAGE).unwrap_or_default();
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&[idc, 1, idc, 255, 255, 255, 255, 255, 1, 3, 36, 2, 240, 1]);
        let from = bytes.len();
        bytes.resize(from + IMAGE, 0);
        random.fill(bytes.get_mut(from..).unwrap_or_default());
    }
    bytes
}

/// A record of texts with its length, which counts its own digits: three of them here.
fn counted(tag: &str, rest: &str) -> Vec<u8> {
    let digits = (1..9).find(|digits| (tag.len() + digits + rest.len()).to_string().len() == *digits).unwrap_or(3);
    format!("{tag}{}{rest}", tag.len() + digits + rest.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use icjs_kit::{Codec, Limits};

    use super::transaction;
    use crate::config::{Folder, Revision};

    #[test]
    fn the_transaction_is_one_and_has_600_kilobytes() {
        let revision = Revision::compile_all(Folder::default()).unwrap();
        let codec: &dyn Codec = revision.adapters["nafis"].dialects["fingerprint-search"].codec.as_ref();
        let bytes = transaction(7);
        assert!((600_000..640_000).contains(&bytes.len()), "{}", bytes.len());
        let tree = codec.read(&bytes, &Limits { bytes: 1 << 20, depth: 64, keys: 10_000 }).unwrap();
        assert_eq!(tree["Records"].as_array().unwrap().len(), 14);
    }
}
