//! Environments: the standard three are as documented.

use super::*;

#[test]
fn the_standard_three_are_as_documented() {
    let row = |e: &Environment| (e.name().to_owned(), e.threshold(), e.warn_at(), e.over(), e.output_commit());
    let rows: Vec<_> = Environment::standard().iter().map(row).collect();
    assert_eq!(
        rows,
        [
            ("dev".to_owned(), 9_000, 5_400, Over::Deny, false),
            ("staging".to_owned(), 6_000, 3_600, Over::Escalate, true),
            ("prod".to_owned(), 3_000, 1_800, Over::Escalate, true),
        ]
    );
    assert_eq!(Environment::named("prod"), Some(Environment::prod()));
    assert_eq!(Environment::named("production"), None);
}

#[test]
fn custom_environments_are_checked() {
    let custom = |name: &str, threshold| Environment::custom(name, threshold, Over::Deny, true);
    assert_eq!(custom("night-shift", 100).map(|e| e.warn_at()), Ok(60));
    assert_eq!(custom("odd", 1).map(|e| e.warn_at()), Ok(1), "a share of a score rounds up");
    assert_eq!(custom("closed", 0).map(|e| (e.threshold(), e.warn_at())), Ok((0, 0)));
    for bad in ["", "Dev", "1st", "a b", "-x", &"x".repeat(65)] {
        assert_eq!(custom(bad, 1), Err(EnvironmentError::Name(bad.to_owned())));
    }
    assert_eq!(custom("dev", 22_360), Err(EnvironmentError::Standard("dev".to_owned())));
    assert_eq!(MAX_THRESHOLD, crate::governance::Effect::MAX.score());
    assert_eq!(custom("open", 22_361), Err(EnvironmentError::Threshold(22_361)));
}

#[test]
fn json_round_trips_and_cannot_redefine_a_standard_one() {
    for environment in Environment::standard() {
        let json = serde_json::to_string(&environment).unwrap();
        assert_eq!(serde_json::from_str::<Environment>(&json).unwrap(), environment);
    }
    let widened = r#"{"name":"prod","threshold":22360,"over":"escalate","output_commit":true}"#;
    let error = serde_json::from_str::<Environment>(widened).unwrap_err().to_string();
    assert!(error.contains("cannot be redefined"), "{error}");
    let unknown = r#"{"name":"x","threshold":1,"over":"deny","output_commit":true,"also":1}"#;
    assert!(serde_json::from_str::<Environment>(unknown).is_err());
}

#[test]
fn records_keep_an_environment_as_it_was() {
    for environment in Environment::standard() {
        let bytes = minicbor::to_vec(&environment).unwrap();
        assert_eq!(minicbor::decode::<Environment>(&bytes).unwrap(), environment);
    }
    // ["dev", 8000, 1, false]: a threshold that `dev` once had.
    let older = [0x84, 0x63, b'd', b'e', b'v', 0x19, 0x1f, 0x40, 0x01, 0xf4];
    assert_eq!(minicbor::decode::<Environment>(&older).unwrap().threshold(), 8_000);
    assert!(minicbor::decode::<Environment>(&older[..9]).is_err());
}
