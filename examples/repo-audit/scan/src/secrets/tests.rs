//! What is found, what is not, and that excerpts keep the secret.
//!
//! Keys are put together at run time, so that this file holds none.

use super::*;
use crate::work;

fn scan(path: &str, text: &str) -> Vec<Secret> {
    let mut secrets = Secrets::new();
    secrets.begin(path);
    secrets.push(text.as_bytes(), true);
    secrets.take()
}

fn kinds(path: &str, text: &str) -> Vec<String> {
    scan(path, text).into_iter().map(|s| s.kind).collect()
}

/// Letters and digits that look random and are the same at every run.
fn body(length: usize) -> String {
    const ALPHABET: &[u8] = b"aZ3kQ9xW7bT5mR1vN8cL2pH6yD4gJ0sF";
    (0..length).map(|at| ALPHABET[(at * 11 + at / 7 + length) % ALPHABET.len()] as char).collect()
}

fn hex(length: usize) -> String {
    (0..length).map(|at| char::from_digit(((at * 7 + at / 5 + 3) % 16) as u32, 16).unwrap_or('0')).collect()
}

#[test]
fn well_known_formats() {
    let upper = |n: usize| body(n).to_ascii_uppercase();
    let cases = [
        ("aws-access-key-id", format!("AKIA{}", upper(16))),
        ("aws-access-key-id", format!("ASIA{}", upper(16))),
        ("github-token", format!("ghp_{}", body(36))),
        ("github-token", format!("gho_{}", body(36))),
        ("github-token", format!("github_pat_{}_{}", body(22), body(59))),
        ("gitlab-token", format!("glpat-{}", body(20))),
        ("slack-token", format!("xoxb-123456789012-1234567890123-{}", body(24))),
        ("slack-token", format!("xapp-1-A{}-123456789012-{}", upper(10), hex(64))),
        ("slack-webhook", format!("https://hooks.slack.com/services/T{}/B{}/{}", upper(8), upper(8), body(24))),
        ("stripe-key", format!("sk_live_{}", body(24))),
        ("stripe-key", format!("rk_live_{}", body(24))),
        ("google-api-key", format!("AIza{}", body(35))),
        ("google-oauth-secret", format!("GOCSPX-{}", body(28))),
        ("npm-token", format!("npm_{}", body(36))),
        ("pypi-token", format!("pypi-AgEIcHlwaS5vcmc{}", body(70))),
        ("sendgrid-key", format!("SG.{}.{}", body(22), body(43))),
        ("telegram-bot-token", format!("123456789:AA{}", body(33))),
        ("digitalocean-token", format!("dop_v1_{}", hex(64))),
        ("hugging-face-token", format!("hf_{}", body(34))),
        ("anthropic-key", format!("sk-ant-api03-{}AA", body(93))),
        ("openai-key", format!("sk-{}", body(48))),
        ("vault-token", format!("hvs.{}", body(90))),
        ("age-secret-key", format!("AGE-SECRET-KEY-1{}", upper(58))),
        ("grafana-token", format!("glsa_{}_{}", body(32), hex(8))),
        ("atlassian-token", format!("ATATT3xFfGF0{}", body(170))),
        ("postman-key", format!("PMAK-{}-{}", hex(24), hex(34))),
        ("groq-key", format!("gsk_{}", body(52))),
        ("xai-key", format!("xai-{}", body(80))),
        ("replicate-token", format!("r8_{}", body(37))),
    ];
    for (kind, key) in cases {
        for text in [
            key.clone(),
            format!("let key = \"{key}\";\n"),
            format!("x\n{key}\ny"),
            format!("curl -H 'X-Key: {key}' https://example.com/\n"),
            format!("<key>{key}</key>"),
            format!("a,{key},b"),
        ] {
            let found = scan("src/main.rs", &text);
            assert_eq!(found.len(), 1, "{kind} in {text}: {found:?}");
            assert_eq!(found[0].kind, kind, "{text}");
            assert!(!found[0].excerpt.contains(&key), "{:?}", found[0]);
        }
    }
}

#[test]
fn boundaries_of_a_format_are_kept() {
    let id = format!("AKIA{}", body(16).to_ascii_uppercase());
    assert!(kinds("a.rs", &format!("X{id}")).is_empty());
    assert!(kinds("a.rs", &format!("{id}X")).is_empty());
    assert_eq!(kinds("a.rs", &format!("key-{id}_x")), ["aws-access-key-id"]);
    assert!(kinds("a.rs", &format!("ghp_{}", body(35))).is_empty());
}

#[test]
fn json_web_tokens_need_a_header_with_an_algorithm() {
    // {"alg":"HS256"} and {"sub":"7"}
    let token = format!("{}.{}.{}", "eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiI3In0", body(43));
    assert_eq!(kinds("a.js", &format!("fetch(u, '{token}')")), ["json-web-token"]);
    for before in ["session-", "eyJx_", "eyJ-eyJ_eyJ-"] {
        assert_eq!(kinds("a.js", &format!("fetch(u, '{before}{token}')")), ["json-web-token"], "{before}");
    }
    // {"sub":"7","x":"y"} first: no token.
    assert!(kinds("a.js", &format!("{}.{}.{}", "eyJzdWIiOiI3IiwieCI6InkifQ", "eyJzdWIiOiI3In0", body(43))).is_empty());
}

