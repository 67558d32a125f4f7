//! Environments, and those of them that are in a cluster.

mod objects;

use std::path::PathBuf;

use deckwatch_console::api::{
    self, Adopt, AdoptionPlan, Change, Class, ClusterPlace, ClusterView, ContextsAsk,
    MetricsSource, OpenAccess, Settings, Settle, Truth,
};
use deckwatch_console::{ByService, Console, Environment, Nothing, Problem};

use super::done;
use crate::args;
use crate::ask::answer;
use crate::code;
use crate::paint::{Paint, Tone, table};

pub(super) async fn cluster(
    console: &Console,
    it: args::Cluster,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Cluster as C;
    match it {
        C::Contexts { kubeconfig } => {
            let rows = api::contexts(console, ContextsAsk { kubeconfig }).await?;
            answer(j, &rows, |rows| {
                let rows: Vec<Vec<String>> = rows
                    .iter()
                    .map(|c| {
                        let name = match c.current {
                            true => format!("{} (current)", c.name),
                            false => c.name.clone(),
                        };
                        let user = c.user.clone().unwrap_or_default();
                        vec![name, c.cluster.clone(), user, c.namespace.clone()]
                    })
                    .collect();
                table(paint, &["context", "cluster", "user", "namespace"], &rows)
            });
        }
        C::Show => {
            let view = api::cluster(console, Nothing {}).await?;
            answer(j, &view, |view| shown(paint, view));
            let whole = view.trouble.is_none() && view.missing.is_empty();
            return Ok(if whole { code::DONE } else { code::FOUND });
        }
        C::Adopt {
            deployment,
            service,
            route,
            virtual_service,
            ingress,
            container,
            dry_run,
        } => {
            let ask = Adopt {
                deployment,
                service,
                route,
                virtual_service,
                ingress,
                container,
            };
            if !dry_run {
                return done(j, &api::adopt(console, ask).await?);
            }
            let plan = api::plan_adoption(console, ask).await?;
            answer(j, &plan, planned);
        }
        C::Release { service } => {
            return done(j, &api::release(console, ByService { service }).await?);
        }
        C::Settle { service, ours, .. } => {
            let truth = if ours { Truth::Ours } else { Truth::Theirs };
            return done(j, &api::settle(console, Settle { service, truth }).await?);
        }
        looks => return objects::look(console, looks, j, paint).await,
    }
    Ok(code::DONE)
}

fn shown(paint: Paint, view: &ClusterView) -> String {
    let mut out = format!("context    {}\n", view.context);
    let mut line = |name: &str, value: Option<&String>| {
        if let Some(value) = value {
            out += &format!("{name:<10} {value}\n");
        }
    };
    line("namespace", view.namespace.as_ref());
    line("version", view.version.as_ref());
    line("cluster", view.cluster.as_ref());
    line("you are", view.who.as_ref());
    line("metrics", view.metrics.as_ref());
    if view.metrics.is_none() {
        out += "metrics    none: nothing can be judged by errors\n";
    }
    let access = match (&view.opened, view.read_only) {
        (_, false) => "writes are allowed".to_owned(),
        (None, true) => "read-only, but for the way back".to_owned(),
        (Some(o), true) => format!("open until {} by {}: {}", o.until.words(), o.by, o.reason),
    };
    out += &format!("access     {access}\n");
    if let Some(trouble) = &view.trouble {
        out += &format!("{}\n", paint.say(Tone::Bad, format!("✕ {trouble}")));
        return out;
    }
    for right in &view.missing {
        let what = match right.for_the_way_back {
            true => "traffic cannot be taken back",
            false => right.why.as_str(),
        };
        let words = format!("◆ missing: {} ({what})", right.right);
        out += &format!("{}\n", paint.say(Tone::Warn, words));
    }
    if view.missing.is_empty() {
        out += &format!("{}\n", paint.say(Tone::Good, "● every right is there"));
    }
    out
}

