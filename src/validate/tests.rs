//! Tests the engine with a network in memory: hosts, number of requests, and evaluation of answers.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use super::kept::AnswerCache;
use super::network::{Answer, Connection, Endpoint, Network, Request, Trouble};
use super::{Hosts, Question, RequestLimits, State, Validator, Verdict};
use crate::finding::Fingerprint;
use crate::rule::request::{Clause, Condition, Issuer, RequestStep, Requests, Term};
use crate::rule::{self, parse_with_requests};
use crate::secret::Secret;

type FakeReply = Result<Answer, Trouble>;

/// Answers from a list or with a function; records requests and pauses.
struct FakeNetwork {
    replies: Mutex<VecDeque<FakeReply>>,
    always: Box<dyn Fn(&Request) -> FakeReply + Sync>,
    sent: Mutex<Vec<Request>>,
    waited: Mutex<Vec<Duration>>,
    /// The number of pauses after which the user interrupts.
    patience: usize,
}

impl FakeNetwork {
    fn of(always: impl Fn(&Request) -> FakeReply + Sync + 'static) -> Self {
        Self {
            replies: Mutex::default(),
            always: Box::new(always),
            sent: Mutex::default(),
            waited: Mutex::default(),
            patience: usize::MAX,
        }
    }

    fn listed(replies: impl IntoIterator<Item = FakeReply>) -> Self {
        let memory = Self::of(|_| Err(Trouble::Failed("nothing more is planned".to_owned())));
        memory.replies.lock().unwrap().extend(replies);
        memory
    }

    fn sent(&self) -> Vec<Request> {
        self.sent.lock().unwrap().clone()
    }
}

impl Network for FakeNetwork {
    fn send(&self, request: &Request) -> FakeReply {
        self.sent.lock().unwrap().push(request.clone());
        let next = self.replies.lock().unwrap().pop_front();
        next.unwrap_or_else(|| (self.always)(request))
    }

    fn connect(&self, _: &Endpoint) -> Result<Box<dyn Connection>, Trouble> {
        Err(Trouble::Failed("there is no server".to_owned()))
    }

    fn sign_rs256(&self, _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
        Some(b"signature".to_vec())
    }

    fn wait(&self, time: Duration) -> bool {
        let mut waited = self.waited.lock().unwrap();
        waited.push(time);
        waited.len() <= self.patience
    }

    fn now(&self) -> i64 {
        1_700_000_000
    }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
        is_cut: false,
    }
}

fn with_header(mut answer: Answer, name: &str, value: &str) -> Answer {
    answer.headers.push((name.to_owned(), value.to_owned()));
    answer
}

/// Returns the requests of one rule, `x-token`.
fn of_rule(validate: &str) -> Requests {
    let text = format!(
        "[[rule]]\nid = 'x-token'\nprovider = 'X'\ndescription = 'X'\nconfidence = 'high'\nkeywords = ['xtok_']\n\
         regex = 'xtok_[a-z]{{8}}'\nexamples = []\nnear_misses = []\n\n[rule.validate]\n{validate}"
    );
    parse_with_requests(&text, "x.toml").unwrap().1
}

const SIMPLE: &str = "url = 'https://api.example.com/me'\nheaders = ['Authorization: Bearer {secret}']\n\
    active = ['status 200 and json /login']\ninactive = ['status 401']\nwhose = ['/login', '/mail']\n\
    can = ['scopes = header X-Scopes']\n";

fn question<'a>(rule_id: &'a str, secret: &'a [u8], parts: &[(&'a str, &'a [u8])]) -> Question<'a> {
    Question {
        fingerprint: Fingerprint::new(b"", rule_id, &Secret::new(secret)),
        rule_id,
        secret,
        parts: parts.to_vec(),
        line: None,
    }
}

