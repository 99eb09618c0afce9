//! Every rule proves itself: its examples are found in all common syntaxes, its near misses and
//! what becomes of an example by a small change are not.

use unleak::detect::{Detector, Hits, Match, Scratch};
use unleak::rule::template::{Random, expand};
use unleak::rule::{self, Matcher, Rule};

fn detector() -> Detector {
    Detector::compile(rule::builtin_with_proofs().unwrap()).unwrap()
}

/// The surroundings in which a token must be found; `@` stands for it.
const SYNTAXES: [(&str, &str); 20] = [
    ("ini", "[service]\nvalue = @\n"),
    ("env", "SERVICE_VALUE=@\n"),
    ("json", "{\"service\": {\"value\": \"@\"}}"),
    ("json in json", "{\"body\": \"{\\\"value\\\": \\\"@\\\"}\"}"),
    ("xml attribute", "<service value=\"@\"/>"),
    ("xml element", "<value>@</value>"),
    ("yaml plain", "service:\n  value: @\n"),
    ("yaml quoted", "value: '@'\n"),
    ("yaml block", "value: |\n  @\n"),
    ("shell", "export VALUE=\"@\"\n"),
    (
        "curl header",
        "curl -H \"X-Value: @\" https://service.example/\n",
    ),
    ("c#", "const string Value = \"@\";\n"),
    ("go", "\tvalue := `@`\n"),
    ("php", "$config['value'] = '@';\n"),
    ("python", "VALUE = b'@'\n"),
    ("ruby", "config.value = '@'\n"),
    ("rust", "const VALUE: &str = \"@\";\n"),
    ("terraform", "variable \"value\" {\n  default = \"@\"\n}\n"),
    ("markdown", "The value is `@`.\n"),
    ("bare", "@"),
];

fn found(detector: &Detector, text: &str) -> Vec<Match> {
    let mut hits = Hits::default();
    detector.scan(text.as_bytes(), &mut Scratch::default(), &mut hits);
    detector.matches(text.as_bytes(), &hits)
}

fn finds(detector: &Detector, rule: &Rule, text: &str) -> bool {
    found(detector, text)
        .iter()
        .any(|found| detector.rule(found.rule).id == rule.id)
}

/// Whether some rule that knows a shape, this one or one that knows better, finds the text.
fn finds_specifically(detector: &Detector, text: &str) -> bool {
    found(detector, text)
        .iter()
        .any(|found| !detector.rule(found.rule).is_generic())
}

fn expanded(template: &str, seed: u64) -> String {
    expand(template, &mut Random::new(seed)).unwrap()
}

/// Whether the rule's tokens stand for themselves: others are only known by the name before them.
fn stands_alone(rule: &Rule) -> bool {
    match &rule.matcher {
        Matcher::Start(regex) => !regex.starts_with("(?i:"),
        Matcher::Infix { .. } | Matcher::Jwt | Matcher::Known(_) => true,
        Matcher::Assignment | Matcher::Pem => false,
    }
}

#[test]
fn there_are_enough_of_them() {
    let rules = rule::builtin_with_proofs().unwrap();
    assert!(rules.rules.len() >= 120, "{} rules", rules.rules.len());
}