fn planned(plan: &AdoptionPlan) -> String {
    if plan.steps.is_empty() {
        return format!(
            "{} is adopted already: nothing would be written\n",
            plan.service
        );
    }
    let mut out = String::new();
    for (i, step) in plan.steps.iter().enumerate() {
        let body = serde_json::to_string_pretty(&step.body).unwrap_or_default();
        out += &format!(
            "{}. {}: {} {}\n{body}\n",
            i + 1,
            step.what,
            step.kind,
            step.name
        );
    }
    out + "nothing was written\n"
}

pub(super) async fn environment(
    console: &Console,
    it: args::Environment,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Environment as E;
    match it {
        E::List => {
            let all = console.environments();
            answer(j, &all, |all| {
                let rows: Vec<Vec<String>> = all.iter().map(row).collect();
                table(paint, &["environment", "class", "where", "writes"], &rows)
            });
            Ok(code::DONE)
        }
        E::Add(new) => add(console, *new, j, paint).await,
        E::Remove { name } => {
            let mut settings = written(console)?;
            let before = settings.environments.len();
            settings.environments.retain(|e| e.name != name);
            if settings.environments.len() == before {
                let why = format!("no environment {name} is in the settings");
                return Err(Problem::new("environment.unknown", why));
            }
            changed(console, settings, j, paint).await
        }
        E::Open { within, reason } => done(
            j,
            &api::open_access(console, OpenAccess { within, reason }).await?,
        ),
        E::Close => done(j, &api::close_access(console, Nothing {}).await?),
    }
}

fn row(e: &Environment) -> Vec<String> {
    let place = match &e.cluster {
        Some(cluster) => {
            let namespace = cluster.namespace.as_deref().unwrap_or("its own namespace");
            format!("{} / {namespace}", cluster.context)
        }
        None => e.folder.display().to_string(),
    };
    let writes = if e.read_only { "read-only" } else { "allowed" };
    let class = serde_json::to_value(e.class).unwrap_or_default();
    let class = class.as_str().unwrap_or_default().to_owned();
    vec![e.name.clone(), class, place, writes.into()]
}

fn written(console: &Console) -> Result<Settings, Problem> {
    Settings::read(&console.settings_file())
}

async fn changed(
    console: &Console,
    settings: Settings,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    let view = api::change_settings(console, Change { settings }).await?;
    answer(j, &view.environments, |all| {
        let rows: Vec<Vec<String>> = all.iter().map(row).collect();
        table(paint, &["environment", "class", "where", "writes"], &rows)
    });
    Ok(code::DONE)
}

async fn add(
    console: &Console,
    new: args::NewEnvironment,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    let class: Class = serde_json::from_value(new.class.clone().into()).map_err(|_| {
        let why = format!(
            "`{}` is none of production, staging, development",
            new.class
        );
        Problem::new("request.invalid", why)
    })?;
    let base = console.settings_file();
    let base = base.parent().unwrap_or(console.folder().path()).to_owned();
    let folder = match new.folder {
        Some(folder) => std::path::absolute(folder)?,
        None => base.join("environments").join(&new.name),
    };
    let metrics = new.prometheus.map(|url| {
        let usual = MetricsSource::at(&url);
        MetricsSource {
            ca: whole(new.ca),
            token: new.token,
            responses: new.responses.unwrap_or(usual.responses),
            seconds: new.seconds.unwrap_or(usual.seconds),
            user: None,
            url,
        }
    });
    let cluster = new.context.map(|context| ClusterPlace {
        kubeconfig: whole(new.kubeconfig),
        context,
        namespace: new.namespace,
        metrics: metrics.clone(),
    });
    // Without a cluster it is the environment's own.
    let metrics = metrics.filter(|_| cluster.is_none());
    let guarded = cluster.is_some() && class == Class::Production && !new.writable;
    let mut settings = written(console)?;
    settings.environments.push(Environment {
        name: new.name,
        folder,
        class,
        colour: Default::default(),
        read_only: new.read_only || guarded,
        cluster,
        metrics,
    });
    changed(console, settings, j, paint).await
}

/// As settings name files.
fn whole(file: Option<PathBuf>) -> Option<PathBuf> {
    file.map(|file| std::path::absolute(&file).unwrap_or(file))
}
