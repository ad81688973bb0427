use super::{NOW, OPTIONS, schema, sorted};
use crate::domain::{Arrival, ProfileRow, Value};
use crate::ingest::{CustomersCsv, HeaderProblem, ImportOptions, IngestError, Refused, Rejects};
use std::io::{Read, Write};

fn read(file: impl AsRef<[u8]>) -> (Vec<Arrival>, Vec<Refused>) {
    sorted(CustomersCsv::new(file.as_ref(), schema(), OPTIONS).unwrap())
}

fn row(file: &str) -> (String, ProfileRow, bool) {
    match read(file) {
        (mut arrivals, refused) if refused.is_empty() && arrivals.len() == 1 => match arrivals.remove(0) {
            Arrival::Profile { customer, row, dated, .. } => (customer, row, dated),
            other => panic!("a profile, not {other:?}"),
        },
        other => panic!("one arrival, not {other:?}"),
    }
}

fn reason(header: &str, cells: &str) -> String {
    let (arrivals, mut refused) = read(format!("{header}\n{cells}\n"));
    assert_eq!((arrivals.len(), refused.len()), (0, 1), "{arrivals:?} {refused:?}");
    assert_eq!(refused[0].line, 2);
    refused.remove(0).reason
}

fn problems(file: &str, ignore_unknown: bool) -> Vec<HeaderProblem> {
    match CustomersCsv::new(file.as_bytes(), schema(), ImportOptions { ignore_unknown, ..OPTIONS }).err() {
        Some(IngestError::Header(problems)) => problems,
        other => panic!("a bad header, not {other:?}"),
    }
}

#[test]
fn cells_become_values_of_the_declared_types() {
    let (id, row, dated) = row("id,email,score,wholesale,birthday,created_at,tags,consent.marketing,consent.offers\n\
         c1,a@b.test,29.33,True,1990-02-28,2026-01-02T03:04:05+01:00,\"[\"\"a\"\",2]\",1,FALSE\n");
    assert_eq!(id, "c1");
    assert!(!dated);
    let expected = [
        ("birthday", Value::Date(jiff::civil::date(1990, 2, 28))),
        ("created_at", Value::Time("2026-01-02T02:04:05Z".parse().unwrap())),
        ("email", Value::Text("a@b.test".into())),
        ("score", Value::Number("29.33".parse().unwrap())),
        ("tags", Value::List(vec![Value::Text("a".into()), Value::Number(2.into())])),
        ("wholesale", Value::Bool(true)),
    ];
    assert_eq!(row.attributes, expected.map(|(name, value)| (name.into(), Some(value))).into());
    assert_eq!(row.consent, [("marketing".into(), true), ("offers".into(), false)].into());
    assert_eq!((row.source.as_str(), row.received_at, row.effective_at), ("import", NOW, NOW));
}

#[test]
fn an_empty_cell_says_nothing_and_a_mark_clears() {
    let (_, row, _) = row("id,first_name,last_name,consent.marketing,consent.offers\nc1,,\\N,\\N,\n");
    assert_eq!(row.attributes, [("last_name".into(), None)].into());
    assert_eq!(row.consent, [("marketing".into(), false)].into());
}

#[test]
fn updated_at_says_from_when_a_row_holds() {
    let (_, row, dated) = row("id,updated_at\nc1,2026-01-02T03:04:05\n");
    assert!(dated);
    assert_eq!(row.effective_at, "2026-01-02T03:04:05Z".parse().unwrap());
}

#[test]
fn a_row_may_be_ahead_by_an_hour_because_clocks_differ() {
    let (_, row, dated) = row("id,updated_at\nc1,2026-03-01T01:00:00Z\n");
    assert!(dated);
    assert_eq!(row.effective_at, "2026-03-01T01:00:00Z".parse().unwrap());
}

