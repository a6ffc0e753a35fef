//! Bodies that look like prompts: OpenAI-style chat requests whose sizes are log-normal around 2
//! KB, and versions of them that are one to three small edits apart.
//!
//! The vocabulary has few frequent and many rare words, so the texts compress about as well as
//! prose. The same seed gives the same bodies on every machine. Variables never change, so no
//! version breaks a caller of the one before.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)] // Sizes and shares.

use fastrand::Rng;
use serde_json::{Value, json};

/// The median size of a body, and the standard deviation of its logarithm: two in three are of 1.2
/// to 3.3 KB.
const MEDIAN_SIZE: f64 = 2_000.0;
const DEVIATION: f64 = 0.5;
/// The bytes of a body that are not prose, and the additional ones of each example.
const FRAME: usize = 170;
const EXAMPLE_FRAME: usize = 70;
const SIZES: (f64, f64) = (300.0, 30_000.0);

const VOCABULARY: &str = "the to and you a of answer in is your for customer if with not or question be that this on \
    are it always do only use please as when keep give never from their they by at than before any each short our \
    order ask text reply brief polite sure what language must can should write about agent first more one list user \
    policy after have tone may account product check help name refund other into has who clear explain support \
    number friendly then time does details problem words request so offer sentence team service mention out no its \
    was message step between without while below above next price also plain example sorry find send person point \
    under context summary format topic over unless until apply hotel guest booking date travel flight ticket seat \
    room night address email phone payment invoice card charge currency discount code shipping parcel delivery \
    courier return exchange damaged missing late delay weather holiday morning evening weekend schedule appointment \
    doctor clinic patient medicine dose advice warning emergency legal contract clause lawyer review document page \
    section title heading paragraph bullet table column row field value unit metric report figure chart trend \
    estimate budget forecast risk chance reason cause effect result outcome decision choice option alternative \
    compare contrast prefer avoid remove include exclude repeat rephrase translate summarize classify extract \
    rewrite correct improve shorten expand simplify verify confirm deny accept reject cancel change update create \
    delete search browse select submit upload download install configure restart upgrade subscribe renew expire \
    limit quota region country city street station garden kitchen recipe ingredient sugar butter flour oven minute \
    hour season summer winter spring autumn river mountain forest ocean island bridge engine wheel battery cable \
    screen keyboard printer speaker camera sensor signal network server database backup password token session \
    browser window folder archive license version release feature defect ticketing queue worker priority severity \
    escalate manager colleague employee interview salary vacation training lesson teacher student school exam grade \
    essay argument evidence source citation quote author reader audience story chapter character dialogue scene \
    carefully honestly briefly politely warmly exactly roughly quickly slowly twice together instead otherwise";

/// The versions of one prompt, from its first, without end.
pub struct Versions {
    rng: Rng,
    body: Value,
}

impl Versions {
    /// Returns the versions of this seed.
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let body = first(&mut rng);
        Self { rng, body }
    }
}

impl Iterator for Versions {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let before = self.body.clone();
        for _ in 0..self.rng.usize(1..=3) {
            edit(&mut self.rng, &mut self.body);
        }
        // An edit may reverse another one.
        while self.body == before {
            edit(&mut self.rng, &mut self.body);
        }
        Some(before.to_string())
    }
}

fn first(rng: &mut Rng) -> Value {
    let size = (MEDIAN_SIZE * (DEVIATION * normal(rng)).exp()).clamp(SIZES.0, SIZES.1) as usize;
    let examples = rng.usize(..=size / 1_000);
    let size = size - FRAME - examples * EXAMPLE_FRAME;
    // The instructions take half of it; the examples and the question share the rest.
    let share = size / 2 / (2 * examples + 1);
    let mut messages = vec![json!({"role": "system", "content": prose(rng, size / 2)})];
    for _ in 0..examples {
        messages.push(json!({"role": "user", "content": prose(rng, share)}));
        messages.push(json!({"role": "assistant", "content": prose(rng, share)}));
    }
    let question = prose(rng, share) + "\n\n{{hc:question:string}}";
    messages.push(json!({"role": "user", "content": question}));
    json!({
        "model": "gpt-4o",
        "temperature": f64::from(rng.u32(..10)) / 10.0,
        "max_tokens": 256 * rng.u32(1..=8),
        "messages": messages,
    })
}

