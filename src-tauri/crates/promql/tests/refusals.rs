//! What is no query, and how that is said: the words and places are Prometheus'.

use deckwatch_promql::parse::{Dialect, parse};

/// Queries with what is said of them.
const REFUSED: &[(&str, &str)] = &[
    (
        "",
        "unknown position: parse error: no expression found in input",
    ),
    (
        "# just a comment\n\n",
        "1:1: parse error: no expression found in input",
    ),
    ("1+", "1:3: parse error: unexpected end of input"),
    (".", "1:1: parse error: unexpected character: '.'"),
    (
        "2.5.",
        "1:1: parse error: bad number or duration syntax: \"2.5.\"",
    ),
    (
        "100..4",
        "1:1: parse error: bad number or duration syntax: \"100..\"",
    ),
    (
        "0deadbeef",
        "1:1: parse error: bad number or duration syntax: \"0de\"",
    ),
    ("1 /", "1:4: parse error: unexpected end of input"),
    ("*1", "1:1: parse error: unexpected <op:*>"),
    ("(1))", "1:4: parse error: unexpected right parenthesis ')'"),
    ("((1)", "1:5: parse error: unclosed left parenthesis"),
    ("(", "1:2: parse error: unclosed left parenthesis"),
    (
        "1 and 1",
        "1:1: parse error: set operator \"and\" not allowed in binary scalar expression",
    ),
    (
        "1 == 1",
        "1:3: parse error: comparisons between scalars must use BOOL modifier",
    ),
    (
        "1 !~ 1",
        "1:3: parse error: unexpected character after '!': '~'",
    ),
    (
        "1 =~ 1",
        "1:3: parse error: unexpected character after '=': '~'",
    ),
    (
        "-\"string\"",
        "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\"",
    ),
    (
        "-test[5m]",
        "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"range vector\"",
    ),
    (
        "1 offset 1d",
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "foo offset 1s offset 2s",
        "1:1: parse error: offset may not be set multiple times",
    ),
    (
        "a - on(b) ignoring(c) d",
        "1:11: parse error: unexpected <ignoring>",
    ),
    (
        "foo == on(bar) 10",
        "1:1: parse error: vector matching only allowed between instant vectors",
    ),
    (
        "foo + group_left(baz) bar",
        "1:7: parse error: unexpected <group_left>",
    ),
    (
        "foo and on(bar) group_left(baz) bar",
        "1:1: parse error: no grouping allowed for \"and\" operation",
    ),
    (
        "http_requests{group=\"production\"} + on(instance) group_left(job,instance) cpu_count{type=\"smp\"}",
        "1:35: parse error: label \"instance\" must not occur in ON and GROUP clause at once",
    ),
    (
        "foo + bool bar",
        "1:5: parse error: bool modifier can only be used on comparison operators",
    ),
    (
        "foo + bool 10",
        "1:5: parse error: bool modifier can only be used on comparison operators",
    ),
    (
        "{",
        "1:2: parse error: unexpected end of input inside braces",
    ),
    ("}", "1:1: parse error: unexpected character: '}'"),
    (
        "some{",
        "1:6: parse error: unexpected end of input inside braces",
    ),
    ("some}", "1:5: parse error: unexpected character: '}'"),
    (
        "some_metric{a=b}",
        "1:15: parse error: unexpected identifier \"b\" in label matching, expected string",
    ),
    (
        "foo{a*\"b\"}",
        "1:6: parse error: unexpected character inside braces: '*'",
    ),
    (
        "foo{a>=\"b\"}",
        "1:6: parse error: unexpected character inside braces: '>'",
    ),
    (
        "foo{gibberish}",
        "1:14: parse error: unexpected \"}\" in label matching, expected label matching operator",
    ),
    (
        "foo{1}",
        "1:5: parse error: unexpected character inside braces: '1'",
    ),
    (
        "{}",
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        "{x=\"\"}",
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        "{x=~\".*\"}",
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        "foo{__name__=\"bar\"}",
        "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\"",
    ),
    (
        "foo[5mm]",
        "1:5: parse error: bad number or duration syntax: \"5mm\"",
    ),
    ("foo[5m", "1:7: parse error: unclosed left bracket"),
    (
        "foo[]",
        "1:5: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()",
    ),
    (
        "foo[-1]",
        "1:5: parse error: duration must be greater than 0",
    ),
    (
        "(foo + bar)[5m]",
        "1:12: parse error: ranges only allowed for vector selectors",
    ),
    (
        "foo offset 5m [30s]",
        "1:15: parse error: no offset modifiers allowed before range",
    ),
    (
        "foo @ 1 [30s]",
        "1:9: parse error: no @ modifiers allowed before range",
    ),
    (
        "foo @ x",
        "1:7: parse error: unexpected identifier \"x\" in @, expected timestamp",
    ),
    (
        "foo offset",
        "1:11: parse error: unexpected end of input in offset, expected number, duration, step(), or range()",
    ),
    (
        "1 @ 3",
        "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "sum some_metric by (test)",
        "1:5: parse error: unexpected identifier \"some_metric\" in aggregation",
    ),
    (
        "sum()",
        "1:1: parse error: no arguments for aggregate expression provided",
    ),
    (
        "sum(a, b)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2",
    ),
    (
        "topk(some_metric, other)",
        "1:6: parse error: expected type scalar in aggregation parameter, got instant vector",
    ),
    (
        "count_values(5, other)",
        "1:14: parse error: expected type string in aggregation parameter, got scalar",
    ),
    (
        "sum(1)",
        "1:5: parse error: expected type instant vector in aggregation expression, got scalar",
    ),
    (
        "sum by (a b) (x)",
        "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\"",
    ),
    (
        "sum without (==)(x)",
        "1:14: parse error: unexpected <op:==> in grouping opts, expected label",
    ),
    (
        "floor()",
        "1:1: parse error: expected 1 argument(s) in call to \"floor\", got 0",
    ),
    (
        "hour(a, b)",
        "1:1: parse error: expected at most 1 argument(s) in call to \"hour\", got 2",
    ),
    (
        "label_join(a)",
        "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 1",
    ),
    (
        "floor(1)",
        "1:7: parse error: expected type instant vector in call to function \"floor\", got scalar",
    ),
    (
        "rate(some_metric)",
        "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
    ),
    (
        "non_existent_function(a)",
        "1:1: parse error: unknown function with name \"non_existent_function\"",
    ),
    (
        "floor(a,)",
        "1:8: parse error: trailing commas not allowed in function call args",
    ),
    (
        "label_replace(a, b, c)",
        "1:1: parse error: expected 5 argument(s) in call to \"label_replace\", got 3",
    ),
    ("foo[5m:5m:5m]", "1:10: parse error: unexpected colon ':'"),
    (
        "rate(a[5m])[5m:30s",
        "1:19: parse error: unclosed left bracket",
    ),
    (
        "a[5m][5m:]",
        "1:1: parse error: subquery is only allowed on instant vector, got matrix instead",
    ),
    ("\"abc", "1:1: parse error: unterminated quoted string"),
    ("`abc", "1:1: parse error: unterminated raw string"),
    (
        "\"\\q\"",
        "1:1: parse error: unknown escape sequence U+0071 'q'",
    ),
    ("foo fill(1) bar", "1:5: parse error: unexpected <fill>"),
    ("1\n+ $", "2:3: parse error: unexpected character: '$'"),
];

