//! Numbers of IKEv2 and their names, as the IANA registry has them. Any value is representable: what is not known here
//! is shown as a number.

macro_rules! number {
    ($(#[$meta:meta])* $name:ident : $int:ty { $($(#[$doc:meta])* $variant:ident = $value:literal $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $int);

        #[allow(non_upper_case_globals)]
        impl $name {
            $($(#[$doc])* pub const $variant: Self = Self($value);)*

            /// Its name, as logs and `show` have it; `None`: not known here.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($text),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, concat!(stringify!($name), "({})"), self.0),
                }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    };
}

number! {
    /// Exchange type (RFC 7296 3.1).
    Exchange: u8 {
        /// First exchange: algorithms, nonces, key exchange.
        IkeSaInit = 34 "IKE_SA_INIT",
        /// Second: identities, authentication, first child.
        IkeAuth = 35 "IKE_AUTH",
        /// New or replacing child, or replacing IKE SA.
        CreateChildSa = 36 "CREATE_CHILD_SA",
        /// Deletes, notifies, liveness.
        Informational = 37 "INFORMATIONAL",
        /// Between the first two, for more or bigger key exchanges (RFC 9242).
        IkeIntermediate = 43 "IKE_INTERMEDIATE",
        /// After a CREATE_CHILD_SA, for more key exchanges (RFC 9370).
        IkeFollowupKe = 44 "IKE_FOLLOWUP_KE",
    }
}

number! {
    /// Payload type (RFC 7296 3.2). Names are those of RFC 7296 1.2.
    PayloadType: u8 {
        /// Ends a chain.
        None = 0 "none",
        /// Security association: proposals.
        Sa = 33 "SA",
        /// Key exchange.
        KeyExchange = 34 "KE",
        /// Identity of the initiator.
        IdInitiator = 35 "IDi",
        /// Identity of the responder.
        IdResponder = 36 "IDr",
        /// Certificate.
        Certificate = 37 "CERT",
        /// Certificate request.
        CertificateRequest = 38 "CERTREQ",
        /// Authentication.
        Authentication = 39 "AUTH",
        /// Nonce.
        Nonce = 40 "No",
        /// Notify.
        Notify = 41 "N",
        /// Delete.
        Delete = 42 "D",
        /// Vendor id.
        Vendor = 43 "V",
        /// Traffic selectors of the initiator.
        SelectorsInitiator = 44 "TSi",
        /// Traffic selectors of the responder.
        SelectorsResponder = 45 "TSr",
        /// Encrypted and authenticated.
        Encrypted = 46 "SK",
        /// Configuration.
        Configuration = 47 "CP",
        /// Extensible authentication.
        Eap = 48 "EAP",
        /// Encrypted fragment (RFC 7383).
        EncryptedFragment = 53 "SKF",
        /// Puzzle solution (RFC 8019).
        Puzzle = 54 "PS",
    }
}

impl PayloadType {
    /// Whether this implementation recognizes it, so that its critical bit is not looked at (RFC 7296 3.2: not either
    /// for any payload that RFC defines).
    pub fn is_known(self) -> bool {
        matches!(self.0, 33..=48 | 53)
    }
}

number! {
    /// Protocol of a proposal, notify or delete (RFC 7296 3.3.1).
    Protocol: u8 {
        /// None: in notifies that concern no SA, or the IKE SA they travel in.
        None = 0 "none",
        /// IKE.
        Ike = 1 "IKE",
        /// Authentication header.
        Ah = 2 "AH",
        /// Encapsulating security payload.
        Esp = 3 "ESP",
    }
}

number! {
    /// Transform type (RFC 7296 3.3.2, RFC 9370 2.1).
    TransformType: u8 {
        /// Encryption, maybe with integrity.
        Encryption = 1 "ENCR",
        /// Pseudo-random function.
        Prf = 2 "PRF",
        /// Integrity.
        Integrity = 3 "INTEG",
        /// Key exchange method.
        KeyExchange = 4 "KE",
        /// Extended sequence numbers.
        Esn = 5 "ESN",
        /// First additional key exchange.
        AdditionalKe1 = 6 "ADDKE1",
        /// Second.
        AdditionalKe2 = 7 "ADDKE2",
        /// Third.
        AdditionalKe3 = 8 "ADDKE3",
        /// Fourth.
        AdditionalKe4 = 9 "ADDKE4",
        /// Fifth.
        AdditionalKe5 = 10 "ADDKE5",
        /// Sixth.
        AdditionalKe6 = 11 "ADDKE6",
        /// Seventh.
        AdditionalKe7 = 12 "ADDKE7",
    }
}

number! {
    /// Transform type 1: encryption.
    EncryptionId: u16 {
        /// Triple DES in CBC.
        TripleDes = 3 "3DES",
        /// No encryption.
        Null = 11 "NULL",
        /// AES in CBC (RFC 3602).
        AesCbc = 12 "AES_CBC",
        /// AES in counter mode (RFC 5930).
        AesCtr = 13 "AES_CTR",
        /// AES-CCM with an ICV of 8 octets.
        AesCcm8 = 14 "AES_CCM_8",
        /// AES-CCM with an ICV of 12 octets.
        AesCcm12 = 15 "AES_CCM_12",
        /// AES-CCM with an ICV of 16 octets.
        AesCcm16 = 16 "AES_CCM_16",
        /// AES-GCM with an ICV of 8 octets.
        AesGcm8 = 18 "AES_GCM_8",
        /// AES-GCM with an ICV of 12 octets.
        AesGcm12 = 19 "AES_GCM_12",
        /// AES-GCM with an ICV of 16 octets (RFC 4106, RFC 5282).
        AesGcm16 = 20 "AES_GCM_16",
        /// AES-GMAC, no encryption.
        AesGmac = 21 "AES_GMAC",
        /// Camellia in CBC.
        CamelliaCbc = 23 "CAMELLIA_CBC",
        /// ChaCha20-Poly1305 (RFC 7634).
        ChaCha20Poly1305 = 28 "CHACHA20_POLY1305",
    }
}

number! {
    /// Transform type 2: pseudo-random function.
    PrfId: u16 {
        /// HMAC-MD5.
        HmacMd5 = 1 "HMAC_MD5",
        /// HMAC-SHA-1.
        HmacSha1 = 2 "HMAC_SHA1",
        /// AES-XCBC.
        AesXcbc = 4 "AES128_XCBC",
        /// HMAC-SHA-256.
        HmacSha256 = 5 "HMAC_SHA2_256",
        /// HMAC-SHA-384.
        HmacSha384 = 6 "HMAC_SHA2_384",
        /// HMAC-SHA-512.
        HmacSha512 = 7 "HMAC_SHA2_512",
        /// AES-CMAC.
        AesCmac = 8 "AES128_CMAC",
    }
}

number! {
    /// Transform type 3: integrity.
    IntegrityId: u16 {
        /// None: with combined modes.
        None = 0 "NONE",
        /// HMAC-MD5, 12 octets.
        HmacMd5_96 = 1 "HMAC_MD5_96",
        /// HMAC-SHA-1, 12 octets.
        HmacSha1_96 = 2 "HMAC_SHA1_96",
        /// AES-XCBC, 12 octets.
        AesXcbc96 = 5 "AES_XCBC_96",
        /// AES-CMAC, 12 octets.
        AesCmac96 = 8 "AES_CMAC_96",
        /// HMAC-SHA-256, 16 octets.
        HmacSha256_128 = 12 "HMAC_SHA2_256_128",
        /// HMAC-SHA-384, 24 octets.
        HmacSha384_192 = 13 "HMAC_SHA2_384_192",
        /// HMAC-SHA-512, 32 octets.
        HmacSha512_256 = 14 "HMAC_SHA2_512_256",
    }
}

number! {
    /// Transform types 4 and 6 to 12, and the number in a KE payload: key exchange method.
    KeyExchangeId: u16 {
        /// None.
        None = 0 "NONE",
        /// 768-bit MODP.
        Modp768 = 1 "MODP_768",
        /// 1024-bit MODP.
        Modp1024 = 2 "MODP_1024",
        /// 1536-bit MODP.
        Modp1536 = 5 "MODP_1536",
        /// 2048-bit MODP.
        Modp2048 = 14 "MODP_2048",
        /// 3072-bit MODP.
        Modp3072 = 15 "MODP_3072",
        /// 4096-bit MODP.
        Modp4096 = 16 "MODP_4096",
        /// 6144-bit MODP.
        Modp6144 = 17 "MODP_6144",
        /// 8192-bit MODP.
        Modp8192 = 18 "MODP_8192",
        /// NIST P-256.
        Ecp256 = 19 "ECP_256",
        /// NIST P-384.
        Ecp384 = 20 "ECP_384",
        /// NIST P-521.
        Ecp521 = 21 "ECP_521",
        /// 1024-bit MODP with 160-bit subgroup.
        Modp1024s160 = 22 "MODP_1024_S160",
        /// 2048-bit MODP with 224-bit subgroup.
        Modp2048s224 = 23 "MODP_2048_S224",
        /// 2048-bit MODP with 256-bit subgroup.
        Modp2048s256 = 24 "MODP_2048_S256",
        /// NIST P-192.
        Ecp192 = 25 "ECP_192",
        /// NIST P-224.
        Ecp224 = 26 "ECP_224",
        /// Brainpool P-224.
        Brainpool224 = 27 "ECP_224_BP",
        /// Brainpool P-256.
        Brainpool256 = 28 "ECP_256_BP",
        /// Brainpool P-384.
        Brainpool384 = 29 "ECP_384_BP",
        /// Brainpool P-512.
        Brainpool512 = 30 "ECP_512_BP",
        /// Curve25519 (RFC 8031).
        Curve25519 = 31 "CURVE_25519",
        /// Curve448 (RFC 8031).
        Curve448 = 32 "CURVE_448",
        /// ML-KEM-512.
        MlKem512 = 35 "ML_KEM_512",
        /// ML-KEM-768.
        MlKem768 = 36 "ML_KEM_768",
        /// ML-KEM-1024.
        MlKem1024 = 37 "ML_KEM_1024",
    }
}

number! {
    /// Transform type 5: extended sequence numbers.
    EsnId: u16 {
        /// 32 bits.
        No = 0 "NO_ESN",
        /// 64 bits.
        Yes = 1 "ESN",
    }
}

number! {
    /// Type of an identity (RFC 7296 3.5).
    IdType: u8 {
        /// IPv4 address.
        Ipv4 = 1 "ipv4",
        /// Domain name.
        Fqdn = 2 "fqdn",
        /// Mail address.
        Rfc822 = 3 "rfc822",
        /// IPv6 address.
        Ipv6 = 5 "ipv6",
        /// Distinguished name, DER.
        DerDn = 9 "dn",
        /// General name, DER.
        DerGn = 10 "gn",
        /// Octets that mean something to whom they concern.
        KeyId = 11 "key-id",
        /// Nobody (RFC 7619).
        Null = 13 "null",
    }
}

number! {
    /// Encoding of a certificate or request (RFC 7296 3.6).
    CertEncoding: u8 {
        /// X.509 certificate for signatures.
        X509 = 4 "X.509",
        /// Revocation list.
        Crl = 7 "CRL",
        /// SHA-1 hash and URL of a certificate.
        HashUrl = 12 "hash and URL",
        /// SHA-1 hash and URL of a bundle.
        HashUrlBundle = 13 "hash and URL of a bundle",
        /// Raw public key (RFC 7670).
        RawKey = 15 "raw public key",
    }
}

number! {
    /// Authentication method (RFC 7296 3.8).
    AuthMethod: u8 {
        /// RSA signature, PKCS#1 v1.5.
        Rsa = 1 "RSA signature",
        /// Shared key.
        SharedKey = 2 "pre-shared key",
        /// DSS signature.
        Dss = 3 "DSS signature",
        /// ECDSA with SHA-256 on P-256 (RFC 4754).
        EcdsaP256 = 9 "ECDSA-256",
        /// ECDSA with SHA-384 on P-384 (RFC 4754).
        EcdsaP384 = 10 "ECDSA-384",
        /// ECDSA with SHA-512 on P-521 (RFC 4754).
        EcdsaP521 = 11 "ECDSA-521",
        /// None at all (RFC 7619).
        Null = 13 "NULL",
        /// Digital signature with its algorithm identifier (RFC 7427).
        DigitalSignature = 14 "digital signature",
    }
}

number! {
    /// Hash algorithm in SIGNATURE_HASH_ALGORITHMS (RFC 7427 4, RFC 8420).
    HashId: u16 {
        /// SHA-1.
        Sha1 = 1 "SHA1",
        /// SHA-256.
        Sha256 = 2 "SHA2_256",
        /// SHA-384.
        Sha384 = 3 "SHA2_384",
        /// SHA-512.
        Sha512 = 4 "SHA2_512",
        /// The signature's own: EdDSA.
        Identity = 5 "IDENTITY",
    }
}

number! {
    /// Type of a traffic selector (RFC 7296 3.13.1).
    SelectorType: u8 {
        /// Range of IPv4 addresses.
        Ipv4 = 7 "IPv4 range",
        /// Range of IPv6 addresses.
        Ipv6 = 8 "IPv6 range",
    }
}

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
        /// Session resumption and more are not spoken here; several authentications (RFC 4739).
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
