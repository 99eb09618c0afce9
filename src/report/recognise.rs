//! Decides whether a value is recognisable: so long and random that the same bytes in another place
//! must be this value, and not a common word that is also a password.
//!
//! Only recognisable values are searched for in the text of a report. The password `postgres` must
//! not change the path `src/postgres/env`; but a token of forty random characters in a path is this
//! token.
//!
//! The measure is a likelihood ratio: the frequency of character pairs in names, compared with
//! random characters of the same classes. `benches/names.py` counted the tables in 25,543 words of
//! 82,279 names of files, refs and authors (trivy, babel, git, gitoxide, trufflehog). With tables
//! from one half, 1.2 % of the names and name parts in the other half are random; nearly all of
//! these contain a digest or a generated user name. Of random base62 values, 3.4 % with 8
//! characters, 0.5 % with 12 and none with 20 are names; 0.5 % of values of 16 hexadecimal digits,
//! and 0.5 % of values of 20 lower-case letters.
//!
//! Values with an extension, or of lower-case letters and digits between dashes, are nearly always
//! names, so that they must be more random. Of 40,000 names of installed files, 0.8 % are then
//! random instead of 4.1 %; half of these are digests.

use crate::detect::entropy::is_monotonous;

/// Shorter values are never recognised.
const MIN_LEN: usize = 8;

/// Shorter values of digits and letters of one case are never recognised.
const MIN_LEN_OF_ONE_CASE: usize = 12;

/// Shorter values of only one kind of character are words or numbers.
const MIN_LEN_OF_ONE_KIND: usize = 16;

/// The maximum number of characters per letter: versions, dates and numbers are no secrets.
const MAX_PER_LETTER: usize = 8;

/// Log-likelihood, in nats, below which a value is random.
const RANDOM: f32 = -4.0;

/// The same for names of files and programs, such as `slf4j-api.jar` and `llvm-addr2line`. Names
/// that are digests are far below it.
const RANDOM_IN_NAME: f32 = -12.0;

/// Maximum length of an extension.
const MAX_EXTENSION: usize = 5;

/// Longer values are no names of projects.
const MAX_NAME_LEN: usize = 20;

/// Separators of the words of a name.
const SEPARATORS: &[u8] = b"._-/@ +";
const MIN_PART: usize = 4;

/// Minimum number of consecutive capitals of an abbreviation, which count as lower-case letters.
const MIN_CAPITALS: usize = 3;
/// Minimum number of lower-case letters after a capital that begins a word, as in `getUserName`.
/// The capital counts as a lower-case letter, and the character before it as the end of a word.
const MIN_WORD: usize = 3;

/// The likelihood of each letter after each letter in a name, compared with chance: `i` is equal,
/// and each step is half a nat.
const FOLLOWS: [&[u8; 26]; 26] = [
    b"fhiiffhgifhkjleibkjkhhfehf",
    b"lgfgleehkhikffkeajifjcdbhc",
    b"kehekdelickjfdlfbjhjhdcbfe",
    b"kgghmgfhlefhgfkgajihidfdge",
    b"ihijhhgfhdgjikghelkjfhghhe",
    b"kffekjddlddjfeldbjhijdecha",
    b"kggemehjkddigijfdjigjdfcfd",
    b"meffldeekcfghhkfdigijdfbhd",
    b"igjijhiddehjiljhdijkehcfeg",
    b"lhhglfegkffggglhegkfjdgeea",
    b"lgegmfgildghfgkgbijgjdfchc",
    b"lggilfefldfkgekfaeiiifebid",
    b"mihgleeekefgifkjafhfiddbgc",
    b"kgjkkhkgjfhggijfcfjkggfdgf",
    b"ghiigghfgehjjliibljijihffe",
    b"lfgglfeijafjfekjbkhiiddaga",
    b"hefgebbekdbigegbffigogeefb",
    b"lfhilehekchghhkgbijjigeahd",
    b"jfjfkgekkchggfjidfjliefdhe",
    b"kfiflfgjkceggekgajiihdgchf",
    b"iiiijghfidhkjkfibkkkdedfff",
    b"mcfemaedlcefffjeafhfgfccfc",
    b"lefglfeileegfikdajiggaddfc",
    b"jgihjgdgkhdhigilcehlidfhhf",
    b"lhihjgggidgjijjjahkijfgfff",
    b"lfgfmcejkcgghfjdbghfiefcii",
];

/// Natural logarithm of the frequency of each class of characters after each class: lower-case
/// letters, capitals, digits, others.
const KIND_FOLLOWS: [[f32; 4]; 4] = [
    [-0.17, -4.89, -4.28, -2.02],
    [-0.24, -1.86, -4.87, -3.03],
    [-4.40, -7.37, -0.32, -1.34],
    [-0.21, -3.10, -2.11, -3.67],
];

