//! How the tools of one arena speak: verbs, parameters and fields, one column of a table of synonyms.
//!
//! A fixed table, so that arenas of one dialect over the same world share their code byte for byte (code objects are
//! cached by source), while an agent that learnt one spelling cannot rely on it in the next arena.

/// How many dialects there are.
pub(crate) const DIALECTS: usize = 6;

/// A word that tools need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    SearchVerb,
    FindVerb,
    FindSuffix,
    GetVerb,
    GetSuffix,
    BriefVerb,
    BriefSuffix,
    ListVerb,
    CountVerb,
    SummaryVerb,
    ConvertVerb,
    CalculateName,
    DaysName,
    Query,
    Limit,
    Offset,
    Hits,
    Items,
    Total,
    PageTotal,
    Property,
    PropertyValue,
    SortBy,
    Order,
    Ascending,
    Descending,
    MinPrefix,
    MinSuffix,
    MaxPrefix,
    MaxSuffix,
    Metric,
    Statistic,
    Mean,
    Count,
    Result,
    Value,
    FromUnit,
    ToUnit,
    Operation,
    A,
    B,
    StartDate,
    EndDate,
}

impl Word {
    /// The six synonyms.
    const fn all(self) -> [&'static str; DIALECTS] {
        match self {
            Self::SearchVerb => ["search", "lookup", "query", "browse", "match", "find"],
            Self::FindVerb => ["find", "resolve", "get", "describe", "read", "lookup"],
            Self::FindSuffix => ["_by_name", "_record", "_entry", "", "_card", "_by_label"],
            Self::GetVerb => ["get", "fetch", "load", "retrieve", "open", "show"],
            Self::GetSuffix => ["", "_details", "_by_key", "_record", "_by_number", "_by_id"],
            Self::BriefVerb => ["preview", "peek", "glance", "outline", "skim", "brief"],
            Self::BriefSuffix => ["", "_brief", "_headline", "_summary", "_stub", "_overview"],
            Self::ListVerb => ["list", "filter", "enumerate", "select", "page_through", "tabulate"],
            Self::CountVerb => ["count", "tally", "num", "how_many", "size_of", "count"],
            Self::SummaryVerb => ["summarize", "aggregate", "stats_for", "analyze", "measure", "rollup"],
            Self::ConvertVerb => ["convert", "translate", "recalculate", "change", "express", "rescale"],
            Self::CalculateName => ["calculate", "compute", "arithmetic", "calc", "evaluate", "combine"],
            Self::DaysName => {
                ["datediff", "date_gap", "elapsed_days", "calendar_span", "date_distance", "daycount"]
            }
            Self::Query => ["query", "text", "keywords", "name_words", "term", "search_term"],
            Self::Limit => ["limit", "max_results", "top_k", "page_size", "per_page", "max_hits"],
            Self::Offset => ["offset", "skip", "start_at", "first_index", "from_position", "offset"],
            Self::Hits => ["results", "matches", "hits", "items", "candidates", "found"],
            Self::Items => ["items", "entries", "records", "rows", "listing", "elements_found"],
            Self::Total => ["count", "total", "n", "number", "size", "quantity"],
            Self::PageTotal => ["total", "matched", "total_count", "available", "size", "all_hits"],
            Self::Property => ["property", "field", "attribute", "column", "item", "key"],
            Self::PropertyValue => ["value", "content", "value", "cell", "data", "result"],
            Self::SortBy => ["sort_by", "order_by", "sort_key", "ranked_by", "sort_field", "sorted_on"],
            Self::Order => ["order", "direction", "sort_order", "sequence", "direction", "order"],
            Self::Ascending => ["asc", "ascending", "up", "lowest_first", "asc", "increasing"],
            Self::Descending => ["desc", "descending", "down", "highest_first", "desc", "decreasing"],
            Self::MinPrefix => ["min_", "", "", "lowest_", "", "least_"],
            Self::MinSuffix => ["", "_from", "_gte", "", "_min", ""],
            Self::MaxPrefix => ["max_", "", "", "highest_", "", "most_"],
            Self::MaxSuffix => ["", "_to", "_lte", "", "_max", ""],
            Self::Metric => ["metric", "column", "measure", "quantity", "field", "variable"],
            Self::Statistic => ["statistic", "function", "agg", "operation", "statistic", "summary"],
            Self::Mean => ["mean", "average", "avg", "mean", "average", "mean"],
            Self::Count => ["count", "count", "n", "number_of_rows", "count", "size"],
            Self::Result => ["result", "value", "output", "outcome", "answer", "figure"],
            Self::Value => ["value", "amount", "quantity", "number", "magnitude", "reading"],
            Self::FromUnit => ["from_unit", "source_unit", "unit_in", "from_unit", "given_in", "unit"],
            Self::ToUnit => ["to_unit", "target_unit", "unit_out", "into_unit", "wanted_in", "new_unit"],
            Self::Operation => ["operation", "operator", "op", "kind", "mode", "action"],
            Self::A => ["a", "left", "x", "first_number", "operand_1", "first"],
            Self::B => ["b", "right", "y", "second_number", "operand_2", "second"],
            Self::StartDate => ["start_date", "date_a", "day_1", "first_date", "begin", "from_date"],
            Self::EndDate => ["end_date", "date_b", "day_2", "second_date", "finish", "until_date"],
        }
    }
}

/// One of the dialects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect(pub(crate) usize);

/// How documents are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// "Return …".
    Imperative,
    /// "Returns …".
    Descriptive,
}

impl Dialect {
    pub(crate) fn word(self, word: Word) -> &'static str {
        word.all()[self.0 % DIALECTS]
    }

    /// Default and largest page of a search and of a list.
    pub(crate) fn limits(self) -> (u32, u32) {
        [(5, 20), (10, 25), (3, 20), (8, 30), (6, 15), (5, 50)][self.0 % DIALECTS]
    }

    pub(crate) fn tone(self) -> Tone {
        if matches!(self.0 % DIALECTS, 1 | 2 | 5) { Tone::Imperative } else { Tone::Descriptive }
    }
}
