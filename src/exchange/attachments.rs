//! Files that records name: uploaded before the record, whole or in parts, read back in ranges by those who were sent them.
//! An upload is never skipped because somebody else has the same bytes: that would tell a stranger that they exist.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;

use super::Exchange;
use super::access::{Known, demand};
use super::allowance::Room;
use super::held::find;
use super::problem::{Problem, Usual};
use super::request::{self, Part};
use crate::accept::{Code, Refusal};
use crate::doors::body::Pieces;
use crate::journal::uploads::{UploadError, Writer, is_full};
use crate::journal::{Digest, JournalError, Reading, UploadRow, UploadVerb};
use crate::seal;
use crate::tokens::Caller;

/// Bytes that are sealed or opened in one go.
const STRIDE: u64 = 1 << 20;
/// What a buffer holds: a stride, and the last of the bytes that came with its end.
const ROOM: usize = (1 << 20) + 512 * 1024;

/// Upload an attachment in one request.
#[utoipa::path(put, path = "/v1/attachments/{sha256}", tag = "attachments",
    params(("sha256" = String, Path, description = "SHA-256 of the bytes, 64 hex digits")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "Durable; a record may name it"),
        (status = 400, description = "The body broke off", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "This system sends nothing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The path is no SHA-256", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The bytes have another digest", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body stopped, or came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Packed in a way that is not taken here", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded or disk full", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn put(
    State(exchange): State<Arc<Exchange>>,
    Known(caller): Known,
    Part(name): Part,
    request: Request,
) -> Result<Response, Refusal> {
    let upload = Upload::new(&exchange, &caller, &name).await?;
    request::plain(request.headers())?;
    let old = upload.row().await?;
    let writer = begin(&exchange).await?;
    let writer = upload.take(writer, request.into_body(), old.as_ref()).await?;
    upload.complete(writer, old).await
}

/// Upload an attachment in parts.
///
/// Begin with `Upload-Offset: 0`; `HEAD` tells the offset to go on from. It is complete when the bytes have the digest of
/// the path; with `Upload-Length` that is looked at once, at the end.
#[utoipa::path(patch, path = "/v1/attachments/{sha256}", tag = "attachments",
    params(
        ("sha256" = String, Path, description = "SHA-256 of the whole"),
        ("Upload-Offset" = u64, Header, description = "Where this part begins"),
        ("Upload-Length" = Option<u64>, Header, description = "Bytes of the whole, where they are known")),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses(
        (status = 201, description = "Complete and durable"),
        (status = 204, description = "This part is durable; go on at `Upload-Offset`"),
        (status = 400, description = "The body broke off; what came is kept", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "This system sends nothing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The path is no SHA-256", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Another offset is due, or the whole has another digest", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body stopped, or came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Packed in a way that is not taken here", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A header is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded or disk full", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn patch(
    State(exchange): State<Arc<Exchange>>,
    Known(caller): Known,
    Part(name): Part,
    request: Request,
) -> Result<Response, Refusal> {
    let upload = Upload::new(&exchange, &caller, &name).await?;
    let (parts, body) = request.into_parts();
    request::plain(&parts.headers)?;
    let offset = number(&parts.headers, "Upload-Offset")?.ok_or_else(|| {
        Refusal::header("Upload-Offset", "header-missing", "say in `Upload-Offset` where this part begins")
    })?;
    let length = number(&parts.headers, "Upload-Length")?;
    upload.room.fits(offset, length)?;
    let _turn = exchange.turn(caller.name(), &upload.digest)?;
    let row = upload.row().await?;
    let due = match row.as_ref() {
        // What is complete may be sent again from its beginning.
        Some(row) if !(row.done && offset == 0) => reached(&exchange, row).await?,
        _ => 0,
    };
    if offset != due {
        return Ok(another_offset(offset, due, row.is_some_and(|row| row.done)));
    }
    let writer = match row.as_ref().filter(|row| !row.done && offset > 0) {
        Some(row) => resume(&exchange, row.clone(), offset).await?,
        None => begin(&exchange).await?,
    };
    let writer = upload.take(writer, body, row.as_ref()).await?;
    upload.part(writer, length, row).await
}

/// How much of an attachment is there?
#[utoipa::path(head, path = "/v1/attachments/{sha256}", tag = "attachments",
    params(("sha256" = String, Path, description = "SHA-256")),
    responses(
        (status = 200, description = "`Upload-Offset`: bytes that you have uploaded; `Upload-Complete`: `?1` or `?0`"),
        (status = 401, description = "No valid token"),
        (status = 404, description = "You neither uploaded it nor were sent it"),
        (status = 429, description = "Too many calls"),
        (status = 503, description = "Overloaded")))]
