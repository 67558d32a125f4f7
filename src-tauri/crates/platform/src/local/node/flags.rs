//! What a service's own code is told of an audience: a file of flag definitions in the format of
//! flagd (OpenFeature), one for each service, made from the traffic object after every write that
//! changed it.
//!
//! The traffic never waits for it and never fails by it. The file can always be made anew from the
//! object, so it is replaced whole and not waited for until the disk has it. Flags of earlier
//! audiences stay in it as they ended: code that still asks for them gets the answer it got.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use deckwatch_domain::ServiceName;
use serde_json::{Map, Value, json};

use super::hosted::Hosted;
use crate::audience::{Audience, AudienceFlag, WHOLE};
use crate::local::lock;
use crate::model::Traffic;

const SCHEMA: &str = "https://flagd.dev/schema/v0/flags.json";
/// Flags kept in a file beside the newest one.
const OLDER: usize = 64;
/// How long the answer to a write waits for the file.
const PATIENCE: Duration = Duration::from_millis(500);

/// All that a file depends on.
type Says = (Option<Audience>, Option<AudienceFlag>);

#[derive(Debug)]
pub(super) struct FlagFile {
    path: PathBuf,
    /// What it says; none while that is not known.
    says: Option<Says>,
}

impl FlagFile {
    pub(super) fn new(folder: &Path, service: &ServiceName) -> Self {
        FlagFile {
            path: folder.join(format!("{service}.json")),
            says: None,
        }
    }

    /// Brings the file to what the traffic object says. Blocks.
    fn follow(&mut self, traffic: &Traffic) -> io::Result<()> {
        let says = (traffic.audience.clone(), traffic.flag.clone());
        if self.says.as_ref() == Some(&says) {
            return Ok(());
        }
        let before = match std::fs::read(&self.path) {
            Ok(bytes) => Some(bytes),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let text = render(before.as_deref(), &says);
        if let Some(text) = text
            && before.as_deref() != Some(text.as_bytes())
        {
            self.replace(text.as_bytes())?;
        }
        self.says = Some(says);
        Ok(())
    }

    fn replace(&self, text: &[u8]) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(folder)?;
        }
        let new = self.path.with_extension("json.new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .open(&new)?;
        file.write_all(text)?;
        // Whatever the mask of whoever started the node: services of other users read it.
        file.set_permissions(Permissions::from_mode(0o644))?;
        std::fs::rename(&new, &self.path)
    }

    /// Its service is gone.
    pub(super) fn remove(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        self.says = None;
    }
}

/// The file's text; none where nothing is to be said and nothing stands.
fn render(before: Option<&[u8]>, (audience, flag): &Says) -> Option<String> {
    let read = before.and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
    let known = read
        .as_ref()
        .and_then(|file| file.get("flags")?.as_object());
    let newest = flag.as_ref().map(|flag| flag.name.as_str());
    let mut flags: Map<String, Value> = known
        .into_iter()
        .flatten()
        .filter(|(name, _)| Some(name.as_str()) != newest)
        .take(OLDER)
        .map(|(name, flag)| (name.clone(), ended(flag)))
        .collect();
    if let Some(flag) = flag {
        let led = audience.as_ref().and_then(targeting);
        flags.insert(flag.name.clone(), definition(flag.on, led));
    }
    if flags.is_empty() && before.is_none() {
        return None;
    }
    let file = json!({ "$schema": SCHEMA, "flags": flags });
    serde_json::to_string_pretty(&file)
        .ok()
        .map(|text| text + "\n")
}

/// An earlier audience's flag. One that was still being tried when another took its place is off.
fn ended(flag: &Value) -> Value {
    let on = flag.get("targeting").is_none() && flag["defaultVariant"] == "on";
    definition(on, None)
}

fn definition(on: bool, targeting: Option<Value>) -> Value {
    let mut flag = json!({
        "state": "ENABLED",
        "variants": { "on": true, "off": false },
        "defaultVariant": if on { "on" } else { "off" },
    });
    if let Some(targeting) = targeting {
        flag["targeting"] = targeting;
    }
    flag
}

/// Who has it on: the names, and flagd's own share of the other keys. Whoever has no key has the
/// default, as the weights would decide for them.
fn targeting(audience: &Audience) -> Option<Value> {
    let key = json!({ "var": "targetingKey" });
    let mut rule = Vec::new();
    if !audience.listed.is_empty() {
        rule.extend([json!({ "in": [key, audience.listed] }), json!("on")]);
    }
    match audience.share {
        0 => {}
        WHOLE => rule.extend([json!({ "!!": [key] }), json!("on")]),
        share => rule.extend([
            json!({ "!!": [key] }),
            json!({ "fractional": [
                { "cat": [audience.salt, key] },
                ["on", share],
                ["off", WHOLE - share],
            ] }),
        ]),
    }
    if rule.is_empty() {
        return None;
    }
    rule.push(json!("off"));
    Some(json!({ "if": rule }))
}

impl Hosted {
    /// Brings the flag file to what the traffic object says now, with bounded patience. What went
    /// wrong, in words: it is tried again until it works.
    pub(super) async fn follow_with_flag(self: &Arc<Self>) -> Option<String> {
        self.traffic().flag.as_ref()?;
        self.flag_behind.store(true, Relaxed);
        let this = self.clone();
        let following = tokio::task::spawn_blocking(move || this.follow_flag());
        let why = match tokio::time::timeout(PATIENCE, following).await {
            Ok(Ok(Ok(()))) => return None,
            Ok(Ok(Err(e))) => e.to_string(),
            Ok(Err(e)) => e.to_string(),
            Err(_) => format!("the disk has not answered for {PATIENCE:?}"),
        };
        Some(self.flag_trouble(&why))
    }

