//! Tables of plain text: aligned columns, two spaces apart, no trailing blanks.

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

/// A table that is filled row by row and then printed.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Table {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; cells beyond the columns are left out, missing ones are empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().take(self.columns.len()).collect();
        cells.resize(self.columns.len(), String::new());
        self.rows.push(cells);
    }

    /// Leaves out columns, the first of these first, until a line takes no more than `columns`.
    pub(crate) fn fit(&mut self, columns: Option<usize>, droppable: &[&str]) {
        let Some(columns) = columns else { return };
        for name in droppable {
            let widest = self.widths().iter().map(|width| width + GAP.len()).sum::<usize>().saturating_sub(GAP.len());
            let index = self.columns.iter().position(|(known, _)| known == name);
            let Some(index) = index.filter(|_| widest > columns) else { continue };
            self.columns.remove(index);
            self.rows.iter_mut().for_each(|row| drop(row.remove(index)));
        }
    }

    /// The heading and the rows, each a line. Widths are counted in characters, which is right for
    /// what the kernel names; a cell that holds wider ones only moves what follows in its line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let widths = self.widths();
        let heading: Vec<String> = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let line = |row: &Vec<String>| {
            let mut line = String::with_capacity(widths.iter().map(|width| width + GAP.len()).sum());
            for ((cell, (_, align)), width) in row.iter().zip(&self.columns).zip(&widths) {
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
        };
        std::iter::once(&heading).chain(&self.rows).map(line).collect()
    }

    /// The widest of each column.
    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|(name, _)| name.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_with_what_they_say() {
        let mut table = Table::new(&[("PID", Align::Right), ("NAME", Align::Left), ("EXIT", Align::Left)]);
        table.row(["7".to_owned(), "walker".to_owned(), "normal".to_owned()]);
        table.row(["12".to_owned(), "größe".to_owned()]);
        assert_eq!(table.lines(), ["PID  NAME    EXIT", "  7  walker  normal", " 12  größe"]);
    }

    #[test]
    fn columns_are_left_out_until_it_fits() {
        let mut table = Table::new(&[("A", Align::Left), ("BB", Align::Left), ("C", Align::Right)]);
        table.row(["aaa".to_owned(), "bbb".to_owned(), "1".to_owned()]);
        table.fit(None, &["BB"]);
        table.fit(Some(11), &["BB", "A"]);
        assert_eq!(table.lines()[1], "aaa  bbb  1");
        table.fit(Some(10), &["BB", "A"]);
        assert_eq!(table.lines(), ["A    C", "aaa  1"]);
    }

    #[test]
    fn cells_beyond_the_columns_are_left_out() {
        let mut table = Table::new(&[("A", Align::Left)]);
        table.row(["1".to_owned(), "2".to_owned()]);
        assert_eq!(table.lines(), ["A", "1"]);
    }
}
