//! `[[rule]]` and `[[service]]`: what an application demands of itself, and is held to.

use crate::harness::{Home, agent};

fn reading(sections: &str) -> Home {
    let reader = agent("reader", &["act read /fs/repo/a.txt"], "use = [\"read /fs/repo/**\"]");
    Home::new(&format!("[[mount]]\nname = \"repo\"\n{reader}{sections}"))
}

#[test]
fn a_rule_denies_what_a_right_permits() {
    let run = ["run", "play", "--mount", "repo=repo", "--json"];
    let free = reading("").weft(&run).exits(0).json();
    assert_eq!(free["verdicts"]["denied"], 0, "{free}");
    let rule = "[[rule]]\nid = \"closed\"\ntext = \"Nobody reads this.\"\nthen = \"deny\"\n\
                when = { verbs = [\"read\"], resources = [\"/fs/repo/a*\"] }\n";
    let home = reading(rule);
    home.weft(&["app", "check", "play"]).exits(0).says(&["nothing is wrong"]);
    let bound = home.weft(&run).exits(0).json();
    let refusal = &bound["refusals"][0];
    assert_eq!((&refusal["agent"], &refusal["code"]), (&"reader".into(), &"denied".into()), "{bound}");
    let reason = refusal["reason"].as_str().unwrap();
    assert!(reason.contains("closed") && reason.contains("Nobody reads this."), "{reason}");
    assert_eq!(home.weft(&[&run[..], &["--strict"]].concat()).status.code(), Some(3));
}

#[test]
fn a_rule_that_could_not_be_evaluated_is_told_with_its_place() {
    let home = reading(
        "[[rule]]\nid = \"vague\"\ntext = \"No.\"\nthen = \"deny\"\n\
         when = { verbs = [\"read\"], arguments = { colour = { given = true } } }\n",
    );
    let said = ["play/weft.toml:12:6: ", "rule.vague.when.arguments: ", "which `read /fs` does not keep"];
    home.weft(&["app", "check", "play"]).exits(2).tells(&said);
    home.weft(&["run", "play", "--mount", "repo=repo"]).exits(2).tells(&said);
}

#[test]
fn what_nothing_draws_upon_is_unsupported_by_name() {
    let home = Home::new(&format!(
        "{}[[service]]\nname = \"s\"\nowner = \"actor\"\nmethods = [\"sum\"]\n[budget]\ntokens = 5\n",
        agent("actor", &["act register /svc/s"], "use = [\"register /svc/s\"]")
    ));
    let names = ["methods of services", "budgets of tokens"];
    home.weft(&["app", "check", "play"]).exits(5).says(&names).says(&["it cannot run here yet"]);
    home.weft(&["run", "play"]).exits(5).tells(&names);
}

#[test]
fn a_service_that_is_never_registered_fails_the_run() {
    let service = "[[service]]\nname = \"s\"\nowner = \"actor\"\n";
    let uses = "use = [\"register /svc/s\"]";
    let home = Home::new(&format!("{}{service}", agent("actor", &["act register /svc/s"], uses)));
    home.weft(&["run", "play"]).exits(0);
    let home = Home::new(&format!("{}{service}", agent("actor", &[], uses)));
    home.weft(&["run", "play"]).exits(1).says(&["actor never registered the service `s`"]);
    let home = Home::new(&format!("{}{service}optional = true\n", agent("actor", &[], uses)));
    home.weft(&["run", "play"]).exits(0);
}
