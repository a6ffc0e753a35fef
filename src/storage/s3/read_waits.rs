//! The number of reads that wait for a server that does not answer.
//!
//! Each of them occupies a thread of the program. If all threads waited, reads that need no object
//! would wait too.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The maximum number of reads that wait as long as a call may take.
const MAX_PATIENT_READS: usize = 16;
/// The time after which a further read gives up, if the server has answered no read meanwhile.
const IMPATIENT_WAIT: Duration = Duration::from_secs(1);

/// The reads of a bucket that wait.
#[derive(Debug, Default)]
pub(super) struct ReadWaits {
    patient: AtomicUsize,
    /// The number of reads that succeeded.
    answered: AtomicU64,
}

/// The place of a read that waits as long as a call may take.
struct PatientRead<'a>(&'a ReadWaits);

impl ReadWaits {
    /// Waits for the answer to a read.
    ///
    /// # Errors
    ///
    /// A timeout if there is no answer within the limit, or soon enough while many others wait.
    pub(super) fn wait<T, E>(
        &self,
        answer: &Receiver<Result<T, E>>,
        limit: Duration,
    ) -> Result<Result<T, E>, RecvTimeoutError> {
        let began = Instant::now();
        let received = loop {
            let left = limit.saturating_sub(began.elapsed());
            if let Some(_patient) = self.patient_read() {
                break answer.recv_timeout(left);
            }
            let answered = self.answered.load(Ordering::Relaxed);
            match answer.recv_timeout(left.min(IMPATIENT_WAIT)) {
                Err(RecvTimeoutError::Timeout)
                    if left > IMPATIENT_WAIT
                        && self.answered.load(Ordering::Relaxed) != answered => {}
                received => break received,
            }
        };
        if let Ok(Ok(_)) = received {
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        received
    }

    fn patient_read(&self) -> Option<PatientRead<'_>> {
        let more = |patient| (patient < MAX_PATIENT_READS).then_some(patient + 1);
        self.patient
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()
            .map(|_| PatientRead(self))
    }
}

impl Drop for PatientRead<'_> {
    fn drop(&mut self) {
        self.0.patient.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::thread;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// The first reads wait. Another one gives up while nothing is answered, and not otherwise.
    #[test]
    fn only_some_reads_wait_long_for_a_silent_server() {
        let waits = ReadWaits::default();
        let (senders, answers): (Vec<_>, Vec<_>) = (0..MAX_PATIENT_READS)
            .map(|_| sync_channel::<Result<(), ()>>(1))
            .unzip();
        thread::scope(|scope| {
            for answer in answers {
                let waits = &waits;
                scope.spawn(move || assert_eq!(waits.wait(&answer, LIMIT), Ok(Ok(()))));
            }
            while waits.patient.load(Ordering::Relaxed) < MAX_PATIENT_READS {
                thread::yield_now();
            }
            let (sender, answer) = sync_channel::<Result<(), ()>>(1);
            let began = Instant::now();
            assert_eq!(waits.wait(&answer, LIMIT), Err(RecvTimeoutError::Timeout));
            assert!(began.elapsed() < LIMIT / 2);
            // Answers to others show that the server works.
            let waits = &waits;
            let answers = scope.spawn(move || {
                for _ in 0..6 {
                    thread::sleep(IMPATIENT_WAIT / 3);
                    waits.answered.fetch_add(1, Ordering::Relaxed);
                }
                sender.send(Ok(())).unwrap();
            });
            assert_eq!(waits.wait(&answer, LIMIT), Ok(Ok(())));
            answers.join().unwrap();
            senders
                .iter()
                .for_each(|sender| sender.send(Ok(())).unwrap());
        });
        assert_eq!(waits.patient.load(Ordering::Relaxed), 0);
    }
}
