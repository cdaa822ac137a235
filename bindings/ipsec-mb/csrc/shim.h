/* What the Rust side calls: the library's macros and job structures behind functions with a fixed layout. */
#ifndef HUB_IPSEC_MB_SHIM_H
#define HUB_IPSEC_MB_SHIM_H

#include <stddef.h>
#include <stdint.h>

/* Sizes that src/layout.rs has too; shim.c checks them against the library. */
#define HUB_MB_GCM_KEY 1024
#define HUB_MB_GCM_KEY_DATA 1008
#define HUB_MB_GCM_STATE 128
#define HUB_MB_SCHEDULE 240
#define HUB_MB_HASH_STATE 64
#define HUB_MB_BURST 64

struct IMB_MGR;

/* Implementations within the library, by instruction set. */
enum { HUB_MB_SSE, HUB_MB_AVX, HUB_MB_AVX2, HUB_MB_AVX512 };
enum { HUB_MB_SHA1, HUB_MB_SHA256, HUB_MB_SHA384, HUB_MB_SHA512 };

/* One direction of AES-GCM over one packet in place: key, scratch, out, in, octets, nonce of 12 octets, additional
 * data and its octets, tag and its octets. */
typedef void (*hub_mb_gcm)(const void *, void *, uint8_t *, const uint8_t *, uint64_t, const uint8_t *,
                           const uint8_t *, uint64_t, uint8_t *, uint64_t);

struct hub_mb_gcm_functions {
    hub_mb_gcm seal128, open128, seal256, open256;
};

/* CBC over whole blocks in place; `schedule` is that of the direction. */
struct hub_mb_cipher_job {
    const void *schedule;
    const uint8_t *iv;
    uint8_t *text;
    uint64_t octets;
};

/* HMAC; `inner` and `outer` are the hash states after the padded key, `tag` has room for HUB_MB_HASH_STATE octets. */
struct hub_mb_hash_job {
    const void *inner;
    const void *outer;
    const uint8_t *data;
    uint64_t octets;
    uint8_t *tag;
};

const char *hub_mb_version(void);
/* NULL: the processor lacks the instructions, the library's self-test failed, or there is no memory. */
struct IMB_MGR *hub_mb_new(uint32_t arch);
void hub_mb_free(struct IMB_MGR *mgr);

void hub_mb_gcm_get(const struct IMB_MGR *mgr, struct hub_mb_gcm_functions *functions);
/* `key` has 16 or 32 octets, `expanded` HUB_MB_GCM_KEY on a boundary of 64. */
void hub_mb_gcm_expand(const struct IMB_MGR *mgr, const uint8_t *key, uint32_t octets, void *expanded);
/* Both schedules have HUB_MB_SCHEDULE octets on a boundary of 16. */
void hub_mb_cbc_expand(const struct IMB_MGR *mgr, const uint8_t *key, uint32_t octets, void *enc, void *dec);
/* `key` is not longer than the hash's block; both states have HUB_MB_HASH_STATE octets on a boundary of 16. */
void hub_mb_hmac_expand(const struct IMB_MGR *mgr, uint32_t hash, const uint8_t *key, uint32_t octets, void *inner,
                        void *outer);

/* At most HUB_MB_BURST jobs, each of 1 to 65520 octets; all done when it returns `n`. */
uint32_t hub_mb_cbc(struct IMB_MGR *mgr, const struct hub_mb_cipher_job *jobs, uint32_t n, uint32_t key_octets,
                    uint32_t decrypt);
uint32_t hub_mb_hmac(struct IMB_MGR *mgr, const struct hub_mb_hash_job *jobs, uint32_t n, uint32_t hash);

#endif
