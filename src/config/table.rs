//! A CSV file of the configuration as rows of cells, header first: for those who show it, not for those who decide by it.

/// The rows; a row that cannot be read ends them (a revision with such a file never went live).
pub fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let rows = reader.records().map_while(Result::ok);
    rows.map(|row| row.iter().map(str::to_owned).collect()).collect()
}
