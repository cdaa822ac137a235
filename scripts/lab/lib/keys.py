#!/usr/bin/env python3
"""Wireshark's decryption tables for a capture, from what the spokes wrote down about their keys.

keys.py DIRECTORY CAPTURE OUTPUT writes OUTPUT.esp_sa and OUTPUT.ikev2_decryption_table.

DIRECTORY holds *.keys: charon's log with `ike` at level 4, and then what `ip xfrm monitor SA` printed. charon does not say which
IKE SA its keys belong to, so each set is tried on an encrypted message of each SA in the capture.
"""
import ctypes
import glob
import hmac
import re
import struct
import sys

ESP_CIPHERS = {"rfc4106(gcm(aes))": "AES-GCM with 16 octet ICV [RFC4106]", "cbc(aes)": "AES-CBC [RFC3602]"}
ESP_HASHES = {
    "hmac(sha1)": "HMAC-SHA-1-96 [RFC2404]",
    "hmac(sha256)": "HMAC-SHA-256-128 [RFC4868]",
    "hmac(sha384)": "HMAC-SHA-384-192 [RFC4868]",
    "hmac(sha512)": "HMAC-SHA-512-256 [RFC4868]",
}
# Wireshark does not know the half of an extended sequence number that is not sent: it may decrypt and not check.
ESN_UNCHECKED = "ANY %d bit authentication [no checking]"
# Length of the key of an IKE SA's HMAC: digest, octets of the checksum, Wireshark's word.
IKE_HASHES = {
    20: ("sha1", 12, "HMAC_SHA1_96 [RFC2404]"),
    32: ("sha256", 16, "HMAC_SHA2_256_128 [RFC4868]"),
    48: ("sha384", 24, "HMAC_SHA2_384_192 [RFC4868]"),
    64: ("sha512", 32, "HMAC_SHA2_512_256 [RFC4868]"),
}
ENCRYPTED, FRAGMENT = 46, 53  # next payload: SK, SKF


def row(values):
    return ",".join('"%s"' % value for value in values)


def esp_rows(directory):
    """One row a security association; behind NAT its addresses differ from hop to hop, so the SPI alone tells it."""
    rows = {}
    for path in glob.glob(directory + "/*.keys"):
        with open(path, errors="replace") as file:
            text = file.read()
        for block in re.split(r"(?m)^(?=(?:Updated |Deleted )?src )", text):
            spi = re.search(r"proto esp spi (0x[0-9a-f]+)", block)
            aead = re.search(r"aead (\S+) (0x[0-9a-f]+)", block)
            cipher = re.search(r"enc (\S+) (0x[0-9a-f]+)", block)
            digest = re.search(r"auth-trunc (\S+) (0x[0-9a-f]+) (\d+)", block)
            if not spi or not (aead or (cipher and digest)):
                continue
            if aead:
                keys = (ESP_CIPHERS[aead[1]], aead[2], "NULL", "")
            else:
                esn = re.search(r"flag.* esn", block)
                check = ESN_UNCHECKED % int(digest[3]) if esn else ESP_HASHES[digest[1]]
                keys = (ESP_CIPHERS[cipher[1]], cipher[2], check, "" if esn else digest[2])
            rows[row(("IPv4", "*", "*", spi[1]) + keys)] = int(spi[1], 16)
    return rows


def ike_keys(directory):
    """Sets of Sk_*, each as {"Sk_ei": octets, ...}. Threads of charon write in turns."""
    sets = []
    for path in sorted(glob.glob(directory + "/*.keys")):
        current, name = {}, {}
        with open(path, errors="replace") as file:
            for line in file:
                head = re.match(r"\S+ (\d+)\[IKE\] (.*)", line)
                if not head:
                    continue
                thread, text = head.groups()
                title = re.match(r"(Sk_\w+) secret => ", text)
                dump = re.match(r"\s*\d+: ((?:[0-9A-F]{2} )+)", text)
                if title:
                    name[thread] = title[1]
                    if title[1] == "Sk_d":
                        current[thread] = {}
                        sets.append(current[thread])
                    current.setdefault(thread, {})[title[1]] = b""
                elif dump and name.get(thread):
                    current[thread][name[thread]] += bytes.fromhex(dump[1])
                else:
                    name[thread] = None
    return [keys for keys in sets if "Sk_ei" in keys and "Sk_er" in keys]


def packets(path):
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] != b"\xd4\xc3\xb2\xa1":
        sys.exit(path + ": not a capture of tcpdump on this machine")
    offset = 24
    while offset + 16 <= len(data):
        length = struct.unpack_from("<I", data, offset + 8)[0]
        yield data[offset + 16 : offset + 16 + length]
        offset += 16 + length


def datagrams(path):
    """(protocol, payload) of what is IPv4 and whole."""
    for frame in packets(path):
        if frame[12:14] != b"\x08\x00" or len(frame) < 34 or struct.unpack_from(">H", frame, 20)[0] & 0x3FFF:
            continue
        end = 14 + struct.unpack_from(">H", frame, 16)[0]
        yield frame[23], frame[14 + (frame[14] & 15) * 4 : end]


