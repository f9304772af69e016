//! A scene that many tests play: a police system that sends, scripted receivers, and the administrator who looks on and
//! gives orders. Everything goes over sockets; what is looked at is what arrives and what the admin API shows.

use std::time::Duration;

use serde_json::{Value, json};

use super::folder::paper;
use super::http::{Answer, request};
use super::{Client, Folder, Gateway, Party, Receiver};

pub const STATION: &str = "ps:38101004";
pub const COURT: &str = "court:DLCT01";
/// Longer than anything here may take.
pub const SOON: Duration = Duration::from_secs(20);

/// A police system that sends, and receivers of one pushed court (and perhaps one pushed prison).
pub struct Scene {
    pub folder: Folder,
    pub gateway: Gateway,
    pub police: Client,
}

impl Scene {
    /// With one pushed court.
    pub async fn with(court: &Receiver, mend: impl Fn(&Folder)) -> Self {
        Self::of(&[Party::pushed("court", "courts", &[COURT], &court.url())], mend).await
    }

    /// With any receivers; `mend` changes the folder before the start.
    pub async fn of(receivers: &[Party], mend: impl Fn(&Folder)) -> Self {
        let mut parties = vec![Party::pulling("police", "police", &[STATION])];
        parties.extend_from_slice(receivers);
        let folder = Folder::with(&parties);
        mend(&folder);
        let gateway = Gateway::start(&folder).await;
        let police = Client::connect(&folder, gateway.exchange, "police").await;
        Self { folder, gateway, police }
    }

    /// Sends a paper to an office; gives back the delivery's id.
    pub async fn paper(&self, to: &str, case: u32, note: &str) -> String {
        let accepted =
            self.police.accepted("paper", &note.escape_unicode().to_string(), &paper(STATION, &[to], case, note)).await;
        accepted["deliveries"][0]["id"].as_str().unwrap().to_owned()
    }

    /// A call of the admin API.
    pub async fn admin(&self, method: &str, target: &str, body: &Value) -> Answer {
        let token = std::fs::read_to_string(self.folder.path("data/admin.token")).unwrap();
        let bearer = format!("Bearer {}", token.trim());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        request(self.gateway.admin, method, target, &headers, body.as_bytes()).await.unwrap()
    }

    /// An administrator's order.
    pub async fn order(&self, delivery: &str, verb: &str, force: bool) -> Answer {
        let body = json!({"by": "a person", "reason": "a test", "force": force});
        self.admin("POST", &format!("/admin/v1/deliveries/{delivery}/{verb}"), &body).await
    }

    /// The delivery as administrators see it.
    pub async fn delivery(&self, id: &str) -> Value {
        let message = self.admin("GET", &format!("/admin/v1/messages/{id}"), &Value::Null).await.expect(200).json();
        let all = message["deliveries"].as_array().unwrap();
        all.iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("no {id} in {message}")).clone()
    }

    /// Waits until the delivery is in a state.
    pub async fn until(&self, id: &str, state: &str) -> Value {
        for _ in 0..400 {
            let delivery = self.delivery(id).await;
            if delivery["state"] == state {
                return delivery;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{id} never became {state}: {}", self.delivery(id).await);
    }
}

/// Changes one system's file.
pub fn edit(folder: &Folder, system: &str, from: &str, to: &str) {
    let path = format!("config/systems/{system}.toml");
    let text = std::fs::read_to_string(folder.path(&path)).unwrap();
    assert!(text.contains(from), "{path} has no `{from}`: {text}");
    folder.file(&path, &text.replace(from, to));
}
