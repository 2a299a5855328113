//! Text normalisation: the one form in which texts are compared.

use serde_json::Value as Json;
use unicode_normalization::UnicodeNormalization;

/// NFKC, lower case, no white space at the ends or doubled, typographic quotes and dashes made plain, no spaces
/// beside Chinese characters, no sentence punctuation at the end.
pub fn normalise(text: &str) -> String {
    // Lower-casing can denormalise (`İ`), and NFKC can yield capitals, so normalise on both sides of it.
    let folded: String = text.nfkc().flat_map(char::to_lowercase).nfkc().map(plain).collect();
    let mut out = String::with_capacity(folded.len());
    for word in folded.split_whitespace() {
        let glue = out.chars().last().is_some_and(is_cjk) || word.chars().next().is_some_and(is_cjk);
        if !out.is_empty() && !glue {
            out.push(' ');
        }
        out.push_str(word);
    }
    let trimmed = out.trim_matches(|c: char| matches!(c, ' ' | '.' | '。' | '!' | ',' | ';' | '"' | '\''));
    if trimmed.is_empty() { out } else { trimmed.to_owned() }
}

/// One spelling for quotes, dashes and invisible characters.
fn plain(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{201B}' | '\u{02BC}' => '\'',
        '\u{201C}' | '\u{201D}' | '\u{201E}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{200B}'..='\u{200D}' | '\u{FEFF}' => ' ',
        other => other,
    }
}

/// Whether a character belongs to a script written without spaces (Han, Kana).
pub fn is_cjk(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{2FA1F}')
}

/// The truth value that JSON stands for: a boolean or one plain word, in English or Chinese.
pub fn truth(observed: &Json) -> Option<bool> {
    match observed {
        Json::Bool(value) => Some(*value),
        Json::String(text) => match normalise(text).as_str() {
            "true" | "yes" | "是" | "真" | "对" => Some(true),
            "false" | "no" | "否" | "假" | "不是" => Some(false),
            _ => None,
        },
        Json::Null | Json::Number(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Whether `needle` stands in `haystack` as a whole token span: not inside a longer word or number.
///
/// Both must be normalised. Next to Chinese characters there is no word boundary, so any position counts.
pub fn has_span(haystack: &str, needle: &str) -> bool {
    if needle.is_empty() {
        return false;
    }
    let boundary = |inner: Option<char>, outer: Option<char>| match (inner, outer) {
        (Some(inner), Some(outer)) => is_cjk(inner) || is_cjk(outer) || !(joins(inner) && joins(outer)),
        _ => true,
    };
    haystack.match_indices(needle).any(|(start, found)| {
        let before = haystack[..start].chars().next_back();
        let after = haystack[start + found.len()..].chars().next();
        boundary(found.chars().next(), before)
            && boundary(found.chars().next_back(), after)
            && !splits_number(&haystack[..start], found, &haystack[start + found.len()..])
    })
}

fn joins(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether the span cuts a number in two: `5` in `15`, `5.5` or `1,500`.
fn splits_number(before: &str, found: &str, after: &str) -> bool {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let mut left = before.chars().rev();
    let cuts_left = digit(found.chars().next()) && {
        let separator = left.next();
        matches!(separator, Some('.' | ',')) && digit(left.next())
    };
    let mut right = after.chars();
    let cuts_right = digit(found.chars().next_back()) && {
        let separator = right.next();
        matches!(separator, Some('.' | ',')) && digit(right.next())
    };
    cuts_left || cuts_right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_many_spellings() {
        assert_eq!(normalise("  São   PAULO. "), normalise("são paulo"));
        assert_eq!(normalise("Ｆｕｌｌ　Ｗｉｄｔｈ"), "full width");
        assert_eq!(normalise("北京 市"), "北京市");
        assert_eq!(normalise("O’Brien—Smith"), "o'brien-smith");
        assert_eq!(normalise("ﬁn"), "fin");
        assert_eq!(normalise("..."), "...");
        assert_eq!(normalise("e\u{301}"), normalise("é"));
    }

    #[test]
    fn spans_respect_words_and_numbers() {
        assert!(has_span("about 5 km", "5") && has_span("a (5)", "5") && has_span("is 5.", "5"));
        assert!(
            !has_span("15", "5")
                && !has_span("5.5", "5")
                && !has_span("1,500", "500")
                && !has_span("x5", "5")
        );
        assert!(has_span("在北京市", "北京"));
    }
}
