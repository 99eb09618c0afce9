//! Draws the state. Only rows that are visible are made.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Borders, Clear, Paragraph, Wrap};
use unleak::report::Document;
use unleak::report::paint::Paint;
use unleak::severity::Severity;

use super::detail;
use super::form::{FIELDS, IgnoreForm};
use super::keys::HELP;
use super::model::{Decision, InputMode, Model};
use super::rows::{Group, Grouping, ListRow};

/// Least columns for a pane beside the list, and least rows for one below it.
const WIDE: u16 = 72;
const HIGH: u16 = 16;
/// Most lines of a message.
const MAX_MESSAGE: u16 = 6;

/// What is drawn beside the state.
pub(super) struct Scene<'a> {
    pub(super) document: &'a Document,
    /// What is triaged, escaped.
    pub(super) subject: &'a str,
    pub(super) paint: Paint,
}

impl Scene<'_> {
    fn style(&self, color: Color) -> Style {
        match self.paint {
            Paint::On => Style::new().fg(color),
            Paint::Off => Style::new(),
        }
    }
}

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, model: &mut Model, scene: &Scene<'_>) {
    let area = frame.area();
    if area.is_empty() {
        return;
    }
    let said = foot(model, area);
    let [head, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(u16::try_from(said.len()).unwrap_or(1)),
    ])
    .areas(area);
    self::head(frame, head, model, scene);
    for (text, y) in said.iter().zip(foot.y..foot.bottom()) {
        let width = usize::from(foot.width);
        let buffer = frame.buffer_mut();
        buffer.set_stringn(foot.x, y, text, width, Style::new());
    }
    match model.mode.clone() {
        InputMode::Text { title, text } => {
            let text = Text::raw(text);
            whole(frame, body, model, &title, text);
        }
        InputMode::Help => whole(frame, body, model, "Keys", help()),
        InputMode::Detail => {
            let text = facts(model, scene, usize::from(body.width));
            whole(frame, body, model, "Finding", text);
        }
        mode => {
            panes(frame, body, model, scene);
            if let InputMode::Ignore(form) = mode {
                self::form(frame, body, model, &form);
            }
        }
    }
}

/// What is triaged, and how far it came.
fn head(frame: &mut Frame<'_>, area: Rect, model: &Model, scene: &Scene<'_>) {
    let [open, ignored, purge] = model.counts();
    let mut counts = format!(" {open} open, {ignored} ignored, {purge} to purge");
    match model.marks() {
        (marked, 0) if marked.is_empty() => {}
        (marked, 0) => {
            let _ = write!(counts, ", {} marked", marked.len());
        }
        (marked, hidden) => {
            let _ = write!(
                counts,
                ", {} marked, {hidden} more not listed",
                marked.len()
            );
        }
    }
    let mut by = format!(" | by {}", model.by.name());
    if !model.search.is_empty() {
        by = format!("{by}, with '{}'", model.search);
    }
    if model.hides_settled {
        by.push_str(", open only");
    }
    if !scene.document.head.complete {
        counts.push_str(" | scan incomplete");
    }
    let mut text = counts + &by;
    let width = usize::from(area.width);
    // Of a path, the end tells most; without room for that, it is left out.
    let room = width.saturating_sub(columns(&text) + 4);
    if room > MIN_NAME {
        text = format!("{text} | {}", end_of(scene.subject, room));
    }
    let style = Style::new().add_modifier(Modifier::REVERSED);
    let buffer = frame.buffer_mut();
    buffer.set_style(area, style);
    buffer.set_stringn(area.x, area.y, &text, width, style);
}

