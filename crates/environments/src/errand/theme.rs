//! What desks there are: which entries they keep about the rows of a table, by which rules, and how their tools speak.
//!
//! A desk keeps entries about records, so that it fits any table: a review ticket, a loan of a record's file, an
//! appointment to go through it, a watch on it, an order of printed copies, a checking task. Each differs from the others
//! in fields, rules and what its tools compute. Every name comes in [`DIALECTS`] spellings, so that an agent cannot rely
//! on the one it learnt; the rules stay the same, for they are the desk's business and not its dialect's.

/// How many spellings each name has.
pub(crate) const DIALECTS: usize = 4;

/// The year in which every desk takes dates, stated in its documents: nothing depends on the clock.
pub(crate) const YEAR: i16 = 2027;

/// A desk.
#[derive(Debug, PartialEq)]
pub(crate) struct Theme {
    /// Its name in shapes and reports.
    pub(crate) key: &'static str,
    /// Start of entry ids.
    pub(crate) prefix: &'static str,
    /// What an entry is called in documents, singular and plural.
    pub(crate) noun: (&'static str, &'static str),
    pub(crate) names: Names,
    pub(crate) fields: &'static [Field],
    /// Open entries that one person may have.
    pub(crate) limit: usize,
    /// What the tools compute about an entry.
    pub(crate) extra: Extra,
}

