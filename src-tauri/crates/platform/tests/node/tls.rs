//! Calls over TLS: whom a task trusts, and what it says of those that it does not.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deckwatch_platform::{Does, HttpCall};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::rig::host;
use crate::tasks::{done, run, run_by};

/// A server that says hello to whoever trusts it; its port, and its certificate.
fn server() -> (u16, String) {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let secret = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], secret)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let speaks = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(speaks, socket);
            let mut asked = [0; 2048];
            // Whoever does not trust it hangs up here.
            if stream.read(&mut asked).is_ok() {
                let answer =
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
                let _ = stream.write_all(answer.as_bytes());
                let _ = stream.flush();
            }
        }
    });
    (port, key.cert.pem())
}

/// The program, started by somebody whose system trusts these certificates alone.
fn trusting(folder: &Path, certificates: &str) -> PathBuf {
    let (trusted, program) = (folder.join("trusted.pem"), folder.join("program"));
    std::fs::write(&trusted, certificates).unwrap();
    let words = format!(
        "#!/bin/sh\nSSL_CERT_FILE={} exec {} \"$@\"\n",
        trusted.display(),
        host().display()
    );
    std::fs::write(&program, words).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    program
}

fn call(port: u16) -> Does {
    Does::Http(HttpCall {
        method: "GET".into(),
        url: format!("https://localhost:{port}/"),
        headers: Default::default(),
        body: None,
        expect: None,
        contains: Some("hello".into()),
    })
}

#[test]
fn a_call_trusts_whom_the_system_trusts_and_nobody_else() {
    let (port, certificate) = server();
    let folder = tempfile::tempdir().unwrap();
    let desk = run_by(trusting(folder.path(), &certificate), folder);
    let trusted = done(&desk, &run(1, call(port)));
    assert!(trusted.passed, "{trusted:?}");

    let (_, other) = server();
    let folder = tempfile::tempdir().unwrap();
    let desk = run_by(trusting(folder.path(), &other), folder);
    let stranger = done(&desk, &run(1, call(port)));
    assert!(!stranger.passed, "{stranger:?}");
    let why = stranger.why.to_lowercase();
    assert!(why.contains("certificate"), "{why}");
}
