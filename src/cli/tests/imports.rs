use super::{Ran, Shop};
use std::path::PathBuf;

fn file(shop: &Shop, rows: &str) -> (PathBuf, String) {
    let path = shop.folder.path().join("rows.csv");
    std::fs::write(&path, rows).unwrap();
    let text = path.to_str().unwrap().to_owned();
    (path, text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_rows_are_kept_beside_the_file_and_do_not_fail_the_import() {
    let shop = Shop::new();
    for daemon in [false, true] {
        let daemon = if daemon { Some(shop.daemon().await) } else { None };
        let (path, name) = file(&shop, "good\nbad 1\ngood\nbad 2\n");
        let ran = shop.run(&["import", "customers", &name]).await;
        assert_eq!(ran.out, "4 rows: 2 stored, 0 there before, 2 refused\n");
        assert_eq!(ran.err, format!("warning: 2 rows refused, with reasons in {name}.rejects\n"));
        assert_eq!(ran.code, 0);
        let rejects = std::fs::read_to_string(path.with_extension("csv.rejects")).unwrap();
        assert_eq!(rejects, "bad 1,2,no such day\nbad 2,4,no such day\n");
        if let Some(daemon) = daemon {
            daemon.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_takes_no_row_fails() {
    let shop = Shop::new();
    let (_, name) = file(&shop, "bad\n");
    assert_eq!(shop.run(&["import", "events", &name]).await.code, 1);
    let (_, name) = file(&shop, "");
    assert_eq!(shop.run(&["import", "events", &name]).await.code, 0, "nothing was refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_import_makes_no_file_and_reports_as_json() {
    let shop = Shop::new();
    let (path, name) = file(&shop, "good\n");
    let ran = shop.run(&["suppressions", "import", &name, "--format", "json"]).await;
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report, serde_json::json!({"rows": 1, "stored": 1, "duplicates": 0, "refused": 0}));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(!path.with_extension("csv.rejects").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_breaks_off_keeps_what_was_refused_until_then() {
    let shop = Shop::new();
    let (path, name) = file(&shop, "good\nbad\nfail\n");
    let ran = shop.run(&["import", "customers", &name]).await;
    assert_eq!(ran, Ran { code: 74, out: String::new(), err: "error: the disk is full\n".into() });
    assert_eq!(std::fs::read_to_string(path.with_extension("csv.rejects")).unwrap(), "bad,2,no such day\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_read_is_named() {
    let shop = Shop::new();
    let missing = shop.folder.path().join("none.csv");
    let ran = shop.run(&["import", "customers", missing.to_str().unwrap()]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("error: cannot read ") && ran.err.contains("none.csv: No such file"), "{}", ran.err);
    let ran = shop.run(&["import", "customers", shop.folder.path().to_str().unwrap()]).await;
    assert!(ran.err.ends_with(" is a folder\n"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_passes_whole() {
    let shop = Shop::new();
    let daemon = shop.daemon().await;
    let (_, name) = file(&shop, &"a row that is stored, of some length\n".repeat(300_000));
    let ran = shop.run(&["import", "events", &name]).await;
    assert_eq!(ran.out, "300000 rows: 300000 stored, 0 there before, 0 refused\n");
    daemon.stop().await;
}
