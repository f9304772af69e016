//! Content codings (RFC 9110 section 8.4): one gzip member or one zstd frame, unpacked within a size and a ratio, to its end.
//! Several codings, several members, something behind the end, and a packed document inside a packed one are refused. Pure.

use std::io::Read;

use bytes::Bytes;
use ruzstd::decoding::StreamingDecoder;

use super::Shut;

/// What an unpacked body may be.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Bytes, unpacked.
    pub bytes: usize,
    /// Bytes out for one byte in, once more than `FREE` have come out.
    pub ratio: usize,
}

/// So much may come out whatever the ratio: a short document of few different letters packs very well.
const FREE: usize = 64 * 1024;
/// Looked at after so many bytes: this much more than allowed is the most that is ever held.
const STEP: usize = 16 * 1024;
/// The back-reference window that a decoder of zstd must offer (RFC 8878 section 3.1.1.1.2 recommends 8 MB).
const WINDOW: u64 = 8 << 20;
/// How the two begin.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Plain,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// Reads `Content-Encoding`.
    pub fn parse(said: Option<&str>) -> Result<Self, Shut> {
        match said.map(|said| said.trim().to_ascii_lowercase()).as_deref() {
            None | Some("" | "identity") => Ok(Self::Plain),
            Some("gzip" | "x-gzip") => Ok(Self::Gzip),
            Some("zstd") => Ok(Self::Zstd),
            Some(_) => Err(Shut::new(
                "media-type-unsupported",
                "`Content-Encoding` is `gzip` or `zstd`, one of them and once, or is left out",
            )),
        }
    }
}

/// The document that was packed.
pub fn unpack(coding: Coding, packed: Bytes, caps: &Caps) -> Result<Bytes, Shut> {
    match coding {
        Coding::Plain => Ok(packed),
        Coding::Gzip => gzip(&packed, caps),
        Coding::Zstd => zstd(&packed, caps),
    }
}

fn gzip(packed: &[u8], caps: &Caps) -> Result<Bytes, Shut> {
    let mut member = flate2::bufread::GzDecoder::new(packed);
    let plain = all(&mut member, packed.len(), caps)?;
    finished(member.into_inner(), plain)
}

fn zstd(packed: &[u8], caps: &Caps) -> Result<Bytes, Shut> {
    let window = WINDOW.min((caps.bytes as u64).max(STEP as u64));
    let Ok(mut frame) = StreamingDecoder::new_with_max_window_size(packed, window) else { return Err(broken()) };
    let plain = all(&mut frame, packed.len(), caps)?;
    let (rest, decoder) = frame.into_parts();
    // The decoder computes the checksum and leaves it to us to compare.
    match (decoder.get_checksum_from_data(), decoder.get_calculated_checksum()) {
        (Some(said), found) if Some(said) != found => Err(broken()),
        _ => finished(rest, plain),
    }
}

/// Everything that comes out, as long as it stays within the caps.
fn all(from: &mut impl Read, packed: usize, caps: &Caps) -> Result<Vec<u8>, Shut> {
    let most = caps.bytes.min(packed.saturating_mul(caps.ratio).max(FREE));
    let mut plain = Vec::with_capacity(most.min(packed.saturating_mul(4)));
    loop {
        let before = plain.len();
        from.by_ref().take(STEP as u64).read_to_end(&mut plain).map_err(|_| broken())?;
        if plain.len() > most {
            let detail = format!(
                "the unpacked body may have {} bytes at most, and {} times the packed size at most",
                caps.bytes, caps.ratio
            );
            return Err(Shut::new("too-large", detail));
        }
        if plain.len() < before + STEP {
            return Ok(plain);
        }
    }
}

fn finished(rest: &[u8], plain: Vec<u8>) -> Result<Bytes, Shut> {
    if !rest.is_empty() {
        return Err(Shut::new(
            "encoding-refused",
            "something stands behind the end of the packed body: send one member only",
        ));
    }
    if plain.starts_with(&GZIP) || plain.starts_with(&ZSTD) {
        return Err(Shut::new("encoding-refused", "the body was packed twice: pack it once"));
    }
    Ok(Bytes::from(plain))
}

fn broken() -> Shut {
    Shut::new(
        "encoding-refused",
        "the body cannot be unpacked: it is damaged, cut off, or not what `Content-Encoding` says",
    )
}

