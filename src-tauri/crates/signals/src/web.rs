//! One HTTP question to somebody else's server: bounded in time and in size, and never more than
//! was asked. No redirects are followed, so that a credential goes only where it was meant to go.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};

use crate::targets::Tls;

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WebError {
    #[error("{url}: {why}")]
    Address { url: String, why: String },
    #[error("{host} cannot be reached: {why}")]
    Unreachable { host: String, why: String },
    #[error("{host} gave no answer within {within:?}")]
    TimedOut { host: String, within: Duration },
    #[error("the answer of {host} is longer than {limit} bytes")]
    TooLong { host: String, limit: usize },
    #[error("certificates: {why}")]
    Certificates { why: String },
}

/// How one shows who one is. What is printed of it names nothing secret.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Auth {
    #[default]
    None,
    Bearer(String),
    Basic {
        user: String,
        password: String,
    },
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Auth::None => "none",
            Auth::Bearer(_) => "a token",
            Auth::Basic { .. } => "a password",
        })
    }
}

impl Auth {
    pub(crate) fn header(&self) -> Option<Result<HeaderValue, http::header::InvalidHeaderValue>> {
        let text = match self {
            Auth::None => return None,
            Auth::Bearer(token) => format!("Bearer {token}"),
            Auth::Basic { user, password } => {
                use base64::Engine as _;
                let pair = format!("{user}:{password}");
                let coded = base64::engine::general_purpose::STANDARD.encode(pair);
                format!("Basic {coded}")
            }
        };
        Some(HeaderValue::from_str(&text).map(|mut value| {
            value.set_sensitive(true);
            value
        }))
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    pub method: Method,
    pub url: String,
    pub auth: Auth,
    /// Sent as an HTML form; empty: no body.
    pub form: String,
}

/// What came back, whatever the status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub body: Bytes,
}

/// A client that keeps its connections.
#[derive(Clone, Debug)]
pub struct Web {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Of an answer, in bytes.
    limit: usize,
    within: Duration,
}

impl Web {
    /// With the system's certificates, and those of `ca` (a PEM file) where one is named.
    ///
    /// # Errors
    /// That the file holds no certificate.
    pub fn new(ca: Option<&PathBuf>, limit: usize, within: Duration) -> Result<Web, WebError> {
        let tls = Tls {
            ca: ca.cloned(),
            ..Tls::default()
        };
        let web = Web::with(&tls)?;
        Ok(Web {
            limit,
            within,
            ..web
        })
    }

    /// One that goes by these TLS settings, for [`Web::send`].
    ///
    /// # Errors
    /// That a file is not what it should be.
    pub fn with(tls: &Tls) -> Result<Web, WebError> {
        let builder = HttpsConnectorBuilder::new()
            .with_tls_config(client_config(tls)?)
            .https_or_http();
        let connector = match &tls.server_name {
            None => builder.enable_http1().build(),
            Some(name) => {
                let resolver = FixedServerNameResolver::new(server_name(name)?);
                builder
                    .with_server_name_resolver(resolver)
                    .enable_http1()
                    .build()
            }
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        Ok(Web {
            client,
            limit: 0,
            within: Duration::MAX,
        })
    }

    /// Sends one request and reads its answer, up to `limit` bytes. Whoever asks minds the time.
    ///
    /// # Errors
    /// That no whole answer came, and why.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        limit: usize,
    ) -> Result<Response<Bytes>, WebError> {
        let host = host_of(&request);
        let unreachable = |why: String| WebError::Unreachable {
            host: host.clone(),
            why,
        };
        let answer = self.client.request(request).await;
        let (parts, body) = answer.map_err(|e| unreachable(causes(&e)))?.into_parts();
        let body = Limited::new(body, limit).collect().await;
        let body = body.map_err(|e| match e.is::<http_body_util::LengthLimitError>() {
            true => WebError::TooLong {
                host: host.clone(),
                limit,
            },
            false => unreachable(causes(e.as_ref())),
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }

    /// # Errors
    /// That no whole answer came, and why.
    pub async fn ask(&self, question: &Question) -> Result<Reply, WebError> {
        let request = request(question)?;
        let host = host_of(&request);
        match tokio::time::timeout(self.within, self.send(request, self.limit)).await {
            Ok(reply) => {
                let (parts, body) = reply?.into_parts();
                let status = parts.status;
                Ok(Reply { status, body })
            }
            Err(_) => Err(WebError::TimedOut {
                host,
                within: self.within,
            }),
        }
    }
}

/// Whom a request goes to, without a credential that its address may hold.
fn host_of<B>(request: &Request<B>) -> String {
    let host = request.uri().authority().map_or("", |a| a.as_str());
    host.rsplit('@').next().unwrap_or_default().to_owned()
}

/// The name that a certificate has to be for.
pub(crate) fn server_name(name: &str) -> Result<ServerName<'static>, WebError> {
    let named = ServerName::try_from(name.to_owned());
    named.map_err(|_| WebError::Certificates {
        why: format!("`{name}` is no name that a certificate can be for"),
    })
}

/// An error with what caused it: the outermost says only that something failed.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        next = cause.source();
    }
    words
}

