//! The words about threads and processes. stickd has one thread, which stands for the first thread
//! of HAProxy. Words about other threads have no effect.

use std::ops::RangeInclusive;

use crate::config::drafts::BindDraft;
use crate::config::drafts::GlobalDraft;
use crate::config::keywords::inert::ONE_THREAD;
use crate::config::text::diagnostic::{Mistake, Parsed, Placed};
use crate::config::text::line::Line;
use crate::config::text::report::Report;

/// The highest CPU number that can be asked for.
const CPU_MAX: u32 = 1023;

/// The most threads for which a HAProxy can be built.
const THREADS_MAX: u32 = 4096;

pub(super) fn read_pin(draft: &mut GlobalDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    draft.global.pin = u16::try_from(line.number(0, 0..=CPU_MAX)?).ok();
    Ok(())
}

pub(super) fn read_nbthread(_: &mut GlobalDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    if line.number(0, 1..=THREADS_MAX)? > 1 {
        report.inert(line.place, line.keyword, ONE_THREAD);
    }
    Ok(())
}

/// Reads the number of processes. HAProxy refuses every number since version 2.5.
pub(super) fn read_nbproc(_: &mut GlobalDraft, line: &Line<'_>, _: &mut Report) -> Parsed {
    match line.number(0, 1..=u32::MAX)? {
        1 => Ok(()),
        count => {
            let message = format!("'nbproc {count}' is refused, as by HAProxy: {ONE_THREAD}");
            Err(Mistake::new(line.argument(0)?.place, message))
        }
    }
}

/// Reads `[auto:]<process>[/<thread>] <cpu>...`. Our thread counts as the first thread of the first
/// process.
pub(super) fn read_cpu_map(
    draft: &mut GlobalDraft,
    line: &Line<'_>,
    report: &mut Report,
) -> Parsed {
    let set = line.argument(0)?;
    let (is_auto, bare) = match set.value.strip_prefix("auto:") {
        Some(bare) => (true, bare),
        None => (false, set.value),
    };
    let (process, thread) = bare.split_once('/').unwrap_or((bare, "all"));
    let wrong = || Mistake::new(set.place, format!("'{}' names no threads", set.value));
    let process = numbers(process).ok_or_else(wrong)?;
    let thread = numbers(thread).ok_or_else(wrong)?;
    let mut cpus = Vec::new();
    for word in line.from(1).iter().map(|word| line.placed(word)) {
        for part in word.value.split(',') {
            cpus.push(cpu_range(part, &word)?);
        }
    }
    let first = cpus.iter().map(|range| *range.start()).min();
    let is_one = cpus.len() == 1 && cpus.iter().all(|range| range.start() == range.end());
    let is_ours = process.contains_one && thread.contains_one;
    // With "auto:" every thread has a CPU of its own, and the first thread has the lowest.
    if is_ours && (is_one || is_auto) {
        draft.global.pin = first.and_then(|cpu| u16::try_from(cpu).ok());
    }
    if !is_ours || !is_one {
        report.inert(line.place, line.keyword, ONE_THREAD);
    }
    Ok(())
}

fn cpu_range(text: &str, word: &Placed<&str>) -> Parsed<RangeInclusive<u32>> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.parse::<u32>().ok().filter(|cpu| *cpu <= CPU_MAX);
    match (number(low), number(high)) {
        (Some(low), Some(high)) => Ok(low.min(high)..=low.max(high)),
        _ => {
            let message = format!("'{text}' is not a CPU or a range of CPUs (0 to {CPU_MAX})");
            Err(Mistake::new(word.place, message))
        }
    }
}

/// A set of threads or processes.
struct Numbers {
    contains_one: bool,
}

/// Reads `all`, `odd`, `even`, a number or a range.
fn numbers(text: &str) -> Option<Numbers> {
    let contains_one = match text {
        "all" | "odd" => true,
        "even" => false,
        _ => {
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            let number = |text: &str| {
                text.parse::<u32>().ok().filter(|number| (1..=THREADS_MAX).contains(number))
            };
            // "2-" means all from 2 on.
            let high = if high.is_empty() { THREADS_MAX } else { number(high)? };
            number(low)?.min(high) == 1
        }
    };
    Some(Numbers { contains_one })
}

/// Reads which threads serve a listener.
pub(super) fn read_threads(_: &mut BindDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    let set = line.argument(0)?;
    let (group, bare) = set.value.split_once('/').unwrap_or(("1", set.value));
    if numbers(group).is_none() || numbers(bare).is_none() {
        let message = format!("'{} {}' names no threads", line.keyword, set.value);
        return Err(Mistake::new(set.place, message));
    }
    if !matches!(bare, "1" | "all" | "odd" | "1-1") {
        report.inert(line.place, line.keyword, ONE_THREAD);
    }
    Ok(())
}

/// Reads how many sockets a listener has.
pub(super) fn read_shards(_: &mut BindDraft, line: &Line<'_>, report: &mut Report) -> Parsed {
    match line.argument(0)?.value {
        "by-thread" | "by-group" => {}
        _ if line.number(0, 1..=THREADS_MAX)? == 1 => {}
        _ => report.inert(line.place, line.keyword, ONE_THREAD),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::config::{Request, load_text_with};

    #[test]
    fn only_the_first_thread_is_pinned_and_only_to_one_cpu() {
        for (map, pin) in [
            ("1 3", Some(3)),
            ("1/1 3", Some(3)),
            ("all 3", Some(3)),
            ("odd 3", Some(3)),
            ("even 3", None),
            ("1/1-4 3", Some(3)),
            ("1/2 3", None),
            ("2-64/1 3", None),
            ("1/1 3-4", None),
            ("1/1 3 4", None),
            ("1/1 3,4", None),
            ("auto:1/1-4 6-3", Some(3)),
            ("auto:1/2-4 3-5", None),
        ] {
            let text = format!("global\n cpu-map {map}\n");
            let loaded = load_text_with("a", &text, &Request::default(), |_| Vec::new()).unwrap();
            assert_eq!(loaded.config.global.pin, pin, "{map}");
        }
        for map in ["x 0", "0 0", "1/1/1 0", "1/0 0", "1 x", "1 0-", "1 1024", "1/1 all", "1"] {
            let text = format!("global\n cpu-map {map}\n");
            assert!(load_text_with("a", &text, &Request::default(), |_| Vec::new()).is_err());
        }
    }
}
