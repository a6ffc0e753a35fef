//! The JSON files of one run -> one Markdown page and one JSON file.
use anyhow::Result;
use serde_json::{json, Value};
use std::fmt::Write;
use std::path::Path;

/// Row order; peers not named here (the project) come first.
const ORDER: &[&str] = &["floor-sqlite", "floor-fs", "floor-hybrid", "redb", "redb-multi", "git2", "gix", "git-cli", "cacache", "promptvault", "prompt-store", "json-naive", "mlflow", "mlflow-ttl0", "ell"];

pub fn write(dir: &Path, size: &str, out: &str) -> Result<()> {
    let mut all: Vec<Value> = std::fs::read_dir(dir)?
        .filter_map(|e| Some(e.ok()?.path()).filter(|p| p.extension().is_some_and(|x| x == "json")))
        .map(|p| Ok(serde_json::from_slice(&std::fs::read(p)?)?))
        .collect::<Result<_>>()?;
    all.retain(|v| v["size"] == size);
    all.sort_by_key(|v| ORDER.iter().position(|n| v["peer"] == *n).map_or(0, |i| i + 1));
    let (limits, peers): (Vec<Value>, Vec<Value>) = all.into_iter().partition(|v| v["peer"] == "limits");
    let limits = limits.into_iter().next().unwrap_or(Value::Null);
    std::fs::write(format!("{out}.json"), serde_json::to_string_pretty(&json!({"size": size, "limits": limits, "peers": peers}))?)?;

    let mut m = String::new();
    let name = Path::new(out).file_name().unwrap().to_string_lossy();
    writeln!(m, "# Peer benchmark {name}\n")?;
    writeln!(m, "Workload: {} prompts, {} versions, {:.1} MB of bodies (see benches/peers/workload.md). Machine: {}, {} cores.", limits["prompts"], limits["versions"].as_f64().unwrap_or(0.0), limits["raw_bytes"].as_f64().unwrap_or(0.0) / 1e6, limits["cpu"].as_str().unwrap_or("?"), limits["cores"])?;
    writeln!(m, "Times are microseconds, `median / p99`; `[p10]` is the best tenth, closest to what a quiet machine would show.")?;
    writeln!(m, "Load average while it ran (1 5 15 min), first to last peer: {} -> {}.\n", text(&limits["load_before"]), peers.last().map_or("?", |p| text(&p["load_after"])))?;

    writeln!(m, "## Writes\n\nO10: {} processes, same store, same 4 prompts. `none` = the store has no such mode; † = its only mode, not durable. Sync calls are counted by strace.\n", peers.iter().find_map(|p| p["ops"]["o10"]["writers"].as_u64()).unwrap_or(4))?;
    writeln!(m, "| peer | O1 commit, durable | O1 commit, relaxed | O2 move pointer | syncs per commit; move | O7 import, versions/s | O10 commits/s | O10 one commit, median / p99 / max | O10 lost / acknowledged | O10 failed tries |\n|---|---|---|---|---|---|---|---|---|---|")?;
    for p in &peers {
        let (o, durable) = (&p["ops"], !p["durable"].is_null());
        let (d, r) = if durable { (us10(&o["o1"]), us10(&o["o1_relaxed"])) } else { ("none".into(), us10(&o["o1"])) };
        let lost1 = o["o1"]["lost"].as_i64().filter(|n| *n != 0).map_or(String::new(), |n| format!(" **lost {n} of {}**", (o["o1"]["n"].as_u64().unwrap_or(0) + 5) / 8));
        let lost = o["o10"]["lost"].as_u64().unwrap_or(0);
        let bold = if lost > 0 { "**" } else { "" };
        writeln!(m, "| {} | {d} | {r}{lost1} | {}{} | {}; {} | {}{} | {} | {} / {} | {bold}{lost} / {}{bold}{} | {} |", label(p), us(&o["o2"]), if durable || o["o2"].is_null() { "" } else { " †" },
            syncs(&o["syncs"]["commit"]), syncs(&o["syncs"]["move"]), num(&o["o7"]["versions_per_s"]), if o["o7"]["syncfs_added"] == true { " (+syncfs)" } else { "" },
            num(&o["o10"]["commits_per_s"]), us(&o["o10"]), num(&o["o10"]["max_us"]), o["o10"]["acked"], o["o10"]["unreadable"].as_u64().filter(|n| *n > 0).map_or(String::new(), |n| format!("; **{n} prompts or versions unreadable after**")), o["o10"]["errors"])?;
    }
    writeln!(m, "\n## Reads\n\nO4 stale: how often the resolve after another process's acknowledged move still gave the old body. O9: open / first resolve after it, in a new process.\n")?;
    writeln!(m, "| peer | O3 warm resolve | O4 after another process's move | O4 stale | O5 new process | O6 list 50 | O9 open / first resolve |\n|---|---|---|---|---|---|---|")?;
    for p in &peers {
        let o = &p["ops"];
        let reopened = if o["o4"]["reopened"] == true { " (reopened)" } else { "" };
        let stale = o["o4"]["stale"].as_u64().map_or("-".into(), |s| if s > 0 { format!("**{s} of {}**", o["o4"]["n"]) } else { format!("0 of {}", o["o4"]["n"]) });
        let rows = o["o6"]["rows"].as_u64().filter(|r| *r != 50).map_or(String::new(), |r| format!(" ({r} rows)"));
        writeln!(m, "| {} | {} | {}{reopened} | {stale} | {} | {}{rows} | {} / {} |", label(p), us(&o["o3"]), us(&o["o4"]), us(&o["o5"]), us(&o["o6"]), num(&o["o9"]["p50_us"]), num(&o["first_resolve"]["p50_us"]))?;
        let c = &p["compacted"];
        if !c["o3"].is_null() {
            writeln!(m, "| {} after compaction | {} | | | {} | {} | {} / {} |", text(&p["peer"]), us(&c["o3"]), us(&c["o5"]), us(&c["o6"]), num(&c["o9"]["p50_us"]), num(&c["first_resolve"]["p50_us"]))?;
        }
    }
    writeln!(m, "\n## Disk (O8), at rest after the import\n\nAllocated blocks, whole store. Compaction (git gc, redb compact) runs at the end, on a store that also holds the write tests' versions.\n")?;
    writeln!(m, "| peer | versions imported | import; until at rest, seconds | bytes/version | per raw body byte | files | compaction: before -> after, seconds |\n|---|---|---|---|---|---|---|")?;
    for p in &peers {
        let (i, o, g) = (&p["ops"]["o7"], &p["ops"]["o8"], &p["compacted"]["gc"]);
        let gc = if g.is_null() { String::new() } else { format!("{:.1} -> {:.1} MB, {:.1} s", g["allocated_before"].as_f64().unwrap() / 1e6, g["allocated_after"].as_f64().unwrap() / 1e6, g["secs"].as_f64().unwrap()) };
        writeln!(m, "| {} | {}{} | {:.1}; {:.1} | {} | {:.2} | {} | {gc} |", text(&p["peer"]), p["versions"], if p["cut"] == true { " (cut)" } else { "" },
            i["secs"].as_f64().unwrap_or(0.0), i["secs_to_rest"].as_f64().unwrap_or(0.0), num(&o["per_version"]), o["per_raw_byte"].as_f64().unwrap_or(0.0), o["files"])?;
    }
    writeln!(m, "\n## The machine's limits\n\n| least work | microseconds, median / p99 [p10] |\n|---|---|")?;
    for (k, v) in limits["limits"].as_object().into_iter().flatten() {
        if !v["p50_us"].is_null() {
            writeln!(m, "| {k} | {} |", us10(v))?;
        }
    }
    let (b, y) = (&limits["limits"]["bulk"], &limits["limits"]["bytes"]);
    writeln!(m, "\nBulk: all bodies to one file, one fsync: {} versions/s ({} MB/s).", num(&b["versions_per_s"]), num(&b["mb_per_s"]))?;
    writeln!(m, "Bytes: {} raw per version (min {}, median {}, p90 {}, max {}). Per raw byte: {:.2} in whole 4 KB blocks (one file a body), {:.2} zstd -3 each, {:.3} zstd -3 with the previous version as dictionary.",
        num(&y["raw_per_version"]), y["min"], y["p50"], y["p90"], y["max"], f(&y["in_4k_blocks"]), f(&y["zstd3_each"]), f(&y["zstd3_delta_to_previous"]))?;
    writeln!(m, "\n## How each peer was used\n\n| peer | design | durable mode | relaxed mode | O10 errors | load |\n|---|---|---|---|---|---|")?;
    for p in &peers {
        let kinds: Vec<String> = p["ops"]["o10"]["error_kinds"].as_object().into_iter().flatten().map(|(k, n)| format!("{n}x {}", k.replace('|', "/").replace('\n', " "))).collect();
        writeln!(m, "| {} | {} | {} | {} | {} | {} |", text(&p["peer"]), text(&p["design"]), text(&p["durable"]), text(&p["relaxed"]), kinds.join("; "), text(&p["load_before"]))?;
    }
    std::fs::write(format!("{out}.md"), m)?;
    Ok(())
}

