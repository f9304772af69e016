//! Tiles and entry bundles as C2SP `tlog-tiles` lays them out: which hashes and entries are in which file, and what it is called.
//! A tile has 256 hashes; the last of each level may have fewer, and says in its name how many.

/// Hashes of a whole tile, entries of a whole bundle.
pub const WIDTH: u64 = 256;

/// Levels of a tree between one level of tiles and the next.
pub const HEIGHT: u32 = 8;

/// The longest entry that a bundle can hold.
pub const LONGEST: usize = u16::MAX as usize;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The entries themselves.
    Entries,
    /// Hashes of this level of tiles: 0 are the leaves' own.
    Hashes(u32),
}

/// One file of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// What it holds.
    pub what: What,
    /// Its number within its level.
    pub number: u64,
    /// How many hashes or entries: 1 to 256.
    pub width: u64,
}

impl Tile {
    /// Its path below the log's root: `tile/0/x001/x234/067`, `tile/entries/000.p/17`.
    pub fn path(&self) -> String {
        let level = match self.what {
            What::Entries => "entries".to_owned(),
            What::Hashes(level) => level.to_string(),
        };
        let mut number = format!("{:03}", self.number % 1000);
        let mut rest = self.number / 1000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        let part = if self.width < WIDTH { format!(".p/{}", self.width) } else { String::new() };
        format!("tile/{level}/{number}{part}")
    }

    /// The file of such a path, which has one spelling only.
    pub fn read(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|width| (1..WIDTH).contains(width))?),
            None => (rest, WIDTH),
        };
        let digits: String = number.split('/').map(|part| part.strip_prefix('x').unwrap_or(part)).collect();
        let what = match level {
            "entries" => What::Entries,
            level => What::Hashes(level.parse().ok().filter(|level| *level < u64::BITS / HEIGHT)?),
        };
        let tile = Self { what, number: digits.parse().ok()?, width };
        // One that is spelt otherwise (`+1`, `x000/001`, `01`) is another resource, which does not exist.
        (tile.path() == path).then_some(tile)
    }

    /// The tiles of hashes of a tree of `size` leaves, lowest level first, and before them the bundles of entries.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        let levels = (0..u64::BITS / HEIGHT).take_while(move |level| size >> (level * HEIGHT) > 0);
        let whats = std::iter::once((What::Entries, size))
            .chain(levels.map(move |level| (What::Hashes(level), size >> (level * HEIGHT))));
        whats.flat_map(|(what, count)| {
            (0..count.div_ceil(WIDTH)).map(move |number| Self {
                what,
                number,
                width: WIDTH.min(count - number * WIDTH),
            })
        })
    }
}

/// Adds an entry to a bundle: its length in two bytes, the higher first, and its bytes. `false`: it is too long for one.
pub fn add(bundle: &mut Vec<u8>, entry: &[u8]) -> bool {
    let Ok(length) = u16::try_from(entry.len()) else { return false };
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    true
}

/// The entries of a bundle; `None`: it is cut.
pub fn entries(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk() {
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        found.push(entry);
        bundle = rest;
    }
    bundle.is_empty().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_one_that_the_specification_shows_and_is_read_back() {
        let tile = |what, number, width| Tile { what, number, width };
        for (tile, path) in [
            (tile(What::Hashes(0), 1_234_067, 256), "tile/0/x001/x234/067"),
            (tile(What::Hashes(2), 0, 1), "tile/2/000.p/1"),
            (tile(What::Entries, 273, 112), "tile/entries/273.p/112"),
            (tile(What::Entries, 1000, 256), "tile/entries/x001/000"),
        ] {
            assert_eq!(tile.path(), path);
            assert_eq!(Tile::read(path), Some(tile));
        }
        for path in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/0000",
            "tile/00/000",
            "tile/+0/000",
            "tile/8/000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000/",
            "/tile/0/000",
            "tile/entries/../0/000",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
        ] {
            assert_eq!(Tile::read(path), None, "{path}");
        }
    }

    #[test]
    fn a_tree_of_seventy_thousand_leaves_has_the_tiles_of_the_specification() {
        let count = |size, what, whole| {
            Tile::all(size).filter(|tile| tile.what == what && (tile.width == WIDTH) == whole).count()
        };
        let widths = |size, what| Tile::all(size).filter(|tile| tile.what == what).last().map(|tile| tile.width);
        assert_eq!((count(70_000, What::Hashes(0), true), widths(70_000, What::Hashes(0))), (273, Some(112)));
        assert_eq!((count(70_000, What::Hashes(1), true), widths(70_000, What::Hashes(1))), (1, Some(17)));
        assert_eq!((count(70_000, What::Hashes(2), true), widths(70_000, What::Hashes(2))), (0, Some(1)));
        assert_eq!((widths(256, What::Hashes(0)), widths(256, What::Hashes(1))), (Some(256), Some(1)));
        assert_eq!(Tile::all(0).count(), 0);
    }

    #[test]
    fn a_bundle_gives_back_its_entries_or_nothing() {
        let mut bundle = Vec::new();
        assert!(add(&mut bundle, b"one") && add(&mut bundle, b"") && add(&mut bundle, &[7; LONGEST]));
        assert!(!add(&mut bundle, &[7; LONGEST + 1]));
        assert_eq!(entries(&bundle).unwrap(), [b"one".as_slice(), b"", &[7; LONGEST]]);
        for cut in [1, 2, 4, bundle.len() - 1] {
            assert_eq!(entries(&bundle[..cut]), None, "{cut}");
        }
    }
}
