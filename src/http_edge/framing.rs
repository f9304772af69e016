//! Where one HTTP/1 request ends and the next begins, by RFC 9112 and by nothing more lenient. What two servers on the way
//! might read differently (two lengths, a length beside a coding, bare line feeds, folded lines, extensions of chunks) is a
//! fault here, and nothing behind a fault is ever read as a request. Pure: bytes in, how many of them may pass out.

use std::ops::Range;

/// The bounds of a head.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes, with the empty line.
    pub bytes: usize,
    /// Header lines.
    pub lines: usize,
}

/// Why nothing more is read from a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The head, or a chunk, is not what RFC 9112 says.
    Form,
    /// The head is larger than its bounds.
    Large,
}

/// The body that a head announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Exact(u64),
    /// Chunks to the last one.
    Chunked,
}

/// The first bytes of every HTTP/2 connection (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Digits of a length: no body is longer than a petabyte.
const DIGITS: usize = 15;
/// Hexadecimal digits of a chunk's size.
const CHUNK_DIGITS: usize = 8;
/// Letters of a method.
const METHOD: usize = 16;

/// Where in the stream of requests a connection stands.
#[derive(Debug)]
pub struct Framing {
    bounds: Bounds,
    place: Place,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// In a head, of which so much has been looked through. The very first may turn out to be HTTP/2.
    Head { looked: usize, first: bool },
    /// In a body of which so much is left.
    Body(u64),
    /// In a chunked body.
    Chunk(Chunk),
    /// HTTP/2: its frames are the library's.
    Frames,
}

#[derive(Clone, Copy, Debug)]
enum Chunk {
    Size { digits: usize, size: u64 },
    SizeEnd(u64),
    Data(u64),
    DataCr,
    DataEnd,
    LastCr,
    LastEnd,
    Broken,
}

impl Framing {
    /// Of a new connection.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, place: Place::Head { looked: 0, first: true } }
    }

    /// Whether a request's head is being read, and nothing else may come.
    pub fn in_head(&self) -> bool {
        matches!(self.place, Place::Head { .. })
    }

    /// Whether this many bytes may pass unseen.
    pub fn open_for(&self, bytes: usize) -> bool {
        match self.place {
            Place::Frames => true,
            Place::Body(left) => bytes as u64 <= left,
            Place::Head { .. } | Place::Chunk(_) => false,
        }
    }

    /// So many bytes passed unseen.
    pub fn passed(&mut self, bytes: usize) {
        if let Place::Body(left) = self.place {
            self.place = after_body(left.saturating_sub(bytes as u64));
        }
    }

    /// How many of `held` may pass now; none: more is needed. A head passes as a whole or not at all, and nothing of the next
    /// request passes with the end of this one.
    pub fn next(&mut self, held: &[u8]) -> Result<usize, Fault> {
        match self.place {
            _ if held.is_empty() => Ok(0),
            Place::Head { looked, first } => self.head(held, looked, first),
            Place::Body(left) => {
                let passing = held.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                self.passed(passing);
                Ok(passing)
            }
            Place::Chunk(chunk) => self.chunks(held, chunk),
            Place::Frames => Ok(held.len()),
        }
    }

    fn head(&mut self, held: &[u8], looked: usize, first: bool) -> Result<usize, Fault> {
        if first && is_preface(held) {
            if held.len() >= PREFACE.len() {
                self.place = Place::Frames;
                return Ok(held.len());
            }
            return Ok(0);
        }
        // A TLS greeting, or anything else that is no request: nobody need wait for its end.
        if !held.first().is_some_and(u8::is_ascii_uppercase) {
            return Err(Fault::Form);
        }
        // Only what may be a head is looked at: what lies beyond changes nothing, however much of it has come.
        let within = held.get(..held.len().min(self.bounds.bytes)).unwrap_or_default();
        let Some(end) = end_of_head(within, looked)? else {
            if held.len() > self.bounds.bytes {
                return Err(Fault::Large);
            }
            self.place = Place::Head { looked: held.len(), first };
            return Ok(0);
        };
        self.place = match judge(held.get(..end).unwrap_or_default(), &self.bounds)? {
            Length::Exact(length) => after_body(length),
            Length::Chunked => Place::Chunk(FIRST_CHUNK),
        };
        Ok(end)
    }

    fn chunks(&mut self, held: &[u8], mut chunk: Chunk) -> Result<usize, Fault> {
        let mut at = 0;
        while let Some(byte) = held.get(at).copied() {
            if let Chunk::Data(left) = chunk {
                let passing = (held.len() - at).min(usize::try_from(left).unwrap_or(usize::MAX));
                at += passing;
                let left = left - passing as u64;
                chunk = if left == 0 { Chunk::DataCr } else { Chunk::Data(left) };
                continue;
            }
            match step(chunk, byte) {
                Ok(Some(next)) => chunk = next,
                Ok(None) => {
                    self.place = Place::Head { looked: 0, first: false };
                    return Ok(at + 1);
                }
                // What came before the fault is good, and may be a batch of which every line has been taken.
                Err(_) if at > 0 => {
                    self.place = Place::Chunk(Chunk::Broken);
                    return Ok(at);
                }
                Err(fault) => return Err(fault),
            }
            at += 1;
        }
        self.place = Place::Chunk(chunk);
        Ok(at)
    }
}

const FIRST_CHUNK: Chunk = Chunk::Size { digits: 0, size: 0 };

