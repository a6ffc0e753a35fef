//! The data model: ids, numbers, selectors, records, bodies and errors.
//!
//! Every other layer uses these types. They use none of the other layers, except that the variants
//! of [`Error`](error::Error) contain the errors of other layers. The error is therefore the top of
//! the model: only the arguments and the progress of long calls name it.

pub mod arguments;
pub(crate) mod body;
pub(crate) mod breakage;
pub(crate) mod causes;
pub(crate) mod clock;
pub(crate) mod contract_digest;
pub(crate) mod environment_list;
pub(crate) mod error;
pub(crate) mod gc_summary;
pub(crate) mod hash;
pub(crate) mod heap;
pub(crate) mod hidden;
pub(crate) mod id;
pub(crate) mod inputs;
pub(crate) mod invalid_argument;
pub(crate) mod log_position;
pub(crate) mod memory_size;
pub(crate) mod multiset_sum;
pub(crate) mod operation_text;
pub(crate) mod progress;
pub(crate) mod record;
pub(crate) mod selector;
pub(crate) mod shown;
pub(crate) mod text_location;
pub(crate) mod verified_bytes;
pub(crate) mod version_number;
pub(crate) mod version_spec;
pub(crate) mod work_counter;
