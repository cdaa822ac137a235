/* See shim.h. Compiles against releases 1.3 and 2.x of the library. */
#define _DEFAULT_SOURCE
#include "shim.h"

#include <intel-ipsec-mb.h>
#include <string.h>

_Static_assert(sizeof(struct gcm_key_data) <= HUB_MB_GCM_KEY, "room for expanded GCM keys");
_Static_assert(offsetof(struct gcm_key_data, ghash_keys) + sizeof(((struct gcm_key_data *)0)->ghash_keys) <=
                   HUB_MB_GCM_KEY_DATA,
               "octets of expanded GCM keys in use");
_Static_assert(sizeof(struct gcm_context_data) <= HUB_MB_GCM_STATE, "room for GCM's scratch");
_Static_assert(HUB_MB_SCHEDULE == 15 * 16, "AES-256 has 15 round keys");
_Static_assert(HUB_MB_BURST <= IMB_MAX_BURST_SIZE, "the library takes our bursts");
_Static_assert(HUB_MB_HASH_STATE >= IMB_SHA512_DIGEST_SIZE_IN_BYTES, "room for the longest hash state");

const char *hub_mb_version(void) { return imb_get_version_str(); }

static int init(IMB_MGR *mgr, uint32_t arch)
{
    switch (arch) {
    case HUB_MB_SSE:
        if ((mgr->features & IMB_CPUFLAGS_SSE) != IMB_CPUFLAGS_SSE)
            return 0;
        init_mb_mgr_sse(mgr);
        return 1;
#if IMB_VERSION_NUM < IMB_VERSION(2, 0, 0)
    case HUB_MB_AVX:
        if ((mgr->features & IMB_CPUFLAGS_AVX) != IMB_CPUFLAGS_AVX)
            return 0;
        init_mb_mgr_avx(mgr);
        return 1;
#endif
    case HUB_MB_AVX2:
        if ((mgr->features & IMB_CPUFLAGS_AVX2) != IMB_CPUFLAGS_AVX2)
            return 0;
        init_mb_mgr_avx2(mgr);
        return 1;
    case HUB_MB_AVX512:
        if ((mgr->features & IMB_CPUFLAGS_AVX512) != IMB_CPUFLAGS_AVX512)
            return 0;
        init_mb_mgr_avx512(mgr);
        return 1;
    default:
        return 0;
    }
}

struct IMB_MGR *hub_mb_new(uint32_t arch)
{
    IMB_MGR *mgr = alloc_mb_mgr(0);
    if (mgr == NULL)
        return NULL;
    int good = init(mgr, arch) && imb_get_errno(mgr) == 0;
#ifdef IMB_FEATURE_SELF_TEST
    if ((mgr->features & IMB_FEATURE_SELF_TEST) != 0 && (mgr->features & IMB_FEATURE_SELF_TEST_PASS) == 0)
        good = 0;
#endif
    if (good)
        return mgr;
    free_mb_mgr(mgr);
    return NULL;
}

void hub_mb_free(struct IMB_MGR *mgr) { free_mb_mgr(mgr); }

void hub_mb_gcm_get(const struct IMB_MGR *mgr, struct hub_mb_gcm_functions *functions)
{
    functions->seal128 = (hub_mb_gcm)mgr->gcm128_enc;
    functions->open128 = (hub_mb_gcm)mgr->gcm128_dec;
    functions->seal256 = (hub_mb_gcm)mgr->gcm256_enc;
    functions->open256 = (hub_mb_gcm)mgr->gcm256_dec;
}

void hub_mb_gcm_expand(const struct IMB_MGR *mgr, const uint8_t *key, uint32_t octets, void *expanded)
{
    if (octets == IMB_KEY_128_BYTES)
        mgr->gcm128_pre(key, expanded);
    else
        mgr->gcm256_pre(key, expanded);
}

void hub_mb_cbc_expand(const struct IMB_MGR *mgr, const uint8_t *key, uint32_t octets, void *enc, void *dec)
{
    if (octets == IMB_KEY_128_BYTES)
        mgr->keyexp_128(key, enc, dec);
    else
        mgr->keyexp_256(key, enc, dec);
}

