//! Transform types and algorithms.

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
