//! The delta-aware scan finds exactly what a whole scan finds, in histories made to break it: tokens
//! edited byte by byte, cut, moved, doubled across the edges of what deltas copy.

use std::sync::Mutex;

use data_encoding::{BASE64, HEXLOWER};
use unleak::detect::{Detector, HitLimits, Hits, Margin, Scratch};
use unleak::git::repository::{Overrides, Repository};
use unleak::odb::walk::{Base, Object, Visitor, walk};
use unleak::odb::{ObjectKind, ReadLimits};
use unleak::progress::Progress;
use unleak::rule::template::{Random, expand};
use unleak::rule::{self, RuleSet};

use crate::support::Repo;

/// Versions of each history.
const VERSIONS: usize = 700;

/// What both scans said about one history.
#[derive(Default)]
struct Tally {
    deltas: usize,
    matches: usize,
    inherited_wrongly: usize,
}

/// Scans every blob both ways and compares.
struct Comparer<'a> {
    detector: &'a Detector,
    scratch: Scratch,
    tally: &'a Mutex<Tally>,
}

impl Visitor for Comparer<'_> {
    type State = Hits;

    fn visit(&mut self, object: &Object<'_>, base: Option<Base<'_, Hits>>, hits: &mut Hits) {
        let mut whole = Hits::default();
        self.detector
            .scan(object.bytes, &mut self.scratch, &mut whole);
        let mut tally = self.tally.lock().unwrap();
        match base {
            None => *hits = whole,
            Some(base) => {
                tally.deltas += 1;
                let from = (base.state, base.len);
                self.detector
                    .scan_delta(object.bytes, from, base.runs, &mut self.scratch, hits);
                let same = self.detector.describe(hits) == self.detector.describe(&whole)
                    && self.detector.matches(object.bytes, hits)
                        == self.detector.matches(object.bytes, &whole);
                tally.inherited_wrongly += usize::from(!same);
            }
        }
        tally.matches += self.detector.matches(object.bytes, hits).len();
    }
}

/// One history of a file, packed as deep as git packs.
fn adversarial(seed: u64, rules: &RuleSet) -> Repo {
    let repo = Repo::init(&["--bare"]);
    let mut random = Random::new(seed);
    let tokens: Vec<Vec<u8>> = (0..80)
        .filter_map(|_| {
            let rule = random.pick(&rules.rules).clone();
            let example = rule.examples.first()?.clone();
            Some(disguise(expand(&example, &mut random).ok()?, &mut random))
        })
        .collect();
    let assigned: Vec<Vec<u8>> = (0..60).map(|_| assigned(&mut random)).collect();
    let tokens = [tokens, assigned].concat();
    let mut text: Vec<u8> = Vec::new();
    for n in 0..250 {
        text.extend_from_slice(format!("line {n} {:x}\n", random.bits()).as_bytes());
    }
    let mut stream = Vec::new();
    for version in 0..VERSIONS {
        mutate(&mut text, &tokens, &mut random);
        let header = format!(
            "commit refs/heads/main\ncommitter C <c@example.org> {} +0000\ndata 1\nx\nM 100644 inline file\ndata {}\n",
            1_600_000_000 + version,
            text.len()
        );
        stream.extend_from_slice(header.as_bytes());
        stream.extend_from_slice(&text);
        stream.push(b'\n');
    }
    repo.git_with_input(&["fast-import", "--quiet", "--force"], &stream);
    repo.git(&["repack", "-adfq", "--depth=200", "--window=30"]);
    repo
}

