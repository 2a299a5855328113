//! Puts a tool's Python together from the templates of [`code`](super::code).

use super::code::{self, fill, quoted, tuple};
use super::{Offer, Toolbox, Word, identifier};
use crate::lower::{Of, Slot, Tool};
use crate::question::units::family;
use crate::tables::Kind;

pub(super) fn of(toolbox: &Toolbox, offer: Offer) -> String {
    let name = toolbox.offer_name(offer);
    match offer {
        Offer::Full(Tool::Search { table }) => search(toolbox, table, &name),
        Offer::Full(tool @ (Tool::Find { table } | Tool::Get { table })) => {
            record(toolbox, tool, table, &name)
        }
        Offer::Brief { table } => brief(toolbox, table, &name),
        Offer::Full(
            tool @ (Tool::List { table, of } | Tool::Count { table, of } | Tool::Summary { table, of }),
        ) => rows(toolbox, tool, (table, of), &name),
        Offer::Full(Tool::Convert { dimension }) => {
            let units: Vec<String> = family(dimension)
                .iter()
                .map(|unit| format!("{}: ({:?}, {:?})", quoted(unit.symbol), unit.factor, unit.offset))
                .collect();
            fill(
                code::CONVERT,
                &[
                    ("name", &name),
                    ("units", &units.join(", ")),
                    ("dimension", dimension.word()),
                    ("value", toolbox.word(Word::Value)),
                    ("from_unit", toolbox.word(Word::FromUnit)),
                    ("to_unit", toolbox.word(Word::ToUnit)),
                    ("result", toolbox.word(Word::Result)),
                ],
            )
        }
        // A desk writes its own.
        Offer::Full(Tool::Desk(_)) => String::new(),
        Offer::Full(tool @ (Tool::Calculate | Tool::Days)) => {
            let template = if tool == Tool::Days { code::DAYS } else { code::CALCULATE };
            fill(
                template,
                &[
                    ("name", &name),
                    ("operation", toolbox.word(Word::Operation)),
                    ("a", &toolbox.parameter(tool, Slot::A)),
                    ("b", &toolbox.parameter(tool, Slot::B)),
                    ("result", toolbox.word(Word::Result)),
                ],
            )
        }
    }
}

fn search(toolbox: &Toolbox, table: usize, name: &str) -> String {
    let (default, most) = toolbox.dialect.limits();
    fill(
        code::SEARCH,
        &[
            ("name", name),
            ("query", toolbox.word(Word::Query)),
            ("limit", toolbox.word(Word::Limit)),
            ("default", &default.to_string()),
            ("most", &most.to_string()),
            ("hits", toolbox.word(Word::Hits)),
            ("nouns", &toolbox.nouns(table)),
            ("table", &toolbox.table(table).name),
            ("label", toolbox.label(table)),
        ],
    )
}

fn record(toolbox: &Toolbox, tool: Tool, table: usize, name: &str) -> String {
    let by_name = matches!(tool, Tool::Find { .. });
    let (property, value) = (toolbox.word(Word::Property), toolbox.word(Word::PropertyValue));
    let (parameter, answer) = if toolbox.cut.property {
        (format!(", {property}"), fill(code::ONE, &[("property", property), ("value", value)]))
    } else {
        (String::new(), code::WHOLE.to_owned())
    };
    let subject = toolbox.parameter(tool, Slot::Subject);
    let noun = toolbox.noun(table);
    fill(
        &fill(
            if by_name { code::FIND } else { code::GET },
            &[("property_parameter", &parameter), ("answer", &answer)],
        ),
        &[
            ("name", name),
            ("subject", &subject),
            ("noun", &noun),
            ("label", toolbox.label(table)),
            ("table", &toolbox.table(table).name),
        ],
    )
}

fn brief(toolbox: &Toolbox, table: usize, name: &str) -> String {
    let fields = toolbox.brief_fields(table);
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let answer = fill(code::SOME, &[("fields", &tuple(&fields))]);
    fill(
        &fill(code::FIND, &[("property_parameter", ""), ("answer", &answer)]),
        &[
            ("name", name),
            ("subject", &identifier(toolbox.label(table))),
            ("noun", &toolbox.noun(table)),
            ("label", toolbox.label(table)),
            ("table", &toolbox.table(table).name),
        ],
    )
}

/// A list, a count or a statistic: whose rows, then each filter, then the end.
fn rows(toolbox: &Toolbox, tool: Tool, (table, of): (usize, Option<Of>), name: &str) -> String {
    let mut parameters: Vec<String> = Vec::new();
    let mut steps = String::new();
    steps.push_str(&whose(toolbox, tool, (table, of), &mut parameters));
    let Some(part) = toolbox.part(table) else { return String::new() };
    let mut dates = false;
    for column in &part.filters {
        let parameter = toolbox.parameter(tool, Slot::Is(*column));
        let source = toolbox.column(table, *column);
        let flag = source.kind == Kind::Bool;
        let (kind, typed) = if flag { ("bool", "true or false") } else { ("str", "text") };
        steps.push_str(&fill(
            code::IS,
            &[("parameter", &parameter), ("type", kind), ("typed", typed), ("column", &source.name)],
        ));
        parameters.push(format!("{parameter}=None"));
    }
    for (slot, sign, column) in part
        .ranges
        .iter()
        .flat_map(|column| [(Slot::Min(*column), ">=", column), (Slot::Max(*column), "<=", column)])
    {
        let parameter = toolbox.parameter(tool, slot);
        let source = toolbox.column(table, *column);
        let date = source.kind == Kind::Date;
        dates |= date;
        steps.push_str(&fill(
            if date { code::DATE_BOUND } else { code::NUMBER_BOUND },
            &[("parameter", &parameter), ("column", &source.name), ("sign", sign)],
        ));
        parameters.push(format!("{parameter}=None"));
    }
    let (end, purpose) = end(toolbox, tool, table, &mut parameters);
    let mut imports = String::new();
    if matches!(tool, Tool::Summary { .. }) {
        imports.push_str("import math\n");
    }
    if dates {
        imports.push_str("import re\n");
    }
    if !imports.is_empty() {
        imports.push('\n');
    }
    fill(
        code::ROWS,
        &[
            ("imports", &imports),
            ("name", name),
            ("parameters", &parameters.join(", ")),
            ("purpose", &purpose),
            ("steps", &steps),
            ("end", &end),
        ],
    )
}

