//! Source lines, by the plugin's own debug information.
//!
//! In: the bytes of a module. Out: [`SourceLines`]: file and line of an operator, by the line tables of `.debug_line`
//! (DWARF 2 to 5). Guaranteed: one pass over the tables in the order in which they lie, whatever refers to them, so that
//! time and memory are linear in the module's size and a table that points at itself is read once; names are fit to
//! print; what is malformed yields no lines and a reason, never an error. Not handled: `.debug_info`, and so which
//! functions were inlined; tables split into other files.
//!
//! Nothing here may change a verdict: the compiler that wrote the tables is the plugin author's.

use std::collections::HashMap;

use gimli::{AttributeValue, DebugLineOffset, EndianSlice, LineProgramHeader, LittleEndian};
use wasmparser::{Parser, Payload};

use crate::limits::{NAME_CHARS_MAX, SOURCE_NAME_BYTES_MAX};
use crate::text;

type Bytes<'a> = EndianSlice<'a, LittleEndian>;

/// Bytes of an address in WebAssembly's DWARF, where the table does not say (before DWARF 5).
const ADDRESS_BYTES: u8 = 4;

/// Why debug information gives no line. The plugin is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no source info: cannot read the line table at {offset:#x} of .debug_line: {cause}")]
pub struct SourceError {
    /// Offset in the section.
    pub offset: usize,
    /// What is wrong there.
    pub cause: gimli::Error,
}

/// Operators from `start` to before `end`, offsets in the module, are of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    start: u64,
    end: u64,
    file: usize,
    line: u64,
}

/// What the debug information of a module says, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceLines {
    rows: Vec<Row>,
    files: Vec<String>,
    error: Option<SourceError>,
}

/// The custom sections that line tables need, and where code begins.
#[derive(Default)]
struct Sections<'a> {
    code: u64,
    /// Bytes of the number of functions, with which the contents of the code section begin.
    count_bytes: u64,
    /// Where the bodies of functions end, counted from the contents of the code section, ascending.
    ends: Vec<u64>,
    line: &'a [u8],
    line_str: &'a [u8],
    str: &'a [u8],
}

impl SourceLines {
    /// Reads the line tables of a module. A module without any has no lines, and no error.
    ///
    /// # Cost
    /// Linear in the size of the module.
    pub fn of(bytes: &[u8]) -> SourceLines {
        let sections = Sections::of(bytes);
        let mut lines = SourceLines::default();
        let mut offset = 0;
        while offset < sections.line.len() {
            let known = lines.rows.len();
            match lines.table(&sections, offset) {
                Ok(next) => offset = next,
                Err(cause) => {
                    lines.rows.truncate(known);
                    lines.error = Some(SourceError { offset, cause });
                    break;
                }
            }
        }
        lines
    }

    /// File and line of the operator at a byte offset of the module: `src/lib.rs:12`.
    pub fn at(&self, offset: u64) -> Option<String> {
        let row = self.rows.iter().find(|row| (row.start..row.end).contains(&offset))?;
        Some(format!("{}:{}", self.files.get(row.file)?, row.line))
    }

    /// Why the tables, or the rest of them, were not read.
    pub fn error(&self) -> Option<SourceError> {
        self.error
    }

    /// Reads the table at an offset of `.debug_line`, and says where the next one begins.
    fn table(&mut self, sections: &Sections<'_>, offset: usize) -> gimli::Result<usize> {
        let section = gimli::DebugLine::new(sections.line, LittleEndian);
        let program = section.program(DebugLineOffset(offset), ADDRESS_BYTES, None, None)?;
        let header = program.header();
        let length = usize::from(header.format().initial_length_size());
        let next = offset.saturating_add(length).saturating_add(header.unit_length());
        let mut rows = program.rows();
        // The row that the next one ends, and the first of this function.
        let mut open: Option<Row> = None;
        let mut first = self.rows.len();
        let mut files: HashMap<u64, Option<usize>> = HashMap::new();
        while let Some((header, row)) = rows.next_row()? {
            let start = row.address();
            if let Some(before) = open.take()
                && before.start < start
            {
                self.rows.push(Row { end: start, ..before });
            }
            if row.end_sequence() {
                self.place(first, sections.base(start));
                first = self.rows.len();
                continue;
            }
            let index = row.file_index();
            let file = *files.entry(index).or_insert_with(|| self.file(sections, header, index));
            if let (Some(file), Some(line)) = (file, row.line()) {
                open = Some(Row { start, end: start, file, line: line.get() });
            }
        }
        // Lines of a function without an end are of nowhere.
        self.rows.truncate(first);
        Ok(next)
    }

