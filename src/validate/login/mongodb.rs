//! The login of MongoDB: `saslStart` and `saslContinue` in OP_MSG ("MongoDB Wire Protocol", "bsonspec.org").

use super::scram::Scram;
use super::wire::{Connection, MAX_MESSAGE, read, unexpected, until_zero, write};
use super::{LoginResult, LoginTarget};
use crate::validate::State;
use crate::validate::network::Trouble;

/// The code of a message.
const OP_MSG: u32 = 2013;

/// Logs in.
pub(super) fn login(mut connection: Box<dyn Connection>, target: &LoginTarget) -> LoginResult {
    if target.is_encrypted {
        connection = connection.encrypt()?;
    }
    let connection = &mut *connection;
    let mut scram = Scram::begin(&target.user)?;
    let mut start = BsonDocument::default();
    start.int32("saslStart", 1);
    start.text("mechanism", "SCRAM-SHA-256");
    start.binary("payload", scram.first().as_bytes());
    let first = match command(connection, start, &target.database)? {
        MongodbReply::Failed(code) => return Ok(refused(code)),
        MongodbReply::Done(fields) => fields,
    };
    let answer = scram.answer(&first.payload, &target.password)?;
    let mut next = BsonDocument::default();
    next.int32("saslContinue", 1);
    next.int32("conversationId", first.conversation);
    next.binary("payload", answer.as_bytes());
    let last = match command(connection, next, &target.database)? {
        MongodbReply::Failed(code) => return Ok(refused(code)),
        MongodbReply::Done(fields) => fields,
    };
    match scram.is_proven(&last.payload) {
        true => Ok((State::Active, "the server accepts the login".to_owned())),
        false => Err(unexpected()),
    }
}

fn refused(code: i32) -> (State, String) {
    match code {
        18 => (
            State::Inactive,
            "the server refuses the login (18)".to_owned(),
        ),
        code => (State::Unknown, format!("ambiguous answer: error {code}")),
    }
}

enum MongodbReply {
    Failed(i32),
    Done(ReplyFields),
}

/// The relevant fields of an answer.
#[derive(Default)]
struct ReplyFields {
    is_ok: bool,
    code: i32,
    conversation: i32,
    payload: Vec<u8>,
}

fn command(
    connection: &mut dyn Connection,
    mut document: BsonDocument,
    database: &str,
) -> Result<MongodbReply, Trouble> {
    document.text("$db", database);
    let body = document.bytes()?;
    let len = u32::try_from(body.len() + 21).map_err(|_| unexpected())?;
    let mut message = len.to_le_bytes().to_vec();
    for word in [1, 0, OP_MSG, 0] {
        message.extend_from_slice(&word.to_le_bytes());
    }
    message.push(0);
    message.extend_from_slice(&body);
    write(connection, &message)?;
    let head = read(connection, 16)?;
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let len = usize::try_from(word(0))
        .ok()
        .and_then(|len| len.checked_sub(16));
    let len = len.filter(|len| (5..=MAX_MESSAGE).contains(len) && word(12) == OP_MSG);
    let rest = read(connection, len.ok_or_else(unexpected)?)?;
    let fields = fields(&rest[5..]).ok_or_else(unexpected)?;
    Ok(match fields.is_ok {
        true => MongodbReply::Done(fields),
        false => MongodbReply::Failed(fields.code),
    })
}

/// Parses the relevant fields of a BSON document.
fn fields(bytes: &[u8]) -> Option<ReplyFields> {
    let mut fields = ReplyFields::default();
    let mut rest = bytes.get(4..)?;
    while let Some((&kind, tail)) = rest.split_first().filter(|(kind, _)| **kind != 0) {
        let (name, tail) = until_zero(tail)?;
        let int32 = |at: usize| {
            let bytes: [u8; 4] = tail.get(at..at + 4)?.try_into().ok()?;
            Some(i32::from_le_bytes(bytes))
        };
        let len = match kind {
            // Double, date, timestamp, 64 bits.
            0x01 | 0x09 | 0x11 | 0x12 => 8,
            // A string has its length, including the zero byte.
            0x02 => usize::try_from(int32(0)?).ok()?.checked_add(4)?,
            // The length of documents and arrays includes itself.
            0x03 | 0x04 => usize::try_from(int32(0)?).ok()?,
            0x05 => usize::try_from(int32(0)?).ok()?.checked_add(5)?,
            0x07 => 12,
            0x08 => 1,
            0x0a => 0,
            0x10 => 4,
            _ => return None,
        };
        let (value, tail) = tail.split_at_checked(len)?;
        match (name, kind) {
            (b"ok", 0x01) => fields.is_ok = f64::from_le_bytes(value.try_into().ok()?) == 1.0,
            (b"ok", 0x10) => fields.is_ok = value == [1, 0, 0, 0],
            (b"code", 0x10) => fields.code = i32::from_le_bytes(value.try_into().ok()?),
            (b"conversationId", 0x10) => {
                fields.conversation = i32::from_le_bytes(value.try_into().ok()?);
            }
            (b"payload", 0x05) => fields.payload = value.get(5..)?.to_vec(),
            _ => {}
        }
        rest = tail;
    }
    Some(fields)
}

/// A BSON document under construction.
#[derive(Default)]
struct BsonDocument(Vec<u8>);

impl BsonDocument {
    fn name(&mut self, kind: u8, name: &str) {
        self.0.push(kind);
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(0);
    }

    fn int32(&mut self, name: &str, value: i32) {
        self.name(0x10, name);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(0x02, name);
        self.len(value.len() + 1);
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(0);
    }

    fn binary(&mut self, name: &str, value: &[u8]) {
        self.name(0x05, name);
        self.len(value.len());
        self.0.push(0);
        self.0.extend_from_slice(value);
    }

    /// Writes a length; `bytes` refuses documents that are too long.
    fn len(&mut self, len: usize) {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&len.to_le_bytes());
    }

    fn bytes(self) -> Result<Vec<u8>, Trouble> {
        let len = u32::try_from(self.0.len() + 5).ok();
        let len = len.filter(|len| *len < 1 << 20).ok_or_else(unexpected)?;
        Ok([&len.to_le_bytes()[..], &self.0, &[0]].concat())
    }
}
