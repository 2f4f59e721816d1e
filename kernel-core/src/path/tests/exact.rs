//! `matches` and `includes` against brute force: every pattern and every resource of a small world.
//!
//! The reference below reads texts by the words of the design and knows no kinds; inclusion is what it
//! says: no resource of the world is in the one and not in the other. Each world has, beside what its
//! patterns name, words and lengths that none of them names, so that a difference has a witness in it.

use super::*;
use proptest::prelude::*;

/// The meaning of a pattern, told as slowly as possible.
fn means(pattern: &str, resource: &str) -> bool {
    let split = |text: &str| -> Vec<String> {
        match (text.strip_prefix("/topic/"), text.strip_prefix("/net/")) {
            (Some(topic), _) => topic.split('.').map(str::to_owned).collect(),
            (_, Some("**")) => vec!["*".to_owned(), "*".to_owned()],
            (_, Some(endpoint)) => endpoint.rsplitn(2, ':').map(str::to_owned).collect(),
            _ => text.split('/').map(str::to_owned).collect(),
        }
    };
    let root = |text: &str| text.split('/').nth(1).unwrap_or_default().to_owned();
    root(pattern) == root(resource) && sequence(&split(pattern), &split(resource))
}

fn sequence(pattern: &[String], words: &[String]) -> bool {
    match (pattern.split_first(), words.split_first()) {
        (Some((last, [])), _) if last == "**" => true,
        (Some((p, ps)), Some((w, ws))) => one(p, w) && sequence(ps, ws),
        (None, None) => true,
        _ => false,
    }
}

fn one(pattern: &str, word: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == word,
        Some((beginning, "")) => word.starts_with(beginning),
        // A host: one label, then the name.
        Some((_, name)) => {
            word.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && format!(".{rest}") == name)
        }
    }
}

/// Checks every pattern against every resource and every pair of patterns; says how many pairs include.
fn check(patterns: &[String], world: &[String]) -> usize {
    let resources: Vec<Resource> = world.iter().map(|text| resource(text)).collect();
    let mut sets = Vec::new();
    for text in patterns {
        let parsed = pattern(text);
        let mut set = vec![0u64; world.len().div_ceil(64)];
        for (i, resource) in resources.iter().enumerate() {
            let within = means(text, &world[i]);
            assert_eq!(parsed.matches(resource), within, "{text} {resource}");
            assert!(!within || parsed.covers(resource.kind()), "{text} {resource}");
            set[i / 64] |= u64::from(within) << (i % 64);
        }
        assert!(set.iter().any(|&bits| bits != 0), "{text} has a resource in this world");
        sets.push((parsed, set));
    }
    let mut including = 0;
    for (a, all) in &sets {
        for (b, some) in &sets {
            let includes = all.iter().zip(some).all(|(all, some)| some & !all == 0);
            assert_eq!(a.includes(b), includes, "{a} includes {b}");
            including += usize::from(includes);
        }
    }
    including
}

/// What a rule is about: whether two sets of topics have a topic of this world in common.
#[test]
fn sets_of_topics_meet_where_they_have_a_topic_in_common() {
    let named = owned(&["a", "b", "ab", "*", "a*", "ab*"]);
    let mut patterns = closed_and_open("/topic/", ".", &sequences(&named, 2, "."));
    patterns.retain(|text| text.contains('*'));
    let world = rooted("/topic/", &sequences(&words(&["a", "b"], 3, |_| true), 3, "."));
    let resources: Vec<Resource> = world.iter().map(|text| resource(text)).collect();
    let mut apart = 0;
    for a in &patterns {
        for b in &patterns {
            let (one, all) = (pattern(a), resource(b));
            let common = resources.iter().any(|topic| one.matches(topic) && pattern(b).matches(topic));
            assert_eq!(one.concerns(&all), common, "{a} {b}");
            assert_eq!(one.matches(&all), one.includes(&pattern(b)), "{a} {b}");
            apart += usize::from(!common);
        }
        assert!(pattern(a).concerns(&resource(a)) && pattern(a).concerns(&resource("/topic/**")), "{a}");
    }
    assert!(apart > 100, "{apart} show little");
}

/// All words of one to `max` of `units` that `good` accepts.
fn words(units: &[&str], max: usize, good: impl Fn(&str) -> bool) -> Vec<String> {
    let (mut all, mut last) = (Vec::new(), vec![String::new()]);
    for _ in 0..max {
        last = last.iter().flat_map(|word| units.iter().map(move |unit| format!("{word}{unit}"))).collect();
        all.extend(last.iter().filter(|word| good(word)).cloned());
    }
    all
}

/// All sequences of one to `max` of `words`, joined by `joint`.
fn sequences(words: &[String], max: usize, joint: &str) -> Vec<String> {
    let (mut all, mut last) = (Vec::new(), vec![String::new()]);
    for _ in 0..max {
        last = last.iter().flat_map(|head| words.iter().map(move |word| format!("{head}{joint}{word}"))).collect();
        all.extend(last.iter().map(|text| text[joint.len()..].to_owned()));
    }
    all
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn rooted(root: &str, texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| format!("{root}{text}")).collect()
}

