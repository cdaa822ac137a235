//! What a registration that is admitted does to the cache, and who hears of it.

use crate::ingress::Ingress;
use crate::registration::Refusal;
use crate::{Action, Binding, Change, Kind, LogKind, Server, UnbindReason};
use std::net::Ipv4Addr;
use wire::nhrp::{CieCode, ExtensionType};

/// Most octets of a vendor-private extension that are kept.
const MAX_VENDOR: usize = 128;

impl Server {
    pub(crate) fn refresh(
        &mut self,
        ingress: &Ingress<'_>,
        old: &Binding,
        binding: Binding,
        actions: &mut Vec<Action>,
    ) {
        self.store(ingress, binding);
        self.count_refresh(ingress);
        let same = (old.session, old.claimed, old.unique, old.nat_capable)
            == (binding.session, binding.claimed, binding.unique, binding.nat_capable);
        actions.push(if same {
            Action::Refresh { binding }
        } else {
            Action::Bind { binding, change: Change::Updated }
        });
    }

    pub(crate) fn moved(
        &mut self,
        ingress: &Ingress<'_>,
        old: &Binding,
        binding: Binding,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        if !old.station().is(&ingress.station) {
            self.room_at_peer(&binding)?;
        }
        let slot = self.store(ingress, binding);
        self.failures.back(binding.tunnel, binding.station(), binding.protocol);
        self.count(binding.tunnel, |counters| counters.registrations_new += 1);
        actions.push(Action::Bind { binding, change: Change::Moved { from: old.nbma } });
        let kind = LogKind::Moved { from: old.nbma };
        self.log(ingress.now_ms, binding.tunnel, binding.station(), Some(binding.protocol), kind, actions);
        let told = self.cache.take_requesters(slot);
        self.purge_requesters(ingress.now_ms, old, told, actions);
        Ok(())
    }

    pub(crate) fn bind_new(
        &mut self,
        ingress: &Ingress<'_>,
        binding: Binding,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        if self.cache.len() >= self.config.max_bindings {
            self.counters.cache_full += 1;
            return Err(Refusal::new(CieCode::InsufficientResources, "the hub's table is full"));
        }
        self.room_at_peer(&binding)?;
        self.store(ingress, binding);
        self.failures.back(binding.tunnel, binding.station(), binding.protocol);
        self.count(binding.tunnel, |counters| counters.registrations_new += 1);
        actions.push(Action::Bind { binding, change: Change::New });
        self.log(
            ingress.now_ms,
            binding.tunnel,
            binding.station(),
            Some(binding.protocol),
            LogKind::Up,
            actions,
        );
        Ok(())
    }

    fn room_at_peer(&mut self, binding: &Binding) -> Result<(), Refusal> {
        let max = self.tunnel(binding.tunnel).map_or(0, |tunnel| tunnel.max_bindings_per_peer);
        if self.cache.of(binding.tunnel, binding.station().owner()).len() >= max as usize {
            self.counters.peer_full += 1;
            let why = "the station has registered as many addresses as it may";
            return Err(Refusal::new(CieCode::InsufficientResources, why));
        }
        Ok(())
    }

    fn store(&mut self, ingress: &Ingress<'_>, binding: Binding) -> u32 {
        let slot = self.cache.put(binding);
        let vendor =
            ingress.packet.extension(ExtensionType::Vendor).map_or(&[][..], |extension| extension.value);
        if let Some(entry) = self.cache.get_mut(slot)
            && entry.vendor != vendor
        {
            entry.vendor = vendor.get(..MAX_VENDOR).unwrap_or(vendor).to_vec();
        }
        slot
    }

    /// Holding time 0: RFC 2332 5.2.0.1 has such an entry not be cached, others take it as a farewell.
    pub(crate) fn deregister(
        &mut self,
        ingress: &Ingress<'_>,
        protocol: Ipv4Addr,
        allowed: bool,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        if !allowed {
            return Err(Refusal::prohibited("holding time 0"));
        }
        if let Some(slot) = self.cache.find(ingress.tunnel, protocol)
            && self.cache.get(slot).is_some_and(|entry| entry.binding.kind == Kind::Dynamic)
        {
            self.unbind(ingress.now_ms, slot, UnbindReason::Purged, actions);
        }
        Ok(())
    }

    pub(crate) fn count_refresh(&mut self, ingress: &Ingress<'_>) {
        self.count(ingress.tunnel, |counters| counters.registrations_refreshed += 1);
    }
}
