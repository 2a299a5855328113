//! The desks' own words in English: what an entry is called, made and ended as.

use crate::errand::theme::{Extra, Theme};

/// A desk's own words.
pub(super) struct Say {
    pub(super) noun: &'static str,
    pub(super) article: &'static str,
    pub(super) plural: &'static str,
    pub(super) about: &'static [&'static str],
    pub(super) make: &'static [&'static str],
    pub(super) end: &'static [&'static str],
    pub(super) confirm: &'static str,
    /// After the word of a choice: "high priority".
    pub(super) choice: &'static str,
    /// The field that may be copied.
    pub(super) copy: &'static str,
}

/// The words of a desk.
pub(super) fn say_of(theme: &Theme) -> Say {
    match theme.extra {
        Extra::Queue => Say {
            noun: "review ticket",
            article: "a",
            plural: "review tickets",
            about: &["for", "on", "about"],
            make: &["file", "open", "raise", "create"],
            end: &["withdraw", "cancel"],
            confirm: "submit",
            choice: "priority",
            copy: "recorded value",
        },
        Extra::Due => Say {
            noun: "loan of the file",
            article: "a",
            plural: "file loans",
            about: &["on", "about"],
            make: &["register", "arrange", "request", "book"],
            end: &["cancel", "revoke"],
            confirm: "confirm",
            choice: "handling",
            copy: "value",
        },
        Extra::SameDay => Say {
            noun: "inspection appointment",
            article: "an",
            plural: "inspection appointments",
            about: &["for", "about"],
            make: &["book", "arrange", "schedule", "reserve"],
            end: &["cancel", "drop"],
            confirm: "confirm",
            choice: "scope",
            copy: "value",
        },
        Extra::OnRecord => Say {
            noun: "watch",
            article: "a",
            plural: "watches",
            about: &["on", "over"],
            make: &["create", "start", "place", "add"],
            end: &["remove", "end"],
            confirm: "activate",
            choice: "checks",
            copy: "threshold",
        },
        Extra::Price => Say {
            noun: "copy order",
            article: "a",
            plural: "copy orders",
            about: &["for", "of the sheet on"],
            make: &["place", "submit", "enter", "create"],
            end: &["cancel", "annul"],
            confirm: "release",
            choice: "delivery",
            copy: "cover text",
        },
        Extra::Load => Say {
            noun: "checking task",
            article: "a",
            plural: "checking tasks",
            about: &["for", "on"],
            make: &["create", "plan", "open", "add"],
            end: &["drop", "cancel"],
            confirm: "release",
            choice: "grade",
            copy: "baseline",
        },
    }
}