/// Makes one small edit: of a word, of a sentence, or of the temperature.
fn edit(rng: &mut Rng, body: &mut Value) {
    let kind = rng.u32(..10);
    if kind == 9 {
        let now = body["temperature"].as_f64().unwrap_or_default() * 10.0;
        let other = (now.round() as u32 + rng.u32(1..10)) % 10;
        body["temperature"] = json!(f64::from(other) / 10.0);
        return;
    }
    let messages = body["messages"].as_array().map_or(0, Vec::len);
    let content = &mut body["messages"][rng.usize(..messages)]["content"];
    let text = content.as_str().unwrap_or_default();
    // A variable is after the last full stop, so it is never edited.
    let mut sentences: Vec<String> = text.split_inclusive('.').map(str::to_owned).collect();
    let at = rng.usize(..sentences.iter().filter(|s| s.ends_with('.')).count());
    match kind {
        0..5 => sentences[at] = with_another_word(rng, &sentences[at]),
        5..7 => sentences.insert(at, sentence(rng)),
        _ if sentences.len() > 3 => drop(sentences.remove(at)),
        _ => sentences.insert(at, sentence(rng)),
    }
    *content = sentences.concat().into();
}

fn with_another_word(rng: &mut Rng, sentence: &str) -> String {
    let mut words: Vec<&str> = sentence.split(' ').collect();
    // Neither the first word, which has a capital, nor the last, which has the full stop.
    let at = rng.usize(1..words.len() - 1);
    words[at] = word(rng);
    words.join(" ")
}

const HALF_A_SENTENCE: usize = 30;

/// Returns sentences of about this total size in bytes.
fn prose(rng: &mut Rng, size: usize) -> String {
    let mut text = sentence(rng);
    while text.len() + HALF_A_SENTENCE < size {
        text += if rng.u32(..5) == 0 { "\n" } else { " " };
        text += &sentence(rng);
    }
    text
}

fn sentence(rng: &mut Rng) -> String {
    let words: Vec<&str> = (0..rng.usize(5..16)).map(|_| word(rng)).collect();
    let mut text = words.join(" ") + ".";
    text[..1].make_ascii_uppercase();
    text
}

/// Returns a word: the first of the vocabulary is one in twenty, the last one in a thousand.
fn word(rng: &mut Rng) -> &'static str {
    static WORDS: std::sync::OnceLock<Vec<&str>> = std::sync::OnceLock::new();
    let words = WORDS.get_or_init(|| VOCABULARY.split_whitespace().collect());
    words[(rng.f64().powi(2) * words.len() as f64) as usize]
}

/// Returns a number of the standard normal distribution (Box and Muller's).
fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

#[cfg(test)]
mod tests {
    #[test]
    fn bodies_are_of_about_2_kb_and_the_same_each_time() {
        let first = |seed| {
            super::Versions::new(seed)
                .next()
                .map_or(0, |body| body.len())
        };
        let mut sizes: Vec<usize> = (0..1_000).map(first).collect();
        sizes.sort_unstable();
        assert!((1_900..2_100).contains(&sizes[500]), "{}", sizes[500]);
        assert!((1_100..1_350).contains(&sizes[159]), "{}", sizes[159]);
        assert!((3_000..3_600).contains(&sizes[841]), "{}", sizes[841]);
        assert!(
            super::Versions::new(7)
                .take(50)
                .eq(super::Versions::new(7).take(50))
        );
    }

    #[test]
    fn versions_are_json_that_differs_a_little_and_keeps_its_variables() {
        let versions: Vec<String> = super::Versions::new(3).take(500).collect();
        for (before, after) in versions.iter().zip(&versions[1..]) {
            assert_ne!(before, after);
            assert!(before.len().abs_diff(after.len()) < 500);
            assert!(serde_json::from_str::<serde_json::Value>(after).is_ok());
            assert_eq!(after.matches("{{hc:question:string}}").count(), 1);
        }
        let (first, last) = (versions[0].len(), versions[499].len());
        assert!(last < 3 * first && first < 3 * last, "{first}, {last}");
    }
}
