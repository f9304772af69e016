//! `send --attach FILE`: a file of any size in parts, so that a line that breaks costs one part and a token that runs out is
//! replaced on the way. What the gateway has of it already is not sent again.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use super::exchange::{Caller, Who};
use crate::seal::{self, Sha256};
use crate::shell::exit::{Done, Exit, Failure, file_failure};
use crate::shell::output::Output;
use crate::shell::progress::Progress;

/// Bytes of one part: some seconds on a bad line.
const PART: usize = 8 << 20;
/// Tries without any progress before it is given up.
const TRIES: u32 = 6;

/// Uploads one file and says under which digest.
pub(super) async fn upload(who: &Who<'_>, caller: &mut Caller, path: &Path, output: Output) -> Done {
    let failed = |error: std::io::Error| file_failure(path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let (digest, size) = digest(&mut file).map_err(failed)?;
    let url = format!("/v1/attachments/{digest}");
    let mut progress = Progress::of(size);
    let mut tries = 0;
    loop {
        match rest(caller, &url, &mut file, size, &mut progress, &mut tries).await {
            Ok(()) => break,
            Err(failure) if may_pass(&failure) && tries < TRIES => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(250 << tries)).await;
                // The old token may be what is wrong, and the gateway may listen elsewhere now.
                if let Ok(again) = who.connect().await {
                    *caller = again;
                }
            }
            Err(failure) => return Err(failure),
        }
    }
    drop(progress);
    if !output.json {
        output.line(format!("uploaded {} as {digest}", path.display()));
    }
    Ok(())
}

fn may_pass(failure: &Failure) -> bool {
    let changed =
        failure.problem.as_ref().and_then(|problem| problem.get("status")).is_some_and(|status| *status == 409);
    let expired =
        failure.problem.as_ref().and_then(|problem| problem.get("status")).is_some_and(|status| *status == 401);
    changed || expired || matches!(failure.exit, Exit::Unreachable | Exit::TryLater)
}

/// Everything from where the gateway is.
async fn rest(
    caller: &Caller,
    url: &str,
    file: &mut File,
    size: u64,
    progress: &mut Progress,
    tries: &mut u32,
) -> Done {
    let (mut at, complete) = caller.uploaded(url).await?;
    if complete {
        return Ok(());
    }
    let unreadable = |error: std::io::Error| Failure::new(Exit::NoInput, error.to_string(), "look after the file");
    loop {
        file.seek(SeekFrom::Start(at)).map_err(unreadable)?;
        let mut part = Vec::with_capacity(PART);
        file.take(PART as u64).read_to_end(&mut part).map_err(unreadable)?;
        let sent = part.len() as u64;
        let headers = vec![
            ("content-type".to_owned(), "application/offset+octet-stream".to_owned()),
            ("upload-offset".to_owned(), at.to_string()),
            ("upload-length".to_owned(), size.to_string()),
        ];
        let answer = caller.call("PATCH", url, headers, part.into(), 600).await?;
        *tries = 0;
        at += sent;
        progress.at(at, &format!("{} of {} MB", at >> 20, size >> 20));
        if answer.status == 201 {
            return Ok(());
        }
        if sent == 0 {
            return Err(Failure::new(Exit::NoInput, "the file became shorter while it was sent", "send it again"));
        }
    }
}

fn digest(file: &mut File) -> std::io::Result<(String, u64)> {
    let (mut digest, mut size) = (Sha256::new(), 0_u64);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((seal::hex(&digest.finish()), size));
        }
        digest.update(buffer.get(..read).unwrap_or_default());
        size += read as u64;
    }
}
