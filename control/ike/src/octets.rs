//! Numbers and lists of octets one after another, for exports.

use zeroize::Zeroizing;

/// Writes. Room is made beforehand, so that no copy of a key is left behind where the octets were before they moved.
pub(crate) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    pub(crate) fn with_room(octets: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(octets)))
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// A time; none is one that never comes.
    pub(crate) fn time(&mut self, value: Option<u64>) -> &mut Self {
        self.u64(value.unwrap_or(u64::MAX))
    }

    pub(crate) fn list(&mut self, octets: &[u8]) -> &mut Self {
        self.u32(u32::try_from(octets.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(octets);
        self
    }

    pub(crate) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// Reads. What is not there is `None`.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[octet]| octet)
    }

    pub(crate) fn bool(&mut self) -> Option<bool> {
        self.u8().map(|octet| octet != 0)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(crate) fn time(&mut self) -> Option<Option<u64>> {
        self.u64().map(|time| Some(time).filter(|time| *time != u64::MAX))
    }

    pub(crate) fn list(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
