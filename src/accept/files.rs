//! The attachments of a record at its acceptance: files that stand inside the document become uploads of its sender, and
//! what an attachment is said to be is held against its first bytes. A file that is something else is accepted with a
//! warning: the paper that names it must not wait for it.

use bytes::Bytes;
use serde_json::Value;

use super::Desk;
use super::decode::Record;
use super::refuse::{Code, Refusal};
use crate::journal::uploads::{UploadError, Uploads};
use crate::journal::{Digest, JournalError, UploadRow, UploadVerb};
use crate::seal;
use crate::tokens::Caller;

/// How a media type begins, and within how many bytes that must be found.
const BEGINNINGS: [(&str, &[u8], usize); 3] = [
    // A PDF may have bytes before its header; its readers look at the first 1024.
    ("application/pdf", b"%PDF-", 1024),
    ("image/jpeg", &[0xff, 0xd8, 0xff], 3),
    ("image/png", &[0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a], 8),
];

/// So much of a file tells what it is.
const HEAD: usize = 1024;

/// Keeps the files that stood inside the document, durably, before the record that names them. One that this sender has
/// uploaded before is not written again.
pub async fn keep(desk: &Desk, caller: &Caller, record: &Record) -> Result<(), Refusal> {
    for &digest in &record.facts.attachments {
        let Some(file) = record.files.get(&digest) else { continue };
        if own(desk, caller, digest).await?.is_some() {
            continue;
        }
        let (uploads, bytes) = (std::sync::Arc::clone(&desk.uploads), file.clone());
        let key = blocking(move || store(&uploads, &bytes)).await?;
        let (system, offset, at) = (caller.name().to_owned(), file.len() as u64, desk.clock.now());
        desk.journal.upload(UploadVerb::Put { system, digest, offset, done: true, key, at }).await?;
    }
    Ok(())
}

/// Holds what the record says of each attachment against the file; what does not agree is a warning at its place.
pub async fn look(desk: &Desk, caller: &Caller, record: &mut Record) -> Result<(), Refusal> {
    if record.facts.attachments.is_empty() {
        return Ok(());
    }
    let said = record.shared.tree().get("attachments").and_then(Value::as_array).cloned().unwrap_or_default();
    for (place, attachment) in said.iter().enumerate() {
        let text = |key: &str| attachment.get(key).and_then(Value::as_str).unwrap_or_default();
        let Some(digest) = seal::unhex(text("sha256")).and_then(|bytes| Digest::try_from(bytes).ok()) else { continue };
        let Some((head, size)) = head(desk, caller, record, digest).await? else { continue };
        if let Some(message) = differs(text("media_type"), &head) {
            record.warn(format!("/attachments/{place}/media_type"), "attachment-other-type", message);
        }
        if let Some(said) = attachment.get("size").and_then(Value::as_u64).filter(|said| *said != size) {
            let message =
                format!("the file has {size} bytes, and the record says {said}; send a correction that says {size}");
            record.warn(format!("/attachments/{place}/size"), "attachment-other-size", message);
        }
    }
    Ok(())
}

/// What to say where a file is not what it is said to be.
fn differs(media_type: &str, head: &[u8]) -> Option<String> {
    let bare = media_type.split(';').next().unwrap_or("").trim();
    let begins = |beginning: &[u8], within: usize| {
        let head = head.get(..within.min(head.len())).unwrap_or_default();
        head.windows(beginning.len()).any(|window| window == beginning)
    };
    let (_, beginning, within) = BEGINNINGS.iter().find(|(known, ..)| bare.eq_ignore_ascii_case(known))?;
    if begins(beginning, *within) {
        return None;
    }
    let other = BEGINNINGS.iter().find(|(_, beginning, within)| begins(beginning, *within)).map(|(known, ..)| *known);
    let is = other.map_or_else(|| "does not begin as one".to_owned(), |other| format!("is `{other}`"));
    Some(format!(
        "this attachment is said to be `{bare}` and {is}; the record is accepted: upload the right file and send a \
         correction that names it"
    ))
}

/// The first bytes of an attachment and its size: from the document, or from this sender's upload.
async fn head(
    desk: &Desk,
    caller: &Caller,
    record: &Record,
    digest: Digest,
) -> Result<Option<(Vec<u8>, u64)>, Refusal> {
    if let Some(file) = record.files.get(&digest) {
        let head: Vec<u8> = file.iter().take(HEAD).copied().collect();
        return Ok(Some((head, file.len() as u64)));
    }
    let Some(row) = own(desk, caller, digest).await? else { return Ok(None) };
    let (uploads, size) = (std::sync::Arc::clone(&desk.uploads), row.offset);
    let head = blocking(move || uploads.read(&row.key, 0..size.min(HEAD as u64))).await?;
    Ok(Some((head, size)))
}

/// The whole upload of this caller, if there is one.
async fn own(desk: &Desk, caller: &Caller, digest: Digest) -> Result<Option<UploadRow>, Refusal> {
    let ask = UploadVerb::Find { system: caller.name().to_owned(), digest, given: Vec::new() };
    let rows = desk.journal.upload(ask).await?.rows;
    Ok(rows.into_iter().find(|row| row.done && row.system == caller.name()))
}

fn store(uploads: &Uploads, bytes: &Bytes) -> Result<Vec<u8>, UploadError> {
    let mut writer = uploads.begin()?;
    let key = writer.key().to_vec();
    writer.write(bytes)?;
    writer.finish()?;
    Ok(key)
}

/// File work off the threads that serve everyone.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> Result<T, Refusal> {
    let interrupted = || Refusal::new(Code::Overloaded, "an attachment could not be read or kept; send it again");
    tokio::task::spawn_blocking(work).await.map_err(|_| interrupted())?.map_err(|error| match &error {
        UploadError::File(file) if crate::journal::uploads::is_full(file) => Refusal::from(JournalError::Full),
        _ => {
            tracing::error!(error = %error, "an attachment file failed");
            interrupted()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::differs;

    #[test]
    fn a_file_is_what_it_is_said_to_be_or_the_warning_says_what_it_is() {
        assert_eq!(differs("application/pdf", b"%PDF-1.7 and so on"), None);
        assert_eq!(differs("Application/PDF; version=1", b"\r\n\r\n%PDF-1.4"), None, "bytes before the header");
        assert_eq!(differs("video/mp4", b"anything"), None, "only what begins in one way is looked at");
        assert!(differs("application/pdf", b"<html>").unwrap().contains("does not begin as one"));
        assert!(differs("application/pdf", &[0xff, 0xd8, 0xff, 0xe0]).unwrap().contains("is `image/jpeg`"));
        assert!(differs("image/png", b"").unwrap().contains("image/png"));
    }
}
