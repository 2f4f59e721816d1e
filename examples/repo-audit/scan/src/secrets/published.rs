//! Credentials that everyone knows, because a standard or an issuer's documentation prints them.

const KNOWN: &[&str] = &[
    // Stripe's documentation.
    "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "sk_test_BQokikJOvBiI2HlWgH4olfQ2",
    // Signatures of the tokens on jwt.io and in PyJWT's readme.
    "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    "TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ",
    "4twFt5NiznN84AWoo1d7KO1T_yoc0Z6XOpOVswacPZg",
    // RFC 6749, RFC 6750.
    "2YotnFZFEjr1zCsicMWpAA",
    "tGzv3JOkF0XG5Qx2TlKWIA",
    "mF_9.B5f-4.1JqM",
    "czZCaGRSa3F0MzpnWDFmQmF0M2JW",
    "czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3",
    "7Fjfp0ZBr1KtDRbnfVdmIw",
    "gX1fBat3bV",
    "h480djs93hd8",
    "SplxlOBeZQQYbYS6WxSbIA",
    // RFC 5849.
    "kkk9d7dh3k39sjv7",
    "ad180jjd733klru7",
    "nnch734d00sl2jdk",
    "pfkkdhi9sl3r4s00",
    "hh5s93j4hdidpola",
    "kd94hf93k423kf44",
    "dpf43f3p2l4k3l03",
    // RFC 7515.
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    // Azure's storage emulator.
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    // RFC 7617 (user `Aladdin`).
    "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
];

/// Whether `bytes` begins with one of them.
pub(super) fn begins(bytes: &[u8]) -> bool {
    KNOWN.iter().any(|known| bytes.starts_with(known.as_bytes()))
}
