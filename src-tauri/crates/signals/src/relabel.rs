//! Relabelling: Prometheus' rules for the labels of targets and samples, with its defaults. Pure.
//!
//! A name that begins with `__` is for the rules alone: `__name__` is the metric's name, `__address__`
//! where a target is, `__meta_…` what its discovery knows of it.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use regex::Regex;

/// Labels while rules are applied to them. No value is empty.
pub type LabelMap = BTreeMap<String, String>;

/// What a rule does with the labels that it looks at.
#[derive(Clone, Debug)]
pub enum Action {
    /// Sets `target` to `replacement` where the pattern matches; both may name its groups.
    Replace {
        pattern: Pattern,
        target: String,
        replacement: String,
    },
    Keep(Pattern),
    Drop(Pattern),
    /// Only where the source is what `target` is.
    KeepEqual {
        target: String,
    },
    DropEqual {
        target: String,
    },
    /// Sets `target` to the source's hash, modulo a number.
    HashMod {
        modulus: u64,
        target: String,
    },
    Lowercase {
        target: String,
    },
    Uppercase {
        target: String,
    },
    /// Copies each label whose name matches to the name that `replacement` makes of it.
    LabelMap {
        pattern: Pattern,
        replacement: String,
    },
    LabelDrop(Pattern),
    LabelKeep(Pattern),
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Whose values are joined by `separator` to what the rule looks at.
    pub source: Vec<String>,
    pub separator: String,
    pub action: Action,
}

/// A regular expression; unless it is said otherwise, it has to match the whole.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// # Errors
    /// What is wrong with it, on one line.
    pub fn new(text: &str) -> Result<Pattern, String> {
        Pattern::built(text, &format!("^(?s:{text})$"))
    }

    /// One that may match anywhere.
    ///
    /// # Errors
    /// As [`Pattern::new`].
    pub fn somewhere(text: &str) -> Result<Pattern, String> {
        Pattern::built(text, text)
    }

    fn built(text: &str, whole: &str) -> Result<Pattern, String> {
        let whole = regex::RegexBuilder::new(whole).size_limit(1 << 20).build();
        whole.map(Pattern).map_err(|error| {
            let said = error.to_string();
            let last = said.lines().last().unwrap_or_default();
            format!("`{text}` is not a regular expression: {}", last.trim())
        })
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// `template` with the groups of a match put in; none where there is no match.
    fn expand(&self, text: &str, template: &str) -> Option<String> {
        let found = self.0.captures(text)?;
        let mut out = String::new();
        found.expand(template, &mut out);
        Some(out)
    }
}

/// Applies rules in their order. None: a rule dropped what the labels are of.
pub fn apply(rules: &[Rule], mut labels: LabelMap) -> Option<LabelMap> {
    for rule in rules {
        if !rule.apply(&mut labels) {
            return None;
        }
    }
    Some(labels)
}

impl Rule {
    /// False: what the labels are of is dropped.
    fn apply(&self, labels: &mut LabelMap) -> bool {
        let source = self.value(labels);
        match &self.action {
            Action::Keep(pattern) => return pattern.is_match(&source),
            Action::Drop(pattern) => return !pattern.is_match(&source),
            Action::KeepEqual { target } => return source == get(labels, target),
            Action::DropEqual { target } => return source != get(labels, target),
            Action::Replace {
                pattern,
                target,
                replacement,
            } => {
                let target = pattern.expand(&source, target);
                let value = pattern.expand(&source, replacement);
                if let (Some(target), Some(value)) = (target, value) {
                    set(labels, target, value);
                }
            }
            Action::HashMod { modulus, target } => {
                let value = (hash(&source) % (*modulus).max(1)).to_string();
                set(labels, target.clone(), value);
            }
            Action::Lowercase { target } => set(labels, target.clone(), source.to_lowercase()),
            Action::Uppercase { target } => set(labels, target.clone(), source.to_uppercase()),
            Action::LabelMap {
                pattern,
                replacement,
            } => {
                let copies: Vec<(String, String)> = labels
                    .iter()
                    .filter_map(|(name, value)| {
                        Some((pattern.expand(name, replacement)?, value.clone()))
                    })
                    .collect();
                for (name, value) in copies {
                    set(labels, name, value);
                }
            }
            Action::LabelDrop(pattern) => labels.retain(|name, _| !pattern.is_match(name)),
            Action::LabelKeep(pattern) => labels.retain(|name, _| pattern.is_match(name)),
        }
        true
    }

    fn value(&self, labels: &LabelMap) -> String {
        let values: Vec<&str> = self.source.iter().map(|name| get(labels, name)).collect();
        values.join(&self.separator)
    }
}

fn get<'l>(labels: &'l LabelMap, name: &str) -> &'l str {
    labels.get(name).map_or("", String::as_str)
}

/// An empty value is no label; an empty name is none either.
fn set(labels: &mut LabelMap, name: String, value: String) {
    if name.is_empty() {
        return;
    }
    if value.is_empty() {
        labels.remove(&name);
    } else {
        labels.insert(name, value);
    }
}

