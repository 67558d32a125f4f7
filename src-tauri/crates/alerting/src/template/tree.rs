//! A template's tree, seen through once before it is used: functions that are not there, labels
//! that it names, and values that are to be printed as Go prints them.

use std::collections::BTreeSet;
use std::sync::Arc;

use gotmpl::Template;
use gotmpl::parse::{BranchNode, CommandNode, Expr, ListNode, Node, PipeNode};

use super::{END, NAME, TemplateError};

/// The function that every printed value goes through. Nobody can write its name.
pub(super) const PRINTED: &str = "printed as Go does";

/// What is found in a tree.
struct Visit<'k> {
    /// Functions that are there.
    known: &'k dyn Fn(&str) -> bool,
    unknown: Option<String>,
    /// Variables that can be named here.
    scope: Vec<String>,
    /// Labels that are named.
    names: BTreeSet<Arc<str>>,
}

/// How deep blocks and parentheses may be nested: whoever reads a tree goes down it.
const DEEPEST: usize = 100;

/// Whether a template can be read without going too deep. Each `else if` counts as a block inside
/// of the one before it.
///
/// # Errors
/// That it cannot.
pub(super) fn shallow(text: &str) -> Result<(), TemplateError> {
    let (mut blocks, mut elses) = (0usize, 0usize);
    for action in text.split("{{").skip(1) {
        let action = action.split("}}").next().unwrap_or_default();
        let (first, rest) = word(action.trim_start_matches('-'));
        match (first, word(rest).0) {
            ("if" | "range" | "with" | "define" | "block", _) => blocks += 1,
            ("else", "if" | "with") => elses += 1,
            ("end", _) => blocks = blocks.saturating_sub(1),
            _ => {}
        }
        let mut parentheses = 0usize;
        for c in action.chars() {
            match c {
                '(' => parentheses += 1,
                ')' => parentheses = parentheses.saturating_sub(1),
                _ => {}
            }
            if parentheses > DEEPEST || blocks > DEEPEST || elses > DEEPEST {
                return Err(TemplateError("it is nested too deeply".to_owned()));
            }
        }
    }
    Ok(())
}

/// The word that a text begins with, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphabetic());
    text.split_at(end.unwrap_or(text.len()))
}

/// The template with everything that it prints going through [`PRINTED`], and the labels that it
/// names.
///
/// # Errors
/// That it names a function or a variable that is not there.
pub(super) fn prepared(
    mut template: Template,
    known: &dyn Fn(&str) -> bool,
) -> Result<(Template, Vec<Arc<str>>), TemplateError> {
    let mut visit = Visit {
        known,
        unknown: None,
        scope: Vec::new(),
        names: BTreeSet::new(),
    };
    let parts: Vec<String> = template
        .templates()
        .into_iter()
        .map(str::to_owned)
        .collect();
    for part in parts {
        if let Some(mut tree) = template.lookup(&part).cloned() {
            if part == NAME {
                ended(&mut tree)?;
            }
            visit.scope = vec!["$".to_owned()];
            visit.list(&mut tree);
            template = template.add_parse_tree(&part, tree);
        }
    }
    match visit.unknown {
        Some(what) => Err(TemplateError(format!("{what} is not defined"))),
        None => Ok((template, visit.names.into_iter().collect())),
    }
}

/// Takes the mark off the end.
fn ended(tree: &mut ListNode) -> Result<(), TemplateError> {
    if let Some(Node::Text(last)) = tree.nodes.last_mut()
        && let Some(text) = last.text.strip_suffix(END)
    {
        last.text = text.into();
        return Ok(());
    }
    let why = "an {{end}} or {{else}} without anything that it belongs to";
    Err(TemplateError(why.to_owned()))
}

