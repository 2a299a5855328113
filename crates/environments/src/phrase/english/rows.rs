//! Noun phrases for groups of rows: adjectives, what they belong to, and what they must be like.
//!
//! Conditions of one group take one construction ("with … and …", "whose … and whose …", "that have … and …"), because
//! mixed ones read like a filter form. Bounds are inclusive, and every wording here says so.

use super::voice::{Np, Voice, Weight};
use super::words::{self, Scale};
use crate::question::{Bound, Condition, Entity, Rows, Scalar, Test};
use crate::tables::{Cell, Column, Kind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    One,
    Many,
}

/// What stands before a group of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Determiner {
    None,
    The,
    All,
}

/// A group of rows in parts, so that other words can stand between.
#[derive(Debug)]
pub(super) struct Described {
    /// "its ", where the rows belong to what was introduced.
    pub(super) its: String,
    /// "radioactive isotopes"
    pub(super) head: String,
    /// " of the element Gold with parity +"
    pub(super) after: String,
    /// Whether `after` says more than what the rows belong to.
    pub(super) claused: bool,
    /// Whether `after` ends in a clause about another row.
    pub(super) heavy: bool,
}

impl Described {
    pub(super) fn body(&self) -> String {
        format!("{}{}", self.head, self.after)
    }
}

/// One condition in the forms that constructions need.
#[derive(Clone, Debug, Default)]
struct Clause {
    /// Before the noun.
    adjective: Option<String>,
    /// After "with" or "have".
    noun: Option<String>,
    /// After "whose".
    whose: Option<String>,
    /// After "are".
    be: Option<String>,
    /// A verb of its own, in the singular and plural.
    verb: Option<(String, String)>,
}

impl Clause {
    fn predicate(&self, number: Number) -> Predicate {
        let one = number == Number::One;
        if let Some(noun) = &self.noun {
            Predicate::Have(noun.clone())
        } else if let Some(be) = &self.be {
            Predicate::Be(be.clone())
        } else if let Some((singular, plural)) = &self.verb {
            Predicate::Verb(if one { singular.clone() } else { plural.clone() })
        } else {
            Predicate::Be(self.adjective.clone().unwrap_or_default())
        }
    }
}

enum Predicate {
    Have(String),
    Be(String),
    Verb(String),
}

