//! Pictures as they come out, kept as files beside this one. `BLESS=1` rewrites them; look at them before you commit.

use super::*;

fn assert_golden(name: &str, found: &str) {
    let path = format!("{}/src/diagram/tests/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(expected, found, "{name} differs; BLESS=1 rewrites it");
}

#[test]
fn the_terminal_shows_a_row_of_32_in_100_columns() {
    assert_golden("pte-100.txt", &arm64_pte().layout(Level::Pte).draw(100, Style::Box));
}

#[test]
fn the_terminal_shows_a_row_of_32_in_79_columns_of_ascii() {
    let text = arm64_pte().layout(Level::Pte).draw(79, Style::Ascii);
    assert!(text.is_ascii());
    assert_golden("pte-79.txt", &text);
}

#[test]
fn the_terminal_shows_rows_of_16_in_50_columns() {
    assert_golden("pte-50.txt", &arm64_pte().layout(Level::Pte).draw(50, Style::Box));
}

#[test]
fn the_svg_is_well_formed_and_stays_as_it_is() {
    let svg = arm64_pte().layout(Level::Pte).svg("arm64 pte, 4K granule, v5.3");
    assert_well_formed(&svg);
    for part in ["<title ", "<desc ", "role=\"img\"", "prefers-color-scheme", ">devmap</text>", ">~user_exec</text>"] {
        assert!(svg.contains(part), "{part} is missing");
    }
    for outside in ["<script", "href", "url(", "@import", "@font-face"] {
        assert!(!svg.contains(outside), "{outside} must not be there");
    }
    assert_golden("pte.svg", &svg);
}

#[test]
fn a_title_cannot_break_out() {
    let layout = arm64_pte().layout(Level::Pte);
    let svg = layout.svg("</title><script>alert('x')</script> & \"q\" \u{1b}[31m \u{0} ]]>");
    assert_well_formed(&svg);
    assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;"), "{svg}");
    assert!(svg.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn labels_that_do_not_fit_say_how_many_are_missing() {
    let labels = ["present*", "protnone*", "leaf*"].map(String::from);
    assert_eq!(draw::fit(&labels, 26, "…"), "present*, protnone*, leaf*");
    assert_eq!(draw::fit(&labels, 25, "…"), "present*, protnone* +1");
    assert_eq!(draw::fit(&labels, 21, "…"), "present* +2");
    assert_eq!(draw::fit(&labels, 10, "…"), "present*…");
    assert_eq!(draw::fit(&labels, 4, "…"), "pre…");
    assert_eq!(draw::fit(&labels, 0, "…"), "");
}

/// Fails unless the text is one XML element with everything in it closed, quoted and escaped.
pub(super) fn assert_well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg.trim_end();
    let mut roots = 0;
    while !rest.is_empty() {
        let Some(tag) = rest.strip_prefix('<') else {
            let end = rest.find('<').unwrap_or(rest.len());
            assert!(!open.is_empty(), "text outside the root: {}", &rest[..end]);
            assert_escaped(&rest[..end]);
            rest = &rest[end..];
            continue;
        };
        let end = tag.find('>').expect("a tag that does not end");
        let inside = &tag[..end];
        rest = &tag[end + 1..];
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed out of order");
            continue;
        }
        let inside = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let (name, attributes) = inside.0.split_once(' ').unwrap_or((inside.0, ""));
        assert!(name.chars().all(|c| c.is_ascii_alphabetic()), "<{name}>");
        assert_attributes(attributes);
        roots += usize::from(open.is_empty());
        if !inside.1 {
            open.push(name);
        }
    }
    assert_eq!((open, roots), (Vec::new(), 1));
}

fn assert_attributes(mut rest: &str) {
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").expect("an attribute without a quoted value");
        let (value, after) = value.split_once('"').expect("a value that does not end");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !name.is_empty(), "{name}");
        assert!(!seen.contains(&name), "{name} twice");
        assert_escaped(value);
        seen.push(name);
        rest = after.trim_start();
    }
}

/// Fails where a character is left that XML reserves or forbids.
fn assert_escaped(text: &str) {
    assert!(!text.contains('<') && text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    for entity in text.split('&').skip(1) {
        let name = entity.split_once(';').expect("an entity that does not end").0;
        assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "&{name};");
    }
}
