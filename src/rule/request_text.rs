//! Parses the requests of rule files: templates, conditions and facts.
//!
//! ```text
//! template   text with {secret}, {host}, {rule-id}, {'text'+secret|filter|filter=argument}
//! condition  clause { " and " clause }
//! clause     status N... | json /pointer [= value { | value }] | header Name [= value { | value }]
//!            | body has 'text' | body lacks 'text'
//! fact       [name =] /pointer | [name =] header Name
//! ```

use std::collections::HashSet;

use serde::Deserialize;

use super::request::{
    AnswerFact, AnswerPlace, Clause, Condition, Escape, Inquiry, Piece, Protocol, RequestStep,
    Template, Term, ValueFilter,
};
use crate::tables::{Field, FieldKind as Holds};

/// The placeholder of the signed assertion in requests of the kind 'google-service-account'.
const ASSERTION: &str = "assertion";

/// The fields of a request and of the conditions for its answer, with its `url`.
const fn step_fields(url: Field) -> [Field; 10] {
    [
        Field::free("method", Holds::Text),
        url,
        Field::free("headers", Holds::Texts),
        Field::free("body", Holds::Text),
        Field::free("active", Holds::Texts),
        Field::free("inactive", Holds::Texts),
        Field::free("done", Holds::Texts),
        Field::free("whose", Holds::Texts),
        Field::free("can", Holds::Texts),
        Field::free("take", Holds::Texts),
    ]
}

/// The fields of `also`, the second step.
const ALSO: [Field; 10] = step_fields(Field::needed("url", Holds::Text));

/// The fields of `[rule.validate]` and `[rule.revoke]`: those of the first step, which needs no `url` if the
/// request is no HTTP request, and those of the whole.
pub(super) const FIELDS: [Field; 15] = {
    let [
        method,
        url,
        headers,
        body,
        active,
        inactive,
        done,
        whose,
        can,
        take,
    ] = step_fields(Field::free("url", Holds::Text));
    let (kind, host) = (
        Field::free("kind", Holds::Text),
        Field::free("host", Holds::Text),
    );
    [
        kind,
        method,
        url,
        host,
        headers,
        body,
        active,
        inactive,
        done,
        whose,
        can,
        take,
        Field::free("noisy", Holds::Flag),
        Field::free("effect", Holds::Text),
        Field::free("also", Holds::Table(&ALSO)),
    ]
};

/// The unparsed content of one of the two tables.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RequestFields {
    kind: Option<String>,
    method: Option<String>,
    url: Option<String>,
    host: Option<String>,
    headers: Vec<String>,
    body: Option<String>,
    active: Vec<String>,
    inactive: Vec<String>,
    done: Vec<String>,
    whose: Vec<String>,
    can: Vec<String>,
    take: Vec<String>,
    noisy: bool,
    effect: Option<String>,
    also: Option<Box<Self>>,
}

/// The purpose of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TablePurpose {
    /// To ask whether a secret is active.
    Validate,
    /// To revoke it.
    Revoke,
}

/// The names that a table may refer to.
pub(super) struct KnownNames<'a> {
    /// The rules whose values belong to the secret.
    pub(super) parts: &'a HashSet<&'a str>,
    /// The values from the previous step.
    taken: HashSet<String>,
}

impl<'a> KnownNames<'a> {
    pub(super) fn new(parts: &'a HashSet<&'a str>) -> Self {
        let taken = HashSet::new();
        Self { parts, taken }
    }
}

