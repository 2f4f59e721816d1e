//! Flags that mean nothing: each is told with what it should be, nothing is started, the exit code is 2.

use crate::harness::{Home, agent};

fn reader() -> Home {
    let uses = "use = [\"read /fs/repo/**\"]";
    Home::new(&format!("[[mount]]\nname = \"repo\"\n{}", agent("reader", &[], uses)))
}

#[test]
fn each_flag_says_what_it_should_be() {
    let home = reader();
    for (flag, value, said) in [
        ("--mount", "", "a mount is given as NAME=PATH"),
        ("--mount", "repo", "a mount is given as NAME=PATH"),
        ("--mount", "repo=", "a mount is given as NAME=PATH"),
        ("--mount", "=repo", "is not a name"),
        ("--mount", "a/b=repo", "is not a name"),
        ("--allow", "", "a verb, one space and a pattern"),
        ("--allow", "connect", "a verb, one space and a pattern"),
        ("--allow", "fly /fs/x", "\"fly\" is not a verb"),
        ("--allow", "lst /fs/x", "\"lst\" is not a verb; did you mean `list`?"),
        ("--allow", "connect example.com:443", "is not a path"),
        ("--allow", "connect /net/example.com", "is written /net/HOST:PORT"),
        ("--allow", "connect /net/EXAMPLE.com:443", "in lower case"),
        ("--allow", "read /fs/repo/../x", "`.` and `..` are not segments"),
        ("--timeout", "", "is not a duration like"),
        ("--timeout", "soon", "is not a duration like"),
        ("--timeout", "30", "is not a duration like"),
        ("--timeout", "99999999999999999999s", "is not a duration like"),
        ("--timeout", "0", "is not a duration like"),
        ("--timeout", "0s", "nothing can be done in no time"),
        ("--env", "", "there are dev, staging and prod"),
        ("--env", "production", "there are dev, staging and prod"),
        ("--data-dir", "", "a value is required for '--data-dir <DIR>'"),
    ] {
        let run = ["run", "play", "--mount", "repo=repo", flag, value];
        let done = home.weft(&run).exits(2).tells(&[said]);
        assert_eq!(done.out, "", "{flag} {value}");
        let error = home.weft(&[&run[..], &["--json"]].concat()).exits(2).json()["error"].clone();
        assert_eq!((&error["exit"], &error["code"]), (&2.into(), &"usage".into()), "{flag} {value}");
        assert!(error["message"].as_str().unwrap().contains(said), "{flag} {value}: {error}");
    }
    assert!(!home.path(".local").exists(), "nothing was made");
}

#[test]
fn a_mount_that_is_named_twice_is_told_with_both_folders() {
    let home = reader();
    let twice = ["run", "play", "--mount", "repo=repo", "--mount", "repo=out"];
    home.weft(&twice).exits(2).tells(&["--mount repo is given twice: repo and out", "leave one of the two out"]);
}

#[test]
fn what_is_no_command_has_a_document_too() {
    let home = reader();
    for wrong in
        [&["fly", "--json"][..], &["chain", "--json"], &["app", "check", "--json"], &["run", "--json", "--fly"]]
    {
        let done = home.weft(wrong).exits(2);
        assert_eq!(done.json()["error"]["code"], "usage", "{wrong:?}");
        assert!(!done.err.contains('\u{1b}'), "{done:#?}");
    }
    home.weft(&["chain"]).exits(2).tells(&["verify", "show"]);
    for (wrong, said) in [(&["rnu"][..], "'run'"), (&["help", "rnu"], "'run'"), (&["chain", "sohw"], "'show'")] {
        home.weft(wrong).exits(2).tells(&["similar", said]);
    }
}

#[test]
fn data_directories_that_cannot_be_are_told() {
    let home = reader();
    std::fs::write(home.path("file"), "").unwrap();
    let run = |dir: &str| home.weft(&["run", "play", "--mount", "repo=repo", "--data-dir", dir]).exits(2);
    run("file").tells(&["the data directory file is not a directory", "help: name one that you may write to"]);
    run("/dev/null").tells(&["/dev/null is not a directory"]);
    run("file/in").tells(&["the data directory file/in cannot be made", "Not a directory"]);
    run("repo/in").tells(&["lies in the folder of mount `repo`", "keep the data elsewhere"]);
    run("repo").tells(&["agents could reach the log"]);
    run("new/../repo/data").tells(&["has a `..` behind a folder that does not exist"]);
    assert!(!home.path("new").exists());
    assert_eq!(std::fs::read_dir(home.path("repo")).unwrap().count(), 1, "nothing was made");
}

