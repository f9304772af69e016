//! `icjs bench`: how fast the gateway is on this machine, against a bare echo in the same run.
//! Gateway, load, receivers and echo are processes of their own; this module starts them and does the arithmetic.
//! It must never flatter: every request has a key and a case of its own, and the store is full before it begins.

pub mod histogram;
pub mod load;
pub mod sink;
pub mod echo;
pub mod process;
pub mod sheets;
pub mod stage;
pub mod preload;
pub mod rounds;
pub mod mapping;
pub mod liberty;
pub mod attachments;
pub mod batch;
pub mod prints;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::config::{Folder, Revision};
use crate::shell::exit::{Done, Exit, Failure};
use crate::shell::output::Output;
use rounds::{Bench, Bodies, Row};
use sheets::Sheets;

/// Sizes in bytes that are aimed at.
const JSON_BYTES: usize = 4_096;
const XML_BYTES: [usize; 3] = [1_024, 10_240, 102_400];

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Records in the store before anything is measured.
    pub preload: u64,
    /// One short round.
    pub quick: bool,
    /// Where preloaded stores are kept.
    pub cache: PathBuf,
    /// Only what needs no preloaded store: a large attachment, and a batch.
    pub bulk: bool,
    /// Only echo, accept and journey, over TLS with the systems' certificates and tokens that are bound to them.
    pub tls: bool,
}

impl Options {
    /// How many rounds make a figure.
    pub fn rounds(&self) -> usize {
        if self.quick { 1 } else { 5 }
    }
}

/// Everything measured.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    rows: Vec<Row>,
    journey_per_s: f64,
    journey_behind: u64,
    cold_start_ms: f64,
    idle_rss_mb: f64,
    busy_rss_mb: f64,
    mapping: mapping::Measured,
    liberty: liberty::Measured,
    attachment: attachments::Measured,
    batch: batch::Measured,
    prints: prints::Measured,
}

impl Figures {
    fn accepted(&mut self, rows: &[Row]) {
        self.rows.extend_from_slice(rows);
    }

