//! A control: something that does not hold, far inside. A fuzzer that does not find it finds nothing.

use promptbook::{Selector, VersionSpec};

/// Fails for a selector such as `a@>=7.3`, which no dice throw soon: the way there is through what the parser tells apart.
pub fn holds(data: &[u8]) {
    let spec = std::str::from_utf8(data)
        .ok()
        .and_then(|text| text.parse::<VersionSpec>().ok());
    let Some(Selector::Requirement(requirement)) = spec.map(|spec| spec.selector) else {
        return;
    };
    let [comparator] = &requirement.comparators[..] else {
        return;
    };
    let is_found = comparator.op == semver::Op::GreaterEq && comparator.major == 7;
    assert!(!is_found, "the control is found");
}
