//! Consent: what is an application's own, what it asks for, and what it gets.

use super::*;
use crate::capability::{Capabilities, attenuate};
use proptest::prelude::*;

fn consent(mounts: &[&str], allow: &[&str]) -> Consent {
    Consent::new(mounts.iter().map(|m| name(m)), allow.iter().map(|r| right(r)).collect()).unwrap()
}

fn texts(rights: &[Right]) -> Vec<String> {
    rights.iter().map(Right::to_string).collect()
}

/// A manifest with one agent that lists these rights, in an application "a" with what may be its own.
fn with_rights(use_: &[&str], grant: &[&str], optional: &[&str]) -> Arc<Manifest> {
    manifest(&format!(
        "[app]\nname = \"a\"\nversion = \"1.0.0\"\n[[mount]]\nname = \"in\"\n[[mount]]\nname = \"out\"\nmode = \"write\"\n\
         [[service]]\nname = \"mine\"\nowner = \"x\"\n[[service]]\nname = \"yours\"\nowner = \"y\"\n\
         [[agent]]\nname = \"x\"\nprogram = {{ wasm = \"x\" }}\nuse = {use_:?}\ngrant = {grant:?}\noptional = {optional:?}\n\
         [[agent]]\nname = \"y\"\nprogram = {{ wasm = \"x\" }}\n"
    ))
}

#[test]
fn an_application_needs_nobody_for_its_own() {
    let own = [
        "send /svc/mine",
        "call /svc/yours",
        "register /svc/mine",
        "publish /topic/a",
        "publish /topic/a.b.*",
        "subscribe /topic/a.**",
        "read /tree/app/a/**",
        "write /tree/app/a",
        "spawn /agent/y",
        "monitor /app/a",
        "stop /app/a",
        "send /proc/*",
        "call /proc/self",
        "monitor /proc/*",
        "read /proc/self",
        "read /proc/self/inbox",
        "stop /proc/self",
        "start /timer/tick",
        "stop /timer/**",
        "read /stream/*",
    ];
    assert_eq!(asks(&with_rights(&own, &own, &own)), []);
    let foreign = [
        "send /svc/theirs",
        "send /svc/*",
        "register /svc/yours",
        "publish /topic/ab",
        "publish /topic/*",
        "subscribe /topic/**",
        "read /tree/app/ab/**",
        "write /tree/app/**",
        "read /tree",
        "spawn /agent/z",
        "spawn /agent/*",
        "stop /app/b",
        "remove /app/a",
        "install /app/a",
        "send /proc/**",
        "kill /proc/*",
        "read /proc/*",
        "signal /proc/self",
        "declassify /proc/self",
        "connect /net/**",
        "read /fs/in/**",
        "infer /model/x",
        "start /container/x",
        "call /tool/x",
        "send /node/eu/svc/mine",
        "legislate /charter",
    ];
    let found = asks(&with_rights(&foreign, &[], &[]));
    assert_eq!(found.iter().map(|ask| ask.right.to_string()).collect::<Vec<_>>(), foreign);
}

#[test]
fn asks_are_listed_once_and_required_ones_first() {
    let m = with_rights(
        &["read /fs/in/**", "read /fs/in/**"],
        &["read /fs/in/**", "connect /net/*:80"],
        &["read /fs/in/**", "list /fs/in/**"],
    );
    let found: Vec<(String, bool)> = asks(&m).iter().map(|ask| (ask.right.to_string(), ask.optional)).collect();
    let wanted = [("read /fs/in/**", false), ("connect /net/*:80", false), ("list /fs/in/**", true)];
    assert_eq!(found, wanted.map(|(right, optional)| (right.to_owned(), optional)));
}

#[test]
fn what_is_missing_is_named_with_its_flag() {
    let found = resolve(&manifest(WHOLE), &Consent::default()).unwrap_err();
    let found: Vec<String> = found.iter().map(Missing::to_string).collect();
    assert_eq!(
        found,
        [
            "agent `reporter` needs `write /fs/out/**`; to give it, add --mount out=PATH",
            "agent `walker` needs `read /fs/repo/**`; to give it, add --mount repo=PATH",
            "agent `walker` needs `list /fs/repo/**`; to give it, add --mount repo=PATH",
            "agent `walker` needs `connect /net/127.0.0.1:8080`; to give it, add --allow \"connect /net/127.0.0.1:8080\"",
        ]
    );
}

#[test]
fn a_bound_mount_gives_what_its_mode_says_and_no_more() {
    let wants = |rights: &[&str], mounts: &[&str]| resolve(&with_rights(rights, &[], &[]), &consent(mounts, &[]));
    assert!(wants(&["read /fs/in/**", "list /fs/in/a/*"], &["in"]).is_ok());
    assert!(wants(&["read /fs/out/x", "list /fs/out", "write /fs/out/**", "remove /fs/out/y"], &["out"]).is_ok());
    assert!(wants(&["read /fs/in/**"], &["out"]).is_err());
    // A right that the mode does not give needs more than the mount.
    let missing = wants(&["write /fs/in/x"], &["in"]).unwrap_err();
    assert_eq!((missing[0].flag.as_str(), &missing[0].mount), ("--allow \"write /fs/in/x\"", &None));
    let missing = wants(&["write /fs/in/x"], &[]).unwrap_err();
    assert_eq!(missing[0].flag, "--mount in=PATH --allow \"write /fs/in/x\"");
    let missing = wants(&["write /fs/out/x"], &[]).unwrap_err();
    assert_eq!(missing[0].mount, Some(name("out")));
}