/// Syntaxes that decide where a value ends.
const SYNTAXES: [&str; 61] = [
    "\n\nuser,password,x\nbob,@,y\nal,second,z\n",
    "\n\n| user | password |\n|---|---|\n| a | @ |\n| b | second |\n",
    "\nCOPY a (id, password) FROM stdin;\n1\t@\n2\tsecond\n\\.\n",
    "\n\nkey;value\ndb_password;@\n",
    "\n- name: DB_PASSWORD\n  value: @\n",
    "{\"name\": \"API_TOKEN\", \"type\": \"x\", \"value\": \"@\"}",
    "{\"value\": \"@\", \"name\": \"API_TOKEN\"}",
    "<name>db.password</name>\n  <value>@</value>",
    "<stringProp name=\"n.name\">password</stringProp><stringProp name=\"n.value\">@</stringProp>",
    "\nvariable \"db_password\" {\n  type = string\n  default = \"@\"\n}\n",
    "\"db_password\": {\"sensitive\": true, \"value\": \"@\"}",
    "api_keys: [\"@\", \"second\"]\n",
    "\nsecrets:\n  stripe: @\n  other: \"@\"\n",
    "credentials = {user: \"x\", stripe: \"@\"}",
    "\npasswords:\n- @\n- second\n",
    "\npassword:\n    @\n",
    "\npassword: |\n    @\n",
    "<password>\n   @\n</password>",
    "var token string = \"@\"",
    "char password[] = \"@\";",
    "public string DbPassword { get; set; } = \"@\";",
    "token = os.environ.get(\"TOKEN\") or \"@\"",
    "password = Some(\"@\")",
    "login(\"user\", \"@\")",
    "mysqli_connect('host', 'user', '@', 'db')",
    "auth=(\"user\", \"@\")",
    "\ncurl -X POST \\\n  -u 'user:@' https://x\n",
    "\nkind: Secret\nstringData:\n  one: @\n",
    "\nDB_PASSWORD=@\n",
    "\nexport API_TOKEN=@ # note\n",
    "\n  password: @\n",
    "\npassword = @ and more\n",
    "{user: x, password: @, port: 1}",
    "\nPASSWORD: ${DB_PASSWORD:-@}\n",
    " --db-password=@ --verbose",
    "?user=x&password=@&y=1",
    "client_secret = \"@\"",
    "add_argument(\"--password\", type=str, default=\"@\")",
    "Flags().StringVarP(&p, \"password\", \"p\", \"@\", \"x\")",
    "<td>Password</td>\n <td><code>@</code></td>",
    "<b>password</b>: @\n",
    "\n? password\n: @\n",
    "\npassword:\n  - @\n  - \"@\"\n",
    "{token, <<\"@\">>}.",
    "\\password{@}",
    "\n- name: API_KEY\n  value: @\n",
    "\nTOKEN: ${{ @ }}\n",
    "password = cmp.Or(os.Getenv(\"PW\"), \"@\")",
    "x = a.getenv(\"PASSWORD\").orElse(\"@\")",
    "\n-password = \"@\"\n",
    "Credentials(\"r\", \"h\", \"u\", \"@\")",
    "fill_in 'password', with: '@'",
    "secret{\"@\"}",
    "user = \"bob:@\"",
    "{\\\"password\\\": \\\"@\\\"}",
    "<password>@</password>",
    "\nsshpass -p '@' ssh host\n",
    "\ncurl -d \"{\n  \\\"env\\\": \\\"DB_PASSWORD=@\\\"\n}\"\n",
    "\nbash -c '\n  x --password=@'\n",
    "\ndocker login -u x -p $(aws @ y) h\n",
    "\nRun x --password @, then y.\n",
];

/// A value of any printable characters, short or longer than the near window, in one of the syntaxes
/// that decide where it ends.
fn assigned(random: &mut Random) -> Vec<u8> {
    let len = [8, 16, 30, 300, 700, 3000][random.below(6)];
    let value: String = (0..len)
        .map(|_| char::from(b'!' + u8::try_from(random.below(94)).unwrap()))
        .collect();
    random.pick(&SYNTAXES).replace('@', &value).into_bytes()
}

/// Encodes every other token in one of the ways that are opened.
fn disguise(token: String, random: &mut Random) -> Vec<u8> {
    let each = |write: &dyn Fn(u8) -> String| -> Vec<u8> {
        token.bytes().map(write).collect::<String>().into_bytes()
    };
    let joint = ["\" + \"", "'\n    '", "\" \"", "\\\n  "][random.below(4)];
    match random.below(17) {
        0 | 1 => BASE64
            .encode(format!("key: {token}\n").as_bytes())
            .into_bytes(),
        2 => {
            let text = format!("{}key: {token}\n", "some = other\n".repeat(12));
            let lines = BASE64.encode(text.as_bytes()).into_bytes();
            lines.chunks(64).collect::<Vec<_>>().join(&b"\n  "[..])
        }
        3 => HEXLOWER.encode(token.as_bytes()).into_bytes(),
        4 => each(&|byte| format!("%{byte:02x}")),
        5 => each(&|byte| format!("\\u{byte:04x}")),
        6 => token.bytes().flat_map(|byte| [byte, 0]).collect(),
        7 => each(&|byte| format!("\\{byte:03o}")),
        8 => data_encoding::BASE32.encode(token.as_bytes()).into_bytes(),
        9 => each(&|byte| format!("'{}',", char::from(byte))),
        10..=13 => {
            let len = 1 + random.below(12);
            let pieces: Vec<&[u8]> = token.as_bytes().chunks(len).collect();
            [&b"k = \""[..], &pieces.join(joint.as_bytes()), b"\";"].concat()
        }
        _ => token.into_bytes(),
    }
}

fn mutate(text: &mut Vec<u8>, tokens: &[Vec<u8>], random: &mut Random) {
    for _ in 0..1 + random.below(3) {
        let at = random.below(text.len());
        let len = random.below(60).min(text.len() - at);
        match random.below(7) {
            0 | 1 => {
                let token = random.pick(tokens);
                let cut = token.len() - random.below(3).min(token.len());
                text.splice(at..at, token[..cut].iter().copied());
            }
            2 => text[at] = *random.pick(b"aZ0_-=\"' \n."),
            3 => drop(text.drain(at..at + len)),
            4 => {
                let moved: Vec<u8> = text.drain(at..at + len).collect();
                let to = random.below(text.len());
                text.splice(to..to, moved);
            }
            5 => {
                let doubled = text[at..at + len].to_vec();
                let to = random.below(text.len());
                text.splice(to..to, doubled);
            }
            _ => text.insert(at, *random.pick(b"aZ0_ \n\"")),
        }
    }
    if text.len() > 40_000 {
        text.drain(..20_000);
    } else if text.len() < 4_000 {
        let all = text.clone();
        text.extend_from_slice(&all);
    }
}