pub async fn head(
    State(exchange): State<Arc<Exchange>>,
    Known(caller): Known,
    Part(name): Part,
) -> Result<Response, Refusal> {
    let rows = find(&exchange, &caller, digest(&name)?).await?;
    // What they were sent is no upload of theirs: a record of their own that names it needs one.
    let (offset, complete) = match rows.iter().find(|row| row.system == caller.name()) {
        Some(own) => (reached(&exchange, own).await?, own.done),
        None if rows.is_empty() => return Err(nothing()),
        None => (0, false),
    };
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    progress(headers, offset, complete);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(whole) = rows.iter().find(|row| row.done) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.offset));
    }
    Ok(response)
}

/// Read an attachment that you uploaded or were sent.
#[utoipa::path(get, path = "/v1/attachments/{sha256}", tag = "attachments",
    params(("sha256" = String, Path, description = "SHA-256"), ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("Icjs-Actor" = Option<String>, Header, description = "The officer, as for a submission"),
        ("Icjs-Purpose" = Option<String>, Header, description = "What for; it is kept. `GET /v1/me` says whether you must say it"),
        ("Icjs-Ground" = Option<String>, Header, description = "By what right; it is kept")),
    responses(
        (status = 200, description = "The bytes", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The range", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 403, description = "A claim that proves no officer", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You neither uploaded it nor were sent it", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The range lies outside; `Content-Range` tells the size"),
        (status = 422, description = "A required officer is missing or misnamed", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Overloaded", body = Problem, content_type = "application/problem+json"),
        Usual))]
pub async fn get(
    State(exchange): State<Arc<Exchange>>,
    Known(caller): Known,
    Part(name): Part,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let reading = exchange.reader(&caller, &headers, "attachment")?;
    exchange.within_reads(&caller, &reading)?;
    let rows = exchange.found(&reading, &name, find(&exchange, &caller, digest(&name)?).await)?;
    let row = exchange.found(&reading, &name, rows.into_iter().find(|row| row.done).ok_or_else(nothing))?;
    let size = row.offset;
    let (status, range) = match wanted(&headers, size) {
        Wanted::All => (StatusCode::OK, 0..size),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Outside => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
    };
    if status != StatusCode::RANGE_NOT_SATISFIABLE {
        exchange.note(Reading { attachment: Some(name), ..reading }).await?;
    }
    let (start, end) = (range.start, range.end);
    let mut response = Response::new(bytes_of(exchange, row, range));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(end - start));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Never shown by a browser as what it may claim to be.
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let place = match status {
        StatusCode::PARTIAL_CONTENT => Some(format!("bytes {start}-{}/{size}", end.saturating_sub(1))),
        StatusCode::RANGE_NOT_SATISFIABLE => Some(format!("bytes */{size}")),
        _ => None,
    };
    if let Some(place) = place.and_then(|place| HeaderValue::from_str(&place).ok()) {
        headers.insert(header::CONTENT_RANGE, place);
    }
    Ok(response)
}

