//! What went wrong in gix, for people: its errors are trees of messages for programmers.

use gix::error::Message;

use crate::error::quoted;

/// Returns the cause closest to the fault in one line, without the names and values of gix's types.
pub(crate) fn reason(error: impl Into<gix::Error>) -> String {
    let error = error.into();
    if let Some(key) = error.iter_errors().find_map(key) {
        // What stands between the first dot and the last can be an address with a password.
        let section = key.split('.').next().unwrap_or_default();
        let field = key.rsplit('.').next().unwrap_or_default();
        let key = quoted(&format!("{section}.{field}"));
        return format!("the value of {key} in its file 'config' is not valid, or not supported");
    }
    let said = error.iter_errors().filter_map(words);
    // The last is the deepest.
    said.last()
        .unwrap_or_else(|| "it cannot be understood".to_owned())
}

/// The line of a configuration file that cannot be parsed, if that is what went wrong.
pub(crate) fn config_line(error: &gix::Error) -> Option<usize> {
    let parse = error.downcast_any_ref::<gix::config::parse::Error>()?;
    Some(parse.line_number())
}

/// The setting that an error is about.
fn key(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let message = error.downcast_ref::<Message>()?;
    let key = message.values.get("key")?.to_string();
    Some(key.trim_matches('"').to_owned())
}

fn words(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(message) = error.downcast_ref::<Message>() {
        // Its values are left out: they can be any bytes of the repository.
        return Some(message.message.to_string());
    }
    error
        .downcast_ref::<std::io::Error>()
        .map(ToString::to_string)
}
