//! Plans of every strategy, with tasks, gates and pauses here and there.

use deckwatch_rollout::plan::{self, Plan};

use crate::world::World;

pub fn make_plan(world: &World) -> (Plan, String) {
    let pick = |n: u64| world.below(n) as usize;
    let on = |p: f64| world.chance(p);
    let mut steps = String::new();
    let (strategy, more) = make_strategy(world);
    let weights: &[u32] = match strategy {
        "blue-green" => &[0, 100],
        "rolling" => &[100],
        "audience" => [&[0, 25, 100][..], &[5, 50, 100]][pick(2)],
        _ => [&[1, 10, 50, 100][..], &[5, 25, 100], &[50, 100], &[100]][pick(4)],
    };
    for (index, weight) in weights.iter().enumerate() {
        let (min, max) = ([0, 500, 2000][pick(3)], [3000, 8000][pick(2)]);
        steps += &format!("  - bake: {{ min: {min}ms, max: {max}ms }}\n");
        if strategy != "rolling" {
            steps += &format!("    weight: {weight}\n");
        }
        if on(10.0) {
            steps += "    pause: 2s\n";
        } else if on(8.0) {
            steps += "    pause: true\n";
        }
        if on(20.0) {
            let task = make_task(world, &format!("step {index}"));
            steps += &format!("    tasks:\n      - {task}\n");
        }
        if on(20.0) {
            steps += "    gates:\n      - approval: { count: 1, role: release-manager }\n";
            if on(50.0) {
                steps += "      - no_freeze: true\n";
            }
        }
    }
    let hold = |p: bool| if p { "hold" } else { "rollback" };
    let around = make_around(world);
    let text = format!(
        "plan: simulated\nstrategy: {strategy}\n{more}{around}steps:\n{steps}analysis:\n  interval: 500ms\n  \
         metrics:\n    - name: errors\n      count: errors\n      margin: 3%\n{}on_error: {}\n\
         on_driver_lost: {}\nrollback_window: {}\nbaseline: 1s\nrehearse_every: 5s\n\
         deadlines: {{ capacity: 6s, traffic: 4s, gate: 30s }}\n",
        if on(10.0) {
            "  accept_no_harm_after: 50\n"
        } else {
            ""
        },
        hold(on(60.0)),
        hold(on(70.0)),
        ["0s", "3s", "10m"][pick(3)],
    );
    (
        plan::read(&text).unwrap_or_else(|e| panic!("{text}\n{e}")),
        text,
    )
}

/// The strategy, and what it needs beside the steps.
fn make_strategy(world: &World) -> (&'static str, String) {
    match world.below(20) {
        0..3 => ("blue-green", String::new()),
        3..8 => {
            let batch = ["1", "2", "3", "50%"][world.below(4) as usize];
            let surge = world.chance(70.0);
            ("rolling", format!("batch: {batch}\nsurge: {surge}\n"))
        }
        8..11 => {
            let audience = "audience: { flag: new, by: { header: x-user }, people: [ana] }\n";
            ("audience", audience.to_owned())
        }
        _ => ("canary", String::new()),
    }
}

/// Tasks beside the steps, in some of the plans.
fn make_around(world: &World) -> String {
    let mut text = String::new();
    if !world.chance(60.0) {
        return text;
    }
    let mut lists: Vec<(&str, usize)> = vec![("before", 2), ("after", 1), ("verify", 1)];
    lists.retain(|_| world.chance(60.0));
    for (list, most) in lists {
        text += &format!("{list}:\n");
        for index in 0..=world.below(most as u64) {
            text += &format!("  - {}\n", make_task(world, &format!("{list} {index}")));
        }
    }
    if world.chance(30.0) {
        let critical = world.chance(50.0);
        text += &format!(
            "during:\n  - {{ name: again, command: [x], every: 1s, retries: 1, critical: {critical} }}\n"
        );
    }
    for (list, percent) in [("export", 40.0), ("import", 40.0)] {
        if world.chance(percent) {
            text += &format!("{list}: {}\n", make_task(world, list));
        }
    }
    let kinds = ["quick", "full", "data-preserving"];
    text + &format!("rollback: {}\n", kinds[world.below(3) as usize])
}

fn make_task(world: &World, name: &str) -> String {
    let kinds = ["smoke", "migration", "backup", "other"];
    let kind = kinds[world.below(4) as usize];
    let weak = if world.chance(30.0) { "weak " } else { "" };
    let of_the_way_back = ["verify", "export", "import"]
        .iter()
        .any(|n| name.starts_with(n));
    let way_back = match world.chance(60.0) && !of_the_way_back {
        true => ", way_back: { command: [y] }",
        false => "",
    };
    format!(
        "{{ name: {weak}{name}, kind: {kind}, command: [x], retries: {}, critical: {}{way_back} }}",
        world.below(3),
        world.chance(70.0)
    )
}
