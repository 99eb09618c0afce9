//! Proofs of rules: the examples of a rule are found in all common syntaxes, its near misses are
//! not, and neither is what becomes of an example by a small change.

use super::checksum::{self, Outcome};
use super::score::Reason;
use super::{Detector, Hits, Match, Scratch};
use crate::error::Result;
use crate::rule::template::{Random, expand};
use crate::rule::{Confidence, Matcher, Rule, fixed_len};

/// The surroundings in which a token must be found; `@` stands for it.
const SYNTAXES: [(&str, &str); 22] = [
    ("ini", "[service]\nvalue = @\n"),
    ("env", "SERVICE_VALUE=@\n"),
    ("JSON", "{\"service\": {\"value\": \"@\"}}"),
    ("JSON in JSON", "{\"body\": \"{\\\"value\\\": \\\"@\\\"}\"}"),
    ("XML attribute", "<service value=\"@\"/>"),
    ("XML element", "<value>@</value>"),
    ("YAML plain", "service:\n  value: @\n"),
    ("YAML quoted", "value: '@'\n"),
    ("YAML block", "value: |\n  @\n"),
    ("shell", "export VALUE=\"@\"\n"),
    (
        "curl header",
        "curl -H \"X-Value: @\" https://service.example/\n",
    ),
    ("C#", "const string Value = \"@\";\n"),
    ("Go", "\tvalue := `@`\n"),
    ("JavaScript", "const config = { value: '@' };\n"),
    ("PHP", "$config['value'] = '@';\n"),
    ("Python", "VALUE = b'@'\n"),
    ("Ruby", "config.value = '@'\n"),
    ("Rust", "const VALUE: &str = \"@\";\n"),
    ("Terraform", "variable \"value\" {\n  default = \"@\"\n}\n"),
    ("Dockerfile", "ENV VALUE @\n"),
    ("Markdown", "The value is `@`.\n"),
    ("bare", "@"),
];

/// The same for rules that know a value by its name: `#` stands for the name, `@` for the value.
const ASSIGNMENTS: [(&str, &str); 22] = [
    ("ini", "# = @\n"),
    ("env", "#=@\n"),
    ("JSON", "{\"#\": \"@\"}"),
    ("JSON in JSON", "{\\\"#\\\": \\\"@\\\"}"),
    ("XML element", "<#>@</#>"),
    ("XML attribute", "<add key=\"#\" value=\"@\"/>"),
    ("YAML plain", "#: @\n"),
    ("YAML quoted", "#: '@'\n"),
    ("YAML block", "#: |\n  @\n"),
    ("shell", "export #=\"@\"\n"),
    ("curl header", "curl -H \"X-#: @\"\n"),
    ("C#", "const string # = \"@\";\n"),
    ("Go", "# := `@`\n"),
    ("JavaScript", "const config = { #: '@' };\n"),
    ("PHP", "$config['#'] = '@';\n"),
    ("Python", "os.environ[\"#\"] = \"@\"\n"),
    ("Ruby", "config.# = '@'\n"),
    ("Rust", "let #: &str = \"@\";\n"),
    ("Dockerfile", "ENV # @\n"),
    ("URL", "https://service.example/?#=@&x=1\n"),
    ("command line", "--# @\n"),
    ("Markdown", "| # | `@` |\n"),
];

/// Tokens made of each example. A random one may by chance look like a placeholder or too regular:
/// nine of ten must be found.
const EXAMPLES: u64 = 40;
const LEAST_FOUND: usize = 36;
/// Tokens of which one must be found in each syntax.
const IN_SYNTAX: u64 = 5;

/// What a rule's proofs came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Texts that were made and scanned.
    pub tried: usize,
    /// What went wrong, a line each.
    pub faults: Vec<String>,
}

/// Tries all proofs of `rule`, one of the detector's, which must have been compiled with proofs.
///
/// # Errors
/// `Config` if a template cannot be expanded.
pub fn prove(detector: &Detector, rule: &Rule) -> Result<Proof> {
    let mut prover = Prover {
        detector,
        rule,
        scratch: Scratch::default(),
        proof: Proof::default(),
    };
    for template in &rule.examples {
        prover.example(template)?;
        if stands_alone(rule) {
            prover.in_every_syntax(template)?;
            prover.glued(template)?;
        }
        prover.one_character(template)?;
        prover.checksum(template)?;
    }
    if is_named(rule) {
        prover.in_every_assignment()?;
    }
    for template in &rule.near_misses {
        prover.near_miss(template)?;
    }
    Ok(prover.proof)
}

/// Whether the rule's tokens stand for themselves: others are only known by the name before them.
fn stands_alone(rule: &Rule) -> bool {
    match &rule.matcher {
        Matcher::Start(_) => !is_named(rule),
        Matcher::Infix { .. } | Matcher::Jwt | Matcher::Known(_) => true,
        Matcher::Assignment
        | Matcher::Pem
        | Matcher::SqlInsert
        | Matcher::Command
        | Matcher::Manifest
        | Matcher::WholeFile => false,
    }
}

/// Whether the rule knows a value by the issuer's name before it.
fn is_named(rule: &Rule) -> bool {
    matches!(&rule.matcher, Matcher::Start(regex) if regex.starts_with("(?i:"))
}

struct Prover<'d> {
    detector: &'d Detector,
    rule: &'d Rule,
    scratch: Scratch,
    proof: Proof,
}