    fn row(&self, what: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.what == what && row.connections == 64)
    }

    fn per_s(&self, what: &str) -> f64 {
        self.row(what).map_or(0.0, |row| row.per_s)
    }

    /// The keys that scripts rely on, and every row.
    fn json(&self, options: &Options, sizes: &Value) -> Value {
        let echo = self.per_s("echo 4 KB").max(f64::MIN_POSITIVE);
        let accept = self.per_s("accept 4 KB JSON");
        let mut figures = json!({
            "transport": if options.tls { "tls" } else { "plain" },
            "preload": options.preload,
            "rounds": options.rounds(),
            "echo_per_s": echo.round(),
            "accept_per_s": accept.round(),
            "accept_ratio": rounded(accept / echo),
            "accept_p99_ms": self.row("accept 4 KB JSON").map(|row| row.p99_ms),
            "journey_per_s": self.journey_per_s.round(),
            "journey_ratio": rounded(self.journey_per_s / echo),
            "journey_backlog": self.journey_behind,
            "busy_rss_mb": self.busy_rss_mb.round(),
            "rows": self.rows,
        });
        if options.tls {
            return figures;
        }
        let rest = json!({
            "xml_1k_per_s": self.per_s("accept XML 1 KB").round(),
            "xml_10k_per_s": self.per_s("accept XML 10 KB").round(),
            "xml_100k_per_s": self.per_s("accept XML 100 KB").round(),
            "hot_case_per_s": self.per_s("accept hot case").round(),
            "liberty_p50_ms": self.liberty.p50_ms,
            "liberty_p99_ms": self.liberty.p99_ms,
            "liberty_waiting": self.liberty.waiting,
            "attachment_ratio": rounded(self.attachment.ratio),
            "attachment_mb_per_s": self.attachment.mb_per_s.round(),
            "attachment_growth_mb": rounded(self.attachment.growth_mb),
            "batch_per_second": self.batch.per_s.round(),
            "batch_live_p50_ms": self.batch.live_p50_ms,
            "batch_live_p99_ms": self.batch.live_p99_ms,
            "nist_p50_ms": rounded(self.prints.p50_ms),
            "nist_p99_ms": rounded(self.prints.p99_ms),
            "nist_growth_mb": self.prints.growth_mb.round(),
            "nist_bytes": self.prints.bytes,
            "mapping_us": rounded(self.mapping.decode_us),
            "mapping_encode_us": rounded(self.mapping.encode_us),
            "mapping_vs_parse": rounded(self.mapping.decode_us / self.mapping.parse_us.max(f64::MIN_POSITIVE)),
            "cold_start_ms": self.cold_start_ms.round(),
            "idle_rss_mb": self.idle_rss_mb.round(),
            "bytes": sizes,
        });
        if let (Value::Object(figures), Value::Object(rest)) = (&mut figures, rest) {
            figures.extend(rest);
        }
        figures
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Runs everything and prints it.
pub async fn run(options: &Options, output: Output) -> Done {
    let tell = |line: &str| {
        if !output.json {
            output.line(line);
        }
    };
    let revision = Revision::compile_all(Folder::default()).map_err(|errors| {
        Failure::new(Exit::Bug, format!("the shipped configuration has {} errors", errors.len()), "report this")
    })?;
    let bug = |what: String| Failure::new(Exit::Bug, what, "report this");
    let sheets = Sheets::of(&revision, "cctns").map_err(bug)?;
    let bodies = bodies(&sheets).map_err(bug)?;
    let sizes = json!({ "json": bodies.json.len(), "xml": bodies.xml.each_ref().map(Vec::len) });
    let mut figures = Figures { mapping: mapping::measure(&sheets).map_err(bug)?, ..Figures::default() };
    let work = options.cache.join(format!("run-{}", std::process::id()));
    let measured = if options.bulk {
        bulk(options, &bodies, &work, &mut figures, &tell).await
    } else {
        let kept = preload::ensure(options, &bodies, &tell).await?;
        measure(options, &bodies, &kept, &work, &mut figures, &tell).await
    };
    // Gone whether it went well or not: a copy of a full store is large.
    let removed = std::fs::remove_dir_all(&work);
    measured?;
    removed.map_err(|error| crate::shell::exit::file_failure(&work, &error))?;
    report(&figures.json(options, &sizes), output);
    Ok(())
}

async fn measure(
    options: &Options,
    bodies: &Bodies,
    kept: &Path,
    work: &Path,
    figures: &mut Figures,
    tell: &dyn Fn(&str),
) -> Done {
    let mut bench = Bench::new(options, bodies, tell);
    let (first, second) = (work.join("accept"), work.join("journey"));
    tell("copying the preloaded store");
    stage::copy(kept, &second)?;
    if options.tls {
        stage::secure(&second)?;
    } else {
        bench.start(&second, figures).await?;
    }
    tell("journey");
    bench.journey(&second, figures).await?;
    std::fs::remove_dir_all(&second).map_err(|error| crate::shell::exit::file_failure(&second, &error))?;
    if options.tls {
        stage::copy(kept, &first)?;
        stage::secure(&first)?;
        tell("accept");
        return bench.accept(&first, figures).await;
    }
    let third = work.join("liberty");
    figures.liberty = liberty::measure(options, bodies, &third, tell).await?;
    std::fs::remove_dir_all(&third).map_err(|error| crate::shell::exit::file_failure(&third, &error))?;
    bulk(options, bodies, work, figures, tell).await?;
    stage::copy(kept, &first)?;
    tell("accept");
    bench.accept(&first, figures).await
}

/// A large attachment, a batch, and fingerprint transactions.
async fn bulk(options: &Options, bodies: &Bodies, work: &Path, figures: &mut Figures, tell: &dyn Fn(&str)) -> Done {
    let removed =
        |dir: &Path| std::fs::remove_dir_all(dir).map_err(|error| crate::shell::exit::file_failure(dir, &error));
    let dir = work.join("attachments");
    figures.attachment = attachments::measure(options, &dir, tell).await?;
    removed(&dir)?;
    let dir = work.join("batch");
    figures.batch = batch::measure(options, bodies, &dir, tell).await?;
    removed(&dir)?;
    let dir = work.join("prints");
    figures.prints = prints::measure(options, &dir, tell).await?;
    removed(&dir)
}

fn bodies(sheets: &Sheets<'_>) -> Result<Bodies, String> {
    let xml = |tree: &Value| sheets.bytes(tree);
    let [one, ten, hundred] = XML_BYTES;
    let mut shared = sheets.shared(&sheets.json_source(JSON_BYTES)?)?;
    if let Some(office) = shared.get_mut("office") {
        *office = json!(stage::JSON_STATION);
    }
    Ok(Bodies {
        json: shared.to_string().into_bytes(),
        xml: [xml(&sheets.of_size(one))?, xml(&sheets.of_size(ten))?, xml(&sheets.of_size(hundred))?],
    })
}

fn report(figures: &Value, output: Output) {
    if output.json {
        output.document(figures);
        return;
    }
    let number = |row: &Value, key: &str| row.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let rows: Vec<Vec<String>> = figures
        .get("rows")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|row| {
            let what = row.get("what").and_then(Value::as_str).unwrap_or_default().to_owned();
            let connections = row.get("connections").map(Value::to_string).unwrap_or_default();
            let mut cells = vec![what, connections, format!("{:.0}", number(row, "per_s"))];
            cells.extend(["p50_ms", "p99_ms", "p999_ms"].iter().map(|key| format!("{:.1}", number(row, key))));
            cells
        })
        .collect();
    output.table(&["what", "connections", "a second", "p50 ms", "p99 ms", "p99.9 ms"], &rows);
    for (key, value) in figures.as_object().into_iter().flatten().filter(|(key, _)| *key != "rows") {
        output.line(format!("{key:18} {value}"));
    }
}
