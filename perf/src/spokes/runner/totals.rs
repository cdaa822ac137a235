//! What is told of all spokes together.

use super::super::bfd;
use super::super::client::Requests;
use super::super::report::Totals;
use super::super::traffic::Traffic;
use super::super::underlay::Underlay;
use super::Runner;

impl Runner {
    pub(super) fn registered(&self) -> u32 {
        let now = self.now();
        self.clients.iter().filter(|client| client.registered(now)).count() as u32
    }

    fn sum(&self, of: impl Fn(&Requests) -> u64) -> u64 {
        self.clients.iter().map(|client| of(&client.requests)).sum()
    }

    pub(super) fn totals(&mut self) -> Totals {
        let now = self.now();
        let mut shortcuts = 0;
        for client in &mut self.clients {
            client.shortcuts.expire(now);
            shortcuts += client.shortcuts.len() as u64;
        }
        Totals {
            seconds: self.start.elapsed().as_secs_f64(),
            registered: self.registered(),
            requests: self.sum(|requests| requests.sent),
            retries: self.sum(|requests| requests.again),
            answers: self.sum(|requests| requests.answers),
            shortcuts,
            receive_drops: Underlay::drops().saturating_sub(self.drops_before),
            bfd: self.bfd.as_ref().map(bfd::Sessions::counts).unwrap_or_default(),
            traffic: self.traffic.as_ref().map(Traffic::counts).unwrap_or_default(),
            protection: self.protection(),
            ..self.totals.clone()
        }
    }
}
