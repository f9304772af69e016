//! The verbs that speak as a system: `token`, `send`, `feed`, `message`. They use the exchange API as any system's
//! programmer would, so that whatever they show can be done with curl.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::clock::{Clock, WallClock};
use crate::identifiers::{DeliveryId, MessageId};
use crate::seal;
use crate::shell::client::{Answer, Call, Client, refused, unreachable};
use crate::shell::credentials::Credentials;
use crate::shell::exit::{Done, Exit, Failure, file_failure};
use crate::shell::folder::GatewayFolder;
use crate::shell::output::{Output, moment, text};

/// `token SYSTEM`
#[derive(Args, Debug)]
pub(super) struct TokenArguments {
    /// The system's name.
    system: String,
    /// File of its private key (Ed25519, PKCS#8 PEM); else keys/dev/SYSTEM.pem of the folder.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// `send FILE`
#[derive(Args, Debug)]
pub(super) struct SendArguments {
    /// The record in the system's own format; `-` reads standard input. With --batch: many records.
    file: PathBuf,
    /// Its kind, such as charge-sheet.
    #[arg(long, required_unless_present = "batch")]
    kind: Option<String>,
    /// The file is NDJSON, one `{kind, headers, body}` a line: all are sent, and a report says what was wrong with which.
    #[arg(long, conflicts_with_all = ["kind", "attach", "office", "replaces", "reason", "actor", "idempotency_key"])]
    batch: bool,
    /// With --batch: the first line to send.
    #[arg(long, requires = "batch", default_value_t = 1, value_name = "N")]
    from_line: u64,
    /// The system that sends.
    #[arg(long = "as", value_name = "SYSTEM")]
    system: String,
    /// A file to upload first; the record must name its SHA-256. May repeat.
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// The sending office, where the record does not say it.
    #[arg(long)]
    office: Option<String>,
    /// What is to be done with the record.
    #[arg(long, value_enum, default_value_t = ActionWord::New)]
    action: ActionWord,
    /// Message id of the version that this one corrects or withdraws.
    #[arg(long, value_name = "MESSAGE")]
    replaces: Option<String>,
    /// Why (with correct and withdraw).
    #[arg(long)]
    reason: Option<String>,
    /// The officer: "id; designation" or "id; designation; office", or a claim that the system signed.
    #[arg(long, value_name = "OFFICER")]
    actor: Option<String>,
    /// Names this submission; the SHA-256 of the file without, so that sending a file again is safe.
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
    /// File of the system's private key; else keys/dev/SYSTEM.pem of the folder.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// What a sender asks for.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum ActionWord {
    New,
    Correct,
    Withdraw,
}

/// `feed`
#[derive(Args, Debug)]
pub(super) struct FeedArguments {
    /// The system that reads.
    #[arg(long = "as", value_name = "SYSTEM")]
    system: String,
    /// Only these offices. May repeat.
    #[arg(long)]
    office: Vec<String>,
    /// Only these kinds. May repeat.
    #[arg(long)]
    kind: Vec<String>,
    /// Everything after this cursor, settled or not; without: from the oldest unsettled item.
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Items at most.
    #[arg(long, default_value_t = 20)]
    limit: u16,
    /// Seconds to wait for something to come.
    #[arg(long, default_value_t = 0)]
    wait: u8,
    /// The officer who reads: "id; designation" or "id; designation; office", or a claim that the system signed.
    #[arg(long, value_name = "OFFICER")]
    actor: Option<String>,
    /// Say `received` for everything on the page.
    #[arg(long)]
    ack: bool,
    /// File of the system's private key; else keys/dev/SYSTEM.pem of the folder.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Who speaks: a system of a folder with its key.
#[derive(Clone, Copy)]
pub(super) struct Who<'w> {
    pub(super) dir: &'w GatewayFolder,
    pub(super) system: &'w str,
    pub(super) key: Option<&'w Path>,
}

impl Who<'_> {
    /// With a new token, at the address of the moment.
    pub(super) async fn connect(&self) -> Result<Caller, Failure> {
        Caller::new(self.dir, self.system, self.key).await
    }
}

/// A system with a token, and where it calls.
pub(super) struct Caller {
    client: Client,
    exchange: String,
    token: String,
}