static IMB_HASH_ALG algorithm(uint32_t hash)
{
    switch (hash) {
    case HUB_MB_SHA1:
        return IMB_AUTH_HMAC_SHA_1;
    case HUB_MB_SHA256:
        return IMB_AUTH_HMAC_SHA_256;
    case HUB_MB_SHA384:
        return IMB_AUTH_HMAC_SHA_384;
    default:
        return IMB_AUTH_HMAC_SHA_512;
    }
}

/* What the library truncates to, as ESP does. */
static uint64_t tag_octets(uint32_t hash)
{
    switch (hash) {
    case HUB_MB_SHA1:
        return 12;
    case HUB_MB_SHA256:
        return 16;
    case HUB_MB_SHA384:
        return 24;
    default:
        return 32;
    }
}

static void one_block(const struct IMB_MGR *mgr, uint32_t hash, const uint8_t *block, void *state)
{
    switch (hash) {
    case HUB_MB_SHA1:
        mgr->sha1_one_block(block, state);
        break;
    case HUB_MB_SHA256:
        mgr->sha256_one_block(block, state);
        break;
    case HUB_MB_SHA384:
        mgr->sha384_one_block(block, state);
        break;
    default:
        mgr->sha512_one_block(block, state);
        break;
    }
}

void hub_mb_hmac_expand(const struct IMB_MGR *mgr, uint32_t hash, const uint8_t *key, uint32_t octets, void *inner,
                        void *outer)
{
    uint8_t block[IMB_SHA_512_BLOCK_SIZE];
    if (octets > sizeof(block))
        return;
    for (unsigned pass = 0; pass < 2; pass++) {
        memset(block, pass == 0 ? 0x36 : 0x5c, sizeof(block));
        for (uint32_t i = 0; i < octets; i++)
            block[i] ^= key[i];
        one_block(mgr, hash, block, pass == 0 ? inner : outer);
    }
    explicit_bzero(block, sizeof(block));
}

uint32_t hub_mb_cbc(struct IMB_MGR *mgr, const struct hub_mb_cipher_job *jobs, uint32_t n, uint32_t key_octets,
                    uint32_t decrypt)
{
    IMB_JOB burst[HUB_MB_BURST];
    if (n > HUB_MB_BURST)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        IMB_JOB *job = &burst[i];
        memset(job, 0, sizeof(*job));
        job->enc_keys = jobs[i].schedule;
        job->dec_keys = jobs[i].schedule;
        job->key_len_in_bytes = key_octets;
        job->src = jobs[i].text;
        job->dst = jobs[i].text;
        job->msg_len_to_cipher_in_bytes = jobs[i].octets;
        job->iv = jobs[i].iv;
        job->iv_len_in_bytes = 16;
        job->cipher_mode = IMB_CIPHER_CBC;
        job->cipher_direction = decrypt ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT;
        job->hash_alg = IMB_AUTH_NULL;
    }
    return IMB_SUBMIT_CIPHER_BURST_NOCHECK(mgr, burst, n, IMB_CIPHER_CBC, decrypt ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT,
                                           key_octets == IMB_KEY_128_BYTES ? IMB_KEY_128_BYTES : IMB_KEY_256_BYTES);
}

uint32_t hub_mb_hmac(struct IMB_MGR *mgr, const struct hub_mb_hash_job *jobs, uint32_t n, uint32_t hash)
{
    IMB_JOB burst[HUB_MB_BURST];
    const IMB_HASH_ALG alg = algorithm(hash);
    if (n > HUB_MB_BURST)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        IMB_JOB *job = &burst[i];
        memset(job, 0, sizeof(*job));
        job->src = jobs[i].data;
        job->msg_len_to_hash_in_bytes = jobs[i].octets;
        job->auth_tag_output = jobs[i].tag;
        job->auth_tag_output_len_in_bytes = tag_octets(hash);
        job->u.HMAC._hashed_auth_key_xor_ipad = jobs[i].inner;
        job->u.HMAC._hashed_auth_key_xor_opad = jobs[i].outer;
        job->cipher_mode = IMB_CIPHER_NULL;
        job->hash_alg = alg;
    }
    return IMB_SUBMIT_HASH_BURST_NOCHECK(mgr, burst, n, alg);
}
