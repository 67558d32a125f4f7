//! Services: what stands, what it says, how one is defined and removed.

use deckwatch_console::api::{self, Define, Logs, Remove};
use deckwatch_console::{ByService, Console, Nothing, Problem, SystemClock};

use super::done;
use crate::args;
use crate::ask::{answer, read};
use crate::paint::{Paint, Tone};
use crate::{code, print};

pub(super) async fn service(
    console: &Console,
    it: args::Service,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Service as S;
    match it {
        S::List => {
            let rows = api::services(console, Nothing {}).await?;
            answer(j, &rows, |r| print::services(paint, r, SystemClock::wall()));
        }
        S::Show { service } => {
            let view = api::service(console, ByService { service }).await?;
            answer(j, &view, |v| print::service(paint, v));
        }
        S::Define { file } => {
            let yaml = read(&file)?;
            let definition = api::define(console, Define { yaml }).await?;
            answer(j, &definition, |d| {
                format!(
                    "{} is defined; it will listen on http://{}\n",
                    d.service, d.listen
                )
            });
        }
        S::Remove { service, force } => {
            return done(j, &api::remove(console, Remove { service, force }).await?);
        }
        S::Logs {
            service,
            lines,
            filter,
        } => {
            let ask = Logs {
                service,
                lines,
                filter,
            };
            let lines = api::logs(console, ask).await?;
            answer(j, &lines, |lines| {
                lines
                    .iter()
                    .map(|l| {
                        format!(
                            "{} {} {}\n",
                            l.at.clock(),
                            paint.say(Tone::Mute, &l.instance),
                            l.text
                        )
                    })
                    .collect()
            });
        }
    }
    Ok(code::DONE)
}