#[test]
fn a_byte_order_mark_and_line_ends_of_other_systems_are_taken() {
    let (arrivals, refused) = read("\u{feff}id,first_name\r\nc1,Ana\r\n\r\nc2,\"Iv\r\nan\"");
    assert_eq!((arrivals.len(), refused.len()), (2, 0));
    let Arrival::Profile { row, .. } = &arrivals[1] else { panic!("a profile") };
    assert_eq!(row.attributes["first_name"], Some(Value::Text("Iv\r\nan".into())));
}

#[test]
fn a_bad_cell_refuses_its_row_with_column_value_and_what_was_expected() {
    for (header, cells, expected) in [
        ("id,birthday", "1,1990-02-30", "`birthday` is `1990-02-30`, expected a date such as 2026-03-29"),
        ("id,score", "1,\"1,000\"", "`score` is `1,000`, expected a number such as 1234.5"),
        ("id,wholesale", "1,yes", "`wholesale` is `yes`, expected true or false"),
        ("id,consent.marketing", "1,maybe", "`consent.marketing` is `maybe`, expected true or false"),
        ("id,created_at", "1,yesterday", "`created_at` is `yesterday`, expected a time"),
        ("id,updated_at", "1,soon", "`updated_at` is `soon`, expected a time"),
        ("id,plan", "1,gold", "`plan` is `gold`; it may be one of: free, pro"),
        ("id,timezone", "1,Nairobi", "`timezone` is `Nairobi`, no time zone"),
        ("id,email", "1,a b@c", "`email` is `a b@c`, no address"),
        ("id,email", "1,../../etc/passwd@x.example", "`email` is `../../etc/passwd@x.example`, no address: the part"),
        ("id,updated_at", "1,2026-03-01T01:00:01Z", "`updated_at` is 2026-03-01T01:00:01Z, which lies in the future"),
        ("id,updated_at", "1,9999-12-31T23:00:00Z", "`updated_at` "),
        ("id,tags", "1,a;b", "`tags` is `a;b`, expected a list"),
        ("id,first_name", "1,A\0B", "`first_name` holds a NUL character"),
        ("id,first_name", ",Ana", "`id` is empty"),
        ("id,first_name", "\\N,Ana", "`id` is empty"),
        ("id,first_name", "1", "1 cells where the first line names 2 columns"),
        ("id,first_name", "1,2,3", "3 cells where the first line names 2 columns"),
        ("id,first_name", "1,\"a\"b", "cell 2 goes on behind its closing quote"),
    ] {
        let got = reason(header, cells);
        assert!(got.starts_with(expected), "{got}");
    }
    assert!(reason("id,score", &format!("1,{}", "9".repeat(1000))).len() < 200);
}

#[test]
fn rows_after_a_refused_one_are_read_as_ever() {
    let mut file = b"id,first_name\n1,Ana\n2,\xff\xfe\n3,Ivan\n".to_vec();
    file.extend(b"4,\"open\n5,Maria\n");
    let (arrivals, refused) = read(&file);
    assert_eq!(arrivals.len(), 2);
    let told: Vec<_> = refused.iter().map(|row| (row.line, row.reason.as_str())).collect();
    assert_eq!(told[0], (3, "not UTF-8, from byte 3 of the row"));
    assert_eq!(told[1].0, 5);
    assert!(told[1].1.contains("not closed; lines 5 to 6"), "{}", told[1].1);
}

#[test]
fn every_problem_of_the_first_line_is_told_at_once() {
    let found = problems("emial,plan,plan,,consent.ofers\n1,2,3,4,5\n", false);
    let unknown = |name: &str, near: &str| HeaderProblem::Unknown { name: name.into(), nearest: Some(near.into()) };
    assert_eq!(
        found,
        [
            HeaderProblem::NoId,
            unknown("emial", "email"),
            HeaderProblem::Twice("plan".into()),
            HeaderProblem::Unnamed(4),
            unknown("consent.ofers", "consent.offers"),
        ]
    );
    assert_eq!(problems("", false), [HeaderProblem::Empty]);
    assert_eq!(problems("id;email\n1;a@b\n", true), [HeaderProblem::NoId]);
    assert!(matches!(problems(&"x".repeat(2 << 20), false)[..], [HeaderProblem::Unreadable(_)]));
}