/// One byte of what stands around the data of chunks: the size in hexadecimal and nothing else on its line; no trailer at the
/// end, since nobody here reads any. `None` after the last.
fn step(chunk: Chunk, byte: u8) -> Result<Option<Chunk>, Fault> {
    let next = match (chunk, byte) {
        (Chunk::Size { digits, size }, b'\r') if digits > 0 => Chunk::SizeEnd(size),
        (Chunk::Size { digits, size }, digit) if digits < CHUNK_DIGITS => {
            let value = char::from(digit).to_digit(16).ok_or(Fault::Form)?;
            Chunk::Size { digits: digits + 1, size: size * 16 + u64::from(value) }
        }
        (Chunk::SizeEnd(0), b'\n') => Chunk::LastCr,
        (Chunk::SizeEnd(size), b'\n') => Chunk::Data(size),
        (Chunk::DataCr, b'\r') => Chunk::DataEnd,
        (Chunk::DataEnd, b'\n') => FIRST_CHUNK,
        (Chunk::LastCr, b'\r') => Chunk::LastEnd,
        (Chunk::LastEnd, b'\n') => return Ok(None),
        _ => return Err(Fault::Form),
    };
    Ok(Some(next))
}

fn after_body(left: u64) -> Place {
    if left == 0 { Place::Head { looked: 0, first: false } } else { Place::Body(left) }
}

fn is_preface(held: &[u8]) -> bool {
    let length = held.len().min(PREFACE.len());
    held.get(..length) == PREFACE.get(..length)
}

/// Where the head ends, if it does; every line feed in it follows a carriage return.
fn end_of_head(held: &[u8], looked: usize) -> Result<Option<usize>, Fault> {
    let mut from = looked;
    while let Some(found) = held.get(from..).unwrap_or_default().iter().position(|byte| *byte == b'\n') {
        let end = from + found + 1;
        let before = held.get(..end).unwrap_or_default();
        if before.ends_with(b"\r\n\r\n") {
            return Ok(Some(end));
        }
        if !before.ends_with(b"\r\n") {
            return Err(Fault::Form);
        }
        from = end;
    }
    Ok(None)
}

/// Judges a whole head with its empty line, and says what body follows it.
pub fn judge(head: &[u8], bounds: &Bounds) -> Result<Length, Fault> {
    let mut lines = Lines { head, at: 0 };
    let version_1_1 = request_line(lines.next().ok_or(Fault::Form)?)?;
    let (mut length, mut chunked, mut host, mut count) = (None, false, 0, 0);
    for line in lines.by_ref() {
        if line.is_empty() {
            break;
        }
        count += 1;
        let (name, value) = field(line)?;
        if name.eq_ignore_ascii_case(b"content-length") {
            if length.replace(number(value)?).is_some() {
                return Err(Fault::Form);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            // The one coding that is read here, and once: any other would be the body's meaning to somebody else.
            if chunked || !value.eq_ignore_ascii_case(b"chunked") || !version_1_1 {
                return Err(Fault::Form);
            }
            chunked = true;
        } else if name.eq_ignore_ascii_case(b"host") {
            host += 1;
        }
    }
    if count > bounds.lines {
        return Err(Fault::Large);
    }
    let named = host == 1 || (host == 0 && !version_1_1);
    if !named || lines.next().is_some() {
        return Err(Fault::Form);
    }
    match (length, chunked) {
        (Some(_), true) => Err(Fault::Form),
        (_, true) => Ok(Length::Chunked),
        (length, false) => Ok(Length::Exact(length.unwrap_or(0))),
    }
}

/// Method, target and version, parted by one space each. True for HTTP/1.1.
fn request_line(line: &[u8]) -> Result<bool, Fault> {
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, words.next()) else {
        return Err(Fault::Form);
    };
    let word = !method.is_empty() && method.len() <= METHOD && method.iter().all(u8::is_ascii_uppercase);
    // A path of this server. A URL or an authority (CONNECT) is said to proxies, and this is none.
    let path = target.starts_with(b"/") || (target == b"*" && method == b"OPTIONS");
    let plain = target.iter().all(u8::is_ascii_graphic);
    if !(word && path && plain) || method == b"CONNECT" || method == REFUSED.as_bytes() {
        return Err(Fault::Form);
    }
    match version {
        b"HTTP/1.1" => Ok(true),
        b"HTTP/1.0" => Ok(false),
        _ => Err(Fault::Form),
    }
}

/// The method of the request that stands in for one that was refused: no client can send it.
pub const REFUSED: &str = "REFUSED";

/// Name and value of a header line: no space before the colon, no folded line, no control character.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Fault::Form)?;
    let (name, value) = (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default());
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let text = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    if name.is_empty() || !name.iter().all(token) || !value.iter().all(text) {
        return Err(Fault::Form);
    }
    Ok((name, value.trim_ascii()))
}

fn number(value: &[u8]) -> Result<u64, Fault> {
    let digits = !value.is_empty() && value.len() <= DIGITS && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).map_err(|_| Fault::Form)?;
    text.parse().ok().filter(|_| digits).ok_or(Fault::Form)
}

/// The lines of a head, of which each line feed is known to follow a carriage return.
struct Lines<'h> {
    head: &'h [u8],
    at: usize,
}

impl<'h> Iterator for Lines<'h> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<&'h [u8]> {
        let rest = self.head.get(self.at..).filter(|rest| !rest.is_empty())?;
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        self.at += end + 1;
        let line: Range<usize> = 0..end.saturating_sub(1);
        rest.get(line)
    }
}

#[cfg(test)]
mod tests;