impl Voice<'_> {
    /// A group of rows as the subject or object of a sentence.
    pub(super) fn rows(&mut self, rows: &Rows, determiner: Determiner) -> String {
        let described = self.describe(rows, Number::Many, false);
        let body = described.body();
        match (determiner, described.its.is_empty()) {
            (Determiner::None, true) => body,
            (Determiner::None | Determiner::The, false) => format!("{}{body}", described.its),
            (Determiner::The, true) => format!("the {body}"),
            (Determiner::All, true) => format!("all {body}"),
            (Determiner::All, false) => format!("all of {}{body}", described.its),
        }
    }

    /// "isotopes on record for the element Gold with parity +"; `how` stands between: "isotopes are on record for …".
    pub(super) fn recorded(&mut self, rows: &Rows, how: &str) -> String {
        let described = self.describe(rows, Number::Many, true);
        let recorded = if how.is_empty() { self.style.records } else { self.style.recorded };
        format!("{}{how} {recorded}{}", described.head, described.after)
    }

    /// The parts; with `recorded`, what the rows belong to follows "on record" and the like.
    pub(super) fn describe(&mut self, rows: &Rows, number: Number, recorded: bool) -> Described {
        let table = rows.table;
        let mut clauses = self.clauses(rows, number);
        let adjectives: String = clauses
            .iter()
            .filter_map(|clause| clause.adjective.as_ref())
            .fold(String::new(), |text, word| text + word + " ");
        clauses.retain(|clause| clause.adjective.is_none());
        let noun = if number == Number::One { self.singular(table) } else { self.plural(table) };
        let mut out = Described {
            its: String::new(),
            head: format!("{adjectives}{noun}"),
            after: String::new(),
            claused: !clauses.is_empty(),
            heavy: false,
        };
        let mut owned = false;
        if let Some((link, of)) = &rows.of {
            let (belongs, role) = (self.group.links[*link].belongs, self.group.links[*link].role.clone());
            let parent = if belongs { self.entity(of) } else { self.in_role(&role, of) };
            out.heavy = parent.is_heavy();
            match (belongs, parent.weight) {
                (false, _) => {
                    out.claused = true;
                    clauses.insert(0, role_clause(&role, &parent, number));
                }
                (true, Weight::It) if !recorded => "its ".clone_into(&mut out.its),
                (true, Weight::Clause) if out.claused => clauses.push(belonging(&parent)),
                (true, _) => {
                    owned = true;
                    out.after = self.belonging_phrase(&parent, number, recorded, out.claused);
                }
            }
        }
        if !clauses.is_empty() {
            out.after.push_str(&self.construction(&clauses, number, owned));
        }
        out
    }

    /// A row that is called by its role: "ZRH" is enough where "origin airport" stands beside it.
    fn in_role(&mut self, role: &str, of: &Entity) -> Np {
        let mut np = self.entity(of);
        if let Entity::Named { table, row } = of
            && np.text == self.named(*table, *row)
            && role.ends_with(self.singular(*table))
        {
            self.group.tables[*table].label_of(*row).clone_into(&mut np.text);
        }
        np
    }

    /// " of the element Gold"
    fn belonging_phrase(&mut self, parent: &Np, number: Number, recorded: bool, claused: bool) -> String {
        let parent = &parent.text;
        if recorded {
            return format!(" for {parent}");
        }
        match self.pick.below(6) {
            _ if claused => format!(" of {parent}"),
            1 => format!(" belonging to {parent}"),
            2 if number == Number::Many => format!(" that belong to {parent}"),
            3 if !parent.contains("listed under") => format!(" listed under {parent}"),
            _ => format!(" of {parent}"),
        }
    }

    /// " with … and …", " whose … and whose …", " that …"; after an owner, "whose" would be understood of that one.
    fn construction(&mut self, clauses: &[Clause], number: Number, owned: bool) -> String {
        let nouns: Option<Vec<String>> = clauses.iter().map(|clause| clause.noun.clone()).collect();
        let whose: Option<Vec<String>> = clauses.iter().map(|clause| clause.whose.clone()).collect();
        match (self.pick.below(5), nouns, whose) {
            (0 | 1, Some(nouns), _) => format!(" with {}", words::list(&nouns, "and")),
            (2 | 3, _, Some(whose)) if !owned => {
                let parts: Vec<String> = whose.iter().map(|part| format!("whose {part}")).collect();
                format!(" {}", words::list(&parts, "and"))
            }
            _ => format!(" that {}", predicates(clauses, number)),
        }
    }

    /// What rows must be like as the rest of a sentence: "belong to the element Gold and have parity +".
    pub(super) fn predicate(
        &mut self,
        rows: &Rows,
        conditions: &[Condition],
        with_of: bool,
    ) -> Option<String> {
        let conditioned = Rows { table: rows.table, of: None, conditions: conditions.to_vec() };
        let mut clauses = self.clauses(&conditioned, Number::Many);
        if let (Some((link, of)), true) = (&rows.of, with_of) {
            let (belongs, role) = (self.group.links[*link].belongs, self.group.links[*link].role.clone());
            let parent = if belongs { self.entity(of) } else { self.in_role(&role, of) };
            let clause = if belongs { belonging(&parent) } else { role_clause(&role, &parent, Number::Many) };
            // What ends in a clause goes last.
            if parent.is_heavy() { clauses.push(clause) } else { clauses.insert(0, clause) }
        }
        (!clauses.is_empty()).then(|| predicates(&clauses, Number::Many))
    }

    fn clauses(&mut self, rows: &Rows, number: Number) -> Vec<Clause> {
        let mut out = Vec::new();
        let mut at = 0;
        while let Some(condition) = rows.conditions.get(at) {
            let column = self.column(rows.table, condition.column);
            let next = rows.conditions.get(at + 1).filter(|next| next.column == condition.column);
            match (&condition.test, next.map(|next| &next.test)) {
                (Test::AtLeast(Bound::Said(low)), Some(Test::AtMost(Bound::Said(high))))
                | (Test::AtMost(Bound::Said(high)), Some(Test::AtLeast(Bound::Said(low)))) => {
                    out.push(self.range(column, low, high));
                    at += 1;
                }
                (Test::Is(cell), _) => out.push(self.is(column, cell, number)),
                (Test::AtLeast(bound), _) => out.push(self.bound(column, bound, true)),
                (Test::AtMost(bound), _) => out.push(self.bound(column, bound, false)),
            }
            at += 1;
        }
        out
    }

    fn is(&mut self, column: &Column, cell: &Cell, number: Number) -> Clause {
        let words = &column.words;
        if let Cell::Bool(value) = cell {
            return flag(column, *value);
        }
        // What the owner calls a value stands before the noun: "positive-parity isotopes".
        if let Some(own) = column.say.values.get(&words::number(cell)) {
            return Clause { adjective: Some(own.clone()), be: Some(own.clone()), ..Clause::default() };
        }
        let value = words::category(cell);
        let is =
            if number == Number::Many || !words::is_plural(words) { words::is_are(words) } else { "are" };
        // What something is, rather than has: "of the kind galaxy".
        if ["kind", "type", "category", "class"].contains(&words.as_str()) {
            let whose = Some(format!("{words} {is} {value}"));
            return Clause { be: Some(format!("of the {words} {value}")), whose, ..Clause::default() };
        }
        let noun = match self.pick.below(3) {
            2 => format!("the {words} {value}"),
            1 if value.starts_with(char::is_uppercase) && !words::is_plural(words) => {
                format!("{value} as {} {words}", their(number))
            }
            _ => format!("{words} {value}"),
        };
        let whose = match self.pick.below(3) {
            0 => format!("{words} {is} given as {value}"),
            _ => format!("{words} {is} {value}"),
        };
        Clause { noun: Some(noun), whose: Some(whose), ..Clause::default() }
    }

    fn said(&self, column: &Column, cell: &Cell) -> String {
        match (column.kind, cell) {
            (Kind::Date, Cell::Text(text)) => words::date(text, self.style.written_dates),
            _ => words::amount(cell, column.unit),
        }
    }

    fn range(&mut self, column: &Column, low: &Cell, high: &Cell) -> Clause {
        let words = &column.words;
        let low = if column.kind == Kind::Date { self.said(column, low) } else { words::number(low) };
        let (high, a) = (self.said(column, high), indefinite(words));
        let verb = if words::is_plural(words) { "lie" } else { "lies" };
        let (noun, whose) = match self.pick.below(2) {
            0 => (
                format!("{a}{words} from {low} to {high} inclusive"),
                format!("{words} {verb} between {low} and {high} inclusive"),
            ),
            _ => (
                format!("{a}{words} between {low} and {high} inclusive"),
                format!("{words} {} from {low} to {high} inclusive", words::is_are(words)),
            ),
        };
        Clause { noun: Some(noun), whose: Some(whose), ..Clause::default() }
    }

    fn bound(&mut self, column: &Column, bound: &Bound, least: bool) -> Clause {
        let (words, is, a) = (&column.words, words::is_are(&column.words), indefinite(&column.words));
        let scale = Scale::of(column);
        let (noun, whose) = match bound {
            Bound::Found(scalar) => {
                let limit = self.found(column, scalar);
                let (more, less) = (scale.comparative(least), scale.comparative(!least));
                let as_high = format!("at least as {} as {limit}", scale.positive(least));
                match self.pick.below(4) {
                    0 => (format!("{a}{words} {as_high}"), format!("{words} {is} {as_high}")),
                    1 => (
                        format!("{a}{words} no {less} than {limit}"),
                        format!("{words} {is} no {less} than {limit}"),
                    ),
                    2 => (
                        format!("{a}{words} equal to {limit} or {more}"),
                        format!("{words} {is} equal to {limit} or {more}"),
                    ),
                    _ => (
                        format!("{a}{words} not {less} than {limit}"),
                        format!("{words} {is} not {less} than {limit}"),
                    ),
                }
            }
            Bound::Said(cell) => {
                let value = self.said(column, cell);
                if let (Some(rest), Kind::Integer) = (words.strip_prefix("number of "), column.kind) {
                    let at = if least { "at least" } else { "at most" };
                    (format!("{at} {value} {rest}"), format!("{words} is {at} {value}"))
                } else if scale == Scale::Time {
                    let on = time_limit(&value, column.kind == Kind::Date, least, self.pick.below(3));
                    let of = if on.starts_with(char::is_numeric) { "of " } else { "" };
                    (format!("{a}{words} {of}{on}"), format!("{words} {is} {on}"))
                } else {
                    let limit = number_limit(&value, least, self.pick.below(4));
                    let less = scale.comparative(!least);
                    let whose = match self.pick.below(4) {
                        0 => format!("{words} {is} no {less} than {value}"),
                        1 => format!("{words} {is} {value} or {}", scale.comparative(least)),
                        _ => format!("{words} {is} {limit}"),
                    };
                    (format!("{a}{words} of {limit}"), whose)
                }
            }
        };
        Clause { noun: Some(noun), whose: Some(whose), ..Clause::default() }
    }

    /// The value that a bound is found as: "that of the isotope Au-198".
    fn found(&mut self, column: &Column, scalar: &Scalar) -> String {
        if let Scalar::Field { of, column: at } = scalar {
            let table = of.table(&self.group.links);
            let (words, np) = (&self.column(table, *at).words, self.entity(of));
            if *words == column.words && !matches!(np.weight, Weight::It) {
                return format!("{} of {}", if words::is_plural(words) { "those" } else { "that" }, np.text);
            }
            return np.possess(words);
        }
        self.noun(scalar, super::values::UnitSaid::No)
    }
}