fn compare(repo: &Repo, detector: &Detector) -> Tally {
    let opened = Repository::discover(repo.path(), &Overrides::default()).unwrap();
    let store = opened
        .open_store(&Overrides::default(), ReadLimits::default())
        .unwrap();
    let tally = Mutex::default();
    let make = || Comparer {
        detector,
        scratch: Scratch::default(),
        tally: &tally,
    };
    walk(&store, &[ObjectKind::Blob], &Progress::default(), &make);
    tally.into_inner().unwrap()
}

#[test]
fn delta_aware_equals_whole_and_broken_margins_are_noticed() {
    let rules = rule::builtin_with_proofs().unwrap();
    let exact = Detector::compile(rules.clone()).unwrap();
    let broken = Detector::compile(rules.clone())
        .unwrap()
        .with_margin(Margin::Broken);
    let histories: Vec<Repo> = (0..4).map(|seed| adversarial(seed, &rules)).collect();
    for (seed, repo) in histories.iter().enumerate() {
        let tally = compare(repo, &exact);
        assert!(
            tally.deltas > VERSIONS / 2,
            "seed {seed}: the history is packed as {} deltas",
            tally.deltas
        );
        assert!(
            tally.matches > VERSIONS,
            "seed {seed}: there are {} secrets to lose",
            tally.matches
        );
        assert_eq!(
            tally.inherited_wrongly, 0,
            "seed {seed}: both scans agree on every blob"
        );
        let tally = compare(repo, &broken);
        assert!(
            tally.inherited_wrongly > 0,
            "seed {seed}: this test notices margins that are too small"
        );
    }
}

/// Scans every blob with a detector that keeps few hits, and compares with one that keeps all.
struct Sparing<'a> {
    sparing: &'a Detector,
    whole: &'a Detector,
    scratch: Scratch,
    tally: &'a Mutex<Tally>,
}

impl Visitor for Sparing<'_> {
    type State = Hits;

    fn visit(&mut self, object: &Object<'_>, base: Option<Base<'_, Hits>>, hits: &mut Hits) {
        let (bytes, scratch) = (object.bytes, &mut self.scratch);
        let mut whole = Hits::default();
        self.whole.scan(bytes, scratch, &mut whole);
        match base {
            None => self.sparing.scan(bytes, scratch, hits),
            Some(base) => {
                let from = (base.state, base.len);
                self.sparing
                    .scan_delta(bytes, from, base.runs, scratch, hits);
            }
        }
        let found = self.sparing.matches(bytes, hits);
        hits.trim();
        let mut tally = self.tally.lock().unwrap();
        tally.matches += found.len();
        tally.inherited_wrongly += usize::from(found != self.whole.matches(bytes, &whole));
    }
}

#[test]
fn a_base_of_which_not_all_is_kept_does_not_spoil_its_deltas() {
    let rules = rule::builtin_with_proofs().unwrap();
    let whole = Detector::compile(rules.clone()).unwrap();
    let repo = adversarial(7, &rules);
    let opened = Repository::discover(repo.path(), &Overrides::default()).unwrap();
    let store = opened
        .open_store(&Overrides::default(), ReadLimits::default())
        .unwrap();
    // Around as many as the versions have: some are kept whole, and some are not.
    for most in [0, 60, 120, 200, 300] {
        let sparing = Detector::compile(rules.clone()).unwrap();
        let sparing = sparing.with_hit_limits(HitLimits {
            most_kept: most,
            most_found: usize::MAX,
        });
        let tally = Mutex::default();
        let make = || Sparing {
            sparing: &sparing,
            whole: &whole,
            scratch: Scratch::default(),
            tally: &tally,
        };
        walk(&store, &[ObjectKind::Blob], &Progress::default(), &make);
        let tally = tally.into_inner().unwrap();
        assert!(
            tally.matches > VERSIONS,
            "{} secrets to lose",
            tally.matches
        );
        assert_eq!(tally.inherited_wrongly, 0, "at most {most} are kept");
    }
}

#[test]
fn the_report_is_the_same_with_and_without_deltas_and_on_any_number_of_threads() {
    let repo = adversarial(99, &rule::builtin_with_proofs().unwrap());
    let reference = repo.scan(&["--no-delta", "--threads", "1", "--min-confidence", "low"]);
    assert_eq!(reference.code, 1);
    for options in [
        &["--threads", "1"][..],
        &["--threads", "2"],
        &["--threads", "5", "--no-delta"],
    ] {
        let mut options = options.to_vec();
        options.extend(["--min-confidence", "low"]);
        assert!(repo.scan(&options).bytes == reference.bytes, "{options:?}");
    }
}