/// Returns whether the same bytes elsewhere must be this value again.
pub(super) fn is_recognisable(value: &[u8]) -> bool {
    let is_text = !value.iter().any(u8::is_ascii_control);
    if value.len() < MIN_LEN || !is_text || is_monotonous(value) {
        return false;
    }
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic());
    if letters.count() * MAX_PER_LETTER < value.len() {
        return false;
    }
    // Names can look like `k8sproxy` or `utf8mb4x`.
    let has_upper = value.iter().any(u8::is_ascii_uppercase);
    let has_lower = value.iter().any(u8::is_ascii_lowercase);
    let is_of_one_case = !(has_upper && has_lower) && value.iter().all(u8::is_ascii_alphanumeric);
    if is_of_one_case && value.len() < MIN_LEN_OF_ONE_CASE {
        return false;
    }
    let first = kind(value[0]);
    let is_of_one_kind = value.iter().all(|&byte| kind(byte) == first);
    if is_of_one_kind && value.len() < MIN_LEN_OF_ONE_KIND {
        return false;
    }
    let is_name = has_extension(value) || is_dashed(value);
    likelihood(value) < if is_name { RANDOM_IN_NAME } else { RANDOM }
}

/// Returns whether a part of a name of a file or ref must be this value, and no name of its own such as
/// `NextJS13App`: somebody may take the name of a project as a password.
pub(super) fn is_recognisable_in_name(value: &[u8]) -> bool {
    is_recognisable(value) && (likelihood(value) < RANDOM_IN_NAME || !is_of_words(value))
}

/// Returns whether its runs of letters and digits are as long as those of words: a capital and small letters,
/// capitals, or digits.
fn is_of_words(value: &[u8]) -> bool {
    let begins = |at: usize| {
        let (before, byte) = (kind(value[at - 1]), kind(value[at]));
        // A capital belongs to the small letters behind it.
        let is_first = byte == Some(1) && value.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        is_first || (before != byte && (before, byte) != (Some(1), Some(0)))
    };
    let runs = 1 + (1..value.len()).filter(|at| begins(*at)).count();
    let has_word = value
        .windows(MIN_WORD)
        .any(|letters| letters.iter().all(u8::is_ascii_lowercase));
    value.len() < MAX_NAME_LEN && has_word && runs * 11 <= value.len() * 4
}

/// Returns whether it ends like a file name: `x.jar`, `x.so.1.2`.
fn has_extension(value: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-+".contains(byte);
    let is_number = |part: &&[u8]| part.iter().all(u8::is_ascii_digit);
    let mut parts = value.rsplit(|&byte| byte == b'.').skip_while(is_number);
    let extension = parts.next().unwrap_or_default();
    let is_extension = (1..=MAX_EXTENSION).contains(&extension.len())
        && extension.iter().all(u8::is_ascii_lowercase);
    is_extension && parts.next().is_some_and(|stem| !stem.is_empty()) && value.iter().all(is_name)
}

/// Returns whether it consists of lower-case letters and digits between dashes or dots, as in
/// names. Generators that use these characters also use capitals.
fn is_dashed(value: &[u8]) -> bool {
    let is_dash = |byte: &u8| b"._-+".contains(byte);
    let is_name = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || is_dash(byte);
    let has_digit = value.iter().any(u8::is_ascii_digit);
    has_digit && value.iter().any(is_dash) && value.iter().all(is_name)
}

/// Returns the log-likelihood ratio of a name to random characters, in nats.
fn likelihood(value: &[u8]) -> f32 {
    let is_separator = |byte: &u8| SEPARATORS.contains(byte);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || is_separator(byte);
    // A password may contain any character.
    if !value.iter().all(is_name) {
        return likelihood_of_part(value);
    }
    let parts = value.split(is_separator);
    let parts = parts.filter(|part| part.len() >= MIN_PART);
    parts.map(likelihood_of_part).sum()
}

fn likelihood_of_part(part: &[u8]) -> f32 {
    let kinds = kinds(part);
    let mut shares = [0f32; 4];
    for &kind in kinds.iter().flatten() {
        shares[kind] += 1.0 / part.len() as f32;
    }
    let mut letters = part.iter().filter(|byte| byte.is_ascii_alphabetic());
    // Hexadecimal digits have only six letters.
    let is_hex = letters.all(u8::is_ascii_hexdigit);
    let by_chance = if is_hex { (26f32 / 6.0).ln() } else { 0.0 };
    let (mut of_kinds, mut of_letters) = (0.0, 0.0);
    let pairs = (1..).zip(part.windows(2).zip(kinds.windows(2)));
    for (at, (bytes, kinds)) in pairs {
        // Characters outside ASCII are ignored, because generators do not use them.
        let (Some(before), Some(after)) = (kinds[0], kinds[1]) else {
            continue;
        };
        of_kinds += KIND_FOLLOWS[before][after] - shares[after].ln();
        if let (Some(before), Some(after)) = (letter(bytes[0]), letter(bytes[1]))
            && !begins_word(part, at)
        {
            let steps = f32::from(FOLLOWS[before][after]) - f32::from(b'i');
            of_letters += steps / 2.0 - by_chance;
        }
    }
    // Consecutive capitals alone do not make random letters a name.
    of_letters + of_kinds.min(0.0)
}

