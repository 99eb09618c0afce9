//! The command AUTH of Redis and Valkey (RESP, "Redis serialization protocol specification").

use super::wire::{Connection, nonce, read, unexpected, write};
use super::{LoginResult, LoginTarget};
use crate::validate::State;
use crate::validate::network::Trouble;

/// Logs in.
pub(super) fn login(mut connection: Box<dyn Connection>, target: &LoginTarget) -> LoginResult {
    if target.is_encrypted {
        connection = connection.encrypt()?;
    }
    let connection = &mut *connection;
    let answer = auth(connection, &target.user, &target.password)?;
    if answer == "+OK" {
        // A user without a password accepts every password.
        let another = nonce()?;
        let answer = auth(connection, &target.user, &another)?;
        return Ok(match answer == "+OK" {
            true => (
                State::Unknown,
                "ambiguous answer: the server accepts any password".to_owned(),
            ),
            false => (State::Active, "the server accepts the login".to_owned()),
        });
    }
    let is_wrong = answer.starts_with("-WRONGPASS") || answer == "-ERR invalid password";
    Ok(match is_wrong {
        true => (
            State::Inactive,
            "the server refuses the password".to_owned(),
        ),
        false => {
            let word = answer
                .strip_prefix('-')
                .and_then(|rest| rest.split(' ').next());
            let word = word.filter(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()));
            let why = format!(
                "ambiguous answer: error {}",
                word.unwrap_or("without a name")
            );
            (State::Unknown, why)
        }
    })
}

fn auth(connection: &mut dyn Connection, user: &str, password: &str) -> Result<String, Trouble> {
    let mut words = vec!["AUTH"];
    if !user.is_empty() {
        words.push(user);
    }
    words.push(password);
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    write(connection, command.as_bytes())?;
    line(connection)
}

/// Maximum length of a line of an answer.
const MAX_LINE: usize = 512;

fn line(connection: &mut dyn Connection) -> Result<String, Trouble> {
    let mut line = Vec::new();
    while line.len() < MAX_LINE {
        match read(connection, 1)?[0] {
            b'\n' => {
                let text = String::from_utf8(line).map_err(|_| unexpected())?;
                return Ok(text.trim_end_matches('\r').to_owned());
            }
            byte => line.push(byte),
        }
    }
    Err(unexpected())
}