#[test]
fn private_keys_need_a_body() {
    let begin = "-----BEGIN RSA PRIVATE KEY-----";
    let end = "-----END RSA PRIVATE KEY-----";
    let line = body(64);
    let cases = [
        format!("{begin}\n{line}\n{line}\n{end}\n"),
        format!("{begin}\r\n{line}\r\n{end}\r\n"),
        format!("\"{begin}\\n{line}\\n{end}\\n\""),
        format!("  \"{begin}\\n\" +\n  \"{line}\\n\" +\n  \"{end}\""),
        format!("    {begin}\n    {line}\n    {end}\n"),
        format!("# {begin}\n# {line}\n# {end}\n"),
        format!(
            "{begin}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{}\n\n{line}\n{end}\n",
            hex(32).to_ascii_uppercase()
        ),
        format!(
            "{{\"key\":\"{begin}\\nProc-Type: 4,ENCRYPTED\\nDEK-Info: AES-128-CBC,{0}\\n\\n{line}\\n\"}}",
            "0F1E2D3C4B5A6978"
        ),
        format!("{begin}\\r\\nComment: mine\\r\\n\\r\\n{line}\\r\\n"),
        format!("GPG=\"-----BEGIN PGP PRIVATE KEY BLOCK-----\\nVersion: GnuPG v2\\n\\n{line}\\n\""),
        format!("-{begin}\n-{line}\n-{line}\n-{end}\n"),
        format!("-{begin}\n-Proc-Type: 4,ENCRYPTED\n-DEK-Info: x\n-\n-{line}\n-{end}\n"),
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n", body(70)),
        format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n{line}\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", body(40)),
    ];
    for text in &cases {
        let found = scan("key.txt", text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!((found[0].kind.as_str(), found[0].line), ("private-key", 1));
        assert!(!found[0].excerpt.contains(&line[..8]));
    }
    let twice = format!("{}{}", cases[0], cases[0]);
    assert_eq!(scan("key.txt", &twice).iter().map(|s| s.line).collect::<Vec<_>>(), [1, 5]);
    let no_keys = [
        format!("const BEGIN: &str = \"{begin}\";\nconst END: &str = \"{end}\";\n"),
        format!("{begin}\n...\n{end}\n"),
        format!("if text.starts_with(\"{begin}\") {{ parse_the_private_key_that_follows_here(text) }}"),
        format!("The header `{begin}` is followed by base64\n"),
        format!("{begin}\n{end}\n"),
        format!("{begin}\n{}\n{end}\n", "A".repeat(64)),
        format!("-----BEGIN PUBLIC KEY-----\n{line}\n-----END PUBLIC KEY-----\n"),
        format!("-----BEGIN CERTIFICATE-----\n{line}\n-----END CERTIFICATE-----\n"),
    ];
    for text in no_keys {
        assert_eq!(scan("key.rs", &text), [], "{text}");
    }
    assert_eq!(kinds("k.pem", &format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{line}\n")), ["encrypted-private-key"]);
}

#[test]
fn parameters_of_urls_and_connection_strings() {
    let account = format!("{}{}==", body(43), body(43));
    for (text, kind) in [
        (format!("https://api.internal/v1?access_token={}&page=2", body(40)), "url-token"),
        (format!("GET /v1?page=2&api_key={} HTTP/1.1", hex(32)), "url-token"),
        (format!("<a href='/x?a=1&amp;token={}'>", body(24)), "url-token"),
        (
            format!(
                "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={account};EndpointSuffix=core.windows.net"
            ),
            "azure-storage-key",
        ),
        (format!("Server=tcp:db;User Id=app;Password={};Encrypt=true", body(20)), "assignment"),
    ] {
        for path in ["a.md", "a.rs", ".env"] {
            let found = scan(path, &format!("x \"{text}\"\n"));
            assert_eq!(found.iter().map(|s| s.kind.as_str()).collect::<Vec<_>>(), [kind], "{text} in {path}");
            assert!(!found[0].excerpt.contains(&body(20)[..12]), "{found:?}");
        }
    }
    for text in [
        "https://codecov.io/gh/x/y/branch/main/graph/badge.svg?token=yt4XSmQNKQ",
        "?page_token=a8Fk29dLq0zX7cVb6nM3",
        "a.b=1;token=readTokenFromStream92(x)",
        "https://x/y?token=${TOKEN}",
        "https://x/y?token=YOUR_TOKEN_GOES_HERE_12",
        "if (a&token=nextTokenInQueue7[0])",
        "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;",
    ] {
        assert!(kinds("a.rs", &format!("\"{text}\"\n")).is_empty(), "{text}");
    }
}

#[test]
fn names_of_digests_are_no_reason_to_pass_over() {
    assert_eq!(kinds("a.py", &format!("api_key = \"md5uw{}\"", body(27))), ["assignment"]);
    for value in [format!("md5{}", hex(32)), format!("sha256:{}", hex(64)), format!("sha512-{}", body(86))] {
        assert!(kinds("a.py", &format!("api_key = \"{value}\"")).is_empty(), "{value}");
    }
}

#[test]
fn the_parts_of_a_token_are_no_credential() {
    // {"alg":"HS256","typ":"JWT"}, alone and with what is no signature.
    for value in [
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJiQGIuY29tIiwiY29tcGFueSI6IkFDTUUifQ.wrong",
    ] {
        assert!(kinds("a.rs", &format!("let token = \"{value}\";")).is_empty(), "{value}");
    }
    // {"type":"service_account", and what belongs to it.
    assert_eq!(
        kinds("a.rs", &format!("credentials = \"eyJ0eXBlIjoic2VydmljZV9hY2NvdW50Iiwi{}\"", body(60))),
        ["assignment"]
    );
}

#[test]
fn urls_with_passwords_and_tokens() {
    for (text, kind) in [
        (format!("postgres://app:{}@db.internal:5432/main", body(16)), "url-password"),
        ("redis://:k9Xv-72pLq@cache:6379".to_owned(), "url-password"),
        ("git clone https://deploy:Xk49dpQz2@git.internal/x.git".to_owned(), "url-password"),
        (format!("https://{}@git.internal/x.git", hex(40)), "url-token"),
        (format!("https://oauth2:{}@git.internal/x.git", body(30)), "url-password"),
        ("amqp://svc:p%23K9v%40x2Lq@mq".to_owned(), "url-password"),
    ] {
        for path in ["a.md", "a.rs", ".env", "a.bin.txt"] {
            assert_eq!(kinds(path, &format!("x \"{text}\"\n")), [kind], "{text} in {path}");
        }
    }
    for text in [
        "http://user:password@example.com/",
        "http://user:pass@host",
        "postgres://postgres:postgres@localhost/db",
        "https://username:password123@host",
        "https://${USER}:${PASSWORD}@host",
        "https://user:$TOKEN@host",
        "https://user:{password}@host",
        "https://<user>:<password>@host",
        "https://user:%s@host",
        "https://user:********@host",
        "http://host:8080/path@version",
        "https://example.com/@scope/package:tag",
        "ssh://git@github.com/x/y.git",
        "http://a:b@c/d",
        "https://user@host",
        "mailto:someone@example.com",
        "https://user:p@ssw0rd@host",
        "http://[::1]:8080/",
        "https://crates.io/crates/a:b@1.0.0",
    ] {
        assert_eq!(scan("a.md", &format!("see {text} for more\n")), [], "{text}");
    }
}

#[test]
fn assignments() {
    let value = body(32);
    for text in [
        format!("let api_key = \"{value}\";"),
        format!("const API_KEY: &'static str = \"{value}\";"),
        format!("static TOKEN: &str = \"{value}\";"),
        format!("pub const SECRET: [u8; 32] = *b\"{value}\";").replace("*b", "b"),
        format!("password: \"{value}\""),
        format!("  \"clientSecret\": \"{value}\","),
        format!("config['secret_key'] = '{value}'"),
        format!("export DB_PASSWORD='{value}'"),
        format!("auth_token := `{value}`"),
        format!(":api_token => \"{value}\""),
        format!("connect(host=\"x\", password=\"{value}\")"),
        format!("def connect(password: str = \"{value}\"):"),
        format!("<add key=\"x\" password=\"{value}\"/>"),
        format!("{{\\\"apiKey\\\": \\\"{value}\\\"}}"),
        format!("private readonly accessKey: string = '{value}';"),
        format!("AppSecret = \"{}\"", hex(32)),
        "password = \"x9$Lm#2p!Qz&7v\"".to_owned(),
        format!("aws_secret_access_key = \"{}/{}+{}\"", body(13), body(13), body(12)),
    ] {
        assert_eq!(kinds("a.py", &text), ["assignment"], "{text}");
    }
    for (path, text) in [
        (".env", format!("API_TOKEN={value}\n")),
        ("app.yaml", format!("password: {value}\n")),
        ("app.ini", format!("secret = {value}\n")),
        ("run.sh", format!("TOKEN={value} ./run\n")),
        ("Dockerfile", format!("ENV SECRET_KEY={value}\n")),
        ("deploy/.npmrc", format!("//registry.npmjs.org/:_authToken={value}\n")),
        ("config/.env.local", format!("DB_PASS={value}")),
    ] {
        assert_eq!(kinds(path, &text), ["assignment"], "{path}: {text}");
        assert_eq!(scan("a.rs", &text), [], "unquoted in code: {text}");
    }
    assert_eq!(kinds("a.sh", &format!("curl -H \"Authorization: Bearer {value}\" $URL")), ["authorization-header"]);
    assert_eq!(kinds("a.js", &format!("headers: {{ 'Authorization': 'Bearer {value}' }}")), ["authorization-header"]);
    // base64 of `api:kD93jf0sQ2x`
    assert_eq!(kinds("a.js", "Authorization: Basic YXBpOmtEOTNqZjBzUTJ4"), ["authorization-header"]);
}

#[test]
fn assignments_of_other_languages() {
    let value = body(32);
    let laravel = "base64:hJ3kQ9xW7bT5mR1vN8cL2pH6yD4gJ0sFaZ3kQ9xW7bU=";
    for (path, text) in [
        ("a.c", format!("const char token[] = \"{value}\";")),
        ("a.c", format!("static char api_key[33] = \"{value}\";")),
        ("a.go", format!("const apiKey string = \"{value}\"")),
        ("a.go", format!("var secret []byte = \"{value}\"")),
        ("a.h", format!("#define WIFI_PASSWORD \"{value}\"")),
        ("a.h", format!("#define\tAPI_KEY\t L\"{value}\" // ours")),
        ("a.xml", format!("<password>{value}</password>")),
        ("a.xml", format!("<s:apiKey>{value}</s:apiKey>")),
        ("web.config", format!("<add key=\"ApiSecret\" value=\"{value}\"/>")),
        ("beans.xml", format!("<property name=\"password\" value='{value}'/>")),
        ("web.config", format!("<c>Server=x;Password={value}</c>")),
        ("a.xml", format!("<c>Server=x;Password={value}</c>")),
        ("app.config", format!("Password={value}</c>")),
        (".env", format!("APP_KEY={laravel}\n")),
        ("phpunit.xml", format!("<env name=\"APP_KEY\" value=\"{laravel}\"/>")),
        ("a.py", "mail_password = 'xqzvkjwhgtfbmnpd'".to_owned()),
        ("a.py", "api_key = '*eli%S+*p%IwLZBk'".to_owned()),
        ("a.py", "api_key = 'lgy@GO%fc&PIB75Z'".to_owned()),
    ] {
        assert_eq!(kinds(path, &text), ["assignment"], "{path}: {text}");
    }
    let signed = format!("https://a.blob.core.windows.net/c?sv=2022-11-02&sp=r&sig={}%2B%3D", body(42));
    assert_eq!(kinds("a.md", &signed), ["url-token"]);
    for (path, text) in [
        ("a.c", format!("#define {value} \"{value}\"")),
        ("a.c", format!("#define TOKEN_NAME \"{value}\"")),
        ("a.c", "#define PASSWORD \"YOUR_PASSWORD_HERE_7\"".to_owned()),
        ("a.c", "#define SECRET(x) \"x\"".to_owned()),
        ("a.h", "#define SN_kx_ecdhe_psk \"KxECDHE-PSK\"".to_owned()),
        ("a.h", "#define SN_regToken \"id-regCtrl-regToken\"".to_owned()),
        ("a.h", "#define MASTER_SECRET_CONST \"\\x6d\\x61\\x73\\x74\\x65\\x72\\x20\\x73\"".to_owned()),
        ("a.xml", format!("<name>{value}</name>")),
        ("a.xml", "<password>${db.password.of.the.7th}</password>".to_owned()),
        ("a.xml", format!("<password>see {value}</password>")),
        ("a.html", format!("<input name=\"token\" value=\"{value}\">")),
        ("web.config", format!("<add key=\"Theme\" value=\"{value}\"/>")),
        ("a.go", format!("const name string = \"{value}\"")),
        ("a.md", format!("https://h/x?sig={}", body(12))),
        ("a.py", "token = 'internationalize'".to_owned()),
        ("a.py", "password = 'mysupersecretpwd'".to_owned()),
        ("a.py", "token = 'kx7-%s-9fQ2'".to_owned()),
        ("a.py", "password = '%D0%BF%D0%B0%D1%80%D0%BE%D0%BB'".to_owned()),
    ] {
        assert!(kinds(path, &text).is_empty(), "{path}: {text}");
    }
}

#[test]
fn keys_of_putty() {
    let line = body(64);
    let file = |lines: &str| {
        format!(
            "PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\nComment: me\r\nPublic-Lines: 1\r\n{line}\r\n{lines}\r\nPrivate-MAC: x\r\n"
        )
    };
    let found = scan("id.ppk", &file(&format!("Private-Lines: 1\r\n{line}")));
    assert_eq!((found.len(), found[0].kind.as_str(), found[0].line), (1, "private-key", 6));
    assert_eq!(found[0].excerpt, "Private-Lines: 1");
    assert!(scan("id.ppk", &file("Private-Lines: none")).is_empty());
    assert!(scan("id.txt", &format!("the line Private-Lines: 1\n{line}")).is_empty());
}

/// The context of a secret shows no password, however short, of a URL before it.
#[test]
fn excerpts_mask_urls() {
    let token = format!("ghp_{}", body(36));
    for (before, shown) in [
        ("https://u:pa/zz@h/x ", "https://*******@h/x "),
        ("https://u:pa?zz@h/x ", "https://*******@h/x "),
        ("https://u:pa#zz@h/x ", "https://*******@h/x "),
        ("https://u:pa zz@h/x ", "https://*******@h/x "),
        ("https://u:pa'zz@h/x ", "https://*******@h/x "),
        ("https://u:pa\"zz/@h/x ", "https://********@h/x "),
        ("https://h/x?pazz&a=pazz&pazz ", "https://h/x?****&a=****&**** "),
        ("https://h/x?a=1#v1 ", "https://h/x?a=*#v1 "),
        ("https://u:pa/", "https://*****"),
        ("x = \"postgres://app:", "x = \"postgres://app:"),
        ("x = \"postgres://app:pa/", "x = \"postgres://*******"),
        ("\"//h/x\":\"b?c\",", "\"//h/x\":\"b?c\","),
        ("{\"u\":\"//h:8\",\"m\":\"a@b\",", "{\"u\":\"//h:8\",\"m\":\"a@b\","),
        ("f(x) // note: by @me? ", "f(x) // note: by @me? "),
    ] {
        let found = scan("a.txt", &format!("{before}{token}"));
        assert_eq!(found[0].excerpt, format!("{shown}ghp_…[40 characters]"), "{before}");
    }
    let text = format!("x https://u:pazz@h/a?k=pazz&t=pazz https://pazz@h ghp_{}", body(36));
    let found = scan("a.txt", &text);
    assert_eq!(found[0].excerpt, "x https://******@h/a?k=****&t=**** https://****@h ghp_…[40 characters]");
}

#[test]
fn what_is_no_secret() {
    let digest = hex(64);
    let value = body(32);
    for text in [
        "aws_access_key_id = \"AKIAIOSFODNN7EXAMPLE\"".to_owned(),
        "aws_secret_access_key = \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\"".to_owned(),
        "token = \"your-token-here\"".to_owned(),
        "password = \"${DB_PASSWORD}\"".to_owned(),
        "password: \"{{ .Values.dbPassword }}\"".to_owned(),
        "api_key = os.environ[\"API_KEY_FOR_THE_SERVICE\"]".to_owned(),
        "api_key = \"<insert-api-key-1234567890>\"".to_owned(),
        "secret = \"xxxxxxxxxxxxxxxxxxxxxxxx\"".to_owned(),
        "secret = \"correct-horse-battery-staple-7\"".to_owned(),
        "token_url = \"https://login.example.com/oauth2/v2.0/token\"".to_owned(),
        "let token = \"0123456789abcdef0123456789abcdef\";".to_owned(),
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".to_owned(),
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789".to_owned(),
        "sk_test_4eC39HqLyjWDarjtT1zdp7dc".to_owned(),
        format!("checksum = \"{digest}\""),
        format!("integrity: \"sha512-{}==\"", body(86)),
        format!("password_hash = \"{digest}\""),
        format!("token_sha256: \"{digest}\""),
        format!("commit = \"{}\"", &digest[..40]),
        format!("key = \"{value}\""),
        format!("PublicKeyToken=\"{}\"", hex(16)),
        format!("if token == \"{value}\" {{"),
        format!("next_page_token = \"{value}\""),
        "private_key_path = \"/etc/ssl/private/x86_64-host-7.key\"".to_owned(),
        "TokenKind::Secret => \"ExpectedSecretToken2Found\"".to_owned(),
        "xoxb-not-a-real-slack-token-at-all".to_owned(),
        "npm_config_registry_is_a_long_variable_name_here".to_owned(),
        "ACCATTGACCATTGACCATT".to_owned(),
        "secret_name = \"projects/1/secrets/db-9f8a7c/versions/2\"".to_owned(),
        "\"password\": \"SERVICE_{262E99C9-6160-4871-ACEC-4E61736B6F21}_\"".to_owned(),
    ] {
        assert_eq!(scan("src/lib.rs", &text), [], "{text}");
        assert_eq!(scan("app.yaml", &text), [], "{text}");
    }
    assert_eq!(scan("Cargo.lock", &format!("token = \"{value}\"\n")), []);
}

#[test]
fn excerpts_keep_every_secret_of_the_line() {
    let first = format!("ghp_{}", body(36));
    let second = body(32);
    let text = format!("\n\n  run --a {first} --password=\"{second}\" --url https://u:{}@h/\n", body(18));
    let found = scan("run.txt", &text);
    assert_eq!(
        found.iter().map(|s| s.kind.as_str()).collect::<Vec<_>>(),
        ["github-token", "assignment", "url-password"]
    );
    for secret in &found {
        assert_eq!(secret.line, 3);
        for hidden in [&first[4..], &second[4..], &body(18)[4..]] {
            assert!(!secret.excerpt.contains(hidden), "{secret:?}");
        }
    }
    assert_eq!(found[0].excerpt, "run --a ghp_…[40 characters]");
    assert_eq!((found[0].column, found[0].length), (11, 40));
    // A context that is cut must not begin within a secret that is longer than what is shown.
    let long = format!("password = \"{}\" {}ghp_{}", body(200), " ".repeat(5), body(36));
    let last = scan("x.rs", &long).pop();
    assert!(last.is_some_and(|s| !s.excerpt.contains(&body(200)[150..160])), "{long}");
    // Short ones show less, and control characters do not reach the terminal.
    let short = scan("x.sh", "\u{1b}[31mamqp://svc:k9X-72pL@mq");
    assert_eq!(short[0].excerpt, " [31mamqp://svc:k9…[8 characters]");
}

#[test]
fn a_secret_is_reported_once_by_its_most_telling_kind() {
    let token = format!("ghp_{}", body(36));
    assert_eq!(kinds("a.rs", &format!("let token = \"{token}\";")), ["github-token"]);
    assert_eq!(kinds("a.rs", &format!("https://x:{token}@github.com/a/b")), ["github-token"]);
}

#[test]
fn binary_files_are_searched_for_formats_only() {
    let token = format!("ghp_{}", body(36));
    let text = format!("\0\0\n\u{1}{token}\0password=\"{}\"", body(32));
    assert_eq!(kinds("blob", &text), ["github-token"]);
}

#[test]
fn secrets_are_found_at_the_cuts_of_an_endless_line() {
    use crate::feed::{BLOCK, LEFT, RIGHT};
    let token = format!("ghp_{}", body(36));
    let password = format!("\"password\":\"{}\"", body(30));
    let jwt = format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.{}", body(43));
    for base in [BLOCK, 2 * BLOCK] {
        for shift in (0..60).step_by(3).chain([LEFT, RIGHT, LEFT + 1, RIGHT - 20]) {
            for (planted, kind) in [(&token, "github-token"), (&password, "assignment"), (&jwt, "json-web-token")] {
                let mut line = "{},".repeat((base - shift) / 3);
                line.push_str(&" ".repeat(base - shift - line.len()));
                line.push_str(planted);
                line.push_str(&",{}".repeat(BLOCK / 2));
                let found = scan("a.min.js", &line);
                assert_eq!(found.len(), 1, "{kind} at {base} - {shift}");
                assert_eq!((found[0].kind.as_str(), found[0].line), (kind, 1));
                let inside = if kind == "assignment" { 12 } else { 0 };
                assert_eq!(found[0].column as usize, base - shift + inside + 1);
            }
        }
    }
}

/// A small generator (xorshift64*), so that a seed names its passwords for ever.
struct Random(u64);

impl Random {
    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        let mut one = || {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
        };
        (0..length).map(|_| alphabet[(one() % alphabet.len() as u64) as usize] as char).collect()
    }
}

#[test]
fn passwords_of_generators_are_found_whatever_signs_they_have() {
    let lower = &b"abcdefghijklmnopqrstuvwxyz0123456789"[..];
    let alnum = &b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[..];
    let printable: Vec<u8> = (b'!'..=b'~').filter(|b| !matches!(b, b'"' | b'\\' | b'\'' | b'`')).collect();
    let django = [lower, b"!@#$%^&*(-_=+)"].concat();
    let eight = [alnum, b"!@#$%^&*"].concat();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut cases: Vec<(String, &[u8], usize)> = Vec::new();
    for length in [12, 14, 16, 20, 24, 32, 40, 50, 64] {
        cases.push(("password = \"VALUE\"\n".to_owned(), &printable, length));
        cases.push(("password = \"VALUE\"\n".to_owned(), &eight, length));
    }
    cases.push(("SECRET_KEY = 'VALUE'\n".to_owned(), &django, 50));
    cases.push(("SECRET_KEY = 'django-insecure-VALUE'\n".to_owned(), &django, 50));
    cases.push(("DB_PASSWORD = '$VALUE'\n".to_owned(), alnum, 19));
    const EACH: usize = 4000;
    let mut report = String::new();
    for (line, alphabet, length) in cases {
        let values: Vec<String> = (0..EACH).map(|_| random.text(alphabet, length)).collect();
        let text: String = values.iter().map(|value| line.replace("VALUE", value)).collect();
        let found: std::collections::BTreeSet<u64> = scan("x.py", &text).into_iter().map(|s| s.line).collect();
        let missed: Vec<_> =
            values.iter().enumerate().filter(|(at, _)| !found.contains(&(*at as u64 + 1))).map(|(_, v)| v).collect();
        if missed.len() * 100 > EACH {
            report +=
                &format!("{line} {} of {EACH} of {length}: {:?}\n", missed.len(), &missed[..missed.len().min(12)]);
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn a_slot_is_a_name_that_most_of_the_value_is() {
    for value in [
        "prefix-${NAME_OF_IT}",
        "<your-key-9f8a7c6d5e>",
        "{{ .Values.password2 }}",
        "%(db_password_2)s",
        "#{ENV_PASSWORD_1}",
        "Bearer {access_token_3}",
        "kx7-%s-9fQ2",
        "{user_name}:{pass_word1}",
    ] {
        assert!(scan("a.py", &format!("password = '{value}'\n")).is_empty(), "{value}");
    }
    for value in ["(lycnsicuue6nbg_f9)a+o90jdvv!#0$0$b%84bdbg-1m$#a%i", "aB3(abc)9kL!pQ7x", "x%s$9fK2!mQ7zL4vB8t"] {
        assert_eq!(kinds("settings.py", &format!("SECRET_KEY = '{value}'\n")), ["assignment"], "{value}");
    }
    assert_eq!(kinds(".env", "DB_PASSWORD=$SP04JvBLomGOFDzSdya\n"), ["assignment"]);
    assert!(scan(".env", "DB_PASSWORD=$PRODUCTION_DB_PASSWORD_2\n").is_empty());
}

/// What the scan itself does not take for a secret is not told either beside one that it found.
#[test]
fn excerpts_hide_other_values_of_the_line() {
    let token = format!("ghp_{}", body(36));
    for (before, hidden, left) in [
        ("auth(\"uwTGdluysEGLMlITEbpNHDUs\"); token = \"", "uwTG", "auth(\"********"),
        ("login(\"X-Cq9.vB2.kLp.7Zt.w8N.mR4\"); t = \"", "X-Cq9", "login(\"********"),
        ("p=\"IoXFLEoj$!EFsBnVRsH\" token=", "IoXF", "p=\"********"),
        ("don't auth('k9X-72pL'); t = '", "k9X-7", "don't auth('*"),
        ("password=\"hunterhouse\" t=", "hunter", "password=\"***********\" t="),
        ("DB_PASSWORD=correct TOKEN=", "correct", "DB_PASSWORD=******* TOKEN="),
        ("curl -u bob:IoXFLEoj$!EFsBnVRsH ", "EFsBn", "curl -u bob:***"),
    ] {
        let last = scan("a.py", &format!("{before}{token}\"\n")).pop();
        let excerpt = last.map(|s| s.excerpt).unwrap_or_default();
        assert!(excerpt.starts_with(left) || left.starts_with("curl"), "{before}: {excerpt}");
        assert!(!excerpt.contains(hidden) && excerpt.contains("ghp_"), "{before}: {excerpt}");
    }
    let plain = scan("a.py", &format!("fetch(\"user/name\", 'first', token = \"{token}\")"));
    assert_eq!(plain[0].excerpt, "fetch(\"user/name\", 'first', token = \"ghp_…[40 characters]");
    let turned = scan("a.py", &format!("a \u{202e}b\u{200b} {token}"));
    assert_eq!(turned[0].excerpt, "a  b  ghp_…[40 characters]");
}

/// What one rule hides blinds no other: the names are those of the line itself.
#[test]
fn excerpts_hide_what_telling_names_are_set_to() {
    let token = format!("ghp_{}", body(36));
    let hidden = |before: &str| {
        let found = scan("a.py", &format!("{before}{token}"));
        assert_eq!(found.len(), 1, "{before}: {found:?}");
        let excerpt = &found[0].excerpt;
        for part in ["hunt", "house", "horse", "battery", "ouse"] {
            assert!(!excerpt.contains(part), "{before}: {excerpt}");
        }
        excerpt.clone()
    };
    for before in [
        "config['password'] = 'hunterhouse'; t = '",
        "os.environ['DB_PASSWORD'] = 'correct horse'; t = '",
        "<property name=\"password\" value=\"hunterhouse\"/><p name=\"t\" value=\"",
        "s = \"{\\\"password\\\": \\\"hunterhouse\\\", \\\"t\\\": \\\"",
        "{\"password\": \"hunter \\\" house\", \"t\": \"",
        "s = \"{\\\"password\\\": \\\"hunter \\\\\\\" house\\\", \\\"t\\\": \\\"",
        "password = 'hunter '' house' t='",
        "password = '''correct horse''' t='",
        "password = r#'hunter house' t='",
        "password += \"hunterhouse\" t=\"",
        "password ||= 'correct horse' t='",
        "password != 'correct horse' t='",
        "password: hunterhouse t: ",
        "password=x=hunterhouse t=",
        "password: token: horse t: ",
        "password=pwd=\"correct horse\" t=",
        "<password>hunterhouse</password><t>",
        "<s:password>correct horse</s:password><t>",
        "#define PASSWORD \"correct horse\" // ",
        "#define PASSWORD hunterhouse // ",
        "password = Some(\"correct horse\"); t = ",
    ] {
        assert!(hidden(before).contains('*'), "{before}");
    }
    assert_eq!(
        hidden("{\"password\": \"hunter\", \"user\": \""),
        "{\"password\": \"******\", \"user\": \"ghp_…[40 characters]"
    );
    assert_eq!(hidden("{'password': '', 'user': '"), "{'password': '', 'user': 'ghp_…[40 characters]");
    // What stands in the same quotes, before a secret as well.
    for (before, shown) in [("f('X-Cq9.vB2/", "f('*"), ("f('k9X-72pL/", "f('*"), ("f('user/name/", "f('user/name/")] {
        let found = scan("a.py", &format!("{before}{token}') {token}"));
        assert_eq!(found.len(), 2, "{found:?}");
        for secret in found {
            assert!(secret.excerpt.contains(shown), "{before}: {secret:?}");
            assert!(!secret.excerpt.contains("Cq9") && !secret.excerpt.contains("72pL"), "{before}: {secret:?}");
        }
    }
}

/// Each byte is looked at a few times, whatever a text repeats.
#[test]
fn work_does_not_grow_with_the_square_of_a_text() {
    let key = "-----BEGIN PRIVATE KEY-----";
    let token = format!("' ghp_{}", body(36));
    for (one, end) in [
        ("eyJ-", String::new()),
        ("eyJ-", format!(".eyJ{}.{}", body(1000), body(43))),
        ("eyJhbGciOiJIUzI1NiJ9.", String::new()),
        ("eyJzdWIiOiI3IiwieCI6-", format!(".eyJ{}.{}", body(1000), body(43))),
        ("xoxb-", String::new()),
        ("sk_live_", String::new()),
        ("pypi-AgE-", String::new()),
        (key, String::new()),
        (&format!("{key}\n"), String::new()),
        (&format!("{key}\n"), "Private-Lines: 1\n".to_owned()),
        ("Private-Lines: 1\n", String::new()),
        ("Private-Lines: 1\n", key.to_owned()),
        ("pwd=", token.clone()),
        ("pwd: ", token.clone()),
        ("pwd=\"", token.clone()),
        ("pwd=\"pwd='", token.clone()),
        ("pwd=\\\"pwd=\"", token.clone()),
        ("pwd=\"\"", token.clone()),
        ("<pwd>", token.clone()),
        ("#define PWD \"\\\"", token.clone()),
        ("#definePWD", token.clone()),
        ("#define PWD#define PWD ", token.clone()),
        ("//a:b", token.clone()),
        ("//a:b ", token.clone()),
        ("//a:b?", token.clone()),
        ("//a:b@\"", token.clone()),
    ] {
        let work = |length: usize| {
            work::take();
            scan("a.py", &format!("{}{end}", one.repeat(length / one.len())));
            work::take()
        };
        let (half, whole) = (work(30_000), work(60_000));
        assert!(whole <= 2 * half + half / 10 + 4000, "{one} {end}: {half}, {whole}");
        assert!(whole <= 60_000 * 100, "{one} {end}: {whole}");
    }
}

/// A line of many secrets is masked once, and nothing is that stands behind the last.
#[test]
fn a_line_is_masked_once_whatever_it_holds() {
    let value = body(12);
    let one = format!("token=\"{value}\",");
    let line = one.repeat(crate::feed::BLOCK / one.len());
    let lines = format!("{}\n{line}\n{}", one.repeat(3), ":".repeat(1000));
    for text in [&line, &lines] {
        let mut secrets = Secrets::new();
        secrets.begin("a.py");
        secrets.push(text.as_bytes(), true);
        assert_eq!(secrets.waiting(), text.matches(&one).count());
        let work = secrets.eye.line.work;
        assert!(work <= text.matches(&one).count() * one.len(), "{work} of {}", text.len());
        for (at, secret) in secrets.take().into_iter().enumerate() {
            // No part of it but what is shown of the last.
            let parts = (0..value.len() - 3).map(|from| &value[from..from + 4]);
            assert_eq!(parts.filter(|part| secret.excerpt.contains(part)).count(), 0, "{at}: {secret:?}");
            assert_eq!(secret.excerpt.matches(&value[..3]).count(), 1, "{at}: {secret:?}");
        }
    }
}

/// What stands before a secret is the same whether another follows it on the line or not.
#[test]
fn excerpts_do_not_depend_on_what_follows() {
    let token = format!("ghp_{}", body(36));
    let value = body(24);
    for before in [
        "{'a': 'b', 'key-".to_owned(),
        "log(\"the deploy-key-of-ours-".to_owned(),
        "x https://deploy:".to_owned(),
        "x https://h/x?user=bob&t=".to_owned(),
        format!("y 'Server=x;Password={value};Name="),
    ] {
        let alone = scan("a.py", &format!("{before}{token}@h"));
        for after in [format!("'\" {token}"), format!("-{token}"), format!("@h/x?t={token}'"), format!(" x='{token}'")]
        {
            let found = scan("a.py", &format!("{before}{token}{after}"));
            assert!(found.len() > alone.len(), "{before}…{after}: {found:?}");
            assert_eq!(found[..alone.len()], alone, "{before}…{after}");
            for secret in &found {
                assert!(!secret.excerpt.contains(&body(36)[..12]) && !secret.excerpt.contains(&value), "{secret:?}");
            }
        }
    }
}

/// What stands behind a secret and may belong to it is hidden beside the next one.
#[test]
fn excerpts_hide_what_goes_on_with_a_secret() {
    let token = format!("ghp_{}", body(36));
    for (before, between) in [
        ("", "/hunterhouse "),
        ("", "-hunterhouse: "),
        ("x='", ".hunterhouse' "),
        ("x=\"", ",hunterhouse\" "),
        ("https://h/", "?x=hunterhouse "),
        ("https://", "@h/?x=hunterhouse "),
        ("password=\"x ", " hunterhouse\" "),
        ("password=", ";hunterhouse "),
    ] {
        let found = scan("a.py", &format!("{before}{token}{between}{token}"));
        assert_eq!(found.len(), 2, "{before}…{between}: {found:?}");
        assert!(!found[1].excerpt.contains("hunter"), "{before}…{between}: {found:?}");
    }
    // An open quote hides to the end what a telling name is set to, over the secrets in it.
    let text = format!("password = \"correct {token} horse {token} battery\" {token}");
    let excerpts: Vec<_> = scan("a.py", &text).into_iter().map(|s| s.excerpt).collect();
    let stars = |n| "*".repeat(n);
    assert_eq!(
        excerpts,
        [
            format!("password = \"{}ghp_…[40 characters]", stars(8)),
            format!("…d = \"{}ghp_…[40 characters]", stars(55)),
            format!("…{}\" ghp_…[40 characters]", stars(58)),
        ]
    );
}

#[test]
fn names_that_tell() {
    for name in [
        "HASHICORP_VAULT_TOKEN",
        "REPUBLIC_API_KEY",
        "dbpass",
        "DB_PW",
        "dbPass",
        "publisher_token",
        "SAMPLER_SECRET",
        "api_token",
        "AppSecret",
        // Two words that meet.
        "STATUSPAGE_TOKEN",
        "statuspage.token",
        "statuspageToken",
        "UNLOCK_TOKEN",
        "EXCHANGE_TOKEN",
        "EXCHANGE_TOKENS",
        "restartToken",
        "ASYNC_TOKEN",
        "AUTOUPDATE_TOKEN",
        // What the secret is for.
        "CIPHER_PASSWORD",
        "TOKENIZER_API_KEY",
        "tokenizerApiKey",
        "FINGERPRINT_API_KEY",
        "CSRF_SECRET",
        "WTF_CSRF_SECRET_KEY",
        "CSRF_TOKEN_SECRET",
        "WEBHOOK_SIGNATURE_SECRET",
        "SIGNATURE_PRIVATE_KEY",
        "CSRF_SECRET_PROD",
        "CSRF_SECRET_1",
        "CSRF_AUTH_KEY",
        "CSRFSecret",
        "XSRFSecret",
        "FINGERPRINT_SECRET_API_KEY",
        "SIGNATURE_SIGNING_KEY",
        "TOKENIZER_API_TOKEN",
        "WEBHOOK_SIGNATURE_TOKEN",
        "REQUEST_TOKEN_SECRET",
        "HASH_SECRET",
        "HASH_SECRET_KEY",
        "HMAC_SHA256_SECRET",
    ] {
        assert!(name::tells(name.as_bytes()), "{name}");
    }
}

/// Of each, the word that is the reason: with another one in its place the name tells.
#[test]
fn names_that_do_not_tell() {
    for (name, word) in [
        ("hashedOutPassword_2", "hashed"),
        ("password_hash", "hash"),
        ("passwordHash", "Hash"),
        ("passwordhash", "hash"),
        ("password_hashes", "hashes"),
        ("tokenizer", "izer"),
        ("tokenizer_token", "tokenizer"),
        ("token_cancellation", "cancellation"),
        ("PublicKeyToken", "Public"),
        ("publickeytoken", "public"),
        ("next_page_token", "page"),
        ("nextPageToken", "Page"),
        ("nextpagetoken", "page"),
        ("nextpage_token", "nextpage"),
        ("nextpageToken", "nextpage"),
        ("page_token", "page"),
        ("PAGE_TOKENS", "PAGE"),
        ("S3PageToken", "Page"),
        ("client_token", "client"),
        ("EC2ClientToken", "Client"),
        ("AWSClientToken", "Client"),
        ("SSORequestToken", "Request"),
        ("lock_token", "lock"),
        ("csrfToken", "csrf"),
        ("csrftoken", "csrf"),
        ("CSRF_TOKEN", "CSRF"),
        ("csrf_secret_name", "name"),
        ("token_expiry", "expiry"),
        ("EXAMPLE_TOKEN", "EXAMPLE"),
        ("EXAMPLE_SECRET", "EXAMPLE"),
        ("FAKE_API_KEY", "FAKE"),
        ("ENCRYPTED_PASSWORD", "ENCRYPTED"),
        ("cipher_password_hash", "hash"),
        ("csrf_secret_sha256", "sha256"),
        ("secret_fingerprints", "fingerprints"),
        ("secret_signature", "signature"),
        ("secret_cipher", "cipher"),
        ("hash_password", "hash"),
        ("hash_api_key", "hash"),
        ("hashes_secret", "hashes"),
        ("signature_of_secret", "signature"),
        ("bypass", "by"),
        ("secretsmanager", "manager"),
        ("AWSSecretsManagerKmsKey", "Manager"),
    ] {
        assert!(!name::tells(name.as_bytes()), "{name}");
        let other = name.replace(word, "other");
        assert!(name::tells(other.as_bytes()), "{other}");
    }
}

#[test]
fn values_without_quotes_are_found_where_files_hold_environments() {
    let value = body(32);
    for path in [
        ".env",
        ".env.local",
        ".env-prod",
        ".env_prod",
        ".flaskenv",
        "env",
        "prod.env",
        "home/.bashrc",
        ".profile",
        ".zshrc",
        ".bash_profile",
        "set.bat",
        "app.conf.bak",
        ".env.old",
        ".env~",
    ] {
        assert_eq!(kinds(path, &format!("export API_TOKEN={value}\n")), ["assignment"], "{path}");
    }
    for path in ["a.rs", "environment", ".environment", "a.rs.bak"] {
        assert!(kinds(path, &format!("export API_TOKEN={value}\n")).is_empty(), "{path}");
    }
}

#[test]
fn raw_strings_and_fragments() {
    let value = body(36);
    for text in [
        format!("const PASSWORD: &str = r#\"{value}\"#;"),
        format!("let token = br##\"{value}\"##;"),
        format!("let token = r\"{value}\";"),
    ] {
        let found = scan("a.rs", &text);
        assert_eq!((found.len(), found[0].length), (1, 36), "{text}");
    }
    assert_eq!(kinds("a.py", &format!("get(\"https://x/y#access_token={value}\")")), ["url-token"]);
    assert_eq!(kinds("a.py", &format!("get(\"https://x/y#a=b&access_token={value}\")")), ["url-token"]);
    assert!(kinds("a.py", &format!("#access_token={value}")).is_empty());
    assert_eq!(kinds(".env", &format!("#ACCESS_TOKEN={value}")), ["assignment"]);
}

#[test]
fn a_text_that_begins_like_a_binary_format_is_searched() {
    let value = body(32);
    for begin in ["ID3_TAG = 1", "RIFF();", "BZhang wrote this", "GIF89a", "%PDF-1.4", "OggS"] {
        assert_eq!(kinds("x.py", &format!("{begin}\npassword = \"{value}\"\n")), ["assignment"], "{begin}");
        for binary in ["\u{1}", "\0"] {
            assert!(kinds("x.py", &format!("{begin}\n{binary}password = \"{value}\"\n")).is_empty(), "{begin}");
        }
    }
    assert!(kinds("x.py", &format!("PK\u{3}\u{4}\npassword = \"{value}\"\n")).is_empty());
}

#[test]
fn names_of_things_in_published_trees_are_no_secrets() {
    for text in [
        "\"alias/aws/secretsmanager\": \"fee5173a-3b1c-4f2e-9d87-6a5b4c3d2e1f\",",
        "\"CopyProductToken\": \"copyproduct-abc5defgjkdji\"",
        "\"SubjectFromWebIdentityToken\": \"amzn1.account.AF6RHO7KZU5XRVQJGXK6HEXAMPLE\"",
        "\"token\": \"abcd1234defg5678\"",
    ] {
        assert!(kinds("a.json", text).is_empty(), "{text}");
    }
}