fn their(number: Number) -> &'static str {
    if number == Number::One { "its" } else { "their" }
}

/// "a ", "an " or, before a plural, nothing.
fn indefinite(words: &str) -> String {
    if words::is_plural(words) { String::new() } else { format!("{} ", words::article(words)) }
}

fn time_limit(value: &str, day: bool, least: bool, form: usize) -> String {
    match (form, least) {
        (0, true) => format!("no earlier than {value}"),
        (0, false) => format!("no later than {value}"),
        (1, true) if day => format!("on or after {value}"),
        (1, false) if day => format!("on or before {value}"),
        (1, true) => format!("{value} or later"),
        (1, false) => format!("{value} or earlier"),
        (_, true) => format!("not before {value}"),
        (_, false) => format!("not after {value}"),
    }
}

fn number_limit(value: &str, least: bool, form: usize) -> String {
    match (form, least) {
        (0, true) => format!("{value} or more"),
        (0, false) => format!("{value} or less"),
        (1, true) => format!("no less than {value}"),
        (1, false) => format!("no more than {value}"),
        (2, false) if !value.starts_with('-') => format!("up to {value}"),
        (_, true) => format!("at least {value}"),
        (_, false) => format!("at most {value}"),
    }
}

/// A flag as an adjective, as something that a row has, or as a mark.
fn flag(column: &Column, value: bool) -> Clause {
    let words = &column.words;
    let own = column.say.values.get(if value { "true" } else { "false" });
    if let Some(own) = own {
        return Clause { adjective: Some(own.clone()), be: Some(own.clone()), ..Clause::default() };
    }
    if column.name.starts_with("has_") {
        let noun = if value { words.clone() } else { format!("no {words}") };
        return Clause { noun: Some(noun), ..Clause::default() };
    }
    let not = if value { "" } else { "not " };
    if column.name.starts_with("is_") {
        let adjective = match (words.contains(' '), words.contains('-'), value) {
            (false, _, true) => Some(words.clone()),
            (false, false, false) => Some(format!("non-{words}")),
            (true, _, _) | (false, true, false) => None,
        };
        return Clause { adjective, be: Some(format!("{not}{words}")), ..Clause::default() };
    }
    Clause { be: Some(format!("{not}marked as {words}")), ..Clause::default() }
}

