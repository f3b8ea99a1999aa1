use super::*;

#[test]
fn verifies_under_the_default_configuration() {
    let plugin = load("walker-plugins/prebuilt/arm64.wasm");
    let outcome = verify(&plugin, &Config::DEFAULT, &host());
    let report = outcome.report();
    let shown: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    println!("{:?} {}", report.timing, report.laws.len());
    for law in &report.laws {
        if law.verdict != "not_applicable" {
            println!("{} {} {:?}", law.id, law.verdict, law.by);
        }
    }
    for (name, export) in &report.exports {
        println!("{name} = {:?} {}", export.closed_form, export.instructions_max);
    }
    assert_eq!(report.verdict, Verdict::Verified, "{}", shown.join("\n"));
}

#[test]
fn time() {
    let plugin = load("walker-plugins/prebuilt/arm64.wasm");
    let laws = host();
    let session = Session::new(&plugin).unwrap();
    for _ in 0..5 {
        let outcome = session.verify(&Config::DEFAULT, &laws);
        println!("{:?} nodes {}", outcome.report().timing, outcome.verified().unwrap().arena().len());
    }
}