impl Caller {
    /// With a token of the system, signed for by its development key unless another is named.
    pub(super) async fn new(dir: &GatewayFolder, system: &str, key: Option<&Path>) -> Result<Self, Failure> {
        let credentials = Credentials::read(dir, system, key)?;
        let (exchange, client) = dir.exchange(system)?;
        let answer = credentials.token(&client, &exchange, WallClock.now()).await?;
        let answer = token_answer(&answer.map_err(|why| unreachable(&exchange, &why))?, system)?;
        let token = text(&answer, "access_token").to_owned();
        Ok(Self { client, exchange, token })
    }

    /// One call with the token.
    pub(super) async fn call(
        &self,
        method: &'static str,
        path: &str,
        headers: Vec<(String, String)>,
        body: Bytes,
        wait: u64,
    ) -> Result<Answer, Failure> {
        let timeout = Some(Duration::from_secs(30 + wait));
        let url = format!("{}{path}", self.exchange);
        let call = Call { method, url, token: Some(self.token.clone()), headers, body, timeout };
        let answer = self.client.call(call).await.map_err(|why| unreachable(&self.exchange, &why))?;
        if answer.good() { Ok(answer) } else { Err(refused(&answer)) }
    }

    /// How many bytes of an upload the gateway has, and whether that is all.
    pub(super) async fn uploaded(&self, path: &str) -> Result<(u64, bool), Failure> {
        let url = format!("{}{path}", self.exchange);
        let call = Call { method: "HEAD", url, token: Some(self.token.clone()), ..Call::default() };
        let answer = self.client.call(call).await.map_err(|why| unreachable(&self.exchange, &why))?;
        match answer.status {
            404 => Ok((0, false)),
            200 => {
                let offset = answer.header("upload-offset").and_then(|text| text.parse().ok()).unwrap_or(0);
                Ok((offset, answer.header("upload-complete") == Some("?1")))
            }
            // The answer to a HEAD has no body: its status is all that there is.
            401 => Err(Failure::new(Exit::TryLater, "the token has run out", "try again")),
            _ => Err(refused(&answer)),
        }
    }
}

fn token_answer(answer: &Answer, system: &str) -> Result<Value, Failure> {
    if answer.good() {
        return Ok(answer.json());
    }
    if answer.status == 401 || answer.status == 400 {
        let mut failure = Failure::new(
            Exit::NotAllowed,
            format!("the gateway does not know `{system}` by this key"),
            format!(
                "check that config/systems/{system}.toml is applied and that its jwks_file holds the public half of the key"
            ),
        );
        failure.problem = Some(Box::new(answer.json()));
        return Err(failure);
    }
    Err(refused(answer))
}

/// Prints an access token, and nothing else on standard output.
pub(super) async fn token(dir: &GatewayFolder, arguments: &TokenArguments, output: Output) -> Done {
    let credentials = Credentials::read(dir, &arguments.system, arguments.key.as_deref())?;
    let (exchange, client) = dir.exchange(&arguments.system)?;
    let answer = credentials.token(&client, &exchange, WallClock.now()).await?;
    let answer = token_answer(&answer.map_err(|why| unreachable(&exchange, &why))?, &arguments.system)?;
    if output.json {
        output.document(&answer);
    } else {
        output.line(text(&answer, "access_token"));
    }
    Ok(())
}