#[test]
fn a_right_on_a_folder_that_is_not_bound_gives_nothing() {
    let m = with_rights(&[], &[], &["read /fs/in/**", "read /fs/out/**"]);
    let allow = ["read /fs/in/**", "read /fs/out/x"];
    let granted = resolve(&m, &consent(&[], &allow)).unwrap().remove(0);
    assert_eq!((granted.given.len(), granted.absent.len()), (0, 2));
    let missing = resolve(&with_rights(&["read /fs/in/**"], &[], &[]), &consent(&[], &allow)).unwrap_err();
    assert_eq!(missing[0].flag, "--mount in=PATH");
}

#[test]
fn a_required_right_must_lie_within_one_given_right() {
    let m = with_rights(&["connect /net/*.example.com:443"], &[], &[]);
    assert!(resolve(&m, &consent(&[], &["connect /net/*:443"])).is_ok());
    assert!(resolve(&m, &consent(&[], &["connect /net/api.example.com:443"])).is_err());
    assert!(resolve(&m, &consent(&[], &["read /fs/**"])).is_err());
    let granted = resolve(&m, &consent(&[], &["connect /net/**"])).unwrap();
    // It gets what it asked for, not what the operator would have given.
    assert_eq!(texts(granted[0].capabilities.use_rights()), ["connect /net/*.example.com:443"]);
    assert_eq!(texts(&granted[0].given), ["connect /net/*.example.com:443"]);
    assert_eq!(granted[1].capabilities, Default::default());
}

#[test]
fn an_address_is_only_given_by_a_right_that_names_it() {
    let asks = |asked: &str, allow: &str| {
        let required = resolve(&with_rights(&[asked], &[], &[]), &consent(&[], &[allow])).is_ok();
        let optional = resolve(&with_rights(&[], &[], &[asked]), &consent(&[], &[allow])).unwrap();
        assert_eq!(required, optional[0].given.contains(&right(asked)), "{asked} {allow}");
        required
    };
    for wide in ["connect /net/**", "connect /net/*:80", "connect /net/*:*"] {
        assert!(!asks("connect /net/127.0.0.1:80", wide), "{wide}");
        assert!(!asks("connect /net/[::1]:80", wide), "{wide}");
        assert!(asks("connect /net/localhost:80", wide), "{wide}");
    }
    assert!(asks("connect /net/127.0.0.1:80", "connect /net/127.0.0.1:*"));
    assert!(asks("connect /net/127.0.0.1:*", "connect /net/127.0.0.1:*"));
    assert!(!asks("connect /net/127.0.0.1:*", "connect /net/127.0.0.1:80"));
    let missing = resolve(&with_rights(&["connect /net/127.0.0.1:80"], &[], &[]), &consent(&[], &["connect /net/**"]));
    assert_eq!(missing.unwrap_err()[0].flag, "--allow \"connect /net/127.0.0.1:80\"");
}

#[test]
fn an_optional_right_is_given_whole_or_in_parts_or_is_absent() {
    let m = with_rights(&["send /svc/mine"], &[], &["connect /net/**", "read /proc/self", "write /fs/out/**"]);
    let get = |mounts: &[&str], allow: &[&str]| resolve(&m, &consent(mounts, allow)).unwrap().remove(0);
    let none = get(&[], &[]);
    assert_eq!(texts(none.capabilities.use_rights()), ["send /svc/mine"]);
    assert_eq!(texts(&none.absent), ["connect /net/**", "write /fs/out/**"]);
    assert_eq!(none.given, []);
    let part = get(&["out"], &["connect /net/127.0.0.1:80", "connect /net/a.b:1", "read /fs/in/**"]);
    let wanted = ["connect /net/127.0.0.1:80", "connect /net/a.b:1", "write /fs/out/**"];
    let mut given = texts(&part.given);
    given.sort();
    assert_eq!(given, wanted);
    assert_eq!(part.absent, []);
    let all = get(&[], &["connect /net/**"]);
    assert_eq!(texts(&all.given), ["connect /net/**"]);
}

#[test]
fn rights_to_grant_need_consent_like_rights_to_use() {
    let m = with_rights(&[], &["connect /net/*:80", "send /svc/mine"], &[]);
    assert!(resolve(&m, &Consent::default()).is_err());
    let granted = resolve(&m, &consent(&[], &["connect /net/*:80"])).unwrap().remove(0);
    assert_eq!(granted.capabilities.use_rights(), []);
    assert_eq!(granted.capabilities.grant_rights().len(), 2);
    assert_eq!(texts(&granted.given), ["connect /net/*:80"]);
}

