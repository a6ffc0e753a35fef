//! The start of a fake: its worlds and its server.

use std::sync::Arc;

use super::FakeError;
use super::fake_server::Fake;
use super::options::FakeOptions;
use super::world::{DEFAULT_KEY, world};
use super::worlds::Worlds;
use crate::server::service;
use crate::server::service::{Server, reachable_url};
use crate::server::site::{SelectApp, Site};

impl FakeOptions {
    /// Starts the fake.
    ///
    /// # Errors
    ///
    /// [`Server`](FakeError::Server) if the address cannot be bound, if other machines can reach it
    /// and no key was given, or if an option is malformed; [`Fixtures`](FakeError::Fixtures) if the
    /// fixtures contradict themselves; [`Store`](FakeError::Store) if the directory contains
    /// something else or cannot be written; [`World`](FakeError::World) if a key is given twice. A
    /// store that was created before the error remains in the directory.
    pub fn start(&self) -> Result<Fake, FakeError> {
        let (listener, address) = service::listen_on(&self.address)?;
        let keys = if self.server.uses_own_key(address)? {
            vec![DEFAULT_KEY.into()]
        } else {
            self.server.keys.clone()
        };
        let (key, others) = match keys.split_first() {
            Some((key, others)) => (key.clone(), others),
            None => (String::new(), &[][..]),
        };
        let main = world(self, &key, address.port(), false)?;
        let url = reachable_url(&main.routed.app, address);
        let worlds = Worlds::new(self.clone(), url, main);
        for key in others {
            worlds.create(key)?;
        }
        let main = worlds.main();
        let state = Arc::clone(&main.state);
        let site =
            Site::of(main.routed.clone()).with_others(Arc::clone(&worlds) as Arc<dyn SelectApp>);
        let server = Server::new(listener, address, site, key);
        Ok(Fake {
            state,
            worlds,
            server: server.start()?,
        })
    }
}
