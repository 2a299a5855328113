//! Plain text tables: columns aligned by spaces, numbers to the right. Readable without colour and easy to cut.

/// A table under construction.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// Columns from this one on are aligned to the right.
    right_from: usize,
    right_to: usize,
}

impl Table {
    /// A table with these headings; columns in `right` hold numbers.
    pub(crate) fn new(headings: &[&str], right: std::ops::Range<usize>) -> Self {
        let rows = vec![headings.iter().map(|heading| (*heading).to_owned()).collect()];
        Self { rows, right_from: right.start, right_to: right.end }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| columns_of(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let gap = " ".repeat(widths[column].saturating_sub(columns_of(cell)));
                if column > 0 {
                    line.push_str("  ");
                }
                if (self.right_from..self.right_to).contains(&column) {
                    line.push_str(&gap);
                    line.push_str(cell);
                } else {
                    line.push_str(cell);
                    line.push_str(&gap);
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Terminal columns of a text: East Asian characters take two. Good enough for tables; not the whole of UAX #11.
fn columns_of(text: &str) -> usize {
    let wide = |letter: char| matches!(u32::from(letter), 0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6);
    text.chars().map(|letter| 1 + usize::from(wide(letter))).sum()
}

/// The first line of a text, cut to `limit` characters.
pub(crate) fn brief(text: &str, limit: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(limit).collect();
    if cut.len() < text.trim_end().len() { format!("{cut}…") } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_also_with_wide_letters() {
        let mut table = Table::new(&["name", "n", "why"], 1..2);
        table.row(vec!["天气".into(), "7".into(), "x".into()]);
        table.row(vec!["a".into(), "123".into(), String::new()]);
        assert_eq!(table.to_string(), "name    n  why\n天气    7  x\na     123\n");
    }

    #[test]
    fn brief_texts_say_that_they_were_cut() {
        assert_eq!(brief("abc", 5), "abc");
        assert_eq!(brief("abcdef", 3), "abc…");
        assert_eq!(brief("ab\ncd", 9), "ab…");
    }
}