fn label(p: &Value) -> String {
    match p["cut"] == true {
        true => format!("{} (cut to {} versions)", text(&p["peer"]), p["versions"]),
        false => text(&p["peer"]).to_string(),
    }
}
fn text(v: &Value) -> &str {
    v.as_str().unwrap_or("none")
}
fn f(v: &Value) -> f64 {
    v.as_f64().unwrap_or(f64::NAN)
}
/// 1,234 or 12.3 or 1.23
fn num(v: &Value) -> String {
    let Some(x) = v.as_f64() else { return "-".into() };
    if x < 10.0 {
        return format!("{x:.2}");
    }
    if x < 100.0 {
        return format!("{x:.1}");
    }
    let digits = format!("{x:.0}");
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    out
}
fn us(v: &Value) -> String {
    if v.is_null() { "none".into() } else { format!("{} / {}", num(&v["p50_us"]), num(&v["p99_us"])) }
}
fn us10(v: &Value) -> String {
    if v.is_null() { "none".into() } else { format!("{} [{}]", us(v), num(&v["p10_us"])) }
}
fn syncs(v: &Value) -> String {
    let all: Vec<String> = v.as_object().into_iter().flatten().filter(|(_, n)| f(n) >= 0.05).map(|(k, n)| format!("{:.1} {k}", f(n))).collect();
    if v.is_null() { "-".into() } else if all.is_empty() { "**0**".into() } else { all.join(" + ") }
}
