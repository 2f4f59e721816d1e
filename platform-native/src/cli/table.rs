//! Tables of plain text: aligned columns, two spaces apart, no trailing blanks.

use std::fmt::{Display, Write};

/// What stands between two columns.
const GAP: &str = "  ";

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table that is filled row by row and then printed. All cells lie in one text: there may be very many.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    text: String,
    /// Where each cell ends, all of the first row first.
    ends: Vec<usize>,
}

#[derive(Debug)]
struct Column {
    name: &'static str,
    align: Align,
    /// The widest cell, the name too.
    width: usize,
    shown: bool,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Table {
        let column =
            |&(name, align): &(&'static str, Align)| Column { name, align, width: name.chars().count(), shown: true };
        Table { columns: columns.iter().map(column).collect(), text: String::new(), ends: Vec::new() }
    }

    /// Adds a row; cells beyond the columns are left out, missing ones are empty.
    pub(crate) fn row<C: Display>(&mut self, cells: impl IntoIterator<Item = C>) {
        let mut cells = cells.into_iter();
        for column in &mut self.columns {
            let begin = self.text.len();
            if let Some(cell) = cells.next() {
                // Writing to a text cannot fail, and what a cell does not say of itself is not there.
                let _ = write!(self.text, "{cell}");
            }
            column.width = column.width.max(self.text[begin..].chars().count());
            self.ends.push(self.text.len());
        }
    }

    /// Leaves out columns, the first of these first, until a line takes no more than `columns`.
    pub(crate) fn fit(&mut self, columns: Option<usize>, droppable: &[&str]) {
        let Some(columns) = columns else { return };
        for name in droppable {
            let shown = self.columns.iter().filter(|column| column.shown);
            let widest = shown.map(|column| column.width + GAP.len()).sum::<usize>().saturating_sub(GAP.len());
            if widest > columns {
                self.columns.iter_mut().filter(|column| column.name == *name).for_each(|column| column.shown = false);
            }
        }
    }

    /// The heading and the rows, each a line. Widths are counted in characters, which is right for
    /// what the kernel names; a cell that holds wider ones only moves what follows in its line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let names = self.columns.iter().map(|column| column.name);
        let mut begin = 0;
        let rows = self.ends.chunks(self.columns.len().max(1)).map(|ends| {
            let cells = ends.iter().map(|end| &self.text[std::mem::replace(&mut begin, *end)..*end]);
            self.line(cells)
        });
        std::iter::once(self.line(names)).chain(rows).collect()
    }

    fn line<'c>(&self, cells: impl Iterator<Item = &'c str>) -> String {
        let whole = self.columns.iter().map(|column| column.width + GAP.len()).sum();
        let mut line = String::with_capacity(whole);
        for (cell, Column { align, width, .. }) in cells.zip(&self.columns).filter(|(_, column)| column.shown) {
            let blanks = std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()));
            match align {
                Align::Left => {
                    line.push_str(cell);
                    line.extend(blanks);
                }
                Align::Right => {
                    line.extend(blanks);
                    line.push_str(cell);
                }
            }
            line.push_str(GAP);
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_with_what_they_say() {
        let mut table = Table::new(&[("PID", Align::Right), ("NAME", Align::Left), ("EXIT", Align::Left)]);
        table.row(["7", "walker", "normal"]);
        table.row(["12", "größe"]);
        assert_eq!(table.lines(), ["PID  NAME    EXIT", "  7  walker  normal", " 12  größe"]);
    }

    #[test]
    fn columns_are_left_out_until_it_fits() {
        let mut table = Table::new(&[("A", Align::Left), ("BB", Align::Left), ("C", Align::Right)]);
        table.row(["aaa", "bbb", "1"]);
        table.fit(None, &["BB"]);
        table.fit(Some(11), &["BB", "A"]);
        assert_eq!(table.lines()[1], "aaa  bbb  1");
        table.fit(Some(10), &["BB", "A"]);
        assert_eq!(table.lines(), ["A    C", "aaa  1"]);
    }

    #[test]
    fn cells_beyond_the_columns_are_left_out() {
        let mut table = Table::new(&[("A", Align::Left)]);
        table.row(["1", "2"]);
        assert_eq!(table.lines(), ["A", "1"]);
    }
}
