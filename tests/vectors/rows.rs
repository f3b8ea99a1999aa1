//! Rows of a vector file: what a helper must answer under a configuration.
//!
//! In: the text of `tests/vectors/*.tsv`, whose head explains the columns. Out: the rows, or what is wrong with which
//! line. Guaranteed: nothing is skipped but blank lines and comments; an unknown name, a missing column, a value out
//! of range or an argument too many is an error. Every engine that is tested on the file includes this module.

use ptwalk_abi::{Config, Extern, Helper, KVersion};

/// One expectation.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Line of the file, from 1.
    pub line: usize,
    /// Number of the reference vector, or the row's group.
    pub label: &'a str,
    /// The configuration as written.
    pub config_text: &'a str,
    /// The configuration.
    pub config: Config,
    /// The helper to call.
    pub helper: Helper,
    /// Its arguments; 0 where it has fewer.
    pub args: [u64; 2],
    /// What it must answer.
    pub result: u64,
}

/// All rows of a file.
///
/// # Errors
/// The first line that is not as the head of the file says, and why.
pub fn parse(text: &str) -> Result<Vec<Row<'_>>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(i, line)| row(i + 1, line).map_err(|why| format!("line {}: {why}: {line:?}", i + 1))).collect()
}

fn row(line: usize, text: &str) -> Result<Row<'_>, String> {
    let columns: Vec<&str> = text.split('\t').collect();
    let [label, config_text, helper, args, result] = columns[..] else {
        return Err(format!("{} columns, not 5", columns.len()));
    };
    if label.is_empty() {
        return Err("no label".into());
    }
    let helper = Helper::by_name(helper).ok_or_else(|| format!("no helper {helper}"))?;
    let args = if args == "-" { Vec::new() } else { args.split(',').map(hex).collect::<Result<_, _>>()? };
    if args.len() != helper.signature().params().len() {
        return Err(format!("{} arguments for {helper} {}", args.len(), helper.signature()));
    }
    let arg = |i: usize| args.get(i).copied().unwrap_or(0);
    Ok(Row {
        line,
        label,
        config_text,
        config: config(config_text)?,
        helper,
        args: [arg(0), arg(1)],
        result: hex(result)?,
    })
}

fn hex(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").ok_or_else(|| format!("{text} does not begin with 0x"))?;
    u64::from_str_radix(digits, 16).map_err(|e| format!("{text}: {e}"))
}

fn config(text: &str) -> Result<Config, String> {
    let mut config = Config::DEFAULT;
    if text == "-" {
        return Ok(config);
    }
    for pair in text.split(',') {
        let (name, value) = pair.split_once('=').ok_or_else(|| format!("{pair} is not NAME=VALUE"))?;
        let key = Extern::by_name(name).ok_or_else(|| format!("no extern {name}"))?;
        let value = match key {
            Extern::LINUX_VERSION_CODE => version(value)?,
            _ => value.parse::<i32>().map_err(|e| format!("{pair}: {e}"))?,
        };
        if !key.range().contains(&value) {
            return Err(format!("{pair} is out of range"));
        }
        config = config.with(key, value);
    }
    Ok(config)
}

fn version(text: &str) -> Result<i32, String> {
    let bad = |e: std::num::ParseIntError| format!("version {text}: {e}");
    let mut parts = text.split('.');
    let (a, b, c) = (parts.next(), parts.next(), parts.next());
    let (Some(a), Some(b), None) = (a, b, parts.next()) else {
        return Err(format!("version {text} is not a.b or a.b.c"));
    };
    let c = c.map_or(Ok(0), str::parse).map_err(bad)?;
    Ok(KVersion::new(a.parse().map_err(bad)?, b.parse().map_err(bad)?, c).code())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_row_that_is_not_understood_fails() {
        assert_eq!(parse("# comment\n\n1\t-\tpte_none\t0x0\t0x1\n").map(|rows| rows.len()), Ok(1));
        for (text, why) in [
            ("1\t-\tpte_none\t0x0", "4 columns"),
            ("1\t-\tpte_none\t0x0\t0x1\tmore", "6 columns"),
            ("\t-\tpte_none\t0x0\t0x1", "no label"),
            ("1\t-\tpte_nil\t0x0\t0x1", "no helper"),
            ("1\t-\tpte_none\t-\t0x1", "0 arguments"),
            ("1\t-\tpte_none\t0x0,0x0\t0x1", "2 arguments"),
            ("1\t-\tpte_none\t0\t0x1", "does not begin with 0x"),
            ("1\t-\tpte_none\t0x10000000000000000\t0x1", "too large"),
            ("1\tPAGE=1\tpte_none\t0x0\t0x1", "no extern"),
            ("1\tPAGE_SHIFT\tpte_none\t0x0\t0x1", "not NAME=VALUE"),
            ("1\tPAGE_SHIFT=99\tpte_none\t0x0\t0x1", "out of range"),
            ("1\tLINUX_VERSION_CODE=6\tpte_none\t0x0\t0x1", "not a.b"),
            ("1\tLINUX_VERSION_CODE=6.1.2.3\tpte_none\t0x0\t0x1", "not a.b"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(why) && error.starts_with("line 1: "), "{text:?}: {error}");
        }
    }
}
