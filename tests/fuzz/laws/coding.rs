//! The law of packed bodies: what was packed comes out again or is refused for its size; whatever else is sent as packed, no more
//! comes out than the caps let, and what came out is what a second packing gives back.

use std::io::Write;

use bytes::Bytes;
use icjs::doors::coding::{Caps, Coding, unpack};

const CAPS: Caps = Caps { bytes: 200_000, ratio: 50 };
/// So much may come out whatever the ratio (`doors::coding`), and one step more is read before it is seen.
const FREE: usize = 64 * 1024;

/// The first byte says how the rest is taken: as a document to pack (and how often it is repeated), or as packed already.
pub fn check(bytes: &[u8]) {
    let Some((how, rest)) = bytes.split_first() else { return };
    let coding = if how & 1 == 0 { Coding::Gzip } else { Coding::Zstd };
    if how & 2 == 0 {
        // Repeated up to 64 times: what packs well comes near the caps.
        let plain = rest[..rest.len().min(4_000)].repeat(usize::from(how >> 2) + 1);
        packed(coding, &plain);
    } else if let Ok(plain) = unpack(coding, Bytes::copy_from_slice(rest), &CAPS) {
        let most = CAPS.bytes.min((rest.len() * CAPS.ratio).max(FREE));
        assert!(plain.len() <= most, "{} bytes out of {}", plain.len(), rest.len());
        packed(coding, &plain);
    }
    let said = String::from_utf8_lossy(rest);
    if let Ok(read) = Coding::parse(Some(&said)) {
        let known = ["", "identity", "gzip", "x-gzip", "zstd"].contains(&said.trim().to_ascii_lowercase().as_str());
        assert!(known, "`{said}` is {read:?}");
    }
}

fn packed(coding: Coding, plain: &[u8]) {
    let packed = match coding {
        Coding::Zstd => ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest),
        _ => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(plain).expect("it packs into memory");
            packer.finish().expect("it packs into memory")
        }
    };
    let most = CAPS.bytes.min((packed.len() * CAPS.ratio).max(FREE));
    let twice = plain.starts_with(&[0x1f, 0x8b]) || plain.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    match unpack(coding, Bytes::from(packed), &CAPS) {
        Ok(read) => assert!(read == plain && plain.len() <= most && !twice, "{} bytes changed", plain.len()),
        Err(shut) if plain.len() > most => assert_eq!(shut.code, "too-large"),
        Err(shut) => assert!(twice && shut.code == "encoding-refused", "{} bytes: {shut:?}", plain.len()),
    }
}
