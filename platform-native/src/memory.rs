//! How much memory this machine has for this process: what is built in, or what its control groups
//! leave of that.

use std::path::Path;

/// Bytes; `None` where the operating system does not say (it is asked in the ways of Linux).
pub(crate) fn of_machine() -> Option<u64> {
    of(Path::new("/"))
}

fn of(root: &Path) -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(root.join(path)).ok();
    let built_in = kilobytes(&read("proc/meminfo")?)?;
    let groups = read("proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().flat_map(|line| {
        // "0::/a/b" of the second version, "4:memory:/a/b" of the first (cgroups(7)).
        let mut parts = line.splitn(3, ':');
        let (controllers, group) = (parts.nth(1).unwrap_or_default(), parts.next().unwrap_or_default());
        let (base, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            of if of.split(',').any(|one| one == "memory") => ("sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => return Vec::new(),
        };
        // A limit binds all groups below it; in a container the group's own path may not be there.
        let above = Path::new(group).ancestors().map(|at| at.to_string_lossy().into_owned());
        above.filter_map(|at| read(&format!("{base}/{}/{file}", at.trim_matches('/')))?.trim().parse().ok()).collect()
    });
    Some(limits.fold(built_in, u64::min))
}

/// The line `MemTotal` (proc(5)), in bytes.
fn kilobytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|n| n.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> Option<u64> {
        let tmp = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = tmp.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        of(tmp.path())
    }

    #[test]
    fn the_least_of_what_is_built_in_and_what_groups_allow() {
        let built_in = ("proc/meminfo", "MemTotal:       1000 kB\nMemFree:  3 kB\n");
        assert_eq!(machine(&[]), None);
        assert_eq!(machine(&[built_in]), Some(1_024_000));
        let second = ("proc/self/cgroup", "0::/a/b\n");
        assert_eq!(machine(&[built_in, second, ("sys/fs/cgroup/a/b/memory.max", "max\n")]), Some(1_024_000));
        assert_eq!(machine(&[built_in, second, ("sys/fs/cgroup/a/memory.max", "5000\n")]), Some(5_000));
        assert_eq!(machine(&[built_in, second, ("sys/fs/cgroup/memory.max", "7000\n")]), Some(7_000));
        let first = ("proc/self/cgroup", "5:cpu:/a\n4:memory:/a/b\n");
        let limit = |n| ("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", n);
        assert_eq!(machine(&[built_in, first, limit("9000\n")]), Some(9_000));
        assert_eq!(machine(&[built_in, first, limit("9223372036854771712\n")]), Some(1_024_000));
    }

    #[test]
    fn this_machine_says_or_does_not_know() {
        assert!(of_machine().is_none_or(|bytes| bytes > 1 << 20));
    }
}
