//! Asking the administration: a running daemon over its socket, or the same router in this process.

mod query;
mod remote;

use super::Context;
use super::composition::{Offline, Refusal, StoreAccess};
use super::error::Error;
use crate::http::{Access, AdminAddress, Failure, FailureKind, router};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
pub(super) use query::{encoded, with_query};
use remote::PATIENCE;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt;

/// Whoever answers.
pub(super) enum Admin {
    /// A daemon.
    Remote(AdminAddress),
    /// This process.
    InProcess(Router, Box<dyn Offline>),
}

impl Admin {
    /// The daemon of the settings if one answers, else the store itself.
    pub(super) async fn open(context: &mut Context<'_>, access: StoreAccess) -> Result<Self, Error> {
        let settings = context.settings()?;
        let address = context.composition.admin(&settings)?;
        if remote::answers(&address, PATIENCE).await? {
            context.remark(&format!("asking the daemon on {address}"));
            return Ok(Self::Remote(address));
        }
        context.remark(&format!("no daemon answers on {address}; opening the store itself"));
        let offline = context.composition.offline(&settings, access).await.map_err(held)?;
        Ok(Self::InProcess(router(offline.operations(), Access::Open), offline))
    }

    /// Reads something.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.ask(Method::GET, path, None).await
    }

    /// Does something that needs no more than its name.
    pub(super) async fn act<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.ask(Method::POST, path, None).await
    }

    /// Does something with `question`.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, question: &impl Serialize) -> Result<T, Error> {
        let bytes = serde_json::to_vec(question).map_err(|error| Error::Other(error.into()))?;
        self.ask(Method::POST, path, Some(bytes)).await
    }

    /// Removes something, and answers what that came to.
    pub(super) async fn take_away<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.ask(Method::DELETE, path, None).await
    }

    /// Removes something.
    pub(super) async fn delete(&self, path: &str) -> Result<(), Error> {
        let request = request(Method::DELETE, path, Body::empty())?;
        whole(self.send(request).await?).await.map(|_| ())
    }

    /// Sends a body of any size and answers the stream that comes back.
    pub(super) async fn stream(&self, path: &str, body: Body) -> Result<Body, Error> {
        let response = self.send(request(Method::POST, path, body)?).await?;
        if response.status().is_success() { Ok(response.into_body()) } else { Err(refused(response).await) }
    }

    /// Lets the store go if this process holds it, and answers `result`, the error of which goes first.
    pub(super) async fn finish<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        let closed = match self {
            Self::Remote(_) => Ok(()),
            Self::InProcess(router, offline) => {
                drop(router);
                offline.close().await
            }
        };
        let value = result?;
        closed?;
        Ok(value)
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, json: Option<Vec<u8>>) -> Result<T, Error> {
        let mut request = request(method, path, Body::empty())?;
        if let Some(json) = json {
            *request.body_mut() = json.into();
            request.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        }
        let bytes = whole(self.send(request).await?).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let message = "the daemon's answer is not understood; is it another version of retaind?";
            Failure::new(FailureKind::Internal, message).because(&error).into()
        })
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        match self {
            Self::Remote(address) => Ok(remote::send(address, PATIENCE, request).await?),
            Self::InProcess(router, _) => match router.clone().oneshot(request).await {
                Ok(response) => Ok(response),
                Err(never) => match never {},
            },
        }
    }
}

/// Of a store that a daemon holds which has no socket, what is going on.
fn held(refusal: Refusal) -> Refusal {
    let Refusal::Failure(failure) = refusal else { return refusal };
    let told = std::iter::once(&failure.message).chain(&failure.causes);
    let holder = told.into_iter().find_map(|text| text.split_once(" is in use by ").map(|(_, holder)| holder));
    let is_daemon = holder.is_some_and(|holder| holder.starts_with("retaind run "));
    let pid = holder.and_then(|holder| holder.split_once("(pid ")?.1.split_once(')')).map(|(pid, _)| pid);
    let (true, Some(pid)) = (is_daemon, pid) else { return failure.into() };
    let message = format!(
        "the daemon (pid {pid}) holds the store and does not answer on its admin socket: it is starting or stopping; \
         try again"
    );
    Failure::new(failure.kind, message).into()
}

fn request(method: Method, path: &str, body: Body) -> Result<Request<Body>, Error> {
    // HTTP/1.1 wants a host; a socket has none.
    let request = Request::builder().method(method).uri(path).header(header::HOST, "retaind").body(body);
    request.map_err(|error| Error::Other(error.into()))
}

/// The whole body of a good answer, or the failure that a bad one tells.
async fn whole(response: Response<Body>) -> Result<Bytes, Error> {
    if response.status().is_success() { collected(response.into_body()).await } else { Err(refused(response).await) }
}

async fn collected(body: Body) -> Result<Bytes, Error> {
    let collected = body.collect().await;
    collected.map(http_body_util::Collected::to_bytes).map_err(|error| broken_off(&error).into())
}

/// The daemon went away while it answered.
pub(super) fn broken_off(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new(FailureKind::Unavailable, "the daemon's answer broke off").because(error)
}

#[derive(serde::Deserialize)]
struct Envelope {
    error: Failure,
}

async fn refused(response: Response<Body>) -> Error {
    let status = response.status();
    match collected(response.into_body()).await {
        Ok(bytes) => {
            serde_json::from_slice::<Envelope>(&bytes).map_or_else(|_| unknown(status, &bytes), |e| e.error).into()
        }
        Err(error) => error,
    }
}

fn unknown(status: StatusCode, body: &[u8]) -> Failure {
    let text: String = String::from_utf8_lossy(body).chars().take(200).collect();
    Failure::new(FailureKind::Internal, format!("the daemon answered {status} {text}").trim_end().to_owned())
}
