//! Tests of [`schedule`](super).

use super::*;

fn work(bodies: u64) -> PendingWork {
    PendingWork {
        bodies,
        bytes: bodies,
        ..PendingWork::default()
    }
}

fn operations(operations: u64) -> PendingWork {
    PendingWork {
        operations,
        ..PendingWork::default()
    }
}

/// Returns a schedule after one commit at `now`, without the check for old files.
fn after_commit(added: PendingWork, now: Instant) -> Schedule {
    let mut schedule = Schedule::default();
    schedule.add_commit(added, now);
    schedule.next_repack_check = None;
    schedule
}

#[test]
fn work_waits_for_a_pause_and_longer_after_a_failure() {
    let now = Instant::now();
    assert_eq!(Schedule::default().next(now), Task::Wait(None));
    let mut schedule = after_commit(work(CHECKPOINT_BATCH.bodies), now);
    assert_eq!(schedule.next(now), Task::Wait(Some(PAUSE)));
    let paused = now + PAUSE;
    assert_eq!(schedule.next(paused), Task::Checkpoint);
    schedule.finish_task(true, paused);
    assert_eq!(schedule.next(paused), Task::Wait(Some(RETRY_INTERVAL)));
    assert_eq!(schedule.next(paused + RETRY_INTERVAL), Task::Checkpoint);
    schedule.finish_task(false, paused);
    assert_eq!(schedule.next(paused), Task::Checkpoint);
}

#[test]
fn a_full_journal_is_checkpointed_beside_commits() {
    let now = Instant::now();
    let schedule = after_commit(work(FULL_JOURNAL.bodies), now);
    assert_eq!(schedule.next(now), Task::Checkpoint);
    assert!(schedule.may_go_on(now));
    let schedule = after_commit(work(CHECKPOINT_BATCH.bodies), now);
    assert!(!schedule.may_go_on(now));
    assert!(schedule.may_go_on(now + PAUSE));
}

#[test]
fn a_few_bodies_become_files_at_a_pause_and_are_checkpointed_when_idle() {
    let now = Instant::now();
    let mut added = work(1);
    added.ids = vec![BlobId::of(b"{}")];
    let mut schedule = after_commit(added, now);
    assert_eq!(schedule.next(now + PAUSE), Task::WriteFiles);
    assert_eq!(schedule.take_unwritten().len(), 1);
    let until_idle = IDLE_TIME - PAUSE;
    assert_eq!(schedule.next(now + PAUSE), Task::Wait(Some(until_idle)));
    assert_eq!(schedule.next(now + IDLE_TIME), Task::Checkpoint);
    schedule.take_journaled();
    assert_eq!(schedule.next(now + IDLE_TIME), Task::Maintain);
    schedule.begin_maintenance();
    assert_eq!(schedule.next(now + IDLE_TIME), Task::Wait(None));
}

#[test]
fn a_long_tail_is_indexed_at_a_pause_and_an_urgent_one_beside_commits() {
    let now = Instant::now();
    let mut schedule = after_commit(operations(LONG_TAIL.operations), now);
    schedule.begin_shortening();
    assert_eq!(schedule.next(now), Task::Wait(Some(PAUSE)));
    let at_pause = Task::Index { is_urgent: false };
    assert_eq!(schedule.next(now + PAUSE), at_pause);
    let urgent = LONG_TAIL.operations * URGENT_TAIL_FACTOR;
    let mut schedule = after_commit(operations(urgent), now);
    schedule.begin_shortening();
    assert_eq!(schedule.next(now), Task::Index { is_urgent: true });
}

#[test]
fn many_commits_and_many_packs_are_maintained_without_a_pause() {
    let now = Instant::now();
    let mut schedule = Schedule::default();
    for _ in 1..MAINTAIN_AFTER_COMMITS {
        schedule.add_commit(PendingWork::default(), now);
    }
    schedule.begin_shortening();
    assert_eq!(schedule.next(now), Task::Wait(Some(PAUSE)));
    schedule.add_commit(PendingWork::default(), now);
    assert_eq!(schedule.next(now), Task::Maintain);
    let batch = operations(MAINTAIN_AFTER_OPERATIONS);
    assert_eq!(after_commit(batch, now).next(now), Task::Maintain);
    let mut packed = work(0);
    packed.packs = JOIN_AFTER_PACKS;
    assert_eq!(after_commit(packed, now).next(now), Task::Maintain);
}