    /// Moves the rows of a function to where it lies in the module. A linker leaves the lines of functions that it
    /// dropped at address 0, where no function can be.
    fn place(&mut self, first: usize, base: u64) {
        if self.rows.get(first).is_some_and(|row| row.start == 0) {
            self.rows.truncate(first);
        }
        for row in self.rows.iter_mut().skip(first) {
            row.start = row.start.saturating_add(base);
            row.end = row.end.saturating_add(base);
        }
    }

    /// Adds a file's name, and says its number.
    fn file(&mut self, sections: &Sections<'_>, header: &LineProgramHeader<Bytes<'_>>, index: u64) -> Option<usize> {
        let entry = header.file(index)?;
        let name = sections.text(entry.path_name())?;
        // Directory 0 is where the compiler ran, which says nothing about the source.
        let directory = entry.directory(header).filter(|_| entry.directory_index() != 0);
        let whole = directory.and_then(|directory| Some(format!("{}/{name}", sections.text(directory)?)));
        // A path that would be cut loses its end, so the directory goes first.
        let fits = |path: &String| path.chars().count() <= NAME_CHARS_MAX;
        self.files.push(text::name(&whole.filter(fits).unwrap_or(name)));
        Some(self.files.len() - 1)
    }
}

impl<'a> Sections<'a> {
    fn of(bytes: &'a [u8]) -> Sections<'a> {
        let mut found = Sections::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload {
                // What does not parse is for the validation to report.
                Err(_) => break,
                // DWARF counts from the contents of the code section (WebAssembly tool conventions, Dwarf.md).
                Ok(Payload::CodeSectionStart { range, size, .. }) => {
                    found.code = range.start as u64;
                    found.count_bytes = (range.len() as u64).saturating_sub(size.into());
                }
                Ok(Payload::CodeSectionEntry(body)) => found.ends.push(body.range().end as u64 - found.code),
                Ok(Payload::CustomSection(section)) => match section.name() {
                    ".debug_line" => found.line = section.data(),
                    ".debug_line_str" => found.line_str = section.data(),
                    ".debug_str" => found.str = section.data(),
                    _ => {}
                },
                Ok(_) => {}
            }
        }
        found
    }

    /// What the addresses of a function's lines are counted from, by the last of them, where its body ends. They should
    /// be counted from the contents of the code section; `wast` (as of 254.0.2, `Dwarf::end_func`) counts from the first
    /// function. No two bodies end as near to each other as the two places lie apart.
    fn base(&self, end: u64) -> u64 {
        let is_end = |address: u64| self.ends.binary_search(&address).is_ok();
        let is_late = !is_end(end) && is_end(end.saturating_add(self.count_bytes));
        if is_late { self.code + self.count_bytes } else { self.code }
    }

