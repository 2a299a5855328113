//! How the tools of one arena speak: verbs, parameter and field names.
//!
//! A fixed list, so that arenas of one dialect over the same tables share their code byte for byte (code objects are
//! cached by source), while an agent that learnt one spelling cannot rely on it in the next arena.

/// Names used by all tools of an arena.
#[derive(Debug)]
pub(crate) struct Dialect {
    pub(crate) search_verb: &'static str,
    pub(crate) find_verb: &'static str,
    pub(crate) find_suffix: &'static str,
    pub(crate) get_verb: &'static str,
    pub(crate) get_suffix: &'static str,
    pub(crate) count_verb: &'static str,
    /// Parameter of a search.
    pub(crate) query: &'static str,
    /// Parameter that bounds a search.
    pub(crate) limit: &'static str,
    /// Its default and its largest value.
    pub(crate) limits: (u32, u32),
    /// Field that holds a search's candidates.
    pub(crate) hits: &'static str,
    /// Field that holds a count.
    pub(crate) total: &'static str,
    /// Parameter that names a property, and the field that holds its value.
    pub(crate) property: (&'static str, &'static str),
    /// Tone of the documents.
    pub(crate) tone: Tone,
}

/// How documents are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Imperative: "Return …".
    Imperative,
    /// Third person: "Returns …".
    Descriptive,
}

pub(crate) const DIALECTS: &[Dialect] = &[
    Dialect {
        search_verb: "search",
        find_verb: "find",
        find_suffix: "_by_name",
        get_verb: "get",
        get_suffix: "",
        count_verb: "count",
        query: "query",
        limit: "limit",
        limits: (5, 20),
        hits: "results",
        total: "count",
        property: ("property", "value"),
        tone: Tone::Descriptive,
    },
    Dialect {
        search_verb: "lookup",
        find_verb: "resolve",
        find_suffix: "_record",
        get_verb: "fetch",
        get_suffix: "_details",
        count_verb: "tally",
        query: "text",
        limit: "max_results",
        limits: (10, 25),
        hits: "matches",
        total: "total",
        property: ("field", "content"),
        tone: Tone::Imperative,
    },
    Dialect {
        search_verb: "query",
        find_verb: "get",
        find_suffix: "_entry",
        get_verb: "load",
        get_suffix: "_entry",
        count_verb: "num",
        query: "keywords",
        limit: "top_k",
        limits: (3, 10),
        hits: "hits",
        total: "n",
        property: ("attribute", "value"),
        tone: Tone::Imperative,
    },
    Dialect {
        search_verb: "browse",
        find_verb: "describe",
        find_suffix: "",
        get_verb: "retrieve",
        get_suffix: "_record",
        count_verb: "how_many",
        query: "name_contains",
        limit: "page_size",
        limits: (8, 30),
        hits: "items",
        total: "number",
        property: ("column", "cell"),
        tone: Tone::Descriptive,
    },
    Dialect {
        search_verb: "match",
        find_verb: "read",
        find_suffix: "_card",
        get_verb: "open",
        get_suffix: "_card",
        count_verb: "size_of",
        query: "term",
        limit: "limit",
        limits: (6, 15),
        hits: "candidates",
        total: "size",
        property: ("item", "data"),
        tone: Tone::Descriptive,
    },
    Dialect {
        search_verb: "find",
        find_verb: "lookup",
        find_suffix: "_by_label",
        get_verb: "show",
        get_suffix: "_by_id",
        count_verb: "count",
        query: "search_term",
        limit: "max_hits",
        limits: (5, 50),
        hits: "found",
        total: "quantity",
        property: ("key", "result"),
        tone: Tone::Imperative,
    },
];