/// The last lines of the screen: the search text, a message, or the keys. A message has as many lines as it
/// needs, because its end often names the next command.
fn foot(model: &Model, area: Rect) -> Vec<String> {
    let text = match (&model.mode, &model.message) {
        (InputMode::Search(text), _) => format!("/{text}_  (Enter keeps it, Esc ends it)"),
        (_, Some(message)) => {
            let mut said = lines(message, usize::from(area.width));
            said.truncate(usize::from(area.height.saturating_sub(2).min(MAX_MESSAGE)));
            return said;
        }
        (InputMode::Ignore(_), None) => "Tab next field  Enter save  Esc cancel".to_owned(),
        (InputMode::Detail, None) => {
            "i ignore  t test  p purge  e explain  v show  o open  c copy  n next  Esc back"
                .to_owned()
        }
        (InputMode::Text { .. } | InputMode::Help, None) => "arrows scroll  Esc back".to_owned(),
        (InputMode::List, None) if area.width < WIDE => "? keys  q quit".to_owned(),
        (InputMode::List, None) => {
            "i ignore  t test value  p purge  u undo  n next  g group  / find  ? keys  q quit"
                .to_owned()
        }
    };
    match area.height {
        0..=2 => Vec::new(),
        _ => vec![text],
    }
}

/// The list, with the finding under the cursor beside it or below it if there is room.
fn panes(frame: &mut Frame<'_>, area: Rect, model: &mut Model, scene: &Scene<'_>) {
    let (list, pane, borders) = if area.width >= WIDE {
        let parts = [Constraint::Percentage(50), Constraint::Fill(1)];
        let [list, pane] = Layout::horizontal(parts).areas(area);
        (list, Some(pane), Borders::LEFT)
    } else if area.height >= HIGH {
        let parts = [Constraint::Percentage(50), Constraint::Fill(1)];
        let [list, pane] = Layout::vertical(parts).areas(area);
        (list, Some(pane), Borders::TOP)
    } else {
        (area, None, Borders::NONE)
    };
    self::list(frame, list, model, scene);
    if let Some(pane) = pane {
        let block = Block::new().borders(borders);
        let text = facts(model, scene, usize::from(block.inner(pane).width));
        let text = Paragraph::new(text).wrap(Wrap { trim: false });
        frame.render_widget(text.block(block), pane);
    }
}

fn list(frame: &mut Frame<'_>, area: Rect, model: &mut Model, scene: &Scene<'_>) {
    model.fit(usize::from(area.height));
    if model.rows.is_empty() {
        let text = match model.items.is_empty() {
            true => "No findings.",
            false => "No findings here: Esc ends a search, 'h' shows what is decided.",
        };
        let text = Paragraph::new(text).wrap(Wrap { trim: false });
        frame.render_widget(text, area);
        return;
    }
    let rows = model.rows.iter().enumerate().skip(model.top);
    for ((number, row), y) in rows.zip(area.y..area.bottom()) {
        let is_current = number == model.cursor;
        let (text, style) = match row {
            ListRow::Group(group) => {
                let width = usize::from(area.width);
                group_row(model, &model.groups[*group], width)
            }
            ListRow::Item(item) => item_row(model, *item, scene, usize::from(area.width)),
        };
        let style = match is_current {
            true => style.add_modifier(Modifier::REVERSED),
            false => style,
        };
        let cursor = if is_current { ">" } else { " " };
        let line = Rect {
            y,
            height: 1,
            ..area
        };
        let buffer = frame.buffer_mut();
        buffer.set_style(line, style);
        let text = format!("{cursor}{text}");
        buffer.set_stringn(area.x, y, text, usize::from(area.width), style);
    }
}

/// A group in a row of `width` columns. The name is shortened first: the counts show how many are open.
fn group_row(model: &Model, group: &Group, width: usize) -> (String, Style) {
    let members = group.members.iter();
    let is_open = |item: &&usize| model.decisions[**item] == Decision::Open;
    let open = members.clone().filter(is_open).count();
    let is_marked = members.clone().all(|&member| model.marked[member]);
    let (fold, mark) = (
        if group.is_folded { '+' } else { '-' },
        if is_marked { '*' } else { ' ' },
    );
    let count = match (group.members.len(), open) {
        (all, open) if all == open => format!("{all}"),
        (all, 0) => format!("{all} decided"),
        (all, open) => format!("{all}, {open} open"),
    };
    let worst = members.map(|&member| model.items[member].severity).max();
    let worst = match (model.by, worst) {
        (Grouping::Severity, _) | (_, None) => "",
        (_, Some(worst)) => worst.name(),
    };
    let rest = format!(" ({count}) {worst}");
    let room = width.saturating_sub(GROUP_INDENT + columns(&rest));
    let name = match model.by {
        Grouping::Directory => end_of(&group.name, room),
        _ => start_of(&group.name, room),
    };
    let text = format!("{mark}{fold} {name}{rest}");
    (text, Style::new().add_modifier(Modifier::BOLD))
}

