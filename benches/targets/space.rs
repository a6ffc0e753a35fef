//! The space of the store on the disk, after a checkpoint and closed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::bench::Bench;
use crate::floor::Reader;
use crate::report::{Amount, Report, Row};

/// The bytes of allocated blocks, and the sizes of files.
#[derive(Clone, Copy, Default)]
struct Space {
    allocated: u64,
    apparent: u64,
}

impl Space {
    fn add(&mut self, metadata: &Metadata) {
        self.allocated += metadata.blocks() * 512;
        if metadata.is_file() {
            self.apparent += metadata.len();
        }
    }
}

pub(crate) fn run(bench: &Bench, report: &mut Report) {
    bench.open().checkpoint().unwrap();
    let (versions, bytes) = Reader::open(bench.directory()).contents();
    let (mut index, mut blobs) = (Space::default(), Space::default());
    for entry in std::fs::read_dir(bench.directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, &mut blobs)
        } else {
            index.add(&path.metadata().unwrap())
        }
    }
    let all = Space {
        allocated: index.allocated + blobs.allocated,
        apparent: index.apparent + blobs.apparent,
    };
    #[allow(clippy::cast_precision_loss)] // A disk is far below 2^52 bytes.
    let a_version = |bytes: u64| Amount::Bytes(bytes as f64 / f64::from(versions));
    let body = a_version(bytes.unsigned_abs());
    for (what, space) in [("index", index), ("blobs", blobs), ("all", all)] {
        for (how, bytes) in [("allocated", space.allocated), ("apparent", space.apparent)] {
            let target = format!("space of {what}, {how}, a version, beside its body");
            report.add(Row::new(target, a_version(bytes)).beside(body));
        }
    }
}

fn walk(directory: &Path, space: &mut Space) {
    space.add(&directory.metadata().unwrap());
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, space)
        } else {
            space.add(&path.metadata().unwrap())
        }
    }
}