/// Parses a table.
///
/// # Errors
/// The reason, with the name of the field.
pub(super) fn inquiry(
    written: RequestFields,
    purpose: TablePurpose,
    mut known: KnownNames<'_>,
) -> Result<Inquiry, String> {
    let kind = match written.kind.as_deref() {
        None => Protocol::Http,
        Some(name) => kind_named(name)?,
    };
    let (host, noisy) = (written.host.clone(), written.noisy);
    let effect = written.effect.clone();
    if let Some(host) = &host
        && !is_host(host)
    {
        return Err("'host' must be the name of a host".into());
    }
    if matches!(kind, Protocol::GoogleServiceAccount) {
        known.taken.insert(ASSERTION.to_owned());
    }
    if !kind.has_steps() {
        let is_bare = written.url.is_none() && written.headers.is_empty() && written.also.is_none();
        return match is_bare && purpose == TablePurpose::Validate {
            true => Ok(Inquiry {
                kind,
                host,
                steps: Vec::new(),
                noisy,
                effect,
            }),
            false => Err(format!(
                "a request of kind '{}' has no 'url', 'headers' and 'also'",
                written.kind.unwrap_or_default()
            )),
        };
    }
    let mut steps = Vec::new();
    let mut next = Some(Box::new(written));
    while let Some(mut written) = next {
        next = written.also.take();
        if steps.len() == 2 || (next.is_some() && !steps.is_empty()) {
            return Err("'also' has no 'also' of its own".into());
        }
        if next.is_none() != written.take.is_empty() {
            return Err("'take' names values for 'also', which must use them".into());
        }
        let step = step(*written, purpose, &known)?;
        let first: &RequestStep = steps.first().unwrap_or(&step);
        if host_of(&first.url) != host_of(&step.url) {
            return Err("the 'url' of 'also' must have the same host".into());
        }
        known.taken = step.take.iter().map(|fact| fact.name.clone()).collect();
        steps.push(step);
    }
    Ok(Inquiry {
        kind,
        host,
        steps,
        noisy,
        effect,
    })
}

fn kind_named(name: &str) -> Result<Protocol, String> {
    let found = Protocol::ALL.iter().find(|(known, _)| *known == name);
    found.map(|&(_, kind)| kind).ok_or_else(|| {
        let known = Protocol::ALL.map(|(known, _)| known);
        format!("'kind' must be one of '{}'", known.join("', '"))
    })
}

/// Methods that a request may have.
const METHODS: [&str; 5] = ["GET", "POST", "DELETE", "PATCH", "PUT"];

fn step(
    written: RequestFields,
    purpose: TablePurpose,
    known: &KnownNames<'_>,
) -> Result<RequestStep, String> {
    let method = written.method.unwrap_or_else(|| "GET".into());
    if !METHODS.contains(&method.as_str()) {
        return Err(format!(
            "'method' must be one of '{}'",
            METHODS.join("', '")
        ));
    }
    if written.body.is_some() && matches!(method.as_str(), "GET" | "DELETE") {
        return Err(format!("a request of method {method} has no 'body'"));
    }
    let url = template(&written.url.ok_or("'url' is missing")?, known)?;
    check_url(&url)?;
    let headers = written.headers.iter().map(|line| header(line, known));
    let headers = headers.collect::<Result<Vec<_>, _>>()?;
    let body = written
        .body
        .map(|text| template(&text, known))
        .transpose()?;
    let content = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let escape = match content.map(|(_, value)| value.text.as_str()) {
        Some(value) if value.contains("json") => Escape::Json,
        Some(value) if value.contains("form-urlencoded") => Escape::Url,
        Some(_) => Escape::Plain,
        None if body.is_some() => {
            return Err("a request with a 'body' needs a header 'Content-Type'".into());
        }
        None => Escape::Plain,
    };
    let (active, other) = match purpose {
        TablePurpose::Validate => (written.active, written.done),
        TablePurpose::Revoke => (written.done, written.active),
    };
    let name = match purpose {
        TablePurpose::Validate => "active",
        TablePurpose::Revoke => "done",
    };
    if active.is_empty() || !other.is_empty() {
        return Err(format!(
            "'{name}' is needed: it says which answers are good"
        ));
    }
    Ok(RequestStep {
        method,
        url,
        headers,
        body,
        escape,
        active: conditions(&active)?,
        inactive: conditions(&written.inactive)?,
        whose: facts(&written.whose)?,
        can: facts(&written.can)?,
        take: facts(&written.take)?,
    })
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.contains('.') && host.split('.').all(is_label)
}

/// Returns the host part of a URL template.
fn host_of(url: &Template) -> Option<&str> {
    url.text.strip_prefix("https://")?.split(['/', '?']).next()
}