fn ask(requests: &Requests, memory: &FakeNetwork, questions: &[Question<'_>]) -> Vec<Verdict> {
    let hosts = Hosts::default();
    let limits = RequestLimits {
        pause: Duration::ZERO,
        ..RequestLimits::default()
    };
    let validator = Validator::new(requests, &hosts, memory, limits, b"key");
    let verdicts = validator.ask(questions.iter().cloned(), &mut AnswerCache::default());
    let verdicts = questions
        .iter()
        .map(|asked| verdicts[&asked.fingerprint].clone());
    verdicts.collect()
}

fn one(validate: &str, memory: &FakeNetwork) -> Verdict {
    let requests = of_rule(validate);
    let asked = [question("x-token", b"xtok_abcdefgh", &[])];
    ask(&requests, memory, &asked).remove(0)
}

#[test]
fn only_answers_that_the_rule_names_decide() {
    for (reply, state, reason) in [
        (
            Ok(answer(200, r#"{"login":"ada"}"#)),
            State::Active,
            "accepts",
        ),
        (Ok(answer(401, "{}")), State::Inactive, "refuses"),
        (
            Ok(answer(200, "{}")),
            State::Unknown,
            "ambiguous answer: status 200",
        ),
        (
            Ok(answer(200, r#"{"login":null}"#)),
            State::Unknown,
            "ambiguous",
        ),
        (
            Ok(answer(200, "<html>login</html>")),
            State::Unknown,
            "ambiguous",
        ),
        (Ok(answer(403, "{}")), State::Unknown, "status 403"),
        (
            Ok(answer(302, "")),
            State::Unknown,
            "redirects are not followed",
        ),
        (
            Err(Trouble::Failed("no answer".to_owned())),
            State::Unknown,
            "network: no answer",
        ),
        (
            Err(Trouble::Refused("private".to_owned())),
            State::Unknown,
            "refused: private",
        ),
    ] {
        let said = format!("{reply:?}");
        let verdict = one(SIMPLE, &FakeNetwork::listed([reply]));
        assert_eq!(verdict.state, state, "{said}: {verdict:?}");
        assert!(verdict.reason.contains(reason), "{said}: {verdict:?}");
    }
}

#[test]
fn an_answer_that_was_cut_off_is_not_read_as_a_whole() {
    let cut = |body: &str| Answer {
        is_cut: true,
        ..answer(200, body)
    };
    let verdict = one(
        SIMPLE,
        &FakeNetwork::listed([Ok(cut(r#"{"login":"ada"}"#))]),
    );
    assert_eq!(verdict.state, State::Unknown);
    let lacks = SIMPLE.replace(
        "'status 200 and json /login'",
        "\"status 200 and body lacks 'invalid'\"",
    );
    let verdict = one(&lacks, &FakeNetwork::listed([Ok(cut("a list"))]));
    assert_eq!(verdict.state, State::Unknown, "the rest may hold it");
}

#[test]
fn an_active_secret_comes_with_what_its_issuer_says_but_never_with_itself() {
    let body = r#"{"login":"ada","mail":"token xtok_abcdefgh of ada"}"#;
    let reply = with_header(answer(200, body), "x-scopes", "repo, user");
    let verdict = one(SIMPLE, &FakeNetwork::listed([Ok(reply)]));
    assert_eq!(verdict.whose, ["login: ada"]);
    assert_eq!(verdict.can, ["scopes: repo, user"]);
    let part = r#"{"login":"abcdefgh","mail":"abc"}"#;
    let verdict = one(SIMPLE, &FakeNetwork::listed([Ok(answer(200, part))]));
    assert_eq!(
        verdict.whose,
        ["mail: abc"],
        "eight characters of it are a part of it"
    );
    let refused = one(
        SIMPLE,
        &FakeNetwork::listed([Ok(answer(401, r#"{"login":"ada"}"#))]),
    );
    assert!(refused.whose.is_empty());
}

#[test]
fn a_busy_host_is_asked_again_as_it_wishes_and_not_for_ever() {
    let busy = |after: &str| with_header(answer(429, ""), "retry-after", after);
    let good = || Ok(answer(200, r#"{"login":"ada"}"#));
    let memory = FakeNetwork::listed([Ok(busy("7")), good()]);
    assert_eq!(one(SIMPLE, &memory).state, State::Active);
    assert!(
        memory
            .waited
            .lock()
            .unwrap()
            .contains(&Duration::from_secs(7))
    );
    let memory = FakeNetwork::listed([Ok(busy("3600")), good()]);
    let verdict = one(SIMPLE, &memory);
    assert_eq!((verdict.state, memory.sent().len()), (State::Unknown, 1));
    assert!(verdict.reason.contains("rate limited"), "{verdict:?}");
    let memory = FakeNetwork::of(move |_| Ok(answer(429, "")));
    assert!(one(SIMPLE, &memory).reason.contains("rate limited"));
    assert_eq!(memory.sent().len(), 3);
    let memory = FakeNetwork::of(|_| Ok(answer(500, "")));
    let verdict = one(SIMPLE, &memory);
    assert!(verdict.reason.contains("status 500"), "{verdict:?}");
    assert_eq!(memory.sent().len(), 3);
}

#[test]
fn each_distinct_secret_is_asked_once_and_a_host_that_fails_is_given_up() {
    let requests = of_rule(SIMPLE);
    let secrets: Vec<String> = (0..8).map(|n| format!("xtok_abcdefg{n}")).collect();
    let twice = secrets.iter().chain(&secrets);
    let asked: Vec<_> = twice
        .zip(0..)
        .map(|(secret, n)| Question {
            fingerprint: Fingerprint::new(&[n], "x-token", &Secret::new(secret.as_bytes())),
            ..question("x-token", secret.as_bytes(), &[])
        })
        .collect();
    let memory = FakeNetwork::of(|_| Ok(answer(401, "")));
    let verdicts = ask(&requests, &memory, &asked);
    assert_eq!((verdicts.len(), memory.sent().len()), (16, 8));
    let memory = FakeNetwork::of(|_| Err(Trouble::Failed("no answer".to_owned())));
    let verdicts = ask(&requests, &memory, &asked);
    assert_eq!(memory.sent().len(), 3);
    let given_up = verdicts
        .iter()
        .filter(|v| v.reason.contains("three times in a row"));
    assert_eq!(given_up.count(), 10);
}

#[test]
fn limits_and_interruptions_leave_the_rest_unknown() {
    let requests = of_rule(SIMPLE);
    let secrets: Vec<String> = (0..5).map(|n| format!("xtok_abcdefg{n}")).collect();
    let asked: Vec<_> = secrets
        .iter()
        .map(|s| question("x-token", s.as_bytes(), &[]))
        .collect();
    let hosts = Hosts::default();
    let memory = FakeNetwork::of(|_| Ok(answer(401, "")));
    let limits = RequestLimits {
        pause: Duration::ZERO,
        requests: 2,
        ..RequestLimits::default()
    };
    let validator = Validator::new(&requests, &hosts, &memory, limits, b"");
    let verdicts = validator.ask(asked.iter().cloned(), &mut AnswerCache::default());
    let known = verdicts
        .values()
        .filter(|v| v.state == State::Inactive)
        .count();
    assert_eq!((known, memory.sent().len(), validator.sent()), (2, 2, 2));
    let mut memory = FakeNetwork::of(|_| Ok(answer(401, "")));
    memory.patience = 3;
    let verdicts = ask(&requests, &memory, &asked);
    let known = verdicts
        .iter()
        .filter(|v| v.state == State::Inactive)
        .count();
    assert_eq!(known, 3, "what is known is kept");
    assert!(verdicts.iter().any(|v| v.reason.contains("interrupted")));
}

#[test]
fn kept_answers_hold_no_secret_and_are_used_until_they_are_old() {
    let requests = of_rule(SIMPLE);
    let asked = [question("x-token", b"xtok_abcdefgh", &[])];
    let hosts = Hosts::default();
    let memory = FakeNetwork::of(|_| Ok(answer(200, r#"{"login":"ada"}"#)));
    let validator = Validator::new(&requests, &hosts, &memory, RequestLimits::default(), b"key");
    let mut kept = AnswerCache::default();
    validator.ask(asked.iter().cloned(), &mut kept);
    let bytes = kept.write();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(!text.contains("xtok") && !text.contains("ada"), "{text}");
    let mut kept = AnswerCache::read(&bytes);
    let verdicts = validator.ask(asked.iter().cloned(), &mut kept);
    let verdict = verdicts.values().next().unwrap();
    assert_eq!((verdict.state, memory.sent().len()), (State::Active, 1));
    assert!(verdict.reason.contains("kept"), "{verdict:?}");
    let other = Validator::new(
        &requests,
        &hosts,
        &memory,
        RequestLimits::default(),
        b"other",
    );
    other.ask(asked.iter().cloned(), &mut kept);
    assert_eq!(memory.sent().len(), 2, "another key finds nothing");
    kept.expire(1_700_000_001, 1_700_000_002);
    validator.ask(asked.iter().cloned(), &mut kept);
    assert_eq!(memory.sent().len(), 3, "old answers are asked for again");
    assert_eq!(
        AnswerCache::read(b"{\"version\":9}"),
        AnswerCache::default()
    );
}

#[test]
fn a_value_cannot_leave_its_place() {
    for (secret, is_sent) in [
        (&b"xtok_\r\nHost: evil.example"[..], false),
        (b"xtok_\xff", false),
        (b"xtok_abc", true),
    ] {
        let requests = of_rule(SIMPLE);
        let memory = FakeNetwork::of(|_| Ok(answer(401, "")));
        let verdict = ask(&requests, &memory, &[question("x-token", secret, &[])]).remove(0);
        assert_eq!(!memory.sent().is_empty(), is_sent, "{verdict:?}");
    }
    let host = "url = \"https://{secret|after=-}.example.com/a\"\nactive = ['status 200']\n";
    for (secret, is_sent) in [
        (&b"xtok-us1"[..], true),
        (b"xtok-evil.org/", false),
        (b"xtok-evil.org#", false),
        (b"xtok-a@b", false),
        (b"xtok", false),
    ] {
        let requests = of_rule(host);
        let memory = FakeNetwork::of(|_| Ok(answer(200, "")));
        ask(&requests, &memory, &[question("x-token", secret, &[])]);
        let sent = memory.sent();
        assert_eq!(!sent.is_empty(), is_sent, "{}", secret.escape_ascii());
        assert!(
            sent.iter()
                .all(|request| request.endpoint.host.ends_with(".example.com"))
        );
    }
    let path = "url = 'https://a.example.com/bot{secret|path}/me'\nactive = ['status 200']\n";
    let requests = of_rule(path);
    let memory = FakeNetwork::of(|_| Ok(answer(200, "")));
    ask(
        &requests,
        &memory,
        &[question("x-token", b"1:a/../../b?c#d", &[])],
    );
    assert!(memory.sent().is_empty(), "a path stays below its place");
    ask(&requests, &memory, &[question("x-token", b"1:a?c#d", &[])]);
    assert_eq!(memory.sent()[0].target, "/bot1:a%3Fc%23d/me");
}

#[test]
fn a_second_step_uses_what_the_first_one_took() {
    let steps = "url = 'https://a.example.com/verify'\nheaders = ['Authorization: Bearer {secret}']\n\
        active = ['status 200']\ninactive = ['status 401']\ntake = ['id = /result/id']\n\n[rule.validate.also]\n\
        method = 'DELETE'\nurl = 'https://a.example.com/tokens/{id}'\nactive = ['status 204']\n";
    let first = || Ok(answer(200, r#"{"result":{"id":"a/b"}}"#));
    let memory = FakeNetwork::listed([first(), Ok(answer(204, ""))]);
    assert_eq!(one(steps, &memory).state, State::Active);
    assert_eq!(memory.sent()[1].target, "/tokens/a%2Fb");
    let memory = FakeNetwork::listed([Ok(answer(401, ""))]);
    assert_eq!(one(steps, &memory).state, State::Inactive);
    assert_eq!(memory.sent().len(), 1);
    let memory = FakeNetwork::listed([Ok(answer(200, "{}"))]);
    let verdict = one(steps, &memory);
    assert_eq!(verdict.state, State::Unknown, "{verdict:?}");
}

/// Makes an answer that meets a condition, if possible.
fn meeting(condition: &Condition) -> Answer {
    let mut made = answer(200, "");
    let mut json = serde_json::Value::Null;
    for clause in &condition.clauses {
        match clause {
            Clause::Status(codes) => made.status = codes[0],
            Clause::Json { pointer, values } => {
                let value = values.first().map_or("some-value", String::as_str);
                let value = match value {
                    "true" | "false" | "0" | "1" | "190" | "200" => {
                        serde_json::from_str(value).unwrap()
                    }
                    other if other.bytes().all(|b| b.is_ascii_digit()) => {
                        serde_json::from_str(other).unwrap()
                    }
                    other => serde_json::Value::from(other),
                };
                put(&mut json, pointer, value);
            }
            Clause::Header { name, values } => {
                let value = values.first().map_or("value", String::as_str);
                made = with_header(made, name, value);
            }
            Clause::Has(text) => made.body.extend_from_slice(text.as_bytes()),
            Clause::Lacks(_) => {}
        }
    }
    if !json.is_null() {
        let text = json.to_string();
        // Other text that must be in the body gets a separate field.
        let words = String::from_utf8(std::mem::take(&mut made.body)).unwrap();
        made.body = match (words.is_empty(), text.strip_suffix('}')) {
            (false, Some(open)) => {
                format!("{open},\"words\":{}}}", serde_json::Value::from(words)).into_bytes()
            }
            _ => text.into_bytes(),
        };
    }
    made
}

fn put(json: &mut serde_json::Value, pointer: &[String], value: serde_json::Value) {
    let Some((first, rest)) = pointer.split_first() else {
        *json = value;
        return;
    };
    if first == "*" || first == "0" {
        if !json.is_array() {
            *json = serde_json::Value::Array(vec![serde_json::Value::Null]);
        }
        put(&mut json[0], rest, value);
    } else {
        if !json.is_object() {
            *json = serde_json::Value::Object(serde_json::Map::default());
        }
        put(&mut json[first.as_str()], rest, value);
    }
}

fn parts_of(step: &RequestStep) -> Vec<String> {
    use crate::rule::request::Piece;
    let headers = step.headers.iter().map(|(_, value)| value);
    let pieces = headers
        .chain([&step.url])
        .chain(&step.body)
        .flat_map(|t| &t.pieces);
    let terms = pieces.filter_map(|piece| match piece {
        Piece::Value { terms, .. } => Some(terms),
        Piece::Text(_) => None,
    });
    let names = terms.flatten().filter_map(|term| match term {
        Term::Part(name) => Some(name.clone()),
        _ => None,
    });
    names.collect()
}

const VALUE: &[u8] = b"hooks.slack.com/.com/0123456789abcdef-us1";

/// Returns the verdict about a synthetic secret of a built-in rule, and the requests.
fn verdict_of(
    requests: &Requests,
    id: &str,
    issuer: &Issuer,
    reply: Answer,
) -> (Verdict, Vec<Request>) {
    let step = &issuer.validate.as_ref().unwrap().steps[0];
    let mut names = parts_of(step);
    names.extend(["aws-access-key-id", "google-service-account-email"].map(str::to_owned));
    let parts: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b"part-1"[..])).collect();
    let named = [format!(
        "{}=issuer.example.com",
        id.split('-').next().unwrap()
    )];
    let needs_host = step.url.text.starts_with("https://{host}");
    let hosts = Hosts::parse(if needs_host { &named } else { &[] }).unwrap();
    let memory = FakeNetwork::of(move |_| Ok(reply.clone()));
    let limits = RequestLimits {
        pause: Duration::ZERO,
        ..RequestLimits::default()
    };
    let secret = match id {
        "private-key" => &b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="[..],
        _ => VALUE,
    };
    let asked = question(id, secret, &parts);
    let validator = Validator::new(requests, &hosts, &memory, limits, b"");
    let verdicts = validator.ask([asked.clone()], &mut AnswerCache::default());
    (verdicts[&asked.fingerprint].clone(), memory.sent())
}

#[test]
fn every_built_in_request_maps_every_kind_of_answer() {
    let requests = rule::builtin_requests().unwrap();
    let (mut asked, mut wrong) = (0, Vec::new());
    for (id, issuer) in &requests.rules {
        let Some(inquiry) = &issuer.validate else {
            continue;
        };
        let Some(step) = inquiry.steps.first() else {
            continue;
        };
        asked += 1;
        let mut check = |reply: Answer, state: State, what: &str| {
            let (verdict, sent) = verdict_of(&requests, id, issuer, reply);
            if verdict.state != state {
                wrong.push(format!("{id}: {what}: {verdict:?}"));
            }
            let hosts: std::collections::BTreeSet<_> = sent
                .iter()
                .map(|request| request.endpoint.host.clone())
                .collect();
            assert_eq!(hosts.len(), 1, "{id} asks one host: {hosts:?}, {verdict:?}");
        };
        for condition in &step.active {
            check(meeting(condition), State::Active, &condition.text);
        }
        for condition in &step.inactive {
            check(meeting(condition), State::Inactive, &condition.text);
        }
        for status in [302, 418, 500] {
            check(
                answer(status, "no such thing"),
                State::Unknown,
                &format!("status {status}"),
            );
        }
        check(
            answer(200, "<html>sign in</html>"),
            State::Unknown,
            "a page",
        );
    }
    assert!(asked >= 400, "{asked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_part_or_host_that_is_missing_is_named_and_nothing_is_sent() {
    let requests = rule::builtin_requests().unwrap();
    for (id, wanted) in [
        (
            "paypal-client-secret",
            "no paypal client id was found near it",
        ),
        (
            "aws-secret-access-key",
            "no aws access key id was found near it",
        ),
        (
            "private-key",
            "no google service account email was found near it",
        ),
        (
            "jenkins-api-token",
            "'--validate-host jenkins=HOST' names it",
        ),
        ("postgres-url-password", "cannot be read from the line"),
        ("generic-password", "no way to ask"),
    ] {
        let memory = FakeNetwork::of(|_| Ok(answer(200, "{}")));
        let verdict = ask(
            &requests,
            &memory,
            &[question(id, b"0123456789abcdef", &[])],
        )
        .remove(0);
        assert_eq!(verdict.state, State::Unknown);
        assert!(verdict.reason.contains(wanted), "{id}: {verdict:?}");
        assert!(memory.sent().is_empty(), "{id}");
    }
}
