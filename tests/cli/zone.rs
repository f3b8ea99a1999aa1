//! `ptwalk zone`: files of device ranges, and what kernels would do with them.

use serde_json::{Value, json};

use crate::image::Files;
use crate::ptwalk;

const RANGES: &str = r#"
[[ram]]
start = "0x0"
end = "0x140000000"
[[pgmap]]
start = "0x148000000"
end = "0x150000000"
type = "fs-dax"
altmap = { reserve = 2, free = 510 }
[[pgmap]]
start = "0x148100000"
end = "0x150100000"
type = "pci-p2pdma"
[[pgmap]]
start = "0x13f000000"
end = "0x141000000"
type = "private"
[[pgmap]]
start = "0x160100000"
end = "0x168100000"
type = "pci-p2pdma"
"#;

fn outcomes(document: &Value) -> Vec<Value> {
    document["ranges"].as_array().into_iter().flatten().map(|range| range["errno"].clone()).collect()
}

#[test]
fn each_range_is_registered_or_refused_as_its_kernel_does() {
    let files = Files::new();
    let file = files.write("ranges.toml", RANGES.as_bytes());
    let zone = |args: &[&str]| ptwalk(&[&["zone", &file, "--json"][..], args].concat()).exits(1).document();
    let v5_3 = zone(&[]);
    assert_eq!(
        (&v5_3["schema"], &v5_3["kernel"], &v5_3["machine"], &v5_3["alignment"], &v5_3["refused"]),
        (&json!("ptwalk/1"), &json!("5.3"), &json!("x86_64"), &json!("subsection-v5.3"), &Value::Null)
    );
    assert_eq!(outcomes(&v5_3), [json!(null), json!("ENOMEM"), json!("ENXIO"), json!("EINVAL")]);
    let first = &v5_3["ranges"][0];
    assert_eq!((&first["first_pfn"], &first["page_refs"]), (&json!("0x148200"), &json!(0x8000 - 512)));
    assert_eq!((&first["type_name"], &first["type_number"]), (&json!("MEMORY_DEVICE_FS_DAX"), &json!(2)));
    assert_eq!(v5_3["ranges"][1]["conflict"], json!({ "start": "0x148000000", "end": "0x150000000" }));

    let v5_2 = zone(&["--kernel", "5.2"]);
    assert_eq!(outcomes(&v5_2), [json!(null), json!("ENOMEM"), json!("ENXIO"), json!(null)]);
    assert_eq!(v5_2["ranges"][3]["aligned"], json!({ "start": "0x160000000", "end": "0x170000000" }));
    assert_eq!(v5_2["ranges"][0]["type_number"], 3);
    let predicates = &v5_2["ranges"][3]["predicates"];
    assert_eq!(
        (&predicates["is_pci_p2pdma_page"], &predicates["is_device_private_page"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(v5_3["ranges"][0]["predicates"].get("is_device_public_page"), None, "v5.3 has none");
}

#[test]
fn holes_of_the_kernel_are_there_on_demand() {
    let files = Files::new();
    let small_then_large = "[[pgmap]]\nstart = \"0x20000000\"\nend = \"0x21000000\"\ntype = \"fs-dax\"\n\
                            [[pgmap]]\nstart = \"0x10000000\"\nend = \"0x38000000\"\ntype = \"fs-dax\"\n";
    let file = files.write("holes.toml", small_then_large.as_bytes());
    let zone = ["zone", &file, "--kernel", "5.2"];
    ptwalk(&zone).exits(1);
    ptwalk(&[&zone[..], &["--kernel-holes"]].concat()).exits(0);
}

/// A kernel that cannot be is an answer, with its reason; for gup it is an error of the file.
#[test]
fn arm64_v5_3_cannot_have_device_memory() {
    let files = Files::new();
    let wished = format!("[zone]\nmachine = \"arm64\"\nconfig = {{ ZONE_DEVICE = true }}\n{RANGES}");
    let file = files.write("wished.toml", wished.as_bytes());
    let document = ptwalk(&["zone", &file, "--json"]).exits(1).document();
    assert_eq!(document["refused"]["option"], "ZONE_DEVICE");
    let reason = "arm64 v5.3 cannot have ZONE_DEVICE=y: the architecture has no memory hot-remove";
    assert!(document["refused"]["reason"].as_str().is_some_and(|text| text.starts_with(reason)), "{document}");
    assert!(ptwalk(&["zone", &file]).exits(1).out.starts_with(&format!("refused: {reason}")));
    ptwalk(&["gup", &files.user(), "0x400000", "1", "--root", "0x1000", "--pgmap", &file]).exits(2).says(&[reason]);

    let usual = files.write("usual.toml", RANGES.as_bytes());
    let document = ptwalk(&["zone", &usual, "--machine", "arm64", "--json"]).exits(1).document();
    assert_eq!(document["config"]["ZONE_DEVICE"], false);
    assert!(outcomes(&document).iter().all(|errno| errno == "ENXIO"), "{document}");
    let later = ptwalk(&["zone", &usual, "--machine", "arm64", "--kernel", "5.10", "--json"]).exits(1).document();
    assert_eq!(outcomes(&later)[0], Value::Null);
}

/// A range that the kernel of the file refuses keeps the file from being used.
#[test]
fn gup_takes_ranges_as_the_kernel_of_the_file_registers_them() {
    let files = Files::new();
    let range =
        |start: &str| format!("[zone]\n[[pgmap]]\nstart = \"{start}\"\nend = \"0x78000000\"\ntype = \"fs-dax\"\n");
    let image = files.user();
    let gup = |file: &str| ptwalk(&["gup", &image, crate::image::DEVICE, "1", "--root", "0x1000", "--pgmap", file]);
    gup(&files.write("good.toml", range("0x70000000").as_bytes())).exits(0);
    gup(&files.write("bad.toml", range("0x6ff00000").as_bytes())).exits(2).says(&["-EINVAL", "0x200000"]);
}

#[test]
fn every_form_says_the_same() {
    let files = Files::new();
    let file = files.write("ranges.toml", RANGES.as_bytes());
    let text = ptwalk(&["zone", &file]).exits(1).out;
    assert!(text.contains("refused: -ENXIO: a part of it is system RAM"), "{text}");
    assert!(text.contains("  registered: pages from pfn 0x0000000000148200, 32256 of them\n"), "{text}");
    let csv = ptwalk(&["zone", &file, "--format", "csv"]).exits(1).out;
    assert_eq!(csv.lines().count(), 5);
    assert!(csv.contains("pci-p2pdma,false,EINVAL,"), "{csv}");
    assert_eq!(ptwalk(&["zone", &file, "--format", "jsonl"]).exits(1).out.lines().count(), 1);
    ptwalk(&["zone", "/nowhere.toml"]).exits(2).says(&["/nowhere.toml"]);
    ptwalk(&["zone", &file, "--machine", "arm46"]).exits(2).says(&["arm64, x86_64, ppc64"]);
    ptwalk(&["zone", &file, "--alignment", "none"]).exits(2).says(&["section-v5.2 or subsection-v5.3"]);
}

/// The file in the help is one that the command reads.
#[test]
fn the_help_shows_a_file_that_works() {
    let help = ptwalk(&["zone", "--help"]).exits(0).out;
    let (_, rest) = help.split_once("RAM:\n").expect("the file follows");
    let (text, _) = rest.split_once("\n\n").expect("it ends");
    let files = Files::new();
    ptwalk(&["zone", &files.write("help.toml", text.as_bytes())]).exits(0);
}
