//! What looks like a secret. It finds what people leave lying about, by its name or its shape; it
//! cannot prove that there is none.

use std::collections::BTreeMap;

/// Words in the name of a variable or an option that carries a secret.
const NAMES: [&str; 9] = [
    "PASSWORD",
    "PASSWD",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "APIKEY",
    "API_KEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
];
/// How well-known tokens begin, and how long they are at least.
const BEGINNINGS: [(&str, usize); 12] = [
    ("AKIA", 20),
    ("ASIA", 20),
    ("ghp_", 36),
    ("gho_", 36),
    ("ghs_", 36),
    ("github_pat_", 40),
    ("glpat-", 20),
    ("sk_live_", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("AIza", 35),
    ("SG.", 40),
];

/// Whether a variable or option of this name carries a secret.
pub fn name(name: &str) -> bool {
    let name = name.to_uppercase().replace('-', "_");
    NAMES.iter().any(|word| name.contains(word))
}

/// What a value looks like, if it looks like a secret by itself.
pub fn value(value: &str) -> Option<&'static str> {
    let value = value.trim();
    if value.contains("-----BEGIN") && value.contains("PRIVATE KEY") {
        return Some("a private key");
    }
    let token = BEGINNINGS
        .iter()
        .any(|(start, least)| value.starts_with(start) && value.len() >= *least);
    if token {
        return Some("a well-known kind of token");
    }
    let parts: Vec<&str> = value.split('.').collect();
    if let [head, body, _] = parts.as_slice()
        && head.starts_with("eyJ")
        && body.starts_with("eyJ")
    {
        return Some("a signed web token");
    }
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (user, _) = authority.rsplit_once('@')?;
    let password = user.split_once(':').is_some_and(|(_, p)| !p.is_empty());
    password.then_some("an address with a password")
}

/// A value that only says where the secret is.
fn points_elsewhere(name: &str, value: &str) -> bool {
    let name = name.to_uppercase();
    let of_a_file = ["_FILE", "_PATH", "-FILE", "-PATH"];
    value.is_empty() || value.starts_with('/') || of_a_file.iter().any(|end| name.ends_with(end))
}

/// Everything in a command's arguments that looks like a secret: where, and why; never what.
pub fn in_arguments(whose: &str, command: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, argument) in command.iter().enumerate().skip(1) {
        let option = argument
            .split_once('=')
            .filter(|(called, _)| called.starts_with('-'));
        let before = command
            .get(place - 1)
            .filter(|before| before.starts_with('-'));
        let (called, given) = match (option, before) {
            (Some(both), _) => both,
            (None, Some(before)) if !argument.starts_with('-') => {
                (before.as_str(), argument.as_str())
            }
            _ => ("", argument.as_str()),
        };
        // `--token=x y`: what comes after is an argument by itself.
        let called = if option.is_none() && called.contains('=') {
            ""
        } else {
            called
        };
        if name(called) && !points_elsewhere(called, given) {
            found.push(format!("{whose}: the argument {called} carries a secret"));
            continue;
        }
        if let Some(kind) = value(given) {
            found.push(format!("{whose}: argument {place} looks like {kind}"));
        }
    }
    found
}

/// Everything in an environment that looks like a secret: which variable, and why; never what.
pub fn in_environment(whose: &str, env: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    for (called, given) in env {
        if name(called) && !points_elsewhere(called, given) {
            found.push(format!("{whose}: {called} is named like a secret"));
        } else if let Some(kind) = value(given) {
            found.push(format!("{whose}: {called} looks like {kind}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|w| (*w).to_owned()).collect()
    }

    #[test]
    fn arguments_by_their_name_and_by_their_shape() {
        let table: [(&[&str], &str); 9] = [
            (&["shop", "--password=hunter2"], "--password carries"),
            (
                &["shop", "--db-password", "hunter2"],
                "--db-password carries",
            ),
            (&["shop", "--api-key", "abc"], "--api-key carries"),
            (
                &["shop", "postgres://ana:hunter2@db/shop"],
                "an address with a password",
            ),
            (
                &["shop", "--db=postgres://ana:hunter2@db/shop"],
                "an address with a password",
            ),
            (
                &["shop", "AKIAIOSFODNN7EXAMPLE"],
                "well-known kind of token",
            ),
            (&["shop", "eyJhbGciOi.eyJzdWIi.c2ln"], "a signed web token"),
            (
                &["shop", "-----BEGIN RSA PRIVATE KEY-----"],
                "a private key",
            ),
            (
                &["shop", "ghp_0123456789012345678901234567890123456789"],
                "token",
            ),
        ];
        for (command, said) in table {
            let found = in_arguments("the release", &words(command));
            assert_eq!(found.len(), 1, "{command:?}: {found:?}");
            assert!(found[0].contains(said), "{found:?}");
            assert!(!found[0].contains("hunter2"), "never what it is: {found:?}");
        }
        for command in [
            &["shop", "--port", "8080", "http://127.0.0.1:9000/x?y=z"] as &[&str],
            &["shop", "--password-file=/run/secrets/db"],
            &["shop", "--token", "/run/secrets/token"],
            &[
                "shop",
                "postgres://ana@db/shop",
                "user@host",
                "--verbose",
                "--token",
            ],
            &["secret-service"],
        ] {
            let found = in_arguments("the release", &words(command));
            assert!(found.is_empty(), "{found:?}");
        }
    }

    #[test]
    fn variables_by_their_name_and_by_their_shape() {
        let env = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        for (name, value) in [
            ("DB_PASSWORD", "hunter2"),
            ("github_token", "x"),
            ("DATABASE", "mysql://ana:hunter2@db"),
        ] {
            let found = in_environment("the definition", &env(name, value));
            assert_eq!(found.len(), 1, "{name}: {found:?}");
            assert!(found[0].contains(name) && !found[0].contains("hunter2"));
        }
        for (name, value) in [
            ("DB_PASSWORD_FILE", "secrets/db"),
            ("DB_PASSWORD", ""),
            ("TOKEN", "/run/secrets/token"),
            ("LOG_LEVEL", "debug"),
            ("PEER", "http://127.0.0.1:80/@x:y"),
        ] {
            let found = in_environment("the definition", &env(name, value));
            assert!(found.is_empty(), "{found:?}");
        }
    }
}
