//! Notify types.

number! {
    /// Type of a notify (RFC 7296 3.10.1). Below 16384: errors.
    NotifyType: u16 {
        /// A payload with the critical bit is not known; data: its type.
        UnsupportedCriticalPayload = 1 "UNSUPPORTED_CRITICAL_PAYLOAD",
        /// No IKE SA of that SPI.
        InvalidIkeSpi = 4 "INVALID_IKE_SPI",
        /// Version not spoken.
        InvalidMajorVersion = 5 "INVALID_MAJOR_VERSION",
        /// Malformed.
        InvalidSyntax = 7 "INVALID_SYNTAX",
        /// Message id outside of the window.
        InvalidMessageId = 9 "INVALID_MESSAGE_ID",
        /// ESP with an unknown SPI.
        InvalidSpi = 11 "INVALID_SPI",
        /// None of the proposals will do.
        NoProposalChosen = 14 "NO_PROPOSAL_CHOSEN",
        /// Another key exchange method is wanted; data: its number.
        InvalidKePayload = 17 "INVALID_KE_PAYLOAD",
        /// Authentication failed.
        AuthenticationFailed = 24 "AUTHENTICATION_FAILED",
        /// One pair of addresses to an SA only.
        SinglePairRequired = 34 "SINGLE_PAIR_REQUIRED",
        /// No more children.
        NoAdditionalSas = 35 "NO_ADDITIONAL_SAS",
        /// No address to give.
        InternalAddressFailure = 36 "INTERNAL_ADDRESS_FAILURE",
        /// Configuration payload wanted.
        FailedCpRequired = 37 "FAILED_CP_REQUIRED",
        /// None of the traffic selectors will do.
        TsUnacceptable = 38 "TS_UNACCEPTABLE",
        /// ESP packet outside of its SA's selectors.
        InvalidSelectors = 39 "INVALID_SELECTORS",
        /// Address change refused (RFC 4555).
        UnacceptableAddresses = 40 "UNACCEPTABLE_ADDRESSES",
        /// Not now.
        TemporaryFailure = 43 "TEMPORARY_FAILURE",
        /// No such child.
        ChildSaNotFound = 44 "CHILD_SA_NOT_FOUND",
        /// Group in a GSA exchange (RFC 9838).
        InvalidGroupId = 45 "INVALID_GROUP_ID",
        /// Authorization failed (RFC 9838).
        AuthorizationFailed = 46 "AUTHORIZATION_FAILED",
        /// No state of a follow-up key exchange (RFC 9370).
        StateNotFound = 47 "STATE_NOT_FOUND",
        /// The sender's only SA with this identity.
        InitialContact = 16384 "INITIAL_CONTACT",
        /// Requests in flight.
        SetWindowSize = 16385 "SET_WINDOW_SIZE",
        /// More selectors might do.
        AdditionalTsPossible = 16386 "ADDITIONAL_TS_POSSIBLE",
        /// IP compression.
        IpcompSupported = 16387 "IPCOMP_SUPPORTED",
        /// Hash of the sender's address and port.
        NatDetectionSource = 16388 "NAT_DETECTION_SOURCE_IP",
        /// Hash of the receiver's address and port.
        NatDetectionDestination = 16389 "NAT_DETECTION_DESTINATION_IP",
        /// To be returned.
        Cookie = 16390 "COOKIE",
        /// Transport mode wanted or granted.
        UseTransportMode = 16391 "USE_TRANSPORT_MODE",
        /// Certificates by URL.
        HttpCertLookup = 16392 "HTTP_CERT_LOOKUP_SUPPORTED",
        /// Which SA a new one replaces.
        RekeySa = 16393 "REKEY_SA",
        /// No padding for traffic flow confidentiality.
        EspTfcPaddingNotSupported = 16394 "ESP_TFC_PADDING_NOT_SUPPORTED",
        /// Fragments without ports through the SA.
        NonFirstFragmentsAlso = 16395 "NON_FIRST_FRAGMENTS_ALSO",
        /// MOBIKE (RFC 4555).
        MobikeSupported = 16396 "MOBIKE_SUPPORTED",
        /// MOBIKE: another address of the sender.
        AdditionalIp4Address = 16397 "ADDITIONAL_IP4_ADDRESS",
        /// MOBIKE: another address of the sender.
        AdditionalIp6Address = 16398 "ADDITIONAL_IP6_ADDRESS",
        /// MOBIKE: no other address.
        NoAdditionalAddresses = 16399 "NO_ADDITIONAL_ADDRESSES",
        /// MOBIKE: the sender's address changed.
        UpdateSaAddresses = 16400 "UPDATE_SA_ADDRESSES",
        /// MOBIKE: return routability.
        Cookie2 = 16401 "COOKIE2",
        /// MOBIKE: no NAT must be between.
        NoNatsAllowed = 16402 "NO_NATS_ALLOWED",
        /// Several authentications (RFC 4739).
        MultipleAuthSupported = 16404 "MULTIPLE_AUTH_SUPPORTED",
        /// Several authentications (RFC 4739).
        AnotherAuthFollows = 16405 "ANOTHER_AUTH_FOLLOWS",
        /// Redirection to another gateway (RFC 5685).
        RedirectSupported = 16406 "REDIRECT_SUPPORTED",
        /// Redirection (RFC 5685).
        Redirect = 16407 "REDIRECT",
        /// Redirection (RFC 5685).
        RedirectedFrom = 16408 "REDIRECTED_FROM",
        /// EAP authenticates the responder too (RFC 5998).
        EapOnlyAuthentication = 16417 "EAP_ONLY_AUTHENTICATION",
        /// An IKE SA without child is fine (RFC 6023).
        ChildlessIkev2Supported = 16418 "CHILDLESS_IKEV2_SUPPORTED",
        /// Cluster: message ids can be set anew (RFC 6311).
        MessageIdSyncSupported = 16420 "IKEV2_MESSAGE_ID_SYNC_SUPPORTED",
        /// Fragments (RFC 7383).
        FragmentationSupported = 16430 "IKEV2_FRAGMENTATION_SUPPORTED",
        /// Hash algorithms for signatures (RFC 7427).
        SignatureHashAlgorithms = 16431 "SIGNATURE_HASH_ALGORITHMS",
        /// Child SA of several CPUs or for cloning (RFC 7791).
        CloneIkeSaSupported = 16432 "CLONE_IKE_SA_SUPPORTED",
        /// Post-quantum shared keys (RFC 8784).
        UsePpk = 16435 "USE_PPK",
        /// Intermediate exchanges (RFC 9242).
        IntermediateExchangeSupported = 16438 "INTERMEDIATE_EXCHANGE_SUPPORTED",
        /// Links follow-up key exchanges (RFC 9370).
        AdditionalKeyExchange = 16441 "ADDITIONAL_KEY_EXCHANGE",
    }
}

impl NotifyType {
    /// Whether it reports an error; else a status (RFC 7296 3.10.1).
    pub fn is_error(self) -> bool {
        self.0 < 16384
    }
}
