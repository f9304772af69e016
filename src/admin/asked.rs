//! What an administrator asks, as JSON in a body: through the doors, like everything from outside.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_ENCODING;
use serde::de::DeserializeOwned;

use super::{Admin, Problem};
use crate::doors;
use crate::doors::body::Pace;
use crate::doors::coding::{Caps, Coding};

/// A body of that shape.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Admin>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, admin: &Arc<Admin>) -> Result<Self, Problem> {
        let settings = &admin.desk.settings;
        let (parts, body) = request.into_parts();
        let said = parts.headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?"));
        let caps = Caps { bytes: settings.limits.admin_body, ratio: settings.limits.packed_ratio };
        let connections = &settings.connections;
        let whole = settings.exchange.body_timeout;
        let pace = Pace { idle: connections.body_idle, whole, rate: connections.slowest };
        let bytes = doors::body::whole(body, Coding::parse(said)?, caps, pace).await?;
        Ok(Self(doors::json::read(&bytes, &doors::json::limits(settings.limits.admin_body))?))
    }
}