#[test]
fn messages_and_places() {
    let mut wrong = Vec::new();
    for (query, message) in REFUSED {
        match parse(query, Dialect::FULL) {
            Ok(expr) => wrong.push(format!("{query} was read as {expr}")),
            Err(error) if error.to_string() == *message => {}
            Err(error) => wrong.push(format!("{query}\n  is    {error}\n  not   {message}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_behind_switches() {
    for (query, message) in [
        (
            "mad_over_time(a[1m])",
            "1:1: parse error: function \"mad_over_time\" is not enabled",
        ),
        (
            "limitk(1, a)",
            "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
        ),
        (
            "a[step()]",
            "1:3: parse error: experimental duration expression is not enabled",
        ),
        (
            "a[1m] anchored",
            "1:1: parse error: anchored modifier is experimental and not enabled",
        ),
        (
            "a + fill(1) b",
            "1:1: parse error: binop fill modifiers are experimental and not enabled",
        ),
    ] {
        let error = parse(query, Dialect::default()).unwrap_err();
        assert_eq!(error.to_string(), message, "{query}");
        assert!(parse(query, Dialect::FULL).is_ok(), "{query}");
    }
}

#[test]
fn precedence_and_names() {
    for (query, written) in [
        ("1 + 2 * 3 ^ 2 ^ 2", "1 + 2 * 3 ^ 2 ^ 2"),
        ("sum", "sum"),
        ("sum + count", "sum + count"),
        ("fill + fill", "fill + fill"),
        ("start * end", "start * end"),
        (
            "{\"a.b\", \"c d\"=\"e\"}",
            "{\"c d\"=\"e\",__name__=\"a.b\"}",
        ),
        ("a or b and c == d", "a or b and c == d"),
        ("SUM BY(a)(b)", "sum by (a) (b)"),
        ("foo offset -(5m)", "foo offset -(5m)"),
        ("foo offset 5m + bar", "foo offset 5m + bar"),
        (
            "a[5m:1m] @ start() offset 1h",
            "a[5m:1m] @ start() offset 1h",
        ),
        ("0x1F + 1_000 + 017", "31 + 1000 + 15"),
    ] {
        let expr = parse(query, Dialect::FULL).unwrap_or_else(|e| panic!("{query}: {e}"));
        assert_eq!(expr.to_string(), written);
    }
}