/// Columns before the name of a group: cursor, mark, fold, and a blank.
const GROUP_INDENT: usize = 4;

/// Columns before the text of a row: cursor, mark, decision, severity, and blanks.
const INDENT: usize = 6;

/// The letter for a severity.
fn letter(severity: Severity) -> char {
    match severity {
        Severity::Critical => 'C',
        Severity::High => 'H',
        Severity::Medium => 'M',
        Severity::Low => 'L',
        Severity::Info => 'I',
    }
}

fn item_row(model: &Model, number: usize, scene: &Scene<'_>, width: usize) -> (String, Style) {
    let item = &model.items[number];
    let mark = if model.marked[number] { '*' } else { ' ' };
    let (sign, style) = match model.decisions[number] {
        Decision::Open => (' ', Style::new()),
        Decision::Ignored(_) => ('i', Style::new().add_modifier(Modifier::DIM)),
        Decision::Purge => ('p', scene.style(Color::Red)),
    };
    let text = match model.by {
        Grouping::Rule => beside(&item.mark, &item.place, width),
        Grouping::Directory => {
            let name = item.place.rsplit('/').next().unwrap_or(&item.place);
            format!("{name}  {}  {}", item.rule, item.mark)
        }
        Grouping::Secret | Grouping::Severity | Grouping::Class => {
            beside(&item.rule, &item.place, width)
        }
    };
    (
        format!("{mark}{sign} {} {text}", letter(item.severity)),
        style,
    )
}

/// Columns that a name has at least.
const MIN_NAME: usize = 6;

/// A name and a place in a row of `width` columns: the end of a path tells most.
fn beside(name: &str, place: &str, width: usize) -> String {
    let both = width.saturating_sub(INDENT + 2);
    let most = (both / 2).max(MIN_NAME);
    let name = match columns(name) + columns(place) > both && columns(name) > most {
        true => &start(name, most),
        false => name,
    };
    let room = both.saturating_sub(columns(name));
    match columns(place) > room && room > 1 {
        true => format!("{name}  …{}", end(place, room - 1)),
        false => format!("{name}  {place}"),
    }
}

/// How many columns a text takes.
fn columns(text: &str) -> usize {
    Span::raw(text).width()
}

/// The start of a text that fits into `room` columns, with a sign that it goes on.
fn start(text: &str, room: usize) -> String {
    let mut start = String::new();
    for character in text.chars() {
        if columns(&start) + columns(character.encode_utf8(&mut [0; 4])) >= room {
            break;
        }
        start.push(character);
    }
    format!("{start}…")
}

/// A text, or its start if there is no room for all of it.
fn start_of(text: &str, room: usize) -> String {
    match columns(text) > room {
        true => start(text, room.max(MIN_NAME)),
        false => text.to_owned(),
    }
}

/// A text, or its end if there is no room for all of it.
fn end_of(text: &str, room: usize) -> String {
    match columns(text) > room {
        true => format!("…{}", end(text, room.max(MIN_NAME) - 1)),
        false => text.to_owned(),
    }
}

/// The end of a text that fits into `room` columns.
fn end(text: &str, room: usize) -> &str {
    let (mut used, mut start) = (0, text.len());
    for (at, character) in text.char_indices().rev() {
        used += columns(&text[at..at + character.len_utf8()]);
        if used > room {
            break;
        }
        start = at;
    }
    &text[start..]
}

/// The lines of a text in `room` columns, broken between words where that is possible.
fn lines(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let is_first = used == 0;
        if !is_first && used + 1 + columns(word) > room {
            lines.push(String::new());
            used = 0;
        } else if !is_first {
            push(&mut lines, ' ');
            used += 1;
        }
        for character in word.chars() {
            let width = columns(character.encode_utf8(&mut [0; 4]));
            if used + width > room && used > 0 {
                lines.push(String::new());
                used = 0;
            }
            push(&mut lines, character);
            used += width;
        }
    }
    lines
}

