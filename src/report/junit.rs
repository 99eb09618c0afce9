//! JUnit, for CI systems that show test results: a failed test case for each finding, and an error
//! for unread data.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::document::{Document, ReportFinding};
use super::escape::escape;
use super::location::{first_label, left_out, locations, main_label, path_note, unread};
use super::story::story;

pub(super) fn render(document: &Document) -> Vec<u8> {
    write(document).expect("memory takes it")
}

fn write(document: &Document) -> std::io::Result<Vec<u8>> {
    let findings = &document.findings;
    let problems = unread(document);
    let is_clean = findings.is_empty() && problems.is_empty();
    let count = (findings.len() + problems.len() + usize::from(is_clean)).to_string();
    let counts = [
        ("tests", count),
        ("failures", findings.len().to_string()),
        ("errors", problems.len().to_string()),
    ];
    let attributes = || counts.iter().map(|(name, count)| (*name, count.as_str()));
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let suites = writer
        .create_element("testsuites")
        .with_attributes(attributes());
    suites.write_inner_content(|writer| {
        let suite = writer
            .create_element("testsuite")
            .with_attribute(("name", "unleak"))
            .with_attributes(attributes());
        suite.write_inner_content(|writer| {
            for finding in findings {
                failure(writer, document, finding)?;
            }
            for problem in &problems {
                let case = Case::named("not-read", problem);
                let wrong = Wrong {
                    element: "error",
                    kind: "not-read",
                    message: problem,
                    text: problem,
                };
                write_case(writer, &case, Some(&wrong))?;
            }
            if is_clean {
                let name = match left_out(document) {
                    Some(left_out) if document.coverage.filtered == 0 => {
                        format!("no secrets: {left_out}")
                    }
                    Some(left_out) => format!("no secrets that were asked for: {left_out}"),
                    None => "no secrets, and everything was read".to_owned(),
                };
                let case = Case::named("unleak", &name);
                write_case(writer, &case, None)?;
            } else if let Some(left_out) = left_out(document) {
                let said = BytesText::new(&left_out);
                writer
                    .create_element("system-out")
                    .write_text_content(said)?;
            }
            Ok(())
        })?;
        Ok(())
    })?;
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes the test case of a finding.
fn failure(
    writer: &mut Writer<Vec<u8>>,
    document: &Document,
    finding: &ReportFinding,
) -> std::io::Result<()> {
    let label = first_label(finding);
    let plain = |text: &str| escape(text.as_bytes());
    let (description, rule_id) = (plain(&finding.description), plain(&finding.rule_id));
    let page = finding.rotate.as_deref();
    let mut advice = page.map_or_else(String::new, |page| {
        format!("\nmake it useless: {}", plain(page))
    });
    if let Some(more) = &finding.advice {
        advice.push('\n');
        advice.push_str(&plain(more));
    }
    let redacted = path_note(finding, "\n");
    let state = finding.validation.as_ref();
    let state = state.map_or_else(String::new, |state| {
        let facts = [("whose", state.whose_line()), ("can do", state.can_line())];
        let facts = facts
            .into_iter()
            .filter_map(|(name, line)| Some(format!("\n{name}: {}", line?)));
        format!("\nstate: {}{}", state.sentence(), facts.collect::<String>())
    });
    let class = finding.path_class.map_or_else(String::new, |class| {
        format!("\nkind of file: {}", class.name())
    });
    let history = finding.history.as_ref();
    let history = history.filter(|_| document.head.scope.has_commits());
    let story = history.map_or_else(String::new, |history| {
        format!("\n{}", story(document, history))
    });
    let places = main_label(finding);
    let text = format!(
        "{description} {}\n{places}{story}\n{} severity, {} confidence{class}\nfingerprint {}{redacted}{state}{advice}",
        finding.secret.shown(),
        finding.severity().name(),
        finding.confidence.name(),
        finding.fingerprint
    );
    let name = format!("{label} [{}]", finding.short_id());
    let place = locations(finding).into_iter().next();
    let file = place.and_then(|place| Some((place.path?.exact_with(&[]), place.line()?)));
    let case = Case {
        class: &rule_id,
        name: &name,
        file,
    };
    // The attributes alone must show that 'file' is not exact.
    let message = description + &path_note(finding, "; ");
    let wrong = Wrong {
        element: "failure",
        kind: finding.severity().name(),
        message: &message,
        text: &text,
    };
    write_case(writer, &case, Some(&wrong))
}

/// What a test case says that did not pass.
struct Wrong<'a> {
    /// `failure` or `error`.
    element: &'a str,
    /// The severity of a finding.
    kind: &'a str,
    message: &'a str,
    text: &'a str,
}

/// A test case.
struct Case<'a> {
    class: &'a str,
    name: &'a str,
    /// The file and the line.
    file: Option<(String, u32)>,
}

impl<'a> Case<'a> {
    fn named(class: &'a str, name: &'a str) -> Self {
        Self {
            class,
            name,
            file: None,
        }
    }
}

/// Writes a test case with its problem.
fn write_case(
    writer: &mut Writer<Vec<u8>>,
    about: &Case<'_>,
    wrong: Option<&Wrong<'_>>,
) -> std::io::Result<()> {
    let mut case = writer
        .create_element("testcase")
        .with_attributes([("classname", about.class), ("name", about.name)]);
    if let Some((file, line)) = &about.file {
        let line = line.to_string();
        case = case.with_attributes([("file", file.as_str()), ("line", line.as_str())]);
    }
    let Some(wrong) = wrong else {
        case.write_empty()?;
        return Ok(());
    };
    case.write_inner_content(|writer| {
        writer
            .create_element(wrong.element)
            .with_attributes([("message", wrong.message), ("type", wrong.kind)])
            .write_text_content(BytesText::new(wrong.text))?;
        Ok(())
    })?;
    Ok(())
}