/// Checks the host: it must be literal, be `{host}`, or have two literal last labels. A secret must
/// not be able to choose the host that it is sent to.
fn check_url(url: &Template) -> Result<(), String> {
    let wrong = || {
        Err(
            "'url' must begin with 'https://' and a host whose last two labels are written out"
                .into(),
        )
    };
    let mut host = String::new();
    for (number, piece) in url.pieces.iter().enumerate() {
        match piece {
            Piece::Text(text) => {
                let text = match number {
                    0 => match text.strip_prefix("https://") {
                        Some(rest) => rest,
                        None => return wrong(),
                    },
                    _ => text.as_str(),
                };
                match text.split_once(['/', '?']) {
                    Some((last, _)) => {
                        host.push_str(last);
                        break;
                    }
                    None => host.push_str(text),
                }
            }
            Piece::Value { terms, filters } => {
                let is_host = terms[..] == [Term::Host] && filters.is_empty();
                host.push_str(if is_host { "{host}" } else { "\0" });
            }
        }
    }
    if host == "{host}" {
        return Ok(());
    }
    let (own, rest) = host.rsplit_once('\0').unwrap_or(("", &host));
    let is_fixed = is_host(rest.trim_start_matches(['.', '-']));
    let is_part = own.is_empty() && !host.starts_with('\0') || rest.starts_with(['.', '-']);
    match is_fixed && is_part {
        true => Ok(()),
        false => wrong(),
    }
}

fn header(line: &str, known: &KnownNames<'_>) -> Result<(String, Template), String> {
    let (name, value) = line
        .split_once(": ")
        .ok_or("'headers' must be written as 'Name: value'")?;
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let lower = name.to_ascii_lowercase();
    if !is_name
        || matches!(
            lower.as_str(),
            "host" | "content-length" | "transfer-encoding"
        )
    {
        return Err(format!(
            "'headers' cannot have a header of the name '{name}'"
        ));
    }
    Ok((name.to_owned(), template(value, known)?))
}

/// Parses a template.
fn template(text: &str, known: &KnownNames<'_>) -> Result<Template, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if rest.starts_with(brace) {
            literal.push_str(brace);
            rest = &rest[1..];
            continue;
        }
        let end = rest.find('}').filter(|_| brace == "{");
        let end = end.ok_or_else(|| format!("a stray brace in '{text}'; '{{{{' is a brace"))?;
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        pieces.push(value(&rest[..end], known)?);
        rest = &rest[end + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    let text = text.to_owned();
    Ok(Template { text, pieces })
}

fn value(text: &str, known: &KnownNames<'_>) -> Result<Piece, String> {
    let mut parts = split_outside_quotes(text, '|').into_iter();
    let terms = parts.next().unwrap_or_default();
    let terms = split_outside_quotes(terms, '+').into_iter();
    let terms = terms
        .map(|text| term(text, known))
        .collect::<Result<_, _>>()?;
    let filters = parts
        .map(|text| filter(text, known))
        .collect::<Result<_, _>>()?;
    Ok(Piece::Value { terms, filters })
}

/// Splits at `separator`, but not inside single quotes.
fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let mut is_quoted = false;
    text.split(move |c| {
        is_quoted ^= c == '\'';
        c == separator && !is_quoted
    })
    .collect()
}

fn term(text: &str, known: &KnownNames<'_>) -> Result<Term, String> {
    if let Some(literal) = unquoted(text) {
        return Ok(Term::Text(literal.to_owned()));
    }
    match text {
        "secret" => Ok(Term::Secret),
        "host" => Ok(Term::Host),
        name if known.taken.contains(name) => Ok(Term::Taken(name.to_owned())),
        name if known.parts.contains(name) => Ok(Term::Part(name.to_owned())),
        _ => Err(format!(
            "there is no value '{text}': it is 'secret', 'host', a name in 'take', a text in single quotes, or \
             a rule that is 'part_of' this one"
        )),
    }
}

fn unquoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.strip_suffix('\'')
}

fn filter(text: &str, known: &KnownNames<'_>) -> Result<ValueFilter, String> {
    let (name, argument) = match text.split_once('=') {
        Some((name, argument)) => (name, Some(argument)),
        None => (text, None),
    };
    let literal = argument.map(|text| unquoted(text).unwrap_or(text).to_owned());
    Ok(match (name, literal) {
        ("base64", None) => ValueFilter::Base64,
        ("base64url", None) => ValueFilter::Base64Url,
        ("url", None) => ValueFilter::Url,
        ("path", None) => ValueFilter::Path,
        ("json", None) => ValueFilter::Json,
        ("sha256", None) => ValueFilter::Sha256,
        ("hmac-sha256", Some(_)) => {
            ValueFilter::HmacSha256(term(argument.unwrap_or_default(), known)?)
        }
        ("before", Some(text)) if !text.is_empty() => ValueFilter::Before(text),
        ("after", Some(text)) if !text.is_empty() => ValueFilter::After(text),
        _ => {
            return Err(format!(
                "there is no filter '{text}': there are base64, base64url, url, path, json, sha256, \
                 hmac-sha256=KEY, before=TEXT, after=TEXT"
            ));
        }
    })
}