fn push(lines: &mut [String], character: char) {
    if let Some(line) = lines.last_mut() {
        line.push(character);
    }
}

/// Columns of the labels of facts.
const LABEL: usize = 11;
/// Least columns for a text beside its label.
const MIN_TEXT: usize = 16;

/// What is known of the finding or group under the cursor.
fn facts(model: &Model, scene: &Scene<'_>, width: usize) -> Text<'static> {
    if let Some(group) = model.current_group() {
        return group_facts(model, group, width);
    }
    let found = model.current().and_then(|item| {
        let finding = scene.document.findings.get(item)?;
        Some((item, finding))
    });
    let Some((item, finding)) = found else {
        return Text::default();
    };
    let revealed = model.revealed.as_ref();
    let revealed = revealed.filter(|(of, _)| *of == item);
    let decision = &model.decisions[item];
    let facts = detail::facts(
        scene.document,
        finding,
        decision,
        revealed.map(|(_, secret)| secret.as_str()),
    );
    let room = width.saturating_sub(LABEL);
    let mut text = Text::default();
    for (name, value) in facts {
        let values = match name {
            "" => {
                text.push_line(Line::raw(value));
                continue;
            }
            _ if room < MIN_TEXT => vec![value],
            _ => lines(&value, room),
        };
        let names = std::iter::once(name).chain(std::iter::repeat(""));
        for (name, value) in names.zip(values) {
            text.push_line(Line::from(vec![
                Span::styled(format!("{name:LABEL$}"), scene.style(Color::Cyan)),
                Span::raw(value),
            ]));
        }
    }
    text
}

/// Places or rules that are listed of a group.
const MAX_LISTED: usize = 10;

/// Columns before a part of a group: how many findings it has.
const COUNT: usize = 7;

/// How many findings a group has, and where, or of which rules.
fn group_facts(model: &Model, group: &Group, width: usize) -> Text<'static> {
    let members = group.members.iter();
    let decided = members.clone();
    let decided = decided.filter(|&&item| model.decisions[item] != Decision::Open);
    let mut parts: BTreeMap<&str, usize> = BTreeMap::new();
    for item in members.map(|&item| &model.items[item]) {
        let part = match model.by {
            Grouping::Directory | Grouping::Severity | Grouping::Class => &item.rule,
            Grouping::Rule | Grouping::Secret => &item.directory,
        };
        *parts.entry(part).or_default() += 1;
    }
    let mut parts: Vec<(&str, usize)> = parts.into_iter().collect();
    parts.sort_by_key(|(_, count)| Reverse(*count));
    let mut lines = vec![
        group.name.clone(),
        String::new(),
        format!(
            "{}, {} decided",
            match group.members.len() {
                1 => "1 finding".to_owned(),
                count => format!("{count} findings"),
            },
            decided.count()
        ),
        match model.marks().0.len() {
            0 => "i, t and p act on all open ones,".to_owned(),
            count => format!("i, t and p act on the {count} marked,"),
        },
        match model.marks().0.len() {
            0 => "r on all decided ones.".to_owned(),
            _ => "r on those that are decided.".to_owned(),
        },
        String::new(),
    ];
    let listed = parts.iter().take(MAX_LISTED);
    let room = width.saturating_sub(COUNT);
    lines.extend(listed.map(|(part, count)| format!("{count:5}  {}", end_of(part, room))));
    if let Some(more @ 1..) = parts.len().checked_sub(MAX_LISTED) {
        lines.push(format!("       and {more} more"));
    }
    Text::from_iter(lines)
}

fn help() -> Text<'static> {
    let lines = HELP.iter();
    Text::from_iter(lines.map(|(keys, what)| Line::raw(format!("{keys:12} {what}"))))
}