/// Otherwise the operations of an import would pile up if a turn of maintenance is slower than it.
#[test]
fn maintenance_that_did_a_part_goes_on_beside_commits() {
    let now = Instant::now();
    let mut schedule = after_commit(operations(1), now);
    assert_eq!(schedule.next(now), Task::Wait(Some(PAUSE)));
    schedule.maintain_again();
    schedule.add_commit(operations(1), now);
    assert_eq!(schedule.next(now), Task::Maintain);
}

#[test]
fn the_log_is_shortened_without_a_pause() {
    let now = Instant::now();
    let mut schedule = Schedule::default();
    for _ in 1..CHECK_LOG_AFTER_OPERATIONS {
        schedule.add_commit(PendingWork::default(), now);
    }
    assert_eq!(schedule.next(now), Task::Wait(Some(PAUSE)));
    schedule.add_commit(PendingWork::default(), now);
    assert_eq!(schedule.next(now), Task::ShortenLog);
    schedule.begin_shortening();
    assert_eq!(schedule.next(now), Task::Wait(Some(PAUSE)));
    let batch = PendingWork {
        operations: CHECK_LOG_AFTER_OPERATIONS,
        ..PendingWork::default()
    };
    schedule.add_commit(batch, now);
    assert_eq!(schedule.next(now), Task::ShortenLog);
}

#[test]
fn old_files_are_looked_for_after_the_first_commit_and_then_at_intervals() {
    let now = Instant::now();
    let mut schedule = Schedule::default();
    schedule.add_commit(PendingWork::default(), now);
    schedule.begin_maintenance();
    let idle = now + IDLE_TIME;
    assert_eq!(schedule.next(idle), Task::Pack);
    schedule.begin_packing(idle);
    let wait = Task::Wait(Some(REPACK_CHECK_INTERVAL));
    assert_eq!(schedule.next(idle), wait);
    assert_eq!(schedule.next(idle + REPACK_CHECK_INTERVAL), Task::Pack);
}

#[test]
fn bodies_that_stay_in_the_journal_leave_only_indexing() {
    let now = Instant::now();
    let mut schedule = Schedule {
        keeps_journal: true,
        ..Schedule::default()
    };
    schedule.add_commit(work(FULL_JOURNAL.bodies), now);
    let idle = now + IDLE_TIME;
    assert_eq!(schedule.next(idle), Task::Maintain);
    schedule.begin_maintenance();
    assert_eq!(schedule.next(idle), Task::Wait(None));
    assert!(!schedule.must_finish(), "the next handle indexes the rest");
    schedule.add_commit(operations(LONG_TAIL.operations * URGENT_TAIL_FACTOR), now);
    schedule.begin_shortening();
    assert_eq!(schedule.next(now), Task::Index { is_urgent: true });
    assert!(schedule.must_finish());
}

#[test]
fn closing_comes_before_all_other_work() {
    let now = Instant::now();
    let mut schedule = after_commit(work(FULL_JOURNAL.bodies), now);
    schedule.finish_task(true, now);
    schedule.close();
    assert_eq!(schedule.next(now), Task::Close);
    assert!(!schedule.may_go_on(now));
    assert!(schedule.must_finish());
    assert!(!Schedule::default().must_finish(), "nothing was written");
}

#[test]
fn the_thread_is_signalled_unless_it_wakes_up_soon() {
    let now = Instant::now();
    let mut schedule = Schedule::default();
    assert!(schedule.add_commit(work(1), now), "it was never started");
    schedule.waits_until(now + PAUSE);
    assert!(!schedule.add_commit(work(1), now));
    schedule.waits_until(now + IDLE_TIME);
    assert!(schedule.add_commit(work(1), now));
}
