//! Plans: the ones there are, and what is wrong with one.

use deckwatch_console::api::{self, ByName, CheckPlan};
use deckwatch_console::{Console, Nothing, Problem};

use crate::args;
use crate::ask::{answer, read};
use crate::code;
use crate::paint::{Paint, table};

pub(super) async fn plan(
    console: &Console,
    it: args::Plan,
    j: bool,
    paint: Paint,
) -> Result<u8, Problem> {
    use args::Plan as P;
    match it {
        P::List => {
            let rows = api::plans(console, Nothing {}).await?;
            answer(j, &rows, |rows| {
                let rows: Vec<Vec<String>> = rows
                    .iter()
                    .map(|p| {
                        let weights: Vec<String> = p.weights.iter().map(u8::to_string).collect();
                        vec![p.name.clone(), weights.join("/"), p.about.clone()]
                    })
                    .collect();
                table(paint, &["plan", "weights", "about"], &rows)
            });
        }
        P::Show { name } => {
            let plan = api::plan(console, ByName { name }).await?;
            answer(j, &plan, |p| p.yaml.clone());
        }
        P::Check { file, service } => {
            let yaml = read(&file)?;
            let ask = CheckPlan {
                yaml,
                service,
                instances: None,
            };
            let found = api::check_plan(console, ask).await?;
            answer(j, &found, |f| {
                let mut out = String::new();
                for m in &f.mistakes {
                    out += &format!(
                        "{}:{}:{}: {}: {}\n",
                        file.display(),
                        m.line,
                        m.column,
                        m.path,
                        m.message
                    );
                }
                for note in &f.notes {
                    out += &format!("{note}\n");
                }
                if let Some(reach) = &f.reach {
                    out += &format!("{}\n", reach.words);
                }
                out
            });
            let bad = !found.mistakes.is_empty() || found.reach.is_some_and(|r| !r.accepted);
            return Ok(if bad { code::FOUND } else { code::DONE });
        }
        P::Schema => {
            let schema = api::plan_schema(console, Nothing {}).await?;
            println!(
                "{}",
                serde_json::to_string_pretty(&schema).unwrap_or_default()
            );
        }
    }
    Ok(code::DONE)
}
