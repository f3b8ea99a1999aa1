//! The picture as SVG.
//!
//! In: a layout and a title. Out: one self-contained SVG 1.1 document: no script, no font, nothing fetched. Guaranteed:
//! well-formed whatever the title and the names hold; readable on light and dark pages, because the picture brings its
//! own ground, which follows `prefers-color-scheme` where the viewer knows it. Not handled: viewers without a monospaced
//! font, in which text may touch its neighbours.

use std::fmt::Write as _;

use super::draw::fit;
use super::notes::{Note, sections};
use super::{EntryLayout, Field, Kind};
use crate::text::{sentence, wrap};

/// Lengths in user units, which viewers show as pixels.
const MARGIN: usize = 28;
const BIT_WIDTH: usize = 32;
const ROW_BITS: usize = 32;
const ROW_HEIGHT: usize = 136;
/// Height above a row for the bits' numbers, and between rows.
const NUMBERS_HEIGHT: usize = 18;
const ROW_GAP: usize = 22;
const TITLE_HEIGHT: usize = 40;
const LEGEND_HEIGHT: usize = 40;
/// Height of a line of text, and of a name in a field.
const LINE: usize = 16;
const NAME_LINE: usize = 14;
/// Width of a character of the names, in tenths: 12 px monospaced, rounded up.
const CHAR_TENTHS: usize = 74;

/// Space before the notes of a section, characters of a line of them, and columns that short ones may stand in.
const NOTE_INDENT: usize = 12;
const NOTE_CHARS: usize = (INNER - NOTE_INDENT) * 10 / CHAR_TENTHS;
const COLUMNS_MAX: usize = 3;

const WIDTH: usize = 2 * MARGIN + ROW_BITS * BIT_WIDTH;
const INNER: usize = ROW_BITS * BIT_WIDTH;

/// Classes, not attributes, so that a dark page can change them; plain rules first, for viewers without media queries.
const CSS: &str = "\
text{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:12px;fill:#1e293b}\
.title{font-size:17px;font-weight:bold}.heading{font-weight:bold}.number{font-size:10px;fill:#64748b}\
.dim{fill:#64748b}.ground{fill:#ffffff;stroke:#cbd5e1}.box{stroke:#475569}\
.bit{fill:#bfdbfe}.frame{fill:#bbf7d0}.shared{fill:#fde68a}.unused{fill:#f1f5f9}\
@media (prefers-color-scheme:dark){\
text{fill:#e2e8f0}.number,.dim{fill:#94a3b8}.ground{fill:#0f172a;stroke:#334155}.box{stroke:#94a3b8}\
.bit{fill:#1e40af}.frame{fill:#166534}.shared{fill:#854d0e}.unused{fill:#1e293b}}";

impl Kind {
    const ALL: [Kind; 4] = [Kind::Bit, Kind::Frame, Kind::Shared, Kind::Unused];

    const fn class(self) -> &'static str {
        match self {
            Kind::Bit => "bit",
            Kind::Frame => "frame",
            Kind::Shared => "shared",
            Kind::Unused => "unused",
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Kind::Bit => "one bit is the predicate (~ its complement)",
            Kind::Frame => "frame number or address",
            Kind::Shared => "* read together, + only written",
            Kind::Unused => "unused",
        }
    }
}

/// Text fit for an element or an attribute: nothing that XML reserves or forbids is left.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

/// A document under construction: elements from top to bottom.
struct Page {
    body: String,
    /// Where the next element starts.
    y: usize,
}

impl Page {
    fn line(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.body, "{element}");
    }

    fn text(&mut self, (x, y): (usize, usize), class: &str, text: &str) {
        self.line(format_args!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escape(text)));
    }
}

