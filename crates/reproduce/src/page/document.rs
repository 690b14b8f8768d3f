//! The page itself: its parts in one document.

use super::contents::Contents;

const DOCUMENT: &str = include_str!("document/page.html");
const STYLE: &str = concat!(
    include_str!("document/style/colours.css"),
    include_str!("document/style/page.css"),
    include_str!("document/style/narrow.css"),
    include_str!("document/style/print.css"),
);
/// One script of several files: each uses those before it.
const SCRIPT: &str = concat!(
    include_str!("document/script/elements.js"),
    include_str!("document/script/numbers.js"),
    include_str!("document/script/theme.js"),
    include_str!("document/script/table.js"),
    include_str!("document/script/chart.js"),
    include_str!("document/script/overview.js"),
    include_str!("document/script/summary_charts.js"),
    include_str!("document/script/images.js"),
    include_str!("document/script/method.js"),
    include_str!("document/script/method_charts.js"),
    include_str!("document/script/runs.js"),
    include_str!("document/script/page.js"),
);
/// plotly.js, compressed, as text; `build.rs` makes it.
const CHART_LIBRARY: &str = include_str!(concat!(env!("OUT_DIR"), "/plotly.js.gz.base64"));

/// The whole text of `report.html`.
///
/// # Errors
/// None but those of the JSON writer, which memory does not have.
pub(super) fn page(contents: &Contents) -> Result<String, serde_json::Error> {
    let parts = [
        ("/* style */", STYLE),
        ("results.json", &inert(&serde_json::to_string(contents)?)),
        ("plotly.js.gz.base64", CHART_LIBRARY),
        ("/* script */", SCRIPT),
    ];
    let (mut page, mut rest) = (String::new(), DOCUMENT);
    for (place, text) in parts {
        let (before, after) = rest.split_once(place).expect("the document has a place for each");
        page += before;
        page += text;
        rest = after;
    }
    Ok(page + rest)
}

/// JSON that no browser takes for markup: `<` occurs in strings only, which state it by its number as well.
fn inert(json: &str) -> String {
    json.replace('<', r"\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_markup_ends_no_element_and_is_read_back() {
        let name = "</script><!-- <script>alert(\"1\")</script>";
        let json = inert(&serde_json::to_string(name).expect("a string"));
        assert!(!json.contains('<'), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), name);
    }

    #[test]
    fn our_own_parts_end_no_element_either() {
        for part in [SCRIPT, STYLE, CHART_LIBRARY] {
            assert!(!["</script", "</style", "<!--"].iter().any(|end| part.contains(end)));
        }
    }
}
