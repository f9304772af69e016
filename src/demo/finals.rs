//! How the gateway shows deliveries, asked through its admin API: all of them for the proof, and whether all have ended.

use serde_json::Value;
use tokio::sync::watch;

use super::books::Final;
use crate::shell::client::{Addresses, Client};
use crate::shell::exit::{Exit, Failure};
use crate::shell::folder::GatewayFolder;

/// States in which nothing moves any more, as the admin API lists them.
const ALL: &str = "queued,sending,retrying,held,available,delivered,rejected,parked,superseded,recalled";

/// States in which something is still to come.
const OPEN: &str = "queued,sending,retrying,available";

/// The administrator's view of the demo's gateway.
pub struct Finals {
    client: Client,
    dir: GatewayFolder,
    gateway: watch::Receiver<Option<Addresses>>,
}

impl Finals {
    /// Of the gateway in `dir`.
    pub fn new(client: Client, dir: GatewayFolder, gateway: watch::Receiver<Option<Addresses>>) -> Self {
        Self { client, dir, gateway }
    }

    /// Every delivery there is.
    pub async fn all(&self) -> Result<Vec<Final>, Failure> {
        let mut finals = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.page(ALL, 1000, after.as_deref()).await?;
            let list = page.get("deliveries").and_then(Value::as_array).cloned().unwrap_or_default();
            finals.extend(list.iter().map(read));
            match page.get("next").and_then(Value::as_str) {
                Some(next) => after = Some(next.to_owned()),
                None => return Ok(finals),
            }
        }
    }

    /// Whether some delivery has not ended yet. A gateway that is down leaves that open.
    pub async fn some_open(&self) -> bool {
        let page = self.page(OPEN, 1, None).await;
        page.map_or(true, |page| page.get("deliveries").and_then(Value::as_array).is_none_or(|list| !list.is_empty()))
    }

    async fn page(&self, states: &str, limit: u32, after: Option<&str>) -> Result<Value, Failure> {
        let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
        let path = format!("/admin/v1/deliveries?state={states}&limit={limit}{after}");
        let addresses = self.gateway.borrow().clone();
        let Some(addresses) = addresses else {
            return Err(Failure::new(Exit::Unreachable, "the gateway is down", ""));
        };
        let call = crate::shell::client::Call {
            method: "GET",
            url: format!("{}{path}", addresses.admin),
            token: Some(self.dir.admin_token()?),
            ..Default::default()
        };
        let answer = self.client.call(call).await;
        let answer = answer.map_err(|why| crate::shell::client::unreachable(&addresses.admin, &why))?;
        if answer.good() { Ok(answer.json()) } else { Err(crate::shell::client::refused(&answer)) }
    }
}

fn read(line: &Value) -> Final {
    let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Final {
        id: text("id"),
        message: text("message"),
        kind: text("kind"),
        from: line.pointer("/from/system").and_then(Value::as_str).unwrap_or_default().to_owned(),
        system: text("system"),
        office: text("office"),
        action: text("action"),
        state: text("state"),
        code: text("reason"),
        attempts: line.get("attempts").and_then(Value::as_u64).unwrap_or_default(),
    }
}
