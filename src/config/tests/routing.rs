//! Where a record goes, and who may see what of it, by the tables and lines of one folder.

use super::*;

#[test]
fn a_record_says_its_keys_persons_links_and_lane() {
    let revision = compiled();
    let mut record = paper("38101004", "2026-11-22");
    record["case"]["cnr"] = json!({"value": "DLCT010001232026"});
    let facts = revision.facts("paper", &record);
    let cases: Vec<&str> = facts.cases.iter().map(|key| key.as_str()).collect();
    assert_eq!(cases, ["fir/38101004-2026-42", "cnr/DLCT010001232026"]);
    assert_eq!(facts.links.len(), 1);
    assert_eq!(facts.lane, Some(Lane::Papers));
    assert_eq!(facts.entry, "live");
    assert_eq!(facts.from.as_ref().map(OfficeId::as_str), Some("ps:38101004"));

    record["persons"] = json!([{"pid": {"prison": "DL01", "id": "7-A"}}, {"pid": {"prison": "DL01", "id": "7-A"}}]);
    record["code"] = json!("release");
    let facts = revision.facts("order", &record);
    assert_eq!(facts.persons, ["pid/DL01-7%2DA"]);
    assert_eq!(facts.lane, Some(Lane::Liberty));
    record["code"] = json!("hearing");
    assert_eq!(revision.facts("order", &record).lane, Some(Lane::Papers));
    record["code"] = json!(null);
    assert_eq!(revision.facts("order", &record).lane, Some(Lane::Liberty));
}

#[test]
fn the_codes_of_the_liberty_lane_may_stand_in_a_code_table() {
    let by_table = |table: &str| KINDS.replace("liberty = [\"release\"]", &format!("table = \"{table}\""));
    let mut folder = folder();
    folder.put("mappings/codes/order-codes.csv", ORDER_CODES);
    folder.put("config/kinds.toml", &by_table("order-codes"));
    let revision = Revision::compile(1, folder.clone()).unwrap();
    let lane = |code: Value| revision.facts("order", &json!({"code": code})).lane;
    assert_eq!(lane(json!("release")), Some(Lane::Liberty));
    assert_eq!(lane(json!("hearing")), Some(Lane::Papers));
    assert_eq!(lane(json!("of-no-row")), Some(Lane::Liberty), "what no row knows may be anything");

    folder.put("config/kinds.toml", &by_table("order-code"));
    let errors = Revision::compile(1, folder.clone()).unwrap_err();
    assert!(errors.iter().any(|error| error.message.contains("no code table `order-code`")), "{errors:?}");
    folder.put("config/kinds.toml", &by_table("gender"));
    let errors = Revision::compile(1, folder).unwrap_err();
    assert!(errors.iter().any(|error| error.message.contains("marks no code")), "{errors:?}");
}

#[test]
fn the_table_is_read_at_the_day_of_the_event_and_its_row_is_said() {
    let revision = compiled();
    let known = Snapshot::default();
    let old = routed(&revision, "paper", &paper("38101004", "2025-06-01"), &known);
    assert_eq!(places(&old), ["court:DLCT01 ok"]);
    assert_eq!(old[0].1, "route papers-to-courts: table ps_court line 2");
    let new = routed(&revision, "paper", &paper("38101004", "2026-06-01"), &known);
    assert_eq!(places(&new), ["court:DLCT02 ok"]);
}

#[test]
fn an_addressee_goes_before_the_court_of_the_case_and_that_before_the_cnr_and_the_table() {
    let revision = compiled();
    let mut known = Snapshot::default();
    let mut record = paper("38101004", "2026-06-01");
    record["case"]["cnr"] = json!({"value": "DLCT010001232026"});
    assert_eq!(places(&routed(&revision, "paper", &record, &known)), ["court:DLCT01 ok"]);
    known.links = links(&["committed-to cnr/DLCT010001232026 cnr/DLCT020004562026"]);
    assert_eq!(places(&routed(&revision, "paper", &record, &known)), ["court:DLCT02 ok"]);
    record["to"] = json!(["court:DLCT01/3", "ps:38101005"]);
    let found = routed(&revision, "paper", &record, &known);
    assert_eq!(places(&found), ["court:DLCT01/3 ok", "ps:38101005 ok"]);
}

