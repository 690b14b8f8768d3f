//! Markdown tables that are also readable as plain text.

/// A missing value, which is not zero.
pub(crate) const MISSING: &str = "—";

/// A table whose columns are as wide as their widest cells; the first `words` columns are aligned to the left, the others, numbers, to
/// the right.
pub(crate) fn aligned(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>, words: usize) -> String {
    let mut lines: Vec<Vec<String>> = vec![header.iter().map(|&cell| cell.to_owned()).collect()];
    lines.extend(rows);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let rule = widths.iter().enumerate().map(|(column, &width)| match column {
        _ if column < words => "-".repeat(width),
        _ => format!("{}:", "-".repeat(width - 1)),
    });
    let rule = rule.collect();
    lines.insert(1, rule);
    let lines = lines.iter().map(|line| {
        let cells = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, &width))| match column {
                _ if column < words => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    });
    lines.collect()
}

/// Escapes text for a cell, which a bar would end.
pub(crate) fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// `text` as inline code, between more backticks than it has in a row.
pub(crate) fn code(text: &str) -> String {
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if longest == 0 { "" } else { " " };
    format!("{fence}{space}{text}{space}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_to_the_left_and_numbers_to_the_right() {
        let rows = [
            vec!["ce".to_owned(), "0.25".to_owned()],
            vec!["nc-drw".to_owned(), "—".to_owned()],
        ];
        let table = "\
| run    |  NC1 |
| ------ | ---: |
| ce     | 0.25 |
| nc-drw |    — |
";
        assert_eq!(aligned(&["run", "NC1"], rows, 1), table);
    }

    #[test]
    fn bars_and_backticks_of_a_persons_text_stay_text() {
        assert_eq!(cell("a|b"), "a\\|b");
        assert_eq!(code("run x.toml"), "`run x.toml`");
        assert_eq!(code("--out 'a`b``c'"), "``` --out 'a`b``c' ```");
    }
}
