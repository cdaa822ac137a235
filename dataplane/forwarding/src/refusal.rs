//! Why the updater does not do what an update says.

/// Why an update was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// It re-uses a slot that a worker may still be reading. Apply the same update again, before any later one,
    /// after the workers have polled (microseconds).
    #[error("a worker may still read what this update re-uses")]
    Busy,
    /// It is wrong and was counted; go on with the next one.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
}

/// What is wrong with a refused update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Peer, link, port or tunnel beyond its bound.
    #[error("index beyond its bound")]
    Index,
    /// An interface of another VRF than the route's.
    #[error("interface of another VRF")]
    Vrf,
    /// An NBMA or MAC address that no peer can have.
    #[error("address that no neighbour can have")]
    Address,
    /// Prefix length over 32 or host bits set.
    #[error("not a network prefix")]
    Prefix,
    /// `Begin` with generation 0, or `End` without its `Begin`.
    #[error("generation out of order")]
    Generation,
    /// The table has no room.
    #[error("table full")]
    Full,
    /// Deletes what is not there.
    #[error("not present")]
    Absent,
    /// A tunnel with protection, or one without, where the update needs the other.
    #[error("protection and the tunnel's configuration do not agree")]
    Protection,
    /// An inbound SPI that does not lead to its slot, or a reserved one (RFC 4303 2.1).
    #[error("SPI that the SA cannot have")]
    Spi,
    /// The cells in the segment are armed for another SA or for none: sequence numbers could repeat.
    #[error("the segment's cells are of another SA")]
    Tag,
    /// A replay window that is no power of two or out of bounds.
    #[error("replay window out of bounds")]
    Window,
    /// Key material that the transform does not take.
    #[error("key material of the wrong length")]
    Keys,
}