fn request(question: &Question) -> Result<Request<Full<Bytes>>, WebError> {
    let wrong = |why: String| WebError::Address {
        url: question.url.clone(),
        why,
    };
    let uri: Uri = question.url.parse().map_err(|e| wrong(format!("{e}")))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err(wrong("an address begins with http:// or https://".into()));
    }
    let mut request = Request::builder()
        .method(&question.method)
        .uri(uri)
        .header(header::ACCEPT, "application/json, text/plain");
    if let Some(auth) = question.auth.header() {
        let value =
            auth.map_err(|_| wrong("the credential has characters no header has".into()))?;
        request = request.header(header::AUTHORIZATION, value);
    }
    if !question.form.is_empty() {
        let form = "application/x-www-form-urlencoded";
        request = request.header(header::CONTENT_TYPE, form);
    }
    let body = Full::new(Bytes::from(question.form.clone()));
    request.body(body).map_err(|e| wrong(e.to_string()))
}

/// With the system's certificates, and what the settings add.
pub(crate) fn client_config(tls: &Tls) -> Result<ClientConfig, WebError> {
    let wrong = |why: String| WebError::Certificates { why };
    let mut roots = RootCertStore::empty();
    // A machine without any of its own can still speak to whoever `ca` vouches for.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = &tls.ca {
        for certificate in certificates(file)? {
            let added = roots.add(certificate);
            added.map_err(|e| wrong(format!("{}: {e}", file.display())))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(e.to_string()))?
        .with_root_certificates(roots);
    let Some((chain, key)) = &tls.client else {
        return Ok(config.with_no_client_auth());
    };
    let private = PrivateKeyDer::from_pem_file(key);
    let private = private.map_err(|e| wrong(format!("{}: {e}", key.display())))?;
    let config = config.with_client_auth_cert(certificates(chain)?, private);
    config.map_err(|e| wrong(format!("{}: {e}", chain.display())))
}

fn certificates(file: &PathBuf) -> Result<Vec<CertificateDer<'static>>, WebError> {
    let wrong = |why: String| WebError::Certificates { why };
    let read = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| wrong(format!("{}: {e}", file.display())))?;
    match read.is_empty() {
        true => Err(wrong(format!("{} holds none", file.display()))),
        false => Ok(read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(url: &str) -> Result<Request<Full<Bytes>>, WebError> {
        request(&Question {
            method: Method::GET,
            url: url.into(),
            auth: Auth::Bearer("hush".into()),
            form: String::new(),
        })
    }

    #[test]
    fn an_address_is_one_of_the_web() {
        for wrong in ["", "metrics", "ftp://a/b", "http://", "file:///etc/passwd"] {
            assert!(ask(wrong).is_err(), "{wrong}");
        }
        let sent = ask("http://127.0.0.1:9090/api").unwrap();
        assert_eq!(sent.headers()[header::AUTHORIZATION], "Bearer hush");
    }

    #[test]
    fn a_credential_is_not_printed() {
        let basic = Auth::Basic {
            user: "ana".into(),
            password: "hush".into(),
        };
        let printed = format!("{basic:?} {:?}", Auth::Bearer("hush".into()));
        assert!(!printed.contains("hush"), "{printed}");
        let sent = ask("http://127.0.0.1:1/").unwrap();
        assert!(!format!("{sent:?}").contains("hush"));
        let header = basic.header().unwrap().unwrap();
        assert_eq!(header, "Basic YW5hOmh1c2g=");
    }

    #[tokio::test]
    async fn what_does_not_answer_is_said_by_name() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let web = Web::new(None, 100, Duration::from_millis(200)).unwrap();
        let question = |port: u16| Question {
            method: Method::GET,
            url: format!("http://127.0.0.1:{port}/"),
            auth: Auth::None,
            form: String::new(),
        };
        let silent = web.ask(&question(port)).await.unwrap_err();
        assert!(matches!(silent, WebError::TimedOut { .. }), "{silent}");
        drop(listener);
        let closed = web.ask(&question(port)).await.unwrap_err();
        assert!(closed.to_string().contains("refused"), "{closed}");
        let missing = Web::new(Some(&"/nowhere.pem".into()), 1, Duration::ZERO).unwrap_err();
        assert!(missing.to_string().contains("/nowhere.pem"), "{missing}");
    }
}
