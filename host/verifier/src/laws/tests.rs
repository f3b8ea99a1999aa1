//! The language: round trips, precedence, types, bounds, and what errors look like.

use ptwalk_abi::{Config, Extern, Helper};

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn one(text: &str) -> Result<Formula, LawError> {
    let mut formulas = parse_text(text)?;
    assert_eq!(formulas.len(), 1, "{text}");
    Ok(formulas.remove(0).1)
}

fn law(origin: Origin, text: &str) -> Result<Law, LawError> {
    let name = "tested".to_owned();
    Ok(Law { id: name.clone(), name, doc: String::new(), source: String::new(), origin, formula: one(text)? })
}

/// Value of a law without calls at x.
fn holds(text: &str, x: u64) -> Result<bool, LawError> {
    let law = law(Origin::File, text)?;
    let exports = Exports::from_iter([]);
    match bind(&law, &Config::DEFAULT, &exports) {
        Binding::Applicable(bound) => Ok(bound.evaluate(&[x], |_, _| 0).claim),
        other => panic!("{other:?}"),
    }
}

#[test]
fn host_laws_are_well_formed() -> Outcome {
    let laws = host_laws()?;
    let ids: BTreeSet<&str> = laws.iter().map(|law| law.id.as_str()).collect();
    assert_eq!(ids.len(), laws.len(), "each expansion has a name of its own");
    for entry in ptwalk_abi::LAWS {
        assert!(!entry.doc.is_empty() && !entry.source.is_empty(), "{}", entry.id);
        let name = lex::tokens(entry.id)?;
        assert!(matches!(name.as_slice(), [(Token::Name(_), _), (Token::End, _)]), "{}", entry.id);
    }
    Ok(())
}

#[test]
fn host_laws_print_as_they_parse() -> Outcome {
    for law in host_laws()? {
        let printed = law.formula.to_string();
        let again = one(&printed).map_err(|error| format!("{}: {printed}: {error}\n{}", law.id, error.excerpt()))?;
        assert_eq!(again, law.formula, "{}: {printed}", law.id);
        assert_eq!(again.to_string(), printed);
    }
    Ok(())
}

/// The indented block of docs/laws.md that starts with `first`.
fn documented(first: &str) -> String {
    let lines = include_str!("../../../../docs/laws.md").lines();
    let block = lines.skip_while(|line| !line.trim_start().starts_with(first));
    block.take_while(|line| line.is_empty() || line.starts_with("    ")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_documentation_is_right() -> Outcome {
    let file = parse_file(&documented("# Anything"));
    assert_eq!((file.laws.len(), file.errors), (2, Vec::new()));
    one(&documented("forall x: u64 where pmd_present"))?;
    let names: Vec<String> = parse_text(&documented("for pXd in pmd"))?.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [".pmd.mkyoung", ".pmd.mkspecial", ".pud.mkyoung", ".pud.mkspecial"]);
    let error = documented("law a: forall x: u64. pmd_mk_devmap");
    assert!(
        include_str!("../../tests/laws/errors.txt")
            .contains(&error.replace("    law a", "law a").replace("\n    ", "\n").trim_end().to_owned())
    );
    Ok(())
}

#[test]
fn parentheses_survive_only_where_they_matter() -> Outcome {
    for text in [
        "forall x: u64. (x & 3) == 1",
        "forall x: u64. x & 3 == 1",
        "forall x: u64. (x == 1 => x == 2) => x == 3",
        "forall x: u64. x == 1 => x == 2 => x == 3",
        "forall x: u64. x - (x - 1) == 1",
        "forall x: u64. x - x - 1 == 1",
        "forall x: u64. ~(x + 1)[3:1] == 0x10",
        "forall x: u64. !(x == 1 || x == 2) && x[57]",
        "forall x: u64, y: u64 where x < y. (x | y) ^ x * y << 3 != 0 <=> x >= 1_000",
        "pte_none(0) when LINUX_VERSION_CODE >= 5.10 && (VA_BITS > 39 || !exports(pmd_sect))",
    ] {
        let formula = one(text)?;
        assert_eq!(one(&formula.to_string())?, formula, "{text}");
    }
    let minimal = "forall x: u64. x - (x - 1) == 1 && !x[57] => (x | 1) << 2 != 0xff";
    assert_eq!(one(minimal)?.to_string(), minimal);
    assert_eq!(one("forall x: u64. ((x & 3) == (1))")?.to_string(), "forall x: u64. x & 3 == 1");
    Ok(())
}

#[test]
fn operators_bind_as_the_documentation_says() -> Outcome {
    assert!(holds("forall x: u64. x & 3 == 1", 5)?, "& binds tighter than ==");
    assert!(holds("forall x: u64. 1 << 2 + 1 == 8", 0)?, "+ binds tighter than <<");
    assert!(holds("forall x: u64. x == 1 => x == 2 => x == 3", 0)?, "=> groups to the right");
    assert!(!holds("forall x: u64. (x == 1 => x == 2) => x == 3", 0)?);
    assert!(holds("forall x: u64. x[7:4] == 0xa && x[0] && !x[1]", 0xa1)?);
    assert!(holds("forall x: u64. ~x == 0xffff_ffff_ffff_ffff - x && 0 - 1 == ~0", 0x1234)?);
    assert!(holds("forall x: u64. x + 1 - 1 == x", u64::MAX)?);
    assert!(holds("forall x: u64. PAGE_SHIFT == 12 && POR_EL0 == 0x77777777", 0)?);
    Ok(())
}

/// Errors as a reader sees them. The file is the expectation; `BLESS=1` rewrites it.
#[test]
fn errors_point_at_the_fault() -> Outcome {
    let laws = include_str!("../../tests/laws/errors.txt");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/laws/errors.txt");
    let mut expected = String::new();
    for line in laws.lines().filter(|line| line.starts_with("law ") || line.starts_with("text ")) {
        let text = line.replace("\\x1b", "\x1b");
        let error = match text.strip_prefix("text ") {
            Some(text) => parse_text(text).err(),
            None => parse_file(&text).errors.into_iter().next(),
        }
        .ok_or_else(|| format!("accepted: {line}"))?;
        let place = if line.starts_with("text ") { "     " } else { "" };
        let shown = error.excerpt().lines().map(|line| format!("{place}{line}\n")).collect::<String>();
        let carets = shown.lines().last().unwrap_or_default();
        expected.push_str(&format!("{line}\n{carets}\n{} {error}\n\n", error.code()));
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, expected)?;
    } else {
        assert_eq!(laws, expected);
    }
    Ok(())
}

