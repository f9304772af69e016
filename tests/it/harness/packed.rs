//! Bodies packed as a sender packs them, for the tests of the doors from inside and through the socket.

use std::io::Write;

pub fn gz(plain: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(plain).unwrap();
    packer.finish().unwrap()
}

pub fn zst(plain: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest)
}