fn conditions(lines: &[String]) -> Result<Vec<Condition>, String> {
    lines.iter().map(|line| condition(line)).collect()
}

fn condition(line: &str) -> Result<Condition, String> {
    let words = words(line)?;
    let clauses = words.split(|word| *word == Word::Bare("and"));
    let clauses = clauses.map(|words| {
        clause(words).ok_or_else(|| {
            format!(
                "a condition cannot be understood: '{line}'; it is 'status N', 'json /pointer', \
                 'json /pointer = value', 'header Name', 'body has 'text'' or 'body lacks 'text'', joined by 'and'"
            )
        })
    });
    Ok(Condition {
        clauses: clauses.collect::<Result<_, _>>()?,
        text: line.to_owned(),
    })
}

/// A word of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word<'a> {
    /// A word without quotes.
    Bare(&'a str),
    /// The text in single quotes.
    Quoted(&'a str),
}

impl<'a> Word<'a> {
    fn text(self) -> &'a str {
        let (Self::Bare(text) | Self::Quoted(text)) = self;
        text
    }
}

fn words(line: &str) -> Result<Vec<Word<'_>>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('\'') {
            let end = quoted.find('\'');
            let end = end.ok_or_else(|| format!("a quote is not closed: '{line}'"))?;
            words.push(Word::Quoted(&quoted[..end]));
            rest = quoted[end + 1..].trim_start();
        } else {
            let end = rest.find(' ').unwrap_or(rest.len());
            words.push(Word::Bare(&rest[..end]));
            rest = rest[end..].trim_start();
        }
    }
    Ok(words)
}

