//! The Merkle tree of RFC 6962, section 2.1: hashes of leaves and nodes, roots, proofs that a leaf is in a tree and that one tree
//! goes on from another, and their checks (RFC 9162, sections 2.1.3.2 and 2.1.4.2). Where the hashes lie is the caller's business.

use crate::digest::sha256;

/// SHA-256 of a leaf or a node.
pub type Hash = [u8; 32];

/// The hash of a leaf: SHA-256 over a zero byte and its bytes.
pub fn leaf(bytes: &[u8]) -> Hash {
    sha256(&[&[0], bytes])
}

/// The hash of a node over two others: SHA-256 over a one byte and both.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// The root of a tree without leaves.
pub fn empty() -> Hash {
    sha256(&[])
}

/// Hashes of whole subtrees.
pub trait Nodes {
    /// Why one cannot be had.
    type Error;

    /// The hash over the leaves from `index << level`, `1 << level` of them: level 0 are the leaves' own hashes.
    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The largest power of two below `count`, which is 2 or more: where RFC 6962 splits a tree.
fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// The root over the leaves `from` to `upto` (not included), of which there is one at least; they begin where a subtree may.
fn over<N: Nodes>(nodes: &N, from: u64, upto: u64) -> Result<Hash, N::Error> {
    let count = upto - from;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return nodes.node(level, from >> level);
    }
    let middle = from + split(count);
    Ok(node(&over(nodes, from, middle)?, &over(nodes, middle, upto)?))
}

/// The root of the first `size` leaves.
pub fn root<N: Nodes>(nodes: &N, size: u64) -> Result<Hash, N::Error> {
    if size == 0 { Ok(empty()) } else { over(nodes, 0, size) }
}

/// The proof that the leaf `index` is in the tree of `size` leaves, from the leaf upwards; `None`: it has no such leaf.
pub fn inclusion<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Option<Vec<Hash>>, N::Error> {
    if index >= size {
        return Ok(None);
    }
    let (mut from, mut upto, mut path) = (0, size, Vec::new());
    while upto - from > 1 {
        let middle = from + split(upto - from);
        if index < middle {
            path.push(over(nodes, middle, upto)?);
            upto = middle;
        } else {
            path.push(over(nodes, from, middle)?);
            from = middle;
        }
    }
    path.reverse();
    Ok(Some(path))
}

/// The proof that the tree of `size` leaves begins with that of `old`; `None`: it is smaller.
pub fn consistency<N: Nodes>(nodes: &N, old: u64, size: u64) -> Result<Option<Vec<Hash>>, N::Error> {
    if old > size {
        return Ok(None);
    }
    if old == 0 || old == size {
        return Ok(Some(Vec::new()));
    }
    let (mut from, mut upto, mut path) = (0, size, Vec::new());
    while upto != old {
        let middle = from + split(upto - from);
        if old <= middle {
            path.push(over(nodes, middle, upto)?);
            upto = middle;
        } else {
            path.push(over(nodes, from, middle)?);
            from = middle;
        }
    }
    // What the verifier knows already, the old tree as a whole, is not told.
    if from > 0 {
        path.push(over(nodes, from, upto)?);
    }
    path.reverse();
    Ok(Some(path))
}

/// Whether a leaf with this hash is at `index` in the tree of `size` leaves and this root (RFC 9162, section 2.1.3.2).
pub fn includes(hash: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last, mut reached) = (index, size - 1, *hash);
    for step in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            reached = node(step, &reached);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            reached = node(&reached, step);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && reached == *root
}

/// Whether the tree of `size` leaves and root `root` begins with that of `old` leaves and root `old_root` (RFC 9162,
/// section 2.1.4.2).
pub fn goes_on(old: u64, old_root: &Hash, size: u64, root: &Hash, path: &[Hash]) -> bool {
    if old == size {
        return path.is_empty() && old_root == root;
    }
    if old > size {
        return false;
    }
    if old == 0 {
        return path.is_empty() && *old_root == empty();
    }
    // A tree that is one whole subtree is its own first step.
    let whole = [*old_root];
    let mut steps = if old.is_power_of_two() { whole.iter().chain(path) } else { [].iter().chain(path) };
    let Some(first) = steps.next() else { return false };
    let (mut place, mut last) = (old - 1, size - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let (mut before, mut after) = (*first, *first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            before = node(step, &before);
            after = node(step, &after);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            after = node(&after, step);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && before == *old_root && after == *root
}

/// The roots of the whole subtrees that a growing tree consists of, the largest first: all that is needed to go on.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// Takes the next leaf's hash.
    pub fn push(&mut self, hash: Hash) {
        let mut reached = hash;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                reached = node(&left, &reached);
            }
        }
        self.subtrees.push(reached);
        self.size += 1;
    }

    /// Leaves taken.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over them.
    pub fn root(&self) -> Hash {
        let upwards = self.subtrees.iter().rev().copied();
        upwards.reduce(|right, left| node(&left, &right)).unwrap_or_else(empty)
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
