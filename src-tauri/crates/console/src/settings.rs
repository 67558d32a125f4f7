//! Settings: a file of JSON beside the journal, and the environments it names. Secrets are not
//! settings and never stand here.

use std::path::{Path, PathBuf};

use deckwatch_domain::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::cluster::{ClusterPlace, MetricsSource, check_place, check_source};
use crate::console::{Console, ConsoleOptions};
use crate::problem::Problem;
use crate::route::Nothing;

/// How the window looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    #[default]
    Dark,
    Light,
    HighContrast,
    /// As the desktop says.
    System,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Density {
    /// Rows of 28 px.
    #[default]
    Comfortable,
    /// Rows of 24 px.
    Compact,
}

/// What an environment is for. Production is marked so that it cannot be missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    Production,
    Staging,
    #[default]
    Development,
    Training,
}

/// One place that releases go to: a data folder of its own, with its own node and journal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    pub name: String,
    pub folder: PathBuf,
    #[serde(default)]
    pub class: Class,
    /// One of `slate`, `blue`, `teal`, `violet`, `amber`; production has its own.
    #[serde(default)]
    pub colour: Colour,
    /// Commands are refused, but for the way back. It can be opened for a stated time.
    #[serde(default)]
    pub read_only: bool,
    /// The cluster in which its services run; none: they run on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub cluster: Option<ClusterPlace>,
    /// A Prometheus to be asked here. A cluster may name its own in its place; this one is asked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub metrics: Option<MetricsSource>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Colour {
    #[default]
    Slate,
    Blue,
    Teal,
    Violet,
    Amber,
}

/// Copies of the journal, made while the window or an agent runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Backups {
    pub to: PathBuf,
    pub every: Span,
    /// Copies kept; older ones are removed.
    pub keep: u32,
}

/// As they stand in the file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A label beside one's identity, nothing more.
    pub display: Option<String>,
    pub theme: Theme,
    pub density: Density,
    /// An IANA name; none: the machine's own.
    pub time_zone: Option<String>,
    /// Whether the window drives rollouts itself. If not, an agent must.
    pub drive: Drive,
    pub backups: Option<Backups>,
    /// Besides `local` and `training`, which are always there; the same name changes one.
    pub environments: Vec<Environment>,
}

/// Who drives while the window is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
pub enum Drive {
    #[default]
    Window,
    AgentOnly,
}

/// The settings with where they lie and what follows from them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ts_rs::TS)]
pub struct SettingsView {
    pub file: PathBuf,
    pub settings: Settings,
    /// All of them, the built-in ones first.
    pub environments: Vec<Environment>,
    /// The one this console is.
    pub environment: String,
    pub last_backup: Option<Timestamp>,
}

/// New settings, whole.
#[derive(Clone, Debug, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub settings: Settings,
}

/// The environment that a console is when nothing else was said.
pub const LOCAL: &str = "local";
pub const TRAINING: &str = "training";

impl Settings {
    /// # Errors
    /// That the file cannot be read, or what is wrong in it.
    pub fn read(file: &Path) -> Result<Self, Problem> {
        match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|e| Problem::new("settings.invalid", format!("{}: {e}", file.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Settings::default()),
            Err(error) => Err(Problem::new(
                "settings",
                format!("{}: {error}", file.display()),
            )),
        }
    }

