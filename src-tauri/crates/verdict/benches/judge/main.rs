#[path = "../../tests/traffic/mod.rs"]
mod traffic;
use deckwatch_verdict::*;
use traffic::*;
fn main() {
    let budget = Budget::default();
    for margin in [Some(0.01), None] {
    let rule = CountRule{ margin, ..CountRule::default()};
    for reference in [false, true] {
    for (n1, n0) in [(20u64, 180u64), (100, 900), (100,100), (100,0)] { for rate in [0.0, 0.001, 0.01, 0.05] {
        let t = Traffic { candidate: n1, stable: n0, candidate_rate: rate, stable_rate: rate };
        let mut passed = 0.0; let mut n_pass = 0; let mut fa=0;
        let need = requests_to_pass(&rule, &budget, rate, n1 as f64/(n1+n0) as f64);
        if !reference && n0==0 {continue}
        for seed in 0..300 {
            let mut rng = dice(seed); 
            let r = reference.then(|| Counts::new(20000, binomial(&mut rng, 20000, rate)));
            let mut j = CountJudge::new(rule.clone(), budget, r).unwrap();
            for l in 0..3000u64 { j.look(t.interval(&mut rng)); let v = j.verdict(); if v == Verdict::Pass { passed += ((l+1)*n1) as f64; n_pass += 1; break; } if v == Verdict::Fail { fa+=1; break; } }
        }
        println!("margin {margin:?} ref {reference} {n1}/{n0} {rate}: pass {n_pass}/300 (fa {fa}) mean {:.0} predicted {:?}", passed / n_pass as f64, need);
    } } } }
}
