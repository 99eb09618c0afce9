//! The state of the screen: a key makes a new state, and sometimes asks for an effect. Nothing here
//! reads, writes or draws.

use std::collections::HashSet;

use jiff::civil::Date;
use unleak::suppress::Details;

use super::form::{FormStep, IgnoreForm, edit};
use super::item::ListItem;
use super::keys::KeyPress;
use super::rows::{self, Group, Grouping, ListRow};

/// With more findings, the list begins with folded groups, however they are grouped.
const MOST_UNFOLDED: usize = 100;

/// The reason of what is ignored as a test value.
const TEST_VALUE: &str = "test value";

/// What was decided about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing yet.
    Open,
    /// It is suppressed.
    Ignored(Details),
    /// It is in the purge plan.
    Purge,
}

/// A decision about one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DecisionChange {
    pub(super) item: usize,
    pub(super) from: Decision,
    pub(super) to: Decision,
}

/// What the model cannot do by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Write decisions.
    Settle(Vec<DecisionChange>),
    /// Take the last decisions back.
    Undo(Vec<DecisionChange>),
    Explain(usize),
    Reveal(usize),
    Edit(usize),
    Copy(usize),
    /// Stop the process until it is continued.
    Suspend,
    Quit,
}

/// What the keys go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum InputMode {
    List,
    /// One finding on the whole screen.
    Detail,
    /// A text on the whole screen.
    Text {
        title: String,
        text: String,
    },
    /// All keys.
    Help,
    Ignore(IgnoreForm),
    Search(String),
}

/// The state.
pub(super) struct Model {
    pub(super) items: Vec<ListItem>,
    pub(super) decisions: Vec<Decision>,
    pub(super) marked: Vec<bool>,
    pub(super) by: Grouping,
    pub(super) groups: Vec<Group>,
    pub(super) rows: Vec<ListRow>,
    /// The row that keys act on.
    pub(super) cursor: usize,
    /// The first row that is visible.
    pub(super) top: usize,
    /// Rows that are visible.
    page: usize,
    pub(super) mode: InputMode,
    /// The first line of a text that is visible.
    pub(super) scroll: u16,
    pub(super) search: String,
    pub(super) hides_settled: bool,
    /// A finding whose secret is shown, and the secret.
    pub(super) revealed: Option<(usize, String)>,
    pub(super) message: Option<String>,
    folded: HashSet<String>,
    /// The groupings that were listed.
    seen: Vec<Grouping>,
    undo: Vec<Vec<DecisionChange>>,
    /// What was typed into the last form.
    typed: [String; 3],
    today: Date,
}

impl Model {
    /// Begins with what was decided before.
    pub(super) fn new(
        items: Vec<ListItem>,
        decisions: Vec<Decision>,
        owner: Option<&str>,
        today: Date,
    ) -> Self {
        let count = items.len();
        let mut model = Self {
            items,
            decisions,
            marked: vec![false; count],
            by: Grouping::Rule,
            groups: Vec::new(),
            rows: Vec::new(),
            cursor: 0,
            top: 0,
            page: 1,
            mode: InputMode::List,
            scroll: 0,
            search: String::new(),
            hides_settled: false,
            revealed: None,
            message: None,
            folded: HashSet::new(),
            seen: Vec::new(),
            undo: Vec::new(),
            typed: [String::new(), owner.unwrap_or("").to_owned(), String::new()],
            today,
        };
        model.list(None);
        model.fold_many();
        model
    }

    /// Takes the number of rows that fit, and keeps the cursor among them.
    pub(super) fn fit(&mut self, page: usize) {
        self.page = page.max(1);
        self.cursor = self.cursor.min(self.rows.len().saturating_sub(1));
        let least = (self.cursor + 1).saturating_sub(self.page);
        // The heading of the first group stays in view.
        let most = match self.cursor {
            1 if self.page > 1 => 0,
            cursor => cursor,
        };
        self.top = self.top.clamp(least.min(most), most);
    }

    /// The finding under the cursor.
    pub(super) fn current(&self) -> Option<usize> {
        match self.rows.get(self.cursor) {
            Some(ListRow::Item(item)) => Some(*item),
            _ => None,
        }
    }