    /// Writes the file whole, so that a crash leaves the old one or the new one.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn write(&self, file: &Path) -> Result<(), Problem> {
        let wrong =
            |e: std::io::Error| Problem::new("settings", format!("{}: {e}", file.display()));
        let text =
            serde_json::to_vec_pretty(self).map_err(|e| Problem::new("settings", e.to_string()))?;
        let draft = file.with_extension(format!("{}.new", std::process::id()));
        std::fs::write(&draft, text).map_err(wrong)?;
        std::fs::rename(&draft, file).map_err(wrong)
    }

    /// `local` in `base`, `training` in it, and what the file adds or changes.
    pub fn all_environments(&self, base: &Path) -> Vec<Environment> {
        let built_in = |name: &str, folder: PathBuf, class, colour| Environment {
            name: name.into(),
            folder,
            class,
            colour,
            read_only: false,
            cluster: None,
            metrics: None,
        };
        let mut all = vec![
            built_in(LOCAL, base.to_owned(), Class::Development, Colour::Slate),
            built_in(
                TRAINING,
                base.join("training"),
                Class::Training,
                Colour::Teal,
            ),
        ];
        for environment in &self.environments {
            match all.iter_mut().find(|e| e.name == environment.name) {
                Some(there) => {
                    // Where the built-in ones lie is not for a setting to say.
                    let folder = there.folder.clone();
                    *there = Environment {
                        folder,
                        ..environment.clone()
                    };
                }
                None => all.push(environment.clone()),
            }
        }
        all
    }

    /// The one of that name.
    ///
    /// # Errors
    /// That there is none, and which there are.
    pub fn named(&self, base: &Path, name: &str) -> Result<Environment, Problem> {
        let all = self.all_environments(base);
        let names: Vec<String> = all.iter().map(|e| e.name.clone()).collect();
        all.into_iter().find(|e| e.name == name).ok_or_else(|| {
            let names = names.join(", ");
            let why = format!("there is no environment {name}; there is: {names}");
            Problem::new("environment.unknown", why)
        })
    }

    fn check(&self) -> Result<(), Problem> {
        let invalid = |why: String| Err(Problem::new("settings.invalid", why));
        for (i, environment) in self.environments.iter().enumerate() {
            let name = environment.name.trim();
            if name.is_empty() || name != environment.name {
                return invalid("an environment needs a name without blanks around it".into());
            }
            if self.environments[..i].iter().any(|e| e.name == *name) {
                return invalid(format!("there are two environments named {name}"));
            }
            let built_in = [LOCAL, TRAINING].contains(&name);
            if !built_in && !environment.folder.is_absolute() {
                return invalid(format!("{name}: the folder must be an absolute path"));
            }
            if let Some(place) = &environment.cluster {
                if built_in {
                    return invalid(format!("{name} is on this machine, not in a cluster"));
                }
                if let Err(why) = check_place(place) {
                    return invalid(format!("{name}: {why}"));
                }
            }
            if let Some(source) = &environment.metrics
                && let Err(why) = check_source(source, environment.cluster.is_some())
            {
                return invalid(format!("{name}: {why}"));
            }
        }
        if let Some(zone) = &self.time_zone
            && jiff::tz::TimeZone::get(zone).is_err()
        {
            return invalid(format!(
                "{zone} is no time zone; write it like Europe/Berlin"
            ));
        }
        if let Some(backups) = &self.backups {
            if !backups.to.is_absolute() {
                return invalid("the backups' folder must be an absolute path".into());
            }
            if backups.every.duration() < std::time::Duration::from_secs(60) || backups.keep == 0 {
                return invalid("backups: at least a minute apart, and at least one kept".into());
            }
        }
        Ok(())
    }
}

impl ConsoleOptions {
    /// One of the environments that the settings in `base` name.
    ///
    /// # Errors
    /// That there is none of that name.
    pub fn of(base: &Path, name: &str, display: Option<String>) -> Result<ConsoleOptions, Problem> {
        let settings = Settings::read(&base.join("settings.json"))?;
        let environment = settings.named(base, name)?;
        Ok(ConsoleOptions {
            folder: Some(environment.folder.clone()),
            program: None,
            display,
            environment: Some((base.to_owned(), environment)),
        })
    }
}

/// # Errors
/// That the file cannot be read, or what is wrong in it.
pub async fn show(console: &Console, _: Nothing) -> Result<SettingsView, Problem> {
    let file = console.settings_file();
    let settings = Settings::read(&file)?;
    let base = file.parent().unwrap_or(console.folder.path());
    Ok(SettingsView {
        environments: settings.all_environments(base),
        environment: console.environment.name.clone(),
        last_backup: last_backup(&settings, &console.environment),
        settings,
        file,
    })
}

/// # Errors
/// What is wrong with them; nothing is changed then.
pub async fn change(console: &Console, ask: Change) -> Result<SettingsView, Problem> {
    ask.settings.check()?;
    ask.settings.write(&console.settings_file())?;
    show(console, Nothing {}).await
}