/// The answer to a part that does not begin where the one before ended: where it must begin stands in the header too.
fn another_offset(offset: u64, due: u64, complete: bool) -> Response {
    let detail = if complete {
        format!("this part begins at {offset}; the upload is complete with {due} bytes, and nothing more is due")
    } else {
        format!("this part begins at {offset}, and {due} is due; send the bytes from {due} on")
    };
    let mut response = Refusal::new(Code::DigestMismatch, detail).into_response();
    progress(response.headers_mut(), due, complete);
    response
}

fn progress(headers: &mut HeaderMap, offset: u64, complete: bool) {
    headers.insert("upload-offset", HeaderValue::from(offset));
    headers.insert("upload-complete", HeaderValue::from_static(if complete { "?1" } else { "?0" }));
}

fn nothing() -> Refusal {
    Refusal::new(Code::NotFound, "no attachment with this digest that you uploaded or were sent")
}

fn digest(name: &str) -> Result<Digest, Refusal> {
    let digest = seal::unhex(name).and_then(|bytes| Digest::try_from(bytes).ok());
    digest.ok_or_else(|| Refusal::new(Code::NotFound, "an attachment is named by its SHA-256: 64 hex digits"))
}

fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, Refusal> {
    let sent = request::header(headers, name);
    let read =
        |text: String| text.parse().map_err(|_| Refusal::header(name, "format", format!("`{name}` is a number")));
    sent.map(read).transpose()
}

async fn begin(exchange: &Arc<Exchange>) -> Result<Writer, Refusal> {
    let exchange = Arc::clone(exchange);
    blocking(move || exchange.uploads.begin()).await
}

async fn resume(exchange: &Arc<Exchange>, row: UploadRow, offset: u64) -> Result<Writer, Refusal> {
    let exchange = Arc::clone(exchange);
    blocking(move || exchange.uploads.resume(&row.key, offset)).await
}

/// How much of an upload is there: all of a complete one, else where it goes on.
async fn reached(exchange: &Arc<Exchange>, row: &UploadRow) -> Result<u64, Refusal> {
    if row.done {
        return Ok(row.offset);
    }
    let (exchange, key, offset) = (Arc::clone(exchange), row.key.clone(), row.offset);
    blocking(move || exchange.uploads.reached(&key, offset)).await
}

/// File work off the threads that serve everyone.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> Result<T, Refusal> {
    joined(tokio::task::spawn_blocking(work)).await
}

async fn joined<T>(task: tokio::task::JoinHandle<Result<T, UploadError>>) -> Result<T, Refusal> {
    let interrupted = || Refusal::new(Code::Overloaded, "the upload was interrupted; go on where `HEAD` says");
    task.await.map_err(|_| interrupted())?.map_err(|error| {
        if let UploadError::File(file) = &error
            && is_full(file)
        {
            return Refusal::from(JournalError::Full);
        }
        tracing::error!(error = %error, "an attachment file failed");
        interrupted()
    })
}

/// One upload of one caller.
struct Upload<'a> {
    exchange: &'a Arc<Exchange>,
    room: Room,
    system: String,
    digest: Digest,
}

impl<'a> Upload<'a> {
    async fn new(exchange: &'a Arc<Exchange>, caller: &Caller, name: &str) -> Result<Self, Refusal> {
        if caller.system()?.send.is_empty() {
            demand(caller, "send:<kind>")?;
        }
        let (digest, system) = (digest(name)?, caller.name().to_owned());
        Ok(Self { exchange, room: Room::of(exchange, &system).await?, system, digest })
    }

    /// What this caller has uploaded of it.
    async fn row(&self) -> Result<Option<UploadRow>, Refusal> {
        let ask = UploadVerb::Find { system: self.system.clone(), digest: self.digest, given: Vec::new() };
        let rows = self.exchange.journal().upload(ask).await?.rows;
        Ok(rows.into_iter().find(|row| row.system == self.system))
    }

