//! The checks find what they are for, and let pass what only looks like it.

use super::checks::{
    File, allowed_lints, beside_its_folder, crates_away_from_home, empty_name, forbidden_imports,
    forbidden_inner_rooms, impurities, is_for_tests, missing_card, too_long,
};

fn one_fault(faults: &[String], part: &str) {
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains(part), "{faults:?}");
}

#[test]
fn an_import_against_the_table_is_found_with_its_line() {
    let file = File::new("engine/decide.rs", "use crate::domain::Time;\n\nuse crate::store::Store;\n");
    assert_eq!(forbidden_imports(&file), ["src/engine/decide.rs:3: `engine` may not use `store`"]);
}

#[test]
fn an_import_in_a_group_is_found() {
    let file = File::new("ingest/mod.rs", "use crate::{domain::{Event, Time}, store::{Store, StoreError}};");
    let faults = forbidden_imports(&file);
    assert_eq!(faults.len(), 2, "{faults:?}");
}

#[test]
fn a_path_in_the_middle_of_code_is_found() {
    one_fault(
        &forbidden_imports(&File::new("channels/email/pool.rs", "fn f() { let x = crate::store::open(); }")),
        "`channels` may not use `store`",
    );
}

#[test]
fn a_way_through_super_is_found() {
    let text = "use super::super::http::Router;\nuse super::Mail;\nmod inner { use super::super::Mail; }";
    one_fault(&forbidden_imports(&File::new("channels/email.rs", text)), "`channels` may not use `http`");
}

#[test]
fn a_way_through_the_packages_own_name_is_found() {
    one_fault(&forbidden_imports(&File::new("rules/mod.rs", "use retaind::engine::Effect;")), "may not use `engine`");
}

#[test]
fn a_glob_of_the_package_is_found() {
    one_fault(&forbidden_imports(&File::new("rules/mod.rs", "use crate::*;")), "whole package");
}

#[test]
fn a_room_that_nobody_planned_is_found() {
    one_fault(&forbidden_imports(&File::new("magic/mod.rs", "")), "no room of the table");
}

#[test]
fn words_in_comments_strings_and_tests_are_no_imports() {
    let text = r##"
        //! See crate::store and `use crate::http::x;`.
        /* crate::app /* crate::cli */ crate::http */
        const TEXT: &str = "crate::store \" use crate::http";
        const RAW: &str = r#"crate::store" use crate::http"#;
        const MARK: char = '"'; const TICK: char = '\''; fn f<'a>(x: &'a str) -> &'a str { x }
        use crate::domain::Time;
        #[cfg(test)]
        mod tests { use crate::store::memory::Memory; fn g() { if true { crate::app::start(); } } }
    "##;
    assert_eq!(forbidden_imports(&File::new("calendar/mod.rs", text)), Vec::<String>::new());
}

#[test]
fn code_behind_a_test_module_is_looked_at() {
    let text = "#[cfg(test)]\nmod tests { fn g() {} }\nuse crate::store::Store;";
    one_fault(&forbidden_imports(&File::new("calendar/mod.rs", text)), "may not use `store`");
}

#[test]
fn a_file_that_is_declared_for_tests_is_known_as_such() {
    let file = File::new("store/sled/mod.rs", "mod keys;\n#[cfg(test)]\nmod contract;\n");
    let modules = file.test_modules().into_iter().collect();
    assert!(is_for_tests("store/sled/contract.rs", &modules));
    assert!(is_for_tests("store/sled/contract/mod.rs", &modules));
    assert!(!is_for_tests("store/sled/contractor.rs", &modules));
    assert!(!is_for_tests("store/sled/keys.rs", &modules));
}

#[test]
fn a_store_behind_the_trait_is_not_named_by_the_worker() {
    let file = File::new("delivery/mod.rs", "use crate::store::{Store, sled::SledStore};");
    one_fault(&forbidden_inner_rooms(&file), "only [\"app\"] may name `store::sled`");
    assert_eq!(
        forbidden_inner_rooms(&File::new("app/mod.rs", "use crate::store::sled::SledStore;")),
        Vec::<String>::new()
    );
}

