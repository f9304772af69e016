//! Bodies as they come from the wire: at most so many bytes, never quiet for long, never slower than a rate. Who drips is cut off.
//! Only the time that we wait for the other side counts: what our own work or its queue costs is nobody's slowness.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::time::Instant;

use super::Shut;
use super::coding::{Caps, Coding, unpack};

/// How slowly a body may come.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Without a single byte.
    pub idle: Duration,
    /// For the whole, beside what the rate allows.
    pub whole: Duration,
    /// Bytes a second that buy more time.
    pub rate: u64,
}

/// Bodies over this size are unpacked by a thread that may be blocked: they would hold up everyone on theirs.
const LARGE: usize = 64 * 1024;
/// What is read on, and thrown away, of a body that is too large: a client that is still writing would otherwise see a
/// broken connection in place of the answer.
const SWALLOWED: usize = 64 << 20;
const SWALLOWING: Duration = Duration::from_millis(800);

/// A body, piece by piece.
#[derive(Debug)]
pub struct Pieces<B> {
    body: B,
    pace: Pace,
    waited: Duration,
    got: u64,
}

impl<B> Pieces<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    /// Nothing is read yet.
    pub fn new(body: B, pace: Pace) -> Self {
        Self { body, pace, waited: Duration::ZERO, got: 0 }
    }

    /// The next piece; `None` after the last. `too-slow` where it does not come, `encoding-refused` where the body broke off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Shut> {
        loop {
            let began = Instant::now();
            let frame = tokio::time::timeout(self.patience(), self.body.frame()).await;
            self.waited += began.elapsed();
            match frame {
                Err(_) => return Err(too_slow()),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => {
                    return Err(Shut::new("encoding-refused", "the body broke off before its end"));
                }
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.got += data.len() as u64;
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// What is left to wait for the next piece.
    fn patience(&self) -> Duration {
        let bought = Duration::from_millis(self.got.saturating_mul(1000) / self.pace.rate.max(1));
        self.pace.idle.min(self.pace.whole.saturating_add(bought).saturating_sub(self.waited))
    }

    async fn swallow(mut self) {
        let reading = async {
            let mut read = 0;
            while let Some(Ok(frame)) = self.body.frame().await {
                read += frame.data_ref().map_or(0, Bytes::len);
                if read > SWALLOWED {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(SWALLOWING, reading).await;
    }
}

/// The whole body, unpacked, within `caps`.
pub async fn whole<B>(body: B, coding: Coding, caps: Caps, pace: Pace) -> Result<Bytes, Shut>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = body.size_hint().lower();
    let mut pieces = Pieces::new(body, pace);
    if announced > caps.bytes as u64 {
        pieces.swallow().await;
        return Err(too_large(caps.bytes));
    }
    let Some(first) = pieces.next().await? else { return unpack(coding, Bytes::new(), &caps) };
    let mut all = BytesMut::new();
    let mut only = Some(first);
    while let Some(piece) = pieces.next().await? {
        if let Some(first) = only.take() {
            all.reserve(usize::try_from(announced).unwrap_or(0).max(first.len() + piece.len()));
            all.extend_from_slice(&first);
        }
        if all.len() + piece.len() > caps.bytes {
            pieces.swallow().await;
            return Err(too_large(caps.bytes));
        }
        all.extend_from_slice(&piece);
    }
    // A body of one piece, as most are, is never copied.
    let packed = only.unwrap_or_else(|| all.freeze());
    if packed.len() > caps.bytes {
        return Err(too_large(caps.bytes));
    }
    if coding == Coding::Plain || packed.len() < LARGE {
        return unpack(coding, packed, &caps);
    }
    let unpacked = tokio::task::spawn_blocking(move || unpack(coding, packed, &caps)).await;
    unpacked.unwrap_or_else(|_| Err(Shut::new("encoding-refused", "the body cannot be unpacked")))
}

fn too_large(limit: usize) -> Shut {
    Shut::new("too-large", format!("the body may have {limit} bytes at most"))
}

fn too_slow() -> Shut {
    Shut::new("too-slow", "the body did not come in time; send it again with the same key")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use bytes::Bytes;
    use futures_util::{StreamExt, stream};
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    use super::{Pace, Pieces, whole};
    use crate::doors::coding::{Caps, Coding};

    const CAPS: Caps = Caps { bytes: 1000, ratio: 100 };
    const SECOND: Duration = Duration::from_secs(1);
    const LONG: Duration = Duration::from_secs(100);

    /// `count` pieces of `size` bytes, one every `every`.
    fn dripping(count: usize, size: usize, every: Duration) -> impl hyper::body::Body<Data = Bytes> + Unpin {
        let pieces = stream::iter(0..count).then(move |_| async move {
            tokio::time::sleep(every).await;
            Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; size])))
        });
        StreamBody::new(Box::pin(pieces))
    }

    async fn code(body: impl hyper::body::Body<Data = Bytes> + Unpin, pace: Pace) -> Result<usize, &'static str> {
        whole(body, Coding::Plain, CAPS, pace).await.map(|bytes| bytes.len()).map_err(|shut| shut.code)
    }

    #[tokio::test]
    async fn a_body_that_stops_or_drips_is_cut_off() {
        let stopping = Pace { idle: Duration::from_millis(50), whole: LONG, rate: 1 };
        assert_eq!(code(dripping(1, 10, LONG), stopping).await, Err("too-slow"), "it stopped");
        let whole = Pace { idle: LONG, whole: Duration::from_millis(200), rate: 1000 };
        assert_eq!(code(dripping(900, 1, Duration::from_millis(20)), whole).await, Err("too-slow"), "it dripped");
    }

    #[tokio::test]
    async fn a_long_body_at_the_rate_may_take_longer_than_the_time_of_the_whole() {
        let pace = Pace { idle: LONG, whole: Duration::from_millis(200), rate: 8192 };
        let mut pieces = Pieces::new(dripping(100, 8192, Duration::from_millis(5)), pace);
        let began = tokio::time::Instant::now();
        let mut got = 0;
        while let Some(piece) = pieces.next().await.unwrap() {
            got += piece.len();
        }
        assert_eq!(got, 819_200);
        assert!(began.elapsed() > pace.whole);
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_announced_or_not() {
        let pace = Pace { idle: LONG, whole: LONG, rate: 1 };
        assert_eq!(code(Full::new(Bytes::from(vec![0; 1001])), pace).await, Err("too-large"));
        assert_eq!(code(dripping(11, 100, Duration::ZERO), pace).await, Err("too-large"));
        assert_eq!(code(dripping(10, 100, Duration::ZERO), pace).await, Ok(1000));
        assert_eq!(code(dripping(0, 0, SECOND), pace).await, Ok(0));
    }
}
