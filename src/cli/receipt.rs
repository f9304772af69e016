//! `receipt verify`: whether a receipt is the gateway's, and whether a record is the one that it was given for.
//! Needs no network: the public key comes from a file, or from the gateway's own folder.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use crate::evidence::receipt;
use crate::seal::SigningKey;
use crate::shell::exit::{Done, Exit, Failure, file_failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::{Output, moment};

/// `receipt …`
#[derive(Subcommand, Debug)]
pub(super) enum ReceiptVerb {
    /// Verify a receipt, and the record that it was given for.
    Verify {
        /// File that holds the receipt (the `receipt` of a 202 answer), or the whole answer; `-` reads standard input.
        receipt: PathBuf,
        /// The record's bytes as they were sent.
        #[arg(long, value_name = "FILE")]
        record: Option<PathBuf>,
        /// The gateway's published keys (`/.well-known/jwks.json`), saved; else the key in the gateway's folder.
        #[arg(long, value_name = "FILE")]
        jwks: Option<PathBuf>,
    },
}

/// Runs one of the verbs.
pub(super) fn run(dir: &GatewayFolder, verb: &ReceiptVerb, output: Output) -> Done {
    let ReceiptVerb::Verify { receipt, record, jwks } = verb;
    let text = receipt::compact(&String::from_utf8_lossy(&read(receipt)?));
    let keys = keys(dir, jwks.as_deref())?;
    let record = record.as_deref().map(read).transpose()?;
    let claims = receipt::verify(&text, &keys, record.as_deref()).map_err(|error| {
        Failure::new(
            Exit::Refused,
            error.to_string(),
            "compare with the receipt in the 202 answer; the keys are at /.well-known/jwks.json",
        )
    })?;
    if output.json {
        output.document(&serde_json::to_value(&claims).unwrap_or_default());
        return Ok(());
    }
    output.line(output.good("the receipt is genuine"));
    let whole = if record.is_some() {
        "and the record is the one it was given for"
    } else {
        "compare it with the record's bytes by --record FILE"
    };
    for (label, value) in [
        ("message", &claims.jti),
        ("kind", &claims.kind),
        ("sender", &claims.sub),
        ("office", &claims.office),
        ("accepted", &moment(&claims.accepted_at)),
        ("sha-256", &claims.sha256),
        ("leaf", &claims.leaf_index.to_string()),
    ] {
        output.line(format!("{label:10} {value}"));
    }
    output.line(whole);
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map_err(|error| file_failure(path, &error))?;
        return Ok(bytes);
    }
    std::fs::read(path).map_err(|error| file_failure(path, &error))
}

pub(super) fn keys(dir: &GatewayFolder, jwks: Option<&Path>) -> Result<Value, Failure> {
    if let Some(path) = jwks {
        return serde_json::from_slice(&read(path)?).map_err(|error| {
            Failure::new(
                Exit::Refused,
                format!("`{}` is no JSON Web Key Set: {error}", path.display()),
                "save the answer of GET /.well-known/jwks.json",
            )
        });
    }
    dir.require()?;
    let path = dir.file("keys/receipts.ed25519");
    let pem = std::fs::read_to_string(&path).map_err(|error| file_failure(&path, &error))?;
    let key = SigningKey::from_pem(&pem).map_err(|error| {
        Failure::new(
            Exit::Configuration,
            format!("`{}` holds no key: {error}", path.display()),
            "restore it from your backup, or give --jwks FILE",
        )
    })?;
    Ok(json!({ "keys": [receipt::jwk(&key)] }))
}
