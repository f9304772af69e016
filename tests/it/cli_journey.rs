//! What a newcomer does first, with the real program: a folder, a gateway, a record sent, pulled, answered and followed;
//! then a change of configuration, made live and taken back.

use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cli_mistakes::{Made, command, said};

/// A gateway on a folder of `icjs init`, on free ports.
pub struct Started {
    pub made: Made,
    child: Child,
}

impl Started {
    pub fn new() -> Self {
        Self::on(Made::new())
    }

    pub fn on(made: Made) -> Self {
        let log = std::fs::File::create(made.file("gateway.log")).unwrap();
        let child = Self::serve(&made).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut started = Self { made, child };
        started.listening();
        started
    }

    /// `icjs serve`, not started yet.
    pub fn serve(made: &Made) -> std::process::Command {
        let mut serve = command();
        serve.env("ICJS_DIR", made.path()).arg("serve").stdin(Stdio::null());
        for table in ["EXCHANGE", "ADMIN", "OPS"] {
            serve.env(format!("ICJS_{table}__LISTEN"), "0");
        }
        serve
    }

    fn listening(&mut self) {
        let began = Instant::now();
        let listen = self.made.file("data/listen.json");
        while !listen.exists() {
            let ended = self.child.try_wait().unwrap();
            let log = || std::fs::read_to_string(self.made.file("gateway.log")).unwrap_or_default();
            assert!(ended.is_none(), "the gateway ended, {ended:?}: {}", log());
            assert!(began.elapsed() < Duration::from_secs(120), "the gateway does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL.
    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Runs `serve` to its end, for starts that must fail.
    pub fn serve_output(&self) -> Output {
        Self::serve(&self.made).output().unwrap()
    }

    /// A small FIR in the police's format.
    pub fn record(&self) -> String {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<FirstInformationReport>\n<EVENT_NO>FIR-1</EVENT_NO>\n\
         <SENDER_PS_CD>38101004</SENDER_PS_CD>\n<OCCURRED_ON>20/11/2026 17:30:00</OCCURRED_ON>\n<PS_CD>38101004</PS_CD>\n\
         <REG_YEAR>2026</REG_YEAR>\n<FIR_SRNO>45</FIR_SRNO>\n<FIR_DT>20/11/2026</FIR_DT>\n<ActSectionList>\n<ActSection>\n\
         <ACT_CD>451</ACT_CD>\n<SECTION>303(2)</SECTION>\n</ActSection>\n</ActSectionList>\n<AccusedList>\n<Accused>\n\
         <ACCUSED_CODE>A1</ACCUSED_CODE>\n<FULL_NAME>முருகன் சுப்பிரமணியன்</FULL_NAME>\n<GENDER_CD>1</GENDER_CD>\n</Accused>\n\
         </AccusedList>\n</FirstInformationReport>\n"
            .to_owned()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        let output = self.made.icjs(&all);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?} is no JSON: {}", said(&output)))
    }

    fn good(&self, arguments: &[&str]) -> String {
        let output = self.made.icjs(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A page of the court's feed with at least one item of a kind; it may take the dispatcher a moment.
    fn pulled(&self, system: &str, kind: &str) -> Value {
        let page = self.json(&["feed", "--as", system, "--kind", kind, "--wait", "10"]);
        assert!(!page["items"].as_array().unwrap().is_empty(), "no {kind} for {system}: {page}");
        page
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_record_is_sent_pulled_answered_followed_and_its_receipt_verified() {
    let started = Started::new();
    let record = started.made.file("fir.xml");
    std::fs::write(&record, started.record()).unwrap();
    let path = record.to_str().unwrap();

    let accepted = started.json(&["send", path, "--kind", "fir", "--as", "cctns-dl"]);
    let id = accepted["id"].as_str().unwrap();
    let again = started.json(&["send", path, "--kind", "fir", "--as", "cctns-dl"]);
    assert_eq!(again["id"], accepted["id"], "sending a file twice is one record");
    assert_eq!(accepted["deliveries"].as_array().unwrap().len(), 2, "the court and the prosecution: {accepted}");

    let page = started.pulled("ecourts-dl", "fir");
    assert!(page.to_string().contains("முருகன் சுப்பிரமணியன்"), "{page}");
    assert!(started.good(&["feed", "--as", "ecourts-dl", "--ack"]).contains("received"));
    let outcome = started.pulled("cctns-dl", "outcome");
    assert!(outcome.to_string().contains("received"), "{outcome}");

    let shown = started.good(&["message", id]);
    assert!(shown.contains("delivered") && shown.contains("IST"), "{shown}");
    assert!(started.good(&["message", id, "--as", "cctns-dl"]).contains("delivered"));
    assert!(started.good(&["deliveries", "list", "--state", "delivered"]).contains("fir"));

    let receipt = started.made.file("answer.json");
    std::fs::write(&receipt, accepted.to_string()).unwrap();
    let receipt = receipt.to_str().unwrap();
    assert!(started.good(&["receipt", "verify", receipt, "--record", path]).contains("genuine"));
    std::fs::write(&record, started.record().replace("303(2)", "103(1)")).unwrap();
    let forged = started.made.icjs(&["receipt", "verify", receipt, "--record", path]);
    assert_eq!(forged.status.code(), Some(65), "{}", said(&forged));
}

#[test]
fn a_warning_about_the_whole_record_is_shown_without_a_place() {
    let started = Started::new();
    let sheet = started.made.file("examples/cctns/charge-sheet-1.xml");
    let said = started.good(&["send", sheet.to_str().unwrap(), "--kind", "charge-sheet", "--as", "cctns-dl"]);
    assert!(said.contains("warning: no earlier record has any of these case numbers"), "{said}");
}

#[test]
fn a_change_goes_live_and_is_taken_back_with_and_without_a_running_gateway() {
    let mut started = Started::new();
    assert!(started.good(&["diff"]).contains("no difference"));
    started.made.replace("config/routes.toml", "[[route]]", "# a remark\n[[route]]");
    assert!(started.good(&["diff"]).contains("config/routes.toml"));
    assert!(started.good(&["apply", "--author", "me", "--reason", "a remark"]).contains("revision 2"));
    assert!(started.good(&["diff"]).contains("no difference"));
    assert!(started.good(&["rollback", "1", "--reason", "not needed"]).contains("revision 3"));
    assert_eq!(started.json(&["history"])["revisions"].as_array().unwrap().len(), 3);

    started.made.replace("config/routes.toml", "# a remark\n", "# another\n");
    let wrong = started.made.icjs(&["rollback", "77"]);
    assert_eq!(wrong.status.code(), Some(64), "{}", said(&wrong));

    // The same without a gateway, on the store itself.
    started.stop();
    assert!(started.good(&["diff"]).contains("config/routes.toml"));
    assert!(started.good(&["apply", "--reason", "offline"]).contains("revision 4"));
    assert!(started.good(&["history"]).contains("offline"));
    let out = started.made.file("../exported");
    started.good(&["export", out.to_str().unwrap(), "--revision", "4"]);
    assert!(std::fs::read_to_string(out.join("config/routes.toml")).unwrap().contains("# another"));
}

#[test]
fn a_dry_run_shows_who_would_get_what_without_a_gateway() {
    let made = Made::new();
    let record = made.file("fir.xml");
    let text = "<FirstInformationReport><SENDER_PS_CD>38101004</SENDER_PS_CD><PS_CD>38101004</PS_CD><REG_YEAR>2026</REG_YEAR>\
                <FIR_SRNO>45</FIR_SRNO><FIR_DT>20/11/2026</FIR_DT><ActSectionList><ActSection><ACT_CD>451</ACT_CD>\
                <SECTION>303(2)</SECTION></ActSection></ActSectionList></FirstInformationReport>";
    std::fs::write(&record, text).unwrap();
    let path = record.to_str().unwrap();
    let output = made.icjs(&["check", "--dry-run", path, "--kind", "fir", "--as", "cctns-dl"]);
    assert!(output.status.success() && said(&output).contains("court:DLCT01"), "{}", said(&output));
    std::fs::write(&record, text.replace("20/11/2026", "2026-11-20")).unwrap();
    let output = made.icjs(&["check", "--dry-run", path, "--kind", "fir", "--as", "cctns-dl"]);
    assert_eq!(output.status.code(), Some(65), "{}", said(&output));
    assert!(said(&output).contains("FIR_DT"), "{}", said(&output));
}

#[test]
fn the_gateway_of_a_folder_ends_in_good_order_on_sigterm() {
    let mut started = Started::new();
    icjs::shell::signal::terminate(started.child.id()).unwrap();
    let began = Instant::now();
    let status = started.child.wait().unwrap();
    assert!(status.success() && began.elapsed() < Duration::from_secs(30), "{status} after {:?}", began.elapsed());
    assert!(!started.made.file("data/listen.json").exists(), "nobody listens, and listen.json says so");
}
