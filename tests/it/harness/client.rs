//! A party's programmer: gets a token with its own key, submits, reads its feed, acknowledges.
//! Every call is one request; nothing is retried here, since tests want to see each answer.

use std::io::Result;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::folder::Folder;
use super::http::{Answer, request};

/// One system with a token.
#[derive(Clone, Debug)]
pub struct Client {
    pub system: String,
    pub gateway: SocketAddr,
    pub token: String,
}

impl Client {
    /// Gets a token; fails the test where there is none.
    pub async fn connect(folder: &Folder, gateway: SocketAddr, system: &str) -> Self {
        let answer = Self::token(folder, gateway, system).await.expect("the token endpoint answers");
        let token = answer.expect(200).json()["access_token"].as_str().expect("an access token").to_owned();
        Self { system: system.to_owned(), gateway, token }
    }

    /// The token call itself (RFC 6749 with RFC 7523).
    pub async fn token(folder: &Folder, gateway: SocketAddr, system: &str) -> Result<Answer> {
        Self::token_at(folder, gateway, system, 0).await
    }

    /// The same of a client whose clock is so many milliseconds ahead.
    pub async fn token_at(folder: &Folder, gateway: SocketAddr, system: &str, ahead: i64) -> Result<Answer> {
        let audience = format!("http://{gateway}/oauth2/token");
        let assertion = folder.key(system).assertion_at(system, &audience, ahead);
        Self::exchange(gateway, system, &assertion).await
    }

    /// Shows an assertion, whoever made it.
    pub async fn exchange(gateway: SocketAddr, system: &str, assertion: &str) -> Result<Answer> {
        let form = format!(
            "grant_type=client_credentials&client_id={system}&client_assertion_type=\
             urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={assertion}"
        );
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        request(gateway, "POST", "/oauth2/token", &headers, form.as_bytes()).await
    }

    /// Any call, with the token.
    pub async fn call(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer> {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        request(self.gateway, method, target, &all, body).await
    }

    /// `GET`.
    pub async fn get(&self, target: &str) -> Result<Answer> {
        self.call("GET", target, &[], b"").await
    }

    /// `POST /v1/records/{kind}` with a key of the caller's.
    pub async fn submit(&self, kind: &str, key: &str, more: &[(&str, &str)], body: &[u8]) -> Result<Answer> {
        let mut headers = vec![("content-type", "application/json")];
        if !key.is_empty() {
            headers.push(("idempotency-key", key));
        }
        headers.extend_from_slice(more);
        self.call("POST", &format!("/v1/records/{kind}"), &headers, body).await
    }

    /// `POST /v1/records/{kind}` of a new record; fails the test where it is not accepted.
    pub async fn accepted(&self, kind: &str, key: &str, record: &Value) -> Value {
        self.submit(kind, key, &[], record.to_string().as_bytes()).await.unwrap().expect(202).json()
    }

    /// `GET /v1/feed` with a query such as `limit=10&after=…`.
    pub async fn feed(&self, query: &str) -> Result<Answer> {
        self.get(&format!("/v1/feed?{query}")).await
    }

    /// `POST /v1/feed/ack` of everything up to a cursor.
    pub async fn ack(&self, upto: &str, kinds: &[&str]) -> Result<Answer> {
        self.acknowledge(&json!({"offices": [], "kinds": kinds, "upto": upto})).await
    }

    /// `POST /v1/feed/ack` of outcomes.
    pub async fn answer(&self, outcomes: Value) -> Result<Answer> {
        self.acknowledge(&json!({"outcomes": outcomes})).await
    }

    async fn acknowledge(&self, body: &Value) -> Result<Answer> {
        let headers = [("content-type", "application/json")];
        self.call("POST", "/v1/feed/ack", &headers, body.to_string().as_bytes()).await
    }

    /// `GET /v1/messages/{id}`.
    pub async fn message(&self, id: &str) -> Value {
        self.get(&format!("/v1/messages/{id}")).await.unwrap().expect(200).json()
    }
}