#[test]
fn an_outside_crate_away_from_home_is_found() {
    one_fault(&crates_away_from_home(&File::new("app/mod.rs", "use sled::Db;")), "`store/sled` alone");
    one_fault(&crates_away_from_home(&File::new("app/mod.rs", "#[derive(clap::Parser)] struct A;")), "`cli` alone");
    one_fault(
        &crates_away_from_home(&File::new("delivery/mod.rs", "fn f(x: reqwest::Client) {}")),
        "`channels/webhook` alone",
    );
}

#[test]
fn an_outside_crate_at_home_passes() {
    assert_eq!(crates_away_from_home(&File::new("store/sled/keys.rs", "use sled::Batch;")), Vec::<String>::new());
}

#[test]
fn a_room_with_the_name_of_a_crate_is_not_the_crate() {
    let own = File::new("store/mod.rs", "pub mod sled;\nfn open() { sled::open_guarded(); }");
    assert_eq!(crates_away_from_home(&own), Vec::<String>::new());
    let path = File::new("app/mod.rs", "use crate::store::sled::SledStore;");
    assert_eq!(crates_away_from_home(&path), Vec::<String>::new());
}

#[test]
fn an_impurity_in_a_pure_room_is_found() {
    let cases = [
        ("async fn f() {}", "`async`"),
        ("use std::time::Instant;", "`Instant`"),
        ("fn f() -> std::time::SystemTime { todo() }", "`SystemTime`"),
        ("use std::{collections::HashMap, fs};", "`std::fs`"),
        ("fn f() { std::env::var(\"HOME\"); }", "`std::env::var`"),
        ("use std::net::IpAddr;", "`std::net::IpAddr`"),
        ("fn f() { jiff::Timestamp::now(); }", "now`"),
        ("fn f() { getrandom::fill(&mut x); }", "`getrandom::fill`"),
        ("use tokio::sync::Mutex;", "`tokio::sync::Mutex`"),
    ];
    for (text, part) in cases {
        one_fault(&impurities(&File::new("engine/mod.rs", text)), part);
    }
}

#[test]
fn an_edge_may_do_what_a_pure_room_may_not() {
    let text = "use std::fs; async fn f() {}";
    assert_eq!(impurities(&File::new("store/mod.rs", text)), Vec::<String>::new());
}

#[test]
fn a_card_that_lacks_a_part_is_found() {
    let whole =
        "//! Rules.\n//!\n//! What it is for: x.\n//! Invariants: y.\n//! Deliberately not here: z.\n\nmod a;\n";
    assert_eq!(missing_card(&File::new("rules/mod.rs", whole)), Vec::<String>::new());
    assert_eq!(missing_card(&File::new("rules/mod.rs", "mod a;\n")).len(), 3);
    let without = whole.replace("//! Invariants: y.\n", "");
    one_fault(&missing_card(&File::new("rules/mod.rs", &without)), "its invariants");
}

#[test]
fn a_lint_that_is_switched_off_is_found() {
    one_fault(&allowed_lints(&File::new("app/mod.rs", "#[allow(dead_code)] fn f() {}")), "expect");
    assert_eq!(
        allowed_lints(&File::new("app/mod.rs", "#[expect(dead_code, reason = \"\")] fn f() {}")),
        Vec::<String>::new()
    );
}

#[test]
fn a_long_file_an_empty_name_and_a_twin_are_found() {
    assert!(too_long("src/a.rs", &"x\n".repeat(601)).is_some());
    assert!(too_long("src/a.rs", &"x\n".repeat(600)).is_none());
    assert!(empty_name("src/store/utils.rs").is_some());
    assert!(empty_name("src/helpers/mod.rs").is_some());
    assert!(empty_name("src/store/keys.rs").is_none());
    let all = ["src/a.rs".to_owned(), "src/a/b.rs".to_owned()].into();
    assert!(beside_its_folder("src/a.rs", &all).is_some());
    assert!(beside_its_folder("src/a/b.rs", &all).is_none());
}
