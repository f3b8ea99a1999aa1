//! The picture for a terminal.
//!
//! In: a layout, a width in columns, a set of characters. Out: text. Guaranteed: no line is longer than the width, or
//! than [`WIDTH_MIN`] where the width is less. Not handled: colour.

use std::fmt::Write as _;

use super::notes::sections;
use super::{EntryLayout, Field, Kind, Role};
use crate::text::wrap;

/// Columns below which nothing is drawn narrower.
pub const WIDTH_MIN: usize = 40;
/// Columns of one bit, with the line on its left.
const CELL: usize = 2;
/// Columns that a label beside a row needs at least.
const LABEL_MIN: usize = 14;

/// Characters to draw with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `+`, `-`, `|` only.
    Ascii,
    /// Box-drawing characters.
    Box,
}

/// The characters of a style.
struct Glyphs {
    horizontal: char,
    vertical: char,
    /// Corners and junctions of the upper line: left, between, right.
    top: [char; 3],
    /// Of the lower line: left, between, right, and where a label's leader starts.
    bottom: [char; 4],
    /// Start of a label at the end of its leader.
    label: &'static str,
    /// What is put where text was cut.
    cut: &'static str,
}

const ASCII: Glyphs = Glyphs {
    horizontal: '-',
    vertical: '|',
    top: ['+', '+', '+'],
    bottom: ['+', '+', '+', '-'],
    label: "`- ",
    cut: "...",
};

const BOX: Glyphs = Glyphs {
    horizontal: '─',
    vertical: '│',
    top: ['┌', '┬', '┐'],
    bottom: ['└', '┴', '┘', '┬'],
    label: "└ ",
    cut: "…",
};

/// A field, or its part in one row, in its place.
struct Segment {
    field: Field,
    /// Column of the line on its left.
    left: usize,
    bits: usize,
}

impl Segment {
    fn center(&self) -> usize {
        self.left + self.bits
    }

    fn inner(&self) -> usize {
        self.bits * CELL - 1
    }

    /// The text in the segment, and whether the label must be given below.
    fn content(&self) -> (String, bool) {
        let label = self.field.labels().join(", ");
        let unused = self.field.kind == Kind::Unused;
        if !unused && label.chars().count() <= self.inner() {
            return (label, false);
        }
        let mark = match (self.field.kind, self.field.names.first().map(|name| name.role)) {
            (Kind::Bit, Some(Role::IsNot)) => "~",
            (Kind::Bit, _) => "x",
            (Kind::Frame, _) => "=",
            (Kind::Shared, _) => "*",
            (Kind::Unused, _) => "",
        };
        (mark.to_owned(), !unused)
    }
}