/// "have ZRH as their origin airport"
fn role_clause(role: &str, parent: &Np, number: Number) -> Clause {
    let noun = format!("{} as {} {role}", parent.text, their(number));
    let whose = (!matches!(parent.weight, Weight::It)).then(|| format!("{role} is {}", parent.text));
    if parent.is_heavy() {
        let verb = Some((format!("has {noun}"), format!("have {noun}")));
        return Clause { whose, verb, ..Clause::default() };
    }
    Clause { noun: Some(noun), whose, ..Clause::default() }
}

/// "belong to the element Gold"
fn belonging(parent: &Np) -> Clause {
    let text = &parent.text;
    Clause { verb: Some((format!("belongs to {text}"), format!("belong to {text}"))), ..Clause::default() }
}

/// Conditions as one predicate, with one "have" for neighbours.
fn predicates(clauses: &[Clause], number: Number) -> String {
    let (have, are) = if number == Number::One { ("has", "is") } else { ("have", "are") };
    let mut parts: Vec<String> = Vec::new();
    let mut having: Vec<String> = Vec::new();
    let mut last: Vec<String> = Vec::new();
    let verb_first = clauses.first().is_some_and(|clause| clause.noun.is_none() && clause.verb.is_some());
    for clause in clauses {
        match clause.predicate(number) {
            Predicate::Be(text) => parts.push(format!("{are} {text}")),
            Predicate::Have(text) => having.push(text),
            Predicate::Verb(text) => last.push(text),
        }
    }
    if !having.is_empty() {
        parts.push(format!("{have} {}", words::list(&having, "and")));
    }
    let (first, second) = if verb_first { (last, parts) } else { (parts, last) };
    words::list(&[first, second].concat(), "and")
}
