//! Latencies in buckets: sixteen a doubling, so that a percentile is off by six parts in a hundred at most.
//! Small and mergeable; no allocation once made.

/// Sub-buckets a doubling, as a power of two.
const FINE: u32 = 4;
/// Enough for any `u64`.
const BUCKETS: usize = 1024;

/// How often which latency was seen, in microseconds.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    /// Adds one latency.
    pub fn record(&mut self, micros: u64) {
        if let Some(count) = self.counts.get_mut(bucket(micros)) {
            *count += 1;
            self.total += 1;
        }
    }

    /// Adds all of another's.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The latency that `share` (0 to 1) of all stay at or below, in milliseconds; 0 when nothing was recorded.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn percentile(&self, share: f64) -> f64 {
        let wanted = share * self.total as f64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen as f64 >= wanted {
                return upper(bucket) as f64 / 1000.0;
            }
        }
        0.0
    }
}

/// Values under 16 have a bucket each; above, sixteen a doubling.
fn bucket(micros: u64) -> usize {
    let doubling = 63_u32.saturating_sub(micros.leading_zeros());
    if doubling < FINE {
        return usize::try_from(micros).unwrap_or(0);
    }
    let fine = (micros >> (doubling - FINE)) & ((1 << FINE) - 1);
    usize::try_from(u64::from((doubling - FINE + 1) << FINE) + fine).unwrap_or(0)
}

/// The largest value of a bucket.
fn upper(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(0);
    let doubling = bucket >> FINE;
    if doubling == 0 {
        return bucket;
    }
    let fine = bucket & ((1 << FINE) - 1);
    (((1 << FINE) + fine + 1) << (doubling - 1)) - 1
}

#[cfg(test)]
mod tests {
    use super::Histogram;

    #[test]
    fn percentiles_are_within_their_promise() {
        let mut histogram = Histogram::default();
        (1..=10_000).for_each(|micros| histogram.record(micros));
        for (share, exact) in [(0.5, 5.0), (0.99, 9.9), (0.999, 9.99)] {
            let found = histogram.percentile(share);
            assert!(found >= exact && found <= exact * 1.0626, "{share}: {found}");
        }
        assert_eq!(histogram.count(), 10_000);
    }

    #[test]
    fn nothing_recorded_is_zero_and_merging_adds() {
        let mut all = Histogram::default();
        assert!(all.percentile(0.99).abs() < f64::EPSILON);
        let mut one = Histogram::default();
        one.record(7);
        all.merge(&one);
        all.merge(&one);
        assert_eq!(all.count(), 2);
        assert!((all.percentile(1.0) - 0.007).abs() < f64::EPSILON);
    }
}