impl EntryLayout {
    /// The entry as text of at most `width` columns: the bits from 63 down in rows of 32, 16 or 8, and a legend.
    pub fn draw(&self, width: usize, style: Style) -> String {
        let width = width.max(WIDTH_MIN);
        let glyphs = if style == Style::Ascii { &ASCII } else { &BOX };
        let fits = |bits: &usize| CELL * bits + 1 + LABEL_MIN <= width;
        let row_bits = [32, 16].into_iter().find(fits).unwrap_or(8);
        let mut lines = Vec::new();
        for row in (0..64 / row_bits).rev() {
            self.draw_row(row * row_bits, row_bits, width, glyphs, &mut lines);
        }
        lines.push(legend(width));
        for section in sections(self) {
            lines.push(String::new());
            lines.push(section.heading.to_owned());
            let heads = section.notes.iter().map(|note| note.head.chars().count()).max().unwrap_or(0);
            for note in &section.notes {
                let indent = heads + 4;
                let text = wrap(&note.text, indent, indent, width);
                lines.extend(format!("  {:heads$}  {text}", note.head).lines().map(|line| clip(line, width, glyphs)));
            }
        }
        let mut out = String::new();
        for line in lines {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// The fields, or their parts, in the row of `bits` bits from `low` upwards, highest first.
    pub(super) fn row(&self, low: usize, bits: usize) -> impl Iterator<Item = Field> {
        let (low, bits) = (u8::try_from(low).unwrap_or(u8::MAX), u8::try_from(bits).unwrap_or(u8::MAX));
        let high = low.saturating_add(bits.saturating_sub(1));
        self.fields.iter().rev().filter_map(move |field| field.within(high, low))
    }

    /// The bits from `low` upwards, highest on the left, with their numbers above and labels below.
    fn draw_row(&self, low: usize, bits: usize, width: usize, glyphs: &Glyphs, lines: &mut Vec<String>) {
        let numbers = (low..low + bits).rev();
        lines.push(numbers.clone().fold(String::new(), |mut line, bit| {
            let tens = if bit < 10 { ' ' } else { digit(bit / 10) };
            line.extend([' ', tens]);
            line
        }));
        lines.push(numbers.fold(String::new(), |mut line, bit| {
            line.extend([' ', digit(bit % 10)]);
            line
        }));
        let segments: Vec<Segment> = self
            .row(low, bits)
            .map(|field| {
                let left = (low + bits - 1 - usize::from(field.high)) * CELL;
                Segment { left, bits: field.bits().into(), field }
            })
            .collect();
        let callouts: Vec<&Segment> = segments.iter().filter(|segment| segment.content().1).collect();
        let (mut top, mut middle, mut bottom) = (String::new(), String::new(), String::new());
        for (i, segment) in segments.iter().enumerate() {
            let at = usize::from(i > 0);
            top.push(glyphs.top[at]);
            bottom.push(glyphs.bottom[at]);
            middle.push(glyphs.vertical);
            let (text, called_out) = segment.content();
            // Writing to a String cannot fail.
            let _ = write!(middle, "{text:^0$}", segment.inner());
            for column in segment.left + 1..=segment.left + segment.inner() {
                top.push(glyphs.horizontal);
                let leader = called_out && column == segment.center();
                bottom.push(if leader { glyphs.bottom[3] } else { glyphs.horizontal });
            }
        }
        top.push(glyphs.top[2]);
        middle.push(glyphs.vertical);
        bottom.push(glyphs.bottom[2]);
        lines.extend([top, middle, bottom]);
        for (i, segment) in callouts.iter().enumerate().rev() {
            let mut line = String::new();
            for left in callouts.iter().take(i) {
                line.extend(std::iter::repeat_n(' ', left.center() - line.chars().count()));
                line.push(glyphs.vertical);
            }
            line.extend(std::iter::repeat_n(' ', segment.center() - line.chars().count()));
            line.push_str(glyphs.label);
            let room = width.saturating_sub(line.chars().count());
            line.push_str(&fit(&segment.field.labels(), room, glyphs.cut));
            lines.push(line);
        }
        lines.push(String::new());
    }
}

fn digit(n: usize) -> char {
    u32::try_from(n).ok().and_then(|n| char::from_digit(n, 10)).unwrap_or('?')
}

/// What the marks mean, as many on a line as fit.
fn legend(width: usize) -> String {
    const ITEMS: [&str; 5] = [
        "x  the predicate is the bit",
        "~  its complement",
        "=  frame number or address",
        "*  read with other bits or in several ways",
        "+  only written",
    ];
    let mut lines: Vec<String> = Vec::new();
    for item in ITEMS {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 4 + item.chars().count() <= width && !line.contains("\n") => {
                line.push_str("    ");
                line.push_str(item);
            }
            _ => lines.push(wrap(item, 0, 3, width)),
        }
    }
    lines.join("\n")
}

/// As many labels as fit, with the number of those that do not.
pub(super) fn fit(labels: &[String], room: usize, cut: &str) -> String {
    for shown in (1..=labels.len()).rev() {
        let mut text = labels.iter().take(shown).map(String::as_str).collect::<Vec<_>>().join(", ");
        if shown < labels.len() {
            // Writing to a String cannot fail.
            let _ = write!(text, " +{}", labels.len() - shown);
        }
        if text.chars().count() <= room {
            return text;
        }
    }
    let first = labels.first().map_or("", String::as_str);
    first.chars().take(room.saturating_sub(cut.chars().count())).chain(cut.chars()).take(room).collect()
}

/// A line that wrapping could not make short enough, cut.
fn clip(line: &str, width: usize, glyphs: &Glyphs) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let kept = width.saturating_sub(glyphs.cut.chars().count());
    line.chars().take(kept).chain(glyphs.cut.chars()).collect()
}