#[test]
fn a_data_directory_of_somebody_else_is_told_apart_from_one_that_is_not_there() {
    let home = reader();
    home.weft(&["run", "play", "--mount", "repo=repo", "--data-dir", "d/data"]).exits(0);
    home.weft_as_nobody(&["chain", "verify", "--data-dir", "d/data"]).exits(0);
    close(&home, "d");
    let verify = ["chain", "verify", "--data-dir", "d/data"];
    home.weft_as_nobody(&verify).exits(2).tells(&["the data directory d/data cannot be looked at", "denied"]);
    let run = ["run", "play", "--mount", "repo=repo", "--data-dir", "d/data"];
    home.weft_as_nobody(&run).exits(2).tells(&["the data directory d/data cannot be", "denied", "--data-dir DIR"]);
    let doctor = home.weft_as_nobody(&["doctor", "--data-dir", "d/data", "--json"]).exits(0).json();
    assert_eq!(doctor["data"]["directories"][0]["state"], "data_dir", "{doctor}");
    open(&home, "d");
    home.weft(&["chain", "verify", "--data-dir", "d/data"]).exits(0);
}

#[test]
fn nothing_in_the_place_of_the_log_is_followed_waited_for_or_overwritten() {
    let home = reader();
    let run = ["run", "play", "--mount", "repo=repo", "--data-dir", "data"];
    home.weft(&run).exits(0);
    let log = std::fs::read(home.path("data/weft.redb")).unwrap();
    std::fs::write(home.path("victim"), "as it was").unwrap();
    let verify = ["chain", "verify", "--data-dir", "data"];
    let doctor = ["doctor", "--data-dir", "data"];
    std::fs::remove_file(home.path("data/lock")).unwrap();
    std::os::unix::fs::symlink("../victim", home.path("data/lock")).unwrap();
    home.weft(&verify).exits(2).tells(&["`lock` in it is a symbolic link"]);
    home.weft(&doctor).exits(0).says(&["`lock` in it is a symbolic link"]);
    home.weft(&run).exits(2).tells(&["`lock` in it is a symbolic link"]);
    assert_eq!(std::fs::read(home.path("victim")).unwrap(), b"as it was");
    std::fs::remove_file(home.path("data/lock")).unwrap();
    home.weft(&verify).exits(0);
    assert!(!home.path("data/lock").exists(), "whoever reads makes nothing");
    for (make, target) in [("mkfifo", &["data/weft.redb"][..]), ("ln", &["-s", "../log", "data/weft.redb"])] {
        std::fs::write(home.path("log"), &log).unwrap();
        std::fs::remove_file(home.path("data/weft.redb")).unwrap();
        let made = std::process::Command::new(make).args(target).current_dir(home.path("")).status();
        assert!(made.expect("this test needs coreutils").success());
        home.weft(&verify).exits(4).tells(&["it is not a file"]);
        home.weft(&doctor).exits(0).says(&["it is not a file"]);
        home.weft(&run).exits(4).tells(&["and not a file"]);
    }
}

#[test]
fn commands_about_a_log_say_what_is_none() {
    let home = reader();
    for dir in ["nowhere", "repo", "repo/a.txt"] {
        for command in ["show", "verify", "checkpoint"] {
            let done = home.weft(&["chain", command, "--data-dir", dir]).exits(2);
            done.tells(&[dir, "is not the data directory of a kernel", "help: name one that holds a `weft.redb`"]);
        }
    }
    home.weft(&["chain", "verify"]).exits(2).tells(&["no application has run here yet"]);
    home.weft(&["chain", "verify", "--key", "junk"]).exits(2).tells(&["a key is written NAME+ID+BASE64"]);
    home.weft(&["run", "play", "--mount", "repo=repo"]).exits(0);
    home.weft(&["chain", "verify", "--against", "nowhere"]).exits(2).tells(&["the checkpoint nowhere cannot be read"]);
    home.weft(&["chain", "verify", "--against", "repo"]).exits(2).tells(&["the checkpoint repo cannot be read"]);
    home.weft(&["chain", "verify", "--against", "/dev/zero"]).exits(2).tells(&["/dev/zero is not a checkpoint"]);
    home.weft(&["doctor", "--data-dir", "nowhere"]).exits(0).says(&["nowhere: not there yet"]);
    home.weft(&["doctor", "--data-dir", "repo/a.txt"]).exits(0).says(&["repo/a.txt: is not a directory"]);
}

fn close(home: &Home, folder: &str) {
    mode(home, folder, 0o000);
}

fn open(home: &Home, folder: &str) {
    mode(home, folder, 0o700);
}

fn mode(home: &Home, folder: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(home.path(folder), std::fs::Permissions::from_mode(mode)).unwrap();
}
