//! The journal: reading it, proving it, moving it.

use deckwatch_console::api::{self, Events, FromFile, ToFile};
use deckwatch_console::{Console, Nothing, Problem};

use crate::args;
use crate::ask::answer;
use crate::paint::Paint;
use crate::{code, print};

pub(super) async fn journal(
    console: &Console,
    it: args::Journal,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Journal as J;
    let verified = |v: api::Verified| {
        answer(j, &v, |v| print::verified(paint, v));
        Ok(if v.sound { code::DONE } else { code::FOUND })
    };
    match it {
        J::Events {
            service,
            actor,
            kind,
            since,
            until,
            limit,
            full,
        } => {
            let ask = Events {
                service,
                actor,
                kind,
                since,
                until,
                after_seq: 0,
                limit,
            };
            let rows = api::events(console, ask).await?;
            answer(j, &rows, |r| print::events(paint, r, full));
            Ok(code::DONE)
        }
        J::Verify => verified(api::verify(console, Nothing {}).await?),
        J::Export { to } => {
            let exported = api::export(console, ToFile { to }).await?;
            answer(j, &exported, exported_words);
            Ok(code::DONE)
        }
        J::Import { from } => verified(api::import(console, FromFile { from }).await?),
        J::Backup { to } => verified(api::backup(console, ToFile { to }).await?),
        J::SetAside { trust } => {
            let aside = api::set_aside(console, api::Aside { trust }).await?;
            answer(j, &aside, |a| match (&a.moved_to, &a.reason) {
                (Some(path), why) => format!(
                    "{}\nthe damaged journal lies in {}; a new one has begun\n",
                    why.as_deref().unwrap_or_default(),
                    path.display()
                ),
                (None, Some(why)) => {
                    format!("{why}\nit is trusted as it stands, and the journal says by whom\n")
                }
                (None, None) => "the journal is sound; nothing was done\n".into(),
            });
            Ok(code::DONE)
        }
    }
}

fn exported_words(it: &api::Exported) -> String {
    format!(
        "{} events in {}\nhead {} (note it elsewhere: it proves later that no line is missing)\n",
        it.events,
        it.to.display(),
        it.head_hash
    )
}