#[test]
fn carets_stand_under_the_fault_on_later_lines_and_in_long_ones() -> Outcome {
    let text = "# a comment\nforall x: u64.\n  \tpte_none(x) == pte_nine(x)";
    let error = one(text).err().ok_or("accepted")?;
    assert_eq!((error.line, error.column), (3, 19));
    assert_eq!(error.excerpt(), "   pte_none(x) == pte_nine(x)\n                  ^^^^^^^^");
    let long = format!("forall x: u64. {} pte_nine(x)", "x == x && ".repeat(50));
    let error = one(&long).err().ok_or("accepted")?;
    let excerpt = error.excerpt();
    let (shown, carets) = excerpt.split_once('\n').ok_or("one line")?;
    let start = carets.find('^').ok_or("no caret")?;
    assert_eq!(shown.get(start..carets.len()), Some("pte_nine"));
    Ok(())
}

#[test]
fn an_expansion_names_itself_in_errors() -> Outcome {
    let error = parse_text("for pXd in pte, p4d: forall x: u64. pXd_young(x)").err().ok_or("accepted")?;
    assert_eq!(error.expansion.as_deref(), Some("pXd = p4d"));
    assert_eq!(error.code(), "C891");
    Ok(())
}

#[test]
fn placeholders_expand_in_either_case() -> Outcome {
    let laws = parse_text("for pXd in pmd, pud: for OP in young, write: forall x: u64. pXd_OP(x) => PXD_SHIFT() > 0")?;
    let suffixes: Vec<&str> = laws.iter().map(|(suffix, _)| suffix.as_str()).collect();
    assert_eq!(suffixes, [".pmd.young", ".pmd.write", ".pud.young", ".pud.write"]);
    assert_eq!(laws[3].1.helpers(), [Helper::pud_write, Helper::PUD_SHIFT]);
    Ok(())
}

#[test]
fn nesting_is_bounded_at_both_ends() {
    let nested = |depth: usize| format!("forall x: u64. {}x == 0{}", "(".repeat(depth), ")".repeat(depth));
    let deepest = limits::DEPTH as usize;
    assert!(one(&nested(deepest - 1)).is_ok());
    for depth in [deepest + 1, 100_000] {
        let error = one(&nested(depth)).expect_err("too deep");
        assert!(matches!(*error.kind, LawErrorKind::TooMany { what: "levels of nesting", .. }), "{error}");
    }
    for prefix in ["~", "!", "pte_mkold(", "x == (", "x => "] {
        let text = format!("forall x: u64. {}", prefix.repeat(100_000));
        assert!(one(&text).is_err());
    }
}

#[test]
fn terms_are_bounded_at_both_ends() {
    // `x == x` is three terms, each further `&& x == x` four.
    let sum = |terms: usize| format!("forall x: u64. x == x{}", " && x == x".repeat((terms - 3) / 4));
    assert!(one(&sum(1023)).is_ok());
    assert!(one(&sum(1023)).is_ok_and(|formula| one(&formula.to_string()) == Ok(formula)));
    let error = one(&sum(1027)).expect_err("too many terms");
    assert!(matches!(*error.kind, LawErrorKind::TooMany { what: "terms", .. }), "{error}");
}

