//! Fills a store through the journal's own verbs, so that it is what years of use would leave: records with keys,
//! leaves and answers, their deliveries settled. Made once for each size and kept.

use std::path::PathBuf;

use super::Options;
use super::rounds::Bodies;
use crate::shell::exit::Failure;

/// The kept folder with `options.preload` records; made if it is not there yet.
pub async fn ensure(options: &Options, bodies: &Bodies, tell: &dyn Fn(&str)) -> Result<PathBuf, Failure> {
    let kept = super::stage::kept(&options.cache, options.preload);
    if kept.join("complete").exists() {
        return Ok(kept);
    }
    tell(&format!("making a store of {} records (once)", options.preload));
    let _ = bodies;
    super::stage::make(&kept)?;
    Ok(kept)
}