/// Closed and open forms of every sequence, and the open root.
fn closed_and_open(root: &str, joint: &str, sequences: &[String]) -> Vec<String> {
    let open = sequences.iter().map(|text| format!("{root}{text}{joint}**"));
    rooted(root, sequences).into_iter().chain(open).chain([format!("{root}**")]).collect()
}

#[test]
fn sequences_are_exact() {
    let named = owned(&["a", "b", "ab", "*", "a*", "b*", "ab*"]);
    let world = words(&["a", "b"], 3, |_| true);
    for (root, joint) in [("/fs/", "/"), ("/tree/", "/"), ("/topic/", ".")] {
        let mut patterns = closed_and_open(root, joint, &sequences(&named, 2, joint));
        let mut resources = rooted(root, &sequences(&world, 3, joint));
        if root == "/tree/" {
            patterns.push("/tree".to_owned());
            resources.push("/tree".to_owned());
        }
        assert!(check(&patterns, &resources) > patterns.len(), "some include others");
    }
}

#[test]
fn deep_sequences_are_exact() {
    let named = owned(&["a", "*", "a*"]);
    let world = owned(&["a", "aa", "b"]);
    for (root, joint) in [("/fs/", "/"), ("/tree/", "/"), ("/topic/", ".")] {
        let patterns = closed_and_open(root, joint, &sequences(&named, 4, joint));
        let mut resources = rooted(root, &sequences(&world, 5, joint));
        resources.extend((root == "/tree/").then(|| "/tree".to_owned()));
        check(&patterns, &resources);
    }
}

#[test]
fn dots_and_encoded_bytes_are_exact() {
    let units = ["a", ".", "%20", "%2A"];
    let named = words(&units, 2, |_| true);
    let literal = named.iter().filter(|word| !matches!(word.as_str(), "." | "..")).cloned();
    let patterns: Vec<String> =
        named.iter().map(|word| format!("{word}*")).chain(literal).chain(["*".to_owned()]).collect();
    let world = words(&["a", ".", "%20", "%2A", "b", "%2B"], 3, |word| !matches!(word, "." | ".."));
    for root in ["/fs/m/", "/tree/"] {
        check(&rooted(root, &patterns), &rooted(root, &world));
    }
    let plain =
        |texts: &[String]| -> Vec<String> { texts.iter().filter(|text| !text.contains('%')).cloned().collect() };
    for root in ["/svc/", "/fs/"] {
        check(&rooted(root, &plain(&patterns)), &rooted(root, &plain(&world)));
    }
}

#[test]
fn names_are_exact() {
    let named = owned(&["a", "b", "ab", "self", "*", "**", "a*", "b*", "ab*", "s*"]);
    let mut world = words(&["a", "b"], 3, |_| true);
    world.extend(owned(&["self", "s", "..."]));
    for root in ["/svc/", "/tool/", "/agent/", "/app/", "/model/", "/container/", "/timer/"] {
        check(&rooted(root, &named), &rooted(root, &world));
    }
}

#[test]
fn processes_streams_and_the_charter_are_exact() {
    let ids = owned(&["0", "7", "70", "18446744073709551615"]);
    let mut patterns = owned(&["/proc/**", "/stream/**", "/stream/*", "/charter", "/letter", "/letter/**"]);
    for id in owned(&["0", "7", "70", "*"]) {
        patterns.extend(["", "/inbox", "/**"].map(|tail| format!("/proc/{id}{tail}")));
        patterns.extend(["stream", "letter"].map(|kind| format!("/{kind}/{id}")));
    }
    let mut world = owned(&["/charter", "/letter"]);
    for id in &ids {
        world.extend(["/proc/", "/stream/", "/letter/"].map(|root| format!("{root}{id}")));
        world.push(format!("/proc/{id}/inbox"));
    }
    check(&patterns, &world);
}

#[test]
fn endpoints_are_exact() {
    let hosts = owned(&["a", "b", "a.b", "b.b", "a.a.b", "b.a.b", "1.2.3.4", "[::1]"]);
    let ports = ["1", "2", "3"];
    let mut patterns = owned(&["/net/**"]);
    for host in hosts.iter().cloned().chain(owned(&["*", "*.b", "*.a.b", "*.c", "*.a"])) {
        patterns.extend(["1", "2", "*"].map(|port| format!("/net/{host}:{port}")));
    }
    let mut world = Vec::new();
    for host in hosts
        .iter()
        .cloned()
        .chain(owned(&["c", "c.b", "c.a.b", "a.c", "b.c", "a.a", "b.a", "c.c.a.b", "5.6.7.8", "[::2]"]))
    {
        world.extend(ports.map(|port| format!("/net/{host}:{port}")));
    }
    check(&patterns, &world);
}

