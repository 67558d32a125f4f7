//! Asking a target over HTTP.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;

use crate::exposition::ACCEPT;
use crate::targets::{Login, Target, Tls};
use crate::web::{Auth, Web, WebError};

/// What came back, whatever the status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    pub status: u16,
    pub content_type: Option<String>,
    pub body: bytes::Bytes,
}

/// A page, or why there is none.
pub type Asked<'a> = Pin<Box<dyn Future<Output = Result<Page, String>> + Send + 'a>>;

/// Who asks targets. It need not mind how long it takes: the pool does.
pub trait Fetch: Send + Sync {
    fn fetch<'a>(&'a self, target: &'a Target) -> Asked<'a>;
}

/// The value of a secret by its name.
pub type SecretOf = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// Asks targets at their own addresses.
pub struct Direct {
    secret: SecretOf,
    /// One client for each way of TLS, so that connections are kept.
    clients: Mutex<BTreeMap<Tls, Web>>,
}

impl Direct {
    pub fn new(secret: SecretOf) -> Self {
        Direct {
            secret,
            clients: Mutex::default(),
        }
    }

    fn client(&self, tls: &Tls) -> Result<Web, WebError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(web) = clients.get(tls) {
            return Ok(web.clone());
        }
        let web = Web::with(tls)?;
        clients.insert(tls.clone(), web.clone());
        Ok(web)
    }

    async fn ask(&self, target: &Target) -> Result<Page, String> {
        let job = &target.job;
        let web = self.client(&job.tls).map_err(|e| e.to_string())?;
        let auth = credential(&job.auth, &self.secret).await?;
        let seconds = job.timeout.as_secs_f64().to_string();
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(&target.url)
            .header(header::ACCEPT, ACCEPT)
            .header(header::USER_AGENT, AGENT)
            .header("x-prometheus-scrape-timeout-seconds", seconds)
            .body(Full::default())
            .map_err(|e| format!("{}: {e}", target.url))?;
        if let Some(value) = header_of(&auth)? {
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let answer = web.send(request, job.body_limit).await;
        let answer = answer.map_err(|e| e.to_string())?;
        let content_type = answer.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        Ok(Page {
            status: answer.status().as_u16(),
            content_type: content_type.map(str::to_owned),
            body: answer.into_body(),
        })
    }
}

/// As whom targets are asked.
pub const AGENT: &str = concat!("Deckwatch/", env!("CARGO_PKG_VERSION"));

impl Fetch for Direct {
    fn fetch<'a>(&'a self, target: &'a Target) -> Asked<'a> {
        Box::pin(self.ask(target))
    }
}

/// What is shown of oneself, with the secret's value.
///
/// # Errors
/// That the secret cannot be had; the value is in no message.
pub async fn credential(login: &Login, secret: &SecretOf) -> Result<Auth, String> {
    let value = |name: &str| {
        // A keychain is another program, which may take its time.
        let (secret, name) = (secret.clone(), name.to_owned());
        let asked = tokio::task::spawn_blocking(move || secret(&name));
        async move { asked.await.map_err(|e| e.to_string())? }
    };
    Ok(match login {
        Login::None => Auth::None,
        Login::Bearer { secret } => Auth::Bearer(value(secret).await?),
        Login::Basic { user, secret } => Auth::Basic {
            user: user.clone(),
            password: value(secret).await?,
        },
    })
}

/// # Errors
/// That the credential has characters that no header has.
pub(crate) fn header_of(auth: &Auth) -> Result<Option<HeaderValue>, String> {
    let value = auth.header().transpose();
    value.map_err(|_| "the credential has characters that no header has".into())
}