#[test]
fn examples_are_found() {
    let detector = detector();
    let mut missed = Vec::new();
    for rule in &detector.rules().rules {
        assert!(!rule.examples.is_empty(), "{} has an example", rule.id);
        for template in &rule.examples {
            let hits = (0..40)
                .filter(|&seed| finds(&detector, rule, &expanded(template, seed)))
                .count();
            // A random value may by chance look like a placeholder or too regular.
            if hits < 36 {
                missed.push(format!("{}: {template}: {hits} of 40", rule.id));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn examples_are_found_in_every_syntax() {
    let detector = detector();
    let mut missed = Vec::new();
    for rule in detector
        .rules()
        .rules
        .iter()
        .filter(|rule| stands_alone(rule))
    {
        for template in &rule.examples {
            for (name, syntax) in SYNTAXES {
                let found = (0..5).any(|seed| {
                    let text = syntax.replace('@', &expanded(template, seed));
                    finds_specifically(&detector, &text)
                });
                if !found {
                    missed.push(format!("{} in {name}: {template}", rule.id));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn context_rules_read_every_syntax() {
    let detector = detector();
    let mut missed = Vec::new();
    let mut tried = 0;
    let is_context =
        |rule: &&Rule| matches!(&rule.matcher, Matcher::Start(regex) if regex.starts_with("(?i:"));
    for rule in detector.rules().rules.iter().filter(is_context) {
        let example = rule
            .examples
            .iter()
            .find(|example| example.contains(" = ") && !example.contains('\n'));
        let Some(example) = example else { continue };
        tried += 1;
        let text = expanded(example, 1);
        let (name, rest) = text.split_once(" = ").expect("it was looked for");
        let value = rest.trim_matches('"');
        for text in [
            format!("{name} = {value}\n"),
            format!("{}={value}\n", name.to_uppercase()),
            format!("{{\"{name}\": \"{value}\"}}"),
            format!("{{\\\"{name}\\\": \\\"{value}\\\"}}"),
            format!("<{name}>{value}</{name}>"),
            format!("<add key=\"{name}\" value=\"{value}\"/>"),
            format!("{name}: {value}\n"),
            format!("{name}: '{value}'\n"),
            format!("export {name}=\"{value}\"\n"),
            format!("curl -H \"X-{name}: {value}\"\n"),
            format!("const string {name} = \"{value}\";\n"),
            format!("{name} := `{value}`\n"),
            format!("$config['{name}'] = '{value}';\n"),
            format!("os.environ[\"{name}\"] = \"{value}\"\n"),
            format!("ENV {name} {value}\n"),
            format!("https://service.example/?{name}={value}&x=1\n"),
            format!("--{name} {value}\n"),
            format!("| {name} | `{value}` |\n"),
        ] {
            if !finds_specifically(&detector, &text) {
                missed.push(format!("{}: {text}", rule.id));
            }
        }
    }
    assert!(tried > 50, "{tried} rules were tried");
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn near_misses_are_not_found() {
    let detector = detector();
    let mut wrong = Vec::new();
    for rule in &detector.rules().rules {
        assert!(!rule.near_misses.is_empty(), "{} has a near miss", rule.id);
        for template in &rule.near_misses {
            let text = expanded(template, 7);
            let surely = |found: &Match| {
                detector.rule(found.rule).id == rule.id && found.confidence > rule::Confidence::Low
            };
            if found(&detector, &text).iter().any(surely) {
                wrong.push(format!("{}: {template}", rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tokens_glued_to_a_longer_word_are_refused() {
    let detector = detector();
    let mut wrong = Vec::new();
    for rule in detector
        .rules()
        .rules
        .iter()
        .filter(|rule| stands_alone(rule))
    {
        for template in &rule.examples {
            let token = expanded(template, 11);
            if !rule
                .keywords
                .iter()
                .any(|keyword| token.as_bytes().starts_with(&keyword.text))
            {
                continue;
            }
            let before = format!("value = Qx{token}");
            if rule.boundary.left
                && !matches!(rule.matcher, Matcher::Infix { .. })
                && finds(&detector, rule, &before)
            {
                wrong.push(format!("{}: glued before: {template}", rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn wrong_checksums_lower_the_confidence() {
    let detector = detector();
    let right = expanded("x = ghp_{base62:30}{crc32_base62}", 5);
    let wrong = expanded("x = ghp_{base62:36}", 5);
    let confidence = |text: &str| found(&detector, text).first().map(|found| found.confidence);
    assert_eq!(confidence(&right), Some(rule::Confidence::High));
    assert_eq!(confidence(&wrong), Some(rule::Confidence::Low));
}

#[test]
fn the_rule_file_holds_no_token() {
    let detector = detector();
    let text = rule::BUILTIN;
    let found: Vec<String> = found(&detector, text)
        .into_iter()
        .filter(|found| found.confidence > rule::Confidence::Low)
        .map(|found| {
            format!(
                "line {}: {}",
                found.position.line,
                detector.rule(found.rule).id
            )
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