    /// Once more, if it may be needed.
    pub(super) async fn flag_again(self: &Arc<Self>) -> Option<String> {
        if !self.flag_behind.load(Relaxed) {
            return None;
        }
        let this = self.clone();
        let followed = tokio::task::spawn_blocking(move || this.follow_flag()).await;
        let wrong = followed.ok()?.err()?;
        Some(self.flag_trouble(&wrong.to_string()))
    }

    fn flag_trouble(&self, why: &str) -> String {
        format!(
            "{}: its flag file does not say yet what the traffic does ({why}); it is tried again",
            self.name()
        )
    }

    fn follow_flag(&self) -> io::Result<()> {
        let mut file = lock(&self.flag);
        // Cleared first: a write that comes meanwhile sets it again.
        self.flag_behind.store(false, Relaxed);
        let followed = file.follow(&self.traffic());
        if followed.is_err() {
            self.flag_behind.store(true, Relaxed);
        }
        followed
    }
}

#[cfg(test)]
mod tests {
    use deckwatch_domain::Slot;

    use super::*;
    use crate::audience::AudienceBy;

    fn audience(listed: &[&str], share: u16) -> Audience {
        Audience {
            flag: "new-basket".into(),
            by: AudienceBy::Cookie { name: "who".into() },
            listed: listed.iter().map(|name| (*name).to_owned()).collect(),
            share,
            salt: "s1".into(),
        }
    }

    fn flag(name: &str, on: bool) -> Option<AudienceFlag> {
        Some(AudienceFlag {
            name: name.into(),
            slot: Slot::Green,
            rollout: None,
            on,
        })
    }

    fn rendered(before: Option<&str>, says: &Says) -> Value {
        let text = render(before.map(str::as_bytes), says).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn names_are_on_and_a_share_of_the_rest() {
        let says = (
            Some(audience(&["ana", "ben"], 250)),
            flag("new-basket", false),
        );
        let expected = json!({
            "$schema": "https://flagd.dev/schema/v0/flags.json",
            "flags": { "new-basket": {
                "state": "ENABLED",
                "variants": { "on": true, "off": false },
                "defaultVariant": "off",
                "targeting": { "if": [
                    { "in": [{ "var": "targetingKey" }, ["ana", "ben"]] },
                    "on",
                    { "!!": [{ "var": "targetingKey" }] },
                    { "fractional": [
                        { "cat": ["s1", { "var": "targetingKey" }] },
                        ["on", 250],
                        ["off", 9750],
                    ] },
                    "off",
                ] },
            } },
        });
        assert_eq!(rendered(None, &says), expected);
    }

    #[test]
    fn an_audience_of_nobody_and_one_of_all_need_no_fractions() {
        assert_eq!(targeting(&audience(&[], 0)), None);
        let all = targeting(&audience(&[], WHOLE)).unwrap().to_string();
        assert!(
            all.contains("\"on\"") && !all.contains("fractional"),
            "{all}"
        );
    }

    #[test]
    fn it_ends_on_or_off() {
        for (on, variant) in [(true, "on"), (false, "off")] {
            let file = rendered(Some("{ torn"), &(None, flag("new-basket", on)));
            let flag = &file["flags"]["new-basket"];
            assert_eq!(flag["defaultVariant"], variant);
            assert!(flag.get("targeting").is_none(), "{flag}");
        }
    }

    #[test]
    fn earlier_flags_stay_as_they_ended() {
        let ended = render(None, &(None, flag("first", true))).unwrap();
        let led = (Some(audience(&["ana"], 0)), flag("new-basket", false));
        let two = render(Some(ended.as_bytes()), &led).unwrap();
        let file = rendered(Some(&two), &(None, flag("third", false)));
        assert_eq!(file["flags"]["first"]["defaultVariant"], "on");
        assert_eq!(file["flags"]["third"]["defaultVariant"], "off");
        // It was tried, never decided, and another took its place.
        let tried = &file["flags"]["new-basket"];
        assert_eq!(tried["defaultVariant"], "off");
        assert!(tried.get("targeting").is_none(), "{tried}");
        // A traffic object that was lost leaves nobody targeted.
        let lost = rendered(Some(&two), &(None, None));
        assert!(!lost.to_string().contains("targeting"), "{lost}");
        assert_eq!(render(None, &(None, None)), None);
    }

    #[test]
    fn the_file_is_replaced_whole_and_readable() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("flags");
        let mut file = FlagFile::new(&folder, &"shop".parse().unwrap());
        let mut traffic = Traffic::default();
        file.follow(&traffic).unwrap();
        assert!(!folder.exists(), "nothing to say, nothing made");
        traffic.flag = flag("new-basket", true);
        file.follow(&traffic).unwrap();
        let path = folder.join("shop.json");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder) & 0o700), (0o644, 0o700));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        // What cannot be written is said, and follows later.
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::write(&folder, b"in the way").unwrap();
        traffic.flag = flag("new-basket", false);
        assert!(file.follow(&traffic).is_err());
        std::fs::remove_file(&folder).unwrap();
        file.follow(&traffic).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("\"off\""));
        file.remove();
        assert!(!path.exists());
    }
}