#[test]
fn expansions_are_bounded_at_both_ends() {
    let values = |name: &str, count: usize| {
        let values: Vec<String> = (0..count).map(|_| "pte".to_owned()).collect();
        format!("for {name} in {}: ", values.join(", "))
    };
    let text = |a, b| format!("{}{}pA_none(0) && pB_none(0)", values("pA", a), values("pB", b));
    assert_eq!(parse_text(&text(16, 16)).map(|laws| laws.len()), Ok(256));
    let error = parse_text(&text(16, 17)).expect_err("too many expansions");
    assert!(matches!(*error.kind, LawErrorKind::TooMany { what: "expansions of one law", .. }), "{error}");
}

#[test]
fn a_file_of_ten_thousand_laws_is_read_and_the_next_law_is_not() {
    let laws = |count: usize| (0..count).map(|i| format!("law l{i}: pte_none({i})\n")).collect::<String>();
    let file = parse_file(&laws(limits::LAWS));
    assert_eq!((file.laws.len(), file.errors.len()), (limits::LAWS, 0));
    let file = parse_file(&laws(limits::LAWS + 1));
    assert_eq!((file.laws.len(), file.errors.len()), (limits::LAWS, 1));
    assert_eq!(file.errors[0].line, limits::LAWS + 1);
    let large = format!("#{}", " ".repeat(limits::FILE_BYTES));
    assert!(parse_file(&large).errors.len() == 1 && parse_file(&large[1..]).errors.is_empty());
}

#[test]
fn a_file_keeps_the_laws_that_are_in_order() {
    let file = parse_file("law a: pte_none(0)\nlaw b: pte_nun(0)\nlaw c \"words\": forall x: u64. pte_same(x, x)");
    let names: Vec<(&str, &str)> = file.laws.iter().map(|law| (law.name.as_str(), law.doc.as_str())).collect();
    assert_eq!(names, [("a", ""), ("c", "words")]);
    assert_eq!(file.errors.len(), 1);
    assert_eq!((file.errors[0].line, file.errors[0].code()), (2, "C891"));
    let many = parse_file(&"law b: pte_nun(0)\n".repeat(limits::ERRORS + 5));
    assert_eq!(many.errors.len(), limits::ERRORS);
}

#[test]
fn any_bytes_are_an_error_and_no_panic() {
    let seed =
        "law a \"d\": for pXd in pte, pmd: forall x: u64 where x[5:1] != 0x1f. pXd_pfn(x) <= ~5.10 => !x[0] when A";
    let mut state = 1u64;
    for _ in 0..20_000 {
        let mut bytes = seed.as_bytes().to_vec();
        for _ in 0..4 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(state >> 33).unwrap_or(0) % bytes.len();
            let [.., high] = state.to_le_bytes();
            if state & 1 == 0 { bytes[at] = high } else { bytes.truncate(at.max(1)) }
        }
        let text = String::from_utf8_lossy(&bytes);
        for error in parse_file(&text).errors {
            assert!(error.excerpt().is_ascii() && !error.to_string().contains('\x1b'));
        }
    }
}

#[test]
fn the_hosts_law_stands() -> Outcome {
    let file =
        parse_file("law pfn_kept: for pXd in pte, pmd: forall x: u64. pXd_pfn(x) == pXd_pfn(x)\nlaw mine: pte_none(0)");
    let host = host_laws()?;
    let count = host.len();
    let (laws, overruled) = merge(host, file.laws);
    assert_eq!(laws.len(), count + 1);
    assert_eq!(overruled, [Overruled { name: "pfn_kept".to_owned() }]);
    assert!(laws.iter().filter(|law| law.name == "pfn_kept").all(|law| law.origin == Origin::Host));
    Ok(())
}

#[test]
fn when_decides_before_any_entry_is_known() -> Outcome {
    let text = "forall x: u64. pmd_devmap(x) == 0 when !TRANSPARENT_HUGEPAGE || LINUX_VERSION_CODE >= 6.17";
    let law = law(Origin::Host, text)?;
    let exports = Exports::from_iter([Helper::pmd_devmap]);
    let Binding::NotApplicable(reason) = bind(&law, &Config::DEFAULT, &exports) else { panic!("applies") };
    assert_eq!(
        reason.to_string(),
        "it applies when !TRANSPARENT_HUGEPAGE || LINUX_VERSION_CODE >= 6.17; LINUX_VERSION_CODE is 5.3, \
         TRANSPARENT_HUGEPAGE is 1"
    );
    let off = Config::DEFAULT.with(Extern::TRANSPARENT_HUGEPAGE, 0);
    assert!(matches!(bind(&law, &off, &exports), Binding::Applicable(_)));
    let later = Config::DEFAULT.with(Extern::LINUX_VERSION_CODE, 0x06_11_00);
    assert!(matches!(bind(&law, &later, &exports), Binding::Applicable(_)));
    Ok(())
}