    /// A name in a table, or in the section of strings that it refers to.
    fn text(&self, value: AttributeValue<Bytes<'_>>) -> Option<String> {
        let from = |section: &'a [u8], offset: usize| section.get(offset..);
        let bytes = match &value {
            AttributeValue::String(name) => name.slice(),
            AttributeValue::DebugLineStrRef(at) => from(self.line_str, at.0)?,
            AttributeValue::DebugStrRef(at) => from(self.str, at.0)?,
            _ => return None,
        };
        let start = bytes.get(..SOURCE_NAME_BYTES_MAX).unwrap_or(bytes);
        let name = start.split(|byte| *byte == 0).next().unwrap_or_default();
        Some(String::from_utf8_lossy(name).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const TEXT: &str = "(module\n  (func (param i64) (result i64)\n    local.get 0\n    i64.popcnt))";

    /// The module of a text, with a line table that calls it by a name.
    fn module(name: &str) -> Vec<u8> {
        let mut parser = wat::Parser::new();
        parser.generate_dwarf(wat::GenerateDwarf::Lines);
        parser.parse_str(Some(name.as_ref()), TEXT).expect("WAT")
    }

    /// Offset of an operator, by its byte.
    fn offset(module: &[u8], op: u8) -> u64 {
        let code = Sections::of(module).code;
        let from = usize::try_from(code).expect("small");
        code + module[from..].iter().position(|byte| *byte == op).expect("it is there") as u64
    }

    #[test]
    fn an_operator_has_the_line_it_is_written_on() {
        let module = module("plugin.wat");
        let lines = SourceLines::of(&module);
        assert_eq!(lines.error(), None);
        assert_eq!(lines.at(offset(&module, 0x7b)).as_deref(), Some("plugin.wat:4"), "i64.popcnt, of one byte");
        assert_eq!(lines.at(offset(&module, 0x7b) + 1).as_deref(), Some("plugin.wat:4"), "end");
        assert_eq!(lines.at(offset(&module, 0x7b) + 2), None);
        assert_eq!(lines.at(offset(&module, 0x20)).as_deref(), Some("plugin.wat:3"), "local.get");
        assert_eq!(lines.at(0), None);
        assert_eq!(lines.at(u64::MAX), None);
        assert_eq!(SourceLines::of(&wat::parse_str(TEXT).expect("WAT")), SourceLines::default());
    }

    #[test]
    fn names_are_escaped_and_cut() {
        let shown = |name: &str| {
            let module = module(name);
            SourceLines::of(&module).at(offset(&module, 0x7b)).expect("it has a line")
        };
        assert_eq!(shown("a\u{1b}[31m\u{202e}.wat"), "a\\u{1b}[31m\\u{202e}.wat:4");
        let long = shown(&"x".repeat(10_000));
        assert!(long.ends_with(&format!("({SOURCE_NAME_BYTES_MAX} bytes):4")), "{long}");
        assert!(long.chars().count() <= NAME_CHARS_MAX + 2, "{long}");
        let directory = "d/".repeat(100) + "f.wat";
        assert_eq!(shown(&directory), "f.wat:4");
    }

    /// Every byte of the tables in turn with every value: it takes no time to speak of, and the rest of the module is
    /// what it was.
    #[test]
    fn whatever_stands_in_the_tables_is_read_at_once() {
        let module = module("plugin.wat");
        let table = Sections::of(&module).line;
        let at = module.windows(table.len()).position(|window| window == table).expect("it is there");
        let mut readable = 0;
        for position in at..at + table.len() {
            for value in 0..=u8::MAX {
                let mut broken = module.clone();
                broken[position] = value;
                let start = Instant::now();
                let lines = SourceLines::of(&broken);
                assert!(start.elapsed() < Duration::from_millis(200), "{position:#x} = {value:#x}");
                readable += usize::from(lines.error().is_none());
            }
        }
        let all = table.len() * 256;
        assert!((all / 10..all).contains(&readable), "{readable} of {all} can be read");
    }

    /// A module of the largest size that is nothing but a table of one-byte rows, and one of tables without end.
    #[test]
    fn tables_as_large_as_a_module_may_be_are_read_in_time() {
        // Version 2: unit length, header length, then five bytes and no names, then `DW_LNS_copy`.
        let one = |program: &[u8]| -> Vec<u8> {
            let header = [2, 0, 8, 0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0];
            let length = u32::try_from(header.len() + program.len()).expect("small");
            [&length.to_le_bytes()[..], &header, program].concat()
        };
        let with = |table: Vec<u8>| {
            let escaped: String = table.iter().map(|byte| format!("\\{byte:02x}")).collect();
            wat::parse_str(format!("(module (@custom \".debug_line\" \"{escaped}\"))")).expect("WAT")
        };
        for table in [one(&[1; 60_000]), one(&[]).repeat(3_000), one(&[1]).repeat(3_000)] {
            let module = with(table);
            let start = Instant::now();
            let lines = SourceLines::of(&module);
            assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
            assert_eq!(lines.error(), None);
            assert_eq!(lines.at(8), None);
        }
    }
}