/// A text that fills the body, scrolled no further than its end.
fn whole(frame: &mut Frame<'_>, area: Rect, model: &mut Model, title: &str, text: Text<'_>) {
    let [top, area] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let title = Line::raw(title.to_owned()).style(Style::new().add_modifier(Modifier::BOLD));
    frame.render_widget(title, top);
    model.fit(usize::from(area.height));
    let width = usize::from(area.width.max(1));
    let wrapped = text.lines.iter().map(|line| {
        let plain: String = line.iter().map(|span| &*span.content).collect();
        lines(&plain, width).len()
    });
    let count = u16::try_from(wrapped.sum::<usize>()).unwrap_or(u16::MAX);
    model.scroll = model.scroll.min(count.saturating_sub(area.height));
    let text = Paragraph::new(text).wrap(Wrap { trim: false });
    frame.render_widget(text.scroll((model.scroll, 0)), area);
}

/// The form over the lower end of the body.
fn form(frame: &mut Frame<'_>, body: Rect, model: &Model, form: &IgnoreForm) {
    let fields = u16::try_from(FIELDS.len()).unwrap_or(u16::MAX);
    let height = (fields + 3).min(body.height);
    let area = Rect {
        y: body.bottom() - height,
        height,
        ..body
    };
    frame.render_widget(Clear, area);
    let count = model.open_targets();
    let title = match count {
        1 => " Ignore 1 finding ".to_owned(),
        count => format!(" Ignore {count} findings "),
    };
    // On a tiny screen, the field that is typed into must be visible.
    let first = match height > fields {
        true => 0,
        false => form.at,
    };
    let fields = FIELDS.iter().zip(&form.values).enumerate().skip(first);
    let mut lines: Vec<Line<'_>> = fields
        .map(|(number, (name, value))| {
            let is_at = number == form.at;
            let room = usize::from(area.width.saturating_sub(14));
            // The end is where typing goes on.
            let cut = value.chars().count().saturating_sub(room);
            let shown: String = value.chars().skip(cut).collect();
            let cursor = if is_at { "_" } else { "" };
            let sign = if is_at { '>' } else { ' ' };
            let hint = match number {
                2 if value.is_empty() => " YYYY-MM-DD, or 90d, 6m, 1y (optional)",
                _ if is_at && form.offered[number] => "  (as before; what you type replaces it)",
                _ => "",
            };
            Line::raw(format!("{sign} {name:8} {shown}{cursor}{hint}"))
        })
        .collect();
    let fault = form.fault.as_ref();
    lines.extend(fault.map(|fault| Line::raw(format!("  {fault}"))));
    let block = match height > 3 {
        true => Block::new().borders(Borders::TOP).title(title),
        false => Block::new(),
    };
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_is_cut_at_its_beginning() {
        let path = "a/very/long/path/to/key.pem:1";
        assert_eq!(beside("MARK", path, 80), format!("MARK  {path}"));
        let cut = beside("MARK", path, 30);
        assert_eq!(cut, "MARK  …path/to/key.pem:1");
        assert_eq!(INDENT + cut.chars().count(), 30);
        let cut = beside("a-rule-of-a-long-name", path, 40);
        assert_eq!(cut, "a-rule-of-a-lon…  …th/to/key.pem:1");
        assert!(INDENT + columns(&cut) <= 40);
        // There is no room for a path: what fits of the row is shown.
        assert!(beside("MARK", path, 5).starts_with("MARK  "));
        // Wide characters take two columns, and accents none.
        let cut = beside("MARK", "ディレクトリ/設定ファイル.conf:1", 30);
        assert_eq!(cut, "MARK  …定ファイル.conf:1");
        let cut = beside("MARK", "a/very/long/e\u{301}/e\u{301}.pem:1", 23);
        assert_eq!(cut, "MARK  …/e\u{301}/e\u{301}.pem:1");
    }

    #[test]
    fn a_text_beside_its_label_is_broken_between_words() {
        assert_eq!(lines("one two three", 7), ["one two", "three"]);
        assert_eq!(lines("", 7), [""]);
        assert_eq!(lines("12345678 9", 4), ["1234", "5678", "9"]);
        assert_eq!(lines("設定 ファイル", 5), ["設定", "ファ", "イル"]);
        assert_eq!(lines("a  b", 9), ["a  b"]);
    }
}