/// Spellings.
#[derive(Debug, PartialEq)]
pub(crate) struct Names {
    pub(crate) create: [&'static str; DIALECTS],
    pub(crate) update: [&'static str; DIALECTS],
    pub(crate) cancel: [&'static str; DIALECTS],
    pub(crate) confirm: [&'static str; DIALECTS],
    pub(crate) list: [&'static str; DIALECTS],
    pub(crate) get: [&'static str; DIALECTS],
    /// Where the state keeps entries, and where lists return them.
    pub(crate) entries: [&'static str; DIALECTS],
    pub(crate) id: [&'static str; DIALECTS],
    pub(crate) person: [&'static str; DIALECTS],
    pub(crate) people: [&'static str; DIALECTS],
    pub(crate) status: [&'static str; DIALECTS],
    /// Words of the status: draft, open, done, cancelled.
    pub(crate) stages: [[&'static str; 4]; DIALECTS],
    pub(crate) extra: [&'static str; DIALECTS],
    /// Number of a person's open entries.
    pub(crate) open_now: [&'static str; DIALECTS],
}

/// What a field of an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// One of a few words; the first is the default.
    Choice,
    /// A value that may be copied from the record.
    Copy,
    Day,
    /// A time of day out of a few.
    Slot,
    /// A whole number.
    Amount,
    /// The user's own words.
    Note,
}

/// One field of an entry beside record and person.
#[derive(Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) part: Part,
    pub(crate) names: [&'static str; DIALECTS],
    /// For documents.
    pub(crate) about: &'static str,
    /// Whether an entry must have it; a choice has a default instead.
    pub(crate) required: bool,
    /// Whether it may be changed later.
    pub(crate) mutable: bool,
    /// What it may be: words with their Chinese, for [`Part::Choice`] and [`Part::Slot`].
    pub(crate) words: &'static [(&'static str, &'static str)],
    /// Least and most of an amount.
    pub(crate) range: (i64, i64),
}

/// What the tools compute about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    /// How many open entries have at least its choice's rank, itself among them.
    Queue,
    /// Day plus amount of days.
    Due,
    /// How many open entries there are on its day.
    SameDay,
    /// How many open entries there are on its record.
    OnRecord,
    /// Amount times the record's price plus the choice's fee.
    Price,
    /// Sum of the amounts of the person's open entries; at most [`MAX_LOAD`].
    Load,
}

/// Most hours a person may have open.
pub(crate) const MAX_LOAD: i64 = 60;
/// Fees of the choices of [`Extra::Price`], in order.
pub(crate) const FEES: [f64; 3] = [0.0, 9.5, 24.0];

const fn field(part: Part, names: [&'static str; DIALECTS], about: &'static str) -> Field {
    Field { part, names, about, required: true, mutable: true, words: &[], range: (0, 0) }
}

const SLOTS: &[(&str, &str)] = &[
    ("08:30", "08:30"),
    ("09:45", "09:45"),
    ("11:00", "11:00"),
    ("13:15", "13:15"),
    ("14:30", "14:30"),
    ("16:00", "16:00"),
];

/// All desks.
pub(crate) static THEMES: [Theme; 6] = [
    Theme {
        key: "review",
        prefix: "tk",
        noun: ("review ticket", "review tickets"),
        names: Names {
            create: ["create_review_ticket", "file_review", "ticket_new", "register_data_issue"],
            update: ["update_review_ticket", "amend_review", "ticket_edit", "change_data_issue"],
            cancel: ["withdraw_review_ticket", "cancel_review", "ticket_close", "retract_data_issue"],
            confirm: ["submit_review_ticket", "confirm_review", "ticket_submit", "publish_data_issue"],
            list: ["list_review_tickets", "reviews_on_file", "ticket_index", "data_issues"],
            get: ["get_review_ticket", "review_details", "ticket_show", "data_issue_card"],
            entries: ["tickets", "reviews", "items", "issues"],
            id: ["ticket_id", "review_no", "ticket", "issue_key"],
            person: ["reporter", "opened_by", "author", "reported_by"],
            people: ["members", "staff", "users", "team"],
            status: ["status", "state_of_review", "stage", "status"],
            stages: [
                ["draft", "open", "resolved", "withdrawn"],
                ["prepared", "pending", "done", "cancelled"],
                ["draft", "active", "closed", "void"],
                ["new", "open", "settled", "retracted"],
            ],
            extra: ["queue_position", "place_in_queue", "position", "rank_in_backlog"],
            open_now: [
                "open_tickets_of_reporter",
                "pending_of_person",
                "active_by_author",
                "open_by_reporter",
            ],
        },
        fields: &[
            field(
                Part::Note,
                ["note", "remark", "comment", "text"],
                "What is to be checked, in the reporter's words.",
            ),
            Field {
                required: false,
                words: &[("normal", "普通"), ("high", "高"), ("urgent", "紧急")],
                ..field(
                    Part::Choice,
                    ["priority", "urgency", "level", "severity"],
                    "How soon it must be looked at.",
                )
            },
            Field {
                required: false,
                mutable: false,
                ..field(
                    Part::Copy,
                    ["recorded_value", "value_seen", "current_value", "observed"],
                    "The value that the record shows now, number or text, where one is disputed.",
                )
            },
        ],
        limit: 5,
        extra: Extra::Queue,
    },
    Theme {
        key: "loan",
        prefix: "ln",
        noun: ("file loan", "file loans"),
        names: Names {
            create: ["request_file_loan", "lend_file", "loan_create", "checkout_dossier"],
            update: ["change_file_loan", "adjust_lending", "loan_modify", "amend_checkout"],
            cancel: ["cancel_file_loan", "revoke_lending", "loan_cancel", "void_checkout"],
            confirm: ["confirm_file_loan", "approve_lending", "loan_confirm", "finalise_checkout"],
            list: ["list_file_loans", "lendings", "loan_search", "checkouts"],
            get: ["get_file_loan", "lending_info", "loan_read", "checkout_slip"],
            entries: ["loans", "lendings", "results", "checkouts"],
            id: ["loan_id", "lending_no", "loan_ref", "slip"],
            person: ["borrower", "reader", "lent_to", "patron"],
            people: ["borrowers", "readers", "accounts", "patrons"],
            status: ["status", "condition", "loan_status", "standing"],
            stages: [
                ["requested", "active", "returned", "cancelled"],
                ["prepared", "open", "closed", "revoked"],
                ["tentative", "running", "ended", "cancelled"],
                ["pencilled", "current", "back", "void"],
            ],
            extra: ["due_back", "return_by", "ends_on", "due_date"],
            open_now: ["active_loans", "open_lendings", "running_loans", "current_checkouts"],
        },
        fields: &[
            field(Part::Day, ["from_date", "lent_on", "start", "pickup_day"], "First day of the loan."),
            Field {
                range: (1, 60),
                ..field(
                    Part::Amount,
                    ["days", "duration_days", "length_days", "period"],
                    "Length of the loan in days.",
                )
            },
            Field {
                required: false,
                words: &[("standard", "普通"), ("careful", "小心"), ("escorted", "专人护送")],
                ..field(
                    Part::Choice,
                    ["handling", "care", "transport", "treatment"],
                    "How the file is handled.",
                )
            },
        ],
        limit: 4,
        extra: Extra::Due,
    },
    Theme {
        key: "visit",
        prefix: "ap",
        noun: ("inspection appointment", "inspection appointments"),
        names: Names {
            create: ["book_inspection", "schedule_visit", "appointment_add", "reserve_review_slot"],
            update: ["rebook_inspection", "reschedule_visit", "appointment_move", "shift_review_slot"],
            cancel: ["cancel_inspection", "call_off_visit", "appointment_drop", "release_review_slot"],
            confirm: ["confirm_inspection", "fix_visit", "appointment_confirm", "secure_review_slot"],
            list: ["list_inspections", "visits_planned", "appointment_list", "review_slots_taken"],
            get: ["get_inspection", "visit_details", "appointment_get", "review_slot_card"],
            entries: ["inspections", "visits", "appointments", "slots_taken"],
            id: ["inspection_id", "visit_no", "appointment", "booking_key"],
            person: ["inspector", "visitor", "attendee", "booked_for"],
            people: ["inspectors", "visitors", "attendees", "people"],
            status: ["status", "stage", "booking_status", "status"],
            stages: [
                ["tentative", "booked", "held", "cancelled"],
                ["tentative", "planned", "over", "called_off"],
                ["optional", "fixed", "past", "dropped"],
                ["pencilled", "reserved", "used", "released"],
            ],
            extra: ["booked_that_day", "visits_on_day", "appointments_same_day", "slots_taken_on_day"],
            open_now: ["booked_for_inspector", "planned_visits", "fixed_for_attendee", "reserved_for_person"],
        },
        fields: &[
            field(Part::Day, ["day", "visit_date", "date_on", "on"], "Day of the appointment."),
            Field {
                words: SLOTS,
                ..field(Part::Slot, ["slot", "at", "time_of_day", "begins"], "When it begins.")
            },
            Field {
                required: false,
                mutable: false,
                words: &[("brief", "简要"), ("full", "全面"), ("extended", "扩展")],
                ..field(Part::Choice, ["scope", "extent", "depth", "thoroughness"], "How much it covers.")
            },
        ],
        limit: 4,
        extra: Extra::SameDay,
    },
    Theme {
        key: "watch",
        prefix: "wt",
        noun: ("watch", "watches"),
        names: Names {
            create: ["add_record_watch", "subscribe_changes", "watch_create", "start_monitoring"],
            update: ["edit_record_watch", "adjust_subscription", "watch_update", "tune_monitoring"],
            cancel: ["remove_record_watch", "unsubscribe_changes", "watch_stop", "end_monitoring"],
            confirm: ["activate_record_watch", "enable_subscription", "watch_activate", "arm_monitoring"],
            list: ["list_record_watches", "subscriptions", "watch_list", "monitors"],
            get: ["get_record_watch", "subscription_info", "watch_get", "monitor_details"],
            entries: ["watches", "subscriptions", "hits", "monitors"],
            id: ["watch_id", "subscription_no", "watch_ref", "monitor"],
            person: ["watcher", "subscriber", "recipient", "notify_person"],
            people: ["watchers", "subscribers", "recipients", "contacts"],
            status: ["status", "state_of_watch", "status", "mode"],
            stages: [
                ["idle", "active", "expired", "removed"],
                ["disabled", "enabled", "ended", "unsubscribed"],
                ["draft", "running", "finished", "stopped"],
                ["unarmed", "armed", "over", "ended"],
            ],
            extra: [
                "watchers_of_record",
                "subscriptions_on_record",
                "active_on_record",
                "monitors_on_record",
            ],
            open_now: [
                "active_watches",
                "enabled_for_subscriber",
                "running_for_recipient",
                "armed_for_person",
            ],
        },
        fields: &[
            field(
                Part::Copy,
                ["threshold", "reference_level", "limit_value", "baseline"],
                "The number from which a deviation is reported.",
            ),
            Field {
                required: false,
                words: &[("daily", "每天"), ("weekly", "每周"), ("hourly", "每小时")],
                ..field(
                    Part::Choice,
                    ["interval", "frequency", "checked", "cadence"],
                    "How often the record is looked at.",
                )
            },
        ],
        limit: 5,
        extra: Extra::OnRecord,
    },
    Theme {
        key: "order",
        prefix: "or",
        noun: ("copy order", "copy orders"),
        names: Names {
            create: ["place_copy_order", "order_sheets", "order_create", "request_prints"],
            update: ["revise_copy_order", "change_sheets_order", "order_update", "revise_prints"],
            cancel: ["cancel_copy_order", "annul_sheets_order", "order_cancel", "drop_prints"],
            confirm: ["release_copy_order", "confirm_sheets_order", "order_submit", "approve_prints"],
            list: ["list_copy_orders", "sheets_orders", "order_history", "print_requests"],
            get: ["get_copy_order", "sheets_order_info", "order_get", "print_request_details"],
            entries: ["orders", "sheet_orders", "history", "requests"],
            id: ["order_id", "order_no", "order_ref", "request_key"],
            person: ["customer", "ordered_by", "client", "requester"],
            people: ["customers", "accounts", "clients", "requesters"],
            status: ["status", "progress", "order_state", "status"],
            stages: [
                ["draft", "placed", "delivered", "cancelled"],
                ["basket", "ordered", "shipped", "annulled"],
                ["draft", "open", "complete", "cancelled"],
                ["noted", "queued", "printed", "dropped"],
            ],
            extra: ["total_price", "amount_due", "order_total", "cost"],
            open_now: [
                "placed_orders_of_customer",
                "ordered_by_person",
                "open_for_client",
                "queued_of_requester",
            ],
        },
        fields: &[
            Field {
                range: (1, 80),
                ..field(
                    Part::Amount,
                    ["quantity", "copies", "count_of_copies", "sheets"],
                    "Number of printed copies.",
                )
            },
            Field {
                required: false,
                words: &[("standard", "普通"), ("express", "加急"), ("courier", "专递")],
                ..field(
                    Part::Choice,
                    ["delivery", "shipping", "dispatch", "sent_by"],
                    "How they are sent: standard is free, express costs 9.50, courier 24.00 an order.",
                )
            },
            Field {
                required: false,
                mutable: false,
                ..field(
                    Part::Copy,
                    ["label", "cover_text", "heading", "imprint"],
                    "What is printed on the cover, a text or number; nothing by default.",
                )
            },
        ],
        limit: 4,
        extra: Extra::Price,
    },
    Theme {
        key: "task",
        prefix: "ts",
        noun: ("checking task", "checking tasks"),
        names: Names {
            create: ["assign_checking_task", "add_curation_job", "task_create", "plan_verification"],
            update: ["change_checking_task", "edit_curation_job", "task_update", "replan_verification"],
            cancel: ["drop_checking_task", "cancel_curation_job", "task_cancel", "unplan_verification"],
            confirm: ["release_checking_task", "start_curation_job", "task_confirm", "schedule_verification"],
            list: ["list_checking_tasks", "curation_jobs", "task_query", "verifications"],
            get: ["get_checking_task", "curation_job_info", "task_get", "verification_sheet"],
            entries: ["tasks", "jobs", "found", "verifications"],
            id: ["task_id", "job_no", "task_ref", "verification"],
            person: ["assignee", "curator", "worker", "responsible"],
            people: ["assignees", "curators", "workers", "employees"],
            status: ["status", "phase", "task_status", "status"],
            stages: [
                ["planned", "open", "finished", "dropped"],
                ["drafted", "assigned", "completed", "cancelled"],
                ["draft", "todo", "done", "cancelled"],
                ["sketched", "scheduled", "verified", "unplanned"],
            ],
            extra: ["open_hours_of_assignee", "assigned_hours", "workload_hours", "scheduled_hours"],
            open_now: ["open_tasks_of_assignee", "assigned_jobs", "todo_of_worker", "scheduled_for_person"],
        },
        fields: &[
            field(Part::Day, ["deadline", "due", "finish_by", "until"], "Last day for it."),
            Field {
                range: (1, 20),
                ..field(
                    Part::Amount,
                    ["hours", "effort_hours", "estimate", "planned_hours"],
                    "Hours set aside for it.",
                )
            },
            Field {
                required: false,
                words: &[("routine", "常规"), ("careful", "细致"), ("expert", "专家")],
                ..field(Part::Choice, ["grade", "rigour", "level", "standard"], "How demanding the check is.")
            },
            Field {
                required: false,
                mutable: false,
                ..field(
                    Part::Copy,
                    ["baseline", "starting_value", "reference", "value_before"],
                    "The value to be checked as it stands, number or text; nothing by default.",
                )
            },
        ],
        limit: 5,
        extra: Extra::Load,
    },
];

impl Theme {
    /// The field of this part.
    pub(crate) fn field(&self, part: Part) -> Option<usize> {
        self.fields.iter().position(|field| field.part == part)
    }

    /// Whether prices are kept for records.
    pub(crate) fn has_prices(&self) -> bool {
        self.extra == Extra::Price
    }

    /// Fields on which the computed value depends.
    pub(crate) fn moves_extra(&self, part: Part) -> bool {
        match self.extra {
            Extra::Queue => part == Part::Choice,
            Extra::Due => matches!(part, Part::Day | Part::Amount),
            Extra::SameDay => part == Part::Day,
            Extra::OnRecord => false,
            Extra::Price => matches!(part, Part::Amount | Part::Choice),
            Extra::Load => part == Part::Amount,
        }
    }
}