#[test]
fn what_cannot_be_decided_is_a_destination_with_a_code() {
    let revision = compiled();
    let known = Snapshot::default();
    let several = routed(&revision, "paper", &paper("38101005", "2026-06-01"), &known);
    assert_eq!(places(&several), ["- ambiguous-office"]);
    let nowhere = routed(&revision, "paper", &paper("38109999", "2026-06-01"), &known);
    assert_eq!(places(&nowhere), ["- no-office"]);
    let mut record = paper("38101004", "2026-06-01");
    record["case"] = json!({"cnr": {"value": "XXYY010001232026"}});
    let stranger = routed(&revision, "paper", &record, &known);
    assert_eq!(places(&stranger), ["- no-office"]);
    assert!(stranger[0].1.contains("no system serves court:XXYY01"), "{}", stranger[0].1);
    record["to"] = json!(["lab:FSL1"]);
    assert!(places(&routed(&revision, "paper", &record, &known)).contains(&"- no-route"));
    assert_eq!(places(&routed(&revision, "unheard-of", &record, &known)), ["- no-route"]);
}

#[test]
fn a_receiver_without_a_sharing_line_is_parked_with_its_office() {
    let mut folder = folder();
    folder.put("config/sharing.toml", &SHARING.replace("\"courts\"", "\"prisons\""));
    let revision = Revision::compile(1, folder).unwrap();
    let found = routed(&revision, "paper", &paper("38101004", "2026-06-01"), &Snapshot::default());
    assert_eq!(places(&found), ["court:DLCT02 not-permitted"]);
}

#[test]
fn a_liberty_order_with_several_candidate_prisons_goes_to_all() {
    let mut folder = folder();
    let table = "court,prison,valid_from,valid_to,successor,source\nDLCT01,DL01,,,,x\nDLCT01,DL02,,,,x\n";
    folder.put("config/reference/court_prison.csv", table);
    let revision = Revision::compile(1, folder).unwrap();
    let known = Snapshot { links: links(&["same fir/38101004-2026-42 cnr/DLCT010001232026"]), ..Snapshot::default() };
    let mut record = paper("38101004", "2026-06-01");
    record["code"] = json!("release");
    assert_eq!(places(&routed(&revision, "order", &record, &known)), ["prison:DL01 ok", "prison:DL02 ok"]);
    record["code"] = json!("hearing");
    assert_eq!(places(&routed(&revision, "order", &record, &known)), ["- ambiguous-office"]);
}

#[test]
fn the_sending_office_is_no_receiver_of_its_own_record() {
    let revision = compiled();
    let mut record = paper("38101004", "2026-06-01");
    record["to"] = json!(["ps:38101004"]);
    let found = routed(&revision, "paper", &record, &Snapshot::default());
    assert_eq!(places(&found), ["court:DLCT02 ok"]);
}

#[test]
fn extensions_stay_with_the_system_that_sent_them_and_that_is_said() {
    let revision = compiled();
    let record = json!({"note": "x", "extensions": {"cctns": {"raw": {"a": "1"}}, "none": {}}});
    let courts = &revision.systems["courts-dl"];
    let given = revision.permit("paper", courts, "police-dl", &[], record.clone()).unwrap();
    assert_eq!(given.tree, json!({"note": "x"}));
    assert_eq!(given.withheld, ["extensions.cctns"]);
    let police = &revision.systems["police-dl"];
    let own = revision.permit("paper", police, "police-dl", &[], record.clone()).unwrap();
    assert_eq!((own.tree, own.withheld.len()), (record.clone(), 0));
    assert!(revision.permit("order", courts, "police-dl", &[], record.clone()).is_none());
    assert!(revision.permit("outcome", courts, "police-dl", &[], record).is_some());
}