#[cfg(test)]
#[path = "../../tests/it/harness/packed.rs"]
mod packed;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::packed::{gz, zst};
    use super::{Caps, Coding, unpack};

    const CAPS: Caps = Caps { bytes: 1 << 20, ratio: 100 };

    fn code(coding: Coding, packed: &[u8]) -> &'static str {
        unpack(coding, Bytes::copy_from_slice(packed), &CAPS).expect_err("this must stay outside").code
    }

    fn both(plain: &[u8]) -> [(Coding, Vec<u8>); 2] {
        [(Coding::Gzip, gz(plain)), (Coding::Zstd, zst(plain))]
    }

    #[test]
    fn what_was_packed_comes_out_again() {
        let plain: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        for sent in [&b"{}"[..], b"", &plain] {
            for (coding, packed) in both(sent) {
                let read = unpack(coding, Bytes::from(packed), &CAPS).unwrap();
                assert_eq!(read.as_ref(), sent, "{coding:?}");
            }
        }
    }

    #[test]
    fn bombs_stop_at_the_caps() {
        // Within the size and over the ratio; over the size and within the ratio; over both by a thousand times.
        for (coding, packed) in both(&vec![b' '; 900_000]) {
            assert_eq!(code(coding, &packed), "too-large", "{coding:?}");
        }
        let noise: Vec<u8> = (0..1_100_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
        for (coding, packed) in both(&noise).into_iter().chain(both(&vec![0; 64 << 20])) {
            assert_eq!(code(coding, &packed), "too-large", "{coding:?}");
        }
        // The ratio does not count for what is small.
        for (coding, packed) in both(&vec![b' '; 60_000]) {
            assert!(unpack(coding, Bytes::from(packed), &CAPS).is_ok(), "{coding:?}");
        }
    }

    #[test]
    fn several_members_trailing_bytes_and_packed_twice_are_refused() {
        for (coding, packed) in both(b"{\"a\": 1}") {
            let twice: Vec<u8> = packed.iter().chain(&packed).copied().collect();
            assert_eq!(code(coding, &twice), "encoding-refused", "{coding:?}: two members");
            let trailing: Vec<u8> = packed.iter().chain(b"\0").copied().collect();
            assert_eq!(code(coding, &trailing), "encoding-refused", "{coding:?}: a byte behind");
            for (outer, nested) in both(&packed) {
                assert_eq!(code(outer, &nested), "encoding-refused", "{coding:?} in {outer:?}");
            }
        }
    }

    #[test]
    fn what_is_damaged_or_cut_off_is_refused_wherever_it_is() {
        let plain: Vec<u8> = (0..3_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
        for (coding, packed) in both(&plain) {
            for cut in [0, 1, 4, packed.len() / 2, packed.len() - 1] {
                assert_eq!(code(coding, &packed[..cut]), "encoding-refused", "{coding:?} cut at {cut}");
            }
            for at in (0..packed.len()).step_by(97) {
                let mut damaged = packed.clone();
                damaged[at] ^= 0x10;
                let read = unpack(coding, Bytes::from(damaged), &CAPS);
                assert!(read.is_err() || read.unwrap().as_ref() == plain, "{coding:?} damaged at {at}");
            }
        }
        assert_eq!(code(Coding::Gzip, &zst(b"{}")), "encoding-refused");
        assert_eq!(code(Coding::Zstd, &gz(b"{}")), "encoding-refused");
    }

    #[test]
    fn a_window_larger_than_the_document_may_be_is_refused_before_memory_is_taken() {
        // Magic, a descriptor without size, a window of 2^37 bytes; then nothing.
        assert_eq!(code(Coding::Zstd, &[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xd8, 0, 0, 0]), "encoding-refused");
    }

    #[test]
    fn one_coding_of_two_is_understood() {
        for (said, coding) in [
            (None, Coding::Plain),
            (Some("identity"), Coding::Plain),
            (Some(" GZIP "), Coding::Gzip),
            (Some("zstd"), Coding::Zstd),
        ] {
            assert_eq!(Coding::parse(said).unwrap(), coding);
        }
        for said in ["br", "deflate", "gzip, gzip", "gzip,zstd", "compress", "gzip;q=1"] {
            assert_eq!(Coding::parse(Some(said)).unwrap_err().code, "media-type-unsupported", "{said}");
        }
    }
}
