//! What a caller is told when it asks too much or too late: an expired token, too many calls, too much work waiting.
//! Each answer says when, and how, to come back; and coming back so helps.

use std::time::Duration;

use super::harness::folder::paper;
use super::harness::http::Answer;
use super::harness::{Client, Folder, Gateway, Party};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";

/// Police and a court that pulls; more lines for `gateway.toml`, and the police's own limits.
pub(super) fn folder(settings: &str, limits: &str) -> Folder {
    let mut police = Party::pulling("police-a", "police", &[POLICE]);
    police.more = limits.to_owned();
    let folder = Folder::with(&[police, Party::pulling("court-a", "courts", &[COURT])]);
    let text = std::fs::read_to_string(folder.path("config/gateway.toml")).unwrap();
    folder.file("config/gateway.toml", &format!("{text}\n{settings}"));
    folder
}

async fn send(client: &Client, case: u32) -> Answer {
    let body = paper(POLICE, &[COURT], case, "x").to_string();
    client.submit("paper", &format!("key-{case}"), &[], body.as_bytes()).await.unwrap()
}

fn seconds(answer: &Answer) -> u64 {
    answer.header("retry-after").expect("`Retry-After` says when").parse().expect("in seconds")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_token_is_said_to_be_expired_and_where_the_next_one_is() {
    let folder = folder("[tokens]\nlife = \"2s\"\n", "");
    let gateway = Gateway::start(&folder).await;
    let given = Client::token(&folder, gateway.exchange, "police-a").await.unwrap().expect(200).json();
    assert_eq!(given["expires_in"], 2);
    let token = given["access_token"].as_str().unwrap().to_owned();
    let client = Client { system: "police-a".to_owned(), gateway: gateway.exchange, token };
    send(&client, 1).await.expect(202);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let answer = send(&client, 2).await.expect(401);
    assert_eq!(answer.code(), "unauthenticated");
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("expired") && detail.contains("POST /oauth2/token"), "{detail}");
    assert!(answer.header("www-authenticate").is_some_and(|value| value.contains("invalid_token")));
    let again = Client::connect(&folder, gateway.exchange, "police-a").await;
    send(&again, 2).await.expect(202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_would_live_longer_than_ten_minutes_is_a_mistake_of_the_settings() {
    let folder = folder("[tokens]\nlife = \"1h\"\n", "");
    let output = Gateway::command(&folder).arg("serve").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("`life` of [tokens]") && said.contains("10m"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_calls_too_often_is_told_when_to_come_back_and_slows_nobody_else() {
    let folder = folder("", "[limits]\nper_second = 1\n");
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let court = Client::connect(&folder, gateway.exchange, "court-a").await;
    let mut refused = None;
    for case in 1..20 {
        let answer = send(&police, case).await;
        if answer.status != 202 {
            refused = Some((case, answer));
            break;
        }
    }
    let (case, answer) = refused.expect("one call a second is allowed, and twenty came at once");
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate-limited"));
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("1 calls a second") && detail.contains("come back"), "{detail}");
    court.get("/v1/me").await.unwrap().expect(200);
    tokio::time::sleep(Duration::from_secs(seconds(&answer))).await;
    send(&police, case).await.expect(202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_too_much_waits_a_record_is_told_to_come_back_and_does_once_something_is_settled() {
    let folder = folder("[store]\nmax_open_deliveries = 3\n", "[limits]\nper_second = 1000\n");
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police-a").await;
    let court = Client::connect(&folder, gateway.exchange, "court-a").await;
    for case in 1..=3 {
        send(&police, case).await.expect(202);
    }
    let answer = send(&police, 4).await.expect(503);
    assert_eq!(answer.code(), "overloaded");
    assert!(seconds(&answer) > 0);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("send it again"), "{detail}");
    // The receiver reads and acknowledges: there is room for what was told to come back. Each acknowledgement is itself
    // an open delivery to the sender, so the sender reads too.
    let page = court.feed("wait=20&limit=3").await.unwrap().expect(200).json();
    court.ack(page["next"].as_str().unwrap(), &[]).await.unwrap().expect(200);
    let outcomes = police.feed("wait=20&limit=500").await.unwrap().expect(200).json();
    police.ack(outcomes["next"].as_str().unwrap(), &[]).await.unwrap().expect(200);
    send(&police, 4).await.expect(202);
}
