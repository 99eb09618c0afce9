//! JUnit: a failed test case for each finding, an error for what could not be read, for CI systems
//! that show test results.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::document::{Document, Finding};
use super::escape::escape;
use super::location::{first_label, unread};

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
                failure(writer, finding)?;
            }
            for problem in &problems {
                case(
                    writer,
                    "not-read",
                    problem,
                    Some(("error", problem, problem)),
                )?;
            }
            if is_clean {
                case(
                    writer,
                    "unleak",
                    "no secrets, and everything was read",
                    None,
                )?;
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
fn failure(writer: &mut Writer<Vec<u8>>, finding: &Finding) -> std::io::Result<()> {
    let label = first_label(finding);
    let plain = |text: &str| escape(text.as_bytes());
    let (description, rule_id) = (plain(&finding.description), plain(&finding.rule_id));
    let page = finding.rotate.as_deref();
    let advice = page.map_or_else(String::new, |page| {
        format!("\nmake it useless: {}", plain(page))
    });
    let text = format!(
        "{description} {}\n{label}\nfingerprint {}{advice}",
        finding.secret.shown(),
        finding.fingerprint
    );
    let name = format!("{label} [{}]", finding.short_id());
    case(
        writer,
        &rule_id,
        &name,
        Some(("failure", &description, &text)),
    )
}

/// Writes a test case, with what went wrong: the element, its message, its text.
fn case(
    writer: &mut Writer<Vec<u8>>,
    class: &str,
    name: &str,
    wrong: Option<(&str, &str, &str)>,
) -> std::io::Result<()> {
    let case = writer
        .create_element("testcase")
        .with_attributes([("classname", class), ("name", name)]);
    let Some((element, message, text)) = wrong else {
        case.write_empty()?;
        return Ok(());
    };
    case.write_inner_content(|writer| {
        writer
            .create_element(element)
            .with_attribute(("message", message))
            .write_text_content(BytesText::new(text))?;
        Ok(())
    })?;
    Ok(())
}
