//! Lists of any length as answers, read page by page as the client takes them.
//!
//! A list that fits one page is of one moment and is written whole. Of a longer one, each page is read when the one before
//! is on its way, so that the server holds no more than a page of it, and no snapshot of the store while a client is slow.
//! Pages go by the last element of the one before: what is added meanwhile is newer and in none of them, and what is there
//! from the first page to the last is in exactly one.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream;
use serde::Serialize;
use tracing::error;

use super::api_error::Refusal;
use super::app::App;
use super::budget::Share;
use super::response::Answer;
use crate::Store;

/// A list that is read page by page.
pub(super) trait Pages: Send + 'static {
    /// Writes the next elements, and says whether there may be more of them: then they are as many as this, else at most so
    /// many.
    fn next(
        &mut self,
        app: &App,
        store: &Store,
        most: usize,
        to: &mut Elements,
    ) -> Result<bool, Refusal>;

    /// The memory that it takes itself from one page to the next, in bytes.
    fn bytes(&self) -> usize;
}

/// Elements of a JSON array, each with a comma before it.
#[derive(Debug, Default)]
pub(super) struct Elements(Vec<u8>);

impl Elements {
    pub(super) fn push(&mut self, element: &impl Serialize) -> Result<(), Refusal> {
        self.0.push(b',');
        serde_json::to_writer(&mut self.0, element)
            .map_err(|error| Refusal::Internal(error.to_string().into()))
    }
}

/// Elements of the first page: most lists are no longer.
const FIRST: usize = 64;

/// Bytes that a further page is about as large as.
const PAGE_BYTES: usize = 256 * 1024;

/// Elements of a further page, however small they are.
const MOST: usize = 512;

/// The memory of a list under way: the page that is read, and what waits to be sent.
const BYTES_OF_LIST: usize = 3 * PAGE_BYTES;

const START: &[u8] = br#"{"data":["#;
const END: &[u8] = br#"],"error":null}"#;

/// A list whose first page is written.
struct Begun<P> {
    pages: P,
    elements: Elements,
    /// Elements of the next page at most; 0 after the last one.
    next: usize,
}

impl<P: Pages> Begun<P> {
    /// Reads the next page.
    fn turn(mut self, app: &App, store: &Store) -> Result<Self, Refusal> {
        let most = self.next;
        self.elements.0.clear();
        self.next = match self.pages.next(app, store, most, &mut self.elements)? {
            false => 0,
            // As many as are about a page, if they are as large as these.
            true => (PAGE_BYTES * most / self.elements.0.len().max(1)).clamp(1, MOST),
        };
        Ok(self)
    }

    /// The memory that it takes with this page and what is sent of the one before.
    fn bytes(&self) -> usize {
        BYTES_OF_LIST.max(2 * self.elements.0.len()) + self.pages.bytes()
    }
}

/// A list under way.
struct Rest<P> {
    app: Arc<App>,
    begun: Begun<P>,
    share: Share,
}

/// Answers with a list in the envelope.
pub(super) async fn answer<P: Pages>(app: Arc<App>, pages: P) -> Result<Answer, Refusal> {
    let begun = Begun {
        pages,
        elements: Elements::default(),
        next: FIRST,
    };
    let shared = Arc::clone(&app);
    let begun = app.read(move |store| begun.turn(&shared, store)).await??;
    let mut json = START.to_vec();
    json.extend_from_slice(begun.elements.0.strip_prefix(b",").unwrap_or_default());
    if begun.next == 0 {
        json.extend_from_slice(END);
        return Ok(Answer::text(app.budget.counted(json.into())?));
    }
    let share = app.budget.pass(begun.bytes())?;
    let rest = Rest { app, begun, share };
    let states = (Some(Bytes::from(json)), Some(rest));
    let pieces = stream::unfold(states, |(first, rest)| async {
        if let Some(first) = first {
            return Some((Ok(first), (None, rest)));
        }
        match rest?.read_on().await {
            Ok((piece, rest)) => Some((Ok(piece), (None, rest))),
            Err(refusal) => Some((Err(refusal), (None, None))),
        }
    });
    Ok(Answer::pieces(Body::from_stream(pieces)))
}

impl<P: Pages> Rest<P> {
    /// The next piece of the answer, and what follows it. After a failure the answer breaks off, and the client sees that
    /// it is not whole.
    async fn read_on(self) -> Result<(Bytes, Option<Self>), BrokenOff> {
        let Self {
            app,
            begun,
            mut share,
        } = self;
        let shared = Arc::clone(&app);
        let turned = app.read(move |store| begun.turn(&shared, store)).await;
        let turned = turned.and_then(|turned| turned).and_then(|begun| {
            share.grow_to(begun.bytes())?;
            Ok(begun)
        });
        let mut begun = turned.map_err(|refusal| {
            error!(?refusal, "a list is broken off");
            BrokenOff
        })?;
        let mut json = std::mem::take(&mut begun.elements.0);
        if begun.next == 0 {
            json.extend_from_slice(END);
            return Ok((share.with(json), None));
        }
        Ok((json.into(), Some(Self { app, begun, share })))
    }
}

/// The list could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("the list could not be read to its end")]
struct BrokenOff;

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::response::IntoResponse;

    use super::*;
    use crate::server::Limits;
    use crate::server::api_error::Status;
    use crate::server::hosts::Hosts;
    use crate::server::keys::Keys;
    use crate::server::signature::Signer;

    /// Numbers up to a last one, after which it fails or ends.
    struct Numbers {
        next: usize,
        last: usize,
        fails: bool,
    }

    impl Pages for Numbers {
        fn next(
            &mut self,
            _: &App,
            _: &Store,
            most: usize,
            to: &mut Elements,
        ) -> Result<bool, Refusal> {
            for _ in 0..most {
                if self.next > self.last {
                    return match self.fails {
                        true => Err(Refusal::Internal("it fails".into())),
                        false => Ok(false),
                    };
                }
                to.push(&self.next)?;
                self.next += 1;
            }
            Ok(true)
        }

        fn bytes(&self) -> usize {
            0
        }
    }

    async fn listed(last: usize, fails: bool) -> Result<String, ()> {
        let app = App::new(
            Store::in_memory().unwrap(),
            Status::Plain,
            Limits::default(),
            Keys::new(&[]),
            Hosts::new([]),
            Signer::new(""),
        );
        let next = 1;
        let answer = answer(Arc::new(app), Numbers { next, last, fails });
        let body = answer.await.map_err(drop)?.into_response().into_body();
        let bytes = to_bytes(body, usize::MAX).await.map_err(drop)?;
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn pages_are_one_list() {
        for last in [0, 1, FIRST - 1, FIRST, FIRST + 1, 100_000] {
            let numbers: Vec<usize> = (1..=last).collect();
            let expected = serde_json::json!({"data": numbers, "error": null});
            assert_eq!(listed(last, false).await.unwrap(), expected.to_string());
        }
    }

    #[tokio::test]
    async fn a_list_that_can_not_be_read_on_is_broken_off() {
        for last in [0, 1, FIRST, 1000] {
            assert!(listed(last, true).await.is_err(), "{last}");
        }
    }
}