impl EntryLayout {
    /// The entry as an SVG document under a title.
    pub fn svg(&self, title: &str) -> String {
        let title = sentence(title);
        let mut page = Page { body: String::new(), y: MARGIN };
        page.text((MARGIN, MARGIN + 14), "title", &title);
        page.y += TITLE_HEIGHT;
        for row in (0..64 / ROW_BITS).rev() {
            self.svg_row(row * ROW_BITS, &mut page);
        }
        svg_kinds(&mut page);
        self.svg_sections(&mut page);
        let height = page.y + MARGIN - LINE;
        let level = self.level.name();
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} \
             {height}\" role=\"img\" aria-labelledby=\"{level}-title {level}-desc\">\n\
             <title id=\"{level}-title\">{}</title>\n<desc id=\"{level}-desc\">{}</desc>\n<style>{CSS}</style>\n\
             <rect class=\"ground\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n{}</svg>\n",
            escape(&title),
            escape(&self.describe()),
            WIDTH - 1,
            height - 1,
            page.body,
        );
        out
    }

    /// The fields in a sentence, for those who do not see the picture.
    fn describe(&self) -> String {
        let fields = self.fields.iter().rev().map(|field| format!("{} {}", place(field), meaning(field)));
        format!("Bits of a {} entry: {}.", self.level, fields.collect::<Vec<_>>().join("; "))
    }

    fn svg_row(&self, low: usize, page: &mut Page) {
        let high = low + ROW_BITS - 1;
        let top = page.y + NUMBERS_HEIGHT;
        for field in self.row(low, ROW_BITS) {
            let (first, last) = (usize::from(field.high), usize::from(field.low));
            let x = MARGIN + (high - first) * BIT_WIDTH;
            let width = (first - last + 1) * BIT_WIDTH;
            page.line(format_args!("<g><title>{}</title>", escape(&format!("{} {}", place(&field), meaning(&field)))));
            let class = field.kind.class();
            page.line(format_args!(
                "<rect class=\"box {class}\" x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{ROW_HEIGHT}\"/>"
            ));
            svg_numbers((x, top), (first, last), page);
            svg_label(&field, (x, top), width, page);
            page.line(format_args!("</g>"));
        }
        page.y = top + ROW_HEIGHT + ROW_GAP;
    }

    /// The legend's sections; notes that are all short stand in two or three columns.
    fn svg_sections(&self, page: &mut Page) {
        for section in sections(self) {
            page.text((MARGIN, page.y), "heading", section.heading);
            page.y += LINE + 2;
            let longest = |of: fn(&Note) -> &str| section.notes.iter().map(|note| of(note).chars().count()).max();
            let indent = longest(|note| &note.head).unwrap_or(0) + 3;
            let widest = indent + longest(|note| &note.text).unwrap_or(0) + 4;
            let columns = (NOTE_CHARS / widest.max(1)).clamp(1, COLUMNS_MAX);
            let column_chars = NOTE_CHARS / columns;
            let (top, mut bottom) = (page.y, page.y);
            for (column, notes) in section.notes.chunks(section.notes.len().div_ceil(columns).max(1)).enumerate() {
                let x = MARGIN + NOTE_INDENT + column * column_chars * CHAR_TENTHS / 10;
                page.y = top;
                for note in notes {
                    page.text((x, page.y), "dim", &note.head);
                    for line in wrap(&note.text, 0, 0, column_chars.saturating_sub(indent)).lines() {
                        page.text((x + indent * CHAR_TENTHS / 10, page.y), "", line);
                        page.y += LINE;
                    }
                }
                bottom = bottom.max(page.y);
            }
            page.y = bottom + LINE / 2;
        }
    }
}

/// `63:58` or `57`.
fn place(field: &Field) -> String {
    if field.high == field.low { field.high.to_string() } else { format!("{}:{}", field.high, field.low) }
}

fn meaning(field: &Field) -> String {
    if field.kind == Kind::Unused { "unused".to_owned() } else { field.labels().join(", ") }
}

/// The numbers of a field's first and last bit above it.
fn svg_numbers((x, top): (usize, usize), (first, last): (usize, usize), page: &mut Page) {
    let mut number = |bit: usize| {
        let center = x + (first - bit) * BIT_WIDTH + BIT_WIDTH / 2;
        let y = top - 5;
        page.line(format_args!("<text class=\"number\" x=\"{center}\" y=\"{y}\" text-anchor=\"middle\">{bit}</text>"));
    };
    number(first);
    if last != first {
        number(last);
    }
}

/// The names in a field: side by side upwards where it is narrow, one below the other where it is wide.
fn svg_label(field: &Field, (x, top): (usize, usize), width: usize, page: &mut Page) {
    let labels = field.labels();
    let longest = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let (center, middle) = (x + width / 2, top + ROW_HEIGHT / 2);
    let level = longest * CHAR_TENTHS / 10 + 8 <= width && labels.len() * NAME_LINE < ROW_HEIGHT;
    let lines = if level { labels } else { squeeze(&labels, width / NAME_LINE, (ROW_HEIGHT - 8) * 10 / CHAR_TENTHS) };
    for (i, text) in lines.iter().enumerate() {
        // Baselines lie around the middle, 4 below that of their own line.
        let offset = (2 * i + 1) * NAME_LINE / 2 + 4;
        let half = lines.len() * NAME_LINE / 2;
        let (x, y) = if level { (center, middle - half + offset) } else { (center - half + offset, middle) };
        let turn = if level { String::new() } else { format!(" transform=\"rotate(-90 {x} {y})\"") };
        page.line(format_args!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\"{turn}>{}</text>", escape(text)));
    }
}

/// At most `lines_max` lines of at most `columns` characters; the last says how many names are left out.
fn squeeze(labels: &[String], lines_max: usize, columns: usize) -> Vec<String> {
    let lines_max = lines_max.max(1);
    let alone = if labels.len() > lines_max { lines_max - 1 } else { labels.len() };
    let (alone, rest) = labels.split_at_checked(alone).unwrap_or((labels, &[]));
    let mut lines: Vec<String> = alone.iter().map(|label| fit(std::slice::from_ref(label), columns, "…")).collect();
    if !rest.is_empty() {
        lines.push(fit(rest, columns, "…"));
    }
    lines
}

/// What the colours mean.
fn svg_kinds(page: &mut Page) {
    let mut x = MARGIN;
    for kind in Kind::ALL {
        let (class, y) = (kind.class(), page.y);
        page.line(format_args!(
            "<rect class=\"box {class}\" x=\"{x}\" y=\"{y}\" width=\"14\" height=\"14\" rx=\"2\"/>"
        ));
        page.text((x + 20, y + 11), "dim", kind.meaning());
        x += 20 + kind.meaning().chars().count() * CHAR_TENTHS / 10 + 26;
    }
    page.y += LEGEND_HEIGHT + 8;
}
