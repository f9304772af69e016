//! Death while something is done that one administrator proposed and another one approved. A failure is: something that is done
//! and can be approved once more; something that is not done and cannot be approved any more.

use serde_json::{Value, json};

use super::report;
use crate::administrators::{Centre, FILE, administrators};
use crate::harness::http::request;
use crate::harness::scene::{SOON, Scene};
use crate::harness::{Gateway, Receiver, Reply};

const POINTS: [&str; 2] = ["approve::before", "approve::after"];

fn two() -> String {
    let people = [("asha", "administrator"), ("ravi", "administrator"), ("om", "operator"), ("lata", "operator")];
    administrators(&["revisions", "repair"], &people)
}

/// Has the first proposal approved by somebody whose gateway dies at that point of it; it runs again afterwards.
async fn dies(centre: &mut Centre, by: &str, point: &str) {
    centre.gateway.kill();
    let points = format!("{point}=return(abort)");
    centre.gateway = Gateway::start_with(&centre.folder, &[("FAILPOINTS", &points)]).await;
    let bearer = format!("Bearer {}", crate::administrators::token(by));
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let target = "/admin/v1/approvals/1/approve";
    let answer = request(centre.gateway.admin, "POST", target, &headers, br#"{"reason":"seen"}"#).await;
    assert!(answer.is_err(), "{point}: nobody was there to answer");
    assert!(centre.gateway.dies_within(SOON).await, "it passed `{point}` and lives");
    centre.gateway = Gateway::start(&centre.folder).await;
}

/// Approves it once more, which works where nothing was done and nowhere else; what became of it then.
async fn again(centre: &Centre, by: &str, was_done: bool) -> Value {
    let shown = async || centre.by(by, "GET", "/admin/v1/approvals/1", &Value::Null).await.expect(200).json();
    let before = shown().await;
    assert_eq!(before["state"] == "approved", was_done, "{before}");
    let answer = centre.by(by, "POST", "/admin/v1/approvals/1/approve", &json!({"reason": "seen"})).await;
    assert_eq!(answer.status, if was_done { 409 } else { 200 }, "{}", answer.text());
    assert!(!was_done || answer.code() == "proposal-ended", "{}", answer.text());
    let after = shown().await;
    assert_eq!((&after["state"], &after["ended"]["by"]), (&json!("approved"), &json!(by)), "{after}");
    after
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_whose_gateway_dies_while_it_is_approved_is_one_revision() {
    for point in POINTS {
        let mut centre = Centre::with(&two()).await;
        let revision = centre.revision(&format!("{}# one\n", two()), "a remark");
        centre.by("asha", "POST", "/admin/v1/revisions", &revision).await.expect(202);
        dies(&mut centre, "ravi", point).await;
        let after = again(&centre, "ravi", point == POINTS[1]).await;
        assert_eq!(after["ended"]["done"], "revision 2", "{after}");
        let history = centre.by("ravi", "GET", "/admin/v1/revisions", &Value::Null).await.expect(200).json();
        assert_eq!(history["revisions"].as_array().unwrap().len(), 2, "{point}: {history}");
    }
    report::done("death while a configuration is approved", 2, "deaths", 0, "one revision, one approval");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_gateway_dies_while_it_is_approved_is_carried_out_once() {
    for point in POINTS {
        let court = Receiver::start(|_| Reply::status(422)).await;
        let scene = Scene::with(&court, |folder| folder.file(FILE, &two())).await;
        let id = scene.paper("court:DLCT01", 1, "one").await;
        scene.until(&id, "rejected").await;
        let mut centre = Centre { folder: scene.folder, gateway: scene.gateway };
        let target = format!("/admin/v1/deliveries/{id}/repair");
        centre.by("om", "POST", &target, &json!({"reason": "the court asks for it"})).await.expect(202);
        dies(&mut centre, "lata", point).await;
        let after = again(&centre, "lata", point == POINTS[1]).await;
        let message =
            centre.by("om", "GET", &format!("/admin/v1/messages/{id}"), &Value::Null).await.expect(200).json();
        let all = message["deliveries"].as_array().unwrap();
        assert_eq!(all.len(), 2, "{point}: the rejected one, and one in its place: {message}");
        assert_eq!(after["ended"]["done"], format!("delivery {}", all[1]["id"].as_str().unwrap()), "{after}");
    }
    report::done("death while an order is approved", 2, "deaths", 0, "carried out once");
}