#[test]
fn unknown_columns_are_passed_over_when_that_is_asked_for() {
    let options = ImportOptions { ignore_unknown: true, ..OPTIONS };
    let (arrivals, refused) = sorted(CustomersCsv::new(&b"id,shoe_size\n1,43\n"[..], schema(), options).unwrap());
    assert_eq!(refused, []);
    assert!(matches!(&arrivals[..], [Arrival::Profile { row, .. }] if row.attributes.is_empty()));
}

#[test]
fn a_reader_that_fails_is_told_and_ends_the_rows() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }

    let mut rows = CustomersCsv::new((&b"id\n1\n"[..]).chain(Fails), schema(), OPTIONS).unwrap();
    assert!(rows.next().unwrap().is_ok());
    assert!(matches!(rows.next(), Some(Err(IngestError::Read { line: 2, .. }))));
    assert!(rows.next().is_none());
}

#[test]
fn mended_rejects_are_imported_again() {
    let file = "id,first_name,score\n1,Ana,x\n2,\"Iv,an\",5\n3,Maria\n4,\"M\"x,7\n5,Juma,\"9,5\"\n";
    let mut rows = CustomersCsv::new(file.as_bytes(), schema(), OPTIONS).unwrap();
    let header = rows.header().clone();
    let (arrivals, refused) = sorted(&mut rows);
    assert_eq!((arrivals.len(), refused.len()), (1, 4));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("customers.csv.rejects");
    let mut rejects = Rejects::customers(std::fs::File::create(&path).unwrap(), header);
    refused.iter().try_for_each(|row| rejects.write(row)).unwrap();
    rejects.finish().unwrap().flush().unwrap();

    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written.starts_with("id,first_name,score,_line,_reason\n1,Ana,x,2,\"`score` is `x`"), "{written}");
    let mended = written.replace("Ana,x,", "Ana,7,").replace("\"9,5\"", "9.5").replace("3,Maria,", "3,Maria,1,");
    let mended = mended.replace("\"4,\"\"M\"\"x,7\",", "4,Mx,7,");
    let mut rows = CustomersCsv::new(mended.as_bytes(), schema(), OPTIONS).unwrap();
    let header = rows.header().clone();
    let (arrivals, refused) = sorted(&mut rows);
    assert_eq!((arrivals.len(), refused), (4, vec![]));
    // Rejects of rejects keep one pair of remarks.
    let mut again = Rejects::customers(Vec::new(), header);
    let raw = b"1,Ana,x,2,old".to_vec();
    again.write(&Refused { line: 9, raw, whole: true, reason: "new".into() }).unwrap();
    assert_eq!(again.finish().unwrap(), b"id,first_name,score,_line,_reason\n1,Ana,x,9,new\n");
}

#[test]
fn columns_say_when_consent_was_given_and_to_which_wording() {
    let (_, told, _) = row("id,consent.marketing,consent_at,consent_wording\nc1,true,2026-02-01T10:00:00Z,2026-03\n");
    assert!(!told.is_silent());
    let proof = told.proof.unwrap();
    assert_eq!((proof.at, proof.wording.as_deref()), (Some("2026-02-01T10:00:00Z".parse().unwrap()), Some("2026-03")));
    let (_, told, _) = row("id,consent.marketing,consent_at,consent_wording\nc1,true,,2026-03\n");
    assert!(told.is_silent(), "a wording alone does not say when");
    let (_, told, _) = row("id,consent_at\nc1,2026-02-01\n");
    assert_eq!(told.proof, None);
    assert!(reason("id,consent.marketing,consent_at", "c1,true,soon").contains("`consent_at`"));
    assert!(reason("id,consent.marketing,consent_at", "c1,true,2099-01-01").contains("consent_at"));
}