    /// Takes a body to its end, or to where it breaks off: what came is written. One stride is hashed, sealed and written
    /// while the next one comes in.
    async fn take(&self, writer: Writer, body: Body, before: Option<&UploadRow>) -> Result<Writer, Refusal> {
        let mut body = Pieces::new(body, request::pace(&self.exchange.desk.settings));
        let mut size = writer.size();
        let mut under_way = Written::Done(Box::new((writer, Vec::new())));
        let mut waiting = Vec::with_capacity(ROOM);
        loop {
            let piece = body.next().await;
            let Ok(Some(data)) = piece else {
                let (writer, _) = under_way.done().await?;
                let (writer, _) = Written::begin(writer, waiting).done().await?;
                return match piece {
                    Ok(_) => Ok(writer),
                    Err(shut) => Err(self.broken(writer, before.cloned(), Refusal::from(shut).code).await),
                };
            };
            waiting.extend_from_slice(&data);
            size += data.len() as u64;
            if let Err(refusal) = self.room.take(size, data.len() as u64) {
                let (writer, _) = under_way.done().await?;
                blocking(move || writer.discard()).await?;
                return Err(refusal);
            }
            if waiting.len() as u64 >= STRIDE {
                let (writer, emptied) = under_way.done().await?;
                under_way = Written::begin(writer, std::mem::replace(&mut waiting, emptied));
            }
        }
    }

    /// The connection broke: what is there is kept, so that the client may go on from it.
    async fn broken(&self, writer: Writer, before: Option<UploadRow>, code: Code) -> Refusal {
        match self.pause(writer, before).await {
            Ok(()) => Refusal::new(code, "the body broke off; go on where `HEAD` says"),
            Err(worse) => worse,
        }
    }

    async fn pause(&self, writer: Writer, before: Option<UploadRow>) -> Result<(), Refusal> {
        let (size, key) = (writer.size(), writer.key().to_vec());
        blocking(move || writer.pause(false)).await?;
        self.name(size, false, key, before).await
    }

    async fn note(&self, offset: u64, done: bool, key: Vec<u8>) -> Result<(), Refusal> {
        let at = self.exchange.desk.clock.now();
        let verb = UploadVerb::Put { system: self.system.clone(), digest: self.digest, offset, done, key, at };
        self.exchange.journal().upload(verb).await?;
        Ok(())
    }

    /// What is there gets its row; the file that the row named before goes last. A file that got none is nobody's.
    /// Of two that came at once the first stays, whole as it is: somebody may be reading it.
    async fn name(&self, size: u64, done: bool, key: Vec<u8>, before: Option<UploadRow>) -> Result<(), Refusal> {
        let _one = self.exchange.naming.lock().await;
        let now = self.row().await?;
        if let Some(first) = now.as_ref().filter(|row| row.done && row.key != key)
            && self.exchange.uploads.is_whole(&first.key, first.offset)
        {
            let (offset, first) = (first.offset, first.key.clone());
            self.note(offset, true, first).await?;
            return self.remove(key).await;
        }
        let before = now.or(before);
        let named = before.as_ref().is_some_and(|row| row.key == key);
        match (self.note(size, done, key.clone()).await, before) {
            (Ok(()), Some(before)) if !named => {
                // A complete upload is not replaced by the beginning of another one.
                self.remove(if before.done && !done { key } else { before.key }).await
            }
            (Ok(()), _) => Ok(()),
            (Err(full), _) if full.code == Code::StorageFull && !named => self.remove(key).await.and(Err(full)),
            (Err(refusal), _) => Err(refusal),
        }
    }