def contents(path):
    """SPIs of ESP, and an encrypted message of each IKE SA and direction."""
    spis, messages = set(), {}
    for protocol, payload in datagrams(path):
        if protocol == 50:
            spis.add(int.from_bytes(payload[:4], "big"))
        if protocol != 17:
            continue
        ports, message = struct.unpack_from(">HH", payload), payload[8:]
        if 4500 in ports:
            if message[:4] != bytes(4):
                spis.add(int.from_bytes(message[:4], "big"))
                continue
            message = message[4:]
        elif 500 not in ports:
            continue
        if len(message) > 52 and message[16] in (ENCRYPTED, FRAGMENT):
            messages.setdefault(message[:16], message)
    return spis, messages


def opens_gcm(crypto, key, message):
    """The tag of an AES-GCM message is right: RFC 5282, with the salt behind the key."""
    start = 36 if message[16] == FRAGMENT else 32
    aad, vector, sealed, tag = message[:start], message[start : start + 8], message[start + 8 : -16], message[-16:]
    cipher = getattr(crypto, "EVP_aes_%d_gcm" % ((len(key) - 4) * 8))
    context, length, out = crypto.EVP_CIPHER_CTX_new(), ctypes.c_int(), ctypes.create_string_buffer(len(sealed) + 16)
    crypto.EVP_DecryptInit_ex(context, cipher(), None, key[:-4], key[-4:] + vector)
    crypto.EVP_DecryptUpdate(context, None, ctypes.byref(length), aad, len(aad))
    crypto.EVP_DecryptUpdate(context, out, ctypes.byref(length), sealed, len(sealed))
    crypto.EVP_CIPHER_CTX_ctrl(context, 0x11, 16, ctypes.c_char_p(tag))  # EVP_CTRL_AEAD_SET_TAG
    right = crypto.EVP_DecryptFinal_ex(context, out, ctypes.byref(length)) == 1
    crypto.EVP_CIPHER_CTX_free(context)
    return right


def libcrypto():
    crypto = ctypes.CDLL("libcrypto.so.3")
    pointer = ctypes.c_void_p
    crypto.EVP_CIPHER_CTX_new.restype = pointer
    for bits in (128, 192, 256):
        getattr(crypto, "EVP_aes_%d_gcm" % bits).restype = pointer
    crypto.EVP_DecryptInit_ex.argtypes = [pointer, pointer, pointer, ctypes.c_char_p, ctypes.c_char_p]
    crypto.EVP_DecryptUpdate.argtypes = [pointer, pointer, pointer, ctypes.c_char_p, ctypes.c_int]
    crypto.EVP_DecryptFinal_ex.argtypes = [pointer, pointer, pointer]
    crypto.EVP_CIPHER_CTX_ctrl.argtypes = [pointer, ctypes.c_int, ctypes.c_int, pointer]
    crypto.EVP_CIPHER_CTX_free.argtypes = [pointer]
    return crypto


def fits(crypto, keys, message):
    initiator = message[19] & 8
    if not keys.get("Sk_ai"):
        return opens_gcm(crypto, keys["Sk_ei" if initiator else "Sk_er"], message)
    integrity = keys["Sk_ai" if initiator else "Sk_ar"]
    digest, octets, _ = IKE_HASHES[len(integrity)]
    return hmac.new(integrity, message[:-octets], digest).digest()[:octets] == message[-octets:]


def ike_row(keys, message):
    cipher = (len(keys["Sk_ei"]) - (0 if keys.get("Sk_ai") else 4)) * 8
    if keys.get("Sk_ai"):
        words = "AES-CBC-%d [RFC3602]" % cipher, IKE_HASHES[len(keys["Sk_ai"])][2]
    else:
        words = "AES-GCM-%d with 16 octet ICV [RFC5282]" % cipher, "NONE [RFC4306]"
    secret = [keys.get(name, b"").hex() for name in ("Sk_ei", "Sk_er", "Sk_ai", "Sk_ar")]
    return '%s,%s,%s,%s,"%s",%s,%s,"%s"' % (
        message[:8].hex(), message[8:16].hex(), secret[0], secret[1], words[0], secret[2], secret[3], words[1])


def main():
    directory, capture, output = sys.argv[1:]
    spis, messages = contents(capture)
    with open(output + ".esp_sa", "w") as file:
        file.writelines(line + "\n" for line, spi in sorted(esp_rows(directory).items()) if spi in spis)
    crypto, sets = libcrypto(), ike_keys(directory)
    with open(output + ".ikev2_decryption_table", "w") as file:
        for message in messages.values():
            keys = next((keys for keys in sets if fits(crypto, keys, message)), None)
            if keys:
                file.write(ike_row(keys, message) + "\n")


main()
