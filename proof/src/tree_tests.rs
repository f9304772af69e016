//! Tests of the tree: the published roots of RFC 6962's reference implementation, every proof of every small tree, and that
//! nothing else is taken for one.

use std::convert::Infallible;

use super::*;

/// Hashes of leaves, by which every node is computed anew.
struct Leaves(Vec<Hash>);

impl Nodes for Leaves {
    type Error = Infallible;

    fn node(&self, level: u32, index: u64) -> Result<Hash, Infallible> {
        if level == 0 {
            return Ok(self.0[usize::try_from(index).unwrap()]);
        }
        Ok(node(&self.node(level - 1, index * 2)?, &self.node(level - 1, index * 2 + 1)?))
    }
}

fn leaves(count: u64) -> Leaves {
    Leaves((0..count).map(|number| leaf(&number.to_be_bytes())).collect())
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn roots_are_those_of_the_reference_implementation() {
    // Test data of certificate-transparency's merkletree: inputs of 0 to 16 bytes, and the roots of the first 1 to 8 of them.
    let inputs: [&[u8]; 8] = [
        b"",
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let nodes = Leaves(inputs.iter().map(|input| leaf(input)).collect());
    let mut frontier = Frontier::default();
    for (size, expected) in roots.iter().enumerate() {
        assert_eq!(hex(&root(&nodes, size as u64).unwrap()), *expected, "{size} leaves");
        assert_eq!(hex(&frontier.root()), *expected, "{size} leaves, one by one");
        inputs.get(size).iter().for_each(|input| frontier.push(leaf(input)));
    }
}

#[test]
fn every_leaf_of_every_small_tree_is_proved_in_its_place_only() {
    for size in 1..40 {
        let nodes = leaves(size);
        let root = root(&nodes, size).unwrap();
        for index in 0..size {
            let path = inclusion(&nodes, index, size).unwrap().unwrap();
            let hash = nodes.0[usize::try_from(index).unwrap()];
            assert!(includes(&hash, index, size, &path, &root), "{index} of {size}");
            for other in (0..size + 2).filter(|other| *other != index) {
                assert!(!includes(&hash, other, size, &path, &root), "{index} as {other} of {size}");
            }
            assert!(!includes(&leaf(b"another"), index, size, &path, &root));
            for place in 0..path.len() {
                let mut changed = path.clone();
                changed[place][0] ^= 1;
                assert!(!includes(&hash, index, size, &changed, &root), "{index} of {size}, step {place}");
                changed.remove(place);
                assert!(!includes(&hash, index, size, &changed, &root), "{index} of {size}, without step {place}");
            }
            let longer = [path.as_slice(), &[root]].concat();
            assert!(!includes(&hash, index, size, &longer, &root), "{index} of {size}, a step more");
        }
        assert_eq!(inclusion(&nodes, size, size).unwrap(), None);
    }
}

#[test]
fn every_small_tree_goes_on_from_every_smaller_one_and_from_nothing_else() {
    for size in 0..34 {
        let nodes = leaves(size);
        let whole = root(&nodes, size).unwrap();
        for old in 0..=size {
            let before = root(&nodes, old).unwrap();
            let path = consistency(&nodes, old, size).unwrap().unwrap();
            assert!(goes_on(old, &before, size, &whole, &path), "{old} to {size}");
            let forged = leaf(b"another history");
            assert!(!goes_on(old, &forged, size, &whole, &path), "{old} to {size}, from elsewhere");
            // Every tree goes on from none.
            let any = old == 0 && size > 0;
            assert!(any || !goes_on(old, &before, size, &forged, &path), "{old} to {size}, to elsewhere");
            for place in 0..path.len() {
                let mut changed = path.clone();
                changed[place][31] ^= 0x80;
                assert!(!goes_on(old, &before, size, &whole, &changed), "{old} to {size}, step {place}");
                changed.remove(place);
                assert!(!goes_on(old, &before, size, &whole, &changed), "{old} to {size}, without step {place}");
            }
            let longer = [path.as_slice(), &[whole]].concat();
            assert!(!goes_on(old, &before, size, &whole, &longer), "{old} to {size}, a step more");
        }
        assert_eq!(consistency(&nodes, size + 1, size).unwrap(), None);
        assert!(!goes_on(size + 1, &whole, size, &whole, &[]));
    }
}