    /// The whole is there: durable first, then named by its row.
    async fn complete(&self, writer: Writer, before: Option<UploadRow>) -> Result<Response, Refusal> {
        let (size, key) = (writer.size(), writer.key().to_vec());
        let found = blocking(move || writer.finish()).await?;
        if found != self.digest {
            self.remove(key).await?;
            let detail = format!("the bytes have the SHA-256 {}", seal::hex(&found));
            return Err(Refusal::new(Code::DigestMismatch, detail));
        }
        self.name(size, true, key, before).await?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::CREATED;
        let location = format!("/v1/attachments/{}", seal::hex(&self.digest));
        if let Ok(location) = HeaderValue::from_str(&location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        Ok(response)
    }

    /// One part is there. Whether it was the last, the length says, or the digest of all.
    async fn part(&self, writer: Writer, length: Option<u64>, before: Option<UploadRow>) -> Result<Response, Refusal> {
        let (size, key) = (writer.size(), writer.key().to_vec());
        match length {
            Some(length) if length == size => return self.complete(writer, before).await,
            Some(length) if length < size => {
                blocking(move || writer.pause(false)).await?;
                self.remove(key).await?;
                let message = format!("`Upload-Length` says {length} bytes in all, and {size} came; begin again at 0");
                return Err(Refusal::header("Upload-Length", "range", message));
            }
            Some(_) => {
                self.pause(writer, before).await?;
            }
            None => {
                let whole = blocking(move || writer.pause(true)).await? == Some(self.digest);
                self.name(size, whole, key, before).await?;
                if whole {
                    return Ok(empty(StatusCode::CREATED, size));
                }
            }
        }
        Ok(empty(StatusCode::NO_CONTENT, size))
    }

    async fn remove(&self, key: Vec<u8>) -> Result<(), Refusal> {
        let exchange = Arc::clone(self.exchange);
        blocking(move || exchange.uploads.remove(&key)).await
    }
}

/// A stride that is being written, and the buffer that it came in, for the next one.
enum Written {
    Done(Box<(Writer, Vec<u8>)>),
    Going(tokio::task::JoinHandle<Result<(Writer, Vec<u8>), UploadError>>),
}

impl Written {
    fn begin(mut writer: Writer, mut bytes: Vec<u8>) -> Self {
        Self::Going(tokio::task::spawn_blocking(move || {
            writer.write(&bytes)?;
            bytes.clear();
            Ok((writer, bytes))
        }))
    }

    async fn done(self) -> Result<(Writer, Vec<u8>), Refusal> {
        match self {
            Self::Done(both) => Ok(*both),
            Self::Going(task) => joined(task).await,
        }
    }
}

fn empty(status: StatusCode, offset: u64) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert("upload-offset", HeaderValue::from(offset));
    response
}

/// What a `Range` header asks for.
enum Wanted {
    All,
    Part(Range<u64>),
    Outside,
}

/// One range is served; several, or what is no range, get the whole (RFC 9110 section 14.2 allows it).
fn wanted(headers: &HeaderMap, size: u64) -> Wanted {
    let Some(text) = request::header(headers, "range") else { return Wanted::All };
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Wanted::All;
    };
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..size,
        (Err(_), Ok(last)) if first.trim().is_empty() => size.saturating_sub(last)..size,
        _ => return Wanted::All,
    };
    if range.start < range.end { Wanted::Part(range) } else { Wanted::Outside }
}

/// The bytes of a range, opened stride by stride while they are sent.
fn bytes_of(exchange: Arc<Exchange>, row: UploadRow, range: Range<u64>) -> Body {
    let key: Arc<[u8]> = row.key.into();
    let strides = stream::try_unfold(range.start, move |at| {
        let (exchange, key) = (Arc::clone(&exchange), Arc::clone(&key));
        async move {
            if at >= range.end {
                return Ok(None);
            }
            let end = at.saturating_add(STRIDE).min(range.end);
            let read = blocking(move || exchange.uploads.read(&key, at..end)).await;
            // A file that cannot be read on ends the body before its length: the client sees that it is not whole.
            read.map(|bytes| Some((Bytes::from(bytes), end))).map_err(|refusal| std::io::Error::other(refusal.detail))
        }
    });
    Body::from_stream(strides)
}