/// Returns the classes of all characters; `None` outside ASCII.
fn kinds(part: &[u8]) -> Vec<Option<usize>> {
    let mut kinds: Vec<_> = part.iter().map(|&byte| kind(byte)).collect();
    let mut start = 0;
    for at in 0..=part.len() {
        if part.get(at).is_some_and(u8::is_ascii_uppercase) {
            continue;
        }
        let is_word = at > start && begins_word(part, at - 1);
        if at - start >= MIN_CAPITALS {
            kinds[start..at].fill(Some(0));
        } else if is_word {
            kinds[at - 1] = Some(0);
        }
        start = at + 1;
    }
    kinds
}

/// Returns whether a capital at `at` begins a word.
fn begins_word(part: &[u8], at: usize) -> bool {
    let word = part.get(at + 1..=at + MIN_WORD);
    part[at].is_ascii_uppercase()
        && word.is_some_and(|word| word.iter().all(u8::is_ascii_lowercase))
}

fn kind(byte: u8) -> Option<usize> {
    match byte {
        b'a'..=b'z' => Some(0),
        b'A'..=b'Z' => Some(1),
        b'0'..=b'9' => Some(2),
        byte if byte.is_ascii() => Some(3),
        _ => None,
    }
}

fn letter(byte: u8) -> Option<usize> {
    let letter = byte.to_ascii_lowercase();
    letter
        .is_ascii_lowercase()
        .then(|| usize::from(letter - b'a'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::template::{Random, expand};

    #[test]
    fn words_numbers_and_names_are_not_recognised() {
        for text in [
            "",
            "postgres",
            "config",
            "main",
            "user",
            "admin",
            "password",
            "changeme",
            "correcthorsebatterystaple",
            "correct horse battery staple",
            "1234567890123456",
            "2020-01-01T00:00:00Z",
            "192.168.100.200",
            "v2.54.0-rc1",
            "gix-features-v0.38.1",
            "refs/heads/feature/login-page",
            "POSTGRES_PASSWORD",
            "DEVELOPMENT.md",
            "getUserNameById",
            "updateUserColumnWidthPref",
            "CloudWatchLogsLogGroupArn",
            "NoNewLineAtEndOfFile",
            "docker-compose.override.yml",
            "x86_64-unknown-linux-musl",
            "ada.author@example.org",
            "Егор Халимоненко",
            "xxxxxxxxxxxxxxxxxxxx",
            "abcdefghijklmnopqrst",
            "jcl-over-slf4j-1.7.32.jar",
            "libXdmcp.a",
            "libgnutlsxx.so.30.0.0",
            "cp1253.ps",
            "pypy3.11-7.3.22",
            "llvm-addr2line",
            "vki-scnums-s390x-linux.h",
            "time4vps",
            "k8sproxy",
            "utf8mb4x",
            "mp3tag2wav",
            "log4j2core",
        ] {
            assert!(!is_recognisable(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn names_of_several_words_are_not_recognised_in_names() {
        for text in [
            "NextJS13App",
            "OAuth2Server",
            "Spring6Boot3Demo",
            "ReactJS18Shop",
        ] {
            assert!(!is_recognisable_in_name(text.as_bytes()), "{text}");
        }
        for (template, most_missed) in [
            ("{base62:10}", 70),
            ("{base62:12}", 70),
            ("{base62:20}", 0),
            ("{hex:32}", 4),
            ("AKIA{base32:16}", 8),
            ("{uuid}", 0),
        ] {
            let tokens = (0..1000).map(|seed| expand(template, &mut Random::new(seed)).unwrap());
            let is_missed = |token: &String| !is_recognisable_in_name(token.as_bytes());
            let missed: Vec<_> = tokens.filter(is_missed).collect();
            assert!(missed.len() <= most_missed, "{template}: {missed:?}");
        }
    }

    #[test]
    fn random_values_are_recognised() {
        for (template, most_missed) in [
            ("{base62:8}", 60),
            ("{graphic:12}", 60),
            ("{base62:12}", 15),
            ("{base62:20}", 0),
            ("{base64url:20}", 4),
            ("{hex:16}", 16),
            ("{hex:32}", 4),
            ("{lower:20}", 16),
            ("{lower:52}", 0),
            ("{base32:20}", 6),
            ("{alpha:34}", 0),
            ("ghp_{base62:30}{crc32_base62}", 0),
            ("AKIA{base32:16}", 8),
            ("{uuid}", 0),
            ("{hex:40}.{lower:3}", 0),
            ("{base62:20}.{lower:3}", 20),
            ("{lower36:6}-{lower36:6}-{lower36:6}", 20),
        ] {
            let seeds = 0..1000;
            let tokens = seeds.map(|seed| expand(template, &mut Random::new(seed)).unwrap());
            let missed: Vec<_> = tokens.filter(|t| !is_recognisable(t.as_bytes())).collect();
            assert!(missed.len() <= most_missed, "{template}: {missed:?}");
        }
    }
}
