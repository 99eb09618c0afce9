//! Where a file is wrong, in words that repeat nothing of it: what stands in a damaged file can be a secret.

/// Says where JSON is wrong, and how; never what stands there, as the error itself does.
pub fn json_fault(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Io => "it cannot be read".to_owned(),
        Category::Eof => format!("it ends too early, in line {line}"),
        Category::Syntax => format!("line {line}, column {column}: it is not JSON"),
        Category::Data => {
            format!(
                "line {line}, column {column}: a field is missing, or holds what does not belong there"
            )
        }
    }
}