fn clause(words: &[Word<'_>]) -> Option<Clause> {
    let (Word::Bare(first), rest) = words.split_first()? else {
        return None;
    };
    match (*first, rest) {
        ("status", codes) if !codes.is_empty() => {
            let codes = codes.iter().map(|word| word.text().parse().ok());
            let codes: Vec<u16> = codes.collect::<Option<_>>()?;
            let is_good = codes.iter().all(|code| (100..600).contains(code));
            is_good.then_some(Clause::Status(codes))
        }
        ("json", [pointer, rest @ ..]) => Some(Clause::Json {
            pointer: pointer_of(pointer.text())?,
            values: values(rest)?,
        }),
        ("header", [name, rest @ ..]) => Some(Clause::Header {
            name: name.text().to_ascii_lowercase(),
            values: values(rest)?,
        }),
        ("body", [Word::Bare("has"), Word::Quoted(text)]) if !text.is_empty() => {
            Some(Clause::Has((*text).to_owned()))
        }
        ("body", [Word::Bare("lacks"), Word::Quoted(text)]) if !text.is_empty() => {
            Some(Clause::Lacks((*text).to_owned()))
        }
        _ => None,
    }
}

/// Parses `= a | b | c`, or nothing.
fn values(words: &[Word<'_>]) -> Option<Vec<String>> {
    let Some((first, rest)) = words.split_first() else {
        return Some(Vec::new());
    };
    if *first != Word::Bare("=") {
        return None;
    }
    let values = rest.split(|word| *word == Word::Bare("|"));
    let values = values.map(|value| match value {
        [one] => Some(one.text().to_owned()),
        _ => None,
    });
    values.collect()
}

/// Returns the segments of a JSON pointer; `None` if `text` is no pointer.
fn pointer_of(text: &str) -> Option<Vec<String>> {
    let rest = text.strip_prefix('/')?;
    let segments = rest.split('/');
    let segments = segments.map(|segment| segment.replace("~1", "/").replace("~0", "~"));
    Some(segments.filter(|segment| !segment.is_empty()).collect())
}

fn facts(lines: &[String]) -> Result<Vec<AnswerFact>, String> {
    lines.iter().map(|line| fact(line)).collect()
}

fn fact(line: &str) -> Result<AnswerFact, String> {
    let (name, place) = match line.split_once(" = ") {
        Some((name, place)) => (Some(name), place),
        None => (None, line),
    };
    let found = match place.strip_prefix("header ") {
        Some(header) => Some((header, AnswerPlace::Header(header.to_ascii_lowercase()))),
        None => pointer_of(place).map(|pointer| {
            let mut segments = place.rsplit('/');
            let last = segments.find(|segment| !matches!(*segment, "*" | ""));
            (last.unwrap_or("value"), AnswerPlace::Json(pointer))
        }),
    };
    let (own, place) = found.ok_or_else(|| {
        format!(
            "'{line}' is no fact: it is '/pointer', 'header Name', or 'name = ' and one of these"
        )
    })?;
    let name = name.unwrap_or(own).to_owned();
    Ok(AnswerFact { name, place })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Inquiry, String> {
        let written: RequestFields = toml::from_str(text).unwrap();
        let parts = HashSet::from(["x-id"]);
        inquiry(written, TablePurpose::Validate, KnownNames::new(&parts))
    }

    #[test]
    fn a_table_is_read_whole() {
        let read = read(
            "url = 'https://a.example.com/v1/{x-id}'\nheaders = [\"Authorization: Basic {x-id+':'+secret|base64}\"]\n\
             active = [\"status 200 201 and json /ok = true | 'yes it is'\", \"body has 'a b'\"]\n\
             inactive = ['status 401']\nwhose = ['/user/name', 'mail = /email', 'header X-Org']\n",
        )
        .unwrap();
        let step = &read.steps[0];
        assert_eq!(step.method, "GET");
        assert_eq!(step.url.pieces.len(), 2);
        let terms = vec![
            Term::Part("x-id".into()),
            Term::Text(":".into()),
            Term::Secret,
        ];
        let filters = vec![ValueFilter::Base64];
        assert_eq!(step.headers[0].1.pieces[1], Piece::Value { terms, filters });
        assert_eq!(step.active[0].clauses.len(), 2);
        assert_eq!(step.active[1].clauses, [Clause::Has("a b".into())]);
        let names = step.whose.iter().map(|fact| fact.name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["name", "mail", "X-Org"]);
    }

    #[test]
    fn a_secret_cannot_name_its_host() {
        let active = "active = ['status 200']\n";
        for (url, is_good) in [
            ("https://api.example.com/{secret}", true),
            ("https://{secret|after=-}.api.example.com/", true),
            ("https://us-{x-id}.example.com?q=1", true),
            ("https://{host}/a", true),
            ("http://api.example.com/", false),
            ("https://{secret}", false),
            ("https://{secret}/", false),
            ("https://{secret}.com/", false),
            ("https://{secret}example.com/", false),
            ("https://a.example.com{secret}/", false),
            ("https://a.example.com:{secret}/", false),
            ("https://user@example.com/", false),
            ("{secret}", false),
        ] {
            let found = read(&format!("url = \"{url}\"\n{active}"));
            assert_eq!(found.is_ok(), is_good, "{url}: {found:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let url = "url = 'https://a.example.com/'\n";
        for (text, wanted) in [
            ("active = ['status 200']".to_owned(), "'url' is missing"),
            (url.to_owned(), "'active' is needed"),
            (
                format!("{url}active = ['status many']"),
                "cannot be understood",
            ),
            (
                format!("{url}active = ['status 200']\nkind = 'ftp'"),
                "'kind' must",
            ),
            (
                format!("{url}active = ['status 200']\nheaders = ['A: {{other-id}}']"),
                "there is no value 'other-id'",
            ),
            (
                format!("{url}active = ['status 200']\nheaders = ['A: {{secret|rot13}}']"),
                "there is no filter",
            ),
            (
                format!("{url}active = ['status 200']\nheaders = ['Host: x']"),
                "a header of the name 'Host'",
            ),
            (
                format!("{url}active = ['status 200']\nbody = 'x'"),
                "has no 'body'",
            ),
            (
                format!("{url}active = ['status 200']\ntake = ['id = /id']"),
                "'take' names values",
            ),
        ] {
            let found = read(&text).unwrap_err();
            assert!(found.contains(wanted), "{text}: {found}");
        }
    }
}