#[test]
fn a_correction_is_routed_anew_and_offices_no_longer_addressed_get_a_withdrawal() {
    let revision = compiled();
    let to = |offices: Value| {
        let mut record = paper("38101004", "2026-06-01");
        record["to"] = offices;
        let facts: Facts = revision.facts("paper", &record);
        revision.route("paper", &record, &facts, &Snapshot::default())
    };
    let before: Vec<_> = to(json!(["court:DLCT01", "court:DLCT02"])).into_iter().map(delivered).collect();
    let say = |plan: Vec<(crate::config::Destination, Action)>| -> Vec<String> {
        plan.iter().map(|(place, action)| format!("{} {action:?}", place.office.as_ref().unwrap())).collect()
    };
    let corrected = say(rerouted(Action::Correct, to(json!(["court:DLCT02", "court:DLCT01/3"])), &before));
    assert_eq!(corrected, ["court:DLCT02 Correct", "court:DLCT01/3 New", "court:DLCT01 Withdraw"]);
    let withdrawn = say(rerouted(Action::Withdraw, to(json!(["court:DLCT01/3"])), &before));
    assert_eq!(withdrawn, ["court:DLCT01 Withdraw", "court:DLCT02 Withdraw"]);
}

fn delivered(destination: crate::config::Destination) -> crate::journal::DeliveryView {
    use crate::clock::Timestamp;
    crate::journal::DeliveryView {
        id: crate::identifiers::MessageId::new(Timestamp::from_millis(1)).delivery(1),
        office: destination.office,
        system: destination.system,
        how: How::Feed,
        action: Action::New,
        lane: Lane::Papers,
        state: crate::journal::State::Delivered,
        code: None,
        why: destination.why,
        attempts: 1,
        due: None,
        settled_at: None,
        note: None,
        withheld: Vec::new(),
        lost: Vec::new(),
        entitlement: None,
        outcomes: Vec::new(),
        cases: Vec::new(),
    }
}

#[test]
fn a_condition_decides_on_the_record_and_a_link_can_end_a_hold() {
    let mut folder = folder();
    let routes = "[[route]]\nname = \"r\"\nkind = \"paper\"\nto = \"courts\"\noffice = [\"table ps_court\"]\n\
                  when = \"note != 'private'\"\nhold_until = \"has(case.cnr)\"\nhold_for = \"2d\"\n";
    folder.put("config/routes.toml", routes);
    let revision = Revision::compile(1, folder).unwrap_or_else(|errors| panic!("{}", shown(&errors)));
    let mut record = paper("38101004", "2026-06-01");
    record["note"] = json!("open");
    let facts = revision.facts("paper", &record);
    let mut known = Snapshot::default();
    let found = revision.route("paper", &record, &facts, &known);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].hold, found[0].code.as_deref()), (Some(Duration::from_secs(2 * 86_400)), None));
    known.links = links(&["same fir/38101004-2026-42 cnr/DLCT020001232026"]);
    let found = revision.route("paper", &record, &facts, &known);
    assert_eq!((found[0].hold, found[0].code.as_deref()), (None, None));
    record["note"] = json!("private");
    assert_eq!(places(&routed(&revision, "paper", &record, &known)), ["- no-route"]);
}

#[test]
fn a_condition_over_a_path_that_is_not_there_is_refused_at_its_line() {
    let text = format!("{ROUTES}when = \"nots == 'x'\"\n");
    let errors = shown(&errors_of("config/routes.toml", &text));
    assert!(errors.contains("config/routes.toml:20: `when`:"), "{errors}");
}

#[test]
fn what_a_rule_forbids_is_parked_with_its_office_and_its_code() {
    let revision = compiled();
    let to_prison = |years: Value, note: &str| {
        let mut record = paper("38101004", "2026-05-01");
        (record["to"], record["years"], record["note"]) = (json!(["prison:DL01"]), years, json!(note));
        routed(&revision, "order", &record, &Snapshot::default())
    };
    let stopped = to_prison(json!([34, 17]), "binding");
    assert_eq!(places(&stopped), ["prison:DL01 never-there"]);
    assert!(stopped[0].1.contains("never-there"), "{stopped:?}");
    for (years, note) in [(json!([18, 0]), "binding"), (json!([17]), "another note")] {
        assert_eq!(places(&to_prison(years, note)), ["prison:DL01 ok"]);
    }
    let failed = revision.never("order", &json!({"years": [17]}), &revision.systems["prisons-dl"]);
    assert_eq!(failed.as_deref(), Some("expression-failed"), "what may be forbidden is looked at");
}
