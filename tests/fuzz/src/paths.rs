//! The words of the language: resources, patterns, rights, topics, names, verbs, segments.
//!
//! Lines of text: each is tried as each of them; neighbours are compared as patterns and resources.

use kernel_core::capability::{Capabilities, Right, attenuate};
use kernel_core::codec;
use kernel_core::id::Pid;
use kernel_core::path::{
    Endpoint, Kind, MAX_PATH, MAX_SEGMENT, Name, Pattern, Resource, Topic, Verb, decode_segment, encode_segment,
};
use std::fmt::Display;
use std::str::FromStr;

/// Whoever says `/proc/self`.
const ME: Pid = Pid(7);

/// One text per value, and a refusal for every other; patterns mean what they say.
pub fn body(data: &[u8]) -> bool {
    segments(data);
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let lines: Vec<&str> = text.split('\n').take(8).collect();
    let mut any = false;
    for line in &lines {
        any |= word(line);
    }
    for pair in lines.windows(3) {
        meaning(pair[0], pair[1], pair[2]);
    }
    any
}

fn word(text: &str) -> bool {
    let resource = resource(text);
    let pattern = canonical::<Pattern>(text);
    if let (Some(pattern), Some(resource)) = (&pattern, &resource)
        && pattern.is_literal()
        && !pattern.is_self()
    {
        assert!(pattern.matches(resource), "a literal pattern matches what it names: {text}");
    }
    if let Some(pattern) = &pattern {
        assert!(pattern.includes(pattern), "a pattern includes itself: {text}");
        assert!(text.len() <= MAX_PATH);
    }
    let right = canonical::<Right>(text);
    if let Some(right) = &right {
        assert!(right.includes(right));
        let alone = Capabilities::new(vec![right.clone()], vec![right.clone()]).expect("one right");
        assert!(attenuate(&alone, &alone).is_ok(), "whoever may give a right may give that right: {right}");
    }
    let others = [
        canonical::<Topic>(text).is_some(),
        canonical::<Name>(text).is_some(),
        Endpoint::parse(text).is_ok_and(|endpoint| endpoint.to_string() == text || panic!("{text} is not canonical")),
        Verb::parse(text).is_ok_and(|verb| verb.as_str() == text),
        Kind::parse(text).is_ok_and(|kind| kind.as_str() == text),
    ];
    resource.is_some() || pattern.is_some() || right.is_some() || others.contains(&true)
}

/// What parses prints as it was written, and survives storage.
fn canonical<T>(text: &str) -> Option<T>
where
    T: FromStr + Display + PartialEq + std::fmt::Debug + minicbor_word::Stored,
{
    let value: T = text.parse().ok()?;
    assert_eq!(value.to_string(), text, "one text per value");
    value.survives();
    Some(value)
}

fn resource(text: &str) -> Option<Resource> {
    let bound = Resource::parse(text, ME).ok();
    let free: Option<Resource> = text.parse().ok();
    if let Some(resource) = &free {
        assert_eq!(resource.to_string(), text, "one text per value");
        assert_eq!(bound.as_ref(), Some(resource), "what needs no caller is the same for every caller");
        minicbor_word::Stored::survives(resource);
    }
    if let Some(resource) = &bound {
        let printed = resource.to_string();
        assert_eq!(printed.parse().as_ref(), Ok(resource), "{text} prints as {printed}");
        assert!(free.is_some() || text.contains("self"), "only `self` needs a caller: {text}");
        assert!(text.len() <= MAX_PATH);
    }
    bound
}

fn meaning(wide: &str, narrow: &str, text: &str) {
    let (Ok(wide), Ok(narrow)) = (Pattern::parse(wide), Pattern::parse(narrow)) else { return };
    let (wide, narrow) = (wide.bind(ME), narrow.bind(ME));
    let Ok(resource) = Resource::parse(text, ME) else { return };
    if wide.includes(&narrow) && narrow.matches(&resource) {
        assert!(wide.matches(&resource), "{wide} includes {narrow}, which matches {resource}");
    }
}

fn segments(data: &[u8]) {
    let text = encode_segment(data);
    match decode_segment(&text) {
        Ok(back) => assert_eq!(back, data, "a segment's bytes survive"),
        Err(_) => {
            let name = !data.iter().any(|byte| matches!(byte, 0 | b'/')) && data != b"." && data != b"..";
            assert!(!name || data.is_empty() || data.len() > MAX_SEGMENT, "{text} is a name, and refused");
        }
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(bytes) = decode_segment(text)
    {
        assert_eq!(encode_segment(&bytes), text, "a segment has one spelling");
    }
}

/// Storage of a value as CBOR, for the types whose text is their CBOR.
mod minicbor_word {
    use super::{Name, Pattern, Resource, Right, Topic, codec};

    pub(super) trait Stored {
        fn survives(&self);
    }

    macro_rules! stored {
        ($($word:ty),+) => {
            $(impl Stored for $word {
                fn survives(&self) {
                    let bytes = codec::encode(self).expect("it can be stored");
                    assert_eq!(&codec::decode::<$word>(&bytes).expect("what was stored can be read"), self);
                }
            })+
        };
    }

    stored!(Name, Pattern, Resource, Right, Topic);
}
