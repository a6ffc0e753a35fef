//! What a process that does not end is waiting for, from `/proc`.

use std::fs;

/// Returns the state of each thread of a process, and the locks of all processes.
pub fn describe(pid: i32) -> String {
    let mut text = String::new();
    let read = |path: &str| fs::read_to_string(path).unwrap_or_else(|error| error.to_string());
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    for task in tasks.into_iter().flatten().flatten() {
        let path = task.path().display().to_string();
        for name in ["comm", "wchan", "syscall", "stack"] {
            let content = read(&format!("{path}/{name}"));
            text += &format!("{path}/{name}: {}\n", content.trim_end());
        }
    }
    text += &read("/proc/locks");
    for descriptor in fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let target = fs::read_link(descriptor.path());
        text += &format!("{} {target:?}\n", descriptor.path().display());
    }
    text
}