    /// The group under the cursor.
    pub(super) fn current_group(&self) -> Option<&Group> {
        match self.rows.get(self.cursor) {
            Some(ListRow::Group(group)) => self.groups.get(*group),
            _ => None,
        }
    }

    /// How many findings are open, ignored, and in the plan.
    pub(super) fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for decision in &self.decisions {
            counts[match decision {
                Decision::Open => 0,
                Decision::Ignored(_) => 1,
                Decision::Purge => 2,
            }] += 1;
        }
        counts
    }

    /// Takes a key.
    pub(super) fn press(&mut self, key: KeyPress) -> Option<Effect> {
        self.message = None;
        match key {
            KeyPress::Ctrl('c') => return Some(Effect::Quit),
            KeyPress::Ctrl('z') => return Some(Effect::Suspend),
            _ => {}
        }
        match std::mem::replace(&mut self.mode, InputMode::List) {
            InputMode::List => self.press_in_list(key),
            InputMode::Ignore(form) => self.press_in_form(form, key),
            InputMode::Search(text) => {
                self.press_in_search(text, key);
                None
            }
            mode => self.press_in_text(mode, key),
        }
    }

    fn press_in_text(&mut self, mode: InputMode, key: KeyPress) -> Option<Effect> {
        let is_detail = mode == InputMode::Detail;
        let page = u16::try_from(self.page).unwrap_or(u16::MAX);
        self.scroll = match key {
            KeyPress::Char('j') | KeyPress::Down => self.scroll.saturating_add(1),
            KeyPress::Char('k') | KeyPress::Up => self.scroll.saturating_sub(1),
            KeyPress::PageDown | KeyPress::Char(' ') => self.scroll.saturating_add(page),
            KeyPress::PageUp => self.scroll.saturating_sub(page),
            KeyPress::Home => 0,
            KeyPress::Char('q') | KeyPress::Esc | KeyPress::Enter | KeyPress::Left => {
                self.scroll = 0;
                return None;
            }
            // The keys that are about one finding.
            KeyPress::Char(
                'i' | 't' | 'p' | 'r' | 'u' | 'e' | 'v' | 'o' | 'c' | 'n' | 'N' | '?',
            ) if is_detail => {
                self.mode = mode;
                return self.press_in_list(key);
            }
            _ => self.scroll,
        };
        self.mode = mode;
        None
    }

    fn press_in_form(&mut self, mut form: IgnoreForm, key: KeyPress) -> Option<Effect> {
        match form.press(key, self.today) {
            FormStep::Cancel => None,
            FormStep::More => {
                self.mode = InputMode::Ignore(form);
                None
            }
            FormStep::Done(details) => {
                self.typed = form.values;
                self.settle(&Decision::Ignored(details))
            }
        }
    }

    fn press_in_search(&mut self, mut text: String, key: KeyPress) {
        match key {
            KeyPress::Enter => return,
            KeyPress::Esc => text.clear(),
            key => {
                edit(&mut text, key);
                self.mode = InputMode::Search(text.clone());
            }
        }
        self.search = text;
        self.list(self.current());
    }

    fn press_in_list(&mut self, key: KeyPress) -> Option<Effect> {
        match key {
            KeyPress::Char('i') => {
                if self.open_targets() == 0 {
                    self.message = Some("nothing here can be ignored".to_owned());
                } else {
                    let form = IgnoreForm::offering(self.typed.clone());
                    self.mode = InputMode::Ignore(form);
                }
            }
            KeyPress::Char('t') => return self.test_value(),
            KeyPress::Char('p') => return self.plan(),
            KeyPress::Char('r') => return self.reopen(),
            KeyPress::Char('u') => return self.undo(),
            KeyPress::Char('q') => return Some(Effect::Quit),
            KeyPress::Char('e') => return self.on_current(Effect::Explain),
            KeyPress::Char('o') => return self.on_current(Effect::Edit),
            KeyPress::Char('c') => return self.on_current(Effect::Copy),
            KeyPress::Char('v') => return self.reveal(),
            key => self.press_to_look(key),
        }
        None
    }

    /// Keys that decide nothing.
    fn press_to_look(&mut self, key: KeyPress) {
        let last = self.rows.len().saturating_sub(1);
        match key {
            KeyPress::Char('j') | KeyPress::Down => self.go(self.cursor + 1),
            KeyPress::Char('k') | KeyPress::Up => self.go(self.cursor.saturating_sub(1)),
            KeyPress::PageDown => self.go(self.cursor + self.page),
            KeyPress::PageUp => self.go(self.cursor.saturating_sub(self.page)),
            KeyPress::Home => self.go(0),
            KeyPress::End => self.go(last),
            KeyPress::Char('n') => self.go_to_open(true),
            KeyPress::Char('N') => self.go_to_open(false),
            KeyPress::Char(' ') => self.mark(),
            KeyPress::Char('a') => self.mark_all(),
            KeyPress::Char('g') => {
                let item = self.current();
                self.by = self.by.next();
                self.list(item);
                self.fold_many();
            }
            KeyPress::Char('h') => {
                self.hides_settled = !self.hides_settled;
                self.list(self.current());
            }
            KeyPress::Char('z') => self.fold_all(),
            KeyPress::Char('/') => self.mode = InputMode::Search(self.search.clone()),
            KeyPress::Char('?') => {
                self.scroll = 0;
                self.mode = InputMode::Help;
            }
            KeyPress::Enter if self.current().is_some() => {
                self.scroll = 0;
                self.mode = InputMode::Detail;
            }
            KeyPress::Enter => self.fold(None),
            KeyPress::Left => self.fold(Some(true)),
            KeyPress::Right => self.fold(Some(false)),
            KeyPress::Esc => {
                self.marked.fill(false);
                if !self.search.is_empty() {
                    self.search.clear();
                    self.list(self.current());
                }
            }
            _ => {}
        }
    }

    /// Moves the cursor; a secret that is shown is hidden.
    fn go(&mut self, row: usize) {
        self.cursor = row.min(self.rows.len().saturating_sub(1));
        self.revealed = None;
        self.scroll = 0;
    }

    /// Lists what is wanted, with the cursor at `item` or its group if that is listed.
    fn list(&mut self, item: Option<usize>) {
        let wanted = self.search.to_lowercase();
        let is_wanted = |number: usize| {
            let is_open = self.decisions[number] == Decision::Open;
            (is_open || !self.hides_settled)
                && (wanted.is_empty() || self.items[number].has(&wanted))
        };
        let is_folded = |name: &str| self.folded.contains(name);
        self.groups = rows::groups(&self.items, self.by, &is_wanted, &is_folded);
        self.rows = rows::rows(&self.groups);
        let row = item.and_then(|item| self.row_of(item));
        self.go(row.unwrap_or(self.cursor));
    }

    fn row_of(&self, item: usize) -> Option<usize> {
        let mut rows = self.rows.iter();
        rows.position(|row| match row {
            ListRow::Item(other) => *other == item,
            ListRow::Group(group) => {
                let group = &self.groups[*group];
                group.is_folded && group.members.contains(&item)
            }
        })
    }

    /// Folds or unfolds the group at the cursor, or the one that the finding there belongs to.
    fn fold(&mut self, wanted: Option<bool>) {
        let before = self.rows[..(self.cursor + 1).min(self.rows.len())].iter();
        let group = before.rev().find_map(|row| match row {
            ListRow::Group(group) => Some(*group),
            ListRow::Item(_) => None,
        });
        let Some(group) = group else {
            return;
        };
        let (name, is_folded) = (&self.groups[group].name, self.groups[group].is_folded);
        match wanted.unwrap_or(!is_folded) {
            true => self.folded.insert(name.clone()),
            false => self.folded.remove(name),
        };
        self.list(None);
        let row = self
            .rows
            .iter()
            .position(|row| *row == ListRow::Group(group));
        if wanted != Some(false) {
            self.go(row.unwrap_or(0));
        }
    }

    /// Folds all groups if there are many findings, the first time that they are grouped like this.
    fn fold_many(&mut self) {
        if self.items.len() <= MOST_UNFOLDED || self.seen.contains(&self.by) {
            return;
        }
        self.seen.push(self.by);
        let all = rows::groups(&self.items, self.by, &|_| true, &|_| true);
        self.folded.extend(all.into_iter().map(|group| group.name));
        self.list(self.current());
    }

    /// Folds all groups, or unfolds them if all are.
    fn fold_all(&mut self) {
        let item = self.current();
        let names = self.groups.iter().map(|group| group.name.clone());
        match self.groups.iter().all(|group| group.is_folded) {
            true => self.folded.clear(),
            false => self.folded = names.collect(),
        }
        self.list(item);
    }

    /// Goes to the next or previous open finding, whether its group is folded or not.
    fn go_to_open(&mut self, is_forward: bool) {
        let order: Vec<usize> = self.groups.iter().flat_map(|g| g.members.clone()).collect();
        let at = match self.rows.get(self.cursor) {
            Some(ListRow::Item(item)) => order.iter().position(|other| other == item),
            Some(ListRow::Group(group)) => {
                let before = self.groups[..*group].iter();
                Some(before.map(|group| group.members.len()).sum::<usize>())
            }
            None => None,
        };
        let Some(at) = at else {
            return;
        };
        let is_open = |item: &&usize| self.decisions[**item] == Decision::Open;
        let is_at_item = usize::from(self.current().is_some());
        let found = match is_forward {
            true => order.iter().skip(at + is_at_item).find(is_open),
            false => order[..at].iter().rev().find(is_open),
        };
        let Some(&item) = found else {
            self.message = Some("no more open findings in this direction".to_owned());
            return;
        };
        let of_item = self
            .groups
            .iter()
            .find(|group| group.members.contains(&item));
        if let Some(group) = of_item.filter(|group| group.is_folded) {
            self.folded.remove(&group.name);
        }
        self.list(Some(item));
    }

    fn mark(&mut self) {
        if let Some(item) = self.current() {
            self.marked[item] = !self.marked[item];
        } else if let Some(group) = self.current_group() {
            let members = group.members.clone();
            let is_on = !members.iter().all(|&member| self.marked[member]);
            for member in members {
                self.marked[member] = is_on;
            }
        }
        self.go(self.cursor + 1);
    }

    /// Marks all findings that are listed, folded or not; unmarks them if all are marked.
    fn mark_all(&mut self) {
        let listed = self.groups.iter().flat_map(|group| &group.members);
        let listed: Vec<usize> = listed.copied().collect();
        let is_on = !listed.iter().all(|&item| self.marked[item]);
        for item in listed {
            self.marked[item] = is_on;
        }
    }

    /// The marked findings that are listed, folded or not; and how many the search hides.
    pub(super) fn marks(&self) -> (Vec<usize>, usize) {
        let listed = self.groups.iter().flat_map(|group| &group.members);
        let mut marked: Vec<usize> = listed.copied().filter(|&item| self.marked[item]).collect();
        marked.sort_unstable();
        marked.dedup();
        let all = self.marked.iter().filter(|is_marked| **is_marked).count();
        let hidden = all - marked.len();
        (marked, hidden)
    }

    /// The findings that a decision applies to: the marked ones that are listed, or else the group or finding
    /// at the cursor. Only those whose current decision `is_asked` accepts.
    fn targets(&self, is_asked: &dyn Fn(&Decision) -> bool) -> Vec<usize> {
        let (marked, _) = self.marks();
        let here = match self.current_group() {
            Some(group) => group.members.clone(),
            None => self.current().into_iter().collect(),
        };
        let mut targets = match marked.is_empty() {
            true => here,
            false => marked,
        };
        targets.retain(|&target| is_asked(&self.decisions[target]));
        targets
    }

    /// How many findings a form is about.
    pub(super) fn open_targets(&self) -> usize {
        let all = self.targets(&|decision| *decision != Decision::Purge).len();
        let open = self.targets(&|decision| *decision == Decision::Open).len();
        match all {
            1 => all,
            _ => open,
        }
    }

    fn test_value(&mut self) -> Option<Effect> {
        let owner = Some(self.typed[1].trim().to_owned());
        self.settle(&Decision::Ignored(Details {
            reason: Some(TEST_VALUE.to_owned()),
            owner: owner.filter(|owner| !owner.is_empty()),
            ..Details::default()
        }))
    }

    /// Adds to the purge plan; takes out of it if all are in it.
    fn plan(&mut self) -> Option<Effect> {
        let all = self.targets(&|_| true);
        let is_planned = |item: &usize| self.decisions[*item] == Decision::Purge;
        let is_out = !all.is_empty() && all.iter().all(is_planned);
        self.settle(match is_out {
            true => &Decision::Open,
            false => &Decision::Purge,
        })
    }

    /// Takes back the decisions about the marked findings, the group or the finding at the cursor.
    fn reopen(&mut self) -> Option<Effect> {
        let decided = self.targets(&|decision| *decision != Decision::Open);
        if decided.is_empty() {
            self.message = Some("nothing here is decided".to_owned());
            return None;
        }
        Some(self.change(decided, &Decision::Open))
    }

    /// Asks for a decision to be written.
    fn settle(&mut self, to: &Decision) -> Option<Effect> {
        let is_single = self.targets(&|_| true).len() == 1;
        let targets = self.targets(&|from| match (from, to) {
            (Decision::Open, to) => *to != Decision::Open,
            (Decision::Purge, to) => *to == Decision::Open,
            // The reason of one finding may be changed; those in a group are left alone.
            (Decision::Ignored(_), Decision::Ignored(_)) => is_single && from != to,
            (Decision::Ignored(_), _) => false,
        });
        if targets.is_empty() {
            self.message = Some("nothing here is open: 'u' takes decisions back".to_owned());
            return None;
        }
        Some(self.change(targets, to))
    }

    /// The change of the decisions about `items`.
    fn change(&self, items: Vec<usize>, to: &Decision) -> Effect {
        let changes = items.into_iter().map(|item| DecisionChange {
            item,
            from: self.decisions[item].clone(),
            to: to.clone(),
        });
        Effect::Settle(changes.collect())
    }

    fn undo(&mut self) -> Option<Effect> {
        let Some(last) = self.undo.last() else {
            self.message = Some("nothing to undo".to_owned());
            return None;
        };
        let back = last.iter().rev().map(|change| DecisionChange {
            item: change.item,
            from: change.to.clone(),
            to: change.from.clone(),
        });
        Some(Effect::Undo(back.collect()))
    }

    /// Takes decisions that were written.
    pub(super) fn settled(&mut self, changes: Vec<DecisionChange>, is_undo: bool) {
        let first = changes.first().map(|change| change.item);
        for change in &changes {
            self.decisions[change.item] = change.to.clone();
        }
        let said = match changes.first().map(|change| &change.to) {
            None => return,
            Some(Decision::Open) => "open again",
            Some(Decision::Ignored(_)) => "ignored",
            Some(Decision::Purge) => "in the purge plan",
        };
        let count = match changes.len() {
            1 => "1 finding".to_owned(),
            count => format!("{count} findings"),
        };
        let is_group = self.current_group().is_some();
        if is_undo {
            // What could not be taken back stays to be undone.
            let mut last = self.undo.pop().unwrap_or_default();
            last.truncate(last.len().saturating_sub(changes.len()));
            if !last.is_empty() {
                self.undo.push(last);
            }
            self.list(first);
        } else {
            let is_reopened = changes.iter().all(|change| change.to == Decision::Open);
            self.undo.push(changes);
            self.marked.fill(false);
            self.mode = InputMode::List;
            match is_reopened {
                true => self.list(self.current()),
                false => self.after_decision(is_group),
            }
        }
        self.message = Some(format!("{count} {said}"));
    }

    /// Goes on to what is to be decided next.
    fn after_decision(&mut self, was_group: bool) {
        let (item, was) = (self.current(), self.cursor);
        self.list(item);
        if self.hides_settled {
            self.go(was);
        } else if was_group {
            let rows = self.rows.iter().enumerate().skip(was + 1);
            let mut groups = rows.filter(|(_, row)| matches!(row, ListRow::Group(_)));
            if let Some((row, _)) = groups.next() {
                self.go(row);
            }
        } else {
            self.go_to_open(true);
        }
    }

    fn on_current(&mut self, effect: impl Fn(usize) -> Effect) -> Option<Effect> {
        let current = self.current();
        if current.is_none() {
            self.message = Some("choose a finding first: Enter unfolds a group".to_owned());
        }
        current.map(effect)
    }

    fn reveal(&mut self) -> Option<Effect> {
        if self.revealed.take().is_some() {
            return None;
        }
        self.on_current(Effect::Reveal)
    }

    /// Shows a text on the whole screen.
    pub(super) fn show(&mut self, title: String, text: String) {
        self.scroll = 0;
        self.mode = InputMode::Text { title, text };
    }
}