impl Prover<'_> {
    fn example(&mut self, template: &str) -> Result<()> {
        let mut found = 0;
        for seed in 0..EXAMPLES {
            let text = expanded(template, seed)?;
            found += usize::from(self.finds(&text, Confidence::Low));
        }
        if found < LEAST_FOUND {
            self.fault(&format!(
                "example '{template}' is found in {found} of {EXAMPLES} cases"
            ));
        }
        Ok(())
    }

    fn in_every_syntax(&mut self, template: &str) -> Result<()> {
        for (name, syntax) in SYNTAXES {
            let mut found = false;
            for seed in 0..IN_SYNTAX {
                let text = syntax.replace('@', &expanded(template, seed)?);
                if self.finds_a_shape(&text) {
                    found = true;
                    break;
                }
            }
            if !found {
                self.fault(&format!("example '{template}' is not found in {name}"));
            }
        }
        Ok(())
    }

    fn in_every_assignment(&mut self) -> Result<()> {
        let simple = |example: &&String| example.contains(" = ") && !example.contains('\n');
        let Some(example) = self.rule.examples.iter().find(simple) else {
            return Ok(());
        };
        let text = expanded(example, 1)?;
        let Some((name, value)) = text.split_once(" = ") else {
            return Ok(());
        };
        let value = value.trim_matches('"');
        for (syntax, template) in ASSIGNMENTS {
            let name = match syntax {
                "env" => name.to_uppercase(),
                _ => name.to_owned(),
            };
            let text = template.replace('#', &name).replace('@', value);
            if !self.finds_a_shape(&text) {
                self.fault(&format!("example '{example}' is not found in {syntax}"));
            }
        }
        Ok(())
    }

    /// A token glued to a longer word is part of something else, if no checksum proves it.
    fn glued(&mut self, template: &str) -> Result<()> {
        let token = expanded(template, 11)?;
        let mut keywords = self.rule.keywords.iter();
        let begins = keywords.any(|keyword| token.as_bytes().starts_with(&keyword.text));
        let is_infix = matches!(self.rule.matcher, Matcher::Infix { .. });
        if begins && self.rule.boundary.left && !is_infix && !self.is_proven(&token) {
            let text = format!("value = Qx{token}");
            if self.finds(&text, Confidence::Low) {
                self.fault(&format!("example '{template}' is found inside a word"));
            }
        }
        Ok(())
    }

    /// Whether a checksum proves the token, whatever stands beside it.
    fn is_proven(&self, token: &str) -> bool {
        let mut checks = self.rule.checks.iter();
        checks.any(|&check| checksum::run(check, token.as_bytes()) == Outcome::Verified)
    }

    /// One character too few, too many or of the wrong kind: what remains is no token, if the
    /// rule knows a length.
    fn one_character(&mut self, template: &str) -> Result<()> {
        let token = expanded(template, 5)?;
        if !stands_alone(self.rule) || fixed_len(self.rule) != Some(token.len()) {
            return Ok(());
        }
        let short = token[..token.len() - 1].to_owned();
        let long = format!("{token}a");
        let middle = token.len() - 2;
        let other = format!("{}\"{}", &token[..middle], &token[middle + 1..]);
        for (what, text) in [
            ("a character short", short),
            ("a character too long", long),
            ("with a foreign character", other),
        ] {
            let is_bounded = what != "a character too long"
                || (self.rule.boundary.right && !self.is_proven(&token));
            if is_bounded && self.finds(&text, Confidence::Low) {
                self.fault(&format!("example '{template}' is found {what}"));
            }
        }
        Ok(())
    }

    /// A token whose checksum is wrong was never issued.
    fn checksum(&mut self, template: &str) -> Result<()> {
        let token = expanded(template, 5)?;
        let is_verified = |found: &Match| found.reasons.contains(Reason::ChecksumVerified);
        if !self.matches(&token).iter().any(is_verified) {
            return Ok(());
        }
        let middle = token.len() / 2;
        let other = if token.as_bytes()[middle] == b'5' {
            "7"
        } else {
            "5"
        };
        let text = format!("{}{other}{}", &token[..middle], &token[middle + 1..]);
        if self.finds(&text, Confidence::Medium) {
            self.fault(&format!(
                "example '{template}' is trusted with a wrong checksum"
            ));
        }
        Ok(())
    }

    fn near_miss(&mut self, template: &str) -> Result<()> {
        let text = expanded(template, 7)?;
        if self.finds(&text, Confidence::Medium) {
            self.fault(&format!("near miss '{template}' is found"));
        }
        Ok(())
    }

    /// Whether the rule itself finds the text, at `least` or surer.
    fn finds(&mut self, text: &str, least: Confidence) -> bool {
        let found = self.matches(text);
        found.iter().any(|found| {
            self.detector.rule(found.rule).id == self.rule.id && found.confidence >= least
        })
    }

    /// Whether some rule that knows a shape, this one or one that knows better, finds the text.
    fn finds_a_shape(&mut self, text: &str) -> bool {
        let found = self.matches(text);
        found
            .iter()
            .any(|found| !self.detector.rule(found.rule).is_generic())
    }

    fn matches(&mut self, text: &str) -> Vec<Match> {
        self.proof.tried += 1;
        let mut hits = Hits::default();
        self.detector
            .scan(text.as_bytes(), &mut self.scratch, &mut hits);
        self.detector.matches(text.as_bytes(), &hits)
    }

    fn fault(&mut self, what: &str) {
        let id = &self.rule.id;
        self.proof.faults.push(format!("rule '{id}': {what}"));
    }
}

fn expanded(template: &str, seed: u64) -> Result<String> {
    expand(template, &mut Random::new(seed))
}