/// The last eight bytes of the MD5 sum, as Prometheus takes them, so that both divide alike.
fn hash(text: &str) -> u64 {
    let sum = Md5::digest(text.as_bytes());
    sum.iter()
        .skip(8)
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(pairs: &[(&str, &str)]) -> LabelMap {
        let pairs = pairs.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        pairs.collect()
    }

    fn rule(source: &[&str], action: Action) -> Rule {
        Rule {
            source: source.iter().map(|s| (*s).into()).collect(),
            separator: ";".into(),
            action,
        }
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    fn replace(source: &[&str], regex: &str, target: &str, with: &str) -> Rule {
        rule(
            source,
            Action::Replace {
                pattern: pattern(regex),
                target: target.into(),
                replacement: with.into(),
            },
        )
    }

    #[test]
    fn replace_takes_groups_and_removes_what_becomes_empty() {
        let have = labels(&[("a", "foo"), ("b", "bar"), ("c", "baz")]);
        let table = [
            (
                replace(&["a"], "f(.*)", "d", "ch${1}-ch${1}"),
                "d",
                "choo-choo",
            ),
            (
                replace(&["a", "b"], "f(.*);(.*)r", "a", "b${1}${2}m"),
                "a",
                "boobam",
            ),
            (replace(&["a"], "o", "a", "x"), "a", "foo"),
            (replace(&["a"], "(f).*", "${1}_x", "$1"), "f_x", "f"),
            (replace(&["none"], "(.*)", "a", "$1"), "a", ""),
            (replace(&["c"], "baz", "a", ""), "a", ""),
        ];
        for (rule, name, value) in table {
            let made = apply(&[rule], have.clone()).unwrap();
            assert_eq!(get(&made, name), value);
        }
    }

    #[test]
    fn what_is_kept_and_dropped() {
        let have = labels(&[("a", "foo"), ("b", "foo"), ("c", "x\ny")]);
        let kept = |action| apply(&[rule(&["a"], action)], have.clone()).is_some();
        assert!(kept(Action::Keep(pattern("f.*"))) && !kept(Action::Keep(pattern("f"))));
        assert!(kept(Action::Drop(pattern("f"))) && !kept(Action::Drop(pattern("foo|bar"))));
        let of = |name: &str| name.to_owned();
        assert!(kept(Action::KeepEqual { target: of("b") }));
        assert!(!kept(Action::KeepEqual { target: of("c") }));
        assert!(!kept(Action::DropEqual { target: of("b") }));
        // A dot takes a line's end as well, as in Prometheus.
        let lines = rule(&["c"], Action::Keep(pattern("x.y")));
        assert!(apply(&[lines], have.clone()).is_some());
    }

    #[test]
    fn names_are_mapped_dropped_and_kept() {
        let have = labels(&[
            ("__meta_x_app", "shop"),
            ("__meta_x_tier", "db"),
            ("a", "1"),
        ]);
        let map = Action::LabelMap {
            pattern: pattern("__meta_x_(.+)"),
            replacement: "$1".into(),
        };
        let drop = Action::LabelDrop(pattern("__meta.*"));
        let made = apply(&[rule(&[], map), rule(&[], drop)], have.clone()).unwrap();
        assert_eq!(made, labels(&[("a", "1"), ("app", "shop"), ("tier", "db")]));
        let keep = Action::LabelKeep(pattern("a|b"));
        assert_eq!(
            apply(&[rule(&[], keep)], have).unwrap(),
            labels(&[("a", "1")])
        );
    }

    #[test]
    fn case_and_hash() {
        let have = labels(&[("a", "FoO"), ("c", "baz"), ("foo", "bAr123Foo")]);
        let to = |name: &str| name.to_owned();
        let rules = [
            rule(&["a"], Action::Lowercase { target: to("low") }),
            rule(&["a"], Action::Uppercase { target: to("up") }),
            rule(
                &["c"],
                Action::HashMod {
                    modulus: 1000,
                    target: to("d"),
                },
            ),
        ];
        let made = apply(&rules, have).unwrap();
        assert_eq!((get(&made, "low"), get(&made, "up")), ("foo", "FOO"));
        // `md5sum` says 73feffa4b7f6bb68e44cf984c85f6e88; of the last half, modulo 1000.
        assert_eq!(get(&made, "d"), "976");
    }

    #[test]
    fn a_pattern_that_is_none_is_said_on_one_line() {
        let said = Pattern::new("(").unwrap_err();
        assert!(said.contains("`(`") && !said.contains('\n'), "{said}");
        assert!(Pattern::new("(a{1000}){1000}").is_err());
    }

    proptest! {
        #[test]
        fn no_label_is_ever_empty(
            names in proptest::collection::btree_map("[a-c_]{1,3}", "[a-c.]{1,3}", 0..4),
            regex in "[a-c.*()|+]{0,6}",
            target in "[a-c$1{}]{0,5}",
            with in "[a-c$1{}]{0,5}",
        ) {
            let Ok(pattern) = Pattern::new(&regex) else { return Ok(()) };
            let rules = [
                rule(&["a"], Action::Replace { pattern: pattern.clone(), target, replacement: with.clone() }),
                rule(&[], Action::LabelMap { pattern, replacement: with }),
            ];
            let made = apply(&rules, names).unwrap();
            prop_assert!(made.iter().all(|(n, v)| !n.is_empty() && !v.is_empty()));
        }
    }
}