#[test]
fn what_is_given_in_vain_is_told() {
    let found = unused(&manifest(WHOLE), &consent(&["repo", "outt"], &["connect /net/10.0.0.1:1", "infer /model/**"]));
    let found: Vec<String> = found.iter().map(Unused::to_string).collect();
    assert_eq!(
        found,
        [
            "--mount outt=PATH: the application has no mount `outt`; did you mean `out`?",
            "--allow \"infer /model/**\": no agent of the application asks for it",
        ]
    );
}

#[test]
fn a_consent_is_bounded_and_is_written_as_it_is_read() {
    let many = vec![right("connect /net/**"); MAX_ALLOW + 1];
    assert_eq!(Consent::new([], many), Err(TooMuchGiven(MAX_ALLOW + 1)));
    let one = consent(&["out"], &["connect /net/**"]);
    let json = serde_json::to_string(&one).unwrap();
    assert_eq!(json, r#"{"mounts":["out"],"allow":["connect /net/**"]}"#);
    assert_eq!(serde_json::from_str::<Consent>(&json).unwrap(), one);
}

/// Rights that lie within, across and beside each other.
fn some_right() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "connect /net/**",
        "connect /net/*:80",
        "connect /net/a.b:80",
        "connect /net/a.b:*",
        "connect /net/*.b:80",
        "read /fs/in/**",
        "read /fs/in/x",
        "read /fs/in/x/**",
        "write /fs/out/**",
        "write /fs/in/**",
        "list /fs/out/*",
        "send /svc/mine",
        "send /svc/*",
        "publish /topic/a.b",
        "publish /topic/**",
        "kill /proc/*",
        "send /proc/*",
        "read /proc/self",
        "register /svc/mine",
        "register /svc/yours",
        "spawn /agent/y",
        "infer /model/m*",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked and given: nobody holds more than was asked, nobody holds anything foreign that
    /// was not given, and nothing required that was given is kept back.
    #[test]
    fn nothing_is_held_that_was_not_both_asked_and_given(
        use_ in prop::collection::vec(some_right(), 0..6),
        grant in prop::collection::vec(some_right(), 0..4),
        optional in prop::collection::vec(some_right(), 0..6),
        allow in prop::collection::vec(some_right(), 0..6),
        mounts in prop::sample::subsequence(vec!["in", "out"], 0..=2),
    ) {
        let m = with_rights(&use_, &grant, &optional);
        let consent = consent(&mounts, &allow);
        let foreign: Vec<Right> = asks(&m).into_iter().map(|ask| ask.right).collect();
        let gives = |wanted: &Right| {
            let folder = wanted.pattern.as_str().strip_prefix("/fs/").and_then(|rest| rest.split('/').next());
            let bound = folder.is_none_or(|folder| mounts.contains(&folder));
            let by_mount = folder == Some("out") || (folder == Some("in") && wanted.verb == Verb::Read);
            bound && (by_mount || allow.iter().any(|held| right(held).includes(wanted)))
        };
        match resolve(&m, &consent) {
            Ok(granted) => {
                let x = &granted[0];
                let held = x.capabilities.use_rights().iter().map(|r| (r, false));
                for (held, to_grant) in held.chain(x.capabilities.grant_rights().iter().map(|r| (r, true))) {
                    let asked = if to_grant { grant.clone() } else { [use_.clone(), optional.clone()].concat() };
                    prop_assert!(asked.iter().any(|asked| right(asked).includes(held)), "{held} was not asked for");
                    let own = !foreign.iter().any(|ask| ask.includes(held)) || !foreign.contains(held) && !x.given.contains(held);
                    prop_assert!(own || gives(held), "{held} was not given");
                    prop_assert_eq!(!own, x.given.contains(held));
                }
                for needed in use_.iter().filter(|needed| **needed != "read /proc/self") {
                    prop_assert!(x.capabilities.use_rights().contains(&right(needed)));
                }
                // So the application's root can hand them on, holding no more than its own and what was given.
                let (services, agents) = ([name("mine"), name("yours")], [name("x"), name("y")]);
                let mut grant = own_rights(&name("a"), &services, &agents);
                grant.extend(x.given.iter().cloned());
                let root = Capabilities::new(Vec::new(), grant).unwrap();
                prop_assert_eq!(attenuate(&root, &x.capabilities), Ok(x.capabilities.clone()));
            }
            Err(missing) => {
                for missing in &missing {
                    prop_assert!(!gives(&missing.right), "{} was given", missing.right);
                }
                // What the flags say is enough.
                let bound = mounts.iter().map(|mount| name(mount));
                let mounts: Vec<Name> = bound.chain(missing.iter().filter_map(|m| m.mount.clone())).collect();
                let mut allow = consent.allow().to_vec();
                allow.extend(missing.iter().filter(|m| m.flag.contains("--allow")).map(|m| m.right.clone()));
                prop_assert!(resolve(&m, &Consent::new(mounts, allow).unwrap()).is_ok());
            }
        }
    }
}
