//! What the way over the socket costs a large attachment: an upload of one file, against hashing, sealing, writing and syncing
//! the same file in this process, in turn; and how much memory the gateway takes meanwhile.

use std::fs::File;
use std::io::{Error, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::process::{Process, gateway};
use super::rounds::{median, stuck, token};
use super::{Options, stage};
use crate::journal::uploads::Uploads;
use crate::keys::Keys;
use crate::seal::{self, Sha256};
use crate::shell::exit::Failure;

/// Bytes of the file: 1 GiB, or 128 MiB in a quick run.
const SIZE: usize = 1 << 30;
const QUICK: usize = 128 << 20;
const BLOCK: usize = 1 << 20;
/// Between two looks at the gateway's memory.
const LOOK: Duration = Duration::from_millis(20);

/// What was measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// Time of the plain work over time of the upload, median of the rounds.
    pub ratio: f64,
    /// Uploaded a second, in MiB.
    pub mb_per_s: f64,
    /// The most that the gateway's resident memory grew by during an upload, in MiB.
    pub growth_mb: f64,
}

/// Uploads one file and does the plain work on it, in turn.
pub async fn measure(options: &Options, dir: &Path, tell: &dyn Fn(&str)) -> std::result::Result<Measured, Failure> {
    let size = if options.quick { QUICK } else { SIZE };
    stage::make(dir)?;
    let file = dir.join("large.bin");
    let digest = make(&file, size).map_err(stuck)?;
    let (process, addresses, _) = gateway(dir, true).map_err(stuck)?;
    let keys = Arc::new(Keys::open(dir).map_err(|error| stuck(Error::other(error.to_string())))?);
    let plain = Uploads::new(dir.join("plain"), keys);
    tell(&format!("attachment of {} MiB", size >> 20));
    // The first upload of a process takes its buffers and threads: what grows after it is what a large file costs.
    let token = token(dir, stage::JSON_SENDER).await?;
    small(addresses.exchange, &token).map_err(stuck)?;
    let (mut ratios, mut rates, mut growth) = (Vec::new(), Vec::new(), 0.0_f64);
    for _ in 0..options.rounds().min(3) {
        let work = plain_work(&plain, &file).map_err(stuck)?;
        let (took, grew) = watched(&process, || upload(addresses.exchange, &token, &file, &digest)).map_err(stuck)?;
        ratios.push(work.as_secs_f64() / took.as_secs_f64());
        rates.push(f64::from(u32::try_from(size >> 20).unwrap_or(0)) / took.as_secs_f64());
        growth = growth.max(grew);
    }
    process.stop().map_err(stuck)?;
    let measured =
        Measured { ratio: median(ratios.into_iter()), mb_per_s: median(rates.into_iter()), growth_mb: growth };
    Ok(measured)
}

/// A file that no compression and no sparse block makes smaller; its digest.
fn make(path: &Path, size: usize) -> Result<String> {
    let mut file = File::create(path)?;
    let mut digest = Sha256::new();
    let mut block = vec![0; BLOCK];
    for _ in 0..size / BLOCK {
        fastrand::fill(&mut block);
        digest.update(&block);
        file.write_all(&block)?;
    }
    file.sync_all()?;
    Ok(seal::hex(&digest.finish()))
}

/// Reading, hashing, sealing, writing and syncing, as the gateway does them, and nothing else.
fn plain_work(uploads: &Uploads, path: &Path) -> Result<Duration> {
    let failed = |error: crate::journal::uploads::UploadError| Error::other(error.to_string());
    let mut file = File::open(path)?;
    let mut block = vec![0; BLOCK];
    let began = Instant::now();
    let mut writer = uploads.begin().map_err(failed)?;
    let key = writer.key().to_vec();
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            break;
        }
        writer.write(block.get(..read).unwrap_or_default()).map_err(failed)?;
    }
    writer.finish().map_err(failed)?;
    let took = began.elapsed();
    uploads.remove(&key).map_err(failed)?;
    Ok(took)
}

/// Does something while the gateway's memory is looked at; how long it took, and by how many MiB it grew at most.
fn watched(process: &Process, work: impl FnOnce() -> Result<()>) -> Result<(Duration, f64)> {
    let before = process.rss_mb();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut most = before;
            while !over.load(Ordering::Relaxed) {
                most = most.max(process.rss_mb());
                std::thread::sleep(LOOK);
            }
            most
        });
        let began = Instant::now();
        let done = work();
        let took = began.elapsed();
        over.store(true, Ordering::Relaxed);
        let most = looking.join().map_err(|_| Error::other("the watch of the memory ended by a panic"))?;
        done.map(|()| (took, most - before))
    })
}

fn small(to: SocketAddr, token: &str) -> Result<()> {
    let bytes = vec![7; BLOCK * 3];
    let digest = seal::hex(&seal::sha256(&bytes));
    put(to, token, &digest, bytes.len() as u64, |socket| socket.write_all(&bytes))
}

/// The kernel copies the file to the socket: the client takes as little of the machine as it can.
fn upload(to: SocketAddr, token: &str, path: &Path, digest: &str) -> Result<()> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    put(to, token, digest, size, |socket| std::io::copy(&mut file, socket).map(drop))
}

fn put(
    to: SocketAddr,
    token: &str,
    digest: &str,
    size: u64,
    send: impl FnOnce(&mut TcpStream) -> Result<()>,
) -> Result<()> {
    let mut socket = TcpStream::connect(to)?;
    let head = format!(
        "PUT /v1/attachments/{digest} HTTP/1.1\r\nhost: {to}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/octet-stream\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes())?;
    send(&mut socket)?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 201") {
        return Ok(());
    }
    Err(Error::other(format!("the upload was not taken: {}", answer.lines().next().unwrap_or("no answer"))))
}