#[test]
fn absent_helpers_are_stubs_or_a_reason() -> Outcome {
    let maker = "forall x: u64. pmd_devmap(pmd_mkdevmap(x))";
    let with = |helpers: &[Helper]| Exports::from_iter(helpers.iter().copied());
    let (none, maker_only) = (with(&[]), with(&[Helper::pmd_mkdevmap]));
    let host = law(Origin::Host, maker)?;
    let Binding::NotApplicable(reason) = bind(&host, &Config::DEFAULT, &none) else { panic!("applies") };
    assert_eq!(reason, NotApplicable::Absent { helpers: vec![Helper::pmd_mkdevmap] });
    let Binding::Applicable(bound) = bind(&host, &Config::DEFAULT, &maker_only) else { panic!("does not apply") };
    assert!(bound.evaluate(&[0], |_, args| args[0] | 1 << 57).refutes(), "the stub of pmd_devmap is 0");
    let stubs = law(Origin::Host, "forall x: u64. pud_none(x) => !pud_present(x)")?;
    let Binding::NotApplicable(reason) = bind(&stubs, &Config::DEFAULT, &none) else { panic!("applies") };
    assert_eq!(reason, NotApplicable::StubsOnly { helpers: vec![Helper::pud_none, Helper::pud_present] });
    let file = law(Origin::File, maker)?;
    let near = with(&[Helper::pud_mkdevmap]);
    let Binding::Refused(kind) = bind(&file, &Config::DEFAULT, &near) else { panic!("not refused") };
    assert_eq!(
        kind.to_string(),
        "the plugin does not export `pmd_mkdevmap`, which has no generic stub; did you mean `pud_mkdevmap`?"
    );
    Ok(())
}

#[test]
fn the_generic_access_permitted_asks_present_and_write() -> Outcome {
    let law = law(Origin::Host, "forall x: u64, w: u64. pte_access_permitted(x, w)")?;
    let both = Exports::from_iter([Helper::pte_present, Helper::pte_write, Helper::pte_none]);
    let call = |helper: Helper, args: &[u64]| args[0] >> u64::from(helper == Helper::pte_write) & 1;
    // None of its own helpers is exported, but those that the stub asks are: that is still about the plugin.
    let Binding::Applicable(bound) = bind(&law, &Config::DEFAULT, &both) else { panic!("does not apply") };
    let granted: Vec<bool> =
        [(1, 0), (1, 1), (3, 1), (2, 0), (1, 1 << 32)].map(|(x, w)| bound.evaluate(&[x, w], call).claim).into();
    assert_eq!(granted, [true, false, true, false, true], "the second argument is an i32");
    let present_only = Exports::from_iter([Helper::pte_present]);
    assert!(matches!(bind(&law, &Config::DEFAULT, &present_only), Binding::NotApplicable(_)));
    Ok(())
}

/// x86_64's inverted frames (arch/x86/include/asm/pgtable-invert.h, v5.3), which kernel and laws must agree on.
fn x86(helper: Helper, args: &[u64]) -> u64 {
    let x = args[0];
    let inverted = if x != 0 && x & 1 == 0 { u64::MAX } else { 0 };
    match helper {
        Helper::pmd_none => u64::from(x & !0x60 == 0),
        Helper::pmd_pfn => ((x ^ inverted) & ptwalk_abi::bits(51, 12)) >> 12,
        Helper::pmd_mkdevmap => x | 1 << 58,
        Helper::pmd_mkold => x & !0x20,
        _ => panic!("{helper}"),
    }
}

#[test]
fn inverted_frames_need_an_entry_that_is_not_empty() -> Outcome {
    let exports = Exports::from_iter([Helper::pmd_none, Helper::pmd_pfn, Helper::pmd_mkdevmap, Helper::pmd_mkold]);
    let bare = |maker| format!("forall x: u64. pmd_pfn(pmd_{maker}(x)) == pmd_pfn(x)");
    for (maker, counterexample) in [("mkdevmap", 0), ("mkold", 0x20)] {
        let bare = law(Origin::Host, &bare(maker))?;
        let kept = host_laws()?.into_iter().find(|law| law.id == format!("pfn_kept.pmd.{maker}")).ok_or("no law")?;
        for (law, refuted) in [(&bare, true), (&kept, false)] {
            let Binding::Applicable(bound) = bind(law, &Config::DEFAULT, &exports) else { panic!("does not apply") };
            assert_eq!(bound.evaluate(&[counterexample], x86).refutes(), refuted, "{}", law.formula);
        }
    }
    Ok(())
}