fn last_backup(settings: &Settings, environment: &Environment) -> Option<Timestamp> {
    let folder = settings.backups.as_ref()?.to.join(&environment.name);
    newest(&folder).map(|(at, _)| at)
}

/// The newest copy in a folder, by its name.
fn newest(folder: &Path) -> Option<(Timestamp, PathBuf)> {
    copies(folder).pop()
}

/// The copies in a folder, oldest first.
fn copies(folder: &Path) -> Vec<(Timestamp, PathBuf)> {
    let Ok(files) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut copies: Vec<(Timestamp, PathBuf)> = files
        .filter_map(|file| {
            let path = file.ok()?.path();
            let name = path.file_name()?.to_str()?;
            let millis = name.strip_prefix("journal-")?.strip_suffix(".db")?;
            Some((Timestamp::from_millis(millis.parse().ok()?), path))
        })
        .collect();
    copies.sort();
    copies
}

/// Makes a copy when one is due, and removes those past the number to keep.
///
/// # Errors
/// The journal's, or the folder's.
pub(crate) async fn back_up_when_due(console: &Console) -> Result<Option<PathBuf>, Problem> {
    let settings = Settings::read(&console.settings_file())?;
    let Some(backups) = settings.backups else {
        return Ok(None);
    };
    let now = console.clock.now().wall;
    let folder = backups.to.join(&console.environment.name);
    if newest(&folder).is_some_and(|(at, _)| at <= now && now.since(at) < backups.every.duration())
    {
        return Ok(None);
    }
    std::fs::create_dir_all(&folder)?;
    let to = folder.join(format!("journal-{}.db", now.as_millis()));
    console.journal().await?.backup(&to).await?;
    let mut have = copies(&folder);
    while have.len() > backups.keep as usize {
        let (_, oldest) = have.remove(0);
        std::fs::remove_file(oldest)?;
    }
    Ok(Some(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str, folder: &str) -> Environment {
        Environment {
            name: name.into(),
            folder: folder.into(),
            class: Class::Production,
            colour: Colour::Blue,
            read_only: true,
            cluster: None,
            metrics: None,
        }
    }

    #[test]
    fn the_built_in_environments_are_always_there() {
        let settings = Settings {
            environments: vec![
                environment("shop", "/srv/shop"),
                environment("training", "/elsewhere"),
            ],
            ..Settings::default()
        };
        settings.check().unwrap();
        let all = settings.all_environments(Path::new("/data"));
        let names: Vec<_> = all.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, [LOCAL, TRAINING, "shop"]);
        assert_eq!(all[1].folder, Path::new("/data/training"));
        assert!(all[1].read_only && all[2].read_only && !all[0].read_only);
    }

    #[test]
    fn nonsense_is_refused_with_the_reason() {
        let of = |environments| Settings {
            environments,
            ..Settings::default()
        };
        let wrong = [
            of(vec![environment("", "/a")]),
            of(vec![environment("a", "/a"), environment("a", "/b")]),
            of(vec![environment("a", "relative")]),
            Settings {
                time_zone: Some("Mars/Base".into()),
                ..Settings::default()
            },
            Settings {
                backups: Some(Backups {
                    to: "/b".into(),
                    every: "10s".parse().unwrap(),
                    keep: 3,
                }),
                ..Settings::default()
            },
        ];
        for settings in wrong {
            assert_eq!(settings.check().unwrap_err().code, "settings.invalid");
        }
    }

    #[test]
    fn the_file_is_read_as_it_was_written_and_its_mistakes_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.json");
        assert_eq!(Settings::read(&file).unwrap(), Settings::default());
        let settings = Settings {
            theme: Theme::HighContrast,
            time_zone: Some("Europe/Berlin".into()),
            environments: vec![environment("shop", "/srv/shop")],
            ..Settings::default()
        };
        settings.write(&file).unwrap();
        assert_eq!(Settings::read(&file).unwrap(), settings);
        std::fs::write(&file, r#"{"theme": "pink"}"#).unwrap();
        let problem = Settings::read(&file).unwrap_err();
        assert_eq!(problem.code, "settings.invalid");
        assert!(problem.message.contains("pink"), "{problem}");
    }
}
