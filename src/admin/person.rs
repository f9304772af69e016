//! Who asks, and what he may: the owner of the folder by its socket or `data/admin.token`, anybody else by a token of his own
//! whose digest the live revision has. What is kept of a call is this name, whatever the call says of itself.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Admin, Problem};
use crate::config::{Administrator, Role};
use crate::seal;

/// The name of whoever runs the gateway.
const OWNER: &str = "owner";

/// Who makes a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    name: String,
    role: Role,
    /// By a token of his own. The owner is no named person: several people may have the machine.
    named: bool,
}

/// Marks what came in by the folder's socket: the owner's, where no token is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct AtSocket;

impl Person {
    fn owner() -> Self {
        Self { name: OWNER.to_owned(), role: Role::Administrator, named: false }
    }

    fn named(one: &Administrator) -> Self {
        Self { name: one.name.clone(), role: one.role, named: true }
    }

    /// His name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether he is one and the same person on every call.
    pub(super) fn is_named(&self) -> bool {
        self.named
    }

    /// The word for what he is.
    pub(super) fn word(&self) -> &'static str {
        if self.named { self.role.as_str() } else { OWNER }
    }

    /// As whom a call is kept. The owner may say who sits there, which is kept as what it is: his word.
    pub(super) fn signs(&self, said: Option<&str>) -> String {
        match said.map(str::trim) {
            Some(said) if !self.named && !said.is_empty() && said != OWNER => format!("{said} ({OWNER})"),
            _ => self.name.clone(),
        }
    }

    /// Refuses whoever has less than the role.
    pub(super) fn must_be(&self, least: Role) -> Result<(), Problem> {
        if self.role >= least {
            return Ok(());
        }
        let (name, role, least) = (&self.name, self.role.as_str(), least.as_str());
        let detail = format!("this needs the role `{least}`; {name} is `{role}`");
        Err(Problem::new(StatusCode::FORBIDDEN, "not-allowed", detail))
    }
}

/// Lets in whom it knows, and says to what comes after who that is. Every wrong token is refused in the same words.
pub(super) async fn known(State(admin): State<Arc<Admin>>, mut request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let person = match given {
        Some(given) => by_token(&admin, given.strip_prefix("Bearer ").unwrap_or_default().trim()),
        None => request.extensions().get::<AtSocket>().map(|_| Person::owner()),
    };
    let Some(person) = person else {
        let detail =
            "send `Authorization: Bearer` with an administrator's token, or call as the owner by data/admin.sock";
        return Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail).into_response();
    };
    request.extensions_mut().insert(person);
    next.run(request).await
}

fn by_token(admin: &Admin, token: &str) -> Option<Person> {
    if seal::same(token.as_bytes(), admin.token.as_bytes()) {
        return Some(Person::owner());
    }
    // By the revision of this moment: who was taken out of it is shut out with his next call.
    admin.live.newest().administrators.who(token, admin.clock.now()).map(Person::named)
}

/// Lets through whoever has the role that a call needs.
pub(super) async fn permitted(State(least): State<Role>, request: Request, next: Next) -> Response {
    match request.extensions().get::<Person>().map(|person| person.must_be(least)) {
        Some(Ok(())) => next.run(request).await,
        Some(Err(refusal)) => refusal.into_response(),
        // Every call is behind `known`: this is a call that was added beside it.
        None => Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "nobody is known here").into_response(),
    }
}