impl Visit<'_> {
    fn list(&mut self, list: &mut ListNode) {
        for node in &mut list.nodes {
            self.node(node);
        }
    }

    fn node(&mut self, node: &mut Node) {
        match node {
            Node::List(list) => self.list(list),
            Node::Action(action) => {
                self.pipe(&mut action.pipe);
                if action.pipe.decl.is_empty() {
                    action.pipe.commands.push(CommandNode {
                        pos: action.pos,
                        args: vec![Expr::Identifier(action.pos, PRINTED.into())],
                    });
                }
            }
            Node::If(branch) | Node::Range(branch) | Node::With(branch) => self.branch(branch),
            Node::Template(template) => {
                if let Some(pipe) = &mut template.pipe {
                    self.pipe(pipe);
                }
            }
            Node::Define(define) => self.list(&mut define.body),
            Node::Text(_) | Node::Break(_) | Node::Continue(_) => {}
        }
    }

    fn branch(&mut self, branch: &mut BranchNode) {
        let outside = self.scope.len();
        self.pipe(&mut branch.pipe);
        let condition = self.scope.len();
        self.list(&mut branch.body);
        self.scope.truncate(condition);
        if let Some(other) = &mut branch.else_body {
            self.list(other);
        }
        self.scope.truncate(outside);
    }

    fn pipe(&mut self, pipe: &mut PipeNode) {
        for arg in pipe
            .commands
            .iter_mut()
            .flat_map(|command| &mut command.args)
        {
            self.expr(arg);
        }
        print_values(pipe);
        for name in &pipe.decl {
            match pipe.is_assign {
                true => self.variable(name),
                false => self.scope.push(name.to_string()),
            }
        }
    }

    fn variable(&mut self, name: &str) {
        if !self.scope.iter().any(|known| known == name) {
            self.unknown
                .get_or_insert_with(|| format!("variable \"{name}\""));
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Identifier(_, name) if !(self.known)(name) => {
                self.unknown
                    .get_or_insert_with(|| format!("function \"{name}\""));
            }
            Expr::Field(_, fields) => self.fields("", fields),
            Expr::Variable(_, name, fields) => {
                self.variable(name);
                self.fields(name, fields);
            }
            Expr::Chain(_, inner, fields) => {
                self.expr(inner);
                self.fields("", fields);
            }
            Expr::Pipe(_, pipe) => self.pipe(pipe),
            _ => {}
        }
    }

    fn fields(&mut self, variable: &str, fields: &[impl AsRef<str>]) {
        let path = std::iter::once(variable).chain(fields.iter().map(AsRef::as_ref));
        let path: Vec<&str> = path.collect();
        for pair in path.windows(2) {
            if let [
                "Labels" | "ExternalLabels" | "$labels" | "$externalLabels",
                name,
            ] = pair
            {
                self.names.insert((*name).into());
            }
        }
    }
}

/// The library's `%v` prints numbers as Rust does, so it gets them printed.
fn print_values(pipe: &mut PipeNode) {
    let commands = std::mem::take(&mut pipe.commands);
    for (place, mut command) in commands.into_iter().enumerate() {
        let pos = command.pos;
        let printed = || CommandNode {
            pos,
            args: vec![Expr::Identifier(pos, PRINTED.into())],
        };
        let verbs = match &command.args[..] {
            [Expr::Identifier(_, name), Expr::String(_, format), ..] if name == "printf" => {
                verbs(format)
            }
            _ => Vec::new(),
        };
        let given = command.args.len();
        for (verb, nth) in verbs.into_iter().zip(2..) {
            match command.args.get_mut(nth) {
                _ if verb != 'v' => {}
                Some(arg) => {
                    let value = std::mem::replace(arg, Expr::Nil(pos));
                    let value = CommandNode {
                        pos,
                        args: vec![value],
                    };
                    let inner = PipeNode {
                        pos,
                        decl: Vec::new(),
                        commands: vec![value, printed()],
                        is_assign: false,
                    };
                    *arg = Expr::Pipe(pos, inner);
                }
                // The last value comes through the pipe.
                None if place > 0 && nth == given => pipe.commands.push(printed()),
                None => {}
            }
        }
        pipe.commands.push(command);
    }
}

/// What a format makes of each value, in their order; nothing of one that names them by number
/// or takes widths from them.
fn verbs(format: &str) -> Vec<char> {
    let mut found = Vec::new();
    let mut chars = format.chars();
    while chars.by_ref().any(|c| c == '%') {
        match chars.by_ref().find(|c| !"+-# 0123456789.".contains(*c)) {
            Some('%') => {}
            Some('[' | '*') | None => return Vec::new(),
            Some(verb) => found.push(verb),
        }
    }
    found
}