/// Sends a record and prints who gets it.
pub(super) async fn send(dir: &GatewayFolder, arguments: &SendArguments, output: Output) -> Done {
    if arguments.action != ActionWord::New && (arguments.replaces.is_none() || arguments.reason.is_none()) {
        return Err(Failure::new(
            Exit::Usage,
            "a correction or withdrawal names what it replaces and why",
            "add --replaces MESSAGE --reason WHY; `icjs message ID` shows the newest version",
        ));
    }
    let who = Who { dir, system: &arguments.system, key: arguments.key.as_deref() };
    if arguments.batch {
        return super::batch::run(&who, &arguments.file, arguments.from_line, output).await;
    }
    let body = read(&arguments.file)?;
    let mut caller = who.connect().await?;
    for file in &arguments.attach {
        super::upload::upload(&who, &mut caller, file, output).await?;
    }
    let headers = headers(arguments, &body);
    let answer = caller
        .call(
            "POST",
            &format!("/v1/records/{}", arguments.kind.as_deref().unwrap_or_default()),
            headers,
            body.into(),
            0,
        )
        .await?;
    let accepted = answer.json();
    if output.json {
        output.document(&accepted);
        return Ok(());
    }
    let again = if answer.header("idempotency-replayed").is_some() {
        " (it was accepted before; this is the stored answer)"
    } else {
        ""
    };
    output.line(format!("{} {} {}{again}", output.good("accepted"), text(&accepted, "kind"), text(&accepted, "id")));
    deliveries(&accepted, output);
    for warning in accepted.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        // A warning about the record as a whole has no place in it.
        let place = Some(text(warning, "pointer")).filter(|place| !place.is_empty());
        let place = place.map_or_else(String::new, |place| format!("{place}: "));
        output.line(format!("warning: {place}{}", text(warning, "message")));
    }
    output.line(format!("follow it with `icjs message {} --as {}`", text(&accepted, "id"), arguments.system));
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        let read = std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes);
        read.map_err(|error| file_failure(file, &error))?;
        return Ok(bytes);
    }
    std::fs::read(file).map_err(|error| file_failure(file, &error))
}

fn headers(arguments: &SendArguments, body: &[u8]) -> Vec<(String, String)> {
    let key = arguments.idempotency_key.clone().unwrap_or_else(|| format!("sha256-{}", seal::hex(&seal::sha256(body))));
    let mut headers = vec![("content-type", media_type(body).to_owned()), ("idempotency-key", key)];
    let action = match arguments.action {
        ActionWord::New => "new",
        ActionWord::Correct => "correct",
        ActionWord::Withdraw => "withdraw",
    };
    headers.push(("icjs-action", action.to_owned()));
    let optional = [
        ("icjs-office", &arguments.office),
        ("icjs-replaces", &arguments.replaces),
        ("icjs-reason", &arguments.reason),
        ("icjs-actor", &arguments.actor),
    ];
    for (name, value) in optional {
        headers.extend(value.clone().map(|value| (name, value)));
    }
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What the bytes look like: the gateway decides whether that is right for the system.
fn media_type(body: &[u8]) -> &'static str {
    let text = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'<') => "application/xml",
        // The first field of an ANSI/NIST-ITL transaction is `1.001:`; no record is a number.
        Some(b'1') if text.starts_with(b"1.") => "application/x-ansi-nist",
        _ => "application/json",
    }
}

/// The deliveries of an answer as a table.
fn deliveries(message: &Value, output: Output) {
    let list = message.get("deliveries").and_then(Value::as_array).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = list.iter().map(delivery_row).collect();
    if rows.is_empty() {
        output.line("nobody gets it: no route says who");
        return;
    }
    output.table(&["delivery", "office", "how", "state", "reason", "attempts", "why"], &rows);
}

fn delivery_row(delivery: &Value) -> Vec<String> {
    let attempts =
        delivery.get("attempts").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |count| count.to_string());
    let office = text(delivery, "office");
    let reason = ["reason", "code"].into_iter().map(|key| text(delivery, key)).find(|reason| !reason.is_empty());
    vec![
        text(delivery, "id").to_owned(),
        if office.is_empty() { "-".to_owned() } else { office.to_owned() },
        text(delivery, "how").to_owned(),
        text(delivery, "state").to_owned(),
        reason.unwrap_or("-").to_owned(),
        attempts,
        text(delivery, "why").to_owned(),
    ]
}

