//! JUnit: a failed test case for each finding, an error for what could not be read, for CI systems
//! that show test results.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::Report;
use super::escape::escape;
use super::location::{locations, unread};
use super::redact::Redactor;
use crate::finding::Finding;

pub(super) fn render(report: &Report<'_>) -> Vec<u8> {
    write(report).expect("memory takes it")
}

fn write(report: &Report<'_>) -> std::io::Result<Vec<u8>> {
    let redactor = Redactor::of(report.audit, report.reveal);
    let findings = &report.audit.findings;
    let problems = unread(report, &redactor);
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
                failure(writer, report, &redactor, finding)?;
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
fn failure(
    writer: &mut Writer<Vec<u8>>,
    report: &Report<'_>,
    redactor: &Redactor,
    finding: &Finding,
) -> std::io::Result<()> {
    let place = locations(finding).into_iter().next();
    let label = place.map_or_else(String::new, |place| place.label(redactor));
    let secret = escape(&redactor.secret(&finding.secret));
    let rule = report.rule(&finding.rule_id);
    let description = rule.map_or("", |rule| rule.description.as_str());
    let page = rule.and_then(|rule| rule.rotate.as_deref());
    let advice = page.map_or_else(String::new, |page| format!("\nmake it useless: {page}"));
    let id = finding.fingerprint.to_string();
    let text = format!("{description} {secret}\n{label}\nfingerprint {id}{advice}");
    let name = format!("{label} [{}]", &id[..12]);
    let rule_id = escape(finding.rule_id.as_bytes());
    case(
        writer,
        &rule_id,
        &name,
        Some(("failure", description, &text)),
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