fn whose(
    toolbox: &Toolbox,
    tool: Tool,
    (table, of): (usize, Option<Of>),
    parameters: &mut Vec<String>,
) -> String {
    let own = toolbox.table(table).name.as_str();
    let Some(of) = of else { return fill(code::ALL, &[("table", own)]) };
    let link = &toolbox.group.links[of.link];
    let subject = toolbox.parameter(tool, Slot::Subject);
    parameters.push(subject.clone());
    fill(
        if of.by_name { code::OF_NAME } else { code::OF_ID },
        &[
            ("subject", &subject),
            ("parent_table", &toolbox.table(link.parent).name),
            ("parent", &toolbox.noun(link.parent)),
            ("by", toolbox.label(link.parent)),
            ("table", own),
            ("field", &link.field),
        ],
    )
}

/// The end of a tool over rows and what the tool is for; adds the parameters that the end needs.
fn end(toolbox: &Toolbox, tool: Tool, table: usize, parameters: &mut Vec<String>) -> (String, String) {
    let nouns = toolbox.nouns(table);
    match tool {
        Tool::List { .. } => {
            let label = toolbox.label(table);
            let (default, most) = toolbox.dialect.limits();
            let sortable = toolbox.choices(tool, Slot::SortBy);
            let sortable: Vec<&str> = sortable.iter().filter_map(|name| name.as_str()).collect();
            let shown = if label == "id" {
                r#""id": row["id"]"#.to_owned()
            } else {
                format!(r#""id": row["id"], {0}: row[{0}]"#, quoted(label))
            };
            let (sort_by, order) = (toolbox.word(Word::SortBy), toolbox.word(Word::Order));
            let (limit, offset) = (toolbox.word(Word::Limit), toolbox.word(Word::Offset));
            let ascending = toolbox.word(Word::Ascending);
            parameters.push(format!("{sort_by}={}", quoted(label)));
            parameters.push(format!("{order}={}", quoted(ascending)));
            parameters.push(format!("{limit}={default}"));
            let pages = toolbox.pages(tool);
            if pages {
                parameters.push(format!("{offset}=0"));
            }
            let (numbers, rule, slice) = if pages {
                (
                    format!("({limit}, 1), ({offset}, 0)"),
                    format!("{limit} and {offset} must be whole numbers, {limit} at least 1"),
                    format!("{offset}:{offset} + {limit}"),
                )
            } else {
                let rule = format!("{limit} must be a whole number of at least 1");
                (format!("({limit}, 1),"), rule, format!(":{limit}"))
            };
            let holes = [
                ("numbers", numbers.as_str()),
                ("numbers_rule", &rule),
                ("slice", &slice),
                ("sort_by", sort_by),
                ("sortable", &tuple(&sortable)),
                ("order", order),
                ("asc", ascending),
                ("desc", toolbox.word(Word::Descending)),
                ("limit", limit),
                ("most", &most.to_string()),
                ("shown", &shown),
                ("items", toolbox.word(Word::Items)),
                ("page_total", toolbox.word(Word::PageTotal)),
            ];
            (fill(code::LIST_END, &holes), format!("List {nouns}."))
        }
        Tool::Summary { .. } => {
            let metrics = toolbox.choices(tool, Slot::Metric);
            let metrics: Vec<&str> = metrics.iter().filter_map(|name| name.as_str()).collect();
            let (statistic, metric) = (toolbox.word(Word::Statistic), toolbox.word(Word::Metric));
            // A parameter without default must not follow one with.
            let at = usize::from(parameters.first().is_some_and(|first| !first.contains('=')));
            parameters.insert(at, statistic.to_owned());
            parameters.push(format!("{metric}=None"));
            let holes = [
                ("statistic", statistic),
                ("metric", metric),
                ("metrics", &tuple(&metrics)),
                ("count", toolbox.word(Word::Count)),
                ("mean", toolbox.word(Word::Mean)),
                ("result", toolbox.word(Word::Result)),
            ];
            (fill(code::SUMMARY_END, &holes), format!("Compute a statistic over {nouns}."))
        }
        Tool::Count { .. } => {
            (fill(code::COUNT_END, &[("total", toolbox.word(Word::Total))]), format!("Count {nouns}."))
        }
        Tool::Search { .. }
        | Tool::Find { .. }
        | Tool::Get { .. }
        | Tool::Convert { .. }
        | Tool::Calculate
        | Tool::Days
        | Tool::Desk(_) => (String::new(), String::new()),
    }
}
