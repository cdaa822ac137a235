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

mod algorithm;
mod notify;

pub use algorithm::{EncryptionId, EsnId, HashId, IntegrityId, KeyExchangeId, PrfId, TransformType};
pub use notify::NotifyType;

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
    /// Type of a traffic selector (RFC 7296 3.13.1).
    SelectorType: u8 {
        /// Range of IPv4 addresses.
        Ipv4 = 7 "IPv4 range",
        /// Range of IPv6 addresses.
        Ipv6 = 8 "IPv6 range",
    }
}