/// Prints a page of a feed, and says `received` for it where asked to.
pub(super) async fn feed(dir: &GatewayFolder, arguments: &FeedArguments, output: Output) -> Done {
    let caller = Caller::new(dir, &arguments.system, arguments.key.as_deref()).await?;
    let mut query = format!("limit={}&wait={}", arguments.limit.clamp(1, 500), arguments.wait.min(60));
    let repeated = arguments
        .office
        .iter()
        .map(|office| ("office", office))
        .chain(arguments.kind.iter().map(|kind| ("kind", kind)));
    for (name, value) in repeated.chain(arguments.after.iter().map(|after| ("after", after))) {
        let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
        query.push_str(&format!("&{name}={value}"));
    }
    let wait = u64::from(arguments.wait.min(60));
    let headers = acting(arguments.actor.as_deref());
    let page = caller.call("GET", &format!("/v1/feed?{query}"), headers, Bytes::new(), wait).await?.json();
    let items = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    if output.json {
        output.document(&page);
    } else {
        let rows: Vec<Vec<String>> = items.iter().map(item_row).collect();
        output.table(&["delivery", "kind", "office", "action", "case", "accepted", "message"], &rows);
        output.line(format!(
            "{} items{}; next: {}",
            items.len(),
            if page.get("more") == Some(&Value::Bool(true)) { ", more to come" } else { "" },
            text(&page, "next")
        ));
    }
    if arguments.ack && !items.is_empty() {
        let body = json!({ "offices": arguments.office, "kinds": arguments.kind, "upto": text(&page, "next") });
        let mut headers = acting(arguments.actor.as_deref());
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        let settled = caller.call("POST", "/v1/feed/ack", headers, body.to_string().into(), 0).await?.json();
        if !output.json {
            let count = |key: &str| settled.get(key).and_then(Value::as_u64).unwrap_or_default();
            output.line(format!(
                "{}: {} settled, {} settled before",
                output.good("received"),
                count("settled"),
                count("already")
            ));
        }
    }
    Ok(())
}

/// The header that names an officer.
pub(super) fn acting(actor: Option<&str>) -> Vec<(String, String)> {
    actor.map(|actor| ("icjs-actor".to_owned(), actor.to_owned())).into_iter().collect()
}

fn item_row(item: &Value) -> Vec<String> {
    let kind = text(item, "type").trim_start_matches("in.icjs.").trim_end_matches(".v1");
    vec![
        text(item, "id").to_owned(),
        kind.to_owned(),
        text(item, "icjsoffice").to_owned(),
        text(item, "icjsaction").to_owned(),
        text(item, "subject").to_owned(),
        moment(text(item, "time")),
        text(item, "icjsmessage").to_owned(),
    ]
}

/// Shows one message: as a party of it, or as the administrator.
pub(super) async fn message(
    dir: &GatewayFolder,
    id: &str,
    system: Option<&str>,
    actor: Option<&str>,
    output: Output,
) -> Done {
    let message = MessageId::parse(id).or_else(|| DeliveryId::parse(id).map(DeliveryId::message));
    let Some(message) = message else {
        return Err(Failure::new(
            Exit::Usage,
            format!("`{id}` is no message id"),
            "copy the `id` from the answer to `icjs send`",
        ));
    };
    let shown = match system {
        Some(system) => {
            let caller = Caller::new(dir, system, None).await?;
            caller.call("GET", &format!("/v1/messages/{message}"), acting(actor), Bytes::new(), 0).await?.json()
        }
        None => dir.running_admin("GET", &format!("/admin/v1/messages/{message}"), None).await?.json(),
    };
    if output.json {
        output.document(&shown);
        return Ok(());
    }
    output.line(output.bold(&format!("{} {}", text(&shown, "kind"), message)));
    for (label, key) in [
        ("status", "status"),
        ("action", "action"),
        ("from", "system"),
        ("office", "office"),
        ("replaces", "replaces"),
        ("replaced by", "replaced_by"),
    ] {
        if !text(&shown, key).is_empty() {
            output.line(format!("{label:12} {}", text(&shown, key)));
        }
    }
    if !text(&shown, "accepted_at").is_empty() {
        output.line(format!("{:12} {}", "accepted", moment(text(&shown, "accepted_at"))));
    }
    let cases = shown.get("cases").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    output.line(format!("{:12} {}", "cases", cases.collect::<Vec<_>>().join(", ")));
    deliveries(&shown, output);
    outcomes(&shown, output);
    Ok(())
}

fn outcomes(message: &Value, output: Output) {
    for delivery in message.get("deliveries").and_then(Value::as_array).into_iter().flatten() {
        for outcome in delivery.get("outcomes").and_then(Value::as_array).into_iter().flatten() {
            let reference =
                outcome.get("reference").map(|known| format!(" {} {}", text(known, "scheme"), text(known, "value")));
            let at = text(outcome, "at");
            let at = if at.is_empty() { String::new() } else { format!(" at {}", moment(at)) };
            let line = format!(
                "  {}: {}{}{at} {}",
                text(delivery, "office"),
                text(outcome, "outcome"),
                reference.unwrap_or_default(),
                text(outcome, "reason")
            );
            output.line(line.trim_end());
        }
    }
}