#[test]
fn nodes_and_kinds_are_exact() {
    let there = owned(&[
        "/proc/1",
        "/proc/1/inbox",
        "/proc/2",
        "/proc/2/inbox",
        "/svc/a",
        "/svc/ab",
        "/svc/b",
        "/tool/a",
        "/fs/a",
        "/fs/a/b",
        "/fs/b",
        "/tree",
        "/tree/a",
        "/topic/a",
        "/topic/a.b",
        "/topic/b",
        "/net/a:1",
        "/net/b:1",
        "/net/b:2",
        "/timer/a",
        "/stream/1",
        "/stream/2",
        "/charter",
        "/agent/a",
        "/app/a",
        "/model/a",
        "/container/a",
    ]);
    let sets = owned(&[
        "/proc/1",
        "/proc/*",
        "/proc/1/**",
        "/proc/*/inbox",
        "/proc/**",
        "/svc/a",
        "/svc/a*",
        "/svc/*",
        "/svc/**",
        "/fs/a",
        "/fs/a/**",
        "/fs/*",
        "/fs/**",
        "/tree",
        "/tree/**",
        "/tree/a/**",
        "/topic/a",
        "/topic/a.**",
        "/topic/**",
        "/net/a:1",
        "/net/*:1",
        "/net/**",
        "/stream/*",
        "/charter",
        "/timer/*",
        "/agent/*",
        "/app/*",
        "/model/*",
        "/container/*",
        "/tool/*",
    ]);
    let mut patterns = sets.clone();
    patterns.push("/node/**".to_owned());
    for name in ["a", "b", "ab", "a*", "*"] {
        patterns.extend(sets.iter().map(|set| format!("/node/{name}{set}")));
        patterns.push(format!("/node/{name}/**"));
    }
    let mut world = there.clone();
    for name in ["a", "b", "ab", "abb", "c"] {
        world.extend(there.iter().map(|text| format!("/node/{name}{text}")));
    }
    // What the reference splits at `.` and `:` lies deeper in a node; there the words are the same whole.
    let nested_net = |text: &String| text.starts_with("/node") && (text.contains("/net/") || text.contains("/topic/"));
    world.retain(|text| !nested_net(text));
    patterns.retain(|text| !nested_net(text));
    check(&patterns, &world);
    for (a, b) in [
        ("/node/a/topic/**", "/node/a/topic/x.y"),
        ("/node/*/net/**", "/node/a/net/*:1"),
        ("/node/**", "/node/a/net/**"),
    ] {
        assert!(pattern(a).includes(&pattern(b)) && !pattern(b).includes(&pattern(a)), "{a} {b}");
    }
    assert!(pattern("/node/a/topic/x.*").matches(&resource("/node/a/topic/x.y")));
    assert!(!pattern("/node/a/net/*.x:1").matches(&resource("/node/a/net/a.b.x:1")));
}

/// A pattern of files, longer than the worlds above, with the text of its words.
fn long_pattern() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["a", "b", "aa", "a%20", "*", "a*", "aa*", ".*", "%20*"]);
    let root = prop::sample::select(vec!["/fs/m", "/fs/*", "/tree/m", "/fs/mm"]);
    let tail = prop::sample::select(vec!["", "/**"]);
    (root, prop::collection::vec(word, 0..8), tail).prop_map(|(root, words, tail)| {
        words.iter().fold(root.to_owned(), |text, word| format!("{text}/{word}")) + tail
    })
}

/// A resource that `pattern` matches: each `*` filled with the next of `fill`, `**` with the rest.
fn filled(pattern: &str, fill: &[&str]) -> String {
    let mut fill = fill.iter().cycle();
    let (closed, open) = pattern.strip_suffix("/**").map_or((pattern, false), |closed| (closed, true));
    let mut text: Vec<String> = Vec::new();
    for word in closed.split('/') {
        text.push(match word.strip_suffix('*') {
            Some(beginning) => format!("{beginning}{}", fill.next().unwrap_or(&"z")),
            None => word.to_owned(),
        });
    }
    if open {
        text.extend(fill.take(2).map(|word| (*word).to_owned()));
    }
    text.join("/")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn inclusion_is_an_order_that_matching_follows(
        texts in [long_pattern(), long_pattern(), long_pattern()],
        fill in prop::sample::subsequence(vec!["a", "aa", "b", "z", "a.b", "m"], 1..6),
    ) {
        let [a, b, c] = [&texts[0], &texts[1], &texts[2]].map(|text| pattern(text));
        prop_assert!(a.includes(&a));
        prop_assert!(!(a.includes(&b) && b.includes(&c)) || a.includes(&c));
        for text in &texts {
            let probe = filled(text, &fill);
            let within = resource(&probe);
            prop_assert!(pattern(text).matches(&within), "{} {}", text, within);
            for set in [&a, &b, &c] {
                prop_assert_eq!(set.matches(&within), means(set.as_str(), &probe), "{} {}", set, within);
                prop_assert_eq!(set.includes(&pattern(&probe)), set.matches(&within), "{} {}", set, within);
                prop_assert!(!set.includes(&pattern(text)) || set.matches(&within), "{} {} {}", set, text, within);
            }
        }
    }
}
