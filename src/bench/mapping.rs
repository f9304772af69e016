//! What a mapping costs, tree to tree, against parsing the bytes that the tree came from. In this process, on one
//! thread: nothing else runs yet.

use std::hint::black_box;
use std::time::Instant;

use super::rounds::median;
use super::sheets::Sheets;

/// Bytes of the charge sheet that is mapped.
const BYTES: usize = 5_120;
const ROUNDS: usize = 9;
const TIMES: u32 = 200;

/// Microseconds each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// Bytes to native tree.
    pub parse_us: f64,
    /// Native tree to shared tree.
    pub decode_us: f64,
    /// Shared tree to native tree.
    pub encode_us: f64,
}

/// Measures on a charge sheet of about 5 KB.
pub fn measure(sheets: &Sheets<'_>) -> Result<Measured, String> {
    let native = sheets.of_size(BYTES);
    let bytes = sheets.bytes(&native)?;
    let shared = sheets.shared(&native)?;
    sheets.encode(&shared)?;
    Ok(Measured {
        parse_us: timed(|| black_box(sheets.parse(&bytes)).is_ok()),
        decode_us: timed(|| black_box(sheets.shared(&native)).is_ok()),
        encode_us: timed(|| black_box(sheets.encode(&shared)).is_ok()),
    })
}

fn timed(mut act: impl FnMut() -> bool) -> f64 {
    let round = |_| {
        let began = Instant::now();
        for _ in 0..TIMES {
            black_box(act());
        }
        began.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
    };
    median((0..ROUNDS).map(round))
}
