//! The start of PostgreSQL's protocol 3.0 ("Frontend/Backend Protocol" in its manual).

use super::scram::Scram;
use super::wire::{Connection, read, unexpected, until_zero, write};
use super::{LoginResult, LoginTarget};
use crate::validate::State;
use crate::validate::network::Trouble;

/// Maximum number of messages.
const MAX_MESSAGES: usize = 200;

/// Logs in.
pub(super) fn login(connection: Box<dyn Connection>, target: &LoginTarget) -> LoginResult {
    let (mut connection, is_encrypted) = start(connection, target)?;
    let connection = &mut *connection;
    let mut login = Login {
        password: &target.password,
        is_encrypted,
        scram: None,
        is_asked: false,
    };
    let mut is_in = false;
    for _ in 0..MAX_MESSAGES {
        let (kind, message) = receive(connection)?;
        match (kind, message.split_first_chunk()) {
            (b'E', _) => return Ok(refused(&message, is_in && login.is_asked)),
            (b'R', Some((code, rest))) => match u32::from_be_bytes(*code) {
                0 => is_in = true,
                code => {
                    if let Some(why) = login.answer(connection, code, rest)? {
                        return Ok(unknown(why));
                    }
                }
            },
            // Ready for a query.
            (b'Z', _) if is_in => {
                send(connection, Some(b'X'), b"")?;
                return Ok(match login.is_asked {
                    true => (State::Active, "the server accepts the login".to_owned()),
                    false => unknown("ambiguous answer: the server asks for no password"),
                });
            }
            _ => {}
        }
    }
    Err(unexpected())
}

/// Switches to encryption if the server supports it, and sends the user name.
fn start(
    mut connection: Box<dyn Connection>,
    target: &LoginTarget,
) -> Result<(Box<dyn Connection>, bool), Trouble> {
    let ask = [8_u32.to_be_bytes(), 80_877_103_u32.to_be_bytes()];
    write(&mut *connection, &ask.concat())?;
    let is_encrypted = match read(&mut *connection, 1)?[0] {
        b'S' => true,
        b'N' => false,
        _ => return Err(unexpected()),
    };
    if is_encrypted {
        connection = connection.encrypt()?;
    }
    let database = match target.database.is_empty() {
        true => &target.user,
        false => &target.database,
    };
    let words = ["user", &target.user, "database", database].join("\0");
    let mut start = 196_608_u32.to_be_bytes().to_vec();
    start.extend_from_slice(words.as_bytes());
    start.extend_from_slice(b"\0\0");
    send(&mut *connection, None, &start)?;
    Ok((connection, is_encrypted))
}

/// The state of the authentication.
struct Login<'a> {
    password: &'a str,
    is_encrypted: bool,
    scram: Option<Scram>,
    /// Whether the server asked for the password.
    is_asked: bool,
}

impl Login<'_> {
    /// Answers an authentication message; the error is the reason if it cannot.
    fn answer(
        &mut self,
        connection: &mut dyn Connection,
        code: u32,
        rest: &[u8],
    ) -> Result<Option<&'static str>, Trouble> {
        match code {
            3 if self.is_encrypted => {
                self.is_asked = true;
                let password = [self.password.as_bytes(), b"\0"].concat();
                send(connection, Some(b'p'), &password)?;
            }
            3 => {
                return Ok(Some(
                    "refused: the server asks for the password without encryption",
                ));
            }
            10 if names(rest, b"SCRAM-SHA-256") => {
                self.is_asked = true;
                let begun = Scram::begin("")?;
                let first = begun.first();
                let len = u32::try_from(first.len()).map_err(|_| unexpected())?;
                let start = [b"SCRAM-SHA-256\0", &len.to_be_bytes()[..], first.as_bytes()];
                send(connection, Some(b'p'), &start.concat())?;
                self.scram = Some(begun);
            }
            11 => {
                let scram = self.scram.as_mut().ok_or_else(unexpected)?;
                let answer = scram.answer(rest, self.password)?;
                send(connection, Some(b'p'), answer.as_bytes())?;
            }
            12 if self
                .scram
                .as_ref()
                .is_some_and(|scram| scram.is_proven(rest)) => {}
            _ => {
                return Ok(Some(
                    "no way to ask: the server wants another kind of login",
                ));
            }
        }
        Ok(None)
    }
}

fn unknown(why: &str) -> (State, String) {
    (State::Unknown, why.to_owned())
}

fn names(list: &[u8], wanted: &[u8]) -> bool {
    list.split(|&byte| byte == 0).any(|name| name == wanted)
}

/// Evaluates an error by its SQLSTATE. Some errors occur only after the password was accepted.
fn refused(message: &[u8], is_in: bool) -> (State, String) {
    let mut rest = message;
    let mut state = String::new();
    while let Some((&field, tail)) = rest.split_first() {
        let Some((value, more)) = until_zero(tail) else {
            break;
        };
        if field == b'C' && value.len() == 5 && value.iter().all(u8::is_ascii_alphanumeric) {
            state = String::from_utf8_lossy(value).into_owned();
        }
        rest = more;
    }
    match state.as_str() {
        "28P01" => (
            State::Inactive,
            "the server refuses the password (28P01)".to_owned(),
        ),
        _ if is_in => (
            State::Active,
            format!("the server accepts the password ({state})"),
        ),
        _ => (State::Unknown, format!("ambiguous answer: error {state}")),
    }
}

fn send(connection: &mut dyn Connection, kind: Option<u8>, body: &[u8]) -> Result<(), Trouble> {
    let len = u32::try_from(body.len() + 4).map_err(|_| unexpected())?;
    let mut message: Vec<u8> = kind.into_iter().collect();
    message.extend_from_slice(&len.to_be_bytes());
    message.extend_from_slice(body);
    write(connection, &message)
}

fn receive(connection: &mut dyn Connection) -> Result<(u8, Vec<u8>), Trouble> {
    let head = read(connection, 5)?;
    let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let len = usize::try_from(len).ok().and_then(|len| len.checked_sub(4));
    Ok((head[0], read(connection, len.ok_or_else(unexpected)?)?))
}
